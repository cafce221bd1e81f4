//! The registers at a fault, and how a stub's frame is left.

use wasmaot_abi::machine::Registers as Roles;
use wasmaot_abi::machine::x86_64::MACHINE;

use super::enter::leave;

const ROLES: &Roles = &MACHINE.registers;
/// Number of registers in DWARF's numbering, the return address among them.
pub(crate) const DWARF_REGISTERS: usize = ROLES.columns;
/// DWARF's number of the return address.
pub(crate) const RETURN_ADDRESS: usize = ROLES.return_address.dwarf as usize;
const RBX: usize = 3;
const RBP: usize = ROLES.frame.dwarf as usize;
const RSP: usize = ROLES.stack.dwarf as usize;
const R12: usize = 12;
const PINNED: usize = ROLES.pinned.dwarf as usize;

/// Values of the general registers by DWARF number, the program counter in
/// the return address's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers(pub [u64; DWARF_REGISTERS]);

impl Registers {
    /// What is known of the caller at a frame record.
    pub fn at_record(pc: u64, sp: u64, bp: u64) -> Self {
        let mut all = Self::default();
        all.0[RETURN_ADDRESS] = pc;
        all.0[RSP] = sp;
        all.0[RBP] = bp;
        all
    }

    /// Program counter.
    pub fn pc(&self) -> u64 {
        self.0[RETURN_ADDRESS]
    }

    /// Stack pointer.
    pub fn sp(&self) -> u64 {
        self.0[RSP]
    }

    /// Frame pointer.
    pub fn bp(&self) -> u64 {
        self.0[RBP]
    }

    /// The pinned register: base of linear memory.
    pub fn base(&self) -> u64 {
        self.0[PINNED]
    }

    /// Sets the stack pointer.
    pub fn set_sp(&mut self, sp: u64) {
        self.0[RSP] = sp;
    }

    /// Of a caller whose registers have been found: goes on where the call returns,
    /// which is what they say.
    pub fn returned(&mut self) {}

    /// Whether these may be the caller's of where others are: the return address, at
    /// least, is between their stack pointers.
    pub fn is_caller_of(&self, callee: &Self, _exactly: bool) -> bool {
        self.sp() > callee.sp()
    }

    /// Registers that keep their value where no rule says otherwise.
    pub fn is_preserved(register: usize) -> bool {
        matches!(register, RBX | RBP | R12..=PINNED)
    }
}

/// The vector and floating-point registers, as the processor saves them (`fxsave`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloatState(pub [u64; 64]);

impl FloatState {
    /// All zero.
    pub const NONE: Self = Self([0; 64]);
}

/// The first byte of an instruction at which code may stop.
pub(crate) type Opcode = u8;

/// How to find the caller of code that no unwind information describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwind {
    /// By a frame record (saved frame pointer, return address) at this address.
    Record(u64),
    /// By the return address, which is at this address; the frame pointer is
    /// unchanged.
    ReturnAddress(u64),
}

/// How to leave a stub stopped at an instruction whose first byte is `opcode`;
/// `None` for one that is in a call.
pub(crate) fn unwind_stub(registers: &Registers, opcode: Option<Opcode>) -> Unwind {
    match opcode {
        // push rbp; ret
        Some(0x55 | 0xc3 | 0xc2) => Unwind::ReturnAddress(registers.sp()),
        // mov rbp, rsp, or one right after it, before rsp changes
        Some(0x48) => Unwind::Record(registers.sp()),
        _ => Unwind::Record(registers.bp()),
    }
}

/// How to leave code that has no frame: a PLT entry, or a function that calls
/// nothing.
pub(crate) fn unwind_frameless(registers: &Registers) -> Unwind {
    Unwind::ReturnAddress(registers.sp())
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
            Self::ReturnAddress(at) => Registers::at_record(word(at)?, at + 8, registers.bp()),
        })
    }
}

/// A fault, as the signal handler sees it.
pub(crate) struct Fault<'a>(&'a mut libc::ucontext_t);

impl<'a> Fault<'a> {
    /// The fault of a signal handler's third argument.
    pub fn new(context: &'a mut libc::ucontext_t) -> Self {
        Self(context)
    }

    /// The registers at the fault.
    pub fn registers(&self) -> Registers {
        use libc::{
            REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP,
            REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
        };
        const BY_DWARF_NUMBER: [libc::c_int; DWARF_REGISTERS] = [
            REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9,
            REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP,
        ];
        let saved = &self.0.uc_mcontext.gregs;
        Registers(BY_DWARF_NUMBER.map(|n| saved[n as usize] as u64))
    }

    /// Every 64-bit word of general and vector registers.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        // SAFETY: the kernel has saved the vector registers where it says, if it says.
        let vectors = unsafe { self.0.uc_mcontext.fpregs.as_ref() };
        let vectors = vectors.into_iter().flat_map(|saved| &saved._xmm);
        let words = vectors.flat_map(|vector| {
            let [a, b, c, d] = vector.element.map(u64::from);
            [a | b << 32, c | d << 32]
        });
        self.registers().0.into_iter().chain(words)
    }

    /// The vector registers at the fault.
    pub fn vectors(&self) -> FloatState {
        const { assert!(size_of::<FloatState>() == size_of::<libc::_libc_fpstate>()) };
        let saved = self.0.uc_mcontext.fpregs.cast::<FloatState>();
        // SAFETY: the kernel has saved them where it says, if it says: as many bytes.
        unsafe { saved.as_ref() }.map_or(FloatState::NONE, |saved| *saved)
    }

    /// Makes the interrupted thread go on in [`leave`], with an answer other
    /// than 0, at the stack pointer that `enter` has recorded.
    pub fn leave_at(self, host_sp: u64) {
        let saved = &mut self.0.uc_mcontext.gregs;
        saved[libc::REG_RIP as usize] = leave as *const () as i64;
        saved[libc::REG_RSP as usize] = host_sp as i64;
        saved[libc::REG_RAX as usize] = 1;
    }
}
