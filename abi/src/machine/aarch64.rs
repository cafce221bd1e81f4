//! AArch64: the ELF and procedure call standards of Arm, and Cranelift's `tail`
//! convention.

use super::{
    Branch, Cpu, Feature, Level, Machine, Plt, Register, Registers, Relocation, features,
    registers, relocation,
};
use crate::callconv::CallConv;
use crate::reloc::{CodeReloc, Standard};

/// The machine.
pub const MACHINE: Machine = Machine {
    name: "aarch64",
    elf_number: 183,
    // Kernels have pages of 4, 16 or 64 KiB.
    image_align: 65536,
    relocations: RELOCATIONS,
    code_relocations: CODE_RELOCATIONS,
    registers: Registers {
        pinned: X21,
        stack: SP,
        frame: X29,
        return_address: X30,
        // The program counter's is the last.
        columns: 33,
    },
    calls: CallConv {
        // x0 and x1 are free: an indirect call needs a register for its target.
        int_args: &[X2, X3, X4, X5, X6, X7],
        vec_args: V,
        int_results: &[X2, X3, X4, X5, X6, X7],
        vec_results: V,
        return_area: X8,
        preserved: &[X19, X20, X22, X23, X24, X25, X26, X27, X28, X29],
        preserved_halves: &[V8, V9, V10, V11, V12, V13, V14, V15],
        scratch: &[X16, X17],
    },
    // `bl`, `b`.
    branch: Branch {
        size: 4,
        reach: 128 << 20,
    },
    plt: Plt {
        header: 32,
        entry: 16,
    },
    cpu: Cpu {
        features: FEATURES,
        // Vectors and floating-point numbers are part of it.
        baseline: Level {
            name: "armv8-a",
            features: 0,
        },
    },
};

/// ELF for the Arm 64-bit architecture, "Dynamic relocations".
const RELOCATIONS: &[Relocation<Standard>] = &[
    relocation(Standard::Absolute, 257, "R_AARCH64_ABS64", 64),
    relocation(Standard::Copy, 1024, "R_AARCH64_COPY", 0),
    relocation(Standard::GlobDat, 1025, "R_AARCH64_GLOB_DAT", 64),
    relocation(Standard::JumpSlot, 1026, "R_AARCH64_JUMP_SLOT", 64),
    relocation(Standard::Relative, 1027, "R_AARCH64_RELATIVE", 64),
    relocation(Standard::ThreadOffset, 1030, "R_AARCH64_TLS_TPREL", 64),
];

/// The same, "Static AArch64 relocations".
const CODE_RELOCATIONS: &[Relocation<CodeReloc>] = &[
    relocation(CodeReloc::Absolute, 257, "R_AARCH64_ABS64", 64),
    relocation(CodeReloc::PcRelative, 283, "R_AARCH64_CALL26", 26),
    relocation(
        CodeReloc::PcRelativePage,
        275,
        "R_AARCH64_ADR_PREL_PG_HI21",
        21,
    ),
    relocation(CodeReloc::PageOffset, 277, "R_AARCH64_ADD_ABS_LO12_NC", 12),
    relocation(CodeReloc::GotPage, 311, "R_AARCH64_ADR_GOT_PAGE", 21),
    relocation(
        CodeReloc::GotPageOffset,
        312,
        "R_AARCH64_LD64_GOT_LO12_NC",
        12,
    ),
];

// DWARF for the Arm 64-bit architecture, "DWARF register names".
registers! {
    X2 = 2 "x2";
    X3 = 3 "x3";
    X4 = 4 "x4";
    X5 = 5 "x5";
    X6 = 6 "x6";
    X7 = 7 "x7";
    X8 = 8 "x8";
    X16 = 16 "x16";
    X17 = 17 "x17";
    X19 = 19 "x19";
    X20 = 20 "x20";
    X21 = 21 "x21";
    X22 = 22 "x22";
    X23 = 23 "x23";
    X24 = 24 "x24";
    X25 = 25 "x25";
    X26 = 26 "x26";
    X27 = 27 "x27";
    X28 = 28 "x28";
    X29 = 29 "x29";
    X30 = 30 "x30";
    SP = 31 "sp";
    V0 = 64 "v0";
    V1 = 65 "v1";
    V2 = 66 "v2";
    V3 = 67 "v3";
    V4 = 68 "v4";
    V5 = 69 "v5";
    V6 = 70 "v6";
    V7 = 71 "v7";
    V8 = 72 "v8";
    V9 = 73 "v9";
    V10 = 74 "v10";
    V11 = 75 "v11";
    V12 = 76 "v12";
    V13 = 77 "v13";
    V14 = 78 "v14";
    V15 = 79 "v15";
}

