//! `wasmaot run`.

use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::ValType;
use wasmaot_runtime::flat;
use wasmaot_runtime::linux::{self, Linux};
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::wasi::{self, Wasi};
use wasmaot_runtime::{
    Bind, CallError, Config, DlStubs, Error, InstanceId, Object, Process, Unresolved, Val,
};

use super::options::{self, Run, Search};
use super::timeout::{Clock, Timeout};
use super::{FAILURE, complain, debug, print, usage};
use crate::find::Library;

/// Exit code after a trap: that of a process that ends by SIGABRT.
const TRAP: u8 = 134;

/// Loads and runs the program; answers the exit code.
pub(super) fn run(args: &Run) -> Result<u8> {
    let clock = args.timeout.as_ref().map(Timeout::start);
    match (run_until(args, clock.as_ref()), clock) {
        (Err(error), Some(clock)) if is_interrupted(&error) => Ok(clock.ended(clock.message())),
        (result, _) => result,
    }
}

/// Whether loading has ended because the time is over.
fn is_interrupted(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Interrupted))
}

fn run_until(args: &Run, clock: Option<&Clock>) -> Result<u8> {
    let mut library = library(
        &args.search,
        &args.program,
        #[cfg(feature = "compiler")]
        &args.codegen,
    );
    for dir in &args.dirs {
        let (host, guest) = granted(dir);
        library.grant(host, guest);
    }
    let main = library.open(&args.program)?;
    let beside = open_all(&mut library, &args.search.preload, &args.libraries)?;
    // When it ends, the system takes back all that it has, faster than we can
    // piece by piece.
    let mut process = ManuallyDrop::new(Process::new(config(args)?)?);
    if let Some(clock) = clock {
        clock.stops(process.interrupter());
    }
    add_hosts(&mut process, host(args)?);
    process.set_finder(library);
    let is_flat = flat::is_program(&main) && args.invoke.is_none();
    if is_flat {
        process.add_host_functions(flat::functions(std::io::stdout()));
    }
    if let Some(symbol) = &args.explain {
        process.link_program(main, &beside)?;
        print(process.explain(symbol).to_string())?;
        return Ok(0);
    }
    if args.trace_loaded {
        process.link_program(main, &beside)?;
        for entry in process.link_map() {
            print(format!(
                "{} => {} ({:#018x})\n",
                entry.name,
                entry.path.display(),
                entry.load_address
            ))?;
        }
        return Ok(0);
    }
    let loaded = match is_flat {
        true => process.load_flat(main, &beside),
        false => process.load_program(main, &beside),
    };
    let id = match loaded {
        Ok(id) => id,
        Err(Error::Init { trap, .. }) => return ended(*trap, clock),
        Err(error) => return Err(error.into()),
    };
    if is_flat {
        let name = args.program.display();
        return match process.start_flat(id) {
            Ok(value) => {
                eprintln!("{name}::main() returned {value}");
                Ok(value as u8)
            }
            Err(error) => {
                if let CallError::Trap(trap) = &error
                    && let TrapReason::Exit(code) = trap.reason
                {
                    eprintln!("Program terminated with: exit({code})");
                }
                failed(error, clock)
            }
        };
    }
    match &args.invoke {
        Some(name) => invoke(&mut process, id, name, &args.args, clock),
        None => match process.start(id) {
            Ok(()) => Ok(0),
            Err(error) => failed(error, clock),
        },
    }
}

/// Where libraries come from.
pub(super) fn library(
    search: &Search,
    program: &Path,
    #[cfg(feature = "compiler")] codegen: &options::Codegen,
) -> Library {
    let library = Library::new(
        &search.library_path,
        program,
        search.verify,
        #[cfg(feature = "compiler")]
        super::build::options(codegen),
    );
    // SAFETY: the user trusts what he names, where he has libraries searched,
    // and his cache, as he does executables. `run` grants the directories that
    // the program gets before it opens anything; nobody else runs one.
    unsafe { library.trusting() }
}

/// Opens what is loaded with the program: preloads first, then libraries.
pub(super) fn open_all(
    library: &mut Library,
    preload: &[std::path::PathBuf],
    libraries: &[std::path::PathBuf],
) -> Result<Vec<Arc<Object>>> {
    preload
        .iter()
        .chain(libraries)
        .map(|file| library.open(file))
        .collect()
}

fn config(args: &Run) -> Result<Config> {
    if args.lazy_load && args.bind != options::Bind::Lazy {
        return Err(usage("--lazy-load needs --bind lazy"));
    }
    let defaults = Config::default();
    Ok(Config {
        max_memory: args
            .max_memory
            .map_or(defaults.max_memory, |bytes| bytes >> 16),
        stack_size: args.stack_size,
        unresolved: match args.unresolved {
            // What is to be explained may be just that.
            _ if args.explain.is_some() => Unresolved::Ignore,
            options::Unresolved::Error => Unresolved::Error,
            options::Unresolved::Warn => Unresolved::Warn,
            options::Unresolved::Ignore => Unresolved::Ignore,
        },
        bind: match args.bind {
            options::Bind::Static => Bind::Static,
            options::Bind::Now => Bind::Now,
            options::Bind::Lazy => Bind::Lazy,
            options::Bind::Direct => Bind::Direct,
        },
        dl_stubs: match args.dl_stubs {
            options::DlStubs::Replace => DlStubs::Replace,
            options::DlStubs::Keep => DlStubs::Keep,
        },
        lazy_load: args.lazy_load,
        check: std::env::var_os("WASMAOT_CHECK").is_some(),
        trace: debug::trace()?,
        ..defaults
    })
}

