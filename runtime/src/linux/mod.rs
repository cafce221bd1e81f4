//! Linux system calls as imported functions, for a libc that was built for
//! Linux: `__syscall0` to `__syscall6`, `__syscall` and `__syscall_cp` of `env`
//! with the numbers of i386, `__wasm_syscall` of `env` and `syscall` of
//! `thinthin` with those of x86-64.
//!
//! Both tables of numbers lead to one set of implementations ([`offered`]);
//! what is not among them answers `ENOSYS`. Files are reached through cap-std
//! alone, so no path leads out of a granted directory; the program's memory is
//! reached as WASI's functions do. Nothing here is `unsafe`, and no lock is
//! held while a call may block.

mod call;
mod dir;
mod error;
mod file;
mod io;
mod memory;
mod mount;
mod numbers;
mod offered;
mod path;
mod poll;
mod process;
mod ranges;
mod space;
mod stat;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod trace;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use wasmaot_abi::types::{FuncType, ValType};

use self::call::Words;
use self::mount::Mounts;
use self::numbers::Abi;
use self::space::Space;
use self::table::Table;
use crate::host::{Caller, HostError, HostFunction};
use crate::value::Val;
use crate::wasi::Wasi;

/// Most arguments of a system call.
const ARGUMENTS: usize = 6;

/// What a program sees of the host through system calls: the same arguments,
/// environment, streams and directories that a WASI program is given.
///
/// A granted directory is mounted where its name says, seen from `/`: `/data`
/// and `data` at `/data`, `.` and `/` at `/`. The program starts in `/`.
/// Arguments and environment are what `/proc/self/cmdline` and
/// `/proc/self/environ` hold.
#[derive(Debug)]
pub struct Linux {
    surroundings: Wasi,
}

impl Linux {
    /// Takes a program's surroundings. Sockets among them are closed: they
    /// have no number here.
    pub const fn new(surroundings: Wasi) -> Self {
        Self { surroundings }
    }

    fn into_state(self) -> State {
        let Wasi {
            args,
            env,
            stdin,
            stdout,
            stderr,
            preopens,
            ..
        } = self.surroundings;
        State {
            args,
            env,
            table: Mutex::new(Table::new(stdin, stdout, stderr)),
            mounts: Mounts::new(preopens),
            spaces: Mutex::default(),
        }
    }
}

/// What all functions of one program share.
struct State {
    args: Vec<Vec<u8>>,
    /// As `name=value`.
    env: Vec<Vec<u8>>,
    table: Mutex<Table>,
    mounts: Mounts,
    /// What `brk` and `mmap` have given of each memory, by its domain.
    spaces: Mutex<HashMap<u64, Space>>,
}

/// All functions, working on one program's surroundings.
pub fn functions(linux: Linux) -> Vec<HostFunction> {
    let state = Arc::new(linux.into_state());
    let mut all = Vec::new();
    for arguments in 0..=ARGUMENTS {
        let name = format!("__syscall{arguments}");
        all.push(function(&state, "env", &name, Abi::I386, arguments));
    }
    for name in ["__syscall", "__syscall_cp"] {
        let function = function(&state, "env", name, Abi::I386, ARGUMENTS);
        all.push(function.of_any_integers());
    }
    for (module, name) in [("env", "__wasm_syscall"), ("thinthin", "syscall")] {
        let function = function(&state, module, name, Abi::X86_64, ARGUMENTS);
        all.push(function.of_any_integers());
    }
    all
}

/// A function of a number and so many arguments.
fn function(
    state: &Arc<State>,
    module: &str,
    name: &str,
    abi: Abi,
    arguments: usize,
) -> HostFunction {
    let word = match abi {
        Abi::I386 => ValType::I32,
        Abi::X86_64 => ValType::I64,
    };
    let ty = FuncType::new(vec![word; 1 + arguments], [word]);
    let state = Arc::clone(state);
    let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
        let [number, args @ ..] = args else {
            return Err(mismatch());
        };
        let mut words = Words::default();
        for (word, arg) in words.iter_mut().zip(args) {
            *word = arg.bits() as u64;
        }
        let answer = call::run(caller, &state, abi, number.bits() as u64, words)?;
        let [result] = results else {
            return Err(mismatch());
        };
        *result = Val::from_bits(word, u128::from(answer.cast_unsigned()));
        Ok(())
    };
    HostFunction::new(module, name, ty, body)
}

fn mismatch() -> HostError {
    HostError::Message("a system call without a number; recompile the module".to_owned())
}
