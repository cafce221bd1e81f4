//! Copies and fills of a small constant length, without a call.
//!
//! If any byte of one is out of bounds, nothing may be written. Where guards
//! stand in for a check, the order of the accesses sees to that: all loads come
//! first, and of the stores the one that reaches highest. A store of which a
//! part is out of bounds faults as a whole.

use cranelift_codegen::ir::{InstBuilder, InstructionData, Type, Value, types};

use crate::prescan::is_inlined_bulk;
use crate::translate::body::Body;

/// Bytes of the widest access.
const WIDEST: u64 = 16;

/// An access that covers a part of a range.
type Piece = (i32, Type);

/// The pieces of a range, ascending. Two overlap where that saves one: what is
/// loaded later from a place that two stores have written waits for both, so
/// there are no more than needed.
fn pieces(len: u64) -> Vec<Piece> {
    let whole = len / WIDEST * WIDEST;
    let piece = |at: u64, bytes: u64| (at as i32, access(bytes));
    let mut pieces: Vec<Piece> = (0..whole)
        .step_by(WIDEST as usize)
        .map(|at| piece(at, WIDEST))
        .collect();
    let rest = len - whole;
    if rest.count_ones() > 2 {
        // One access over all of the rest, if the range is as long; else two
        // that meet.
        let cover = rest.next_power_of_two();
        if cover > len {
            return vec![piece(0, cover / 2), piece(len - cover / 2, cover / 2)];
        }
        pieces.push(piece(len - cover, cover));
        return pieces;
    }
    let mut at = whole;
    for bytes in [8, 4, 2, 1].into_iter().filter(|bytes| rest & bytes != 0) {
        pieces.push(piece(at, bytes));
        at += bytes;
    }
    pieces
}

/// The type of an access of as many bytes.
fn access(bytes: u64) -> Type {
    match bytes {
        1 => types::I8,
        2 => types::I16,
        4 => types::I32,
        8 => types::I64,
        _ => types::I8X16,
    }
}

impl Body<'_, '_> {
    /// The length of a copy or fill, where it is constant and small.
    pub fn small_len(&self, len: Value) -> Option<u64> {
        let len = self.known(len)?;
        is_inlined_bulk(len).then_some(len as u64)
    }

    /// The value of a constant.
    fn known(&self, value: Value) -> Option<i64> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(value)).inst()?;
        match dfg.insts[inst] {
            InstructionData::UnaryImm { imm, .. } => Some(imm.bits()),
            _ => None,
        }
    }

    /// Copies between host addresses that are in bounds, or fault where they
    /// are not.
    pub fn small_copy(&mut self, to: Value, from: Value, len: u64) {
        let flags = self.flags.memory;
        let pieces = pieces(len);
        let load = |&(at, ty): &Piece| (at, self.b.ins().load(ty, flags, from, at));
        let loaded: Vec<(i32, Value)> = pieces.iter().map(load).collect();
        for (at, value) in loaded.into_iter().rev() {
            self.b.ins().store(flags, value, to, at);
        }
    }

    /// Fills from such an address.
    pub fn small_fill(&mut self, to: Value, byte: Value, len: u64) {
        let flags = self.flags.memory;
        let pieces = pieces(len);
        let mut known: Vec<(Type, Value)> = Vec::new();
        for (at, ty) in pieces.into_iter().rev() {
            let value = match known.iter().find(|(of, _)| *of == ty) {
                Some(&(_, value)) => value,
                None => {
                    let value = self.repeated(byte, ty);
                    known.push((ty, value));
                    value
                }
            };
            self.b.ins().store(flags, value, to, at);
        }
    }

    /// The low byte of a value in every byte of a type.
    fn repeated(&mut self, byte: Value, ty: Type) -> Value {
        if let Some(constant) = self.known(byte) {
            let bytes = [constant as u8; WIDEST as usize];
            return match ty {
                types::I8X16 => self.vector(&bytes),
                _ => {
                    let all = i64::from_le_bytes(*bytes.first_chunk().expect("16 bytes"));
                    let unused = 64 - ty.bits();
                    let bits = ((all as u64) << unused >> unused) as i64;
                    self.b.ins().iconst(ty, bits)
                }
            };
        }
        match ty {
            types::I8 => self.b.ins().ireduce(types::I8, byte),
            types::I8X16 => {
                let byte = self.b.ins().ireduce(types::I8, byte);
                self.b.ins().splat(types::I8X16, byte)
            }
            _ => {
                let byte = self.b.ins().ireduce(types::I8, byte);
                let wide = self.b.ins().uextend(types::I64, byte);
                let all = self.b.ins().imul_imm_s(wide, 0x0101_0101_0101_0101);
                match ty {
                    types::I64 => all,
                    _ => self.b.ins().ireduce(ty, all),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prescan::weight::INLINED_BULK;

    #[test]
    fn pieces_cover_a_range_and_nothing_else() {
        for len in 0..=INLINED_BULK {
            let pieces = pieces(len);
            let mut covered = 0;
            for &(at, ty) in &pieces {
                let (start, end) = (at as u64, at as u64 + u64::from(ty.bytes()));
                assert!(
                    start <= covered && covered < end && end <= len,
                    "{pieces:?}"
                );
                covered = end;
            }
            assert_eq!(covered, len);
            assert!(pieces.len() as u64 <= len / WIDEST + 2, "{pieces:?}");
        }
    }
}
