//! Sets of modules → objects that call each other directly.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use wasmaot_compiler::Options;
use wasmaot_compiler::prelink::{Binding, Set};
use wasmaot_runtime::{Bound, Config, Finder, Object, Process, Unresolved, Way};

use crate::error::{Error, Result};
use crate::input;

/// A module of a set: its path or name, and its bytes.
pub type Module = (String, Vec<u8>);

/// Reads modules, main first, and builds them as one set. `others` finds
/// libraries that are needed beside them.
///
/// # Errors
/// One line that names the file.
pub fn build_files(
    files: &[PathBuf],
    others: impl Finder + Send + 'static,
    options: &Options,
) -> Result<Vec<Vec<u8>>> {
    let read = |path: &PathBuf| {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(Error::cannot_read(path))?;
        let module = input::module(&file, &bytes)?.into_owned();
        Ok((file, module))
    };
    let modules = files.iter().map(read).collect::<Result<Vec<Module>>>()?;
    build_set(&modules, others, options)
}

/// The modules of a set, main first: those given, and those that they need and
/// that lie in one of these directories.
///
/// # Errors
/// One line that names the file; a library of which there is no module is one,
/// because it cannot be a part of the set.
pub fn with_libraries(files: &[PathBuf], directories: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = files.to_vec();
    let mut at = 0;
    while let Some(file) = all.get(at) {
        for name in needed(file)? {
            let is_member = |file: &PathBuf| stands_for(file.file_name(), &name);
            if !all.iter().any(is_member) {
                all.extend(library(&name, directories)?);
            }
        }
        at += 1;
    }
    Ok(all)
}

/// The names of the libraries that a module needs.
fn needed(file: &Path) -> Result<Vec<String>> {
    let name = file.display().to_string();
    let bytes = std::fs::read(file).map_err(Error::cannot_read(file))?;
    let module = input::module(&name, &bytes)?;
    Ok(wasmaot_compiler::prelink::needs(&name, &module)?.libraries)
}

/// The module of a library in the first directory that has it.
fn library(name: &str, directories: &[PathBuf]) -> Result<Option<PathBuf>> {
    for directory in directories {
        for place in wasmaot_runtime::beside(directory.join(name), Way::Directory) {
            if place.file.is_file() {
                return Ok(Some(place.file));
            }
            if place.built.is_file() {
                let reason = "there is no module beside it, which the set needs to call it directly; give the directory of the module, or leave this one out";
                return Err(Error::input(place.built.display(), reason));
            }
        }
    }
    Ok(None)
}

/// Builds modules as one set that needs no library beside it.
///
/// # Errors
/// As of [`build_set`].
pub fn build_alone(modules: &[Module], options: &Options) -> Result<Vec<Vec<u8>>> {
    build_set(modules, |_: &str, _: &Object| Ok(None), options)
}

/// Builds modules as one set, main first: the objects' bytes.
///
/// # Errors
/// Of compiling and of linking the program that they make.
pub fn build_set(
    modules: &[Module],
    others: impl Finder + Send + 'static,
    options: &Options,
) -> Result<Vec<Vec<u8>>> {
    // Asked twice, for the same libraries.
    let others = Arc::new(Mutex::new(others));
    let named = modules.iter().map(|(file, module)| (&**file, &**module));
    let set = Set::read(named, options)?;
    let skeletons = open(modules, &set.skeletons()?)?;
    let bound = linker(&skeletons, &others)?.link_set(&skeletons)?.bound();
    let bindings = bound
        .iter()
        .map(|bound| bound.iter().map(binding).collect());
    let bindings: Vec<_> = bindings.collect();
    let objects = (0..modules.len()).map(|number| set.compile(number, &bindings));
    let objects = objects.collect::<Result<Vec<_>, _>>()?;
    let objects = open(modules, &objects)?;
    let mut process = linker(&objects, &others)?;
    let linked = process.link_set(&objects)?;
    if linked.bound() != bound {
        return Err(Error::SetChanged);
    }
    Ok(linked.objects()?)
}

/// The compiler's objects of a set.
fn open(modules: &[Module], objects: &[Vec<u8>]) -> Result<Vec<Arc<Object>>> {
    let objects = modules.iter().zip(objects);
    objects
        .map(|((file, _), bytes)| {
            // SAFETY: both callers give what the compiler has just made.
            let object = unsafe { Object::to_link(file, bytes, false) }?;
            Ok(Arc::new(object))
        })
        .collect()
}

/// A process that links objects of a set.
fn linker<F: Finder + Send + 'static>(
    objects: &[Arc<Object>],
    others: &Arc<Mutex<F>>,
) -> Result<Process> {
    let mut process = Process::new(Config {
        // What is not defined here may be where the program runs.
        unresolved: Unresolved::Ignore,
        ..Config::default()
    })?;
    process.set_finder(Members {
        objects: objects.to_vec(),
        others: Arc::clone(others),
    });
    Ok(process)
}

/// What the linker says, for the compiler.
fn binding(bound: &Bound) -> Binding {
    Binding {
        import: bound.import,
        member: bound.member,
        symbol: bound.symbol.clone(),
    }
}

/// Finds the members of a set, then others.
struct Members<F> {
    objects: Vec<Arc<Object>>,
    others: Arc<Mutex<F>>,
}

impl<F: Finder> Finder for Members<F> {
    fn find(
        &mut self,
        name: &str,
        by: &Object,
    ) -> Result<Option<Arc<Object>>, wasmaot_runtime::Error> {
        let mut members = self.objects.iter();
        let member = members.find(|object| stands_for(object.soname().map(AsRef::as_ref), name));
        match member {
            Some(member) => Ok(Some(Arc::clone(member))),
            None => (self.others.lock())
                .unwrap_or_else(PoisonError::into_inner)
                .find(name, by),
        }
    }
}

/// Whether a file of this name is what a needed name means. As on disk, NAME.wasm
/// stands for NAME.so.
fn stands_for(file: Option<&OsStr>, name: &str) -> bool {
    let module = Path::new(name).with_extension("wasm");
    let names = [Path::new(name).file_name(), module.file_name()];
    file.is_some() && names.contains(&file)
}
