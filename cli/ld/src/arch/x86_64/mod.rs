//! x86-64.

#[cfg(musl)]
mod bytes;
mod entry;
