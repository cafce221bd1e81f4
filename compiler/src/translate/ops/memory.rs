//! Loads and stores of scalars, and the address computation that all accesses
//! to linear memory share.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, condcodes::IntCC, types};
use wasmaot_abi::context::{NULL_PAGE, memory_desc, offset};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::IndexType;
use wasmparser::{MemArg, MemArgTarget};

use crate::code::Target;
use crate::module::Memory;
use crate::translate::body::{Body, clif_trap};

/// How many of the addresses computed last are compared for one to use again.
const NEAR: usize = 8;

/// Displacements up to this one keep an access to the null address in the page
/// there, which is never mapped.
const MAX_NULL_DISPLACEMENT: u64 = NULL_PAGE - 16;

/// Where an access goes: `address + displacement`.
#[derive(Clone, Copy)]
pub(in crate::translate) struct Access {
    pub address: Value,
    pub displacement: i32,
    pub flags: MemFlagsData,
}

impl Body<'_, '_> {
    /// The memory of an access.
    pub fn memory_of(&self, arg: MemArg) -> u32 {
        match arg.target {
            MemArgTarget::Memory(memory) => memory,
            _ => unreachable!("the features we accept have no arrays"),
        }
    }

    /// Pops an address; where an access of `bytes` to it goes.
    ///
    /// A guarded memory needs neither a check nor a barrier against speculation:
    /// every index and offset leads into its reservation, where there is memory
    /// or a guard.
    pub fn access(&mut self, arg: MemArg, bytes: u32) -> Access {
        let memory = self.memory_of(arg);
        if !self.env.module.is_guarded(memory) {
            return self.confined_access(arg, bytes);
        }
        let index = self.pop();
        let address = self.address(index);
        let (address, displacement) = self.displaced(address, arg.offset, i32::MAX as u64);
        let flags = self.flags.memory;
        Access {
            address,
            displacement,
            flags,
        }
    }

    /// As [`Body::access`], for a memory whose bounds code checks: out of them,
    /// the access is made at the null address, and its fault is the trap. No
    /// branch is predicted, so nothing is read on a wrong guess.
    fn confined_access(&mut self, arg: MemArg, bytes: u32) -> Access {
        let memory = self.memory_of(arg);
        let index = self.pop();
        let index = self.widen(index);
        let outside = self.outside_memory(memory, index, reach(arg, bytes));
        let base = self.memory_base(memory);
        let address = self.b.ins().iadd(base, index);
        let (address, displacement) = self.displaced(address, arg.offset, MAX_NULL_DISPLACEMENT);
        Access {
            address: self.confined(outside, address),
            displacement,
            flags: self.flags.confined,
        }
    }

    /// The address of an index in the primary memory. One that was computed
    /// at this point already is used again.
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

    /// Pops an address; where an access of `bytes` to it goes that code elsewhere
    /// makes, if at all: the check is made here, whatever stands around memory.
    pub fn checked_address(&mut self, arg: MemArg, bytes: u32) -> Value {
        let index = self.pop();
        let index = self.widen(index);
        let reach = reach(arg, bytes);
        let address = self.checked_range(self.memory_of(arg), index, reach);
        self.b.ins().iadd_imm_s(address, arg.offset as i64)
    }

    /// The host address of a range of a memory; traps where it is not within.
    /// `reach`: the bytes from `start` to its end.
    pub fn checked_range(&mut self, memory: u32, start: Value, reach: Reach) -> Value {
        let outside = self.outside_memory(memory, start, reach);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let base = self.memory_base(memory);
        let address = self.b.ins().iadd(base, start);
        match self.env.module.is_guarded(memory) {
            true => address,
            false => self.confined(outside, address),
        }
    }

    /// An address; null where a check has failed, even if the processor goes on
    /// before it knows.
    pub fn confined(&mut self, failed: Value, address: Value) -> Value {
        let null = self.i64(0);
        self.b.ins().select_spectre_guard(failed, null, address)
    }

