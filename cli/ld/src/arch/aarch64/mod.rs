//! AArch64. musl moves and fills bytes by code of its own for this machine.

mod entry;
