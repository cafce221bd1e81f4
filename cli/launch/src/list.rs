//! The libraries of a program, as `ldd` lists them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use wasmaot::EngineConfig;
use wasmaot_hosts::HostEnv;
use wasmaot_runtime::{Config, Finder, Object, Process};

use crate::executable::{Executable, Members};
use crate::opening::{add_hosts, open_all};
use crate::options::Options;
use crate::report::{FAILURE, print};

/// Lists the libraries of a program or a library, or of an executable.
///
/// # Errors
/// What keeps a file that is there from being opened.
pub fn list_file(options: &Options, path: &Path, engine: EngineConfig) -> Result<u8> {
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
/// none of them defines. The exit code says whether all is there.
///
/// # Errors
/// What keeps a library that is there from being opened.
pub fn list(
    finder: impl Finder + Send + 'static,
    main: &Arc<Object>,
    preload: &[Arc<Object>],
) -> Result<u8> {
    let mut process = Process::new(Config::default())?;
    add_hosts(&mut process, HostEnv::new());
    process.set_finder(finder);
    for object in preload {
        print(format!(
            "\t{} => {}\n",
            object.name(),
            object.path().display()
        ))?;
    }
    let mut missing = false;
    let mut seen = HashSet::new();
    // As the loader finds them: by name, or as what is there already.
    for needed in process.needed(Arc::clone(main), preload)? {
        if !seen.insert(needed.name.clone()) {
            continue;
        }
        let name = &needed.name;
        match needed.library {
            Some(found) => {
                let note = prelinked(main, &found);
                print(format!("\t{name} => {}{note}\n", found.path().display()))?;
            }
            None if wasmaot_runtime::loader_provides(name) => {
                print(format!("\t{name} => the loader\n"))?;
            }
            None => {
                let by = needed.by.name();
                print(format!("\t{name} => not found (needed by {by})\n"))?;
                missing = true;
            }
        }
    }
    if missing {
        return Ok(FAILURE);
    }
    let unresolved = process.unresolved(Arc::clone(main), preload)?;
    for symbol in &unresolved {
        print(format!(
            "\tundefined {}: {} (needed by {})\n",
            symbol.kind,
            symbol.full_name(),
            symbol.by
        ))?;
    }
    Ok(if unresolved.is_empty() { 0 } else { FAILURE })
}

/// Whether a library is the one that main was prelinked with.
fn prelinked(main: &Object, library: &Object) -> &'static str {
    let Some(set) = main.prelink() else {
        return "";
    };
    let is_named = |name: &str| library.soname() == Some(name);
    match library.number_in(set) {
        Some(_) => " (prelinked)",
        None if set.members.iter().any(|m| is_named(&m.name)) => {
            " (not as prelinked: another build)"
        }
        None => "",
    }
}
