//! Sets of modules → objects that call each other directly.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use wasmaot_compiler::Options;
use wasmaot_compiler::prelink::{Binding, Set};
use wasmaot_runtime::{Bound, Config, Error, Finder, Object, Process, Unresolved};

use crate::{build, input};

/// A module of a set: its path or name, and its bytes.
pub type Module = (String, Vec<u8>);

/// Reads modules, main first, and builds them as one set. `others` finds
/// libraries that are needed beside them.
///
/// # Errors
/// One line that names the file.
pub fn build_files(
    files: &[PathBuf],
    others: impl Finder + 'static,
    options: &Options,
) -> Result<Vec<Vec<u8>>> {
    let read = |path: &PathBuf| {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
        let module = input::module(&file, &bytes)?.into_owned();
        Ok((file, module))
    };
    let modules = files.iter().map(read).collect::<Result<Vec<Module>>>()?;
    build_set(&modules, others, options)
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
    others: impl Finder + 'static,
    options: &Options,
) -> Result<Vec<Vec<u8>>> {
    // Asked twice, for the same libraries.
    let others = Rc::new(RefCell::new(others));
    build::with_progress(options, |options| {
        let named = modules.iter().map(|(file, module)| (&**file, &**module));
        let set = Set::read(named, options)?;
        let outlines = open(modules, &set.outlines()?)?;
        let bound = linker(&outlines, &others)?.link_set(&outlines)?.bound();
        let bindings = bound
            .iter()
            .map(|bound| bound.iter().map(binding).collect());
        let bindings: Vec<_> = bindings.collect();
        let objects = (0..modules.len()).map(|number| set.compile(number, &bindings));
        let objects = objects.collect::<Result<Vec<_>, _>>()?;
        let objects = open(modules, &objects)?;
        let mut process = linker(&objects, &others)?;
        let linked = process.link_set(&objects)?;
        ensure!(
            linked.bound() == bound,
            "a library beside the set has changed while it was built; build it again"
        );
        Ok(linked.objects()?)
    })
}

/// The compiler's objects of a set.
fn open(modules: &[Module], objects: &[Vec<u8>]) -> Result<Vec<Arc<Object>>> {
    let objects = modules.iter().zip(objects);
    objects
        .map(|((file, _), bytes)| {
            // SAFETY: both callers give what the compiler has just made.
            let object = unsafe { Object::from_bytes(file, bytes, false) }?;
            Ok(Arc::new(object))
        })
        .collect()
}

/// A process that links objects of a set.
fn linker<F: Finder + 'static>(
    objects: &[Arc<Object>],
    others: &Rc<RefCell<F>>,
) -> Result<Process> {
    let mut process = Process::new(Config {
        // What is not defined here may be where the program runs.
        unresolved: Unresolved::Ignore,
        ..Config::default()
    })?;
    process.set_finder(Members {
        objects: objects.to_vec(),
        others: Rc::clone(others),
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
    others: Rc<RefCell<F>>,
}

impl<F: Finder> Finder for Members<F> {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>, Error> {
        let file = Path::new(name).file_name();
        // As on disk, NAME.wasm stands for NAME.so.
        let module = Path::new(name).with_extension("wasm");
        let names = [file, module.file_name()];
        let mut members = self.objects.iter();
        let member = members.find(|object| {
            let own = object.soname().map(AsRef::as_ref);
            own.is_some() && names.contains(&own)
        });
        match member {
            Some(member) => Ok(Some(Arc::clone(member))),
            None => self.others.borrow_mut().find(name, by),
        }
    }
}
