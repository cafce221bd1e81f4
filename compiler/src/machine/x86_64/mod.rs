//! x86-64: instructions that are written, recognised, or changed.

mod refine;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use cranelift_codegen::binemit;
use cranelift_object::object::elf::R_X86_64_GOTTPOFF;
use gimli::write::{Address, CallFrameInstruction, Expression, FrameDescriptionEntry};
use gimli::{
    DW_OP_and, DW_OP_ge, DW_OP_lit3, DW_OP_lit11, DW_OP_lit15, DW_OP_plus, DW_OP_shl, Register,
};
use target_lexicon::{Architecture, Environment, Triple};
use wasmaot_abi::machine::{self, Machine, x86_64::MACHINE};
use wasmaot_abi::reloc::CodeReloc;

use super::backend::{self, Backend, Draft, Location, Refined, plt_slot};
use crate::code::Reloc;

/// The machine's code.
pub(super) struct X86_64;

/// `push %rbp; mov %rsp, %rbp`.
const PROLOGUE: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
/// `mov %rbp, %rsp; pop %rbp; ret`.
const EPILOGUE: [u8; 5] = [0x48, 0x89, 0xec, 0x5d, 0xc3];
/// The end of every epilogue, whatever else it does: `pop %rbp; ret`.
const EPILOGUE_END: [u8; 2] = [0x5d, 0xc3];
/// A no-operation of the prologue's length.
const NOTHING: [u8; 4] = [0x0f, 0x1f, 0x40, 0x00];
/// `ret; int3…`.
const RETURN: [u8; 5] = [0xc3, 0xcc, 0xcc, 0xcc, 0xcc];

