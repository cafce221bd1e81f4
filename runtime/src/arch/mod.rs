//! What depends on the machine and is done rather than looked up in its
//! description ([`HOST`]). Nothing outside this folder knows the machine.
//!
//! What is the same on all of them stands in `records.rs` and `core_note.rs`, what is
//! known of other machines too in `branches`. Each machine has a folder that defines the
//! same:
//!
//! | | |
//! |---|---|
//! | `enter`, `Entry`, `Regs`, `abandon` | the way into wasm code and out of it |
//! | `host_stub`, `builtin_stub`, `domain_thunk`, `lazy_stub` | code between objects, the host and the runtime |
//! | `HOST_CALL_FRAME`, `THUNK_SAVED_BASE` | what their frames are like |
//! | `throw` | to the handler of an exception |
//! | `branch_at`, `branch_target`, `branch_field`, `jump`, `plt_slot`, `BRANCH_SIZE` | calls and jumps, to read and to change |
//! | `flush_code`, `publish_code` | what has to be done before written code is executed, and before other threads find code |
//! | `Registers`, `FloatState`, `Opcode`, `DWARF_REGISTERS`, `RETURN_ADDRESS`, `unwind_stub`, `unwind_frameless` | registers, and callers where no unwind information says |
//! | `BREAKPOINT`, `core_notes` | the instruction by which debuggers stop a program; what a core file has of the system |
//! | `Fault` | the registers of a signal, and where to go on |
//! | `host_cpu`, `missing_cpu` | the features of this CPU |

use wasmaot_abi::machine::Machine;

mod branches;
mod core_note;
mod records;

pub(crate) use branches::Branches;
pub(crate) use core_note::core_auxv;
pub(crate) use records::{HostEntries, Resume, Vectors};

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub use aarch64::host_cpu;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::host_cpu;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
compile_error!("wasmaot's runtime supports AArch64 and x86-64 only so far");

/// The description of this machine.
pub(crate) const HOST: &Machine = match Machine::HOST {
    Some(machine) => machine,
    None => panic!("the contract has no description of this machine"),
};
/// Alignment of what is mapped from an object's file.
pub(crate) const IMAGE_ALIGN: u64 = HOST.image_align;
