//! Functions → machine code, in parallel.
//!
//! Each thread takes the next function, largest first, and keeps its own
//! working memory; results are put in order afterwards, so that the number of
//! threads does not show in the output.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, function::FunctionParameters};
use cranelift_codegen::isa::{TargetFrontendConfig, TargetIsa};
use cranelift_codegen::{
    CodegenError, CompiledCode, Context, FinalizedMachExceptionHandler, FinalizedMachReloc,
    FinalizedRelocTarget, MachTrap,
};
use wasmaot_abi::maps::lines::{Line, encode_stream};
use wasmaot_abi::trap::TrapCode;

use crate::code::{Code, CompiledFunction, Frame, Reloc, Target, TryCall, TryHandler, Uninlined};
use crate::error::{Error, Result};
use crate::inline::cross_module::{CrossModuleBodies, CrossModuleBody};
use crate::inline::{Plan, Summary};
use crate::limits;
use crate::machine::Backend;
use crate::module::{Body, Module};
use crate::options::{OptLevel, Options};
use crate::parallel;
use crate::pipeline::Pipeline;
use crate::target::Isas;
use crate::translate::{self, Env, Origins, Translator, init_needed};

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

/// A function's code; and, if functions of other modules are inlined into it,
/// its code without, and the imports that they stand for.
type Both = (CompiledFunction, Option<(CompiledFunction, Vec<u32>)>);

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
    isas.of(Pipeline::SinglePass, 0).frontend_config()
}

/// Decides what is inlined.
fn plan(module: &Module<'_>, options: &Options) -> Result<Plan> {
    if options.opt_level != OptLevel::Speed {
        return Ok(Plan::nothing(module));
    }
    let summary = |(): &mut (), body: &Body<'_>| Summary::of(&body.body);
    let summaries = parallel::map(options, &module.bodies, summary)?;
    Ok(Plan::of(module, &summaries))
}

/// A function to compile.
#[derive(Clone, Copy)]
enum Subject {
    /// A defined one, by number.
    Func(u32),
    Init,
}

impl Subject {
    /// Its number in [`Code::functions`].
    fn number(self, module: &Module<'_>) -> usize {
        match self {
            Self::Func(func) => (func - module.imported_funcs()) as usize,
            Self::Init => module.bodies.len(),
        }
    }

    /// Bytes of wasm.
    fn size(self, module: &Module<'_>) -> usize {
        match self {
            Self::Func(_) => module.bodies[self.number(module)].range.len(),
            Self::Init => 0,
        }
    }
}

/// What a thread has done: numbered results, or the turn at which it failed.
type Part<T> = std::result::Result<Vec<(usize, T)>, (usize, Error)>;

/// A thread begins with new memory when functions are so many times smaller
/// than what it last began with.
const SHRUNK: usize = 4;

/// A thread's working memory.
struct Worker<'w> {
    env: &'w Env<'w>,
    isas: &'w Isas,
    /// Whether anything is optimised.
    optimises: bool,
    translator: Translator,
    context: Context,
}

