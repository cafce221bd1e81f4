//! Small functions, and random ones that are run by a model of the machine before and
//! after.

mod model;
mod random;

use iced_x86::Code::{
    Add_r32_rm32, Add_r64_rm64, Call_rel32_64, Jmp_rel32_64, Jne_rel32_64, Lea_r64_m, Mov_r32_rm32,
    Mov_r64_rm64, Mov_rm32_r32, Mov_rm64_r64, Retnq, Ud2,
};
use iced_x86::Register::{EAX, EBX, ECX, EDX, R12, R13, R15, RAX, RBX, RCX, RDX, RSP};
use iced_x86::{
    Code, Decoder, DecoderOptions, Encoder, Formatter, GasFormatter, Instruction, MemoryOperand,
    Register,
};

use super::refine;
use crate::machine::backend::{Draft, Refined};

/// A function in the making.
#[derive(Default)]
pub(super) struct Assembler {
    pub bytes: Vec<u8>,
    pub starts: Vec<u32>,
    jumps: Vec<(usize, usize)>,
    labels: Vec<Option<usize>>,
    pub relocs: Vec<u32>,
}

impl Assembler {
    fn put(&mut self, instruction: Instruction) {
        let mut encoder = Encoder::new(64);
        let at = self.bytes.len() as u64;
        encoder.encode(&instruction, at).unwrap();
        self.bytes.extend(encoder.take_buffer());
    }

    /// An instruction of two registers.
    pub fn registers(&mut self, code: Code, a: Register, b: Register) {
        self.put(Instruction::with2(code, a, b).unwrap());
    }

    /// An instruction that reads memory.
    pub fn read(&mut self, code: Code, to: Register, base: Register, displacement: i64) {
        let memory = MemoryOperand::with_base_displ(base, displacement);
        self.put(Instruction::with2(code, to, memory).unwrap());
    }

    /// An instruction whose first operand is memory.
    pub fn write(&mut self, code: Code, base: Register, displacement: i64, from: Register) {
        let memory = MemoryOperand::with_base_displ(base, displacement);
        self.put(Instruction::with2(code, memory, from).unwrap());
    }

    pub fn plain(&mut self, code: Code) {
        self.put(Instruction::with(code));
    }

    /// A call of what link edit knows.
    pub fn call(&mut self) {
        let at = self.bytes.len() as u64;
        self.put(Instruction::with_branch(Call_rel32_64, at + 5).unwrap());
        self.relocs.push(at as u32 + 1);
    }

    pub fn label(&mut self) -> usize {
        self.labels.push(None);
        self.labels.len() - 1
    }

    /// A block begins here.
    pub fn bind(&mut self, label: usize) {
        self.labels[label] = Some(self.bytes.len());
        self.starts.push(self.bytes.len() as u32);
    }

    /// A jump with a displacement of 32 bits.
    pub fn jump(&mut self, code: Code, label: usize) {
        let at = self.bytes.len() as u64;
        self.put(Instruction::with_branch(code, at + 0x1000).unwrap());
        self.jumps.push((self.bytes.len(), label));
    }

    pub fn finish(&mut self) {
        for &(end, label) in &self.jumps {
            let distance = self.labels[label].unwrap() as i32 - end as i32;
            self.bytes[end - 4..end].copy_from_slice(&distance.to_le_bytes());
        }
    }

    pub fn refine(&self) -> Option<Refined> {
        refine(&Draft {
            bytes: &self.bytes,
            starts: &self.starts,
            relocs: &self.relocs,
            handlers: &[],
            prologue: 0,
            int_results: 1,
            align: 16,
            frame: 64,
            is_watched: false,
        })
    }
}

fn listing(bytes: &[u8]) -> Vec<String> {
    let mut formatter = GasFormatter::new();
    let decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
    decoder
        .into_iter()
        .map(|instruction| {
            let mut text = String::new();
            formatter.format(&instruction, &mut text);
            text
        })
        .collect()
}

/// What becomes of a function.
fn refined(write: impl FnOnce(&mut Assembler)) -> Vec<String> {
    let mut code = Assembler::default();
    write(&mut code);
    code.finish();
    listing(&code.refine().expect("it is understood").bytes)
}

