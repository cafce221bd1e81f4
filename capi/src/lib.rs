//! The library behind `include/wasmaot.h`, which says what each function
//! promises: the library [`wasmaot`] for programs in C.
//!
//! Every function is one of the border: it takes pointers that are as the
//! header demands, and hands on to safe code. A null pointer is an error, a panic
//! ends at the border and is one too, and a process that is in use by another
//! thread or by the call that led here is not touched.
//!
//! | file | |
//! |---|---|
//! | `border` | pointers to references, panics and errors to what C understands |
//! | `value` | wasm values |
//! | `process` | processes and their options |
//! | `library` | libraries, their exports and memories |
//! | `function` | functions and calls |
//! | `host` | host functions that are C functions |
//! | `interrupt` | stopping a process from another thread |

#![allow(non_camel_case_types, reason = "the names are those of the header")]

mod border;
mod function;
mod host;
mod interrupt;
mod library;
mod process;
mod value;
