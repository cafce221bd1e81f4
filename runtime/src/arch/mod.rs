//! What depends on the machine: stubs, the way in and out of wasm code, the
//! registers of a signal. Nothing outside this folder knows the machine.

use wasmaot_abi::machine::Machine;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::host_cpu;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("wasmaot's runtime supports x86-64 only so far");

/// The description of this machine.
pub(crate) const HOST: &Machine = match Machine::HOST {
    Some(machine) => machine,
    None => panic!("the contract has no description of this machine"),
};
/// Alignment of what is mapped from an object's file.
pub(crate) const IMAGE_ALIGN: u64 = HOST.image_align;
