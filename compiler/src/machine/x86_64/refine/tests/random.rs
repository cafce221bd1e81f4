//! Random functions do the same before and after.

use iced_x86::Code::{
    Add_r32_rm32, Add_r64_rm64, Je_rel32_64, Jmp_rel32_64, Jne_rel32_64, Mov_r64_rm64,
    Mov_rm32_r32, Mov_rm64_r64, Retnq,
};
use iced_x86::Register;
use iced_x86::Register::{R12, R13, R15, RAX, RBX, RCX, RDX, RSI, RSP};

use super::Assembler;
use super::model::{SLOTS, STEPS, run};

const REGISTERS: [Register; 7] = [RAX, RCX, RDX, RBX, RSI, R12, R13];

/// Numbers that depend on the first alone, and how many registers, and slots, are chosen
/// from.
struct Random(u64, usize);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn register(&mut self) -> Register {
        REGISTERS[self.below(self.1.min(REGISTERS.len()))]
    }

    fn slot(&mut self) -> i64 {
        8 * (SLOTS - 1 - self.below(self.1.min(SLOTS))) as i64
    }
}

fn half(register: Register) -> Register {
    Register::EAX + register.number() as u32
}

fn function(random: &mut Random) -> Assembler {
    let mut code = Assembler::default();
    // Where there are few, they have the same values more often.
    random.1 = [2, 3, 7][random.below(3)];
    let blocks = 2 + random.below(7);
    let labels: Vec<usize> = (0..blocks).map(|_| code.label()).collect();
    for (number, &label) in labels.iter().enumerate() {
        code.bind(label);
        for _ in 0..random.below(9) {
            let (a, b, slot) = (random.register(), random.register(), random.slot());
            match random.below(20) {
                0..=3 => code.registers(Mov_rm64_r64, a, b),
                4..=5 => code.registers(Mov_rm32_r32, half(a), half(b)),
                6..=9 => code.read(Mov_r64_rm64, a, RSP, slot),
                10..=12 => code.write(Mov_rm64_r64, RSP, slot, a),
                13 => code.registers(Add_r64_rm64, a, b),
                14 => code.registers(Add_r32_rm32, half(a), half(b)),
                15 => code.read(Add_r64_rm64, a, RSP, slot),
                16 => code.read(Add_r32_rm32, half(a), RSP, slot),
                17..=18 => code.registers(Mov_rm64_r64, a, R15),
                _ => code.call(),
            }
        }
        // Blocks that are reached on many ways are where places are told apart.
        let among = [blocks, blocks.min(2)][random.below(2)];
        let to = labels[random.below(among)];
        match random.below(5) {
            _ if number + 1 == blocks => code.plain(Retnq),
            0 => code.plain(Retnq),
            1 => code.jump(Jmp_rel32_64, to),
            2 => code.jump(Je_rel32_64, to),
            3 => code.jump(Jne_rel32_64, to),
            _ => {}
        }
    }
    code.finish();
    code
}

#[test]
fn random_functions_do_the_same() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15, 0);
    let (mut shorter, mut ended) = (0, 0);
    for number in 0..3_000 {
        let code = function(&mut random);
        let refined = code.refine().expect("it is understood");
        for _ in 0..3 {
            let registers = std::array::from_fn(|register| match (register, random.below(4)) {
                (4, _) => 1 << 40,
                (_, 0) => 0,
                (_, 1) => u64::MAX,
                (_, 2) => 1 << 32 | random.below(3) as u64,
                _ => random.0,
            });
            let mut before = run(&code.bytes, registers, STEPS);
            let after = run(&refined.bytes, registers, STEPS);
            if after.result.is_some() && before.result.is_none() {
                // It had more to do.
                before = run(&code.bytes, registers, 100 * STEPS);
                assert!(before.result.is_some(), "function {number}");
            }
            let both = before.calls.len().min(after.calls.len());
            assert_eq!(
                before.calls[..both],
                after.calls[..both],
                "function {number}"
            );
            if before.result.is_some() {
                ended += 1;
                assert_eq!(before, after, "function {number}");
            }
        }
        shorter += usize::from(refined.bytes.len() < code.bytes.len());
    }
    // The test has something to find.
    assert!(shorter > 1_500 && ended > 3_000, "{shorter} {ended}");
}
