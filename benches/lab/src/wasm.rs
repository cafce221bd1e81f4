//! Contestants of our own: modules compiled, linked and run in this process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::{Config, InstanceId, Object, Process};

use crate::contest::{Runner, timed};
use crate::workshop::{LIB, MAIN};

/// Compiles a module.
///
/// # Errors
/// It cannot be read, or is not valid.
pub fn object(path: &Path, options: &Options) -> Result<Arc<Object>> {
    let wasm = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = compile(&name, &wasm, options, Emit::So)?;
    Ok(Arc::new(Object::from_bytes(&name, &bytes, false)?))
}

/// Loads the modules in a directory that a [`Workshop`](crate::workshop::Workshop)
/// made.
///
/// # Errors
/// One of them is refused.
pub fn load(directory: &Path, options: &Options, config: Config) -> Result<(Process, InstanceId)> {
    let main = object(&directory.join(MAIN), options)?;
    let path = directory.join(LIB);
    let lib = path.exists().then(|| object(&path, options)).transpose()?;
    let mut process = Process::new(config)?;
    process.set_finder(move |name: &str, _: &Object| Ok(lib.clone().filter(|_| name == LIB)));
    let id = process.load_program(main, &[])?;
    Ok((process, id))
}

/// A contestant: `run` of such modules.
///
/// # Errors
/// One of them is refused.
pub fn runner(directory: &Path, options: &Options, config: Config) -> Result<Runner> {
    let (mut process, id) = load(directory, options, config)?;
    Ok(timed(move |n| {
        Ok(process.call::<(i32,), i32>(id, "run", (n.cast_signed(),))?)
    }))
}