const V: &[Register] = &[V0, V1, V2, V3, V4, V5, V6, V7];

// Linux's names of FEAT_LSE, FEAT_PAuth, FEAT_FP16, FEAT_DotProd and FEAT_I8MM.
const FEATURES: &[Feature] = features! {
    0 "atomics" "has_lse";
    1 "paca" "has_pauth";
    2 "asimdhp" "has_fp16";
    3 "asimddp" "has_dotprod";
    4 "i8mm" "has_i8mm";
};

#[cfg(test)]
mod tests {
    use super::*;
    use gimli::AArch64;
    use object::elf;

    #[test]
    fn numbers_are_those_of_the_psabi() {
        assert_eq!(MACHINE.elf_number, elf::EM_AARCH64);
        let number = |kind| match kind {
            Standard::Absolute => elf::R_AARCH64_ABS64,
            Standard::Copy => elf::R_AARCH64_COPY,
            Standard::GlobDat => elf::R_AARCH64_GLOB_DAT,
            Standard::JumpSlot => elf::R_AARCH64_JUMP_SLOT,
            Standard::Relative => elf::R_AARCH64_RELATIVE,
            Standard::ThreadOffset => elf::R_AARCH64_TLS_TPREL,
        };
        for relocation in RELOCATIONS {
            let expected = number(relocation.kind);
            assert_eq!(relocation.number, expected, "{}", relocation.name);
        }
        let number = |kind| match kind {
            CodeReloc::Absolute => Some((elf::R_AARCH64_ABS64, 64)),
            CodeReloc::PcRelative => Some((elf::R_AARCH64_CALL26, 26)),
            CodeReloc::PcRelativePage => Some((elf::R_AARCH64_ADR_PREL_PG_HI21, 21)),
            CodeReloc::PageOffset => Some((elf::R_AARCH64_ADD_ABS_LO12_NC, 12)),
            CodeReloc::GotPage => Some((elf::R_AARCH64_ADR_GOT_PAGE, 21)),
            CodeReloc::GotPageOffset => Some((elf::R_AARCH64_LD64_GOT_LO12_NC, 12)),
            CodeReloc::GotPcRelative => None,
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
            calls.preserved_halves,
            calls.scratch,
            &[calls.return_area],
            &[roles.pinned, roles.stack, roles.frame, roles.return_address],
        ];
        for register in lists.concat() {
            let name = register.name.to_uppercase();
            let dwarf = AArch64::name_to_register(&name).map(|number| number.0);
            assert_eq!(Some(register.dwarf), dwarf, "{}", register.name);
        }
        assert_eq!(roles.columns, usize::from(AArch64::PC.0) + 1);
    }

    #[test]
    fn a_branch_reaches_as_far_as_its_field() {
        let call = MACHINE.code_relocation(CodeReloc::PcRelative).unwrap();
        let (size, reach) = (MACHINE.branch.size as i64, MACHINE.branch.reach as i64);
        assert!(call.fits(-reach / size) && call.fits(reach / size - 1));
        assert!(!call.fits(reach / size));
    }

    #[test]
    fn the_plt_is_the_one_that_tools_recognise() {
        let plt = &MACHINE.plt;
        assert_eq!([0, 1, 2].map(|functions| plt.size(functions)), [0, 48, 64]);
        assert_eq!([0, 1].map(|entry| plt.offset(entry)), [32, 48]);
    }
}
