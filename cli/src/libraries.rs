//! The words after a program: which of them are libraries to load with it, and
//! how plain modules among these come to be known by their names.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use wasmaot::LibraryFinder;
use wasmaot::input::{self, Kind};
use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::name::ENV;
use wasmaot_abi::shebang;
use wasmaot_hosts::HostEnv;
use wasmaot_launch::{Library, add_hosts, exports};
use wasmaot_runtime::{Config, Error, Finder, Object, Process, UnresolvedSymbol, flat};

use crate::options::Run;

/// Who opens files, shared by the command and its processes.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<LibraryFinder>>);

impl Shared {
    /// Shares it.
    pub fn new(found: LibraryFinder) -> Self {
        Self(Arc::new(Mutex::new(found)))
    }

    fn lock(&self) -> MutexGuard<'_, LibraryFinder> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, word: &OsStr) -> Result<Library> {
        let Word { module, path } = Word::read(word);
        let object = self.lock().open(path)?;
        Ok(Library { object, module })
    }

    /// The same for a word that may be meant for the program: native code that
    /// the program could have written is not loaded because its name is given.
    fn open_argument(&self, word: &OsStr) -> Result<Library> {
        let Word { module, path } = Word::read(word);
        let object = self.lock().open_argument(path)?;
        Ok(Library { object, module })
    }
}

impl Finder for Shared {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>, Error> {
        self.lock().find(name, by)
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, Error> {
        self.lock().module(name, bytes)
    }
}

/// A word that may name a library: `FILE` or `NAME=FILE`.
pub(crate) struct Word<'a> {
    /// The name by which a plain module is known.
    pub module: String,
    /// Its file.
    pub path: &'a Path,
}

impl<'a> Word<'a> {
    /// Reads one.
    pub fn read(word: &'a OsStr) -> Self {
        let whole = Path::new(word);
        let bytes = word.as_bytes();
        let named = bytes.iter().position(|&byte| byte == b'=').map(|at| {
            let (name, path) = (&bytes[..at], OsStr::from_bytes(&bytes[at + 1..]));
            (String::from_utf8_lossy(name).into_owned(), Path::new(path))
        });
        match named {
            // A name is no path, and a file that is called so is meant itself.
            Some((module, path)) if !module.contains('/') && !whole.exists() => {
                Self { module, path }
            }
            _ => Self {
                module: stem(whole),
                path: whole,
            },
        }
    }

    /// Whether a module is there, by its first bytes.
    fn is_module(&self) -> bool {
        let mut start = [0; shebang::MAX_LINE + 64];
        let mut read = || {
            let is_file = self.path.metadata().ok()?.is_file();
            let mut file = File::open(self.path).ok().filter(|_| is_file)?;
            file.read(&mut start).ok()
        };
        let Some(len) = read() else { return false };
        match input::kind("", &start[..len]) {
            Ok(Kind::Wat) => self.path.extension() == Some("wat".as_ref()),
            kind => kind.is_ok(),
        }
    }
}

/// The name of a module's file without extensions: of `lib.wat.elf` too.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    let name = match Path::new(name).extension() {
        Some(extension) if extension == "elf" => Path::new(name).file_stem().unwrap_or_default(),
        _ => name,
    };
    let stem = Path::new(name).file_stem().unwrap_or(name);
    stem.to_string_lossy().into_owned()
}

/// What follows the program.
pub(crate) struct Line {
    /// The libraries of `--lib`, then those among the words.
    pub libraries: Vec<Library>,
    /// What the program is given.
    pub words: Vec<OsString>,
}

impl Line {
    /// Tells libraries from what the program is given.
    pub fn read(args: &Run, main: &Arc<Object>, finder: &Shared) -> Result<Self> {
        let libraries = args.libraries.iter().map(|word| finder.open(word));
        let mut libraries = libraries.collect::<Result<Vec<_>>>()?;
        let words = args.words();
        let is_module = |word: &OsString| Word::read(word).is_module();
        let mark = words.iter().position(|word| word == "--");
        if let Some(mark) = mark.filter(|&mark| words[..mark].iter().all(is_module)) {
            for word in &words[..mark] {
                libraries.push(finder.open(word)?);
            }
            let words = words[mark + 1..].to_vec();
            return Ok(Self { libraries, words });
        }
        let mut rest = words;
        // A flat program is given nothing: all modules are libraries.
        let is_flat = flat::is_program(main) && args.invoke.is_empty();
        let mut wanted = Wanted::new(main, finder);
        while let [word, after @ ..] = rest
            && is_module(word)
        {
            if !is_flat {
                wanted.look(&libraries)?;
                if !wanted.defined_by(word)? {
                    break;
                }
            }
            libraries.push(finder.open_argument(word)?);
            rest = after;
        }
        Ok(Self {
            libraries,
            words: rest.to_vec(),
        })
    }
}

/// What a program and its libraries need beside what they have.
struct Wanted<'a> {
    main: &'a Arc<Object>,
    finder: &'a Shared,
    symbols: Vec<UnresolvedSymbol>,
    /// Names of libraries.
    libraries: HashSet<String>,
}

