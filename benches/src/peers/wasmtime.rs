//! wasmtime as a library.

use std::path::Path;

use anyhow::Result;
use wasmaot_lab::contest::{Runner, timed};
use wasmaot_lab::workshop::MAIN;
use wasmtime::{Engine, Instance, Module, Store};

/// `run` of a single module.
pub fn one(directory: &Path) -> Result<Runner> {
    let engine = Engine::default();
    let module = Module::from_file(&engine, directory.join(MAIN)).map_err(foreign)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).map_err(foreign)?;
    let run = instance.get_typed_func::<u32, i32>(&mut store, "run");
    let run = run.map_err(foreign)?;
    Ok(timed(move |n| run.call(&mut store, n).map_err(foreign)))
}

/// Its errors are of a type of its own.
fn foreign(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
