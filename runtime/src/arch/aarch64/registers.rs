//! The registers at a fault, and how a stub's frame is left.

use wasmaot_abi::machine::Registers as Roles;
use wasmaot_abi::machine::aarch64::MACHINE;

use super::code::{LDP_RECORD, MOV_X29_SP, RET, STP_RECORD};
use super::enter::leave;

const ROLES: &Roles = &MACHINE.registers;
/// Number of registers in DWARF's numbering, the program counter as the last.
pub(crate) const DWARF_REGISTERS: usize = ROLES.columns;
/// DWARF's number of the return address: the register that a call leaves it in.
pub(crate) const RETURN_ADDRESS: usize = ROLES.return_address.dwarf as usize;
const X19: usize = 19;
const X29: usize = ROLES.frame.dwarf as usize;
const SP: usize = ROLES.stack.dwarf as usize;
const PINNED: usize = ROLES.pinned.dwarf as usize;
const PC: usize = DWARF_REGISTERS - 1;

/// Values of the general registers by DWARF number: x0 to x30, sp, pc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers(pub [u64; DWARF_REGISTERS]);

impl Default for Registers {
    fn default() -> Self {
        Self([0; DWARF_REGISTERS])
    }
}

impl Registers {
    /// What is known of the caller at a frame record.
    pub fn at_record(pc: u64, sp: u64, bp: u64) -> Self {
        let mut all = Self::default();
        all.0[PC] = pc;
        all.0[SP] = sp;
        all.0[X29] = bp;
        all
    }

    /// Program counter.
    pub fn pc(&self) -> u64 {
        self.0[PC]
    }

    /// Stack pointer.
    pub fn sp(&self) -> u64 {
        self.0[SP]
    }

    /// Frame pointer.
    pub fn bp(&self) -> u64 {
        self.0[X29]
    }

    /// The pinned register: base of linear memory.
    pub fn base(&self) -> u64 {
        self.0[PINNED]
    }

    /// Sets the stack pointer.
    pub fn set_sp(&mut self, sp: u64) {
        self.0[SP] = sp;
    }

    /// Registers that keep their value where no rule says otherwise: of the return
    /// address, code that calls nothing has no rule.
    pub fn is_preserved(register: usize) -> bool {
        matches!(register, X19..=RETURN_ADDRESS)
    }

    /// Of a caller whose registers have been found: goes on where the call returns.
    pub fn returned(&mut self) {
        self.0[PC] = self.0[RETURN_ADDRESS];
    }

    /// Whether these may be the caller's of where others are. A call puts nothing on
    /// the stack: only the innermost frame may be empty, where code stopped `exactly`.
    pub fn is_caller_of(&self, callee: &Self, exactly: bool) -> bool {
        self.sp() > callee.sp() || exactly && self.sp() == callee.sp()
    }
}

/// The vector and floating-point registers, as the system has them in core files: v0 to
/// v31, FPSR and FPCR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloatState(pub [u64; 66]);

impl FloatState {
    /// All zero.
    pub const NONE: Self = Self([0; 66]);
}

/// An instruction, at which code may stop.
pub(crate) type Opcode = u32;

/// How to find the caller of code that no unwind information describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwind {
    /// By a frame record (saved frame pointer, return address) at this address.
    Record(u64),
    /// By the return address, which is in its register; stack pointer and frame pointer
    /// are unchanged.
    ReturnAddress,
}

/// How to leave a stub stopped at an instruction; `None` for one that is in a call.
pub(crate) fn unwind_stub(registers: &Registers, opcode: Option<Opcode>) -> Unwind {
    match opcode {
        Some(STP_RECORD | RET) => Unwind::ReturnAddress,
        // Right after the record was made, and before it goes.
        Some(MOV_X29_SP | LDP_RECORD) => Unwind::Record(registers.sp()),
        _ => Unwind::Record(registers.bp()),
    }
}