#[test]
fn a_slot_whose_value_a_register_has_is_not_read_again() {
    let code = refined(|code| {
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.registers(Add_r64_rm64, RAX, RBX);
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.read(Add_r64_rm64, RAX, RSP, 8);
        code.read(Mov_r64_rm64, RCX, RSP, 8);
        code.registers(Add_r64_rm64, RAX, RCX);
        code.plain(Retnq);
    });
    assert_eq!(
        code,
        [
            "mov 8(%rsp),%rbx",
            "add %rbx,%rax",
            "add %rbx,%rax",
            "add %rbx,%rax",
            "ret"
        ]
    );
}

#[test]
fn the_base_is_used_in_place_of_its_copies() {
    let code = refined(|code| {
        code.registers(Mov_rm64_r64, RCX, R15);
        code.read(Mov_r32_rm32, EAX, RCX, 16);
        code.plain(Retnq);
    });
    assert_eq!(code, ["mov 0x10(%r15),%eax", "ret"]);
}

#[test]
fn what_was_changed_since_is_read_again() {
    let code = refined(|code| {
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.registers(Add_r64_rm64, RAX, RBX);
        code.write(Mov_rm64_r64, RSP, 8, RAX);
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.registers(Add_r64_rm64, RAX, RBX);
        code.write(Mov_rm64_r64, RSP, 8, RAX);
        code.call();
        code.read(Mov_r64_rm64, RAX, RSP, 8);
        code.plain(Retnq);
    });
    assert_eq!(code[0], "mov 8(%rsp),%rbx");
    // The sum is what rbx is to have, and callees may write what is theirs of the frame.
    assert!(code.contains(&"mov %rax,8(%rsp)".to_owned()), "{code:?}");
    assert!(code.contains(&"mov 8(%rsp),%rax".to_owned()), "{code:?}");
}

#[test]
fn a_loop_that_changes_one_of_two_places_tells_them_apart() {
    let code = refined(|code| {
        let (head, other) = (code.label(), code.label());
        code.write(Mov_rm64_r64, RSP, 24, RBX);
        code.jump(Jne_rel32_64, head);
        code.bind(other);
        code.registers(Mov_rm64_r64, RBX, RDX);
        code.write(Mov_rm64_r64, RSP, 24, RBX);
        // rbx and the slot have the same on both ways to here, but not on the way back.
        code.bind(head);
        code.read(Mov_r64_rm64, RCX, RSP, 24);
        code.registers(Add_r64_rm64, RAX, RCX);
        code.registers(Mov_rm64_r64, RBX, RAX);
        code.jump(Jne_rel32_64, head);
        code.plain(Retnq);
    });
    assert!(
        code.contains(&"mov 0x18(%rsp),%rcx".to_owned()),
        "{code:#?}"
    );
}

#[test]
fn a_part_of_a_slot_that_is_written_makes_it_unknown() {
    let code = refined(|code| {
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.write(Mov_rm32_r32, RSP, 12, EAX);
        code.read(Mov_r64_rm64, RAX, RSP, 8);
        code.registers(Add_r64_rm64, RAX, RBX);
        code.plain(Retnq);
    });
    assert_eq!(code[2], "mov 8(%rsp),%rax");
}

#[test]
fn a_slot_whose_address_is_known_to_others_is_left_alone() {
    let code = refined(|code| {
        code.read(Lea_r64_m, RDX, RSP, 8);
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.write(Mov_rm64_r64, RDX, 0, RAX);
        code.read(Mov_r64_rm64, RBX, RSP, 8);
        code.registers(Mov_rm64_r64, RAX, RBX);
        code.plain(Retnq);
    });
    let reads = code.iter().filter(|line| line.starts_with("mov 8(%rsp)"));
    assert_eq!(reads.count(), 2, "{code:?}");
}

