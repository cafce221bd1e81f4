//! Builds the units of a differential case.

use wasmaot_compiler::{Emit, OptLevel, Options, Triple};
use wasmaot_test_agent::case::{Case, Unit};
use wasmaot_test_agent::{Greeting, Refusal};

use crate::Random;

/// How to compile a unit.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Optimisation.
    pub level: OptLevel,
    /// For the machine's CPU, not the baseline.
    pub native: bool,
}

impl Build {
    /// Two builds of all units of a case, each unit's in a way of its own.
    pub fn mixed(random: &mut Random, case: &Case) -> Vec<Vec<Self>> {
        const LEVELS: [OptLevel; 3] = [OptLevel::None, OptLevel::Less, OptLevel::Speed];
        let mut build = |_: &Unit| Self {
            level: *random.pick(&LEVELS),
            native: random.once_in(2),
        };
        let mut all = || case.units.iter().map(&mut build).collect();
        vec![all(), all()]
    }
}

/// The machine that a case is built for.
#[derive(Clone, Debug)]
pub struct Machine {
    target: Triple,
    cpu: u64,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        Self {
            target: Triple::host(),
            cpu: wasmaot_runtime::host_cpu(),
        }
    }

    /// Another one.
    ///
    /// # Errors
    /// If the compiler does not know its name.
    pub fn of(greeting: &Greeting) -> Result<Self, String> {
        let target = greeting.target();
        Ok(Self {
            target: target.parse().map_err(|e| format!("{target}: {e}"))?,
            cpu: greeting.cpu,
        })
    }
}

/// The objects of a case.
///
/// # Errors
/// [`Refusal`].
pub fn build(
    case: &Case,
    machine: &Machine,
    build: impl Fn(usize) -> Build,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let units = case.units.iter().enumerate();
    units
        .map(|(number, unit)| {
            let Build { level, native } = build(number);
            let bug = |e: wasmaot_compiler::Error| Refusal::Bug(e.to_string());
            let mut options = Options {
                opt_level: level,
                threads: Some(1),
                verify: true,
                ..Options::default()
            };
            options.set_target(machine.target.clone()).map_err(bug)?;
            if native {
                options.cpu = machine.cpu;
            }
            wasmaot_compiler::compile(&unit.name, &unit.wasm, &options, Emit::So).map_err(bug)
        })
        .collect()
}
