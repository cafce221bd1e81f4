//! What depends on the machine: stubs, the way in and out of wasm code, the
//! registers of a signal. Nothing outside this folder knows the machine.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::host_cpu;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("wasmaot's runtime supports x86-64 only so far");