#[test]
fn a_move_whose_target_is_read_on_one_way_stays() {
    let code = refined(|code| {
        let (other, end) = (code.label(), code.label());
        code.registers(Mov_rm64_r64, RCX, RAX);
        code.read(Mov_r64_rm64, RAX, RSP, 8);
        code.jump(Jne_rel32_64, other);
        code.registers(Mov_rm64_r64, RAX, RCX);
        code.jump(Jmp_rel32_64, end);
        code.bind(other);
        code.registers(Add_r64_rm64, RAX, RAX);
        code.bind(end);
        code.plain(Retnq);
    });
    assert_eq!(code[0], "mov %rax,%rcx");
}

#[test]
fn the_upper_half_is_cleared_once() {
    let code = refined(|code| {
        code.registers(Add_r32_rm32, ECX, EAX);
        code.registers(Mov_rm32_r32, ECX, ECX);
        code.registers(Mov_rm32_r32, EDX, ECX);
        code.registers(Add_r64_rm64, RAX, RDX);
        code.plain(Retnq);
    });
    assert_eq!(code, ["add %eax,%ecx", "add %rcx,%rax", "ret"]);
    // It is not known to be clear.
    let code = refined(|code| {
        code.registers(Add_r64_rm64, RCX, RAX);
        code.registers(Mov_rm32_r32, ECX, ECX);
        code.registers(Add_r64_rm64, RAX, RCX);
        code.plain(Retnq);
    });
    assert_eq!(code[1], "mov %ecx,%ecx");
}

#[test]
fn jumps_are_short_where_they_reach() {
    for (filling, size) in [(127, 2), (128, 6)] {
        let mut code = Assembler::default();
        let end = code.label();
        code.registers(Add_r64_rm64, RAX, RAX);
        code.jump(Jne_rel32_64, end);
        // `add %r12d, %r13d` has three bytes, `add %eax, %ebx` has two.
        for _ in 0..(filling - 3) / 2 {
            code.registers(Add_r32_rm32, EBX, EAX);
        }
        match filling % 2 {
            1 => code.registers(Add_r64_rm64, R13, R12),
            _ => (0..2).for_each(|_| code.registers(Add_r32_rm32, EBX, EAX)),
        }
        code.bind(end);
        code.plain(Retnq);
        code.finish();
        let refined = code.refine().unwrap();
        let jump = refined.moved.iter().find(|moved| moved.old == 3).unwrap();
        assert_eq!(jump.new_len, size, "over {filling} bytes");
    }
}

#[test]
fn jumps_that_make_each_other_longer_come_to_an_end() {
    // Each reaches over the next one by as many bytes as a short one can.
    const JUMPS: usize = 40;
    let mut code = Assembler::default();
    let ends: Vec<usize> = (0..JUMPS).map(|_| code.label()).collect();
    for number in 0..=JUMPS {
        if let Some(&end) = ends.get(number) {
            code.jump(Jne_rel32_64, end);
        }
        if let Some(before) = number.checked_sub(1) {
            code.bind(ends[before]);
        }
        // 125 bytes; one more makes the last one long.
        (0..61).for_each(|_| code.registers(Add_r32_rm32, EBX, EAX));
        code.registers(Add_r64_rm64, R13, R12);
        if number + 1 == JUMPS {
            code.registers(Add_r64_rm64, R13, R12);
        }
    }
    code.plain(Retnq);
    code.finish();
    let refined = code.refine().unwrap();
    let jumps = refined.moved.iter().filter(|moved| moved.old_len == 6);
    assert!(jumps.clone().all(|jump| jump.new_len == 6));
    assert_eq!(jumps.count(), JUMPS);
    assert_eq!(refined.bytes, code.bytes);
}

#[test]
fn a_jump_over_a_jump_is_one() {
    let code = refined(|code| {
        let (over, end) = (code.label(), code.label());
        code.jump(Jne_rel32_64, over);
        code.jump(Jmp_rel32_64, end);
        code.bind(over);
        code.registers(Add_r64_rm64, RAX, RAX);
        code.bind(end);
        code.plain(Retnq);
    });
    assert_eq!(code, ["je 5", "add %rax,%rax", "ret"]);
}

