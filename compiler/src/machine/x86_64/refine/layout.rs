//! Blocks of instructions → bytes.

use iced_x86::{ConditionCode, Decoder, DecoderOptions, Encoder, FlowControl};

use super::decode::{Function, Op, State};
use crate::machine::backend::{Draft, Moved, Refined};

/// The byte before constants.
const FILLER: u8 = 0xcc;
/// Most times that jumps are made longer one for another; then all are long.
const MOST_ROUNDS: u32 = 16;
/// Least alignment of constants.
const CONSTANT: u32 = 16;

/// A part of the new code.
struct Piece<'a> {
    what: What<'a>,
    /// Offset of the instruction that it was, with its length; a table was none.
    old: Option<(u32, u32)>,
    /// Whether its length must not change.
    is_fixed: bool,
    /// Whether it stands in the place of a jump to it.
    is_copy: bool,
}

enum What<'a> {
    Bytes(&'a [u8]),
    Encoded(Vec<u8>),
    /// Under a condition, by its number in opcodes; to a block.
    Jump(Option<u8>, usize),
    /// With a distance, in a field at an offset, to what stands in this code.
    Relative(&'a [u8], usize, Place),
    Table(usize),
}

#[derive(Clone, Copy)]
enum Place {
    Table(usize),
    /// What stood at an offset, among the constants.
    Constant(u32),
}

/// Pieces in their order, and where each block begins.
struct Layout<'a> {
    pieces: Vec<Piece<'a>>,
    /// By block: number of its first piece.
    blocks: Vec<usize>,
}

/// The bytes of a function; `None` if they cannot be written.
pub(super) fn lay_out(draft: &Draft<'_>, function: &Function) -> Option<Refined> {
    let layout = Layout::of(draft, function)?;
    let offsets = layout.offsets(function);
    Some(layout.write(draft, function, &offsets))
}

impl<'a> Layout<'a> {
    fn of(draft: &Draft<'a>, function: &Function) -> Option<Self> {
        let mut layout = Layout {
            pieces: Vec::with_capacity(function.ops.len()),
            blocks: Vec::with_capacity(function.blocks.len()),
        };
        let mut encoder = Encoder::new(64);
        for (number, block) in function.blocks.iter().enumerate() {
            layout.blocks.push(layout.pieces.len());
            for op in function.ops(number) {
                let what = what(draft, function, &mut encoder, op)?;
                layout.push(what, op, op.at < draft.prologue, false);
            }
            let Some(last) = layout.pieces.last_mut() else {
                continue;
            };
            match (&last.what, block.copies) {
                (What::Jump(None, _), Some(copied)) => {
                    last.what = What::Bytes(&[]);
                    for op in function.ops(copied) {
                        let what = what(draft, function, &mut encoder, op)?;
                        layout.push(what, op, false, true);
                    }
                }
                (What::Jump(_, to), None) if *to == number + 1 && !last.is_fixed => {
                    last.what = What::Bytes(&[]);
                }
                _ => {}
            }
            layout.pieces.extend(block.table.map(|table| Piece {
                what: What::Table(table),
                old: None,
                is_fixed: true,
                is_copy: false,
            }));
        }
        Some(layout)
    }

    fn push(&mut self, what: What<'a>, op: &Op, is_fixed: bool, is_copy: bool) {
        self.pieces.push(Piece {
            what,
            old: Some((op.at, op.len)),
            is_fixed,
            is_copy,
        });
    }

    /// Where each piece begins, and where the last ends: jumps are short unless they
    /// cannot be.
    fn offsets(&self, function: &Function) -> Vec<u32> {
        let mut sizes: Vec<u32> = self
            .pieces
            .iter()
            .map(|piece| match &piece.what {
                What::Bytes(bytes) | What::Relative(bytes, ..) => bytes.len() as u32,
                What::Encoded(bytes) => bytes.len() as u32,
                What::Jump(condition, _) if piece.is_fixed => long(*condition),
                What::Jump(..) => 2,
                What::Table(table) => 4 * function.tables[*table].to.len() as u32,
            })
            .collect();
        let mut offsets = vec![0; sizes.len() + 1];
        for round in 0.. {
            for (piece, &size) in sizes.iter().enumerate() {
                offsets[piece + 1] = offsets[piece] + size;
            }
            let mut is_done = true;
            for (number, piece) in self.pieces.iter().enumerate() {
                if let What::Jump(condition, to) = piece.what
                    && sizes[number] == 2
                {
                    let target = offsets[self.blocks[to]];
                    let distance = i64::from(target) - i64::from(offsets[number + 1]);
                    if i8::try_from(distance).is_err() || round == MOST_ROUNDS {
                        sizes[number] = long(condition);
                        is_done = false;
                    }
                }
            }
            if is_done {
                break;
            }
        }
        offsets
    }

