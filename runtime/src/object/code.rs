//! An object's code, as far as the loader reads it, and where it can run.

use std::ops::Range;

use wasmaot_abi::machine::Machine;
use wasmaot_abi::object::PltCall;
use wasmaot_abi::reloc::Standard;

use super::{Object, Reloc, bad, check, parse};
use crate::arch::Branches;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;

impl Object {
    /// Refuses one whose code cannot run here.
    ///
    /// # Errors
    /// [`Error::Object`] or [`Error::Cpu`].
    pub(crate) fn refuse_elsewhere(&self) -> Result<()> {
        parse::runs_here(self)
    }

    /// Whether its code can run here.
    pub(crate) fn runs_here(&self) -> bool {
        self.runs_here
    }

    /// Its machine.
    pub(crate) fn machine(&self) -> &'static Machine {
        self.machine
    }

    /// Calls and jumps of its machine.
    pub(crate) fn branches(&self) -> &'static Branches {
        Branches::of(self.machine)
    }

    /// The calls of PLT entries, each checked to be one. Not done when an
    /// object is opened: there are as many as the code has calls, and only
    /// direct binding asks.
    pub(crate) fn calls(&self) -> Result<Vec<PltCall>> {
        check::calls(self).map_err(|reason| bad(self.path.display().to_string(), reason))
    }

    /// Where the calls of PLT entries are, by what the table says.
    pub(crate) fn call_places(&self) -> impl Iterator<Item = u32> {
        let calls = self.table(&self.calls).iter();
        calls.map(|&call| PltCall::decode(call).place)
    }

    /// The relocations of the PLT's slots, in the order of its entries.
    pub(crate) fn plt_slots(&self) -> impl Iterator<Item = Reloc> + Clone {
        self.relocs().filter(|r| r.kind == Standard::JumpSlot)
    }

    /// Code as it is in the file.
    pub(crate) fn code<const N: usize>(&self, vaddr: u64) -> Option<[u8; N]> {
        self.code_from(vaddr)?.first_chunk().copied()
    }

    /// What is in the file of code from an address on.
    pub(crate) fn code_from(&self, vaddr: u64) -> Option<&[u8]> {
        self.map.get(self.place_of_code(vaddr)?)
    }

    /// Where in the file it is.
    pub(super) fn place_of_code(&self, vaddr: u64) -> Option<Range<usize>> {
        let mut segments = self.layout.segments.iter().filter(|s| s.executable);
        let segment = segments.find(|s| s.range().contains(&vaddr))?;
        let at = usize::try_from(segment.offset + (vaddr - segment.vaddr)).ok()?;
        let end = usize::try_from(segment.offset + segment.filesz).ok()?;
        Some(at..end)
    }
}
