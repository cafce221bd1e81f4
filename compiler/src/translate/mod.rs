//! wasm functions → CLIF.
//!
//! One function at a time, in one pass over its operators. [`Env`] is what all
//! functions of a module share; [`Translator`] is a worker's reusable memory;
//! [`body::Body`] is the state within one function, and each family of
//! operators extends it in a file of its own.

mod body;
mod init;
mod inline;
mod local;
mod ops;
mod passes;

use cranelift_codegen::ir::{AbiParam, Function, Signature, Type, UserFuncName, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::FunctionBuilderContext;
use wasmaot_abi::types::{FuncType, TypeHash, ValType};
use wasmparser::Operator;

use crate::code::Target;
use crate::inline::Plan;
use crate::inline::cross_module::{Foreign, Foreigners};
use crate::limits::Pipeline;
use crate::module::Module;
use crate::options::Calls;
use crate::{Error, Result};
use body::{Body, Scratch};

pub(crate) use init::needed as init_needed;
pub(crate) use inline::Origins;
pub(crate) use ops::exception::handler_of;
pub(crate) use passes::improve;

/// What all functions of a module share.
pub(crate) struct Env<'m> {
    pub module: &'m Module<'m>,
    /// Signature of each type.
    signatures: Vec<Signature>,
    /// Identity of each type, as compared by `call_indirect`.
    type_ids: Vec<u32>,
    config: TargetFrontendConfig,
    plan: &'m Plan,
    /// What stands for imported functions where they are called.
    foreign: &'m Foreigners<'m>,
    /// Number of imported functions.
    imported: u32,
    /// How they are called.
    calls: Calls,
}

impl<'m> Env<'m> {
    pub fn new(
        module: &'m Module<'m>,
        plan: &'m Plan,
        foreign: &'m Foreigners<'m>,
        config: TargetFrontendConfig,
        calls: Calls,
    ) -> Self {
        Self {
            module,
            plan,
            foreign,
            imported: module.imported_funcs(),
            calls,
            signatures: module.types.iter().map(signature).collect(),
            type_ids: module.type_hashes.iter().map(TypeHash::id).collect(),
            config,
        }
    }

    /// The function whose body stands in the place of a call of one, in a loop
    /// or not: itself or, if `foreign`, one of another module. `caller`: the
    /// function that calls, if it is of this module.
    fn inlined(
        &self,
        callee: u32,
        caller: Option<u32>,
        foreign: bool,
        looping: bool,
    ) -> Option<u32> {
        if caller.is_some_and(|caller| self.plan.keeps_calls(caller)) {
            return None;
        }
        match callee < self.imported {
            true => self.foreign.number_of(callee).filter(|_| foreign),
            false => self.plan.inlines(callee, looping).then_some(callee),
        }
    }

    /// Whether a function of the module is an imported one.
    pub fn is_imported(&self, func: u32) -> bool {
        func < self.imported
    }

    /// A function of another module by its number.
    pub fn foreign(&self, number: u32) -> Option<&Foreign<'m>> {
        self.foreign.get(number)
    }

    /// Whether a call of a function is one, or leaves one where it is inlined.
    fn leaves_calls(&self, callee: u32) -> bool {
        let foreign = self.foreign.number_of(callee);
        match foreign.and_then(|number| self.foreign.get(number)) {
            Some(foreign) => foreign.calls(),
            None => self.plan.leaves_calls(callee),
        }
    }
}

/// CLIF type of a wasm value.
fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 | ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

fn signature(ty: &FuncType) -> Signature {
    let list = |types: &[ValType]| types.iter().map(|&t| AbiParam::new(clif_type(t))).collect();
    Signature {
        params: list(&ty.params),
        returns: list(&ty.results),
        call_conv: CallConv::Tail,
    }
}

/// Translates functions one after the other, reusing its memory.
#[derive(Default)]
pub(crate) struct Translator {
    context: FunctionBuilderContext,
    scratch: Scratch,
    /// Where the last function's instructions come from.
    pub origins: Origins,
}

impl Translator {
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
        );
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
            Pipeline::Plain,
            out,
            &mut self.context,
            &mut self.scratch,
            &mut self.origins,
        );
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
