//! The dynamic linker on modules as text: what is bound to what, and how it
//! fails. Every process runs with the independent check on.

#![cfg(feature = "compiler")]

mod binding;
mod damage;
mod domains;
mod imports;
mod placement;
#[path = "../common/program.rs"]
mod program;
#[path = "../common/spawn.rs"]
mod spawn;
mod threads;
mod types;
