//! Which file defines what, as wasm-ld decides it: the first definition
//! counts, a weak one gives way, members of archives are linked when something
//! needs them, and a library defines what nothing before it does.

use std::collections::{HashMap, HashSet};

use super::library::Library;
use super::object::{Kind, Object};

/// A file in the order of the command line.
#[derive(Debug)]
pub enum File {
    /// An object that is linked.
    Object(Object),
    /// An object that is linked if it defines what is needed.
    Lazy(Object),
    /// A shared library.
    Library(Box<Library>),
}

/// Who defines a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Undefined,
    Lazy(usize),
    Library(usize),
    Weak(usize),
    Defined(usize),
}

/// Data of a library that objects refer to by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The symbol.
    pub name: String,
    /// Name of the first object that does so.
    pub by: String,
    /// Number of the file that defines it; `None`: no file does.
    pub library: Option<usize>,
    /// Bytes that are surely used.
    pub used: u64,
    /// Nothing depends on there being a definition.
    pub weak: bool,
}

/// The symbol table.
#[derive(Debug)]
pub struct Symbols<'a> {
    files: &'a [File],
    states: HashMap<&'a str, State>,
    /// Whether an object is linked.
    linked: Vec<bool>,
}

impl<'a> Symbols<'a> {
    /// Resolves all files; `wanted` are symbols that are needed anyway.
    pub fn resolve(files: &'a [File], wanted: &'a [String]) -> Self {
        let mut table = Self {
            files,
            states: HashMap::new(),
            linked: vec![false; files.len()],
        };
        for (number, file) in files.iter().enumerate() {
            match file {
                File::Object(_) => table.link(number),
                File::Lazy(object) => table.offer(number, object),
                File::Library(library) => {
                    for name in &library.exports {
                        let state = table.states.entry(name).or_insert(State::Undefined);
                        if *state == State::Undefined {
                            *state = State::Library(number);
                        }
                    }
                }
            }
        }
        for name in wanted {
            table.need(name);
        }
        table
    }

    /// Objects that are linked, in order.
    pub fn objects(&self) -> impl Iterator<Item = (usize, &'a Object)> {
        let files = self.files.iter().enumerate();
        files.filter_map(|(number, file)| match file {
            File::Object(object) | File::Lazy(object) => {
                self.linked[number].then_some((number, object))
            }
            File::Library(_) => None,
        })
    }

    /// Whether a linked object defines a symbol.
    pub fn is_defined(&self, name: &str) -> bool {
        let state = self.states.get(name);
        matches!(state, Some(State::Weak(_) | State::Defined(_)))
    }

    /// Whether the definition of a symbol is this object's.
    pub fn is_definer(&self, name: &str, object: usize) -> bool {
        let state = self.states.get(name);
        matches!(state, Some(State::Weak(by) | State::Defined(by)) if *by == object)
    }

    /// The data that linked objects refer to by address and do not define,
    /// each once, in the order in which they are met.
    pub fn references(&self) -> Vec<Reference> {
        let mut found: Vec<Reference> = Vec::new();
        let mut numbers = HashMap::new();
        for (_, object) in self.objects() {
            for symbol in &object.symbols {
                let Kind::UndefinedData {
                    absolute: Some(used),
                } = symbol.kind
                else {
                    continue;
                };
                let library = match self.states.get(symbol.name.as_str()) {
                    Some(State::Library(number)) => Some(*number),
                    Some(State::Weak(_) | State::Defined(_)) => continue,
                    Some(State::Undefined | State::Lazy(_)) | None => None,
                };
                let number = *numbers.entry(&symbol.name).or_insert(found.len());
                if number == found.len() {
                    found.push(Reference {
                        name: symbol.name.clone(),
                        by: object.name.clone(),
                        library,
                        used: 0,
                        weak: true,
                    });
                }
                let reference = &mut found[number];
                reference.used = reference.used.max(used);
                reference.weak &= symbol.weak;
            }
        }
        found
    }

    /// The functions of libraries that linked objects refer to by table index,
    /// each once, in the order in which they are met: name, first object that
    /// does so, number of the library.
    pub fn pointers(&self) -> Vec<(&'a str, &'a str, usize)> {
        let mut known = HashSet::new();
        let all = self.objects().flat_map(|(_, object)| {
            let symbols = object.symbols.iter();
            symbols.map(|symbol| (object.name.as_str(), symbol))
        });
        all.filter_map(|(by, symbol)| {
            let name = symbol.name.as_str();
            match self.states.get(name) {
                Some(&State::Library(number)) if symbol.kind == Kind::FunctionAddress => {
                    known.insert(name).then_some((name, by, number))
                }
                _ => None,
            }
        })
        .collect()
    }

