//! WASI preview 1: the functions of `wasi_snapshot_preview1`, complete; and the one
//! of `wasi-threads`.
//!
//! A function's wasm type follows from its Rust signature. The program's memory
//! is reached through `memory`, where every pointer is checked, and paths
//! through `beneath`, so that none leads out of a granted directory.
//!
//! A new function is a Rust function of `call::Call` and its parameters, and
//! its name in the table below.

mod call;
mod clock;
mod dir;
mod environ;
mod fd;
mod io;
mod path;
mod poll;
mod process;
mod sock;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod thread;
mod types;

use wasmaot_runtime::{HostEntry, HostLibrary, host_entry};

use self::state::State;
use crate::HostEnv;

/// Import module of all functions.
const MODULE: &str = "wasi_snapshot_preview1";

/// The functions by Rust module, each of the name that the guest imports.
macro_rules! functions {
    ($($module:ident: $($name:ident)*;)*) => {
        &[
            $($(host_entry!(State, MODULE, stringify!($name), $module::$name),)*)*
            host_entry!(State, THREADS, "thread-spawn", thread::spawn),
        ]
    };
}

/// Import module of the function that starts threads.
const THREADS: &str = "wasi";

const FUNCTIONS: &[HostEntry<State>] = functions! {
    environ: args_get args_sizes_get environ_get environ_sizes_get;
    clock: clock_res_get clock_time_get;
    fd: fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags
        fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times
        fd_renumber fd_seek fd_sync fd_tell;
    io: fd_pread fd_pwrite fd_read fd_write;
    dir: fd_prestat_dir_name fd_prestat_get fd_readdir;
    path: path_create_directory path_filestat_get path_filestat_set_times path_link
        path_open path_readlink path_remove_directory path_rename path_symlink
        path_unlink_file;
    poll: poll_oneoff;
    process: proc_exit proc_raise random_get sched_yield;
    sock: sock_accept sock_recv sock_send sock_shutdown;
};

/// All functions, for one program.
pub fn functions(env: HostEnv) -> HostLibrary {
    HostLibrary::new(FUNCTIONS, || State::new(env))
}
