//! Linux system calls as imported functions, for a libc that was built for
//! Linux: `__syscall0` to `__syscall6`, `__syscall` and `__syscall_cp` of `env`
//! with the numbers of i386, `__wasm_syscall` of `env` and `syscall` of
//! `thinthin` with those of x86-64.
//!
//! Both tables of numbers lead to one set of implementations (`offered`);
//! what is not among them answers `ENOSYS`.
//!
//! A program is given the same arguments, environment, streams and directories
//! as one that uses WASI. A granted directory is mounted where its name says,
//! seen from `/`: `/data` and `data` at `/data`, `.` and `/` at `/`. The program
//! starts in `/`. Arguments and environment are what `/proc/self/cmdline` and
//! `/proc/self/environ` hold. No path leads out of a granted directory.

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
mod space;
mod stat;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod trace;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use wasmaot_abi::name::ENV;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_runtime::{Caller, HostEntry, HostError, HostFunction, HostLibrary, MemoryId, Val};

use self::call::Words;
use self::mount::Mounts;
use self::numbers::Abi;
use self::space::Space;
use self::table::Table;
use crate::HostEnv;
use crate::listing::Room;

/// Most arguments of a system call.
const ARGUMENTS: usize = 6;

/// What all functions of one program share.
struct State {
    args: Vec<Vec<u8>>,
    /// As `name=value`.
    env: Vec<Vec<u8>>,
    table: Mutex<Table>,
    /// For listings of directories.
    room: Room,
    mounts: Mounts,
    /// What `brk` and `mmap` have given of each memory.
    spaces: Mutex<HashMap<MemoryId, Space>>,
}

impl State {
    /// Takes what a program is given. Sockets are closed: they have no number
    /// here.
    fn new(env: HostEnv) -> Self {
        let HostEnv {
            args,
            env,
            stdin,
            stdout,
            stderr,
            preopens,
            max_open_files,
            sockets: _,
        } = env;
        Self {
            args,
            env,
            table: Mutex::new(Table::new(stdin, stdout, stderr, max_open_files)),
            room: Room::default(),
            mounts: Mounts::new(preopens),
            spaces: Mutex::default(),
        }
    }
}

/// What the functions share: made with the first of them.
type Shared = LazyLock<Arc<State>, Box<dyn FnOnce() -> Arc<State> + Send>>;

/// An entry for a function of a number and so many arguments.
macro_rules! entry {
    ($name:literal, $arguments:literal) => {
        HostEntry {
            module: ENV,
            name: $name,
            ty: || type_of(Abi::I386, $arguments),
            make: |shared, entry| function(shared, entry, Abi::I386, $arguments),
        }
    };
    ($module:expr, $name:literal, $abi:expr) => {
        HostEntry {
            module: $module,
            name: $name,
            ty: || type_of($abi, ARGUMENTS),
            make: |shared, entry| function(shared, entry, $abi, ARGUMENTS).of_any_integers(),
        }
    };
}

const FUNCTIONS: &[HostEntry<Shared>] = &[
    entry!("__syscall0", 0),
    entry!("__syscall1", 1),
    entry!("__syscall2", 2),
    entry!("__syscall3", 3),
    entry!("__syscall4", 4),
    entry!("__syscall5", 5),
    entry!("__syscall6", 6),
    entry!(ENV, "__syscall", Abi::I386),
    entry!(ENV, "__syscall_cp", Abi::I386),
    entry!(ENV, "__wasm_syscall", Abi::X86_64),
    entry!("thinthin", "syscall", Abi::X86_64),
];

/// All functions, for one program.
pub fn functions(env: HostEnv) -> HostLibrary {
    let state = || Arc::new(State::new(env));
    HostLibrary::new(FUNCTIONS, LazyLock::new(Box::new(state)))
}

/// The type of an argument.
const fn word(abi: Abi) -> ValType {
    match abi {
        Abi::I386 => ValType::I32,
        Abi::X86_64 => ValType::I64,
    }
}

/// The type of a function of a number and so many arguments.
fn type_of(abi: Abi, arguments: usize) -> FuncType {
    let word = word(abi);
    FuncType::new(vec![word; 1 + arguments], [word])
}

/// Such a function.
fn function(
    state: &Arc<State>,
    entry: &HostEntry<Shared>,
    abi: Abi,
    arguments: usize,
) -> HostFunction {
    let (ty, word) = (type_of(abi, arguments), word(abi));
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
    HostFunction::new(entry.module, entry.name, ty, body)
}

fn mismatch() -> HostError {
    HostError::Message("a system call without a number; recompile the module".to_owned())
}
