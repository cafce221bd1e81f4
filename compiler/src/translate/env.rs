//! What the translations of a module's functions share.

use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use wasmaot_abi::types::{FuncType, TypeHash, ValType};

use crate::inline::Plan;
use crate::inline::cross_module::{CrossModuleBodies, CrossModuleBody};
use crate::module::Module;
use crate::options::Calls;

/// What all functions of a module share.
pub(crate) struct Env<'m> {
    pub module: &'m Module<'m>,
    /// Signature of each type.
    pub signatures: Vec<Signature>,
    /// Identity of each type, as compared by `call_indirect`.
    pub type_ids: Vec<u32>,
    pub config: TargetFrontendConfig,
    pub plan: &'m Plan,
    /// The bodies of other modules that are inlined in the place of calls of imports.
    pub cross_module: &'m CrossModuleBodies<'m>,
    /// Number of imported functions.
    pub imported: u32,
    /// How they are called.
    pub calls: Calls,
}

impl<'m> Env<'m> {
    pub fn new(
        module: &'m Module<'m>,
        plan: &'m Plan,
        cross_module: &'m CrossModuleBodies<'m>,
        config: TargetFrontendConfig,
        calls: Calls,
    ) -> Self {
        Self {
            module,
            plan,
            cross_module,
            imported: module.imported_funcs(),
            calls,
            signatures: module.types.iter().map(signature).collect(),
            type_ids: module.type_hashes.iter().map(TypeHash::id).collect(),
            config,
        }
    }

    /// The function whose body stands in the place of a call of one, in a loop
    /// or not: itself or, if `cross_module`, one of another module. `caller`: the
    /// function that calls, if it is of this module.
    pub fn inlined(
        &self,
        callee: u32,
        caller: Option<u32>,
        cross_module: bool,
        looping: bool,
    ) -> Option<u32> {
        if caller.is_some_and(|caller| self.plan.keeps_calls(caller)) {
            return None;
        }
        match callee < self.imported {
            true => self.cross_module.number_of(callee).filter(|_| cross_module),
            false => self.plan.inlines(callee, looping).then_some(callee),
        }
    }

    /// Whether a function of the module is an imported one.
    pub fn is_imported(&self, func: u32) -> bool {
        func < self.imported
    }

    /// A function of another module by its number.
    pub fn cross_module_body(&self, number: u32) -> Option<&CrossModuleBody<'m>> {
        self.cross_module.get(number)
    }

    /// Whether a call of a function is one, or leaves one where it is inlined.
    pub fn leaves_calls(&self, callee: u32) -> bool {
        let cross_module = self.cross_module.number_of(callee);
        match cross_module.and_then(|number| self.cross_module.get(number)) {
            Some(cross_module) => cross_module.calls(),
            None => self.plan.leaves_calls(callee),
        }
    }
}

/// CLIF type of a wasm value.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 | ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

pub(super) fn signature(ty: &FuncType) -> Signature {
    let list = |types: &[ValType]| types.iter().map(|&t| AbiParam::new(clif_type(t))).collect();
    Signature {
        params: list(&ty.params),
        returns: list(&ty.results),
        call_conv: CallConv::Tail,
    }
}
