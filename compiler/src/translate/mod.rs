//! wasm functions → CLIF.
//!
//! One function at a time, in one pass over its operators. [`Env`] is what all
//! functions of a module share; [`Translator`] is a worker's reusable memory;
//! [`body::Body`] is the state within one function. [`ops`] has the match of all
//! operators, and a file for what each family of them does to the body. Afterwards
//! [`passes`] rewrite the function as a whole.

mod body;
mod env;
mod frame;
mod init;
mod inlined;
mod local;
mod ops;
mod origins;
mod passes;
pub(crate) mod thread_block;
mod watch;

use cranelift_codegen::ir::{Function, Inst, UserFuncName};
use cranelift_frontend::FunctionBuilderContext;
use wasmaot_abi::types::FuncType;

use crate::code::Target;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::operator::Operator;
use crate::pipeline::Pipeline;
use body::{Body, Scratch};
use env::signature;

pub(crate) use body::{GLOBALS, STACK_POINTER};
pub(crate) use env::Env;
pub(crate) use init::needed as init_needed;
pub(crate) use origins::Origins;
pub(crate) use passes::improve;
pub(crate) use watch::{Known, Watch};

/// Translates functions one after the other, reusing its memory.
#[derive(Default)]
pub(crate) struct Translator {
    context: FunctionBuilderContext,
    scratch: Scratch,
    /// Where the last function's instructions come from.
    pub origins: Origins,
    /// What is known of its locals.
    pub watch: Watch,
}

impl Translator {
    /// The instructions of the last function that stand for the address of the
    /// thread's block.
    pub fn thread_blocks(&self) -> &[Inst] {
        &self.scratch.thread_blocks
    }

    /// Translates a defined function into `out`, which must be cleared. After an
    /// error, the translator must not be used again.
    pub fn function(
        &mut self,
        env: &Env<'_>,
        func: u32,
        pipeline: Pipeline,
        out: &mut Function,
    ) -> Result<()> {
        let module = env.module;
        let ty = module.funcs[func as usize].ty;
        out.name = name(Target::Func(func));
        out.signature = env.signatures[ty as usize].clone();

        let mut body = Body::new(
            env,
            pipeline,
            out,
            &mut self.context,
            &mut self.scratch,
            &mut self.origins,
            &mut self.watch,
        );
        body.watch.start(module.debug.contains_key(".debug_info"));
        let args = body.params();
        body.run(func, &args)?;
        body.finish();
        Ok(())
    }

    /// Makes the init function in `out`, which must be cleared.
    pub fn init(&mut self, env: &Env<'_>, out: &mut Function) {
        out.name = name(Target::Init(0));
        out.signature = signature(&FuncType::default());
        let mut body = Body::new(
            env,
            Pipeline::SinglePass,
            out,
            &mut self.context,
            &mut self.scratch,
            &mut self.origins,
            &mut self.watch,
        );
        body.watch.start(false);
        body.init();
        body.finish();
    }
}

fn name(target: Target) -> UserFuncName {
    UserFuncName::User(target.to_name())
}

fn invalid(module: &Module<'_>, error: &wasmparser::Error) -> Error {
    Error::Invalid {
        file: module.source.clone(),
        offset: error.offset(),
        reason: error.message().to_owned(),
    }
}

fn unsupported(module: &Module<'_>, operator: &Operator<'_>, offset: u64) -> Error {
    Error::Unsupported {
        file: module.source.clone(),
        feature: format!("operator {operator:?} (at offset {offset:#x})"),
    }
}
