//! Atomic accesses to memory, and waiting for others to make them.

use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value, types};
use types::I32;
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::trap::TrapCode;
use wasmparser::MemArg;

use crate::translate::body::{Body, clif_trap};

impl Body<'_, '_> {
    /// Pops an address; where an access goes, aligned to its size.
    fn aligned(&mut self, arg: MemArg, ty: Type) -> (Value, MemFlagsData) {
        let to = self.access(arg, ty.bytes());
        let address = self
            .b
            .ins()
            .iadd_imm_s(to.address, i64::from(to.displacement));
        self.check_aligned(address, ty);
        (address, to.flags)
    }

    /// As [`Body::aligned`], for an access that code elsewhere makes.
    fn aligned_and_checked(&mut self, arg: MemArg, ty: Type) -> Value {
        let address = self.checked_address(arg, ty.bytes());
        self.check_aligned(address, ty);
        address
    }

    /// Memories begin at pages: an address there is as aligned as here.
    fn check_aligned(&mut self, address: Value, ty: Type) {
        if ty.bytes() > 1 {
            let low = self.b.ins().band_imm_u(address, i64::from(ty.bytes()) - 1);
            self.trap_if(low, TrapCode::UnalignedAtomic);
        }
    }

    /// Pushes a value of memory, zero-extended.
    fn push_extended(&mut self, value: Value, ty: Type) {
        let narrow = self.b.func.dfg.value_type(value) != ty;
        let value = if narrow {
            self.b.ins().uextend(ty, value)
        } else {
            value
        };
        self.push(value);
    }

    /// The low part of a value, of an access's type.
    fn narrow(&mut self, value: Value, ty: Type) -> Value {
        if self.b.func.dfg.value_type(value) == ty {
            value
        } else {
            self.b.ins().ireduce(ty, value)
        }
    }

    pub fn atomic_load(&mut self, arg: MemArg, ty: Type, wide: Type) {
        let (address, flags) = self.aligned(arg, ty);
        let value = self.b.ins().atomic_load(ty, flags, address);
        self.push_extended(value, wide);
    }

    pub fn atomic_store(&mut self, arg: MemArg, ty: Type) {
        let value = self.pop();
        let value = self.narrow(value, ty);
        let (address, flags) = self.aligned(arg, ty);
        self.b.ins().atomic_store(flags, value, address);
    }

    pub fn exchange(&mut self, arg: MemArg, op: AtomicRmwOp, ty: Type) {
        let value = self.pop();
        let wide = self.b.func.dfg.value_type(value);
        let value = self.narrow(value, ty);
        let (address, flags) = self.aligned(arg, ty);
        let old = self.b.ins().atomic_rmw(ty, flags, op, address, value);
        self.push_extended(old, wide);
    }

    pub fn compare_exchange(&mut self, arg: MemArg, ty: Type) {
        let (expected, value) = self.pop2();
        let wide = self.b.func.dfg.value_type(value);
        let value = self.narrow(value, ty);
        let expected = self.narrow(expected, ty);
        let (address, flags) = self.aligned(arg, ty);
        let old = self.b.ins().atomic_cas(flags, address, expected, value);
        self.push_extended(old, wide);
    }

    /// Nobody can wait at a memory that is not shared.
    pub fn notify(&mut self, arg: MemArg) {
        let count = self.pop();
        let address = self.aligned_and_checked(arg, I32);
        if !self.is_shared(arg) {
            let woken = self.b.ins().iconst(I32, 0);
            return self.push(woken);
        }
        let woken = self.builtin(Builtin::MemoryNotify, &[address, count]);
        self.stack.extend(woken);
    }

    /// Whether the memory of an access is shared.
    fn is_shared(&self, arg: MemArg) -> bool {
        let memory = self.memory_of(arg);
        self.env.module.memories[memory as usize].ty.shared
    }

    pub fn wait(&mut self, arg: MemArg, ty: Type) {
        let (expected, timeout) = self.pop2();
        let address = self.aligned_and_checked(arg, ty);
        if !self.is_shared(arg) {
            self.b.ins().trap(clif_trap(TrapCode::ExpectedSharedMemory));
            self.reachable = false;
            return;
        }
        let expected = self.widen(expected);
        let bytes = self.b.ins().iconst(I32, i64::from(ty.bytes()));
        let args = [address, expected, bytes, timeout];
        let outcome = self.builtin(Builtin::MemoryWait, &args);
        self.stack.extend(outcome);
    }
}
