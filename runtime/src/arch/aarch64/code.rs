//! Instructions that pieces of code are made of.

use super::branch;

/// A register by its number.
pub(super) type X = u32;

pub(super) const X16: X = 16;
pub(super) const X17: X = 17;
/// The pinned one.
pub(super) const X21: X = 21;

/// Instructions without operands that vary.
pub(super) const STP_RECORD: u32 = 0xa9bf_7bfd; // stp x29, x30, [sp, -16]!
pub(super) const MOV_X29_SP: u32 = 0x9100_03fd;
pub(super) const MOV_SP_X29: u32 = 0x9100_03bf;
pub(super) const LDP_RECORD: u32 = 0xa8c1_7bfd; // ldp x29, x30, [sp], 16
pub(super) const RET: u32 = 0xd65f_03c0;

/// A piece of code.
pub(super) struct Code(Vec<u8>);

impl Code {
    /// An empty one.
    pub fn new() -> Self {
        /// More than most pieces have.
        const USUAL: usize = 80;
        Self(Vec::with_capacity(USUAL))
    }

    /// One that begins with a frame record (x29, x30), to which x29 points.
    pub fn with_frame_record() -> Self {
        let mut code = Self::new();
        code.frame_record();
        code
    }

    /// The same in the midst of one.
    pub fn frame_record(&mut self) {
        self.put(STP_RECORD);
        self.put(MOV_X29_SP);
    }

    /// Adds an instruction.
    pub fn put(&mut self, instruction: u32) {
        self.0.extend(instruction.to_le_bytes());
    }

    /// Loads a constant: `movz`, and a `movk` for each of its other parts of 16 bits
    /// that is not 0.
    pub fn load(&mut self, to: X, value: u64) {
        let part = |n: u32| (value >> (16 * n)) as u16;
        self.put(0xd280_0000 | u32::from(part(0)) << 5 | to);
        for n in (1..4).filter(|&n| part(n) != 0) {
            self.put(0xf280_0000 | n << 21 | u32::from(part(n)) << 5 | to);
        }
    }

    /// `mov to, from`
    pub fn mov(&mut self, to: X, from: X) {
        self.put(0xaa00_03e0 | from << 16 | to);
    }

    /// `br register`
    pub fn br(&mut self, register: X) {
        self.put(0xd61f_0000 | register << 5);
    }

    /// `blr register`
    pub fn blr(&mut self, register: X) {
        self.put(0xd63f_0000 | register << 5);
    }

    /// A call; `at` is where the whole piece of code will stand.
    pub fn call(&mut self, at: u64, target: u64) {
        match branch::call(at + self.len(), target) {
            Some(call) => self.0.extend(call),
            None => {
                self.load(X16, target);
                self.blr(X16);
            }
        }
    }

    /// A jump, likewise.
    pub fn jump(&mut self, at: u64, target: u64) {
        match branch::jump(at + self.len(), target) {
            Some(jump) => self.0.extend(jump),
            None => {
                self.load(X16, target);
                self.br(X16);
            }
        }
    }

    /// Undoes the frame and returns, popping the stack arguments, a multiple of 16.
    pub fn end(&mut self, stack_args: u32) {
        self.put(MOV_SP_X29);
        self.put(LDP_RECORD);
        match stack_args {
            0 => {}
            1..0x1000 => self.put(0x9100_03ff | stack_args << 10), // add sp, sp, stack_args
            _ => {
                self.load(X16, stack_args.into());
                self.put(0x8b30_63ff); // add sp, sp, x16
            }
        }
        self.put(RET);
    }

    /// Adds what was made apart.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// The whole.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::arch::naked_asm;

    /// What the assembler makes of it, up to the word 0.
    #[unsafe(naked)]
    extern "C" fn assembled() {
        naked_asm!(
            "stp x29, x30, [sp, -16]!",
            "mov x29, sp",
            "movz x17, 0x4321",
            "movk x17, 0x8765, lsl 16",
            "movk x17, 0x1234, lsl 48",
            "mov x3, x21",
            "br x16",
            "blr x17",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            "ret",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            "add sp, sp, 4080",
            "ret",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            "movz x16, 0x10",
            "movk x16, 1, lsl 16",
            "add sp, sp, x16",
            "ret",
            "udf 0",
        )
    }

    #[test]
    fn instructions_are_those_of_the_assembler() {
        let mut code = Code::with_frame_record();
        code.load(X17, 0x1234_0000_8765_4321);
        code.mov(3, X21);
        code.br(X16);
        code.blr(X17);
        for stack_args in [0, 4080, 65552] {
            code.end(stack_args);
        }
        let code = code.into_bytes();
        // SAFETY: as many bytes of the function and its end can be read.
        let expected = unsafe {
            std::slice::from_raw_parts(assembled as *const () as *const u8, code.len() + 4)
        };
        assert_eq!(code, expected[..code.len()]);
        assert_eq!(expected[code.len()..], [0; 4]);
    }
}
