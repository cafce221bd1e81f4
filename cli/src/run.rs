//! `wasmaot run`.

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wasmaot::{LibraryFinder, input};
use wasmaot_abi::trap::TrapCode;
use wasmaot_hosts::{HostEnv, flat_libc};
use wasmaot_runtime::flat;
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{Bind, CallError, Config, Error, InstanceId, Object, Process, Unresolved};

use crate::advice::NotLinked;
use crate::grant::grant_all;
use crate::libraries::{self, Line, Shared};
use crate::options::Run;
use crate::report::{FAILURE, complain, print, say, usage};
use crate::timeout::{Clock, Timeout};
use crate::{debug, invoke, opening};

/// Exit code after a trap: that of a process that ends by SIGABRT.
const TRAP: u8 = 134;

/// Loads and runs the program; answers the exit code.
pub(crate) fn run(args: &Run) -> Result<u8> {
    let clock = args.timeout.as_ref().map(Timeout::start);
    let clock = clock.as_ref();
    run_until(args, clock).or_else(|error| ended_by(error, clock))
}

/// A program that is to be run, and all that is loaded with it.
struct Program {
    main: Arc<Object>,
    beside: Vec<Arc<Object>>,
    /// Whether it is one of the flat ABI.
    is_flat: bool,
    /// What it is given.
    words: Vec<OsString>,
}

fn run_until(args: &Run, clock: Option<&Clock>) -> Result<u8> {
    // When it ends, the system takes back all that it has, faster than we can
    // piece by piece.
    let mut process = ManuallyDrop::new(Process::new(config(args)?)?);
    if let Some(clock) = clock {
        clock.stops(process.interrupter());
    }
    let program = open(args, &mut process)?;
    if args.explain.is_some() || args.trace_loaded {
        return show(args, &mut process, program).map(|()| 0);
    }
    let Program {
        main,
        beside,
        is_flat,
        words,
    } = program;
    let loaded = match is_flat {
        true => process.load_flat(main, &beside),
        false => process.load_program(main, &beside),
    };
    let id = loaded.map_err(|error| not_linked(error, &words))?;
    if is_flat {
        return start_flat(args, &mut process, id);
    }
    match args.invoke.is_empty() {
        true => process.start(id)?,
        false => invoke::all(&mut process, id, &args.invoke, &words)?,
    }
    Ok(0)
}

/// Opens the program and its libraries, and gives the process what the program
/// may see of the host. Plain modules that are known by a name are there then.
fn open(args: &Run, process: &mut Process) -> Result<Program> {
    let mut library = opening::finder(
        &args.search,
        args.program(),
        #[cfg(feature = "compiler")]
        &args.codegen,
    );
    for grant in &args.grants {
        match grant.read_only {
            true => library.grant_read_only(&grant.host, &grant.guest),
            false => library.grant(&grant.host, &grant.guest),
        }
    }
    let main = open_program(&mut library, args.program())?;
    let mut beside = opening::open_all(&mut library, &args.search.preload)?;
    let finder = Shared::new(library);
    let Line { libraries, words } = Line::read(args, &main, &finder)?;
    opening::add_hosts(process, host(args, &words)?);
    process.set_finder(finder);
    let is_flat = flat::is_program(&main) && args.invoke.is_empty();
    if is_flat {
        process.add_host_functions(flat_libc::functions(std::io::stdout()));
        beside.extend(libraries.into_iter().map(|library| library.object));
    } else {
        let runs = args.explain.is_none() && !args.trace_loaded;
        for library in libraries::instantiate(process, &main, libraries, runs)? {
            process.add_library(library);
        }
    }
    Ok(Program {
        main,
        beside,
        is_flat,
        words,
    })
}

/// Links the program, and shows what came of it.
fn show(args: &Run, process: &mut Process, program: Program) -> Result<()> {
    let linked = process.link_program(program.main, &program.beside);
    linked.map_err(|error| not_linked(error, &program.words))?;
    if let Some(symbol) = &args.explain {
        return print(process.explain(symbol).to_string());
    }
    for entry in process.link_map() {
        print(format!(
            "{} => {} ({:#018x})\n",
            entry.name,
            entry.path.display(),
            entry.load_address
        ))?;
    }
    Ok(())
}

