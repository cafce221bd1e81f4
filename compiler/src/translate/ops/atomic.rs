//! Atomic accesses to memory, and waiting for others to make them.

use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value, types};
use types::{I8, I16, I32, I64};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::trap::TrapCode;
use wasmparser::{MemArg, Operator};

use crate::translate::body::{Body, clif_trap};

impl Body<'_, '_> {
    /// Translates an atomic operation; false if `op` is none.
    pub fn atomic(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match *op {
            O::AtomicFence { .. } => {
                self.b.ins().fence();
            }
            O::MemoryAtomicNotify { memarg } => self.notify(memarg),
            O::MemoryAtomicWait32 { memarg } => self.wait(memarg, I32),
            O::MemoryAtomicWait64 { memarg } => self.wait(memarg, I64),
            O::I32AtomicLoad { memarg } => self.atomic_load(memarg, I32, I32),
            O::I64AtomicLoad { memarg } => self.atomic_load(memarg, I64, I64),
            O::I32AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I32),
            O::I32AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I32),
            O::I64AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I64),
            O::I64AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I64),
            O::I64AtomicLoad32U { memarg } => self.atomic_load(memarg, I32, I64),
            O::I32AtomicStore { memarg } => self.atomic_store(memarg, I32),
            O::I64AtomicStore { memarg } => self.atomic_store(memarg, I64),
            O::I32AtomicStore8 { memarg } | O::I64AtomicStore8 { memarg } => {
                self.atomic_store(memarg, I8);
            }
            O::I32AtomicStore16 { memarg } | O::I64AtomicStore16 { memarg } => {
                self.atomic_store(memarg, I16);
            }
            O::I64AtomicStore32 { memarg } => self.atomic_store(memarg, I32),
            O::I32AtomicRmwCmpxchg { memarg } => self.compare_exchange(memarg, I32),
            O::I64AtomicRmwCmpxchg { memarg } => self.compare_exchange(memarg, I64),
            O::I32AtomicRmw8CmpxchgU { memarg } | O::I64AtomicRmw8CmpxchgU { memarg } => {
                self.compare_exchange(memarg, I8);
            }
            O::I32AtomicRmw16CmpxchgU { memarg } | O::I64AtomicRmw16CmpxchgU { memarg } => {
                self.compare_exchange(memarg, I16);
            }
            O::I64AtomicRmw32CmpxchgU { memarg } => self.compare_exchange(memarg, I32),
            _ => match exchange(op) {
                Some((memarg, rmw, ty)) => self.exchange(memarg, rmw, ty),
                None => return false,
            },
        }
        true
    }

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

    fn atomic_load(&mut self, arg: MemArg, ty: Type, wide: Type) {
        let (address, flags) = self.aligned(arg, ty);
        let value = self.b.ins().atomic_load(ty, flags, address);
        self.push_extended(value, wide);
    }

    fn atomic_store(&mut self, arg: MemArg, ty: Type) {
        let value = self.pop();
        let value = self.narrow(value, ty);
        let (address, flags) = self.aligned(arg, ty);
        self.b.ins().atomic_store(flags, value, address);
    }

    fn exchange(&mut self, arg: MemArg, op: AtomicRmwOp, ty: Type) {
        let value = self.pop();
        let wide = self.b.func.dfg.value_type(value);
        let value = self.narrow(value, ty);
        let (address, flags) = self.aligned(arg, ty);
        let old = self.b.ins().atomic_rmw(ty, flags, op, address, value);
        self.push_extended(old, wide);
    }

    fn compare_exchange(&mut self, arg: MemArg, ty: Type) {
        let (expected, value) = self.pop2();
        let wide = self.b.func.dfg.value_type(value);
        let value = self.narrow(value, ty);
        let expected = self.narrow(expected, ty);
        let (address, flags) = self.aligned(arg, ty);
        let old = self.b.ins().atomic_cas(flags, address, expected, value);
        self.push_extended(old, wide);
    }

    /// Nobody waits while this thread, the only one, runs.
    fn notify(&mut self, arg: MemArg) {
        self.pop();
        self.aligned_and_checked(arg, I32);
        let woken = self.b.ins().iconst(I32, 0);
        self.push(woken);
    }

    fn wait(&mut self, arg: MemArg, ty: Type) {
        let (expected, timeout) = self.pop2();
        let address = self.aligned_and_checked(arg, ty);
        let memory = self.memory_of(arg);
        if !self.env.module.memories[memory as usize].ty.shared {
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

/// The operation and the type in memory of a read-modify-write.
fn exchange(op: &Operator<'_>) -> Option<(MemArg, AtomicRmwOp, Type)> {
    use AtomicRmwOp::{Add, And, Or, Sub, Xchg, Xor};
    use Operator as O;
    Some(match *op {
        O::I32AtomicRmwAdd { memarg } => (memarg, Add, I32),
        O::I64AtomicRmwAdd { memarg } => (memarg, Add, I64),
        O::I32AtomicRmw8AddU { memarg } | O::I64AtomicRmw8AddU { memarg } => (memarg, Add, I8),
        O::I32AtomicRmw16AddU { memarg } | O::I64AtomicRmw16AddU { memarg } => (memarg, Add, I16),
        O::I64AtomicRmw32AddU { memarg } => (memarg, Add, I32),
        O::I32AtomicRmwSub { memarg } => (memarg, Sub, I32),
        O::I64AtomicRmwSub { memarg } => (memarg, Sub, I64),
        O::I32AtomicRmw8SubU { memarg } | O::I64AtomicRmw8SubU { memarg } => (memarg, Sub, I8),
        O::I32AtomicRmw16SubU { memarg } | O::I64AtomicRmw16SubU { memarg } => (memarg, Sub, I16),
        O::I64AtomicRmw32SubU { memarg } => (memarg, Sub, I32),
        O::I32AtomicRmwAnd { memarg } => (memarg, And, I32),
        O::I64AtomicRmwAnd { memarg } => (memarg, And, I64),
        O::I32AtomicRmw8AndU { memarg } | O::I64AtomicRmw8AndU { memarg } => (memarg, And, I8),
        O::I32AtomicRmw16AndU { memarg } | O::I64AtomicRmw16AndU { memarg } => (memarg, And, I16),
        O::I64AtomicRmw32AndU { memarg } => (memarg, And, I32),
        O::I32AtomicRmwOr { memarg } => (memarg, Or, I32),
        O::I64AtomicRmwOr { memarg } => (memarg, Or, I64),
        O::I32AtomicRmw8OrU { memarg } | O::I64AtomicRmw8OrU { memarg } => (memarg, Or, I8),
        O::I32AtomicRmw16OrU { memarg } | O::I64AtomicRmw16OrU { memarg } => (memarg, Or, I16),
        O::I64AtomicRmw32OrU { memarg } => (memarg, Or, I32),
        O::I32AtomicRmwXor { memarg } => (memarg, Xor, I32),
        O::I64AtomicRmwXor { memarg } => (memarg, Xor, I64),
        O::I32AtomicRmw8XorU { memarg } | O::I64AtomicRmw8XorU { memarg } => (memarg, Xor, I8),
        O::I32AtomicRmw16XorU { memarg } | O::I64AtomicRmw16XorU { memarg } => (memarg, Xor, I16),
        O::I64AtomicRmw32XorU { memarg } => (memarg, Xor, I32),
        O::I32AtomicRmwXchg { memarg } => (memarg, Xchg, I32),
        O::I64AtomicRmwXchg { memarg } => (memarg, Xchg, I64),
        O::I32AtomicRmw8XchgU { memarg } | O::I64AtomicRmw8XchgU { memarg } => (memarg, Xchg, I8),
        O::I32AtomicRmw16XchgU { memarg } | O::I64AtomicRmw16XchgU { memarg } => {
            (memarg, Xchg, I16)
        }
        O::I64AtomicRmw32XchgU { memarg } => (memarg, Xchg, I32),
        _ => return None,
    })
}
