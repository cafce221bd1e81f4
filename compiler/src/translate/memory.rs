//! Loads and stores of scalars, and the address computation that all accesses
//! to linear memory share.

use cranelift_codegen::ir::{InstBuilder, Type, Value, condcodes::IntCC, types};
use wasmaot_abi::context::{memory_desc, offset};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::IndexType;
use wasmparser::{MemArg, MemArgTarget, Operator};

use super::body::{Body, clif_trap};
use crate::code::Target;
use crate::module::Memory;

/// So many addresses that were computed last are looked at for one to use again.
const NEAR: usize = 8;

impl Body<'_, '_> {
    /// Translates a load or store; false if `op` is none.
    pub fn memory(&mut self, op: &Operator<'_>) -> bool {
        use types::{F32, F64, I8, I16, I32, I64};
        match *op {
            Operator::I32Load { memarg } => self.load(memarg, I32),
            Operator::I64Load { memarg } => self.load(memarg, I64),
            Operator::F32Load { memarg } => self.load(memarg, F32),
            Operator::F64Load { memarg } => self.load(memarg, F64),
            Operator::I32Load8S { memarg } => self.load_signed(memarg, I8, I32),
            Operator::I32Load8U { memarg } => self.load_unsigned(memarg, I8, I32),
            Operator::I32Load16S { memarg } => self.load_signed(memarg, I16, I32),
            Operator::I32Load16U { memarg } => self.load_unsigned(memarg, I16, I32),
            Operator::I64Load8S { memarg } => self.load_signed(memarg, I8, I64),
            Operator::I64Load8U { memarg } => self.load_unsigned(memarg, I8, I64),
            Operator::I64Load16S { memarg } => self.load_signed(memarg, I16, I64),
            Operator::I64Load16U { memarg } => self.load_unsigned(memarg, I16, I64),
            Operator::I64Load32S { memarg } => self.load_signed(memarg, I32, I64),
            Operator::I64Load32U { memarg } => self.load_unsigned(memarg, I32, I64),
            Operator::I32Store { memarg } | Operator::F32Store { memarg } => {
                self.store(memarg, I32);
            }
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => {
                self.store(memarg, I64);
            }
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store_low(memarg, I8);
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store_low(memarg, I16);
            }
            Operator::I64Store32 { memarg } => self.store_low(memarg, I32),
            _ => return false,
        }
        true
    }

    /// The memory of an access.
    pub fn memory_of(&self, arg: MemArg) -> u32 {
        match arg.target {
            MemArgTarget::Memory(memory) => memory,
            _ => unreachable!("the features we accept have no arrays"),
        }
    }

    /// Pops an address; where an access of `bytes` to it goes, as an address
    /// and a displacement.
    pub fn place(&mut self, arg: MemArg, bytes: u32) -> (Value, i32) {
        if !self.env.module.is_guarded(self.memory_of(arg)) {
            return self.checked_place(arg, bytes);
        }
        // Whatever the index and offset, what lies there is memory, or a
        // guard whose fault is the trap.
        let index = self.pop();
        let address = self.address(index);
        self.displaced(address, arg.offset)
    }

    /// The address of an index in the primary memory. One that is at hand is
    /// used again.
    fn address(&mut self, index: Value) -> Value {
        let point = self.point();
        if self.addresses.0 != point {
            self.addresses.0 = point;
            self.addresses.1.clear();
        }
        let mut known = self.addresses.1.iter().rev().take(NEAR);
        if let Some(&(_, address)) = known.find(|(i, _)| *i == index) {
            return address;
        }
        let wide = self.widen(index);
        let base = self.base();
        let address = self.b.ins().iadd(base, wide);
        self.addresses.1.push((index, address));
        address
    }

    /// As [`Body::place`], with a check.
    pub fn checked_place(&mut self, arg: MemArg, bytes: u32) -> (Value, i32) {
        let memory = self.memory_of(arg);
        let index = self.pop();
        let index = self.widen(index);
        // A sum that is too large stays so: no memory has as many bytes.
        let reach = arg.offset.saturating_add(bytes.into());
        let reach = self.i64(reach as i64);
        let end = self.end_of_access(memory, index, reach);
        self.check_memory(memory, end);
        let base = self.memory_base(memory);
        let address = self.b.ins().iadd(base, index);
        self.displaced(address, arg.offset)
    }

    fn displaced(&mut self, address: Value, offset: u64) -> (Value, i32) {
        match i32::try_from(offset) {
            Ok(displacement) => (address, displacement),
            Err(_) => {
                let offset = self.i64(offset as i64);
                (self.b.ins().iadd(address, offset), 0)
            }
        }
    }

    /// The sum of an address and a length; traps if it is beyond all numbers.
    pub fn end_of_access(&mut self, memory: u32, start: Value, len: Value) -> Value {
        if self.memory_index(memory).is_wide() {
            let code = clif_trap(TrapCode::MemoryOutOfBounds);
            return self.b.ins().uadd_overflow_trap(start, len, code);
        }
        // Sums of two numbers of 32 bits (and the size of an access) do not
        // overflow.
        self.b.ins().iadd(start, len)
    }

    /// Type of a memory's addresses.
    pub fn memory_index(&self, memory: u32) -> IndexType {
        self.env.module.memories[memory as usize].ty.index
    }

    /// Traps unless the end of an access is within a memory.
    pub fn check_memory(&mut self, memory: u32, end: Value) {
        let bytes = self.memory_bytes(memory);
        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, bytes);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
    }

    /// Address of a memory's descriptor: register or symbol, and displacement.
    pub fn memory_desc(&mut self, memory: u32) -> (Value, i32) {
        if Memory::is_primary(memory) {
            (self.base(), offset::MEMORY)
        } else {
            (self.symbol(Target::Memory(memory)), 0)
        }
    }

    /// Address of a memory's byte 0.
    pub fn memory_base(&mut self, memory: u32) -> Value {
        if Memory::is_primary(memory) {
            return self.base();
        }
        let (desc, at) = self.memory_desc(memory);
        let flags = self.flags.constant;
        self.b
            .ins()
            .load(types::I64, flags, desc, at + memory_desc::BASE)
    }

    /// A memory's size in bytes.
    pub fn memory_bytes(&mut self, memory: u32) -> Value {
        let (desc, at) = self.memory_desc(memory);
        let flags = self.flags.descriptor;
        self.b
            .ins()
            .load(types::I64, flags, desc, at + memory_desc::BYTES)
    }

    /// Loads a value of the accessed type and leaves it to the caller.
    pub fn load_value(&mut self, arg: MemArg, ty: Type) -> Value {
        let (address, displacement) = self.place(arg, ty.bytes());
        let flags = self.flags.memory;
        self.b.ins().load(ty, flags, address, displacement)
    }

    pub fn load(&mut self, arg: MemArg, ty: Type) {
        let value = self.load_value(arg, ty);
        self.push(value);
    }

    fn load_signed(&mut self, arg: MemArg, narrow: Type, wide: Type) {
        let (p, at) = self.place(arg, narrow.bytes());
        let flags = self.flags.memory;
        let ins = self.b.ins();
        let value = match narrow {
            types::I8 => ins.sload8(wide, flags, p, at),
            types::I16 => ins.sload16(wide, flags, p, at),
            _ => ins.sload32(flags, p, at),
        };
        self.push(value);
    }

    fn load_unsigned(&mut self, arg: MemArg, narrow: Type, wide: Type) {
        let (p, at) = self.place(arg, narrow.bytes());
        let flags = self.flags.memory;
        let ins = self.b.ins();
        let value = match narrow {
            types::I8 => ins.uload8(wide, flags, p, at),
            types::I16 => ins.uload16(wide, flags, p, at),
            _ => ins.uload32(flags, p, at),
        };
        self.push(value);
    }

    /// Stores the value on the stack; `ty` has its size.
    pub fn store(&mut self, arg: MemArg, ty: Type) {
        let value = self.pop();
        self.store_value(arg, ty, value);
    }

    /// Stores a whole value; the address is on the stack.
    pub fn store_value(&mut self, arg: MemArg, ty: Type, value: Value) {
        let (address, displacement) = self.place(arg, ty.bytes());
        let flags = self.flags.memory;
        self.b.ins().store(flags, value, address, displacement);
    }

    fn store_low(&mut self, arg: MemArg, narrow: Type) {
        let value = self.pop();
        let (p, at) = self.place(arg, narrow.bytes());
        let flags = self.flags.memory;
        let ins = self.b.ins();
        match narrow {
            types::I8 => ins.istore8(flags, value, p, at),
            types::I16 => ins.istore16(flags, value, p, at),
            _ => ins.istore32(flags, value, p, at),
        };
    }
}
