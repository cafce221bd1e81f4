//! The code generator's settings for a target.

use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Architecture;
use wasmaot_abi::cpu;

use crate::{Error, OptLevel, Options, Result};

/// Makes the code generator for the options.
pub(crate) fn isa(options: &Options) -> Result<OwnedTargetIsa> {
    if options.target.architecture != Architecture::X86_64 {
        let target = &options.target;
        return Err(Error::Options(format!(
            "target `{target}` is not supported: code is made for x86_64-unknown-linux-gnu alone"
        )));
    }
    let (level, allocator) = match options.opt_level {
        OptLevel::None => ("none", "single_pass"),
        OptLevel::Less | OptLevel::Speed => ("speed", "backtracking"),
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
        // Tail calls need it, and on x86-64 every frame has one anyway.
        ("preserve_frame_pointers", "true"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("enable_alias_analysis", "true"),
        // Where loops are, for functions to be put by.
        ("machine_code_cfg_info", "true"),
        (
            "enable_verifier",
            if options.verify { "true" } else { "false" },
        ),
        // wasm code cannot be made to read what a misprediction leaks of its
        // neighbours: all modules of a process trust each other's memory.
        ("enable_heap_access_spectre_mitigation", "false"),
        ("enable_table_access_spectre_mitigation", "false"),
    ] {
        shared
            .set(name, value)
            .map_err(|e| Error::Options(format!("setting {name}={value}: {e}")))?;
    }
    let mut builder = isa::lookup(options.target.clone())
        .map_err(|e| Error::Options(format!("target `{}`: {e}", options.target)))?;
    for (bit, name, flag) in cpu::X86_64 {
        if options.cpu >> bit & 1 == 1 {
            builder
                .enable(flag)
                .map_err(|e| Error::Options(format!("CPU feature {name}: {e}")))?;
        }
    }
    builder
        .finish(settings::Flags::new(shared))
        .map_err(|e| Error::Options(format!("target `{}`: {e}", options.target)))
}