impl Backend for X86_64 {
    fn description(&self) -> &'static Machine {
        &MACHINE
    }

    fn is_for(&self, target: &Triple) -> bool {
        target.architecture == Architecture::X86_64 && target.environment != Environment::Gnux32
    }

    fn settings(&self) -> &'static [&'static str] {
        &[]
    }

    /// Tail calls need them.
    fn needs_frame_pointers(&self) -> bool {
        true
    }

    fn accesses_extend(&self) -> bool {
        false
    }

    /// `int3`.
    fn trap(&self) -> &'static [u8] {
        &[0xcc]
    }

    fn code_reloc(&self, kind: binemit::Reloc) -> Option<CodeReloc> {
        use binemit::Reloc::{Abs8, X86CallPCRel4, X86CallPLTRel4, X86GOTPCRel4, X86PCRel4};
        match kind {
            X86CallPCRel4 | X86PCRel4 | X86CallPLTRel4 => Some(CodeReloc::PcRelative),
            X86GOTPCRel4 => Some(CodeReloc::GotPcRelative),
            Abs8 => Some(CodeReloc::Absolute),
            _ => None,
        }
    }

    fn object_reloc(&self, kind: CodeReloc, code: bool) -> Option<binemit::Reloc> {
        match kind {
            CodeReloc::PcRelative if code => Some(binemit::Reloc::X86CallPCRel4),
            CodeReloc::PcRelative => Some(binemit::Reloc::X86PCRel4),
            CodeReloc::GotPcRelative => Some(binemit::Reloc::X86GOTPCRel4),
            CodeReloc::Absolute => Some(binemit::Reloc::Abs8),
            _ => None,
        }
    }

    fn object_thread_offset(&self, kind: CodeReloc) -> Option<u32> {
        (kind == CodeReloc::GotPcRelative).then_some(R_X86_64_GOTTPOFF)
    }

    fn is_branch(&self, code: &[u8], reloc: &Reloc) -> bool {
        let opcode = (reloc.offset as usize).checked_sub(1);
        let opcode = opcode.and_then(|at| code.get(at));
        // call rel32, jmp rel32. A RIP-relative operand has a ModRM byte of
        // 00 reg 101 there, which is neither.
        reloc.kind == CodeReloc::PcRelative && matches!(opcode, Some(0xe8 | 0xe9))
    }

    fn apply(
        &self,
        code: &mut [u8],
        address: u64,
        reloc: &Reloc,
        target: Location,
    ) -> Result<(), &'static str> {
        let at = reloc.offset as usize;
        let place = address + u64::from(reloc.offset);
        let target = match (reloc.kind, target) {
            (CodeReloc::PcRelative, Location::Here(target)) => target,
            (CodeReloc::PcRelative, Location::Got(_)) => return Err("it is not in this object"),
            (CodeReloc::GotPcRelative, Location::Got(slot)) => slot,
            (CodeReloc::GotPcRelative, Location::Here(target)) => {
                relax(code, at)?;
                target
            }
            (CodeReloc::Absolute, _) => {
                return Err("an absolute address cannot be position-independent");
            }
            _ => return Err("it is of another machine"),
        };
        let distance = target.wrapping_add_signed(reloc.addend).wrapping_sub(place) as i64;
        let distance = i32::try_from(distance).map_err(|_| "it is out of reach")?;
        code.get_mut(at..)
            .and_then(|code| code.first_chunk_mut())
            .map(|field| *field = distance.to_le_bytes())
            .ok_or("the place is outside of the code")
    }

    /// In the form that tools recognise.
    fn plt(&self, plt: u64, got_plt: u64, functions: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(MACHINE.plt.size(functions) as usize);
        let rel32 = |from: u64, to: u64| (to.wrapping_sub(from) as u32).to_le_bytes();
        if functions == 0 {
            return out;
        }
        out.extend([0xff, 0x35]); // push got_plt[1](%rip)
        out.extend(rel32(plt + 6, got_plt + 8));
        out.extend([0xff, 0x25]); // jmp *got_plt[2](%rip)
        out.extend(rel32(plt + 12, got_plt + 16));
        out.extend([0x0f, 0x1f, 0x40, 0x00]); // nopl 0(%rax)
        for entry in 0..functions {
            let at = plt + MACHINE.plt.offset(entry);
            out.extend([0xff, 0x25]); // jmp *got_plt[3 + entry](%rip)
            out.extend(rel32(at + 6, plt_slot(got_plt, entry)));
            out.push(0x68); // push $entry
            out.extend((entry as u32).to_le_bytes());
            out.push(0xe9); // jmp plt
            out.extend(rel32(at + 16, plt));
        }
        out
    }

    fn complain(&self, text: &str) -> Vec<u8> {
        let len = (text.len() as u32).to_le_bytes();
        let rest = [
            &[0xba][..], // mov $len, %edx
            &len,
            &[0x0f, 0x05],                         // syscall
            &[0xb8, 231, 0, 0, 0],                 // mov $SYS_exit_group, %eax
            &[0xbf, backend::NOT_LOADED, 0, 0, 0], // mov $NOT_LOADED, %edi
            &[0x0f, 0x05],                         // syscall
            &[0xcc],                               // int3
        ];
        let rest = rest.concat();
        let code = [
            &[0xb8, 1, 0, 0, 0][..], // mov $SYS_write, %eax
            &[0xbf, 2, 0, 0, 0],     // mov $2, %edi
            &[0x48, 0x8d, 0x35],     // lea text(%rip), %rsi
            &(rest.len() as u32).to_le_bytes(),
            &rest,
            text.as_bytes(),
        ];
        code.concat()
    }

    /// Behind its entry's jump.
    fn unbound(&self, plt: u64, entry: u64) -> u64 {
        plt + MACHINE.plt.offset(entry) + 6
    }

    /// The first entry is entered with the entry's number pushed, and pushes
    /// another word at once. All others push one word at their byte 11: the frame
    /// is 8 bytes larger from there to the entry's end.
    fn plt_frame(&self, plt: Address, size: u64) -> FrameDescriptionEntry {
        let dwarf = |register: machine::Register| Register(register.dwarf);
        let mut cfa = Expression::new();
        cfa.op_breg(dwarf(MACHINE.registers.stack), 8);
        cfa.op_breg(dwarf(MACHINE.registers.return_address), 0);
        cfa.op(DW_OP_lit15);
        cfa.op(DW_OP_and);
        cfa.op(DW_OP_lit11);
        cfa.op(DW_OP_ge);
        cfa.op(DW_OP_lit3);
        cfa.op(DW_OP_shl);
        cfa.op(DW_OP_plus);
        let mut fde = FrameDescriptionEntry::new(plt, size as u32);
        fde.add_instruction(0, CallFrameInstruction::CfaOffset(16));
        fde.add_instruction(6, CallFrameInstruction::CfaOffset(24));
        fde.add_instruction(16, CallFrameInstruction::CfaExpression(cfa));
        fde
    }

    /// The four instructions become nothing, in place: no offset changes.
    fn remove_frame_record(&self, code: &mut [u8], ends: &[usize]) -> bool {
        if !code.starts_with(&PROLOGUE) {
            return false;
        }
        code[..PROLOGUE.len()].copy_from_slice(&NOTHING);
        for &end in ends {
            let start = end.checked_sub(EPILOGUE.len());
            match start.and_then(|start| code.get_mut(start..end)) {
                Some(epilogue) if *epilogue == EPILOGUE => epilogue.copy_from_slice(&RETURN),
                _ => return false,
            }
        }
        // One that was overlooked would return to nowhere; a constant that looks
        // like one merely keeps the frame.
        let overlooked = code.windows(2).any(|pair| pair == EPILOGUE_END);
        !ends.is_empty() && !overlooked
    }

    fn refine(&self, draft: &Draft<'_>) -> Option<Refined> {
        refine::refine(draft)
    }

    fn is_of_frame_record(&self, line: &str) -> bool {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(
            words[..],
            ["pushq" | "popq", "%rbp"]
                | ["movq", "%rsp,", "%rbp"]
                | ["movq", "%rbp,", "%rsp"]
                | ["unwind", ..]
        )
    }
}

/// `mov slot(%rip), reg` → `lea target(%rip), reg`.
fn relax(code: &mut [u8], at: usize) -> Result<(), &'static str> {
    const NOT_A_LOAD: &str = "the instruction is not a load from the GOT";
    let instruction = at
        .checked_sub(3)
        .and_then(|start| code.get_mut(start..at))
        .ok_or(NOT_A_LOAD)?;
    match instruction {
        // REX.W with R or not; mov r64, r/m64; RIP-relative.
        [0x48 | 0x4c, opcode @ 0x8b, modrm] if *modrm & 0xc7 == 0x05 => {
            *opcode = 0x8d;
            Ok(())
        }
        _ => Err(NOT_A_LOAD),
    }
}
