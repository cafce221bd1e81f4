//! Linux system calls as imported functions, for a libc that was built for
//! Linux: `__syscall0` to `__syscall6`, `__syscall` and `__syscall_cp` of `env`
//! with the numbers of i386, `__wasm_syscall` of `env` and `syscall` of
//! `thinthin` with those of x86-64. Beside them, `__clone_thread` of `env` makes a
//! thread: no function of wasm returns twice, as `clone` does.
//!
//! Both tables of numbers lead to one set of implementations (`offered`);
//! what is not among them answers `ENOSYS`. A new call is a Rust function of
//! `call::Call` and its row there.
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
mod futex;
mod io;
mod locks;
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
mod thread;
mod time;
mod trace;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use wasmaot_abi::name::ENV;
use wasmaot_runtime::{
    Caller, HostAnswer, HostEntry, HostError, HostLibrary, HostState, MemoryId, WasmResults,
    host_entry,
};

use self::call::Words;
use self::mount::Mounts;
use self::numbers::Abi;
use self::space::Space;
use self::table::Table;
use self::thread::Threads;
use crate::HostEnv;
use crate::listing::Room;
use crate::wait;

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
    threads: Arc<Threads>,
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
            threads: Arc::default(),
        }
    }
}

/// What an imported function works on.
struct Program<'a> {
    caller: Caller<'a>,
    state: &'a State,
}

impl HostState for State {
    type Context<'a> = Program<'a>;

    fn context<'a>(&'a self, caller: &'a mut Caller<'_>) -> Program<'a> {
        Program {
            caller: caller.reborrow(),
            state: self,
        }
    }
}

/// A word, or the end of the program.
impl<T: WasmResults> HostAnswer<State> for Result<T, HostError> {
    type Values = T;

    fn into_result(self) -> Self {
        self
    }
}

/// A call by a number of i386.
fn i386<const N: usize>(
    program: &mut Program<'_>,
    number: u32,
    args: [u32; N],
) -> Result<i32, HostError> {
    let mut words = Words::default();
    for (word, arg) in words.iter_mut().zip(args) {
        *word = arg.into();
    }
    // i386 knows 32 bits of an answer.
    call::run(program, Abi::I386, number.into(), words).map(|answer| answer as i32)
}

/// A call by a number of i386 that is a cancellation point.
fn cancellation_point(
    program: &mut Program<'_>,
    number: u32,
    args: [u32; ARGUMENTS],
) -> Result<i32, HostError> {
    let cancellation = program.cancellation();
    wait::cancellation_point(&cancellation, || i386(program, number, args))
}

/// A call by a number of x86-64.
fn x86_64(program: &mut Program<'_>, number: u64, args: Words) -> Result<i64, HostError> {
    call::run(program, Abi::X86_64, number, args)
}

const FUNCTIONS: &[HostEntry<State>] = &[
    host_entry!(State, ENV, "__syscall0", i386::<0>),
    host_entry!(State, ENV, "__syscall1", i386::<1>),
    host_entry!(State, ENV, "__syscall2", i386::<2>),
    host_entry!(State, ENV, "__syscall3", i386::<3>),
    host_entry!(State, ENV, "__syscall4", i386::<4>),
    host_entry!(State, ENV, "__syscall5", i386::<5>),
    host_entry!(State, ENV, "__syscall6", i386::<6>),
    host_entry!(State, ENV, "__syscall", i386::<6>).of_any_integers(),
    host_entry!(State, ENV, "__syscall_cp", cancellation_point).of_any_integers(),
    host_entry!(State, ENV, "__clone_thread", thread::clone_thread),
    host_entry!(State, ENV, "__wasm_syscall", x86_64).of_any_integers(),
    host_entry!(State, "thinthin", "syscall", x86_64).of_any_integers(),
];

/// All functions, for one program.
pub fn functions(env: HostEnv) -> HostLibrary {
    HostLibrary::new(FUNCTIONS, || State::new(env))
}
