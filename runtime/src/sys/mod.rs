//! The operating system's memory and files, behind types that keep the
//! promises the rest relies on: a page is never writable and executable at
//! once (no value of [`Access`] says so), nothing outside a reservation is
//! ever remapped, and everything is given back on drop.

pub(crate) mod barrier;
mod budget;
mod code;
mod command;
mod debugger;
mod file;
mod guest;
pub(crate) mod host_stack;
mod image;
pub(crate) mod interrupt;
pub(crate) mod live;
mod pause;
mod perf_map;
mod reserve;
mod stack;

pub(crate) use budget::Budget;
pub(crate) use code::CodeArea;
pub use command::{prepare_command, was_closed};
pub(crate) use debugger::{Registered, is_debugger_listening, parts as debugger_parts};
pub use file::FileId;
pub(crate) use file::FileMap;
#[cfg(test)]
pub(crate) use file::memfd;
pub use guest::{GuestBuffers, GuestMemory};
pub(crate) use image::Image;
pub(crate) use perf_map::add_to_perf_map;
pub(crate) use reserve::{Access, Reservation};
pub(crate) use stack::Window;

use crate::arch;
pub use crate::error::SystemError;

/// Bytes of the largest page that a kernel for this machine may have: a multiple of it
/// is one of the running kernel's, too.
pub(crate) const PAGE: u64 = arch::HOST.image_align;

/// The smallest page that a kernel of any machine has.
const SMALLEST_PAGE: u64 = 4096;

/// Bytes of a page of the running kernel. What is mapped of a file ends with one: beyond
/// its last page there is nothing, not even within a [`PAGE`].
pub(crate) fn kernel_page() -> u64 {
    match PAGE {
        SMALLEST_PAGE => PAGE,
        _ => rustix::param::page_size() as u64,
    }
}

/// Rounds up to whole pages; `None` beyond 64 bits.
pub(crate) const fn page_up(bytes: u64) -> Option<u64> {
    bytes.checked_next_multiple_of(PAGE)
}

/// Rounds down to whole pages.
pub(crate) const fn page_down(bytes: u64) -> u64 {
    bytes & !(PAGE - 1)
}
