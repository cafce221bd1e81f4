//! Size, growth and bulk operations of memories.

use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::IndexType;

use super::memory::Reach;
use crate::code::Target;
use crate::translate::body::Body;

impl Body<'_, '_> {
    pub fn memory_grow(&mut self, memory: u32) {
        let delta = self.pop();
        let delta = self.widen(delta);
        let (desc, at) = self.memory_desc(memory);
        let desc = self.b.ins().iadd_imm_s(desc, i64::from(at));
        let base = self.base();
        let ty = self.env.module.memories[memory as usize].ty;
        let page = self.b.ins().iconst(types::I32, i64::from(ty.page_log2));
        let old = self.builtin(Builtin::MemoryGrow, &[base, desc, delta, page]);
        let old = old.expect("the runtime function has a result");
        self.push_index(ty.index, old);
    }

    /// Pushes a size or length of 64 bits as one of a type.
    pub fn push_index(&mut self, ty: IndexType, value: Value) {
        let value = match ty {
            IndexType::I32 => self.b.ins().ireduce(types::I32, value),
            IndexType::I64 => value,
        };
        self.push(value);
    }

    /// As [`Body::checked_range`], of a small constant length. Where guards do
    /// what a check would, there is none.
    fn small_range(&mut self, memory: u32, start: Value, len: u64) -> Value {
        let start = self.widen(start);
        if len > 0 && self.env.module.is_guarded(memory) {
            let base = self.base();
            return self.b.ins().iadd(base, start);
        }
        self.checked_range(memory, start, Reach::Constant(len))
    }

    pub fn memory_fill(&mut self, memory: u32) {
        let (start, byte, len) = self.pop3();
        if let Some(small) = self.small_len(len) {
            let start = self.small_range(memory, start, small);
            return self.small_fill(start, byte, small);
        }
        let (start, len) = (self.widen(start), self.widen(len));
        let start = self.checked_range(memory, start, Reach::Value(len));
        self.builtin(Builtin::Memset, &[start, byte, len]);
    }

    pub fn memory_copy(&mut self, dst_memory: u32, src_memory: u32) {
        let (dst, src, len) = self.pop3();
        if let Some(small) = self.small_len(len) {
            let dst = self.small_range(dst_memory, dst, small);
            let src = self.small_range(src_memory, src, small);
            return self.small_copy(dst, src, small);
        }
        let (dst, src, len) = (self.widen(dst), self.widen(src), self.widen(len));
        let dst = self.checked_range(dst_memory, dst, Reach::Value(len));
        let src = self.checked_range(src_memory, src, Reach::Value(len));
        self.builtin(Builtin::Memmove, &[dst, src, len]);
    }

    /// `memory.init` with operands already popped.
    pub fn memory_init(&mut self, data: u32, memory: u32, dst: Value, src: Value, len: Value) {
        let (dst, src, len) = (self.widen(dst), self.widen(src), self.widen(len));
        let has_bytes = self.env.module.data[data as usize].has_bytes();
        let available = if has_bytes {
            self.segment_len(Target::DataLen(data))
        } else {
            self.i64(0)
        };
        let end = self.b.ins().iadd(src, len);
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, available);
        self.trap_if(outside, TrapCode::MemoryOutOfBounds);
        let dst = self.checked_range(memory, dst, Reach::Value(len));
        // A segment without bytes gets here only with nothing to copy.
        if has_bytes {
            let bytes = self.symbol(Target::Data(data));
            let src = self.b.ins().iadd(bytes, src);
            let src = self.confined(outside, src);
            self.builtin(Builtin::Memmove, &[dst, src, len]);
        }
    }

    /// `data.drop`; a segment without bytes is dropped from the start.
    pub fn data_drop(&mut self, data: u32) {
        if self.env.module.data[data as usize].has_bytes() {
            self.drop_segment(Target::DataLen(data));
        }
    }

    /// Current length of a data or element segment.
    pub fn segment_len(&mut self, cell: Target) -> Value {
        let cell = self.symbol(cell);
        let flags = self.flags.descriptor;
        self.b.ins().load(types::I64, flags, cell, 0)
    }

    /// Sets the length of a data or element segment to 0.
    pub fn drop_segment(&mut self, cell: Target) {
        let cell = self.symbol(cell);
        let zero = self.i64(0);
        self.b.ins().store(self.flags.descriptor, zero, cell, 0);
    }

    pub fn memory_size(&mut self, memory: u32) {
        let ty = self.env.module.memories[memory as usize].ty;
        let bytes = match ty.shared {
            // Other threads make it grow, and what they write is ordered by it.
            true => self.shared_memory_bytes(memory),
            false => self.memory_bytes(memory),
        };
        let shift = i64::from(ty.page_log2);
        let pages = self.b.ins().ushr_imm_u(bytes, shift);
        self.push_index(ty.index, pages);
    }
}
