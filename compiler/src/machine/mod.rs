//! What the compiler does differently for each machine.
//!
//! What describes a machine is data, and stands in [`wasmaot_abi::machine`]. What
//! has to be done, such as encoding an instruction, is a [`Backend`], in a file for
//! each machine, and nowhere else in the compiler. Another machine is one more
//! file here, and a line in [`ALL`].

mod aarch64;
mod backend;
mod x86_64;

pub(crate) use self::backend::{
    Backend, Draft, FRAME_RECORD, GOT_PLT_RESERVED, Location, Moved, Refined, plt_slot,
};
#[cfg(test)]
pub(crate) use self::x86_64::samples;

/// Every machine that code can be made for.
pub(crate) const ALL: &[&dyn Backend] = &[&x86_64::X86_64, &aarch64::Aarch64];
