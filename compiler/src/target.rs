//! The code generator's settings for a target.

use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::{BinaryFormat, OperatingSystem, Triple};
use wasmaot_abi::machine::Machine;

use crate::error::{Error, Result};
use crate::limits;
use crate::machine::{self, Backend};
use crate::options::{OptLevel, Options};
use crate::pipeline::Pipeline;

/// The code generator for the options, and for code that is made otherwise.
pub(crate) struct Isas {
    pub backend: &'static dyn Backend,
    optimised: Optimising,
    many_blocks: Optimising,
    single_pass: OwnedTargetIsa,
}

impl Isas {
    pub fn new(options: &Options) -> Result<Self> {
        Ok(Self {
            backend: backend(options)?,
            optimised: Optimising::new(options, options.opt_level != OptLevel::None)?,
            many_blocks: Optimising::new(options, false)?,
            single_pass: make(options, OptLevel::None, allocator(OptLevel::None), false)?,
        })
    }

    /// The one for functions of so many blocks; `done`: if they are optimised
    /// already.
    pub fn of(&self, pipeline: Pipeline, blocks: usize, done: bool) -> &dyn TargetIsa {
        let optimising = match pipeline {
            Pipeline::SinglePass => return &*self.single_pass,
            Pipeline::Optimised if blocks > limits::BLOCKS => &self.many_blocks,
            Pipeline::Optimised => &self.optimised,
        };
        match done {
            true => &*optimising.done,
            false => &*optimising.whole,
        }
    }
}

/// A code generator that optimises, and the rest of it.
struct Optimising {
    whole: OwnedTargetIsa,
    /// For functions that are optimised already.
    done: OwnedTargetIsa,
}

impl Optimising {
    fn new(options: &Options, loops: bool) -> Result<Self> {
        let allocator = allocator(options.opt_level);
        Ok(Self {
            whole: make(options, options.opt_level, allocator, loops)?,
            done: make(options, OptLevel::None, allocator, loops)?,
        })
    }
}

/// Makes the code generator for the options.
pub(crate) fn isa(options: &Options) -> Result<OwnedTargetIsa> {
    let level = options.opt_level;
    make(options, level, allocator(level), level != OptLevel::None)
}

/// The register allocator that goes with a level.
fn allocator(level: OptLevel) -> &'static str {
    match level {
        OptLevel::None => "single_pass",
        OptLevel::Less | OptLevel::Speed => "backtracking",
    }
}

/// Makes a code generator; `loops`: whether it says where loops are.
fn make(
    options: &Options,
    level: OptLevel,
    allocator: &str,
    loops: bool,
) -> Result<OwnedTargetIsa> {
    let backend = backend(options)?;
    let level = match level {
        OptLevel::None => "none",
        OptLevel::Less | OptLevel::Speed => "speed",
    };
    let mut shared = settings::builder();
    for (name, value) in [
        ("opt_level", level),
        ("regalloc_algorithm", allocator),
        // `symbol_value` becomes one load from the GOT, which link edit turns
        // into an address computation where the symbol is the object's own.
        ("is_pic", "true"),
        ("enable_pinned_reg", "true"),
        ("use_colocated_libcalls", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "true"),
        (
            "preserve_frame_pointers",
            if backend.needs_frame_pointers() {
                "true"
            } else {
                "false"
            },
        ),
        ("enable_multi_ret_implicit_sret", "true"),
        ("enable_alias_analysis", "true"),
        // Where loops are, for functions to be put by.
        (
            "machine_code_cfg_info",
            if loops { "true" } else { "false" },
        ),
        (
            "enable_verifier",
            if options.verify { "true" } else { "false" },
        ),
        // Barriers against speculation past a check of bounds. Those of accesses
        // to memories and tables are in `translate`; Cranelift adds its own to
        // `br_table`.
        ("enable_heap_access_spectre_mitigation", "true"),
        ("enable_table_access_spectre_mitigation", "true"),
    ] {
        shared
            .set(name, value)
            .map_err(|e| Error::Options(format!("setting {name}={value}: {e}")))?;
    }
    let mut builder = isa::lookup(options.target.clone())
        .map_err(|e| Error::Options(format!("target `{}`: {e}", options.target)))?;
    let features = backend.description().cpu.features_of(options.cpu);
    let always = backend.settings().iter().copied();
    for setting in features.map(|feature| feature.setting).chain(always) {
        builder
            .enable(setting)
            .map_err(|e| Error::Options(format!("setting {setting} of the CPU: {e}")))?;
    }
    builder
        .finish(settings::Flags::new(shared))
        .map_err(|e| Error::Options(format!("target `{}`: {e}", options.target)))
}

/// What makes the options' target different. What objects are made of is ELF, and
/// runs in a process of Linux.
///
/// # Errors
/// If the target is another.
pub(crate) fn backend(options: &Options) -> Result<&'static dyn Backend> {
    backend_of(&options.target)
}

/// The same of a target.
pub(crate) fn backend_of(target: &Triple) -> Result<&'static dyn Backend> {
    let linux = target.operating_system == OperatingSystem::Linux
        && target.binary_format == BinaryFormat::Elf;
    let mut all = machine::ALL.iter().copied();
    let found = all.find(|backend| linux && backend.is_for(target));
    found.ok_or_else(|| {
        let names = machine::ALL.iter().map(|backend| backend.description().name);
        let names: Vec<_> = names.collect();
        Error::Options(format!(
            "target `{target}` is not supported: this version makes objects for Linux on {}, such as {}-unknown-linux-gnu",
            names.join(", "), names[0]
        ))
    })
}

impl Options {
    /// The target's machine.
    ///
    /// # Errors
    /// [`Error::Options`](crate::Error::Options) if there is no code for the target.
    pub fn machine(&self) -> Result<&'static Machine> {
        backend(self).map(|backend| backend.description())
    }

    /// Changes the target, and the CPU to any of its machine.
    ///
    /// # Errors
    /// [`Error::Options`](crate::Error::Options) if there is no code for the target.
    pub fn set_target(&mut self, target: Triple) -> Result<()> {
        self.cpu = backend_of(&target)?.description().cpu.baseline.features;
        self.target = target;
        Ok(())
    }
}
