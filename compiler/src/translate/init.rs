//! The init function: what instantiation does that the loader cannot do
//! without running code, in the order of the specification.

use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::body::{Body, Callee};
use crate::code::Target;
use crate::module::{
    ConstOp, DataMode, Element, ElementMode, GlobalInit, GlobalStorage, Items, Module,
};

/// Whether a module needs an init function.
pub(crate) fn needed(module: &Module<'_>) -> bool {
    let computed =
        |place: &GlobalStorage| matches!(place, GlobalStorage::Own(GlobalInit::Computed(_)));
    let active = |mode: &ElementMode| matches!(mode, ElementMode::Active { .. });
    module.start.is_some()
        || module.globals.iter().any(|g| computed(&g.storage))
        || module.tables.iter().any(|t| t.init.is_some())
        || module.elements.iter().any(|e| active(&e.mode))
        || module.elements.iter().any(|e| computed_values(e).is_some())
        || module
            .data
            .iter()
            .any(|d| matches!(d.mode, DataMode::Active { .. }))
}

/// Expressions of a segment's values, where it has values and code computes them.
fn computed_values(element: &Element) -> Option<&[Vec<ConstOp>]> {
    match &element.items {
        Items::Exprs(exprs) if element.has_values() => Some(exprs),
        _ => None,
    }
}

impl Body<'_, '_> {
    /// Translates the init function.
    pub fn init(&mut self) {
        let module = self.env.module;
        for (index, global) in module.globals.iter().enumerate() {
            if let GlobalStorage::Own(GlobalInit::Computed(expr)) = &global.storage {
                let value = self.const_expr(expr);
                self.global_store(index as u32, value);
            }
        }
        for (index, element) in module.elements.iter().enumerate() {
            if let Some(exprs) = computed_values(element) {
                self.init_values(index as u32, exprs);
            }
        }
        for (index, table) in module.tables.iter().enumerate() {
            if let Some(expr) = &table.init {
                let value = self.const_expr(expr);
                let (start, count) = (self.i64(0), self.i64(table.ty.min as i64));
                self.table_fill(index as u32, start, value, count);
            }
        }
        for (index, element) in module.elements.iter().enumerate() {
            if let ElementMode::Active { table, offset } = &element.mode {
                let dst = self.const_expr(offset);
                let (src, count) = (self.i32(0), self.i32(element.items.len()));
                self.table_init(index as u32, *table, dst, src, count);
                self.elem_drop(index as u32);
            }
        }
        for (index, data) in module.data.iter().enumerate() {
            if let DataMode::Active { memory, offset } = &data.mode {
                let dst = self.const_expr(offset);
                let (src, len) = (self.i32(0), self.i32(data.bytes.len()));
                self.memory_init(index as u32, *memory, dst, src, len);
                self.data_drop(index as u32);
            }
        }
        if let Some(start) = module.start {
            let start = self.function(module.callee(start));
            self.make_call(Callee::Function(start), &[]);
        }
        self.b.ins().return_(&[]);
    }

    fn i32(&mut self, value: usize) -> Value {
        self.b.ins().iconst(types::I32, i64::from(value as u32))
    }

    /// Fills the cells of an element segment.
    fn init_values(&mut self, elem: u32, exprs: &[Vec<ConstOp>]) {
        for (index, expr) in exprs.iter().enumerate() {
            let value = self.const_expr(expr);
            let cells = self.symbol(Target::Elem(elem));
            let cell = self.b.ins().iadd_imm_s(cells, 8 * index as i64);
            self.b.ins().store(self.flags.record, value, cell, 0);
        }
    }

    /// The value of a constant expression.
    fn const_expr(&mut self, expr: &[ConstOp]) -> Value {
        for op in expr {
            let value = match *op {
                ConstOp::I32(value) => self.i32(value as u32 as usize),
                ConstOp::I64(value) => self.i64(value),
                ConstOp::F32(bits) => self.b.ins().f32const(Ieee32::with_bits(bits)),
                ConstOp::F64(bits) => self.b.ins().f64const(Ieee64::with_bits(bits)),
                ConstOp::V128(bytes) => self.vector(&bytes),
                ConstOp::GlobalGet(global) => self.global_get(global),
                ConstOp::RefNull(_) => self.i64(0),
                ConstOp::RefFunc(func) => self.symbol(Target::Funcref(func)),
                ConstOp::I32Add | ConstOp::I64Add => {
                    let (left, right) = self.pop2();
                    self.b.ins().iadd(left, right)
                }
                ConstOp::I32Sub | ConstOp::I64Sub => {
                    let (left, right) = self.pop2();
                    self.b.ins().isub(left, right)
                }
                ConstOp::I32Mul | ConstOp::I64Mul => {
                    let (left, right) = self.pop2();
                    self.b.ins().imul(left, right)
                }
            };
            self.push(value);
        }
        self.pop()
    }
}