/// How to leave code that has no frame: a PLT entry, or a function that calls
/// nothing.
pub(crate) fn unwind_frameless(_: &Registers) -> Unwind {
    Unwind::ReturnAddress
}

impl Unwind {
    /// The caller's registers; `word` reads the stack.
    pub fn caller(
        self,
        registers: &Registers,
        word: impl Fn(u64) -> Option<u64>,
    ) -> Option<Registers> {
        Some(match self {
            Self::Record(at) => {
                let (bp, pc) = (word(at)?, word(at + 8)?);
                Registers::at_record(pc, at + 16, bp)
            }
            Self::ReturnAddress => {
                let pc = registers.0[RETURN_ADDRESS];
                Registers::at_record(pc, registers.sp(), registers.bp())
            }
        })
    }
}

/// A fault, as the signal handler sees it.
pub(crate) struct Fault<'a>(&'a mut libc::ucontext_t);

/// What the system has saved beside the general registers: records, each with its kind
/// and its size in front, up to one of kind 0.
#[repr(C)]
#[derive(Clone, Copy)]
struct RecordHead {
    kind: u32,
    size: u32,
}

/// The record of the vector registers.
#[repr(C)]
struct VectorRecord {
    head: RecordHead,
    fpsr: u32,
    fpcr: u32,
    vectors: [u64; 64],
}

const FPSIMD_MAGIC: u32 = 0x4650_8001;
/// Bytes of `struct sigcontext` below its records, which are aligned to 16 bytes.
const RECORDS: usize = 288;
/// Bytes that there may be of them.
const RECORDS_SIZE: usize = 4096;

impl<'a> Fault<'a> {
    /// The fault of a signal handler's third argument.
    pub fn new(context: &'a mut libc::ucontext_t) -> Self {
        Self(context)
    }

    /// The registers at the fault.
    pub fn registers(&self) -> Registers {
        let saved = &self.0.uc_mcontext;
        let mut all = Registers::default();
        let (general, rest) = all.0.split_at_mut(saved.regs.len());
        general.copy_from_slice(&saved.regs);
        rest.copy_from_slice(&[saved.sp, saved.pc]);
        all
    }

    /// The record of the vector registers, if the system has saved them.
    fn vector_record(&self) -> Option<&VectorRecord> {
        let records = (&raw const self.0.uc_mcontext).wrapping_byte_add(RECORDS);
        let mut at = 0;
        while at + size_of::<VectorRecord>() <= RECORDS_SIZE {
            // SAFETY: `sigcontext` has so many bytes from there on, which the kernel
            // has filled with records, aligned to 16 bytes.
            let head = unsafe { *records.wrapping_byte_add(at).cast::<RecordHead>() };
            match head.kind {
                FPSIMD_MAGIC => {
                    // SAFETY: this is the kind of the record, all of which is there.
                    return Some(unsafe { &*records.wrapping_byte_add(at).cast() });
                }
                0 => return None,
                _ if head.size < 16 || head.size % 16 != 0 => return None,
                _ => at += head.size as usize,
            }
        }
        None
    }

    /// Every 64-bit word of general and vector registers.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        let vectors = self.vector_record().into_iter();
        let words = vectors.flat_map(|record| record.vectors);
        self.registers().0.into_iter().chain(words)
    }

    /// The vector registers at the fault.
    pub fn vectors(&self) -> FloatState {
        let mut all = FloatState::NONE;
        if let Some(record) = self.vector_record() {
            all.0[..64].copy_from_slice(&record.vectors);
            all.0[64] = u64::from(record.fpcr) << 32 | u64::from(record.fpsr);
        }
        all
    }

    /// Makes the interrupted thread go on in [`leave`], with an answer other
    /// than 0, at the stack pointer that `enter` has recorded.
    pub fn leave_at(self, host_sp: u64) {
        let saved = &mut self.0.uc_mcontext;
        saved.pc = leave as *const () as u64;
        saved.sp = host_sp;
        saved.regs[0] = 1;
    }
}
