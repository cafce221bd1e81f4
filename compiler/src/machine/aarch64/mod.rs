//! AArch64: instructions that are written, recognised, or changed.

#[cfg(test)]
mod tests;

use cranelift_codegen::binemit;
use cranelift_object::object::elf::{
    R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21, R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC,
};
use gimli::Register;
use gimli::write::{Address, CallFrameInstruction, FrameDescriptionEntry};
use target_lexicon::{Aarch64Architecture, Architecture, Environment, Triple};
use wasmaot_abi::machine::{Machine, aarch64::MACHINE};
use wasmaot_abi::reloc::CodeReloc;

use super::backend::{self, Backend, Location, plt_slot};
use crate::code::Reloc;

/// The machine's code.
pub(super) struct Aarch64;

/// What the code generator traps by, too.
const TRAP: [u8; 4] = [0x1f, 0xc1, 0x00, 0x00];
/// `adrp x16, .`
const ADRP_X16: u32 = 0x9000_0010;
/// `ldr x17, [x16]`
const LDR_X17_X16: u32 = 0xf940_0211;
/// `add x16, x16, #0`
const ADD_X16_X16: u32 = 0x9100_0210;
/// `br x17`
const BR_X17: u32 = 0xd61f_0220;
/// `stp x16, x30, [sp, #-16]!`
const PUSH_X16_X30: u32 = 0xa9bf_7bf0;
const NOP: u32 = 0xd503_201f;

/// `ldr xT, [xN]`, without its registers.
const LOAD: u32 = 0xf940_0000;
/// `add xD, xN, #0`, without its registers.
const ADD: u32 = 0x9100_0000;
/// Both registers of these.
const TWO_REGISTERS: u32 = 0x3ff;
/// `adrp xD, .`, without its register.
const ADRP: u32 = 0x9000_0000;
/// The register of it.
const ONE_REGISTER: u32 = 0x1f;
/// `b`, `bl` without their fields: bit 31 tells them apart.
const BRANCH: u32 = 0x1400_0000;
/// The bits that make an instruction one of them.
const BRANCH_BITS: u32 = 0x7c00_0000;

/// What instructions that compute with pages call one, whatever the kernel's are.
const PAGE: u64 = 4096;

