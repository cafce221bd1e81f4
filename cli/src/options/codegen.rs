//! What the options of compiling mean to the compiler.

use wasmaot_compiler as compiler;

use super::{Codegen, Cpu, Run};

impl Codegen {
    /// What is done without any option.
    pub(super) const DEFAULT: Self = Self {
        opt_level: 2,
        cpu: Cpu::Baseline,
        jobs: None,
        max_code: None,
    };

    /// The compiler's options for the flags.
    pub fn options(&self) -> compiler::Options {
        let defaults = compiler::Options::default();
        compiler::Options {
            cpu: match self.cpu {
                Cpu::Baseline => defaults.cpu,
                Cpu::Native => wasmaot_runtime::host_cpu(),
            },
            opt_level: match self.opt_level {
                0 => compiler::OptLevel::None,
                1 => compiler::OptLevel::Less,
                _ => compiler::OptLevel::Speed,
            },
            threads: self.jobs.map(usize::from),
            max_code: self.max_code.map(|size| size.0),
            ..defaults
        }
    }
}

impl Run {
    /// How modules are compiled on the way.
    pub fn compile_options(&self) -> compiler::Options {
        compiler::Options {
            profiling: match self.profile {
                Some(_) => compiler::Profiling::Count,
                None => compiler::Profiling::None,
            },
            ..self.codegen.options()
        }
    }
}
