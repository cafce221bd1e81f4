//! Which file names which: the arrows of the structure, read from the `use`
//! items and the paths in the code of every file.
//!
//! A path counts for the file of the longest module that it names; what the root
//! of a crate re-exports counts for the file that has it. Code for tests alone
//! (`#[cfg(test)]`, the folders `tests/`) is not read: a test may look at
//! everything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tokens::{Token, tokens};

/// A module: its crate's name, then the names of the modules that it is in.
type ModulePath = Vec<String>;

/// One file names something of another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    /// The first path by which it does.
    pub path: String,
}

/// The modules of all crates.
#[derive(Default)]
pub struct Sources {
    modules: BTreeMap<ModulePath, Module>,
    /// Files of exported macros, which other files find at the root of the crate, by
    /// the names of crate and macro.
    macros: BTreeMap<ModulePath, String>,
}

/// What is read of a module.
#[derive(Default)]
struct Module {
    file: String,
    /// Names that `use` items bring in, with what they stand for.
    imports: BTreeMap<String, Vec<String>>,
    /// Modules all names of which are imported.
    globs: Vec<Vec<String>>,
    /// Paths that are named: in `use` items, and in the code.
    paths: Vec<Vec<String>>,
    /// Names, literals, and arrays of bytes in hexadecimal.
    words: Vec<String>,
}

impl Sources {
    /// Reads a crate from its root file. `name` is how other crates call it.
    pub fn add(&mut self, base: &Path, name: &str, root: &str) {
        self.read_file(base, root.to_owned(), vec![name.to_owned()], true);
    }

    /// Every file that was read.
    pub fn files(&self) -> BTreeSet<&str> {
        self.modules.values().map(|m| m.file.as_str()).collect()
    }