impl Backend for Aarch64 {
    fn description(&self) -> &'static Machine {
        &MACHINE
    }

    fn is_for(&self, target: &Triple) -> bool {
        let little = Architecture::Aarch64(Aarch64Architecture::Aarch64);
        target.architecture == little && target.environment != Environment::GnuIlp32
    }

    /// Barriers against speculation are not complete without `csdb`.
    fn settings(&self) -> &'static [&'static str] {
        &["use_csdb"]
    }

    /// The code generator makes a record where something is called or kept on the
    /// stack; the return address is in a register else.
    fn needs_frame_pointers(&self) -> bool {
        false
    }

    /// `[x0, w1, uxtw]`.
    fn accesses_extend(&self) -> bool {
        true
    }

    /// `udf`.
    fn trap(&self) -> &'static [u8] {
        &TRAP
    }

    fn code_reloc(&self, kind: binemit::Reloc) -> Option<CodeReloc> {
        RELOCATIONS
            .iter()
            .find(|(of_generator, _)| *of_generator == kind)
            .map(|&(_, kind)| kind)
    }

    fn object_reloc(&self, kind: CodeReloc, _: bool) -> Option<binemit::Reloc> {
        RELOCATIONS
            .iter()
            .find(|(_, ours)| *ours == kind)
            .map(|&(kind, _)| kind)
    }

    fn object_thread_offset(&self, kind: CodeReloc) -> Option<u32> {
        match kind {
            CodeReloc::GotPage => Some(R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21),
            CodeReloc::GotPageOffset => Some(R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC),
            _ => None,
        }
    }

    fn is_branch(&self, _: &[u8], reloc: &Reloc) -> bool {
        reloc.kind == CodeReloc::PcRelative
    }

    fn apply(
        &self,
        code: &mut [u8],
        address: u64,
        reloc: &Reloc,
        target: Location,
    ) -> Result<(), &'static str> {
        let place = address + u64::from(reloc.offset);
        let field = code.get_mut(reloc.offset as usize..);
        let field = field.and_then(|code| code.first_chunk_mut());
        let field: &mut [u8; 4] = field.ok_or("the place is outside of the code")?;
        let instruction = u32::from_le_bytes(*field);
        let is_own = matches!(target, Location::Here(_));
        let (Location::Here(target) | Location::Got(target)) = target;
        let target = target.wrapping_add_signed(reloc.addend);
        let filled = match reloc.kind {
            CodeReloc::Absolute => Err("an absolute address cannot be position-independent"),
            CodeReloc::GotPcRelative => Err("it is of another machine"),
            CodeReloc::PcRelative | CodeReloc::PcRelativePage | CodeReloc::PageOffset
                if !is_own =>
            {
                Err("it is not in this object")
            }
            CodeReloc::PcRelative => branch(instruction, place, target),
            CodeReloc::PcRelativePage | CodeReloc::GotPage => page(instruction, place, target),
            CodeReloc::GotPageOffset if is_own => add(relax(instruction)?, target),
            CodeReloc::GotPageOffset => load(instruction, target),
            CodeReloc::PageOffset => add(instruction, target),
        };
        *field = filled?.to_le_bytes();
        Ok(())
    }

    /// In the form that tools recognise.
    fn plt(&self, plt: u64, got_plt: u64, functions: u64) -> Vec<u8> {
        if functions == 0 {
            return Vec::new();
        }
        let mut code = vec![PUSH_X16_X30];
        code.extend(jump_through(plt + 4, got_plt + 16));
        code.extend([NOP; 3]);
        for entry in 0..functions {
            let at = plt + MACHINE.plt.offset(entry);
            code.extend(jump_through(at, plt_slot(got_plt, entry)));
        }
        code.into_iter().flat_map(u32::to_le_bytes).collect()
    }

    fn complain(&self, text: &str) -> Vec<u8> {
        let len = text.len() as u32;
        let move_to = |register: u32, value: u32| 0xd280_0000 | (value & 0xffff) << 5 | register;
        let code = [
            move_to(0, 2),                          // mov x0, #2
            0x1000_0000 | 9 << 5 | 1,               // adr x1, text
            move_to(2, len),                        // mov x2, #len
            0xf2a0_0002 | len >> 16 << 5,           // movk x2, #len >> 16, lsl #16
            move_to(8, 64),                         // mov x8, #SYS_write
            0xd400_0001,                            // svc #0
            move_to(0, backend::NOT_LOADED.into()), // mov x0, #NOT_LOADED
            move_to(8, 94),                         // mov x8, #SYS_exit_group
            0xd400_0001,                            // svc #0
            u32::from_le_bytes(TRAP),
        ];
        let mut out: Vec<u8> = code.into_iter().flat_map(u32::to_le_bytes).collect();
        out.extend(text.as_bytes());
        out
    }

    /// The PLT's head.
    fn unbound(&self, plt: u64, _: u64) -> u64 {
        plt
    }

    /// The head pushes a register and the return address. Entries leave all as it is.
    fn plt_frame(&self, plt: Address, size: u64) -> FrameDescriptionEntry {
        let return_address = Register(MACHINE.registers.return_address.dwarf);
        let mut fde = FrameDescriptionEntry::new(plt, size as u32);
        fde.add_instruction(4, CallFrameInstruction::CfaOffset(16));
        fde.add_instruction(4, CallFrameInstruction::Offset(return_address, -8));
        let head = MACHINE.plt.header as u32;
        fde.add_instruction(head, CallFrameInstruction::CfaOffset(0));
        fde.add_instruction(head, CallFrameInstruction::SameValue(return_address));
        fde
    }

    fn remove_frame_record(&self, _: &mut [u8], _: &[usize]) -> bool {
        false
    }

    fn is_of_frame_record(&self, _: &str) -> bool {
        false
    }
}