/// Applies `work` to every function; the results in order.
fn for_each<T: Send>(
    env: &Env<'_>,
    isas: &Isas,
    options: &Options,
    subjects: &[Subject],
    work: impl Fn(&mut Worker<'_>, Subject) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let order = largest_first(env.module, subjects);
    let next = AtomicUsize::new(0);
    let progress = options.progress.as_deref();
    if let Some(progress) = progress {
        progress.done.store(0, Ordering::Relaxed);
        progress
            .total
            .store(subjects.len() as u32, Ordering::Relaxed);
    }
    let take_all = || {
        let optimises = options.opt_level != OptLevel::None;
        let mut worker = Worker::new(env, isas, optimises);
        let mut room = usize::MAX;
        let mut done = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(&index) = order.get(turn) else {
                return Ok(done);
            };
            let size = subjects[index].size(env.module);
            if size < room / SHRUNK {
                // What was large once takes its time to clear for each small one.
                worker = Worker::new(env, isas, optimises);
                room = size;
            }
            let result = match progress {
                Some(progress) if progress.is_stopped() => Err(Error::Stopped {
                    file: env.module.source.clone(),
                }),
                _ => work(&mut worker, subjects[index]),
            };
            match result {
                Ok(result) => {
                    done.push((index, result));
                    if let Some(progress) = progress {
                        progress.done.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(error) => {
                    // Nobody takes another; what was taken before is finished.
                    next.store(order.len(), Ordering::Relaxed);
                    return Err((turn, error));
                }
            }
        }
    };
    let threads = parallel::threads(options, subjects.len());
    in_order(parallel::on_threads(threads, take_all)?)
}

/// Puts the results of all threads in order. Of several errors, that of the
/// first turn is reported: every number of threads meets it.
fn in_order<T>(parts: Vec<Part<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut first: Option<(usize, Error)> = None;
    for part in parts {
        match part {
            Ok(part) => all.extend(part),
            Err(error) if first.as_ref().is_none_or(|f| error.0 < f.0) => first = Some(error),
            Err(_) => {}
        }
    }
    if let Some((_, error)) = first {
        return Err(error);
    }
    all.sort_unstable_by_key(|&(index, _)| index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// What needs code.
fn subjects(module: &Module<'_>, plan: &Plan) -> Vec<Subject> {
    let defined = module.imported_funcs()..module.funcs.len() as u32;
    let coded = defined.filter(|&func| plan.is_coded(func));
    let init = init_needed(module).then_some(Subject::Init);
    coded.map(Subject::Func).chain(init).collect()
}

/// Indices of subjects such that no large function is left for the end.
fn largest_first(module: &Module<'_>, subjects: &[Subject]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    order.sort_by_cached_key(|&index| std::cmp::Reverse(subjects[index].size(module)));
    order
}

impl<'w> Worker<'w> {
    fn new(env: &'w Env<'w>, isas: &'w Isas, optimises: bool) -> Self {
        Self {
            env,
            isas,
            optimises,
            translator: Translator::default(),
            context: Context::new(),
        }
    }

    /// Translates a function: in a cheaper way, if the intermediate code is to be
    /// too much otherwise. The code generator for it.
    fn translate(&mut self, subject: Subject) -> Result<&'w dyn TargetIsa> {
        let module = self.env.module;
        let pipeline = match subject {
            Subject::Func(func) => {
                let body = &module.bodies[subject.number(module)];
                Pipeline::of(module, func, body, self.optimises)?
            }
            Subject::Init => Pipeline::SinglePass,
        };
        let pipeline = match self.translate_for(subject, pipeline) {
            Err(Error::TooLarge { .. }) if pipeline == Pipeline::Optimised => {
                // What was begun is of no more use.
                *self = Self::new(self.env, self.isas, self.optimises);
                self.translate_for(subject, Pipeline::SinglePass)?;
                Pipeline::SinglePass
            }
            result => result.map(|()| pipeline)?,
        };
        if pipeline == Pipeline::Optimised {
            translate::improve(module, &mut self.context);
        }
        let dfg = &self.context.func.dfg;
        let tables = dfg.jump_tables.values();
        let steps: usize = tables.map(|table| table.as_slice().len()).sum();
        Ok(self.isas.of(pipeline, dfg.num_blocks() + steps))
    }

    fn translate_for(&mut self, subject: Subject, pipeline: Pipeline) -> Result<()> {
        self.context.clear();
        let out = &mut self.context.func;
        match subject {
            Subject::Func(func) => self.translator.function(self.env, func, pipeline, out),
            Subject::Init => {
                self.translator.init(self.env, out);
                Ok(())
            }
        }
    }

    /// Compiles a function; once more without what is of other modules.
    fn compile_all(&mut self, subject: Subject, uninlined: &Env<'_>) -> Result<Both> {
        let first = self.compile(subject)?;
        let sites = self.translator.origins.sites.iter();
        let cross_module = sites.filter_map(|site| self.env.cross_module_body(site.function));
        let needs = cross_module.flat_map(CrossModuleBody::needs);
        let mut imports: Vec<u32> = needs.filter(|&f| self.env.is_imported(f)).collect();
        if imports.is_empty() {
            return Ok((first, None));
        }
        imports.sort_unstable();
        imports.dedup();
        let mut worker = Worker::new(uninlined, self.isas, self.optimises);
        Ok((first, Some((worker.compile(subject)?, imports))))
    }

    fn compile(&mut self, subject: Subject) -> Result<CompiledFunction> {
        let isa = self.translate(subject)?;
        self.generate(subject, isa)?;
        let compiled = self.compiled(subject)?;
        let (bytes, frame) = match frame::elide(self.isas.backend, &self.context.func, compiled) {
            Some(bytes) => (bytes, Frame::None),
            None => {
                let unwind = compiled.create_unwind_info(isa);
                let unwind = unwind
                    .map_err(|error| self.failure(subject, &error))?
                    .ok_or_else(|| self.bug(subject, "no unwind information".to_owned()))?;
                (compiled.code_buffer().to_vec(), Frame::Record(unwind))
            }
        };
        let relocs = compiled.buffer.relocs().iter();
        let relocs = relocs.map(|r| {
            reloc(self.isas.backend, r, &self.context.func.params).ok_or_else(|| {
                let reason = format!("relocation {:?} of {:?}", r.kind, r.target);
                self.bug(subject, reason)
            })
        });
        Ok(CompiledFunction {
            relocs: relocs.collect::<Result<_>>()?,
            bytes,
            align: compiled.buffer.alignment,
            starts: loop_alignment::starts(compiled),
            frame,
            traps: traps(compiled.buffer.traps()),
            lines: lines(compiled, &self.translator.origins),
            try_calls: try_calls(compiled).ok_or_else(|| {
                let reason = "a call with handlers in a frame of unknown size".to_owned();
                self.bug(subject, reason)
            })?,
        })
    }

    fn clif(&mut self, subject: Subject) -> Result<String> {
        self.translate(subject)?;
        let text = self.context.func.display();
        Ok(format!("; function {}\n{text}", self.name(subject)))
    }

    fn assembly(&mut self, subject: Subject) -> Result<String> {
        let isa = self.translate(subject)?;
        self.context.set_disasm(true);
        self.generate(subject, isa)?;
        let compiled = self.compiled(subject)?;
        let framed = frame::elide(self.isas.backend, &self.context.func, compiled).is_none();
        let mut text = compiled.vcode.clone().unwrap_or_default();
        if !framed {
            text = frame::without(self.isas.backend, &text);
        }
        let text = name_targets(&text, &self.context.func.params);
        Ok(format!("; function {}\n{text}", self.name(subject)))
    }

    /// Generates the code of what was translated.
    fn generate(&mut self, subject: Subject, isa: &dyn TargetIsa) -> Result<()> {
        let result = self
            .context
            .compile(isa, &mut ControlPlane::default())
            .map(|_| ())
            .map_err(|e| e.inner);
        result.map_err(|error| self.failure(subject, &error))
    }

    /// What was generated. It stays where it is: it is some kilobytes to move.
    fn compiled(&self, subject: Subject) -> Result<&CompiledCode> {
        let compiled = self.context.compiled_code();
        compiled.ok_or_else(|| self.bug(subject, "no code came out".to_owned()))
    }

    fn name(&self, subject: Subject) -> String {
        match subject {
            Subject::Func(func) => self.env.module.func_name(func),
            Subject::Init => "wasmaot.init".to_owned(),
        }
    }

    fn bug(&self, subject: Subject, reason: String) -> Error {
        Error::Codegen {
            file: self.env.module.source.clone(),
            function: self.name(subject),
            reason,
        }
    }

    fn failure(&self, subject: Subject, error: &CodegenError) -> Error {
        let file = || self.env.module.source.clone();
        match error {
            CodegenError::CodeTooLarge | CodegenError::ImplLimitExceeded => Error::TooLarge {
                file: file(),
                what: format!("function {}", self.name(subject)),
                limit: "what the code generator can hold".to_owned(),
            },
            CodegenError::Verifier(errors) => self.bug(subject, errors.to_string()),
            other => self.bug(subject, other.to_string()),
        }
    }
}

/// Replaces the code generator's numbers of targets by what they stand for.
fn name_targets(text: &str, params: &FunctionParameters) -> String {
    let mut parts = text.split("userextname");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit());
        let (number, rest) = part.split_at(digits.unwrap_or(part.len()));
        let name = number.parse().ok().map(ir::UserExternalNameRef::from_u32);
        let name = name.and_then(|name| params.user_named_funcs().get(name));
        match name.and_then(Target::from_name) {
            Some(target) => out.push_str(&format!("{target:?}")),
            None => out.extend(["userextname", number]),
        }
        out.push_str(rest);
    }
    out
}

fn reloc(
    backend: &dyn Backend,
    reloc: &FinalizedMachReloc,
    params: &FunctionParameters,
) -> Option<Reloc> {
    let FinalizedRelocTarget::ExternalName(name) = &reloc.target else {
        return None;
    };
    Some(Reloc {
        offset: reloc.offset,
        kind: backend.code_reloc(reloc.kind)?,
        target: Target::of(name, params)?,
        addend: reloc.addend,
    })
}

/// Trap sites in ascending order. Accesses to memory are not listed: that
/// they may fault follows from the address.
fn traps(found: &[MachTrap]) -> Vec<(u32, TrapCode)> {
    let sites = found.iter().filter_map(|t| Some((t.offset, trap(t.code)?)));
    let mut sites: Vec<_> = sites.collect();
    sites.sort_by_key(|&(offset, _)| offset);
    sites
}

fn trap(code: ir::TrapCode) -> Option<TrapCode> {
    match code {
        ir::TrapCode::STACK_OVERFLOW => Some(TrapCode::StackOverflow),
        ir::TrapCode::INTEGER_OVERFLOW => Some(TrapCode::IntegerOverflow),
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => Some(TrapCode::IntegerDivideByZero),
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => Some(TrapCode::InvalidConversion),
        ir::TrapCode::HEAP_OUT_OF_BOUNDS => None,
        other => TrapCode::from_byte(other.as_raw().get()),
    }
}

/// Where each stretch of code comes from; neighbours of one origin are one.
fn lines(compiled: &CompiledCode, origins: &Origins) -> Vec<u8> {
    let mut lines: Vec<Line> = Vec::new();
    for stretch in compiled.buffer.get_srclocs_sorted() {
        if stretch.loc.is_default() {
            continue;
        }
        let (code, (wasm, site)) = (stretch.start, origins.of(stretch.loc));
        if lines
            .last()
            .is_none_or(|l| (l.wasm, l.site) != (wasm, site))
        {
            lines.push(Line { code, wasm, site });
        }
    }
    encode_stream(&lines, &origins.sites)
}

/// The calls with handlers; `None` for what the code generator should never
/// say.
fn try_calls(compiled: &CompiledCode) -> Option<Vec<TryCall>> {
    let sites = compiled.buffer.call_sites();
    let guarded = sites.filter(|site| !site.exception_handlers.is_empty());
    guarded
        .map(|site| {
            let handlers = site
                .exception_handlers
                .iter()
                .map(|handler| match *handler {
                    FinalizedMachExceptionHandler::Tag(tag, offset) => {
                        let (tag, keeps) = translate::handler_of(tag);
                        Some(TryHandler { tag, keeps, offset })
                    }
                    _ => None,
                });
            Some(TryCall {
                offset: site.ret_addr,
                frame: site.frame_offset?,
                handlers: handlers.collect::<Option<_>>()?,
            })
        })
        .collect()
}

mod frame;
mod loop_alignment;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
