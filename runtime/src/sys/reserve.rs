//! Reserved ranges of address space.

use std::ffi::c_void;
use std::fs::File;
use std::ops::Range;
use std::ptr;

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap,
};

use super::{PAGE, SMALLEST_PAGE, SystemError, kernel_page};
use crate::arch;

/// What may be done with pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
    ReadExecute,
}

impl Access {
    fn prot(self) -> ProtFlags {
        match self {
            Self::Read => ProtFlags::READ,
            Self::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
            Self::ReadExecute => ProtFlags::READ | ProtFlags::EXEC,
        }
    }

    fn mprot(self) -> MprotectFlags {
        match self {
            Self::Read => MprotectFlags::READ,
            Self::ReadWrite => MprotectFlags::READ | MprotectFlags::WRITE,
            Self::ReadExecute => MprotectFlags::READ | MprotectFlags::EXEC,
        }
    }
}

/// A range of address space that belongs to this value alone: inaccessible at
/// first, mapped piecewise, unmapped as a whole on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    start: u64,
    len: u64,
    /// Address of the whole mapping, which has [`SLACK`] more.
    mapping: u64,
}

/// Bytes by which a mapping may begin before a [`PAGE`].
const SLACK: u64 = PAGE - SMALLEST_PAGE;

impl Reservation {
    /// Reserves `len` bytes (whole pages); costs address space, no memory.
    pub fn new(len: u64, what: &str) -> Result<Self, SystemError> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice; no
        // existing mapping is touched.
        let mapping = unsafe {
            let bytes = len.saturating_add(SLACK) as usize;
            mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::empty(), flags)
        }
        .map_err(|e| {
            SystemError::new(
                format!("reserve {len:#x} bytes of address space for {what} (see `ulimit -v` and vm.max_map_count)"),
                e,
            )
        })?;
        let mapping = mapping as u64;
        Ok(Self {
            start: mapping.next_multiple_of(PAGE),
            len,
            mapping,
        })
    }

    /// First address.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// Address past the last.
    pub const fn end(&self) -> u64 {
        self.start + self.len
    }

    /// Changes what may be done with pages inside the reservation. What was written
    /// there is what is executed from then on, if it may be.
    pub fn protect(&self, range: Range<u64>, access: Access) -> Result<(), SystemError> {
        let Some((at, len)) = self.pages(&range)? else {
            return Ok(());
        };
        // SAFETY: `pages` checked that the range lies inside this reservation,
        // whose pages no Rust value but this one owns.
        unsafe { mprotect(at, len, access.mprot()) }
            .map_err(|e| SystemError::new(format!("make {len:#x} bytes {access:?}"), e))?;
        if access == Access::ReadExecute {
            arch::flush_code(range);
        }
        Ok(())
    }

    /// Keeps pages out of dumps of the host's process: what is in them belongs
    /// to a program, and a dump may be of another's fault. Where the system
    /// refuses, they are in the dump.
    pub fn leave_out_of_dumps(&self, range: Range<u64>) {
        if let Ok(Some((at, len))) = self.pages(&range) {
            // SAFETY: `pages` checked that the range lies inside this
            // reservation; the advice changes nothing of its content.
            let _ = unsafe { madvise(at, len, Advice::LinuxDontDump) };
        }
    }

    /// Maps part of a file privately over pages inside the reservation.
    pub fn map_file(
        &self,
        range: Range<u64>,
        file: &File,
        offset: u64,
        access: Access,
    ) -> Result<(), SystemError> {
        let Some((at, len)) = self.pages(&range)? else {
            return Ok(());
        };
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        // SAFETY: `pages` checked that the range lies inside this reservation,
        // so that the fixed mapping replaces nothing but its own pages.
        unsafe { mmap(at, len, access.prot(), flags, file, offset) }
            .map(|_| ())
            .map_err(|e| SystemError::new(format!("map {len:#x} bytes of a file"), e))
    }

    /// Gives pages back: inaccessible, and zero when made accessible again.
    pub fn discard(&self, range: Range<u64>) -> Result<(), SystemError> {
        let Some((at, len)) = self.pages(&range)? else {
            return Ok(());
        };
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        // SAFETY: as in `map_file`.
        unsafe { mmap_anonymous(at, len, ProtFlags::empty(), flags) }
            .map(|_| ())
            .map_err(|e| SystemError::new(format!("give back {len:#x} bytes"), e))
    }

    /// The range as the system wants it; `None` if it is empty.
    fn pages(&self, range: &Range<u64>) -> Result<Option<(*mut c_void, usize)>, SystemError> {
        let page = kernel_page();
        let whole = range.start.is_multiple_of(page) && range.end.is_multiple_of(page);
        let inside = self.start <= range.start && range.end <= self.end();
        if range.start >= range.end {
            return Ok(None);
        }
        if !whole || !inside {
            return Err(SystemError::new(
                format!("change the mapping at {range:x?}"),
                rustix::io::Errno::INVAL,
            ));
        }
        let len = (range.end - range.start) as usize;
        Ok(Some((
            ptr::without_provenance_mut(range.start as usize),
            len,
        )))
    }
}

/// Makes pages of some reservation writable, for growth of a memory or table
/// whose reservation is not at hand. False if the system has no more memory.
///
/// # Safety
/// The range must be whole pages of a live reservation's memory or table.
pub(crate) unsafe fn make_writable(range: Range<u64>) -> bool {
    if range.start >= range.end {
        return true;
    }
    let at = ptr::without_provenance_mut(range.start as usize);
    let len = (range.end - range.start) as usize;
    // SAFETY: by this function's contract the pages hold data of wasm code
    // alone, which may always be read and written.
    unsafe { mprotect(at, len, Access::ReadWrite.mprot()) }.is_ok()
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let at = ptr::without_provenance_mut(self.mapping as usize);
        // SAFETY: the range is this value's own since `new`, and nobody uses
        // it after the owner is gone. A failure would leave it mapped, which
        // harms nobody.
        let _ = unsafe { munmap(at, (self.len + SLACK) as usize) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_has_is_left_out_of_dumps() {
        let r = Reservation::new(4 * PAGE, "a test").unwrap();
        r.leave_out_of_dumps(r.start()..r.end());
        r.protect(r.start()..r.end(), Access::ReadWrite).unwrap();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let own = maps.split(&format!("{:x}-", r.start())).nth(1).unwrap();
        let flags = own.lines().find(|line| line.starts_with("VmFlags:"));
        assert!(flags.unwrap().contains(" dd"), "{flags:?}");
    }

    #[test]
    fn only_whole_pages_inside() {
        let r = Reservation::new(4 * PAGE, "a test").unwrap();
        let (a, p) = (r.start(), PAGE);
        r.protect(a..a + p, Access::ReadWrite).unwrap();
        r.discard(a..a + p).unwrap();
        r.protect(a..a, Access::Read).unwrap();
        assert!(r.protect(a + 1..a + p, Access::Read).is_err());
        assert!(r.protect(a..a + 5 * p, Access::Read).is_err());
        assert!(r.protect(a - p..a, Access::Read).is_err());
    }
}