#[test]
fn a_loop_that_does_nothing_stays() {
    let code = refined(|code| {
        let (over, around) = (code.label(), code.label());
        code.jump(Jne_rel32_64, over);
        code.bind(around);
        code.jump(Jmp_rel32_64, around);
        code.bind(over);
        code.plain(Retnq);
    });
    assert_eq!(code, ["jne 4", "jmp 2", "ret"]);
    // Two blocks that jump to each other are one that jumps to itself.
    let code = refined(|code| {
        let (over, here, there) = (code.label(), code.label(), code.label());
        code.jump(Jne_rel32_64, over);
        code.bind(here);
        code.jump(Jmp_rel32_64, there);
        code.bind(over);
        code.plain(Retnq);
        code.bind(there);
        code.jump(Jmp_rel32_64, here);
    });
    assert_eq!(code[0], "jne 4");
    assert!(code[1].starts_with("jmp") && code[2] == "ret", "{code:?}");
}

#[test]
fn code_that_is_not_understood_stays_as_it_is() {
    let code = |bytes: &[u8], starts: &[u32]| {
        let code = Assembler {
            bytes: bytes.to_vec(),
            starts: starts.to_vec(),
            ..Assembler::default()
        };
        code.refine().is_some()
    };
    assert!(code(&[0xc3], &[0]));
    // No instruction; one that is cut; code that runs out of the function; a system call.
    assert!(!code(&[0x06], &[0]));
    assert!(!code(&[0x48], &[0]));
    assert!(!code(&[0x90], &[0]));
    assert!(!code(&[0x0f, 0x05, 0xc3], &[0]));
    // A jump into an instruction, and to beyond the function.
    assert!(!code(&[0xe9, 0xfc, 0xff, 0xff, 0xff], &[0]));
    assert!(!code(&[0x74, 0x7f, 0xc3], &[0]));
    // A gap that is not filled as gaps are.
    assert!(!code(&[0xc3, 0x00, 0xc3], &[0, 2]));
    assert!(code(&[0xc3, 0xcc, 0xc3], &[0, 2]));
    // A jump to an address of which nothing is known is a call in tail position.
    assert!(code(&[0xff, 0xe0], &[0]));
}

#[test]
fn behind_code_stand_the_constants_that_it_reads() {
    // Filler in place of the end of a frame, and a constant that nobody reads.
    let mut code = Assembler::default();
    code.plain(Retnq);
    code.bytes.extend([0xcc; 4]);
    assert_eq!(code.refine().unwrap().bytes, [0xc3]);
    code.bytes.resize(32, 7);
    assert_eq!(code.refine().unwrap().bytes, [0xc3]);

    // `movups constant(%rip), %xmm0`, of the second of two.
    let mut code = Assembler::default();
    code.read(Mov_r64_rm64, RBX, RSP, 8);
    code.registers(Mov_rm64_r64, RBX, RBX);
    code.bytes.extend([0x0f, 0x10, 0x05, 0, 0, 0, 0]);
    let read = code.bytes.len();
    code.plain(Retnq);
    code.bytes.extend([0xcc; 4]);
    code.bytes.resize(48, 7);
    code.bytes.extend(1..=16);
    code.bytes[read - 4] = (48 - read) as u8;
    let (refined, constant) = (code.refine().unwrap().bytes, code.bytes[48..].to_vec());
    assert!(refined.len() < code.bytes.len());
    assert!(refined.ends_with(&constant) && refined.len() % 16 == 0);
    let at = refined.len() - 16;
    let end = refined
        .windows(3)
        .position(|w| w == [0x0f, 0x10, 0x05])
        .unwrap()
        + 7;
    assert_eq!(usize::from(refined[end - 4]), at - end);
}

#[test]
fn traps_keep_their_places() {
    let mut code = Assembler::default();
    let trap = code.label();
    code.registers(Mov_rm64_r64, RCX, R15);
    code.read(Mov_r32_rm32, EAX, RCX, 16);
    code.jump(Jne_rel32_64, trap);
    code.plain(Retnq);
    let old = code.bytes.len() as u32;
    code.bind(trap);
    code.plain(Ud2);
    code.finish();
    let refined = code.refine().unwrap();
    let trap = refined.moved.iter().find(|moved| moved.old == old).unwrap();
    let at = trap.new as usize;
    assert_eq!(refined.bytes[at..at + 2], [0x0f, 0x0b]);
    assert_eq!(at + 2, refined.bytes.len());
}
