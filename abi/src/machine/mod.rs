//! One description per machine, as data.
//!
//! The compiler takes from it what it writes into an object, the loader what it
//! expects there. What has to be done rather than looked up, such as encoding an
//! instruction, stands in the compiler's emitter and in the runtime's `arch/`.
//! Another machine is one more file here, and a line in [`Machine::ALL`].

pub mod aarch64;
pub mod x86_64;

use crate::callconv::CallConv;
use crate::reloc::{CodeReloc, Standard};

/// A machine that objects can be made for.
#[derive(Debug)]
pub struct Machine {
    /// Name of the architecture, as in target triples.
    pub name: &'static str,
    /// ELF's number of it, `e_machine`.
    pub elf_number: u16,
    /// Alignment in bytes of an object's segments and of the runs of its memory
    /// image: the largest page that a kernel for this machine may have. The page
    /// of the running kernel is another thing, and may be smaller.
    pub image_align: u64,
    /// Its numbers for relocations of `.rela.dyn` and `.rela.plt`, one for each
    /// [`Standard`].
    pub relocations: &'static [Relocation<Standard>],
    /// Its relocations of code.
    pub code_relocations: &'static [Relocation<CodeReloc>],
    /// Registers with a role.
    pub registers: Registers,
    /// Where values travel in calls.
    pub calls: CallConv,
    /// Direct calls and jumps.
    pub branch: Branch,
    /// The procedure linkage table.
    pub plt: Plt,
    /// What CPUs of this machine may have or lack.
    pub cpu: Cpu,
}

/// A relocation kind as a machine has it.
#[derive(Debug)]
pub struct Relocation<K: 'static> {
    /// What it computes.
    pub kind: K,
    /// Its number in a file.
    pub number: u32,
    /// Its name in listings.
    pub name: &'static str,
    /// Bits of the field that is filled; 0 for a copy, which is as long as its
    /// symbol.
    pub width: u32,
}

impl<K> Relocation<K> {
    /// Whether the field has room for a value, as a signed number.
    pub const fn fits(&self, value: i64) -> bool {
        fits(value, self.width)
    }
}

/// A row of a machine's table of relocations.
const fn relocation<K>(kind: K, number: u32, name: &'static str, width: u32) -> Relocation<K> {
    Relocation {
        kind,
        number,
        name,
        width,
    }
}

/// Whether a signed number has so many bits.
const fn fits(value: i64, bits: u32) -> bool {
    let unused = i64::BITS - bits;
    value << unused >> unused == value
}

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// DWARF's number of it.
    pub dwarf: u16,
    /// Its name in assembly.
    pub name: &'static str,
}

/// Registers with a role of their own.
#[derive(Debug)]
pub struct Registers {
    /// Holds the address of byte 0 of linear memory while wasm code runs.
    pub pinned: Register,
    /// Stack pointer.
    pub stack: Register,
    /// Frame pointer: points to the frame record.
    pub frame: Register,
    /// DWARF's column of the return address.
    pub return_address: Register,
    /// Number of DWARF columns that unwinding follows, from 0 on.
    pub columns: usize,
}

/// Constants of registers, by DWARF's numbers.
macro_rules! registers {
    ($($constant:ident = $dwarf:literal $name:literal;)*) => {
        $(
            #[doc = concat!("The register ", $name, ".")]
            pub const $constant: Register = Register { dwarf: $dwarf, name: $name };
        )*
    };
}
use registers;

/// A direct call or jump.
#[derive(Debug)]
pub struct Branch {
    /// Bytes of the instruction.
    pub size: u64,
    /// How far from it a target may be, in bytes in either direction. The code of
    /// an object is smaller; calls beyond go by the PLT.
    pub reach: u64,
}

/// The procedure linkage table: a header, then an entry for each function.
#[derive(Debug)]
pub struct Plt {
    /// Bytes of the header.
    pub header: u64,
    /// Bytes of an entry.
    pub entry: u64,
}

