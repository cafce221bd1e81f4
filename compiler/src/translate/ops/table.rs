//! References and tables.

use cranelift_codegen::ir::{InstBuilder, Value, types};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::context::{funcref, offset};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::IndexType;

use crate::code::Target;
use crate::translate::body::Body;

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
        let (p, at) = (entry.address, entry.displacement);
        if !self.holds_functions(table) {
            let value = self.b.ins().load(types::I64, entry.flags, p, at);
            return self.push(value);
        }
        let record = self.b.ins().uload32(entry.flags, p, at + funcref::RECORD);
        let code_base = self.context(self.flags.constant, offset::CODE_BASE);
        let address = self.b.ins().iadd(code_base, record);
        // An empty entry has record 0.
        let value = self.b.ins().select(record, address, record);
        self.push(value);
    }

    pub fn table_set(&mut self, table: u32) {
        let (index, value) = self.pop2();
        let entry = self.checked_entry(table, index, TrapCode::TableOutOfBounds);
        let content = if self.holds_functions(table) {
            self.record(value)
        } else {
            value
        };
        self.b
            .ins()
            .store(entry.flags, content, entry.address, entry.displacement);
    }

    /// The record that a function reference refers to, or zeros.
    fn record(&mut self, funcref: Value) -> Value {
        let some = self.b.create_block();
        let next = self.b.create_block();
        let content = self.b.append_block_param(next, types::I8X16);
        let empty = self.vector(&[0; 16]);
        self.b.ins().brif(funcref, some, &[], next, &[empty.into()]);
        self.b.seal_block(some);
        self.b.switch_to_block(some);
        let flags = self.flags.record;
        let copy = self.b.ins().load(types::I8X16, flags, funcref, 0);
        self.b.ins().jump(next, &[copy.into()]);
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
