//! x86-64: System V, as the psABI describes it, and Cranelift's `tail` convention.

use super::{
    Branch, Cpu, Feature, Level, Machine, Plt, Register, Registers, Relocation, features,
    registers, relocation,
};
use crate::callconv::CallConv;
use crate::reloc::{CodeReloc, Standard};

/// The machine.
pub const MACHINE: Machine = Machine {
    name: "x86_64",
    elf_number: 62,
    image_align: 4096,
    relocations: RELOCATIONS,
    code_relocations: CODE_RELOCATIONS,
    registers: Registers {
        pinned: R15,
        stack: RSP,
        frame: RBP,
        return_address: RETURN_ADDRESS,
        columns: 17,
    },
    calls: CallConv {
        int_args: &[RDI, RSI, RDX, RCX, R8, R9],
        vec_args: XMM,
        int_results: &[RAX, RCX, RDX, RSI, RDI, R8, R9, R10],
        vec_results: XMM,
        return_area: RDI,
        preserved: &[RBX, RBP, R12, R13, R14],
        preserved_halves: &[],
        scratch: &[R10, R11],
    },
    // `call rel32`, `jmp rel32`.
    branch: Branch {
        size: 5,
        reach: 1 << 31,
    },
    plt: Plt {
        header: 16,
        entry: 16,
    },
    cpu: Cpu {
        features: FEATURES,
        // What SIMD-128 and rounding instructions need.
        baseline: Level {
            name: "x86-64-v2",
            features: 0b11_1111,
        },
    },
};

/// psABI, table 4.10.
const RELOCATIONS: &[Relocation<Standard>] = &[
    relocation(Standard::Absolute, 1, "R_X86_64_64", 64),
    relocation(Standard::Copy, 5, "R_X86_64_COPY", 0),
    relocation(Standard::GlobDat, 6, "R_X86_64_GLOB_DAT", 64),
    relocation(Standard::JumpSlot, 7, "R_X86_64_JUMP_SLOT", 64),
    relocation(Standard::Relative, 8, "R_X86_64_RELATIVE", 64),
    relocation(Standard::ThreadOffset, 18, "R_X86_64_TPOFF64", 64),
];

const CODE_RELOCATIONS: &[Relocation<CodeReloc>] = &[
    relocation(CodeReloc::Absolute, 1, "R_X86_64_64", 64),
    relocation(CodeReloc::PcRelative, 4, "R_X86_64_PLT32", 32),
    relocation(CodeReloc::GotPcRelative, 9, "R_X86_64_GOTPCREL", 32),
];

// psABI, figure 3.36.
registers! {
    RAX = 0 "rax";
    RDX = 1 "rdx";
    RCX = 2 "rcx";
    RBX = 3 "rbx";
    RSI = 4 "rsi";
    RDI = 5 "rdi";
    RBP = 6 "rbp";
    RSP = 7 "rsp";
    R8 = 8 "r8";
    R9 = 9 "r9";
    R10 = 10 "r10";
    R11 = 11 "r11";
    R12 = 12 "r12";
    R13 = 13 "r13";
    R14 = 14 "r14";
    R15 = 15 "r15";
    RETURN_ADDRESS = 16 "rip";
    XMM0 = 17 "xmm0";
    XMM1 = 18 "xmm1";
    XMM2 = 19 "xmm2";
    XMM3 = 20 "xmm3";
    XMM4 = 21 "xmm4";
    XMM5 = 22 "xmm5";
    XMM6 = 23 "xmm6";
    XMM7 = 24 "xmm7";
}

const XMM: &[Register] = &[XMM0, XMM1, XMM2, XMM3, XMM4, XMM5, XMM6, XMM7];

const FEATURES: &[Feature] = features! {
    0 "sse3" "has_sse3";
    1 "ssse3" "has_ssse3";
    2 "sse4.1" "has_sse41";
    3 "sse4.2" "has_sse42";
    4 "popcnt" "has_popcnt";
    5 "cx16" "has_cmpxchg16b";
    6 "avx" "has_avx";
    7 "avx2" "has_avx2";
    8 "fma" "has_fma";
    9 "bmi1" "has_bmi1";
    10 "bmi2" "has_bmi2";
    11 "lzcnt" "has_lzcnt";
    12 "avx512bitalg" "has_avx512bitalg";
    13 "avx512dq" "has_avx512dq";
    14 "avx512f" "has_avx512f";
    15 "avx512vbmi" "has_avx512vbmi";
    16 "avx512vl" "has_avx512vl";
};

#[cfg(test)]
mod tests {
    use super::*;
    use gimli::X86_64;
    use object::elf;

    #[test]
    fn numbers_are_those_of_the_psabi() {
        assert_eq!(MACHINE.elf_number, elf::EM_X86_64);
        let number = |kind| match kind {
            Standard::Absolute => elf::R_X86_64_64,
            Standard::Copy => elf::R_X86_64_COPY,
            Standard::GlobDat => elf::R_X86_64_GLOB_DAT,
            Standard::JumpSlot => elf::R_X86_64_JUMP_SLOT,
            Standard::Relative => elf::R_X86_64_RELATIVE,
            Standard::ThreadOffset => elf::R_X86_64_TPOFF64,
        };
        for relocation in RELOCATIONS {
            assert_eq!(
                relocation.number,
                number(relocation.kind),
                "{}",
                relocation.name
            );
        }
        let number = |kind| match kind {
            CodeReloc::Absolute => Some((elf::R_X86_64_64, 64)),
            CodeReloc::PcRelative => Some((elf::R_X86_64_PLT32, 32)),
            CodeReloc::GotPcRelative => Some((elf::R_X86_64_GOTPCREL, 32)),
            CodeReloc::PcRelativePage
            | CodeReloc::PageOffset
            | CodeReloc::GotPage
            | CodeReloc::GotPageOffset => None,
        };
        for &kind in CodeReloc::ALL {
            let found = MACHINE.code_relocation(kind).map(|r| (r.number, r.width));
            assert_eq!(found, number(kind), "{kind:?}");
        }
    }

    #[test]
    fn registers_have_the_numbers_of_dwarf() {
        let roles = &MACHINE.registers;
        let calls = &MACHINE.calls;
        let lists = [
            calls.int_args,
            calls.vec_args,
            calls.int_results,
            calls.vec_results,
            calls.preserved,
            calls.scratch,
            &[calls.return_area],
            &[roles.pinned, roles.stack, roles.frame],
        ];
        for register in lists.concat() {
            let dwarf = X86_64::name_to_register(register.name).map(|number| number.0);
            assert_eq!(Some(register.dwarf), dwarf, "{}", register.name);
        }
        assert_eq!(roles.return_address.dwarf, X86_64::RA.0);
        assert_eq!(roles.columns, usize::from(X86_64::RA.0) + 1);
    }

    #[test]
    fn the_plt_is_the_one_that_tools_recognise() {
        let plt = &MACHINE.plt;
        assert_eq!([0, 1, 2].map(|functions| plt.size(functions)), [0, 32, 48]);
        assert_eq!([0, 1].map(|entry| plt.offset(entry)), [16, 32]);
    }

    #[test]
    fn features_are_set_by_their_own_names() {
        for feature in FEATURES {
            let expected = match feature.name {
                "cx16" => "has_cmpxchg16b".to_owned(),
                name => format!("has_{}", name.replace('.', "")),
            };
            assert_eq!(feature.setting, expected);
        }
    }
}
