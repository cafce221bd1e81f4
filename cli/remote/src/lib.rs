//! Bytes by name in a store that several machines reach: S3, Redis, memcached,
//! WebDAV, or a shared directory, all of them through OpenDAL.
//!
//! Such a store may be slow, down, or in the hands of others, and what speaks its
//! protocol is a hundred crates that were not written for that. So it is spoken
//! with by a process of its own, the [server](serve), which the command starts as
//! itself when something is looked for first. That has a limit on its memory, is
//! asked through a socket with a time limit, and is killed where it does not
//! answer: what a store does to it never reaches the process that runs a program.
//!
//! Nothing here is trusted, and no key is known: who asks checks what comes.

mod client;
mod limits;
mod server;
mod url;
mod wire;

pub use client::Store;
pub use server::serve;
pub use url::{KINDS, Url};
pub use wire::{Finished, Found, WORD};
