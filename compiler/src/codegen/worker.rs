//! Functions one after the other to machine code, or to its text.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, function::FunctionParameters};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, CompiledCode, Context};

use super::{addresses, call_registers, frame, locals, loop_alignment, output, refine};
use crate::code::{CompiledFunction, Frame, Target};
use crate::error::{Error, Result};
use crate::inline::cross_module::CrossModuleBody;
use crate::module::Module;
use crate::pipeline::Pipeline;
use crate::target::Isas;
use crate::translate::{self, Env, Translator, thread_block};

/// A function's code; and, if functions of other modules are inlined into it,
/// its code without, and the imports that they stand for.
pub(super) type Both = (CompiledFunction, Option<(CompiledFunction, Vec<u32>)>);

/// A function to compile.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// A defined one, by number.
    Func(u32),
    Init,
}

impl Subject {
    /// Its number in [`Code::functions`](crate::code::Code::functions).
    pub fn number(self, module: &Module<'_>) -> usize {
        match self {
            Self::Func(func) => (func - module.imported_funcs()) as usize,
            Self::Init => module.bodies.len(),
        }
    }

    /// Bytes of wasm.
    pub fn size(self, module: &Module<'_>) -> usize {
        match self {
            Self::Func(_) => module.bodies[self.number(module)].range.len(),
            Self::Init => 0,
        }
    }
}

/// How what was translated is to be made code of.
struct Translated {
    pipeline: Pipeline,
    /// Blocks, and steps of tables of jumps.
    blocks: usize,
}

/// A thread's working memory.
pub(super) struct Worker<'w> {
    env: &'w Env<'w>,
    isas: &'w Isas,
    /// Whether anything is optimised.
    optimises: bool,
    translator: Translator,
    context: Context,
}

impl<'w> Worker<'w> {
    pub fn new(env: &'w Env<'w>, isas: &'w Isas, optimises: bool) -> Self {
        Self {
            env,
            isas,
            optimises,
            translator: Translator::default(),
            context: Context::new(),
        }
    }

    /// Translates a function: in a cheaper way, if the intermediate code is to be
    /// too much otherwise.
    fn translate(&mut self, subject: Subject) -> Result<Translated> {
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
            let extend = self.isas.backend.accesses_extend();
            let watch = &mut self.translator.watch;
            translate::improve(module, &mut self.context, watch, extend);
        }
        let dfg = &self.context.func.dfg;
        let tables = dfg.jump_tables.values();
        let steps: usize = tables.map(|table| table.as_slice().len()).sum();
        Ok(Translated {
            pipeline,
            blocks: dfg.num_blocks() + steps,
        })
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

    /// Compiles a function; and, if bodies of other modules were inlined into it, once
    /// more without them.
    pub fn compile_all(&mut self, subject: Subject, uninlined: &Env<'_>) -> Result<Both> {
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
        let translated = self.translate(subject)?;
        let watch = &mut self.translator.watch;
        let labels = watch.on.then(|| watch.label(&mut self.context.func));
        let is_optimised = translated.pipeline == Pipeline::Optimised;
        let isa = self.generate(subject, translated)?;
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
            output::reloc(self.isas.backend, r, &self.context.func.params).ok_or_else(|| {
                let reason = format!("relocation {:?} of {:?}", r.kind, r.target);
                self.bug(subject, reason)
            })
        });
        let mut made = CompiledFunction {
            relocs: relocs.collect::<Result<_>>()?,
            bytes,
            align: compiled.buffer.alignment,
            frame,
            traps: output::traps(compiled.buffer.traps()),
            try_calls: output::try_calls(compiled).ok_or_else(|| {
                let reason = "a call with handlers in a frame of unknown size".to_owned();
                self.bug(subject, reason)
            })?,
            locals: labels
                .map(|labels| {
                    locals::places(
                        compiled,
                        &self.context.func,
                        &self.translator.watch,
                        &labels,
                        isa,
                    )
                })
                .unwrap_or_default(),
            ..CompiledFunction::default()
        };
        let (function, origins) = (&self.context.func, &self.translator.origins);
        let is_refined = is_optimised
            && refine::refine(self.isas.backend, function, compiled, origins, &mut made);
        if !is_refined {
            let size = made.bytes.len() as u32;
            made.starts = loop_alignment::starts(&compiled.bb_edges, &compiled.bb_starts, size);
            made.lines = output::lines(output::sources(compiled), origins);
        }
        Ok(made)
    }

    pub fn clif(&mut self, subject: Subject) -> Result<String> {
        self.translate(subject)?;
        self.find_thread_blocks();
        let text = self.context.func.display();
        Ok(format!("; function {}\n{text}", self.name(subject)))
    }

    pub fn assembly(&mut self, subject: Subject) -> Result<String> {
        let translated = self.translate(subject)?;
        self.context.set_disasm(true);
        self.generate(subject, translated)?;
        let compiled = self.compiled(subject)?;
        let framed = frame::elide(self.isas.backend, &self.context.func, compiled).is_none();
        let mut text = compiled.vcode.clone().unwrap_or_default();
        if !framed {
            text = frame::without(self.isas.backend, &text);
        }
        let text = name_targets(&text, &self.context.func.params);
        Ok(format!("; function {}\n{text}", self.name(subject)))
    }

    /// Generates the code of what was translated. The code generator that did it.
    fn generate(
        &mut self,
        subject: Subject,
        Translated { pipeline, blocks }: Translated,
    ) -> Result<&'w dyn TargetIsa> {
        let mut control = ControlPlane::default();
        let reads = !self.translator.thread_blocks().is_empty();
        let calls = call_registers::is_of_use(&self.context.func);
        let frame = addresses::is_of_use(&self.context.func);
        let first = (reads || calls || frame) && pipeline == Pipeline::Optimised;
        if first {
            let isa = self.isas.of(pipeline, blocks, false);
            let result = self.context.optimize(isa, &mut control);
            result.map_err(|error| self.failure(subject, &error))?;
        }
        if first && calls {
            call_registers::copy(&mut self.context);
        }
        if first && frame {
            addresses::compute(&mut self.context.func);
        }
        self.find_thread_blocks();
        let isa = self.isas.of(pipeline, blocks, first);
        let result = self.context.compile(isa, &mut control).map(|_| ());
        let result = result.map_err(|e| e.inner);
        result.map_err(|error| self.failure(subject, &error))?;
        Ok(isa)
    }

    fn find_thread_blocks(&mut self) {
        let reads = self.translator.thread_blocks();
        thread_block::compute(&mut self.context.func, reads);
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
