//! Locals, by the way in which each is kept.

use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value, types,
};

use crate::prescan::FunctionFacts;
use crate::translate::body::Body;
use crate::translate::local::{FrameSlot, Local};

/// Alignment of frame slots, as a power of two: that of the largest type.
const ALIGN: u8 = 4;

/// Flags of accesses to frame slots.
const FRAME: MemFlagsData = MemFlagsData::trusted();

impl Body<'_, '_> {
    /// Declares the next local of the function whose first is `first`.
    pub fn declare_local(&mut self, value: Value, first: usize, facts: &FunctionFacts) {
        let written = facts.writes(self.locals.len() - first);
        let ty = self.b.func.dfg.value_type(value);
        let local = match written {
            false => Local::Value(value),
            true if self.locals_in_frame() => Local::FrameSlot(self.new_frame_slot(ty)),
            true => {
                let spare = self.spare.of(ty).and_then(Vec::pop);
                Local::Variable(spare.unwrap_or_else(|| self.b.declare_var(ty)), ty)
            }
        };
        self.locals.push(local);
        if written {
            self.write_local(self.locals.len() - 1, value);
        }
        if self.open.is_empty() {
            self.watch.declare(value);
        }
    }

    fn new_frame_slot(&mut self, ty: Type) -> FrameSlot {
        let (slot, _) = *self.frame_slots.get_or_insert_with(|| {
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 0, ALIGN);
            let slot = self.b.create_sized_stack_slot(slot);
            (slot, self.b.ins().stack_addr(types::I64, slot, 0))
        });
        let size = &mut self.b.func.sized_stack_slots[slot].size;
        let offset = size.next_multiple_of(ty.bytes());
        *size = offset + ty.bytes();
        FrameSlot {
            // Functions have fewer locals than would be too many.
            offset: offset as i32,
            ty,
            known: None,
        }
    }

    /// The address of the frame slots.
    fn frame_slots(&self) -> Value {
        self.frame_slots.expect("a frame slot was made").1
    }

    /// The value of a local, by its number in [`Body::locals`].
    pub fn read_local(&mut self, number: usize) -> Value {
        match self.locals[number] {
            Local::Value(value) => value,
            Local::Variable(variable, _) => {
                let value = self.b.use_var(variable);
                self.watch.read(number, value);
                value
            }
            Local::FrameSlot(FrameSlot {
                known: Some((point, value)),
                ..
            }) if point == self.point() => value,
            Local::FrameSlot(slot) => {
                let base = self.frame_slots();
                let value = self.b.ins().load(slot.ty, FRAME, base, slot.offset);
                self.know_local(number, slot, value);
                value
            }
        }
    }

    /// Writes one that is not a value for good.
    pub fn write_local(&mut self, number: usize, value: Value) {
        match self.locals[number] {
            Local::Value(_) => {}
            Local::Variable(variable, _) => {
                self.b.def_var(variable, value);
                let outermost = self.frames.len() == 1;
                self.watch.write(number, value, outermost);
            }
            Local::FrameSlot(slot) => {
                let base = self.frame_slots();
                self.b.ins().store(FRAME, value, base, slot.offset);
                self.know_local(number, slot, value);
            }
        }
    }

    fn know_local(&mut self, number: usize, slot: FrameSlot, value: Value) {
        let known = Some((self.point(), value));
        self.locals[number] = Local::FrameSlot(FrameSlot { known, ..slot });
    }

    /// Forgets the locals from one on.
    pub fn forget_locals(&mut self, first: usize) {
        for local in self.locals.drain(first..) {
            if let Local::Variable(variable, ty) = local
                && let Some(spare) = self.spare.of(ty)
            {
                spare.push(variable);
            }
        }
    }
}