    /// An address and the part of an offset that is left as a displacement:
    /// all of it up to `most`.
    fn displaced(&mut self, address: Value, offset: u64, most: u64) -> (Value, i32) {
        if offset <= most {
            return (address, offset as i32);
        }
        let offset = self.i64(offset as i64);
        (self.b.ins().iadd(address, offset), 0)
    }

    /// Whether an access that reaches so far from `start` leaves a memory. Traps
    /// if its end is beyond all numbers; a processor that goes on nevertheless
    /// finds the sum, and so the access, at the start of the memory.
    fn outside_memory(&mut self, memory: u32, start: Value, reach: Reach) -> Value {
        let reach = match reach {
            Reach::Constant(bytes) => self.i64(bytes as i64),
            Reach::Value(bytes) => bytes,
        };
        let end = if self.memory_index(memory).is_wide() {
            let code = clif_trap(TrapCode::MemoryOutOfBounds);
            self.b.ins().uadd_overflow_trap(start, reach, code)
        } else {
            // Sums of two numbers of 32 bits (and the size of an access) do
            // not overflow.
            self.b.ins().iadd(start, reach)
        };
        let bytes = self.memory_bytes(memory);
        self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, bytes)
    }

    /// Type of a memory's addresses.
    pub fn memory_index(&self, memory: u32) -> IndexType {
        self.env.module.memories[memory as usize].ty.index
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

    /// As [`Body::memory_bytes`], as an atomic access.
    pub fn shared_memory_bytes(&mut self, memory: u32) -> Value {
        let (desc, at) = self.memory_desc(memory);
        let at = i64::from(at + memory_desc::BYTES);
        let address = self.b.ins().iadd_imm_s(desc, at);
        let flags = self.flags.descriptor;
        self.b.ins().atomic_load(types::I64, flags, address)
    }

    /// Loads a value of the accessed type and leaves it to the caller.
    pub fn load_value(&mut self, arg: MemArg, ty: Type) -> Value {
        let to = self.access(arg, ty.bytes());
        self.b.ins().load(ty, to.flags, to.address, to.displacement)
    }

    pub fn load(&mut self, arg: MemArg, ty: Type) {
        let value = self.load_value(arg, ty);
        self.push(value);
    }

    pub fn load_signed(&mut self, arg: MemArg, narrow: Type, wide: Type) {
        let Access {
            address: p,
            displacement: at,
            flags,
        } = self.access(arg, narrow.bytes());
        let ins = self.b.ins();
        let value = match narrow {
            types::I8 => ins.sload8(wide, flags, p, at),
            types::I16 => ins.sload16(wide, flags, p, at),
            _ => ins.sload32(flags, p, at),
        };
        self.push(value);
    }

    pub fn load_unsigned(&mut self, arg: MemArg, narrow: Type, wide: Type) {
        let Access {
            address: p,
            displacement: at,
            flags,
        } = self.access(arg, narrow.bytes());
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
        let to = self.access(arg, ty.bytes());
        self.b
            .ins()
            .store(to.flags, value, to.address, to.displacement);
    }

    pub fn store_low(&mut self, arg: MemArg, narrow: Type) {
        let value = self.pop();
        let Access {
            address: p,
            displacement: at,
            flags,
        } = self.access(arg, narrow.bytes());
        let ins = self.b.ins();
        match narrow {
            types::I8 => ins.istore8(flags, value, p, at),
            types::I16 => ins.istore16(flags, value, p, at),
            _ => ins.istore32(flags, value, p, at),
        };
    }
}

/// How far an access reaches from where it starts.
#[derive(Clone, Copy)]
pub(in crate::translate) enum Reach {
    Constant(u64),
    Value(Value),
}

/// How far an access reaches from its index. A sum that is too large stays so:
/// no memory has as many bytes.
fn reach(arg: MemArg, bytes: u32) -> Reach {
    Reach::Constant(arg.offset.saturating_add(bytes.into()))
}
