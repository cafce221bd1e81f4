//! What those who run programs for others need: the cache looked after, and
//! shared by machines.

#![cfg(feature = "compiler")]

mod cache;
#[path = "../common/mod.rs"]
mod common;
mod remote;
