//! References and tables.

use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::context::funcref;
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::IndexType;

use crate::code::Target;
use crate::translate::body::{Body, args};

impl Body<'_, '_> {
    /// Type of a table's indices.
    pub fn table_index(&self, table: u32) -> IndexType {
        self.env.module.tables[table as usize].ty.index
    }

    fn holds_functions(&self, table: u32) -> bool {
        let elem = self.env.module.tables[table as usize].ty.elem;
        elem.is_function_ref()
    }

    pub fn table_get(&mut self, table: u32) {
        let index = self.pop();
        let entry = self.checked_entry(table, index, TrapCode::TableOutOfBounds);
        if !self.holds_functions(table) {
            let (p, at) = (entry.address, entry.displacement);
            let value = self.b.ins().load(types::I64, entry.flags, p, at);
            return self.push(value);
        }
        let (record, address) = self.original_address(entry);
        let value = self.b.ins().select(record, address, record);
        self.push(value);
    }

    pub fn table_set(&mut self, table: u32) {
        let (index, value) = self.pop2();
        let entry = self.checked_entry(table, index, TrapCode::TableOutOfBounds);
        let content = match self.holds_functions(table) {
            // No field is written in parts while another thread reads it.
            true if self.env.module.has_shared_memory() => self.record(value, types::I64),
            true => self.record(value, types::I8X16),
            false => vec![value],
        };
        let mut at = entry.displacement;
        for part in content {
            self.b.ins().store(entry.flags, part, entry.address, at);
            at += self.b.func.dfg.value_type(part).bytes() as i32;
        }
    }

    /// The record that a function reference refers to, or zeros, in parts of a type.
    fn record(&mut self, funcref: Value, part: Type) -> Vec<Value> {
        let some = self.b.create_block();
        let next = self.b.create_block();
        let count = funcref::SIZE as i32 / part.bytes() as i32;
        let new = |_| self.b.append_block_param(next, part);
        let content: Vec<Value> = (0..count).map(new).collect();
        let zero = match part {
            types::I64 => self.i64(0),
            _ => self.vector(&[0; 16]),
        };
        let empty = args(&vec![zero; content.len()]);
        self.b.ins().brif(funcref, some, &[], next, &empty);
        self.b.seal_block(some);
        self.b.switch_to_block(some);
        let (flags, size) = (self.flags.record, part.bytes() as i32);
        let load = |n| self.b.ins().load(part, flags, funcref, n * size);
        let copy: Vec<Value> = (0..count).map(load).collect();
        self.b.ins().jump(next, &args(&copy));
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        content
    }

    /// What every table function of the runtime takes first: the base, and
    /// the descriptor's address.
    pub fn table_args(&mut self, table: u32) -> (Value, Value) {
        let (desc, at) = self.table_desc(table);
        let desc = self.b.ins().iadd_imm_s(desc, i64::from(at));
        (self.base(), desc)
    }

    fn trap_outside_table(&mut self, done: Option<Value>) {
        let done = done.expect("the runtime function has a result");
        self.trap_unless(done, TrapCode::TableOutOfBounds);
    }

    /// `table.fill` with operands already popped and widened.
    pub fn table_fill(&mut self, table: u32, start: Value, value: Value, count: Value) {
        let (base, desc) = self.table_args(table);
        let done = self.builtin(Builtin::TableFill, &[base, desc, start, value, count]);
        self.trap_outside_table(done);
    }

    pub fn table_copy(&mut self, dst_table: u32, src_table: u32) {
        let (dst, src, count) = self.pop3();
        let (dst, src, count) = (self.widen(dst), self.widen(src), self.widen(count));
        let (base, dst_desc) = self.table_args(dst_table);
        let (_, src_desc) = self.table_args(src_table);
        let args = [base, dst_desc, src_desc, dst, src, count];
        let done = self.builtin(Builtin::TableCopy, &args);
        self.trap_outside_table(done);
    }

    /// `table.init` with operands already popped.
    pub fn table_init(&mut self, elem: u32, table: u32, dst: Value, src: Value, count: Value) {
        let (dst, src, count) = (self.widen(dst), self.widen(src), self.widen(count));
        let (values, len) = if self.env.module.elements[elem as usize].has_values() {
            let values = self.symbol(Target::Elem(elem));
            (values, self.segment_len(Target::ElemLen(elem)))
        } else {
            // Dropped from the start.
            (self.i64(0), self.i64(0))
        };
        let (base, desc) = self.table_args(table);
        let args = [base, desc, values, len, dst, src, count];
        let done = self.builtin(Builtin::TableInit, &args);
        self.trap_outside_table(done);
    }

    /// `elem.drop`; a segment without values is dropped from the start.
    pub fn elem_drop(&mut self, elem: u32) {
        if self.env.module.elements[elem as usize].has_values() {
            self.drop_segment(Target::ElemLen(elem));
        }
    }
}
