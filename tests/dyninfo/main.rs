//! Modules of the `dyninfo` convention: what the loader does in their memory
//! and table, how they mix with others, and how they open libraries. Every
//! process runs with the independent check on.

#![cfg(feature = "compiler")]

#[path = "../common/mod.rs"]
mod common;
mod copies;
mod modules;
mod opening;
mod programs;
mod references;