    /// Every file with the words of its code: names, literals as they are written,
    /// and the beginnings of arrays of bytes, as `[0x0f,0x0b,`.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        (self.modules.values())
            .flat_map(|m| m.words.iter().map(|word| (m.file.as_str(), word.as_str())))
    }

    /// Every arrow between two files, once.
    pub fn arrows(&self) -> Vec<Arrow> {
        let mut found: BTreeMap<(&str, &str), String> = BTreeMap::new();
        for (place, module) in &self.modules {
            for path in &module.paths {
                let Some(target) = self.target(place, path) else {
                    continue;
                };
                if target != module.file {
                    found
                        .entry((&module.file, target))
                        .or_insert_with(|| path.join("::"));
                }
            }
        }
        let arrow = |((from, to), path): ((&str, &str), String)| Arrow {
            from: from.to_owned(),
            to: to.to_owned(),
            path,
        };
        found.into_iter().map(arrow).collect()
    }

    /// The file that a path leads to, if it is one of ours.
    fn target(&self, place: &[String], path: &[String]) -> Option<&str> {
        let path = self.absolute(place, path, 0)?;
        let mut length = path.len();
        while !self.modules.contains_key(&path[..length]) {
            length -= 1;
            if length == 0 {
                return None;
            }
        }
        // The root stands for what it re-exports.
        if length == 1 && path.len() > 1 {
            let root = &self.modules[&path[..1]];
            if let Some(import) = root.imports.get(&path[1]) {
                return self.target(&path[..1], import);
            }
            if let Some(file) = self.macros.get(&path[..2]) {
                return Some(file);
            }
        }
        Some(&self.modules[&path[..length]].file)
    }

    /// A path as it is from its crate on, or `None` for what is not ours.
    fn absolute(&self, place: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let from = |start: &[String]| Some([start, rest].concat());
        match first.as_str() {
            "crate" => return from(&place[..1]),
            "self" if rest.first().is_some_and(|next| next == "super") => {
                return self.absolute(place, rest, depth);
            }
            "self" => return from(place),
            "super" => {
                let parent = &place[..place.len().checked_sub(1).filter(|n| *n > 0)?];
                return match rest.first().is_some_and(|next| next == "super") {
                    true => self.absolute(parent, rest, depth),
                    false => from(parent),
                };
            }
            _ => {}
        }
        let module = self.modules.get(place)?;
        let child = [place, std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) {
            return from(&child);
        }
        // Imports that stand for each other end here.
        if depth < 8 {
            if let Some(import) = module.imports.get(first).filter(|i| **i != path[..1]) {
                let start = self.absolute(place, import, depth + 1)?;
                return from(&start);
            }
            for glob in &module.globs {
                let Some(outer) = self.absolute(place, glob, depth + 1) else {
                    continue;
                };
                let brought = |m: &Module| m.imports.contains_key(first);
                let named = [&outer[..], std::slice::from_ref(first)].concat();
                if self.modules.contains_key(&named)
                    || (outer != place && self.modules.get(&outer).is_some_and(brought))
                {
                    return self.absolute(&outer, path, depth + 1);
                }
            }
        }
        let ours = std::slice::from_ref(first);
        self.modules.contains_key(ours).then(|| path.to_vec())
    }

    fn read_file(&mut self, base: &Path, file: String, place: ModulePath, owns_folder: bool) {
        let text = std::fs::read_to_string(base.join(&file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let folder = match owns_folder {
            true => file.rsplit_once('/').expect("in a folder").0.to_owned(),
            false => file.strip_suffix(".rs").expect("a Rust file").to_owned(),
        };
        self.read_module(base, &tokens(&text), place, &file, &folder);
    }

    /// Reads the items of one module; `folder` is where the files of its children are.
    fn read_module(
        &mut self,
        base: &Path,
        tokens: &[Token],
        place: ModulePath,
        file: &str,
        folder: &str,
    ) {
        let mut reader = Reader::default();
        reader.read(tokens);
        reader.module.file = file.to_owned();
        for name in reader.macros {
            self.macros
                .insert(vec![place[0].clone(), name], file.to_owned());
        }
        self.modules.insert(place.clone(), reader.module);
        for (name, body) in reader.children {
            let place = [&place[..], std::slice::from_ref(&name)].concat();
            let folder = format!("{folder}/{name}");
            if let Some(body) = body {
                self.read_module(base, &body, place, file, &folder);
                continue;
            }
            let flat = format!("{folder}.rs");
            match base.join(&flat).exists() {
                true => self.read_file(base, flat, place, false),
                false => self.read_file(base, format!("{folder}/mod.rs"), place, true),
            }
        }
    }
}

/// Reads the tokens of one module.
#[derive(Default)]
struct Reader {
    module: Module,
    /// Modules in it, with their body if it is here.
    children: Vec<(String, Option<Vec<Token>>)>,
    /// Macros that are exported.
    macros: Vec<String>,
}

impl Reader {
    fn read(&mut self, tokens: &[Token]) {
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(tokens, at);
        }
    }

    /// Reads what begins at a token; returns where the next thing begins.
    fn step(&mut self, tokens: &[Token], at: usize) -> usize {
        if is_test_attribute(&tokens[at..]) {
            return after_item(tokens, at + 2);
        }
        if let Some(name) = exported_macro(&tokens[at..]) {
            self.macros.push(name.to_owned());
        }
        match &tokens[at] {
            Token::Group(bracket, inner) => {
                self.module.words.extend(bytes(*bracket, inner));
                self.read(inner);
                at + 1
            }
            Token::Literal(literal) => {
                self.module.words.push(literal.clone());
                at + 1
            }
            Token::Name(word) if word == "mod" => self.child(tokens, at),
            Token::Name(word) if word == "use" => {
                let ends = |i: &usize| tokens[*i].is(';');
                let end = (at..tokens.len()).find(ends).unwrap_or(tokens.len());
                self.use_tree(&tokens[at + 1..end], &[]);
                end
            }
            Token::Name(_) => {
                let (path, after) = path(tokens, at);
                self.module.words.extend_from_slice(&path);
                if path.len() > 1 {
                    self.module.paths.push(path);
                }
                after
            }
            Token::Sign(_) => at + 1,
        }
    }

    /// `mod name;` or `mod name { … }`.
    fn child(&mut self, tokens: &[Token], at: usize) -> usize {
        let Some(Token::Name(name)) = tokens.get(at + 1) else {
            return at + 1;
        };
        let body = match tokens.get(at + 2) {
            Some(Token::Group(_, inner)) => Some(inner.clone()),
            _ => None,
        };
        self.children.push((name.clone(), body));
        at + 3
    }

    /// The tree of a `use` item, of which `prefix` has been read.
    fn use_tree(&mut self, tokens: &[Token], prefix: &[String]) {
        let trees = tokens.split(|token| token.is(','));
        for tree in trees.filter(|tree| !tree.is_empty()) {
            let (names, after) = path(tree, 0);
            let mut path = [prefix, &names[..]].concat();
            match tree.get(after) {
                Some(Token::Group(_, inner)) => self.use_tree(inner, &path),
                Some(Token::Sign('*')) => {
                    self.module.globs.push(path.clone());
                    self.module.paths.push(path);
                }
                // What a macro is given.
                Some(Token::Sign('$')) => {}
                Some(Token::Name(word)) if word == "as" => {
                    if let Some(Token::Name(alias)) = tree.get(after + 1) {
                        self.import(alias.clone(), path);
                    }
                }
                _ => {
                    // `use a::{self}` brings in `a`.
                    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                        path.pop();
                    }
                    if let Some(name) = path.last() {
                        self.import(name.clone(), path.clone());
                    }
                }
            }
        }
    }

    fn import(&mut self, name: String, path: Vec<String>) {
        self.module.words.extend_from_slice(&path);
        self.module.paths.push(path.clone());
        self.module.imports.insert(name, path);
    }
}

