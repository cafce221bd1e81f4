//! Locals: values, variables of which the code generator makes values, or, where
//! time to compile matters more than code, places in the frame.
//!
//! Register allocation in a single pass has everything that lives past the end
//! of a block in the frame, and copies what joins carry from one place to
//! another on every way to the join. Locals that have their places from the
//! start are never carried.

use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Type, Value, types,
};
use cranelift_frontend::Variable;

use super::body::{Body, Point};
use crate::prescan::FunctionFacts;

/// A local of an open function.
#[derive(Clone, Copy)]
pub(super) enum Local {
    /// Never written.
    Value(Value),
    Variable(Variable, Type),
    Place(Place),
}

/// A place in the frame.
#[derive(Clone, Copy)]
pub(super) struct Place {
    offset: i32,
    ty: Type,
    /// What is in it, as long as the point is the same.
    known: Option<(Point, Value)>,
}

/// Variables that no open function has any more, by their types.
#[derive(Default)]
pub(super) struct Spare([Vec<Variable>; TYPES.len()]);

/// The types of variables.
const TYPES: [Type; 5] = [types::I32, types::I64, types::F32, types::F64, types::I8X16];

impl Spare {
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(Vec::clear);
    }

    fn of(&mut self, ty: Type) -> Option<&mut Vec<Variable>> {
        let at = TYPES.iter().position(|&t| t == ty)?;
        Some(&mut self.0[at])
    }
}

/// Alignment of places, as a power of two: that of the largest type.
const ALIGN: u8 = 4;

/// Flags of accesses to places.
const FRAME: MemFlagsData = MemFlagsData::trusted();

impl Body<'_, '_> {
    /// Declares the next local of the function whose first is `first`.
    pub fn declare_local(&mut self, value: Value, first: usize, ahead: &FunctionFacts) {
        let written = ahead.writes(self.locals.len() - first);
        let ty = self.b.func.dfg.value_type(value);
        let local = match written {
            false => Local::Value(value),
            true if self.locals_in_frame() => Local::Place(self.place_of_local(ty)),
            true => {
                let spare = self.spare.of(ty).and_then(Vec::pop);
                Local::Variable(spare.unwrap_or_else(|| self.b.declare_var(ty)), ty)
            }
        };
        self.locals.push(local);
        if written {
            self.write_local(self.locals.len() - 1, value);
        }
    }

    fn place_of_local(&mut self, ty: Type) -> Place {
        let (slot, _) = *self.places.get_or_insert_with(|| {
            let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 0, ALIGN);
            let slot = self.b.create_sized_stack_slot(slot);
            (slot, self.b.ins().stack_addr(types::I64, slot, 0))
        });
        let size = &mut self.b.func.sized_stack_slots[slot].size;
        let offset = size.next_multiple_of(ty.bytes());
        *size = offset + ty.bytes();
        Place {
            // Functions have fewer locals than would be too many.
            offset: offset as i32,
            ty,
            known: None,
        }
    }

    /// The address of the places.
    fn places(&self) -> Value {
        self.places.expect("a place was made").1
    }

    /// The value of a local, by its number in [`Body::locals`].
    pub fn read_local(&mut self, number: usize) -> Value {
        match self.locals[number] {
            Local::Value(value) => value,
            Local::Variable(variable, _) => self.b.use_var(variable),
            Local::Place(Place {
                known: Some((point, value)),
                ..
            }) if point == self.point() => value,
            Local::Place(place) => {
                let places = self.places();
                let value = self.b.ins().load(place.ty, FRAME, places, place.offset);
                self.know_local(number, place, value);
                value
            }
        }
    }

    /// Writes one that is not a value for good.
    pub fn write_local(&mut self, number: usize, value: Value) {
        match self.locals[number] {
            Local::Value(_) => {}
            Local::Variable(variable, _) => self.b.def_var(variable, value),
            Local::Place(place) => {
                let places = self.places();
                self.b.ins().store(FRAME, value, places, place.offset);
                self.know_local(number, place, value);
            }
        }
    }

    fn know_local(&mut self, number: usize, place: Place, value: Value) {
        let known = Some((self.point(), value));
        self.locals[number] = Local::Place(Place { known, ..place });
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
