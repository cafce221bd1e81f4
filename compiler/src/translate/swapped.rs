//! Bytes in reverse order.
//!
//! wasm has no instruction for it; compilers write shifts, rotations and masks,
//! in many shapes. So the bytes of what these make are followed to where they
//! come from; what comes to all bytes of one value, the last one first, is that
//! value with its bytes swapped.

use std::collections::HashMap;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, Opcode, Type, Value, types,
};

use super::address::constant;

/// Where the bytes of an integer come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bytes {
    source: Value,
    /// The lowest first: 0, or the number of the source's byte, counted from 1.
    from: [u8; 8],
}

impl Bytes {
    /// A value's own.
    fn of(source: Value, size: usize) -> Self {
        let from = std::array::from_fn(|at| if at < size { at as u8 + 1 } else { 0 });
        Self { source, from }
    }

    fn and(self, mask: u64) -> Option<Self> {
        let mask = mask.to_le_bytes();
        let whole = mask.iter().all(|byte| matches!(byte, 0 | 0xff));
        let from = std::array::from_fn(|at| if mask[at] == 0 { 0 } else { self.from[at] });
        whole.then_some(Self { from, ..self })
    }

    fn or(self, other: Self) -> Option<Self> {
        let mut pairs = self.from.iter().zip(other.from);
        let apart = pairs.all(|(&a, b)| a == 0 || b == 0);
        let from = std::array::from_fn(|at| self.from[at] | other.from[at]);
        (apart && self.source == other.source).then_some(Self { from, ..self })
    }

    /// Moved up by so many of `size` bytes; what leaves them comes in again, or
    /// not.
    fn moved(self, by: usize, size: usize, again: bool) -> Self {
        let from = std::array::from_fn(|at| match at {
            _ if at >= size => 0,
            _ if at >= by => self.from[at - by],
            _ if again => self.from[at + size - by],
            _ => 0,
        });
        Self { from, ..self }
    }

    /// Moved down likewise, nothing coming in.
    fn down(self, by: usize, size: usize) -> Self {
        let from = std::array::from_fn(|at| match at + by {
            from if from < size => self.from[from],
            _ => 0,
        });
        Self { from, ..self }
    }

    /// The number of the source's low bytes of which this is all, reversed.
    fn swapped(self) -> Option<usize> {
        let size = self.from.iter().position(|&from| from == 0).unwrap_or(8);
        let reversed = (0..8).all(|at| match at < size {
            true => usize::from(self.from[at]) == size - at,
            false => self.from[at] == 0,
        });
        (reversed && matches!(size, 2 | 4 | 8)).then_some(size)
    }
}

/// Rewrites a function.
pub(super) fn improve(func: &mut Function) {
    let mut known: HashMap<Value, Bytes> = HashMap::new();
    let mut next_block = func.layout.entry_block();
    while let Some(block) = next_block {
        next_block = func.layout.next_block(block);
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            if let Some(bytes) = follow(func, inst, &known) {
                let value = func.dfg.first_result(inst);
                let last = matches!(func.dfg.insts[inst].opcode(), Opcode::Bor | Opcode::Band);
                match bytes.swapped().filter(|_| last) {
                    Some(size) => swap(func, inst, bytes.source, size),
                    None => {
                        known.insert(value, bytes);
                    }
                }
            }
        }
    }
}

/// Where the bytes of an instruction's result come from, if it moves bytes.
fn follow(func: &Function, inst: Inst, known: &HashMap<Value, Bytes>) -> Option<Bytes> {
    let of = |value: Value| {
        let value = func.dfg.resolve_aliases(value);
        let size = func.dfg.value_type(value).bytes() as usize;
        let own = || Bytes::of(value, size);
        known.get(&value).copied().unwrap_or_else(own)
    };
    let size = |value: Value| func.dfg.value_type(value).bytes() as usize;
    match func.dfg.insts[inst] {
        InstructionData::Binary { opcode, args } if is_word(func, args[0]) => {
            let (a, size) = (of(args[0]), size(args[0]));
            let second = || constant(func, args[1]);
            let by = || {
                let bits = second()? as usize % (8 * size);
                bits.is_multiple_of(8).then_some(bits / 8)
            };
            match opcode {
                Opcode::Band => a.and(second()?),
                Opcode::Bor => a.or(of(args[1])),
                Opcode::Ishl => Some(a.moved(by()?, size, false)),
                Opcode::Ushr => Some(a.down(by()?, size)),
                Opcode::Rotl => Some(a.moved(by()?, size, true)),
                Opcode::Rotr => Some(a.moved((size - by()?) % size, size, true)),
                _ => None,
            }
        }
        InstructionData::Load {
            opcode: Opcode::Uload16,
            ..
        } => Some(Bytes::of(func.dfg.first_result(inst), 2)),
        InstructionData::Unary { opcode, arg } if is_word(func, arg) => match opcode {
            Opcode::Uextend => Some(of(arg)),
            Opcode::Ireduce => {
                let size = size(func.dfg.first_result(inst));
                Some(of(arg).moved(0, size, false))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_word(func: &Function, value: Value) -> bool {
    matches!(func.dfg.value_type(value), types::I32 | types::I64)
}

/// Makes an instruction's result the swapped low bytes of a value.
fn swap(func: &mut Function, inst: Inst, source: Value, size: usize) {
    let old = func.dfg.first_result(inst);
    let wanted = func.dfg.value_type(old);
    let location = func.srcloc(inst);
    let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
    let narrow = Type::int(8 * size as u16).unwrap_or(wanted);
    let mut value = source;
    if cursor.func.dfg.value_type(value) != narrow {
        value = cursor.ins().ireduce(narrow, value);
    }
    value = cursor.ins().bswap(value);
    if narrow != wanted {
        value = cursor.ins().uextend(wanted, value);
    }
    func.layout.remove_inst(inst);
    func.dfg.detach_inst_results(inst);
    func.dfg.change_to_alias(old, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_followed_as_they_move() {
        let value = Value::from_u32(1);
        let word = Bytes::of(value, 4);
        assert_eq!(word.from, [1, 2, 3, 4, 0, 0, 0, 0]);
        assert_eq!(word.moved(1, 4, false).from, [0, 1, 2, 3, 0, 0, 0, 0]);
        assert_eq!(word.moved(1, 4, true).from, [4, 1, 2, 3, 0, 0, 0, 0]);
        assert_eq!(word.down(1, 4).from, [2, 3, 4, 0, 0, 0, 0, 0]);
        let odd = word.and(0xff00ff).unwrap();
        assert_eq!(odd.from, [1, 0, 3, 0, 0, 0, 0, 0]);
        assert_eq!(word.and(0x0ff0), None);
        assert_eq!(odd.or(word), None);
        let even = word.moved(1, 4, true).and(0xff00ff).unwrap();
        let swapped = odd.moved(3, 4, true).or(even).unwrap();
        assert_eq!(swapped.from, [4, 3, 2, 1, 0, 0, 0, 0]);
        assert_eq!(swapped.swapped(), Some(4));
        assert_eq!(word.swapped(), None);
        let other = Bytes::of(Value::from_u32(2), 4);
        assert_eq!(odd.or(other.moved(1, 4, true).and(0xff00ff).unwrap()), None);
    }
}