/// The path that begins at a token, `a::b::c`, and where it ends: after the
/// `::` that something else than a name follows.
fn path(tokens: &[Token], mut at: usize) -> (Vec<String>, usize) {
    let is_colon = |at: usize| tokens.get(at).is_some_and(|token| token.is(':'));
    let mut names = Vec::new();
    while let Some(Token::Name(name)) = tokens.get(at) {
        names.push(name.clone());
        at += 1;
        if !is_colon(at) || !is_colon(at + 1) {
            break;
        }
        at += 2;
    }
    (names, at)
}

/// The name of the exported macro that is defined here.
fn exported_macro(tokens: &[Token]) -> Option<&str> {
    let [
        Token::Group('[', attribute),
        Token::Name(macro_rules),
        Token::Sign('!'),
        Token::Name(name),
        ..,
    ] = tokens
    else {
        return None;
    };
    let exported = attribute[..] == [Token::Name("macro_export".to_owned())];
    (exported && macro_rules == "macro_rules").then_some(name)
}

/// The beginning of an array of at least two bytes in hexadecimal.
fn bytes(bracket: char, inner: &[Token]) -> Option<String> {
    let is_byte = |text: &str| text.len() == 4 && text.starts_with("0x");
    match inner {
        [Token::Literal(a), Token::Sign(','), Token::Literal(b), ..] => {
            (bracket == '[' && is_byte(a) && is_byte(b)).then(|| format!("[{a},{b},"))
        }
        _ => None,
    }
}

/// Whether `#[cfg(test)]`, or a condition that needs it, stands here.
fn is_test_attribute(tokens: &[Token]) -> bool {
    let [Token::Sign('#'), Token::Group('[', attribute), ..] = tokens else {
        return false;
    };
    let [Token::Name(cfg), Token::Group('(', condition)] = &attribute[..] else {
        return false;
    };
    let test = Token::Name("test".to_owned());
    let needs_test = match &condition[..] {
        [Token::Name(all), Token::Group('(', parts)] => all == "all" && parts.contains(&test),
        condition => condition == [test],
    };
    cfg == "cfg" && needs_test
}

/// Where the item that begins at a token ends.
fn after_item(tokens: &[Token], mut at: usize) -> usize {
    // What ends with a semicolon may have braces before it.
    let mut to_semicolon = false;
    while at < tokens.len() {
        match &tokens[at] {
            Token::Name(word) => match word.as_str() {
                "use" | "const" | "static" | "type" | "let" => to_semicolon = true,
                "fn" => to_semicolon = false,
                _ => {}
            },
            Token::Group('{', _) if !to_semicolon => return at + 1,
            Token::Sign(';') => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

#[test]
fn paths_are_read_in_every_form() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = base.join("layering");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    std::fs::create_dir_all(folder.join("top")).unwrap();
    write("lib.rs", "mod low; mod mid; mod top; pub use low::Low;");
    write(
        "low.rs",
        "pub struct Low; pub fn low() {} #[macro_export] macro_rules! lower { () => {} }",
    );
    write("mid.rs", "pub mod inner { pub struct Inner; }");
    write(
        "top/mod.rs",
        "mod grouped; mod inline; mod root; mod macros; mod tested; mod through; pub struct Top;",
    );
    write(
        "top/grouped.rs",
        "use crate::{low::{self, Low as L,}, mid::inner,};",
    );
    write(
        "top/inline.rs",
        "fn f() { g([super::super::mid::inner::Inner]) }",
    );
    write("top/root.rs", "fn f(low: crate::Low) {}");
    write(
        "top/macros.rs",
        "use crate::lower; fn f() { vec![self::super::Top] }",
    );
    write(
        "top/tested.rs",
        "#[cfg(test)] use crate::low; #[cfg(test)] mod tests { use crate::mid; } #[cfg(test)] fn f() { crate::low::low() }",
    );
    write(
        "top/through.rs",
        "use crate::mid; fn f(i: mid::inner::Inner, low: std::io::Error) {}",
    );
    let mut sources = Sources::default();
    sources.add(base, "layering", "layering/lib.rs");
    let arrows = sources.arrows();
    let found: Vec<(&str, &str)> = arrows
        .iter()
        .map(|arrow| (arrow.from.as_str(), arrow.to.as_str()))
        .map(|(from, to)| (&from["layering/".len()..], &to["layering/".len()..]))
        .collect();
    assert_eq!(
        found,
        [
            ("lib.rs", "low.rs"),
            ("top/grouped.rs", "low.rs"),
            ("top/grouped.rs", "mid.rs"),
            ("top/inline.rs", "mid.rs"),
            ("top/macros.rs", "low.rs"),
            ("top/macros.rs", "top/mod.rs"),
            ("top/root.rs", "low.rs"),
            ("top/through.rs", "mid.rs"),
        ]
    );
}
