//! What the compiler knows of a machine.

pub(crate) mod x86_64;
