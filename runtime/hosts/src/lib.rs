//! Hosts for programs: what a program reaches outside of its memory, as tables
//! of host functions for a [`Process`](wasmaot_runtime::Process). Everything
//! here is built on the public host interface of `wasmaot-runtime`.
//!
//! | module | |
//! |---|---|
//! | [`wasi`] | WASI preview 1 |
//! | [`linux`] | Linux system calls, for a libc that was built for Linux |
//! | [`flat_libc`] | the C library that flat programs expect of their host |
//! | `env` | [`HostEnv`]: what a program is given, in either of the first two |
//! | `listing`, `file` | directories as they are listed, open files of the host |
//! | `beneath` | paths, which never lead out of a granted directory |
//! | `memory` | the program's memory, where every pointer is checked |
//! | `wait`, `lock`, `errno` | waiting that a request to stop ends; locks; error numbers |
//!
//! `wasi`, `linux` and `flat_libc` do not know of each other; they use the modules
//! named after them, each of which uses only modules named below itself.
//!
//! # Threads
//!
//! The functions of one table share one state, which several threads may use
//! at once. Each part of it that changes has a lock of its own:
//!
//! | lock | held |
//! |---|---|
//! | the table of descriptors | to look one up, to add or take one out; never while one is used or closed |
//! | rights and flags of a WASI descriptor, flags of an open file of Linux | to read or change them, and while the host's own flags are changed with them |
//! | the listing of an open directory | while it is read, and once while the host lists the directory |
//! | the position in given input, captured output | while bytes are copied |
//! | the current directory | to copy or replace the path |
//! | who changes the current directory | while it is changed here and for the loader |
//! | the addresses that `brk` and `mmap` have given | while they change, with the memory growing or being cleared |
//! | the threads of Linux | to look one up, to add or take one out |
//! | the heap of `flat_libc` | while memory is given, with the memory growing |
//! | the writer of `flat_libc` | while `puts` and `putchar` write |
//!
//! No lock is held in a call that may block, but by those who would write by the
//! same writer of `flat_libc` or list the same directory. None is taken while
//! another of these is held, except the current directory's while it is being
//! changed; the process's own, of the runtime, come after them. A
//! descriptor is counted: one thread may close it while another reads from it;
//! its number is free at once, and the file is closed when the last call on it is
//! done.
//!
//! What a function is given in memory, other threads may change while it runs: it
//! is copied once, and checked in the copy (`memory`).

#![forbid(unsafe_code)]

mod beneath;
mod env;
mod errno;
mod file;
pub mod flat_libc;
pub mod linux;
mod listing;
mod lock;
mod memory;
#[cfg(test)]
mod path_cases;
#[cfg(test)]
mod race;
mod wait;
pub mod wasi;

pub use env::{Granted, HostEnv, Input, Output, OutputBuffer};
