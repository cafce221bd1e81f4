//! Functions → machine code, in parallel.
//!
//! Functions are compiled in parallel ([`threads`]), each by a [`worker`], and what
//! the code generator made of one is read in [`output`].

mod addresses;
mod call_registers;
mod frame;
mod locals;
mod loop_alignment;
mod output;
mod refine;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
mod threads;
mod worker;

use std::sync::atomic::{AtomicU64, Ordering};

use cranelift_codegen::isa::TargetFrontendConfig;

use self::threads::for_each;
use self::worker::Subject;
use crate::code::{Code, CompiledFunction, Uninlined};
use crate::error::Result;
use crate::inline::cross_module::CrossModuleBodies;
use crate::inline::{Plan, Summary};
use crate::limits;
use crate::machine::Backend;
use crate::module::{Body, Module};
use crate::options::{OptLevel, Options};
use crate::parallel;
use crate::pipeline::Pipeline;
use crate::target::Isas;
use crate::translate::{Env, init_needed};

/// Compiles all functions of a module.
pub(crate) fn compile(module: &Module<'_>, options: &Options) -> Result<Code> {
    compile_with(module, &CrossModuleBodies::default(), options)
}

/// Compiles all functions of a module, into them those of other modules, where
/// they stand for imports.
pub(crate) fn compile_with(
    module: &Module<'_>,
    cross_module: &CrossModuleBodies<'_>,
    options: &Options,
) -> Result<Code> {
    let plan = plan(module, options)?;
    let none = CrossModuleBodies::default();
    let cross_module = match options.opt_level {
        OptLevel::Speed => cross_module,
        _ => &none,
    };
    let isas = Isas::new(options)?;
    let config = isa_config(&isas);
    let env = Env::new(module, &plan, cross_module, config, options.calls);
    let uninlined = Env::new(module, &plan, &none, config, options.calls);
    let subjects = subjects(module, &plan);
    let limit = limits::code(options, module);
    let made = AtomicU64::new(0);
    let compiled = for_each(&env, &isas, options, &subjects, |worker, f| {
        let both = worker.compile_all(f, &uninlined)?;
        let second = both.1.as_ref().map_or(0, |(code, _)| code.bytes.len());
        let bytes = (both.0.bytes.len() + second) as u64;
        match made.fetch_add(bytes, Ordering::Relaxed) + bytes > limit {
            true => Err(limits::too_much_code(module, limit)),
            false => Ok(both),
        }
    })?;
    let mut functions = Vec::new();
    let count = module.bodies.len() + usize::from(init_needed(module));
    functions.resize_with(count, CompiledFunction::default);
    let mut seconds = Vec::new();
    for (subject, (first, second)) in subjects.iter().zip(compiled) {
        let function = subject.number(module);
        functions[function] = first;
        if let Some((second, imports)) = second {
            seconds.push(Uninlined { function, imports });
            functions.push(second);
        }
    }
    let names = cross_module.names().map(|(n, name)| (n, name.to_owned()));
    Ok(Code {
        functions,
        has_init: init_needed(module),
        uninlined: seconds,
        cross_module: names.collect(),
    })
}

/// The code of no function: what a linker sees of a module.
pub(crate) fn skeleton(module: &Module<'_>, backend: &dyn Backend) -> Code {
    let has_init = init_needed(module);
    let count = module.bodies.len() + usize::from(has_init);
    let functions = (0..count).map(|_| CompiledFunction {
        bytes: backend.trap().to_vec(),
        align: 1,
        ..CompiledFunction::default()
    });
    Code {
        functions: functions.collect(),
        has_init,
        uninlined: Vec::new(),
        cross_module: Vec::new(),
    }
}

/// The text of every function's CLIF, or of its machine code.
pub(crate) fn listing(module: &Module<'_>, options: &Options, asm: bool) -> Result<String> {
    let plan = plan(module, options)?;
    let cross_module = CrossModuleBodies::default();
    let isas = Isas::new(options)?;
    let env = Env::new(
        module,
        &plan,
        &cross_module,
        isa_config(&isas),
        options.calls,
    );
    let subjects = subjects(module, &plan);
    let texts = for_each(&env, &isas, options, &subjects, |worker, f| {
        if asm {
            worker.assembly(f)
        } else {
            worker.clif(f)
        }
    })?;
    Ok(texts.join("\n"))
}

fn isa_config(isas: &Isas) -> TargetFrontendConfig {
    isas.of(Pipeline::SinglePass, 0, false).frontend_config()
}

/// Decides which calls are inlined.
fn plan(module: &Module<'_>, options: &Options) -> Result<Plan> {
    if options.opt_level != OptLevel::Speed {
        return Ok(Plan::nothing(module));
    }
    let summary = |(): &mut (), body: &Body<'_>| Summary::of(&body.body);
    let summaries = parallel::map(options, &module.bodies, summary)?;
    Ok(Plan::of(module, &summaries))
}

/// What needs code.
fn subjects(module: &Module<'_>, plan: &Plan) -> Vec<Subject> {
    let defined = module.imported_funcs()..module.funcs.len() as u32;
    let coded = defined.filter(|&func| plan.is_coded(func));
    let init = init_needed(module).then_some(Subject::Init);
    coded.map(Subject::Func).chain(init).collect()
}
