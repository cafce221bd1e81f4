//! Scalar arithmetic: constants, integers, floats, conversions.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::Operator;

use crate::translate::body::Body;

/// Applies a CLIF instruction of one operand to the top of the stack.
macro_rules! unary {
    ($self:ident, $inst:ident $(, $ty:expr)*) => {{
        let value = $self.pop();
        let value = $self.b.ins().$inst($($ty,)* value);
        $self.push(value);
    }};
}

/// Applies a CLIF instruction of two operands to the top of the stack.
macro_rules! binary {
    ($self:ident, $inst:ident) => {{
        let (left, right) = $self.pop2();
        let value = $self.b.ins().$inst(left, right);
        $self.push(value);
    }};
}

impl Body<'_, '_> {
    /// Translates a constant; false if `op` is none.
    pub fn constant(&mut self, op: &Operator<'_>) -> bool {
        let value = match *op {
            Operator::I32Const { value } => {
                // CLIF constants are zero-extended.
                let value = i64::from(value as u32);
                self.b.ins().iconst(types::I32, value)
            }
            Operator::I64Const { value } => self.i64(value),
            Operator::F32Const { value } => self.b.ins().f32const(Ieee32::with_bits(value.bits())),
            Operator::F64Const { value } => self.b.ins().f64const(Ieee64::with_bits(value.bits())),
            _ => return false,
        };
        self.push(value);
        true
    }

