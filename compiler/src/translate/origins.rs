//! Where the instructions of a function come from.

use cranelift_codegen::ir::SourceLoc;
use wasmaot_abi::maps::lines::Inlined;

/// Where the instructions of a function come from. Cranelift carries a number
/// of 32 bits with each: an offset in the module, or in inlined bodies, with
/// the highest bit set, a place in a list.
#[derive(Default)]
pub(crate) struct Origins {
    /// Offset in the module, and number of the call that was inlined.
    inlined: Vec<(u32, u32)>,
    pub sites: Vec<Inlined>,
}

/// Marks a place in [`Origins::inlined`].
const LISTED: u32 = 1 << 31;

impl Origins {
    pub fn clear(&mut self) {
        self.inlined.clear();
        self.sites.clear();
    }

    pub fn enter(&mut self, offset: u32, site: u32) -> SourceLoc {
        if site == 0 {
            return SourceLoc::new(offset);
        }
        self.inlined.push((offset, site));
        SourceLoc::new(LISTED | (self.inlined.len() as u32 - 1))
    }

    /// The offset in the module, and the inlined call (one more than its
    /// number in [`Self::sites`], 0 for none), that an instruction comes from.
    pub fn of(&self, location: SourceLoc) -> (u32, u32) {
        let bits = location.bits();
        let listed = (bits & LISTED != 0).then(|| self.inlined.get((bits & !LISTED) as usize));
        listed.flatten().copied().unwrap_or((bits, 0))
    }
}
