//! The dynamic linker on modules as text: what is bound to what, and how it
//! fails. Every process runs with the independent check on.

#![cfg(feature = "compiler")]

mod binding;
#[path = "../common/mod.rs"]
mod common;
mod damage;
mod domains;
mod imports;
mod placement;
mod types;
