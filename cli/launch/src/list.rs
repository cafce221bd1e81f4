//! The libraries of a program, as `ldd` lists them.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use wasmaot::EngineConfig;
use wasmaot_hosts::HostEnv;
use wasmaot_runtime::{Config, Finder, Object, Process};

use crate::executable::{Executable, Members};
use crate::opening::{add_hosts, open_all};
use crate::options::Options;
use crate::report::FAILURE;

/// What a program or library needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What is loaded before: names and files.
    pub preloaded: Vec<(String, PathBuf)>,
    /// Libraries, breadth first, each once.
    pub needed: Vec<Needed>,
    /// Symbols that none of them defines; empty if a library is missing.
    pub undefined: Vec<Symbol>,
}

/// A library that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The name by which it is.
    pub name: String,
    /// The first object that needs it.
    pub by: String,
    /// Where it is.
    pub place: Place,
}

/// Where a library is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, and whether it is the one that the program was prelinked with.
    File(PathBuf, &'static str),
    /// The loader stands in for it.
    Loader,
    /// Nowhere.
    Missing,
}

/// A symbol that nothing defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What it is.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The object that refers to it.
    pub by: String,
}

impl Listing {
    /// The exit code, which says whether all is there.
    pub fn exit_code(&self) -> u8 {
        match self.is_whole() {
            true => 0,
            false => FAILURE,
        }
    }

    fn is_whole(&self) -> bool {
        let missing = |library: &Needed| library.place == Place::Missing;
        !self.needed.iter().any(missing) && self.undefined.is_empty()
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, path) in &self.preloaded {
            writeln!(f, "\t{name} => {}", path.display())?;
        }
        for Needed { name, by, place } in &self.needed {
            match place {
                Place::File(path, "") => writeln!(f, "\t{name} => {}", path.display())?,
                Place::File(path, note) => writeln!(f, "\t{name} => {} ({note})", path.display())?,
                Place::Loader => writeln!(f, "\t{name} => the loader")?,
                Place::Missing => writeln!(f, "\t{name} => not found (needed by {by})")?,
            }
        }
        for Symbol { kind, name, by } in &self.undefined {
            writeln!(f, "\tundefined {kind}: {name} (needed by {by})")?;
        }
        Ok(())
    }
}

/// Lists the libraries of a program or a library, or of an executable.
///
/// # Errors
/// What keeps a file that is there from being opened.
pub fn list_file(options: &Options, path: &Path, engine: EngineConfig) -> Result<Listing> {
    let mut finder = options.finder(path, engine);
    let preload = open_all(&mut finder, &options.preload)?;
    if let Some(executable) = Executable::at(path, options.verify)? {
        let main = executable.main()?;
        return list(Members::new(executable, finder), &main, &preload);
    }
    let main = finder.open(path)?;
    list(finder, &main, &preload)
}

/// Lists the libraries that an object needs, breadth first, and the symbols that
/// none of them defines.
fn list(
    finder: impl Finder + Send + 'static,
    main: &Arc<Object>,
    preload: &[Arc<Object>],
) -> Result<Listing> {
    let mut process = Process::new(Config::default())?;
    add_hosts(&mut process, HostEnv::new());
    process.set_finder(finder);
    let preloaded = preload.iter();
    let preloaded = preloaded.map(|object| (object.name().to_owned(), object.path().to_owned()));
    let mut seen = HashSet::new();
    // As the loader finds them: by name, or as what is there already.
    let mut all = process.needed(Arc::clone(main), preload)?;
    all.retain(|needed| seen.insert(needed.name.clone()));
    let needed = all.into_iter().map(|needed| Needed {
        by: needed.by.name().to_owned(),
        place: match needed.library {
            Some(found) => Place::File(found.path().to_owned(), prelinked(main, &found)),
            None if wasmaot_runtime::loader_provides(&needed.name) => Place::Loader,
            None => Place::Missing,
        },
        name: needed.name,
    });
    let mut listing = Listing {
        preloaded: preloaded.collect(),
        needed: needed.collect(),
        undefined: Vec::new(),
    };
    if listing.is_whole() {
        let undefined = process.unresolved(Arc::clone(main), preload)?;
        let undefined = undefined.iter().map(|symbol| Symbol {
            kind: symbol.kind.to_string(),
            name: symbol.full_name().to_string(),
            by: symbol.by.to_string(),
        });
        listing.undefined = undefined.collect();
    }
    Ok(listing)
}

/// Whether a library is the one that main was prelinked with.
fn prelinked(main: &Object, library: &Object) -> &'static str {
    let Some(set) = main.prelink() else {
        return "";
    };
    let is_named = |name: &str| library.soname() == Some(name);
    match library.number_in(set) {
        Some(_) => "prelinked",
        None if set.members.iter().any(|m| is_named(&m.name)) => "not as prelinked: another build",
        None => "",
    }
}