/// Starts a flat program and says how it ended, as its own runner did.
fn start_flat(args: &Run, process: &mut Process, id: InstanceId) -> Result<u8> {
    match process.start_flat(id) {
        Ok(value) => {
            let name = args.program().display();
            say(format_args!("{name}::main() returned {value}"));
            Ok(value as u8)
        }
        Err(error) => {
            if let CallError::Trap(trap) = &error
                && let TrapReason::Exit(code) = trap.reason
            {
                say(format_args!("Program terminated with: exit({code})"));
            }
            Err(error.into())
        }
    }
}

/// Opens the program; `-` is a module from standard input.
fn open_program(library: &mut LibraryFinder, program: &Path) -> Result<Arc<Object>> {
    if program != Path::new(input::STREAM) {
        return Ok(library.open(program)?);
    }
    let (name, bytes) = input::read(program)?;
    Ok(library.open_module(Path::new(&name), &bytes)?)
}

fn config(args: &Run) -> Result<Config> {
    if args.lazy_load && args.bind != Bind::Lazy {
        return Err(usage("--lazy-load needs --bind lazy"));
    }
    let defaults = Config::default();
    Ok(Config {
        max_memory: args.max_memory.map_or(defaults.max_memory, |size| size.0),
        stack_size: args.stack_size.0,
        max_threads: args
            .max_threads
            .map_or(defaults.max_threads, NonZeroU32::get),
        // What is to be explained may be just that.
        unresolved: match args.explain {
            Some(_) => Unresolved::Ignore,
            None => args.unresolved,
        },
        bind: args.bind,
        dl_stubs: args.dl_stubs,
        lazy_load: args.lazy_load,
        check: std::env::var_os("WASMAOT_CHECK").is_some(),
        trace: debug::trace()?,
        ..defaults
    })
}

/// What the program may see of the host.
fn host(args: &Run, words: &[OsString]) -> Result<HostEnv> {
    let name = match &args.argv0 {
        Some(name) => name,
        None => args.program().file_name().unwrap_or_default(),
    };
    let mut wasi = HostEnv::new()
        .inherit_stdio()
        .args([name.as_bytes()])
        .args(words.iter().map(|word| word.as_bytes()));
    for variable in &args.env {
        let text = variable.as_bytes();
        let set = text.iter().position(|&byte| byte == b'=');
        wasi = match set {
            Some(0) => {
                return Err(usage(format!(
                    "--env {}: a variable without a name; it is K=V",
                    variable.display()
                )));
            }
            Some(at) => wasi.env(&text[..at], &text[at + 1..]),
            None => match std::env::var_os(variable) {
                Some(value) => wasi.env(text, value.as_bytes()),
                None => wasi,
            },
        };
    }
    for address in &args.listen {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("--listen {address}: cannot listen there (HOST:PORT)"))?;
        wasi = wasi.listener(listener);
    }
    grant_all(wasi, &args.grants)
}

/// What is known of the command line that helps with an error.
fn not_linked(error: Error, words: &[OsString]) -> anyhow::Error {
    match error {
        Error::Unresolved(_) => NotLinked {
            error,
            words: words.to_vec(),
        }
        .into(),
        error => error.into(),
    }
}

/// The exit code where the program has not returned: its own, that of a trap,
/// or that of a time that is over. What went wrong elsewhere stays an error.
fn ended_by(error: anyhow::Error, clock: Option<&Clock>) -> Result<u8> {
    let error = match error.downcast::<CallError>() {
        Ok(CallError::Trap(trap)) => return ended(trap, clock),
        Ok(error) => error.into(),
        Err(error) => error,
    };
    match (error.downcast::<Error>()?, clock) {
        (Error::Init { trap, .. }, _) => ended(*trap, clock),
        (Error::Interrupted, Some(clock)) => Ok(clock.ended(clock.message())),
        (error, _) => Err(error.into()),
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
        (_, _) => {
            complain("error", trap);
            Ok(FAILURE)
        }
    }
}