/// The code generator's relocations, and ours.
const RELOCATIONS: &[(binemit::Reloc, CodeReloc)] = &[
    (binemit::Reloc::Abs8, CodeReloc::Absolute),
    (binemit::Reloc::Arm64Call, CodeReloc::PcRelative),
    (
        binemit::Reloc::Aarch64AdrPrelPgHi21,
        CodeReloc::PcRelativePage,
    ),
    (binemit::Reloc::Aarch64AddAbsLo12Nc, CodeReloc::PageOffset),
    (binemit::Reloc::Aarch64AdrGotPage21, CodeReloc::GotPage),
    (
        binemit::Reloc::Aarch64Ld64GotLo12Nc,
        CodeReloc::GotPageOffset,
    ),
];

/// `adrp x16, page of slot; ldr x17, [x16, …]; add x16, x16, …; br x17` at an address.
/// The layout keeps all addresses within ±2 GiB of each other, and slots aligned.
fn jump_through(at: u64, slot: u64) -> [u32; 4] {
    let page = pages(at, slot) as u32;
    let offset = (slot % PAGE) as u32;
    [
        ADRP_X16 | page_field(page),
        LDR_X17_X16 | (offset / 8) << 10,
        ADD_X16_X16 | offset << 10,
        BR_X17,
    ]
}

/// Pages from that of one address to that of another.
fn pages(from: u64, to: u64) -> i64 {
    (to / PAGE).wrapping_sub(from / PAGE) as i64
}

/// The field of `adrp` for a number of pages: its two low bits stand apart.
fn page_field(pages: u32) -> u32 {
    (pages & 3) << 29 | (pages >> 2 & 0x7_ffff) << 5
}

/// Whether a relocation's field has room.
fn fits(kind: CodeReloc, value: i64) -> bool {
    let relocation = MACHINE.code_relocation(kind);
    relocation.is_some_and(|relocation| relocation.fits(value))
}

fn branch(instruction: u32, place: u64, target: u64) -> Result<u32, &'static str> {
    if instruction & BRANCH_BITS != BRANCH {
        return Err("the instruction is neither a call nor a jump");
    }
    let distance = target.wrapping_sub(place) as i64;
    if distance % 4 != 0 {
        return Err("it is no instruction");
    }
    if !fits(CodeReloc::PcRelative, distance / 4) {
        return Err("it is out of reach");
    }
    let opcode = instruction & !(u32::MAX >> 6);
    Ok(opcode | (distance / 4) as u32 & u32::MAX >> 6)
}

fn page(instruction: u32, place: u64, target: u64) -> Result<u32, &'static str> {
    if instruction & !ONE_REGISTER != ADRP {
        return Err("the instruction does not compute a page");
    }
    let pages = pages(place, target);
    if !fits(CodeReloc::PcRelativePage, pages) {
        return Err("it is out of reach");
    }
    Ok(instruction | page_field(pages as u32))
}

fn add(instruction: u32, target: u64) -> Result<u32, &'static str> {
    if instruction & !TWO_REGISTERS != ADD {
        return Err("the instruction does not add");
    }
    Ok(instruction | ((target % PAGE) as u32) << 10)
}

fn load(instruction: u32, slot: u64) -> Result<u32, &'static str> {
    if instruction & !TWO_REGISTERS != LOAD {
        return Err(NOT_A_LOAD);
    }
    if !slot.is_multiple_of(8) {
        return Err("its slot is not aligned");
    }
    Ok(instruction | ((slot % PAGE) as u32 / 8) << 10)
}

const NOT_A_LOAD: &str = "the instruction is not a load from the GOT";

/// `ldr xT, [xN]` → `add xT, xN, #0`.
fn relax(instruction: u32) -> Result<u32, &'static str> {
    match instruction & !TWO_REGISTERS {
        LOAD => Ok(ADD | instruction & TWO_REGISTERS),
        _ => Err(NOT_A_LOAD),
    }
}