impl Plt {
    /// Bytes of a table for so many functions; 0 for none.
    pub const fn size(&self, functions: u64) -> u64 {
        match functions {
            0 => 0,
            n => self.offset(n),
        }
    }

    /// Offset of an entry in the table.
    pub const fn offset(&self, entry: u64) -> u64 {
        self.header + entry * self.entry
    }
}

/// CPU features that an object may require, each a bit of a set in its note.
#[derive(Debug)]
pub struct Cpu {
    /// Every feature, by its bit.
    pub features: &'static [Feature],
    /// What is always there: objects require it, if no more.
    pub baseline: Level,
}

/// A CPU feature.
#[derive(Debug)]
pub struct Feature {
    /// Its bit in a set.
    pub bit: u32,
    /// Its name, as in `/proc/cpuinfo`.
    pub name: &'static str,
    /// Cranelift's setting for it.
    pub setting: &'static str,
}

/// A machine's table of features.
macro_rules! features {
    ($($bit:literal $name:literal $setting:literal;)*) => {
        &[$(Feature { bit: $bit, name: $name, setting: $setting }),*]
    };
}
use features;

/// A set of CPU features that has a name.
#[derive(Debug)]
pub struct Level {
    /// The name.
    pub name: &'static str,
    /// The features, a bit each.
    pub features: u64,
}

impl Cpu {
    /// The features in a set.
    pub fn features_of(&self, set: u64) -> impl Iterator<Item = &'static Feature> {
        let features = self.features.iter();
        features.filter(move |feature| set >> feature.bit & 1 == 1)
    }

    /// Names of the features in a set, for messages.
    pub fn names(&self, set: u64) -> Vec<&'static str> {
        self.features_of(set).map(|feature| feature.name).collect()
    }

    /// The bits of a set that stand for no feature known here.
    pub const fn unknown(&self, set: u64) -> u64 {
        set >> self.features.len() << self.features.len()
    }
}

impl Machine {
    /// Every machine.
    pub const ALL: &[&Self] = &[&x86_64::MACHINE, &aarch64::MACHINE];

    /// The machine that this program was compiled for, if it is among them.
    pub const HOST: Option<&'static Self> = Self::named(std::env::consts::ARCH);

    /// The machine of an architecture's name.
    pub const fn named(name: &str) -> Option<&'static Self> {
        let mut i = 0;
        while i < Self::ALL.len() {
            if is_same(Self::ALL[i].name, name) {
                return Some(Self::ALL[i]);
            }
            i += 1;
        }
        None
    }

    /// The machine of an ELF number.
    pub fn of_elf_number(number: u32) -> Option<&'static Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|machine| u32::from(machine.elf_number) == number)
    }

    /// Number and name of a relocation.
    ///
    /// # Panics
    /// Never: a test sees to it that a machine has all of them.
    pub const fn relocation(&self, kind: Standard) -> &'static Relocation<Standard> {
        let mut i = 0;
        while self.relocations[i].kind as u32 != kind as u32 {
            i += 1;
        }
        &self.relocations[i]
    }

    /// The kind of a relocation's number in a file.
    pub fn relocation_of(&self, number: u32) -> Option<Standard> {
        let mut all = self.relocations.iter();
        all.find(|r| r.number == number).map(|r| r.kind)
    }

    /// A relocation of code, if the machine has it.
    pub fn code_relocation(&self, kind: CodeReloc) -> Option<&'static Relocation<CodeReloc>> {
        self.code_relocations.iter().find(|r| r.kind == kind)
    }
}

