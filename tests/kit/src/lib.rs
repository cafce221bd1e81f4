//! Real inputs for the end-to-end tests: C programs of our own, well-known C
//! libraries from crates, and modules that others published.
//!
//! Everything is made on demand, once, under `target/wasmaot-inputs`, keyed by
//! a hash of what it is made from; any number of test processes may ask for
//! the same thing at once. What needs the network is fetched by `npm`, `cargo`
//! and `apt-get` at first use and never again. A tool that is missing is a failure
//! that says how to get it: nothing is skipped.
//!
//! The kit knows toolchains, not wasmaot: what it has of it are the binary that a
//! test hands to [`Wasmaot::new`], and how sysroots are made.

mod bare_root;
mod cache;
mod case;
mod debian;
mod fetch;
mod manifest;
mod musl;
mod native;
mod prelinked;
mod python;
mod run;
mod sysroots;
mod threads;
mod tools;
mod wasm;

pub use bare_root::BareRoot;
pub use cache::{Key, Scratch, once, root, scratch};
pub use case::{Case, Form, examples, link_sources, own_headers, sources};
pub use debian::{CJSON, LUA, Source};
pub use fetch::{
    SQLITE_FLAGS, crate_sources, npm_package, python_package, python_sources, sqlite_shell_sources,
    sqlite_sources, sysroot,
};
pub use manifest::{Bind, Options};
pub use musl::{Musl, musl, musl_with_threads};
pub use native::{Artifact, executable, shared_object};
pub use prelinked::Prelinked;
pub use python::Cpython;
pub use run::{Run, Wasmaot, run};
pub use sysroots::{musl_sysroot, sources_of, wasi_static_libc, wasi_sysroot};
pub use threads::{Additions, ThreadsProgram, ThreadsUnit, c_files};
pub use tools::{Tool, tools};
pub use wasm::{Code, Kind, Link, libc, library_directory, object, objects, start_file};
