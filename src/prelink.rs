//! Sets of modules → objects that call each other directly.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wasmaot_compiler::prelink::Set;
use wasmaot_compiler::{Emit, Options};
use wasmaot_runtime::{Config, Error, Finder, Object, Process, Unresolved};

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

/// Builds modules as one set, main first: the objects' bytes.
///
/// # Errors
/// Of compiling and of linking the program that they make.
pub fn build_set(
    modules: &[Module],
    others: impl Finder + 'static,
    options: &Options,
) -> Result<Vec<Vec<u8>>> {
    let named = modules.iter().map(|(file, module)| (&**file, &**module));
    let set = Set::new(named, options);
    let mut objects = Vec::with_capacity(modules.len());
    for (number, (file, module)) in (0..).zip(modules) {
        let options = Options {
            prelink: Some(set.member(number)),
            ..options.clone()
        };
        let bytes = build::build(file, module, &options, Emit::So)?;
        objects.push(Arc::new(Object::from_bytes(file, &bytes, false)?));
    }
    let mut process = Process::new(Config {
        // What is not defined here may be where the program runs.
        unresolved: Unresolved::Ignore,
        ..Config::default()
    })?;
    process.set_finder(Members {
        objects: objects.clone(),
        others,
    });
    Ok(process.prelink(&objects)?)
}

/// Finds the members of a set, then others.
struct Members<F> {
    objects: Vec<Arc<Object>>,
    others: F,
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
            None => self.others.find(name, by),
        }
    }
}