/// A directory granted: its name here, and the program's name for it.
fn granted(dir: &str) -> (&str, &str) {
    dir.split_once("::").unwrap_or((dir, dir))
}

/// Adds the functions of all hosts.
pub(super) fn add_hosts(process: &mut Process, surroundings: Wasi) {
    process.add_host_functions(wasi::functions(surroundings.clone()));
    process.add_host_functions(linux::functions(Linux::new(surroundings)));
}

/// What the program may see of the host.
fn host(args: &Run) -> Result<Wasi> {
    let program = args.program.as_os_str().as_encoded_bytes();
    let mut wasi = Wasi::new()
        .inherit_stdio()
        .args([program])
        .args(args.args.iter().map(String::as_str));
    for variable in &args.env {
        wasi = match variable.split_once('=') {
            Some((name, value)) => wasi.env(name, value),
            None => match std::env::var(variable) {
                Ok(value) => wasi.env(variable.as_str(), value),
                Err(_) => wasi,
            },
        };
    }
    granting(wasi, &args.dirs)
}

/// Grants directories.
pub(super) fn granting(mut wasi: Wasi, dirs: &[String]) -> Result<Wasi> {
    for dir in dirs {
        let (host, guest) = granted(dir);
        wasi = wasi
            .preopen(host, guest)
            .with_context(|| format!("--dir {dir}: cannot open {host}"))?;
    }
    Ok(wasi)
}

/// Calls an export with parameters from the command line and prints its results.
fn invoke(
    process: &mut Process,
    id: InstanceId,
    name: &str,
    args: &[String],
    clock: Option<&Clock>,
) -> Result<u8> {
    let Some(ty) = process.get_func(id, name).cloned() else {
        bail!("no exported function `{name}`; `wasmaot inspect` lists the exports");
    };
    if ty.params.len() != args.len() {
        return Err(usage(format!(
            "{name}: takes {ty}, given {} arguments",
            args.len()
        )));
    }
    let values = ty
        .params
        .iter()
        .zip(args)
        .map(|(&ty, text)| value(ty, text))
        .collect::<Result<Vec<_>>>()?;
    match process.invoke(id, name, &values) {
        Ok(results) => {
            for result in results {
                print(text(result) + "\n")?;
            }
            Ok(0)
        }
        Err(error) => failed(error, clock),
    }
}

fn value(ty: ValType, text: &str) -> Result<Val> {
    let bad = |_| usage(format!("`{text}` is not an {ty}"));
    let int = |bits: u32| -> Result<i64> {
        // Both -1 and 0xffffffff are fine for an i32.
        let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16));
        let wide = i128::from_str_radix(digits, radix).map_err(|e| bad(e.to_string()))?;
        let fits = (-(1 << (bits - 1))..1 << bits).contains(&wide);
        if fits {
            Ok(wide as i64)
        } else {
            Err(bad("range".to_owned()))
        }
    };
    Ok(match ty {
        ValType::I32 => Val::I32(int(32)? as i32),
        ValType::I64 => Val::I64(int(64)?),
        ValType::F32 => Val::F32(
            text.parse::<f32>()
                .map_err(|e| bad(e.to_string()))?
                .to_bits(),
        ),
        ValType::F64 => Val::F64(
            text.parse::<f64>()
                .map_err(|e| bad(e.to_string()))?
                .to_bits(),
        ),
        ValType::V128 => Val::V128(text.parse().map_err(|_| bad("vector".to_owned()))?),
        ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => {
            return Err(usage(format!(
                "a parameter of type {ty} cannot be given on the command line"
            )));
        }
    })
}

fn text(value: Val) -> String {
    match value {
        Val::I32(v) => v.to_string(),
        Val::I64(v) => v.to_string(),
        Val::F32(v) => f32::from_bits(v).to_string(),
        Val::F64(v) => f64::from_bits(v).to_string(),
        Val::V128(v) => v.to_string(),
        Val::FuncRef(0) | Val::ExternRef(0) | Val::ExnRef(0) => "null".to_owned(),
        Val::FuncRef(v) => format!("function {v:#x}"),
        Val::ExternRef(v) => format!("extern {v:#x}"),
        Val::ExnRef(v) => format!("exception {v:#x}"),
    }
}

fn failed(error: CallError, clock: Option<&Clock>) -> Result<u8> {
    match error {
        CallError::Trap(trap) => ended(trap, clock),
        error => Err(error.into()),
    }
}

/// The exit code of a program that did not return: its own, or that of a trap,
/// which is explained.
fn ended(mut trap: Trap, clock: Option<&Clock>) -> Result<u8> {
    match (&trap.reason, clock) {
        // As a native process: the low byte counts.
        (&TrapReason::Exit(code), _) => Ok(code as u8),
        (TrapReason::Code(TrapCode::Interrupted), Some(clock)) => {
            trap.reason = TrapReason::Host(clock.message());
            Ok(clock.ended(trap))
        }
        (TrapReason::Code(_), _) => {
            complain("error", trap);
            Ok(TRAP)
        }
        (TrapReason::Host(_), _) => {
            complain("error", trap);
            Ok(FAILURE)
        }
    }
}
