//! What a machine's file has to say.

use std::ops::Range;

use cranelift_codegen::binemit;
use gimli::write::{Address, FrameDescriptionEntry};
use target_lexicon::Triple;
use wasmaot_abi::machine::Machine;
use wasmaot_abi::reloc::{CodeReloc, Standard};

use crate::code::{PlaceOfValue, Reloc};

/// Words of `.got.plt` before the first function's: the dynamic section's address,
/// and two for the loader. Every ELF machine has the same.
pub(crate) const GOT_PLT_RESERVED: u64 = 3;

/// Exit code of a file that cannot be executed, as shells have it.
pub(crate) const NOT_LOADED: u8 = 126;

/// Bytes from the frame pointer to the canonical frame address: what is saved
/// there is the caller's frame pointer, and the return address.
pub(crate) const FRAME_RECORD: i64 = 16;

/// The code of a machine.
pub(crate) trait Backend: Sync {
    /// The machine's description.
    fn description(&self) -> &'static Machine;

    /// Whether code for a target is this machine's, as far as the target says
    /// more than an operating system.
    fn is_for(&self, target: &Triple) -> bool;

    /// Settings of the code generator for this machine that are always on.
    fn settings(&self) -> &'static [&'static str];

    /// Whether the code generator is to give every function a frame record. If not, it
    /// gives one to all that call something or have something on the stack, and no
    /// other needs one.
    fn needs_frame_pointers(&self) -> bool;

    /// Whether an access to memory extends an index of 32 bits itself.
    fn accesses_extend(&self) -> bool;

    /// An instruction that traps. Its bytes fill the gaps between functions.
    fn trap(&self) -> &'static [u8];

    /// The kind of a relocation that the code generator asks for; `None` for one
    /// that it should not.
    fn code_reloc(&self, kind: binemit::Reloc) -> Option<CodeReloc>;

    /// A relocation as the writer of relocatable objects knows it; `code`: whether
    /// it is to a function. `None` for one that the machine has not.
    fn object_reloc(&self, kind: CodeReloc, code: bool) -> Option<binemit::Reloc>;

    /// The number in a relocatable object that stands for a relocation of a load from
    /// the GOT if what is loaded is the offset of a thread-local symbol.
    fn object_thread_offset(&self, kind: CodeReloc) -> Option<u32>;

    /// Whether a relocation in a function's code is that of a call or a jump, and
    /// not of an address that is computed or loaded.
    fn is_branch(&self, code: &[u8], reloc: &Reloc) -> bool;

    /// Fills the field of a relocation in a function's code, which begins at
    /// `address`. A load from the GOT becomes a computation of the address where
    /// the target is in this object.
    ///
    /// # Errors
    /// What is wrong with the relocation.
    fn apply(
        &self,
        code: &mut [u8],
        address: u64,
        reloc: &Reloc,
        target: Location,
    ) -> Result<(), &'static str>;

    /// The code of the PLT, for so many functions.
    fn plt(&self, plt: u64, got_plt: u64, functions: u64) -> Vec<u8>;

    /// Code that is a whole program: it writes a text to standard error and ends
    /// with exit code [`NOT_LOADED`].
    fn complain(&self, text: &str) -> Vec<u8>;

    /// Where the word of `.got.plt` points of a function that is not bound yet.
    fn unbound(&self, plt: u64, entry: u64) -> u64;

    /// The frames of the PLT, for unwinding.
    fn plt_frame(&self, plt: Address, size: u64) -> FrameDescriptionEntry;

    /// Removes the frame record from the code of a function that needs none, and
    /// returns in the stretches of code that end at `ends`. Returns whether that
    /// is all of it: if not, the code is of no use any more.
    fn remove_frame_record(&self, code: &mut [u8], ends: &[usize]) -> bool;

    /// The code of a function without what need not be done; `None` if it stays as it
    /// is.
    fn refine(&self, _draft: &Draft<'_>) -> Option<Refined> {
        None
    }

    /// Whether a line of a listing is an instruction of the frame record.
    fn is_of_frame_record(&self, line: &str) -> bool;
}

/// The code of a function as the code generator made it.
pub(crate) struct Draft<'a> {
    pub bytes: &'a [u8],
    /// Where blocks begin.
    pub starts: &'a [u32],
    /// Where link edit fills fields, ascending.
    pub relocs: &'a [u32],
    /// Return addresses of calls with exception handlers, each with where a handler
    /// begins; ascending.
    pub handlers: &'a [(u32, u32)],
    /// Where what unwinding counts on ends.
    pub prologue: u32,
    /// How many integers it returns.
    pub int_results: usize,
    /// Alignment in bytes.
    pub align: u32,
    /// Frame pointer less stack pointer where the frame is complete.
    pub frame: u32,
    /// Whether debuggers are told where values are.
    pub is_watched: bool,
}

/// Code that was made anew.
#[derive(Debug)]
pub(crate) struct Refined {
    pub bytes: Vec<u8>,
    /// Its instructions, in their order. One that was left out has no bytes; one that
    /// stands in several places is there as often.
    pub moved: Vec<Moved>,
    /// Where places do not have what they had in the code as it was: stretches of the new
    /// code, ascending for each place. None if debuggers are told nothing.
    pub stale: Vec<(PlaceOfValue, Range<u32>)>,
}

/// Where an instruction is, and where it was, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub new: u32,
    pub new_len: u32,
    pub old: u32,
    pub old_len: u32,
    /// Whether it stands in the place of a jump to it.
    pub is_copy: bool,
}

impl Draft<'_> {
    /// Whether link edit fills a field of a stretch of code.
    pub fn is_relocated(&self, from: u32, to: u32) -> bool {
        let first = self.relocs.partition_point(|&reloc| reloc < from);
        self.relocs.get(first).is_some_and(|&reloc| reloc < to)
    }
}

/// Where the target of a relocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// At an address in the object.
    Here(u64),
    /// Known from a GOT slot at this address.
    Got(u64),
}

impl dyn Backend {
    /// The number of a relocation of `.rela.dyn` or `.rela.plt`.
    pub fn relocation(&self, kind: Standard) -> u32 {
        self.description().relocation(kind).number
    }

    /// Bytes of a PLT for so many functions.
    pub fn plt_size(&self, functions: u64) -> u64 {
        self.description().plt.size(functions)
    }

    /// Address of an entry of the PLT.
    pub fn plt_entry(&self, plt: u64, entry: u64) -> u64 {
        plt + self.description().plt.offset(entry)
    }
}

/// Address of the word of `.got.plt` of an entry of the PLT.
pub(crate) fn plt_slot(got_plt: u64, entry: u64) -> u64 {
    got_plt + 8 * (GOT_PLT_RESERVED + entry)
}
