//! Libraries that are loaded with a program, and how plain modules among them come
//! to be known by their names.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::name::ENV;
use wasmaot_runtime::{CallError, Error, Object, Process};

/// A library to load with the program.
pub struct Library {
    /// The library.
    pub object: Arc<Object>,
    /// The module name that a plain module's exports are imported by.
    pub module: String,
}

/// Instantiates the plain modules that are imported from by their names or by a
/// plain main, each after those it imports from; answers the libraries that
/// are to be loaded with main. `runs`: their start functions run.
///
/// # Errors
/// As of [`Process::instantiate`]; of a start function or `_initialize` too.
pub fn instantiate(
    process: &mut Process,
    main: &Object,
    libraries: Vec<Library>,
    runs: bool,
) -> Result<Vec<Arc<Object>>> {
    let is_plain = |object: &Object| object.info().abi == LinkingAbi::Core;
    let importers = || libraries.iter().map(|l| &*l.object).chain([main]);
    let modules: HashSet<String> = importers()
        .flat_map(Object::imports)
        .map(|import| import.module.to_owned())
        .filter(|module| module != ENV)
        .collect();
    let stands_alone = |library: &Library| {
        is_plain(&library.object) && (is_plain(main) || modules.contains(&library.module))
    };
    let main_exports = exports(main);
    let mut all: Vec<(Library, HashSet<String>)> = libraries
        .into_iter()
        .map(|library| {
            let names = exports(&library.object);
            (library, names)
        })
        .collect();
    while let Some(next) = all.iter().position(|(library, own)| {
        stands_alone(library)
            && library.object.imports().all(|import| {
                let others = || all.iter().filter(|(l, _)| !std::ptr::eq(l, library));
                let waits = match import.module == ENV {
                    true => {
                        let other = others().any(|(_, names)| names.contains(import.name));
                        other || main_exports.contains(import.name) && !own.contains(import.name)
                    }
                    false => others().any(|(l, _)| l.module == import.module),
                };
                !waits
            })
    }) {
        let (library, names) = all.remove(next);
        let name = Some(library.module.as_str());
        let file = library.object.path().display().to_string();
        let id = match runs {
            true => process.instantiate(library.object, name)?,
            false => process.link_module(library.object, name)?,
        };
        process.stand_beside(id);
        if runs && names.contains(INITIALIZE) {
            match process.invoke(id, INITIALIZE, &[]) {
                Ok(_) => {}
                Err(CallError::Trap(trap)) => {
                    return Err(Error::Init {
                        file,
                        function: INITIALIZE,
                        trap: Box::new(trap),
                    }
                    .into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(all.into_iter().map(|(library, _)| library.object).collect())
}

/// What a reactor or library exports for what is to be done first.
const INITIALIZE: &str = "_initialize";

/// Names of all that an object exports.
pub fn exports(object: &Object) -> HashSet<String> {
    let defined = object.exports().map(|(name, _)| name.to_owned());
    let passed_on = object.info().reexports.iter().map(|r| r.name.clone());
    defined.chain(passed_on).collect()
}
