//! DWARF expressions of wasm, rewritten for native code.
//!
//! A wasm expression computes with locals and with linear addresses. Here the
//! value of a local is read from where the code generator has put it, and the
//! host's address of memory is added to linear addresses.

use gimli::read::{self, Operation};
use gimli::write::{Address, Expression};
use gimli::{
    DW_OP_abs, DW_OP_and, DW_OP_call_frame_cfa, DW_OP_div, DW_OP_drop, DW_OP_dup, DW_OP_eq,
    DW_OP_ge, DW_OP_gt, DW_OP_le, DW_OP_lt, DW_OP_minus, DW_OP_mod, DW_OP_mul, DW_OP_ne, DW_OP_neg,
    DW_OP_not, DW_OP_or, DW_OP_over, DW_OP_plus, DW_OP_rot, DW_OP_shl, DW_OP_shr, DW_OP_shra,
    DW_OP_stack_value, DW_OP_swap, DW_OP_xor, DwOp, Register,
};

use super::super::dwarf::Slice;
use super::{DATA, MEMORY};
use crate::code::{PlaceOfValue, ValuePlace};

/// Operations of an expression at most.
const MAX_OPERATIONS: usize = 64;
/// What stands for addresses of data that was dropped.
const DROPPED: [u32; 2] = [u32::MAX, u32::MAX - 1];

type Op<'a> = Operation<Slice<'a>>;

/// An expression that is understood.
pub(super) struct Place<'a> {
    operations: Vec<Op<'a>>,
    /// The local it depends on, if it does.
    pub local: Option<u32>,
    /// Bytes of a linear address.
    linear: u8,
}

/// What a variable is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    AsItIs,
    /// A linear address, as the host's.
    Pointer,
}

/// What addresses are relative to, in the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bases {
    /// The local with the frame base.
    pub frame: Option<u32>,
    /// The global with the memory base, of a relocatable module.
    pub memory: Option<u32>,
}

impl<'a> Place<'a> {
    /// Reads an expression; `None` if it has what no native code has.
    pub fn read(
        expression: read::Expression<Slice<'a>>,
        unit: &read::Unit<Slice<'a>>,
        dwarf: &read::Dwarf<Slice<'a>>,
        bases: Bases,
    ) -> Option<Self> {
        let mut operations: Vec<Op<'a>> = Vec::new();
        let mut local = None;
        let mut all = expression.operations(unit.encoding());
        while let Some(mut operation) = all.next().ok()? {
            (operations.len() < MAX_OPERATIONS).then_some(())?;
            if let Operation::AddressIndex { index } = operation {
                let address = dwarf.address(unit, index).ok()?;
                operation = Operation::Address { address };
            }
            if let Operation::Address { address } = operation {
                // The linker leaves such numbers where it has dropped data. Behind a
                // memory base, data may begin at 0.
                let is_relative = !operations.is_empty();
                let dropped = DROPPED.contains(&(address as u32));
                (!dropped && (is_relative || address != 0)).then_some(())?;
            }
            let of = match operation {
                Operation::WasmLocal { index } => Some(index),
                Operation::FrameOffset { .. } => Some(bases.frame?),
                _ => None,
            };
            // Two locals would be in as many places as the product of both.
            if let Some(of) = of
                && *local.get_or_insert(of) != of
            {
                return None;
            }
            operations.push(operation);
        }
        if let [Operation::WasmGlobal { index }, address, Operation::Plus] = &operations[..]
            && matches!(address, Operation::Address { .. })
            && Some(*index) == bases.memory
        {
            operations = vec![*address];
        }
        (!operations.is_empty()).then_some(Self {
            operations,
            local,
            linear: unit.encoding().address_size,
        })
    }

    /// The local whose value the expression is.
    pub fn of_local(&self) -> Option<u32> {
        match self.operations[..] {
            [Operation::WasmLocal { index }, Operation::StackValue] => Some(index),
            _ => None,
        }
    }

    /// Writes it for a place of the local that it depends on.
    pub fn write(&self, at: Option<&ValuePlace>, shown: Shown) -> Option<Expression> {
        let mut out = Writer {
            out: Expression::new(),
            at,
            state: State::Nothing,
            shown,
            linear: self.linear,
        };
        match (&self.operations[..], at) {
            ([Operation::WasmLocal { .. }, Operation::StackValue], Some(at))
                if shown == Shown::AsItIs =>
            {
                out.itself(at);
                return Some(out.out);
            }
            ([Operation::Address { address }], _) => {
                let addend = i64::try_from(*address).ok()?;
                out.address(DATA, addend);
                out.state = State::Host;
                out.finish()?;
                return Some(out.out);
            }
            _ => {}
        }
        for operation in &self.operations {
            out.operation(operation)?;
        }
        out.finish()?;
        Some(out.out)
    }
}

/// What is on the expression's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    /// A linear address.
    Linear,
    /// The host's address.
    Host,
    /// The value itself.
    Value,
}

struct Writer<'p> {
    out: Expression,
    at: Option<&'p ValuePlace>,
    state: State,
    shown: Shown,
    linear: u8,
}

