//! `wasmaot ldd`.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use wasmaot_runtime::wasi::Wasi;
use wasmaot_runtime::{Config, Object, Process};

use super::options::Ldd;
use super::{FAILURE, print, run};

/// Lists the libraries that a file needs, breadth first, and the symbols that
/// none of them defines. The exit code says whether all is there.
pub(super) fn run(args: &Ldd) -> Result<u8> {
    let mut library = run::library(
        &args.search,
        &args.file,
        #[cfg(feature = "compiler")]
        &args.codegen,
    );
    let main = library.open(&args.file)?;
    let preload = run::open_all(&mut library, &args.search.preload)?;
    let mut missing = false;
    let mut seen = HashSet::new();
    let mut queue: Vec<Arc<Object>> = vec![main.clone()];
    for object in &preload {
        print(format!(
            "\t{} => {}\n",
            object.name(),
            object.path().display()
        ))?;
        queue.push(object.clone());
    }
    let mut next = 0;
    while let Some(by) = queue.get(next).cloned() {
        next += 1;
        for name in by.needed() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let Some(file) = library.locate(name, &by) else {
                if wasmaot_runtime::loader_provides(name) {
                    print(format!("\t{name} => the loader\n"))?;
                    continue;
                }
                print(format!("\t{name} => not found (needed by {})\n", by.name()))?;
                missing = true;
                continue;
            };
            let found = library.open(&file)?;
            let note = prelinked(&main, &found);
            print(format!("\t{name} => {}{note}\n", file.display()))?;
            queue.push(found);
        }
    }
    if missing {
        return Ok(FAILURE);
    }
    let mut process = Process::new(Config::default())?;
    run::add_hosts(&mut process, Wasi::new());
    process.set_finder(library);
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