    fn write(&self, draft: &Draft<'_>, function: &Function, offsets: &[u32]) -> Refined {
        let end = offsets[self.pieces.len()];
        // From the first constant that is still read: what stands before it is filler, as
        // is all that stands behind code which reads none. Constants are aligned as they
        // were.
        let constant = |piece: &Piece<'_>| match piece.what {
            What::Relative(_, _, Place::Constant(at)) => Some(at),
            _ => None,
        };
        let first = self.pieces.iter().filter_map(constant).min();
        let first = first.unwrap_or(draft.bytes.len() as u32);
        let constants = &draft.bytes[first as usize..];
        let data = end + first.wrapping_sub(end) % draft.align.max(CONSTANT);
        let mut tables = vec![0; function.tables.len()];
        for (piece, &at) in self.pieces.iter().zip(offsets) {
            if let What::Table(table) = piece.what {
                tables[table] = at;
            }
        }
        let mut bytes = Vec::with_capacity(data as usize + constants.len());
        let mut moved = Vec::with_capacity(self.pieces.len());
        for (number, piece) in self.pieces.iter().enumerate() {
            let (at, next) = (offsets[number], offsets[number + 1]);
            moved.extend(piece.old.map(|(old, old_len)| Moved {
                new: at,
                new_len: next - at,
                old,
                old_len,
                is_copy: piece.is_copy,
            }));
            match &piece.what {
                What::Bytes(code) => bytes.extend_from_slice(code),
                What::Encoded(code) => bytes.extend_from_slice(code),
                What::Relative(code, field, place) => {
                    let target = match *place {
                        Place::Table(table) => tables[table],
                        Place::Constant(old) => data + (old - first),
                    };
                    bytes.extend_from_slice(&code[..*field]);
                    bytes.extend(target.wrapping_sub(next).to_le_bytes());
                    bytes.extend_from_slice(&code[field + 4..]);
                }
                What::Jump(condition, to) => {
                    let distance = offsets[self.blocks[*to]].wrapping_sub(next);
                    jump(&mut bytes, *condition, distance, next - at == 2);
                }
                What::Table(table) => {
                    for &to in &function.tables[*table].to {
                        let distance = offsets[self.blocks[to]].wrapping_sub(at);
                        bytes.extend(distance.to_le_bytes());
                    }
                }
            }
        }
        if !constants.is_empty() {
            bytes.resize(data as usize, FILLER);
            bytes.extend_from_slice(constants);
        }
        Refined {
            bytes,
            moved,
            stale: Vec::new(),
        }
    }
}

/// Bytes of a jump with a displacement of 32 bits.
fn long(condition: Option<u8>) -> u32 {
    match condition {
        None => 5,
        Some(_) => 6,
    }
}

fn jump(bytes: &mut Vec<u8>, condition: Option<u8>, distance: u32, is_short: bool) {
    match (condition, is_short) {
        (None, true) => bytes.extend([0xeb, distance as u8]),
        (Some(condition), true) => bytes.extend([0x70 | condition, distance as u8]),
        (None, false) => bytes.push(0xe9),
        (Some(condition), false) => bytes.extend([0x0f, 0x80 | condition]),
    }
    if !is_short {
        bytes.extend(distance.to_le_bytes());
    }
}

/// What an instruction is written as.
fn what<'a>(
    draft: &Draft<'a>,
    function: &Function,
    encoder: &mut Encoder,
    op: &Op,
) -> Option<What<'a>> {
    let instruction = &op.instruction;
    let old = &draft.bytes[op.at as usize..(op.at + op.len) as usize];
    if op.is_left_out() {
        return Some(What::Bytes(&[]));
    }
    if let Some(to) = op.to {
        return match instruction.flow_control() {
            FlowControl::UnconditionalBranch => Some(What::Jump(None, to)),
            FlowControl::ConditionalBranch => {
                let condition = number_of(instruction.condition_code())?;
                Some(What::Jump(Some(condition), to))
            }
            _ => None,
        };
    }
    if op.state == State::Changed {
        encoder.encode(instruction, op.at.into()).ok()?;
        return Some(What::Encoded(encoder.take_buffer()));
    }
    let is_relocated = draft.is_relocated(op.at, op.at + op.len);
    if !instruction.is_ip_rel_memory_operand() || is_relocated {
        return Some(What::Bytes(old));
    }
    let target = u32::try_from(instruction.ip_rel_memory_address()).ok()?;
    let table = function
        .tables
        .binary_search_by_key(&target, |table| table.at);
    let place = match table {
        Ok(table) => Place::Table(table),
        Err(_) if target >= function.data && (target as usize) < draft.bytes.len() => {
            Place::Constant(target)
        }
        Err(_) => return None,
    };
    let mut decoder = Decoder::with_ip(64, old, op.at.into(), DecoderOptions::NONE);
    let again = decoder.decode();
    let field = decoder.get_constant_offsets(&again);
    let is_field = field.has_displacement() && field.displacement_size() == 4;
    is_field.then(|| What::Relative(old, field.displacement_offset(), place))
}

/// A condition's number in opcodes.
fn number_of(condition: ConditionCode) -> Option<u8> {
    use ConditionCode::{a, ae, b, be, e, g, ge, l, le, ne, no, np, ns, o, p, s};
    let all = [o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g];
    let number = all.iter().position(|&c| c == condition);
    number.map(|number| number as u8)
}