impl Writer<'_> {
    /// A local's place, which debuggers may change too.
    fn itself(&mut self, at: &ValuePlace) {
        match at.at {
            PlaceOfValue::Register(register) | PlaceOfValue::Vector(register) => {
                self.out.op_reg(Register(register));
            }
            PlaceOfValue::Frame(offset) => self.in_frame(offset),
        }
    }

    fn in_frame(&mut self, offset: i64) {
        self.out.op(DW_OP_call_frame_cfa);
        self.out.op_consts(offset);
        self.out.op(DW_OP_plus);
    }

    fn local(&mut self) -> Option<()> {
        let at = self.at?;
        // Only integers are computed with.
        (at.bytes <= 8).then_some(())?;
        match at.at {
            PlaceOfValue::Vector(_) => return None,
            PlaceOfValue::Register(register) => {
                self.out.op_breg(Register(register), 0);
                if at.bytes < 8 {
                    self.out.op_constu((1 << (8 * at.bytes)) - 1);
                    self.out.op(DW_OP_and);
                }
            }
            PlaceOfValue::Frame(offset) => {
                self.in_frame(offset);
                self.out.op_deref_size(at.bytes);
            }
        }
        self.state = State::Linear;
        Some(())
    }

    fn address(&mut self, symbol: usize, addend: i64) {
        self.out.op_addr(Address::Symbol { symbol, addend });
    }

    fn add_memory(&mut self) {
        self.address(MEMORY, 0);
        self.out.op(DW_OP_plus);
    }

    fn operation(&mut self, operation: &Op<'_>) -> Option<()> {
        match *operation {
            Operation::WasmLocal { .. } => return self.local(),
            Operation::FrameOffset { offset } => {
                self.local()?;
                self.out.op_consts(offset);
                self.out.op(DW_OP_plus);
            }
            Operation::Address { address } => {
                self.address(DATA, i64::try_from(address).ok()?);
                self.address(MEMORY, 0);
                self.out.op(DW_OP_minus);
            }
            Operation::Deref {
                size, space: false, ..
            } if size <= 8 => {
                self.add_memory();
                self.out.op_deref_size(size);
            }
            Operation::UnsignedConstant { value } => self.out.op_constu(value),
            Operation::SignedConstant { value } => self.out.op_consts(value),
            Operation::PlusConstant { value } => self.out.op_plus_uconst(value),
            Operation::StackValue => {
                self.state = State::Value;
                return Some(());
            }
            Operation::Piece {
                size_in_bits,
                bit_offset: None,
            } if size_in_bits % 8 == 0 => {
                // A pointer in pieces would be no pointer.
                (self.shown == Shown::AsItIs).then_some(())?;
                self.finish()?;
                self.out.op_piece(size_in_bits / 8);
                self.state = State::Nothing;
                return Some(());
            }
            Operation::Nop => return Some(()),
            ref other => self.out.op(plain(other)?),
        }
        if self.state == State::Nothing {
            self.state = State::Linear;
        }
        Some(())
    }

    /// Ends a place.
    fn finish(&mut self) -> Option<()> {
        if self.state == State::Linear {
            self.add_memory();
            self.state = State::Host;
        }
        match (self.state, self.shown) {
            (State::Value, Shown::AsItIs) => self.out.op(DW_OP_stack_value),
            (State::Value, Shown::Pointer) => self.pointer(),
            (State::Host, Shown::Pointer) => {
                self.out.op_deref_size(self.linear);
                self.pointer();
            }
            (_, Shown::Pointer) => return None,
            (_, Shown::AsItIs) => {}
        }
        Some(())
    }

    /// From a linear address to the host's; null stays null.
    fn pointer(&mut self) {
        if self.linear < 8 {
            self.out.op_constu(u64::from(u32::MAX));
            self.out.op(DW_OP_and);
        }
        self.out.op(DW_OP_dup);
        let is_some = self.out.op_bra();
        let is_null = self.out.op_skip();
        self.out.set_target(is_some, self.out.next_index());
        self.add_memory();
        self.out.set_target(is_null, self.out.next_index());
        self.out.op(DW_OP_stack_value);
    }
}

/// The operations without operands.
fn plain(operation: &Op<'_>) -> Option<DwOp> {
    Some(match operation {
        Operation::Drop => DW_OP_drop,
        Operation::Pick { index: 0 } => DW_OP_dup,
        Operation::Pick { index: 1 } => DW_OP_over,
        Operation::Swap => DW_OP_swap,
        Operation::Rot => DW_OP_rot,
        Operation::Abs => DW_OP_abs,
        Operation::And => DW_OP_and,
        Operation::Div => DW_OP_div,
        Operation::Minus => DW_OP_minus,
        Operation::Mod => DW_OP_mod,
        Operation::Mul => DW_OP_mul,
        Operation::Neg => DW_OP_neg,
        Operation::Not => DW_OP_not,
        Operation::Or => DW_OP_or,
        Operation::Plus => DW_OP_plus,
        Operation::Shl => DW_OP_shl,
        Operation::Shr => DW_OP_shr,
        Operation::Shra => DW_OP_shra,
        Operation::Xor => DW_OP_xor,
        Operation::Eq => DW_OP_eq,
        Operation::Ge => DW_OP_ge,
        Operation::Gt => DW_OP_gt,
        Operation::Le => DW_OP_le,
        Operation::Lt => DW_OP_lt,
        Operation::Ne => DW_OP_ne,
        _ => return None,
    })
}