/// Whether two texts are the same, for constants.
const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::CODE_RESERVE;

    #[test]
    fn a_machine_is_found_by_name_and_number() {
        for &machine in Machine::ALL {
            assert_eq!(Machine::named(machine.name).unwrap().name, machine.name);
            let found = Machine::of_elf_number(machine.elf_number.into());
            assert_eq!(found.unwrap().name, machine.name);
        }
        assert!(Machine::named("x86").is_none() && Machine::named("x86_64h").is_none());
        assert!(Machine::of_elf_number(3).is_none());
        let host = Machine::HOST.map(|machine| machine.name);
        assert_eq!(host, Some(std::env::consts::ARCH));
    }

    #[test]
    fn every_machine_has_every_relocation_once() {
        for machine in Machine::ALL {
            assert_eq!(machine.relocations.len(), Standard::ALL.len());
            for &kind in Standard::ALL {
                let relocation = machine.relocation(kind);
                assert_eq!(relocation.kind, kind);
                assert_eq!(machine.relocation_of(relocation.number), Some(kind));
                let is_slot = kind != Standard::Copy;
                assert_eq!(relocation.width, if is_slot { 64 } else { 0 });
            }
            let code = machine.code_relocations;
            for (i, relocation) in code.iter().enumerate() {
                let found = machine.code_relocation(relocation.kind).unwrap();
                assert_eq!(found.number, relocation.number);
                let again = |other: &Relocation<_>| other.number == relocation.number;
                assert!(!code[..i].iter().any(again), "{}", relocation.name);
            }
            // 0 is the relocation that does nothing.
            assert_eq!(machine.relocation_of(0), None);
            assert_eq!(machine.relocation_of(u32::MAX), None);
        }
    }

    #[test]
    fn fields_hold_what_fits() {
        for &(bits, least, greatest) in &[
            (8, -0x80, 0x7f),
            (32, -0x8000_0000, 0x7fff_ffff),
            (64, i64::MIN, i64::MAX),
        ] {
            assert!(fits(least, bits) && fits(greatest, bits));
            if bits < 64 {
                assert!(!fits(least - 1, bits) && !fits(greatest + 1, bits));
            }
        }
    }

    #[test]
    fn every_machine_is_described_without_contradiction() {
        for machine in Machine::ALL {
            assert!(machine.image_align.is_power_of_two());
            // Half of the area for code is one object's at most, of which a call
            // may reach a part: what is beyond is called by the PLT.
            let reach = machine.branch.reach;
            assert!(
                reach.is_power_of_two() && reach <= CODE_RESERVE,
                "{}",
                machine.name
            );
            assert!(reach > machine.image_align);
            let (calls, roles) = (&machine.calls, &machine.registers);
            for list in [
                calls.int_args,
                calls.vec_args,
                calls.int_results,
                calls.vec_results,
                calls.preserved,
                calls.preserved_halves,
                calls.scratch,
            ] {
                assert!(!list.contains(&roles.pinned) && !list.contains(&roles.stack));
                let again = |(i, r)| list[..i].contains(r);
                assert!(!list.iter().enumerate().any(again), "{list:?}");
            }
            assert!(calls.preserved.contains(&roles.frame));
            let passed = |r: &Register| {
                let kept = calls.int_args.contains(r) || calls.preserved.contains(r);
                kept || *r == calls.return_area
            };
            let first = calls.int_args[0] == calls.return_area;
            assert!(first || !calls.int_args.contains(&calls.return_area));
            assert!(!calls.scratch.iter().any(passed));
            assert!(usize::from(roles.return_address.dwarf) < roles.columns);
        }
    }

    #[test]
    fn features_are_numbered_without_gaps() {
        for machine in Machine::ALL {
            let cpu = &machine.cpu;
            let bits = cpu.features.iter().map(|feature| feature.bit);
            assert!(bits.eq(0..cpu.features.len() as u32));
            assert_eq!(cpu.unknown(cpu.baseline.features), 0);
            assert_eq!(cpu.unknown(1 << 63 | 1), 1 << 63);
            assert_eq!(cpu.names(1 << 63 | 1), [cpu.features[0].name]);
        }
    }
}