    /// Links an object: its definitions, then what it needs, and so on.
    fn link(&mut self, number: usize) {
        let mut queue = vec![number];
        while let Some(number) = queue.pop() {
            let (File::Object(object) | File::Lazy(object)) = &self.files[number] else {
                continue;
            };
            if std::mem::replace(&mut self.linked[number], true) {
                continue;
            }
            for symbol in object.symbols.iter().filter(|s| s.kind.is_defined()) {
                let new = match symbol.weak {
                    true => State::Weak(number),
                    false => State::Defined(number),
                };
                let state = self.states.entry(&symbol.name).or_insert(new);
                let stays = match *state {
                    State::Defined(_) => true,
                    State::Weak(_) => symbol.weak,
                    _ => false,
                };
                if !stays {
                    *state = new;
                }
            }
            let needed = object.symbols.iter().filter(|s| !s.kind.is_defined());
            for symbol in needed.filter(|s| !s.weak) {
                queue.extend(self.wants(&symbol.name));
            }
        }
    }

    /// An object that may be linked: is, if it defines what is missing.
    fn offer(&mut self, number: usize, object: &'a Object) {
        let mut needed = false;
        for symbol in object.symbols.iter().filter(|s| s.kind.is_defined()) {
            let state = self.states.entry(&symbol.name);
            match *state.or_insert(State::Lazy(number)) {
                State::Undefined => needed = true,
                _ => continue,
            }
        }
        if needed {
            self.link(number);
        }
    }

    fn need(&mut self, name: &'a str) {
        if let Some(number) = self.wants(name) {
            self.link(number);
        }
    }

    /// Notes that a symbol is needed; the object that is to be linked for it.
    fn wants(&mut self, name: &'a str) -> Option<usize> {
        match *self.states.entry(name).or_insert(State::Undefined) {
            State::Lazy(number) => Some(number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::Symbol;
    use super::*;

    fn object(name: &str, symbols: &[(&str, bool, Kind)]) -> Object {
        let symbols = symbols.iter().map(|&(name, weak, kind)| Symbol {
            name: name.to_owned(),
            weak,
            tls: false,
            hidden: false,
            kind,
        });
        Object {
            name: name.to_owned(),
            symbols: symbols.collect(),
            single_thread: false,
        }
    }

    const BY_ADDRESS: Kind = Kind::UndefinedData { absolute: Some(4) };
    const DATA: Kind = Kind::Data { size: 4, align: 2 };

    fn references(files: &[File]) -> Vec<(String, Option<usize>)> {
        let symbols = Symbols::resolve(files, &[]);
        let found = symbols.references().into_iter();
        found.map(|r| (r.name, r.library)).collect()
    }

    fn library(exports: &[&str]) -> File {
        File::Library(Box::new(Library::of("lib.so", exports)))
    }

    #[test]
    fn the_first_of_archive_and_library_defines() {
        let main = || object("main.o", &[("x", false, BY_ADDRESS)]);
        let member = || object("x.o", &[("x", false, DATA)]);
        let from_library = [File::Object(main()), library(&["x"]), File::Lazy(member())];
        assert_eq!(references(&from_library), [("x".to_owned(), Some(1))]);
        let from_archive = [File::Object(main()), File::Lazy(member()), library(&["x"])];
        assert_eq!(references(&from_archive), []);
        let archive_first = [File::Lazy(member()), library(&["x"]), File::Object(main())];
        assert_eq!(references(&archive_first), []);
    }

    #[test]
    fn pointers_are_to_functions_of_libraries() {
        let by_address = |name| (name, false, Kind::FunctionAddress);
        let main = object("main.o", &["f", "own", "none"].map(by_address));
        let own = object(
            "own.o",
            &[
                ("own", true, Kind::Defined),
                by_address("f"),
                by_address("g"),
                ("h", false, Kind::Undefined),
            ],
        );
        let files = [
            File::Object(main),
            library(&["own", "f", "g", "h"]),
            File::Object(own),
        ];
        let symbols = Symbols::resolve(&files, &[]);
        assert_eq!(symbols.pointers(), [("f", "main.o", 1), ("g", "own.o", 1)]);
    }

    #[test]
    fn members_of_archives_count_only_if_linked() {
        let main = object("main.o", &[("f", false, Kind::Undefined)]);
        let unused = object(
            "unused.o",
            &[("u", false, Kind::Defined), ("y", false, BY_ADDRESS)],
        );
        let used = object(
            "used.o",
            &[("f", false, Kind::Defined), ("x", false, BY_ADDRESS)],
        );
        let files = [
            File::Object(main),
            File::Lazy(unused),
            File::Lazy(used),
            library(&["x", "y"]),
        ];
        assert_eq!(references(&files), [("x".to_owned(), Some(3))]);
        let wanted = ["u".to_owned()];
        let symbols = Symbols::resolve(&files, &wanted);
        assert_eq!(symbols.references().len(), 2, "the option asks for it");
    }

    #[test]
    fn an_object_defines_though_a_library_came_first() {
        let main = object(
            "main.o",
            &[("x", false, BY_ADDRESS), ("y", true, BY_ADDRESS)],
        );
        let own = object("own.o", &[("x", true, DATA)]);
        let files = [library(&["x"]), File::Object(main), File::Object(own)];
        assert_eq!(references(&files), [("y".to_owned(), None)]);
    }
}
