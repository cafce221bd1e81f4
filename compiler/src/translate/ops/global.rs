//! Locals and globals.

use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, Value, types};
use wasmaot_abi::context::{offset, thread_block};
use wasmaot_abi::types::ValType;

use crate::code::Target;
use crate::inline::cross_module::GlobalMeaning;
use crate::module::{GlobalInit, GlobalStorage};
use crate::translate::body::Body;
use crate::translate::env::clif_type;

impl Body<'_, '_> {
    /// The value of a global.
    pub fn global_get(&mut self, global: u32) -> Value {
        let cross_module = self.in_cross_module_body().and_then(|f| f.global(global));
        match cross_module {
            Some(GlobalMeaning::StackPointer) => self.stack_pointer(types::I32),
            Some(GlobalMeaning::Constant(ty, bytes)) => self.constant_of(ty, bytes),
            Some(GlobalMeaning::Own(global)) => self.own_global(global),
            None => self.own_global(global),
        }
    }

    /// The value of a global of the module.
    fn own_global(&mut self, global: u32) -> Value {
        let env = self.env;
        let found = &env.module.globals[global as usize];
        let ty = clif_type(found.ty.val);
        match &found.storage {
            GlobalStorage::StackPointer { .. } => self.stack_pointer(ty),
            GlobalStorage::Loader(_) | GlobalStorage::BaseOf(_) => {
                let value = self.symbol(Target::LoaderValue(global));
                self.b.ins().ireduce(ty, value)
            }
            &GlobalStorage::ThreadData { base, offset, .. } => {
                let base = self.own_global(base);
                self.b.ins().iadd_imm_s(base, i64::from(offset))
            }
            GlobalStorage::Own(GlobalInit::Const(bytes)) if !found.ty.mutable => {
                self.constant_of(found.ty.val, *bytes)
            }
            GlobalStorage::Own(GlobalInit::RefFunc(func)) if !found.ty.mutable => {
                self.symbol(Target::Funcref(*func))
            }
            GlobalStorage::Import(_) if !found.ty.mutable && found.ty.val != ValType::V128 => {
                let flags = self.flags.constant_global;
                let address = self.symbol(Target::Global(global));
                self.b.ins().load(ty, flags, address, 0)
            }
            GlobalStorage::Own(_) | GlobalStorage::Import(_) => {
                let flags = self.flags.global;
                let (address, displacement) = self.variable(global);
                self.b.ins().load(ty, flags, address, displacement)
            }
        }
    }

    /// False where the loader owns the global.
    pub fn global_set(&mut self, global: u32) -> bool {
        let value = self.pop();
        if self.in_cross_module_body().is_some() {
            // No other is ever written there.
            self.set_stack_pointer(value);
            return true;
        }
        match self.env.module.globals[global as usize].storage {
            GlobalStorage::StackPointer { .. } => self.set_stack_pointer(value),
            GlobalStorage::Loader(_)
            | GlobalStorage::BaseOf(_)
            | GlobalStorage::ThreadData { .. } => return false,
            GlobalStorage::Own(_) | GlobalStorage::Import(_) => self.global_store(global, value),
        }
        true
    }

    fn stack_pointer(&mut self, ty: Type) -> Value {
        let (place, displacement) = self.stack_pointer_place();
        let flags = self.flags.stack_pointer;
        self.b.ins().load(ty, flags, place, displacement)
    }

    fn set_stack_pointer(&mut self, value: Value) {
        let (place, displacement) = self.stack_pointer_place();
        let flags = self.flags.stack_pointer;
        self.b.ins().store(flags, value, place, displacement);
    }

    /// Where the stack pointer is: in the thread's block, where several threads may
    /// run the code, else in the context.
    fn stack_pointer_place(&mut self) -> (Value, i32) {
        match self.env.module.has_shared_memory() {
            true => (self.thread_block(), thread_block::STACK_POINTER),
            false => (self.base(), offset::STACK_POINTER),
        }
    }

    /// Stores into a global's storage.
    pub fn global_store(&mut self, global: u32, value: Value) {
        let (address, displacement) = self.variable(global);
        let flags = self.flags.global;
        self.b.ins().store(flags, value, address, displacement);
    }

    /// Where a global is that has storage in an object, or in each thread.
    fn variable(&mut self, global: u32) -> (Value, i32) {
        let module = self.env.module;
        if !module.is_thread_local(global) {
            return (self.symbol(Target::Global(global)), 0);
        }
        let (from, displacement) = match module.thread_storage.offset(global) {
            Some(offset) => (Target::ThreadStorage(0), offset as i32),
            None => (Target::ThreadGlobal(global), 0),
        };
        let offset = self.symbol(from);
        let block = self.thread_block();
        // The sum, as the offset is less than a window's size. A processor finds what
        // was just stored sooner where no index is part of the address.
        (self.b.ins().bor(block, offset), displacement)
    }

    fn constant_of(&mut self, ty: ValType, bytes: [u8; 16]) -> Value {
        let low = u64::from_le_bytes(std::array::from_fn(|i| bytes[i]));
        match ty {
            ValType::I32 => {
                let value = i64::from(low as u32);
                self.b.ins().iconst(types::I32, value)
            }
            ValType::F32 => self.b.ins().f32const(Ieee32::with_bits(low as u32)),
            ValType::F64 => self.b.ins().f64const(Ieee64::with_bits(low)),
            ValType::V128 => self.vector(&bytes),
            ValType::I64 | ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => {
                self.i64(low as i64)
            }
        }
    }

    /// A vector constant.
    pub fn vector(&mut self, bytes: &[u8; 16]) -> Value {
        self.vector_of(types::I8X16, bytes)
    }

    /// A vector constant of a shape.
    pub fn vector_of(&mut self, shape: Type, bytes: &[u8; 16]) -> Value {
        let data = ConstantData::from(&bytes[..]);
        let constant = self.b.func.dfg.constants.insert(data);
        self.b.ins().vconst(shape, constant)
    }
}