    /// Translates integer arithmetic; false if `op` is none.
    pub fn integer(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::I32Eqz | O::I64Eqz => {
                let value = self.pop();
                let zero = self.b.ins().icmp_imm_u(IntCC::Equal, value, 0);
                self.push_bool(zero);
            }
            O::I32Eq | O::I64Eq => self.compare(IntCC::Equal),
            O::I32Ne | O::I64Ne => self.compare(IntCC::NotEqual),
            O::I32LtS | O::I64LtS => self.compare(IntCC::SignedLessThan),
            O::I32LtU | O::I64LtU => self.compare(IntCC::UnsignedLessThan),
            O::I32GtS | O::I64GtS => self.compare(IntCC::SignedGreaterThan),
            O::I32GtU | O::I64GtU => self.compare(IntCC::UnsignedGreaterThan),
            O::I32LeS | O::I64LeS => self.compare(IntCC::SignedLessThanOrEqual),
            O::I32LeU | O::I64LeU => self.compare(IntCC::UnsignedLessThanOrEqual),
            O::I32GeS | O::I64GeS => self.compare(IntCC::SignedGreaterThanOrEqual),
            O::I32GeU | O::I64GeU => self.compare(IntCC::UnsignedGreaterThanOrEqual),
            O::I32Clz | O::I64Clz => unary!(self, clz),
            O::I32Ctz | O::I64Ctz => unary!(self, ctz),
            O::I32Popcnt | O::I64Popcnt => unary!(self, popcnt),
            O::I32Add | O::I64Add => binary!(self, iadd),
            O::I32Sub | O::I64Sub => binary!(self, isub),
            O::I32Mul | O::I64Mul => binary!(self, imul),
            O::I32DivS | O::I64DivS => binary!(self, sdiv),
            O::I32DivU | O::I64DivU => binary!(self, udiv),
            O::I32RemS | O::I64RemS => binary!(self, srem),
            O::I32RemU | O::I64RemU => binary!(self, urem),
            O::I32And | O::I64And => binary!(self, band),
            O::I32Or | O::I64Or => binary!(self, bor),
            O::I32Xor | O::I64Xor => binary!(self, bxor),
            O::I32Shl | O::I64Shl => binary!(self, ishl),
            O::I32ShrS | O::I64ShrS => binary!(self, sshr),
            O::I32ShrU | O::I64ShrU => binary!(self, ushr),
            O::I32Rotl | O::I64Rotl => binary!(self, rotl),
            O::I32Rotr | O::I64Rotr => binary!(self, rotr),
            O::I32Extend8S => self.sign_extend(types::I8, types::I32),
            O::I32Extend16S => self.sign_extend(types::I16, types::I32),
            O::I64Extend8S => self.sign_extend(types::I8, types::I64),
            O::I64Extend16S => self.sign_extend(types::I16, types::I64),
            O::I64Extend32S => self.sign_extend(types::I32, types::I64),
            O::I64Add128 | O::I64Sub128 => {
                let (right, left) = (self.pop_wide(), self.pop_wide());
                let value = if matches!(op, O::I64Add128) {
                    self.b.ins().iadd(left, right)
                } else {
                    self.b.ins().isub(left, right)
                };
                let (low, high) = self.b.ins().isplit(value);
                self.stack.extend([low, high]);
            }
            O::I64MulWideS | O::I64MulWideU => {
                let (left, right) = self.pop2();
                let low = self.b.ins().imul(left, right);
                let high = if matches!(op, O::I64MulWideS) {
                    self.b.ins().smulhi(left, right)
                } else {
                    self.b.ins().umulhi(left, right)
                };
                self.stack.extend([low, high]);
            }
            _ => return false,
        }
        true
    }

    /// Translates floating point arithmetic; false if `op` is none.
    pub fn float(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        match op {
            O::F32Eq | O::F64Eq => self.compare_floats(FloatCC::Equal),
            O::F32Ne | O::F64Ne => self.compare_floats(FloatCC::NotEqual),
            O::F32Lt | O::F64Lt => self.compare_floats(FloatCC::LessThan),
            O::F32Gt | O::F64Gt => self.compare_floats(FloatCC::GreaterThan),
            O::F32Le | O::F64Le => self.compare_floats(FloatCC::LessThanOrEqual),
            O::F32Ge | O::F64Ge => self.compare_floats(FloatCC::GreaterThanOrEqual),
            O::F32Abs | O::F64Abs => unary!(self, fabs),
            O::F32Neg | O::F64Neg => unary!(self, fneg),
            O::F32Ceil | O::F64Ceil => unary!(self, ceil),
            O::F32Floor | O::F64Floor => unary!(self, floor),
            O::F32Trunc | O::F64Trunc => unary!(self, trunc),
            O::F32Nearest | O::F64Nearest => unary!(self, nearest),
            O::F32Sqrt | O::F64Sqrt => unary!(self, sqrt),
            O::F32Add | O::F64Add => binary!(self, fadd),
            O::F32Sub | O::F64Sub => binary!(self, fsub),
            O::F32Mul | O::F64Mul => binary!(self, fmul),
            O::F32Div | O::F64Div => binary!(self, fdiv),
            O::F32Min | O::F64Min => binary!(self, fmin),
            O::F32Max | O::F64Max => binary!(self, fmax),
            O::F32Copysign | O::F64Copysign => binary!(self, fcopysign),
            _ => return false,
        }
        true
    }

    /// Translates a conversion between scalars; false if `op` is none.
    pub fn conversion(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        use types::{F32, F64, I32, I64};
        match op {
            O::I32WrapI64 => unary!(self, ireduce, I32),
            O::I64ExtendI32S => unary!(self, sextend, I64),
            O::I64ExtendI32U => unary!(self, uextend, I64),
            O::I32TruncF32S | O::I32TruncF64S => unary!(self, fcvt_to_sint, I32),
            O::I32TruncF32U | O::I32TruncF64U => unary!(self, fcvt_to_uint, I32),
            O::I64TruncF32S | O::I64TruncF64S => unary!(self, fcvt_to_sint, I64),
            O::I64TruncF32U | O::I64TruncF64U => unary!(self, fcvt_to_uint, I64),
            O::I32TruncSatF32S | O::I32TruncSatF64S => unary!(self, fcvt_to_sint_sat, I32),
            O::I32TruncSatF32U | O::I32TruncSatF64U => unary!(self, fcvt_to_uint_sat, I32),
            O::I64TruncSatF32S | O::I64TruncSatF64S => unary!(self, fcvt_to_sint_sat, I64),
            O::I64TruncSatF32U | O::I64TruncSatF64U => unary!(self, fcvt_to_uint_sat, I64),
            O::F32ConvertI32S | O::F32ConvertI64S => unary!(self, fcvt_from_sint, F32),
            O::F32ConvertI32U | O::F32ConvertI64U => unary!(self, fcvt_from_uint, F32),
            O::F64ConvertI32S | O::F64ConvertI64S => unary!(self, fcvt_from_sint, F64),
            O::F64ConvertI32U | O::F64ConvertI64U => unary!(self, fcvt_from_uint, F64),
            O::F32DemoteF64 => unary!(self, fdemote, F32),
            O::F64PromoteF32 => unary!(self, fpromote, F64),
            O::I32ReinterpretF32 => unary!(self, bitcast, I32, MemFlagsData::new()),
            O::I64ReinterpretF64 => unary!(self, bitcast, I64, MemFlagsData::new()),
            O::F32ReinterpretI32 => unary!(self, bitcast, F32, MemFlagsData::new()),
            O::F64ReinterpretI64 => unary!(self, bitcast, F64, MemFlagsData::new()),
            _ => return false,
        }
        true
    }

    /// Pushes the outcome of a comparison as an `i32`.
    pub fn push_bool(&mut self, value: Value) {
        let value = self.b.ins().uextend(types::I32, value);
        self.push(value);
    }

    /// Pops a number of 128 bits, its low half below its high one.
    fn pop_wide(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.b.ins().iconcat(low, high)
    }

    fn compare(&mut self, condition: IntCC) {
        let (left, right) = self.pop2();
        let value = self.b.ins().icmp(condition, left, right);
        self.push_bool(value);
    }

    fn compare_floats(&mut self, condition: FloatCC) {
        let (left, right) = self.pop2();
        let value = self.b.ins().fcmp(condition, left, right);
        self.push_bool(value);
    }

    fn sign_extend(&mut self, from: Type, to: Type) {
        let value = self.pop();
        let value = self.b.ins().ireduce(from, value);
        let value = self.b.ins().sextend(to, value);
        self.push(value);
    }
}