impl<'a> Wanted<'a> {
    fn new(main: &'a Arc<Object>, finder: &'a Shared) -> Self {
        Self {
            main,
            finder,
            symbols: Vec::new(),
            libraries: HashSet::new(),
        }
    }

    /// Adds what is not defined with these libraries: a library counts even if
    /// an earlier one defines the same.
    fn look(&mut self, libraries: &[Library]) -> Result<()> {
        let objects: Vec<_> = libraries.iter().map(|l| Arc::clone(&l.object)).collect();
        for object in objects.iter().chain([self.main]) {
            self.libraries.extend(object.needed().iter().cloned());
        }
        let mut process = Process::new(Config::default())?;
        add_hosts(&mut process, HostEnv::new());
        process.set_finder(self.finder.clone());
        let missing = process.unresolved(Arc::clone(self.main), &objects);
        // A library that is nowhere may be what comes next.
        self.symbols.extend(match missing {
            Ok(missing) => missing,
            Err(_) => imports(self.main),
        });
        Ok(())
    }

    /// What a word's file exports. A module is not compiled for that.
    fn exports(&self, word: &OsStr) -> Result<Option<Exports>> {
        let path = Word::read(word).path;
        let file = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
        Ok(match input::kind(&file, &bytes)? {
            Kind::Wasm => Exports::of_module(shebang::module(&bytes)),
            #[cfg(feature = "compiler")]
            Kind::Wat => input::module(&file, &bytes)
                .ok()
                .and_then(|module| Exports::of_module(&module)),
            #[cfg(not(feature = "compiler"))]
            Kind::Wat => None,
            Kind::Object => {
                let library = self.finder.open_argument(word).ok();
                library.map(|library| Exports::of(&library.object))
            }
        })
    }

    /// Whether a word names a module that defines any of it.
    fn defined_by(&self, word: &OsStr) -> Result<bool> {
        let Word { module, path } = Word::read(word);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(".elf").unwrap_or(&name);
        if self.libraries.contains(name) {
            return Ok(true);
        }
        let Some(file) = self.exports(word)? else {
            return Ok(false);
        };
        Ok(file.define_any(&module, &self.symbols))
    }
}

/// All that an object imports and does not define itself.
fn imports(object: &Object) -> Vec<UnresolvedSymbol> {
    let own: HashSet<&str> = object.exports().map(|(name, _)| name).collect();
    let imports = object.imports().filter(|import| !own.contains(import.name));
    let symbols = imports.map(|import| UnresolvedSymbol {
        module: import.module.to_owned(),
        name: import.name.to_owned(),
        kind: "import",
        by: object.name().to_owned(),
    });
    symbols.collect()
}

/// What a file exports.
pub(crate) struct Exports {
    names: HashSet<String>,
    /// Whether it is a library of the tool-conventions ABIs.
    dynamic: bool,
}

impl Exports {
    /// What an object exports.
    pub fn of(object: &Object) -> Self {
        Self {
            names: exports(object),
            dynamic: object.info().abi != LinkingAbi::Core,
        }
    }

    /// Whether a library that exports this, as a plain module known by a name,
    /// defines any of these symbols.
    pub fn define_any(&self, module: &str, symbols: &[UnresolvedSymbol]) -> bool {
        let is_shared =
            |symbol: &UnresolvedSymbol| symbol.module == ENV || symbol.module.starts_with("GOT.");
        let defines = |symbol: &UnresolvedSymbol| {
            let module_fits = is_shared(symbol) || !self.dynamic && symbol.module == module;
            module_fits && self.names.contains(&symbol.name)
        };
        !self.names.contains("_start") && symbols.iter().any(defines)
    }

    /// `None`: no module that can be read, and so no library.
    fn of_module(bytes: &[u8]) -> Option<Self> {
        use wasmparser::{Parser, Payload};
        let mut read = Self {
            names: HashSet::new(),
            dynamic: false,
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.ok()? {
                Payload::ExportSection(exports) => {
                    let names = exports.into_iter().map(|e| Some(e.ok()?.name.to_owned()));
                    read.names = names.collect::<Option<_>>()?;
                }
                Payload::CustomSection(section) => {
                    read.dynamic |= ["dylink", "dylink.0"].contains(&section.name());
                }
                _ => {}
            }
        }
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_plain_module_is_known_by_its_stem_or_another_name() {
        let read = |word: &str| {
            let word = Word::read(OsStr::new(word));
            (word.module, word.path.to_owned())
        };
        assert_eq!(
            read("d/lib.wat"),
            ("lib".to_owned(), PathBuf::from("d/lib.wat"))
        );
        assert_eq!(read("lib.wasm.elf").0, "lib");
        assert_eq!(read("lib").0, "lib");
        assert_eq!(
            read("env=x.wat"),
            ("env".to_owned(), PathBuf::from("x.wat"))
        );
        assert_eq!(read("d/a=b.wat").0, "a=b");
    }
}
