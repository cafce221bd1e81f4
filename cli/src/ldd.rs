//! `wasmaot ldd`.

use std::collections::HashSet;

use anyhow::Result;
use wasmaot_hosts::HostEnv;
use wasmaot_runtime::{Config, Object, Process};

use crate::opening;
use crate::options::Ldd;
use crate::report::{FAILURE, print};

/// Lists the libraries that a file needs, breadth first, and the symbols that
/// none of them defines. The exit code says whether all is there.
pub(crate) fn run(args: &Ldd) -> Result<u8> {
    let mut library = opening::finder(
        &args.search,
        &args.file,
        #[cfg(feature = "compiler")]
        &args.codegen,
    );
    let main = library.open(&args.file)?;
    let preload = opening::open_all(&mut library, &args.search.preload)?;
    let mut process = Process::new(Config::default())?;
    opening::add_hosts(&mut process, HostEnv::new());
    process.set_finder(library);
    let mut missing = false;
    let mut seen = HashSet::new();
    for object in &preload {
        print(format!(
            "\t{} => {}\n",
            object.name(),
            object.path().display()
        ))?;
    }
    // As the loader finds them: by name, or as what is there already.
    for needed in process.needed(main.clone(), &preload)? {
        if !seen.insert(needed.name.clone()) {
            continue;
        }
        let name = &needed.name;
        match needed.library {
            Some(found) => {
                let note = prelinked(&main, &found);
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
    let unresolved = process.unresolved(main, &preload)?;
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
