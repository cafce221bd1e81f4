//! Sysroots: the headers and the position-independent libraries that C and C++
//! programs are compiled and linked against.
//!
//! ```text
//! find     where sysroots are, and which one is taken
//! layout   what is in one, and which flags programs need for it
//! clang    the compiler
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

mod clang;
mod find;
mod layout;

pub use clang::Clang;
pub use find::{VARIABLE, installed, user_directory};
pub use layout::{FORMAT, Host, Language, Libc, Output, Record, Sysroot, Target};
