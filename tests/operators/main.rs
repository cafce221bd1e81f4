//! What those who run programs for others need: the cache looked after.

#![cfg(feature = "compiler")]

mod cache;
#[path = "../common/mod.rs"]
mod common;
