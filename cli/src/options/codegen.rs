//! What the options of compiling mean to the compiler.

use anyhow::Result;
use wasmaot_compiler as compiler;
use wasmaot_launch::report::usage;

use super::cpu::Cpu;
use super::{Codegen, Run};

impl Codegen {
    /// What is done without any option.
    pub(super) const DEFAULT: Self = Self {
        opt_level: 2,
        cpu: Cpu::Baseline,
        jobs: None,
        max_code: None,
    };

    /// The compiler's options for the flags, for this machine.
    pub fn options(&self) -> Result<compiler::Options> {
        self.options_for(None)
    }

    /// The same for a target, or for this machine.
    pub fn options_for(&self, target: Option<compiler::Triple>) -> Result<compiler::Options> {
        let mut options = compiler::Options {
            opt_level: match self.opt_level {
                0 => compiler::OptLevel::None,
                1 => compiler::OptLevel::Less,
                _ => compiler::OptLevel::Speed,
            },
            threads: self.jobs.map(usize::from),
            max_code: self.max_code.map(|size| size.0),
            ..compiler::Options::default()
        };
        if let Some(target) = target {
            options.set_target(target)?;
        }
        let features = self.cpu.features(options.machine()?);
        options.cpu = features.map_err(usage)?;
        Ok(options)
    }
}

impl Run {
    /// How modules are compiled on the way.
    pub fn compile_options(&self) -> Result<compiler::Options> {
        Ok(compiler::Options {
            profiling: match self.profile {
                Some(_) => compiler::Profiling::Count,
                None => compiler::Profiling::None,
            },
            ..self.codegen.options()?
        })
    }
}
