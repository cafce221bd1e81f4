//! Sysroots: the headers and the position-independent libraries that C and C++
//! programs are compiled and linked against.
//!
//! ```text
//! find      where sysroots are, and which one is taken
//! install   making one
//!  sources  what others publish of it (fetch, archive)
//!  musl     the C library
//!  cxx      the C++ library
//!  wasi     the C library for WASI
//!  work     running compilers
//!  place    putting it where it is to be, whole
//! layout    what is in one, and which flags programs need for it
//! clang     the compiler
//! ```
//!
//! A sysroot is one directory that can be moved and copied:
//!
//! ```text
//! sysroot.json                    what it is (`Record`)
//! include/                        headers of C
//! include/c++/v1/                 headers of C++
//! lib/crt1.o                      the start of a program
//! lib/libc.so lib/libc++.so       the libraries
//! lib/{cpp_exception,c_longjmp}.o tags of exceptions, for programs
//! lib/unwind.o                    what each module in C++ has of its own
//! lib/libclang_rt.builtins.a      what clang calls for 128-bit numbers
//! lib/lib{m,dl,pthread,…}.a       empty where libc has it all
//! lib/threads/                    the same for `-pthread`
//! ```
//!
//! A further libc is a variant of [`Libc`] with a name and a host, an entry in
//! [`downloads`], and a module beside `musl` and `wasi` that makes this of it and
//! says by a [`Record`] what its programs are compiled with. Nothing else has to
//! know of it.

mod archive;
mod clang;
mod cxx;
mod fetch;
mod files;
mod find;
mod install;
mod layout;
mod musl;
mod place;
mod sources;
mod wasi;
mod work;

pub use clang::Clang;
pub use fetch::{Download, Origin};
pub use find::{VARIABLE, installed, remove, user_directory};
pub use install::Install;
pub use layout::{FORMAT, Host, Language, Libc, Output, Record, Sysroot, Target};
pub use sources::downloads;
pub use work::{Interrupted, Step};
