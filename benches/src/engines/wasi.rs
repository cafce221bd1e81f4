//! wasmtime with WASI as processes: modules are compiled to files before, which a process of
//! this program runs.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasmtime::{Config, Engine, Linker, Module, Store};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use super::plan::Plan;
use super::wasmtime::{foreign, instantiate};

/// A program that was compiled before.
#[derive(clap::Args)]
pub struct Args {
    /// The plan of its modules
    plan: PathBuf,
    /// A directory that it may read: HOST::GUEST
    #[arg(long, value_parser = directory)]
    dir: Vec<(PathBuf, String)>,
    /// A variable of its environment: NAME=VALUE
    #[arg(long, value_parser = variable)]
    env: Vec<(String, String)>,
    /// Its arguments
    #[arg(last = true)]
    args: Vec<String>,
}

fn directory(text: &str) -> Result<(PathBuf, String), String> {
    let (host, guest) = text.split_once("::").ok_or("not HOST::GUEST")?;
    Ok((host.into(), guest.to_owned()))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_exceptions(true);
    Engine::new(&config).map_err(foreign)
}

/// Compiles a program, main first; answers the words that run it, which its own arguments
/// follow after `--`.
pub fn command(modules: &[PathBuf], place: &Path) -> Result<Vec<OsString>> {
    let engine = engine()?;
    let mut plan = match modules {
        [main] => Plan::alone(main.clone()),
        _ => Plan::of(modules, place)?,
    };
    for step in &mut plan.steps {
        let bytes = fs::read(&step.path)?;
        let compiled = engine.precompile_module(&bytes).map_err(foreign);
        let compiled = compiled.with_context(|| format!("{}", step.path.display()))?;
        let name = step.path.with_extension("cwasm");
        step.path = place.join(name.file_name().unwrap_or_default());
        fs::write(&step.path, compiled)?;
    }
    let path = place.join("plan.json");
    fs::write(&path, serde_json::to_string_pretty(&plan)?)?;
    let program = std::env::current_exe().context("this program has no path")?;
    Ok(vec![program.into(), "run-plan".into(), path.into()])
}

/// Runs a program, and ends as it does.
pub fn run(args: &Args) -> Result<()> {
    let plan = fs::read(&args.plan);
    let plan = plan.with_context(|| format!("cannot read {}", args.plan.display()))?;
    let plan: Plan = serde_json::from_slice(&plan)?;
    let engine = engine()?;
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |context| context).map_err(foreign)?;
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().arg("main.wasm").args(&args.args);
    // As wasmtime's own command does where nothing limits a program's time.
    wasi.envs(&args.env).allow_blocking_current_thread(true);
    for (host, guest) in &args.dir {
        let added = wasi.preopened_dir(host, guest, FsPerms::ReadOnly);
        added.map_err(foreign)?;
    }
    let mut store = Store::new(&engine, wasi.build_p1());
    let read = |path: &Path| {
        // SAFETY: the file is one that `command` wrote, for the process that it is the
        // argument of.
        let module = unsafe { Module::deserialize_file(&engine, path) };
        module.map_err(foreign)
    };
    let main = instantiate(&mut store, &mut linker, &plan, read)?;
    let start = main.get_typed_func::<(), ()>(&mut store, "_start");
    let start = start.map_err(foreign)?;
    match start.call(&mut store, ()) {
        Ok(()) => std::process::exit(0),
        // Without undoing anything, as a program's own exit does.
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => std::process::exit(exit.0),
            None => Err(foreign(error)),
        },
    }
}
