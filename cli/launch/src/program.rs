//! A program from its objects to its exit code.

use std::fmt::{self, Display};
use std::mem::ManuallyDrop;
use std::sync::Arc;

use anyhow::Result;
use wasmaot_abi::trap::TrapCode;
use wasmaot_hosts::HostEnv;
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{CallError, Config, Error, InstanceId, Object, Process, flat};

use crate::libraries::{self, Library};
use crate::opening::add_hosts;
use crate::options::Options;
use crate::report::{FAILURE, complain, say};
use crate::timeout::{Clock, Timeout};

/// Exit code after a trap: that of a process that ends by SIGABRT.
const TRAP: u8 = 134;

/// Makes a process and does something in it, as long as there is time; answers
/// the exit code, which is that of the program where it does not return.
///
/// # Errors
/// What went wrong before the program ran.
pub fn within<F>(options: &Options, config: Config, body: F) -> Result<u8>
where
    F: FnOnce(&mut Process) -> Result<u8>,
{
    let clock = options.timeout.as_ref().map(Timeout::start);
    let clock = clock.as_ref();
    let run = || {
        // When it ends, the system takes back all that it has, faster than we
        // can piece by piece.
        let mut process = ManuallyDrop::new(Process::new(config)?);
        if let Some(clock) = clock {
            clock.stops(process.interrupter());
        }
        body(&mut process)
    };
    run().or_else(|error| ended_by(error, clock))
}

/// A program and all that is loaded with it.
pub struct Program {
    /// The program.
    pub main: Arc<Object>,
    /// Objects that are loaded before its libraries, then libraries.
    pub beside: Vec<Arc<Object>>,
    is_flat: bool,
}

/// A flat program, whose C library is a part of the command alone.
#[derive(Debug)]
pub struct NeedsCommand(String);

impl Display for NeedsCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(file) = self;
        write!(
            f,
            "{file}: is a flat program, whose C library is in the command alone; start it with \
             `wasmaot run`"
        )
    }
}

impl std::error::Error for NeedsCommand {}

/// What is done with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It runs.
    Run,
    /// Its exports are called: it is not taken for a flat program, which has a
    /// start of its own.
    Call,
    /// It is linked, and no code of it or of a library runs.
    Show,
}

impl Program {
    /// Gives a process what the program may see of the host; `flat` adds what
    /// flat programs have, where there is that. Plain modules among the
    /// libraries that are known by a name are there afterwards.
    ///
    /// # Errors
    /// What keeps such a module from being loaded, or ends its start functions.
    /// [`NeedsCommand`].
    pub fn prepare(
        process: &mut Process,
        host: HostEnv,
        main: Arc<Object>,
        libraries: Vec<Library>,
        as_what: Use,
        flat: Option<fn(&mut Process)>,
    ) -> Result<Self> {
        add_hosts(process, host);
        let is_flat = flat::is_program(&main) && as_what != Use::Call;
        let beside = match is_flat {
            true => {
                let Some(add) = flat else {
                    return Err(NeedsCommand(main.path().display().to_string()).into());
                };
                add(process);
                libraries.into_iter().map(|l| l.object).collect()
            }
            false => {
                let runs = as_what != Use::Show;
                let needed = libraries::instantiate(process, &main, libraries, runs)?;
                for library in needed {
                    process.add_library(library);
                }
                Vec::new()
            }
        };
        Ok(Self {
            main,
            beside,
            is_flat,
        })
    }

    /// Has objects loaded before all libraries.
    #[must_use]
    pub fn preload(mut self, objects: Vec<Arc<Object>>) -> Self {
        self.beside.splice(0..0, objects);
        self
    }

    /// Loads it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn load(&self, process: &mut Process) -> Result<InstanceId, Error> {
        let main = Arc::clone(&self.main);
        match self.is_flat {
            true => process.load_flat(main, &self.beside),
            false => process.load_program(main, &self.beside),
        }
    }

    /// Runs it; answers its exit code. `name`: what it is called.
    ///
    /// # Errors
    /// [`CallError`], which also is the end of a program that does not return.
    pub fn start(&self, process: &mut Process, id: InstanceId, name: impl Display) -> Result<u8> {
        if self.is_flat {
            return start_flat(process, id, name);
        }
        match process.start(id) {
            Ok(()) => Ok(0),
            Err(error) => exit_code(&error).map_or_else(|| Err(error.into()), Ok),
        }
    }
}

/// The exit code of a program that has asked for its end. It is taken before there is an
/// error of ours: that would look for its own backtrace if `RUST_BACKTRACE` says so,
/// which takes longer than a start.
const fn exit_code(error: &CallError) -> Option<u8> {
    match error {
        CallError::Trap(trap) => match trap.reason {
            // As a native process: the low byte counts.
            TrapReason::Exit(code) => Some(code as u8),
            _ => None,
        },
        _ => None,
    }
}

/// Starts a flat program and says how it ended, as its own runner did.
fn start_flat(process: &mut Process, id: InstanceId, name: impl Display) -> Result<u8> {
    match process.start_flat(id) {
        Ok(value) => {
            say(format_args!("{name}::main() returned {value}"));
            Ok(value as u8)
        }
        Err(error) => match exit_code(&error) {
            Some(code) => {
                say(format_args!("Program terminated with: exit({code})"));
                Ok(code)
            }
            None => Err(error.into()),
        },
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
