//! The CPUs that code can be made for.

use wasmaot_abi::machine::Machine;

/// CPU to compile for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// Every one of its machine.
    #[default]
    Baseline,
    /// This machine's.
    Native,
    /// With these features beyond the baseline, of whichever machine has them.
    With(Vec<&'static str>),
}

impl Cpu {
    /// The word for [`Cpu::Baseline`].
    pub const BASELINE: &str = "baseline";

    /// Reads a word of a command line.
    pub fn parse(word: &str) -> Result<Self, String> {
        let known = |name: &str| {
            let features = Machine::ALL.iter().flat_map(|machine| machine.cpu.features);
            let names = features.map(|feature| feature.name);
            let mut found = names.filter(|known| *known == name);
            found
                .next()
                .ok_or_else(|| format!("`{name}` is no feature of a CPU"))
        };
        match word {
            Self::BASELINE => Ok(Self::Baseline),
            "native" => Ok(Self::Native),
            names => names
                .split(',')
                .map(known)
                .collect::<Result<_, _>>()
                .map(Self::With),
        }
    }

    /// The set of features, for a machine.
    pub fn features(&self, machine: &Machine) -> Result<u64, String> {
        let cpu = &machine.cpu;
        let baseline = cpu.baseline.features;
        match self {
            Self::Baseline => Ok(baseline),
            Self::Native => Ok(wasmaot_runtime::host_cpu()),
            Self::With(names) => names.iter().try_fold(baseline, |set, name| {
                let feature = cpu.features.iter().find(|feature| feature.name == *name);
                let feature = feature.ok_or_else(|| {
                    let all = cpu.features.iter().map(|feature| feature.name);
                    let all: Vec<_> = all.collect();
                    format!(
                        "--cpu {name}: is no feature of {}, which has {}",
                        machine.name.replace('_', "-"),
                        all.join(" ")
                    )
                })?;
                Ok(set | 1 << feature.bit)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmaot_abi::machine::{aarch64, x86_64};

    #[test]
    fn features_are_those_of_their_machine() {
        let two = Cpu::parse("avx2,bmi2").unwrap();
        let set = two.features(&x86_64::MACHINE).unwrap();
        let names = x86_64::MACHINE.cpu.names(set);
        assert!(
            ["sse4.2", "avx2", "bmi2"]
                .iter()
                .all(|name| names.contains(name))
        );
        assert!(!names.contains(&"fma"));
        let error = two.features(&aarch64::MACHINE).unwrap_err();
        assert!(
            error.contains("avx2") && error.contains("atomics"),
            "{error}"
        );
        let atomics = Cpu::parse("atomics").unwrap();
        assert_eq!(atomics.features(&aarch64::MACHINE), Ok(1));
        let baseline = Cpu::parse(Cpu::BASELINE).unwrap();
        assert_eq!(baseline.features(&aarch64::MACHINE), Ok(0));
        for wrong in ["", "avx2,", "AVX2", "no-such"] {
            assert!(Cpu::parse(wrong).is_err(), "{wrong}");
        }
    }
}
