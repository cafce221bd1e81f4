//! Contestants of our own: modules compiled, linked and run in this process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wasmaot_compiler::prelink::{Binding, Set};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::{Bind, Bound, Config, InstanceId, Object, Process};

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

/// Compiles the modules of a directory, main first, as one prelinked set.
///
/// # Errors
/// One of them is refused.
pub fn prelinked(directory: &Path, options: &Options) -> Result<Vec<Arc<Object>>> {
    let names = [MAIN, LIB];
    let wasm = names.map(|name| fs::read(directory.join(name)));
    let [main, lib] = wasm;
    let wasm = [main?, lib?];
    let named = names.iter().zip(&wasm).map(|(name, wasm)| (*name, &**wasm));
    let set = Set::read(named, options)?;
    let open = |objects: Vec<Vec<u8>>| {
        let objects = names.into_iter().zip(objects);
        let objects = objects.map(|(name, bytes)| Object::from_bytes(name, &bytes, false));
        objects.map(|object| Ok(Arc::new(object?))).collect()
    };
    let outlines: Vec<Arc<Object>> = open(set.outlines()?)?;
    let bound = process(&outlines, Config::default())?
        .link_set(&outlines)?
        .bound();
    let binding = |bound: Bound| Binding {
        import: bound.import,
        member: bound.member,
        symbol: bound.symbol,
    };
    let bindings = bound
        .into_iter()
        .map(|b| b.into_iter().map(binding).collect());
    let bindings: Vec<_> = bindings.collect();
    let objects = (0..names.len()).map(|number| set.compile(number, &bindings));
    let objects: Vec<Arc<Object>> = open(objects.collect::<Result<_, _>>()?)?;
    open(
        process(&objects, Config::default())?
            .link_set(&objects)?
            .objects()?,
    )
}

/// A process that finds a library among objects.
fn process(objects: &[Arc<Object>], config: Config) -> Result<Process> {
    let lib = objects.get(1).cloned();
    let mut process = Process::new(config)?;
    process.set_finder(move |name: &str, _: &Object| Ok(lib.clone().filter(|_| name == LIB)));
    Ok(process)
}

/// Loads the modules in a directory that a [`Workshop`](crate::workshop::Workshop)
/// made; prelinked, if they are to be bound statically.
///
/// # Errors
/// One of them is refused.
pub fn load(directory: &Path, options: &Options, config: Config) -> Result<(Process, InstanceId)> {
    let path = directory.join(LIB);
    let objects = if config.bind == Bind::Static && path.exists() {
        prelinked(directory, options)?
    } else {
        let main = object(&directory.join(MAIN), options);
        let lib = path.exists().then(|| object(&path, options));
        [main].into_iter().chain(lib).collect::<Result<_>>()?
    };
    let mut process = process(&objects, config)?;
    let id = process.load_program(Arc::clone(&objects[0]), &[])?;
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
