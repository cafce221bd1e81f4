//! Operators → CLIF: the table of all, and a file for each family.

mod atomic;
mod bulk;
mod bulk_inline;
mod call;
mod control;
mod exception;
mod global;
mod locals;
mod memory;
mod numeric;
mod simd;
mod table;

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Opcode, types};
use types::{F32, F64, I8, I16, I32, I64};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::trap::TrapCode;

use crate::code::Target;
use crate::operator::Operator;
use crate::translate::body::{Body, clif_trap};

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
    /// Translates an operator; false if it is refused. The match has an arm for
    /// each operator, and none for all others: a new one is for somebody to decide
    /// on.
    pub fn operator(&mut self, op: &Operator<'_>) -> bool {
        use Operator as O;
        if !self.reachable {
            self.unreachable_operator(op);
            return true;
        }
        match *op {
            // Control.
            O::Unreachable => {
                self.b.ins().trap(clif_trap(TrapCode::Unreachable));
                self.reachable = false;
            }
            O::Nop => {}
            O::Block { blockty } => self.block(blockty),
            O::Loop { blockty } => self.loop_(blockty),
            O::If { blockty } => self.if_(blockty),
            O::Else => self.else_(),
            O::End => self.end(),
            O::Br { relative_depth } => self.br(relative_depth),
            O::BrIf { relative_depth } => self.br_if(relative_depth),
            O::BrTable { ref targets } => self.br_table(targets),
            O::Return => self.return_(),
            O::Call { function_index } => self.call(function_index),
            O::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index),
            O::ReturnCall { function_index } => self.return_call(function_index),
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(type_index, table_index),
            O::CallRef { type_index } => self.call_ref(type_index),
            O::ReturnCallRef { type_index } => self.return_call_ref(type_index),
            O::BrOnNull { relative_depth } => self.br_on_null(relative_depth),
            O::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth),
            O::Drop => {
                self.pop();
            }
            O::Select | O::TypedSelect { .. } => {
                let (first, second, condition) = self.pop3();
                let value = self.b.ins().select(condition, first, second);
                self.push(value);
            }
            // Exceptions, of both encodings.
            O::TryTable { ref try_table } => self.try_table(try_table),
            O::Throw { tag_index } => self.throw(tag_index),
            O::ThrowRef => {
                let exception = self.pop();
                self.trap_unless(exception, TrapCode::NullExceptionReference);
                self.raise(exception);
            }
            O::Try { blockty } => self.try_(blockty),
            O::Catch { tag_index } => self.catch(Some(tag_index)),
            O::CatchAll => self.catch(None),
            O::Delegate { .. } => self.end(),
            O::Rethrow { relative_depth } => {
                let at = self.frames.len() - 1 - relative_depth as usize;
                let caught = self.frames[at].guard.as_ref().and_then(|g| g.caught);
                self.raise(caught.expect("validated rethrow"));
            }
            // Locals and globals.
            O::LocalGet { local_index } => {
                let value = self.read_local(self.local(local_index));
                self.push(value);
            }
            O::LocalSet { local_index } => {
                let value = self.pop();
                self.write_local(self.local(local_index), value);
            }
            O::LocalTee { local_index } => {
                let value = self.pop();
                self.write_local(self.local(local_index), value);
                self.push(value);
            }
            O::GlobalGet { global_index } => {
                let value = self.global_get(global_index);
                self.push(value);
            }
            O::GlobalSet { global_index } => return self.global_set(global_index),
            // Loads and stores.
            O::I32Load { memarg } => self.load(memarg, I32),
            O::I64Load { memarg } => self.load(memarg, I64),
            O::F32Load { memarg } => self.load(memarg, F32),
            O::F64Load { memarg } => self.load(memarg, F64),
            O::I32Load8S { memarg } => self.load_signed(memarg, I8, I32),
            O::I32Load8U { memarg } => self.load_unsigned(memarg, I8, I32),
            O::I32Load16S { memarg } => self.load_signed(memarg, I16, I32),
            O::I32Load16U { memarg } => self.load_unsigned(memarg, I16, I32),
            O::I64Load8S { memarg } => self.load_signed(memarg, I8, I64),
            O::I64Load8U { memarg } => self.load_unsigned(memarg, I8, I64),
            O::I64Load16S { memarg } => self.load_signed(memarg, I16, I64),
            O::I64Load16U { memarg } => self.load_unsigned(memarg, I16, I64),
            O::I64Load32S { memarg } => self.load_signed(memarg, I32, I64),
            O::I64Load32U { memarg } => self.load_unsigned(memarg, I32, I64),
            O::I32Store { memarg } | O::F32Store { memarg } => {
                self.store(memarg, I32);
            }
            O::I64Store { memarg } | O::F64Store { memarg } => {
                self.store(memarg, I64);
            }
            O::I32Store8 { memarg } | O::I64Store8 { memarg } => {
                self.store_low(memarg, I8);
            }
            O::I32Store16 { memarg } | O::I64Store16 { memarg } => {
                self.store_low(memarg, I16);
            }
            O::I64Store32 { memarg } => self.store_low(memarg, I32),
            // Constants.
            O::I32Const { value } => self.i32_constant(value),
            O::I64Const { value } => self.i64_constant(value),
            O::F32Const { value } => self.f32_constant(value.bits()),
            O::F64Const { value } => self.f64_constant(value.bits()),
            // Integers.
            O::I32Eqz | O::I64Eqz => self.is_zero(),
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
            O::I32Extend8S => self.sign_extend(I8, I32),
            O::I32Extend16S => self.sign_extend(I16, I32),
            O::I64Extend8S => self.sign_extend(I8, I64),
            O::I64Extend16S => self.sign_extend(I16, I64),
            O::I64Extend32S => self.sign_extend(I32, I64),
            O::I64Add128 => self.wide_sum(Opcode::Iadd),
            O::I64Sub128 => self.wide_sum(Opcode::Isub),
            O::I64MulWideS => self.wide_product(Opcode::Smulhi),
            O::I64MulWideU => self.wide_product(Opcode::Umulhi),
            // Floating point.
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
            // Conversions.
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
            // Memories.
            O::MemorySize { mem } => self.memory_size(mem),
            O::MemoryGrow { mem } => self.memory_grow(mem),
            O::MemoryFill { mem } => self.memory_fill(mem),
            O::MemoryCopy { dst_mem, src_mem } => self.memory_copy(dst_mem, src_mem),
            O::MemoryInit { data_index, mem } => {
                let (dst, src, len) = self.pop3();
                self.memory_init(data_index, mem, dst, src, len);
            }
            O::DataDrop { data_index } => self.data_drop(data_index),
            // Atomic accesses.
            O::AtomicFence { .. } => {
                self.b.ins().fence();
            }
            O::MemoryAtomicNotify { memarg } => self.notify(memarg),
            O::MemoryAtomicWait32 { memarg } => self.wait(memarg, I32),
            O::MemoryAtomicWait64 { memarg } => self.wait(memarg, I64),
            O::I32AtomicLoad { memarg } => self.atomic_load(memarg, I32, I32),
            O::I64AtomicLoad { memarg } => self.atomic_load(memarg, I64, I64),
            O::I32AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I32),
            O::I32AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I32),
            O::I64AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I64),
            O::I64AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I64),
            O::I64AtomicLoad32U { memarg } => self.atomic_load(memarg, I32, I64),
            O::I32AtomicStore { memarg } => self.atomic_store(memarg, I32),
            O::I64AtomicStore { memarg } => self.atomic_store(memarg, I64),
            O::I32AtomicStore8 { memarg } | O::I64AtomicStore8 { memarg } => {
                self.atomic_store(memarg, I8);
            }
            O::I32AtomicStore16 { memarg } | O::I64AtomicStore16 { memarg } => {
                self.atomic_store(memarg, I16);
            }
            O::I64AtomicStore32 { memarg } => self.atomic_store(memarg, I32),
            O::I32AtomicRmwCmpxchg { memarg } => self.compare_exchange(memarg, I32),
            O::I64AtomicRmwCmpxchg { memarg } => self.compare_exchange(memarg, I64),
            O::I32AtomicRmw8CmpxchgU { memarg } | O::I64AtomicRmw8CmpxchgU { memarg } => {
                self.compare_exchange(memarg, I8);
            }
            O::I32AtomicRmw16CmpxchgU { memarg } | O::I64AtomicRmw16CmpxchgU { memarg } => {
                self.compare_exchange(memarg, I16);
            }
            O::I64AtomicRmw32CmpxchgU { memarg } => self.compare_exchange(memarg, I32),
            O::I32AtomicRmwAdd { memarg } => self.exchange(memarg, AtomicRmwOp::Add, I32),
            O::I64AtomicRmwAdd { memarg } => self.exchange(memarg, AtomicRmwOp::Add, I64),
            O::I32AtomicRmw8AddU { memarg } | O::I64AtomicRmw8AddU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Add, I8)
            }
            O::I32AtomicRmw16AddU { memarg } | O::I64AtomicRmw16AddU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Add, I16)
            }
            O::I64AtomicRmw32AddU { memarg } => self.exchange(memarg, AtomicRmwOp::Add, I32),
            O::I32AtomicRmwSub { memarg } => self.exchange(memarg, AtomicRmwOp::Sub, I32),
            O::I64AtomicRmwSub { memarg } => self.exchange(memarg, AtomicRmwOp::Sub, I64),
            O::I32AtomicRmw8SubU { memarg } | O::I64AtomicRmw8SubU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Sub, I8)
            }
            O::I32AtomicRmw16SubU { memarg } | O::I64AtomicRmw16SubU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Sub, I16)
            }
            O::I64AtomicRmw32SubU { memarg } => self.exchange(memarg, AtomicRmwOp::Sub, I32),
            O::I32AtomicRmwAnd { memarg } => self.exchange(memarg, AtomicRmwOp::And, I32),
            O::I64AtomicRmwAnd { memarg } => self.exchange(memarg, AtomicRmwOp::And, I64),
            O::I32AtomicRmw8AndU { memarg } | O::I64AtomicRmw8AndU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::And, I8)
            }
            O::I32AtomicRmw16AndU { memarg } | O::I64AtomicRmw16AndU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::And, I16)
            }
            O::I64AtomicRmw32AndU { memarg } => self.exchange(memarg, AtomicRmwOp::And, I32),
            O::I32AtomicRmwOr { memarg } => self.exchange(memarg, AtomicRmwOp::Or, I32),
            O::I64AtomicRmwOr { memarg } => self.exchange(memarg, AtomicRmwOp::Or, I64),
            O::I32AtomicRmw8OrU { memarg } | O::I64AtomicRmw8OrU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Or, I8)
            }
            O::I32AtomicRmw16OrU { memarg } | O::I64AtomicRmw16OrU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Or, I16)
            }
            O::I64AtomicRmw32OrU { memarg } => self.exchange(memarg, AtomicRmwOp::Or, I32),
            O::I32AtomicRmwXor { memarg } => self.exchange(memarg, AtomicRmwOp::Xor, I32),
            O::I64AtomicRmwXor { memarg } => self.exchange(memarg, AtomicRmwOp::Xor, I64),
            O::I32AtomicRmw8XorU { memarg } | O::I64AtomicRmw8XorU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Xor, I8)
            }
            O::I32AtomicRmw16XorU { memarg } | O::I64AtomicRmw16XorU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Xor, I16)
            }
            O::I64AtomicRmw32XorU { memarg } => self.exchange(memarg, AtomicRmwOp::Xor, I32),
            O::I32AtomicRmwXchg { memarg } => self.exchange(memarg, AtomicRmwOp::Xchg, I32),
            O::I64AtomicRmwXchg { memarg } => self.exchange(memarg, AtomicRmwOp::Xchg, I64),
            O::I32AtomicRmw8XchgU { memarg } | O::I64AtomicRmw8XchgU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Xchg, I8)
            }
            O::I32AtomicRmw16XchgU { memarg } | O::I64AtomicRmw16XchgU { memarg } => {
                self.exchange(memarg, AtomicRmwOp::Xchg, I16)
            }
            O::I64AtomicRmw32XchgU { memarg } => self.exchange(memarg, AtomicRmwOp::Xchg, I32),
            // References and tables.
            O::RefNull { .. } => {
                let null = self.i64(0);
                self.push(null);
            }
            O::RefIsNull => {
                let value = self.pop();
                let null = self.b.ins().icmp_imm_u(IntCC::Equal, value, 0);
                let null = self.b.ins().uextend(types::I32, null);
                self.push(null);
            }
            O::RefAsNonNull => {
                let value = self.pop();
                self.trap_unless(value, TrapCode::NullReference);
                self.push(value);
            }
            O::RefFunc { function_index } => {
                let record = self.symbol(Target::Funcref(function_index));
                self.push(record);
            }
            O::TableGet { table } => self.table_get(table),
            O::TableSet { table } => self.table_set(table),
            O::TableSize { table } => {
                let len = self.table_len(table);
                self.push_index(self.table_index(table), len);
            }
            O::TableGrow { table } => {
                let (value, delta) = self.pop2();
                let (base, desc) = self.table_args(table);
                let delta = self.widen(delta);
                let old = self.builtin(Builtin::TableGrow, &[base, desc, delta, value]);
                let old = old.expect("the runtime function has a result");
                self.push_index(self.table_index(table), old);
            }
            O::TableFill { table } => {
                let (start, value, count) = self.pop3();
                let (start, count) = (self.widen(start), self.widen(count));
                self.table_fill(table, start, value, count);
            }
            O::TableCopy {
                dst_table,
                src_table,
            } => self.table_copy(dst_table, src_table),
            O::TableInit { elem_index, table } => {
                let (dst, src, count) = self.pop3();
                self.table_init(elem_index, table, dst, src, count);
            }
            O::ElemDrop { elem_index } => self.elem_drop(elem_index),
            O::Simd(ref op) => self.simd(op),
            // Refused: the validator accepts none of the proposals that they are of.
            // Garbage collection.
            O::RefEq
            | O::StructNew { .. }
            | O::StructNewDefault { .. }
            | O::StructGet { .. }
            | O::StructGetS { .. }
            | O::StructGetU { .. }
            | O::StructSet { .. }
            | O::ArrayNew { .. }
            | O::ArrayNewDefault { .. }
            | O::ArrayNewFixed { .. }
            | O::ArrayNewData { .. }
            | O::ArrayNewElem { .. }
            | O::ArrayGet { .. }
            | O::ArrayGetS { .. }
            | O::ArrayGetU { .. }
            | O::ArraySet { .. }
            | O::ArrayLen
            | O::ArrayFill { .. }
            | O::ArrayCopy { .. }
            | O::ArrayInitData { .. }
            | O::ArrayInitElem { .. }
            | O::RefTestNonNull { .. }
            | O::RefTestNullable { .. }
            | O::RefCastNonNull { .. }
            | O::RefCastNullable { .. }
            | O::BrOnCast { .. }
            | O::BrOnCastFail { .. }
            | O::AnyConvertExtern
            | O::ExternConvertAny
            | O::RefI31
            | O::I31GetS
            | O::I31GetU => return false,
            // Custom descriptors.
            O::StructNewDesc { .. }
            | O::StructNewDefaultDesc { .. }
            | O::RefGetDesc { .. }
            | O::RefCastDescEqNonNull { .. }
            | O::RefCastDescEqNullable { .. }
            | O::BrOnCastDescEq { .. }
            | O::BrOnCastDescEqFail { .. } => return false,
            // Several values of `select`.
            O::TypedSelectMulti { .. } => return false,
            // Memory control.
            O::MemoryDiscard { .. } => return false,
            // Shared-everything threads.
            O::GlobalAtomicGet { .. }
            | O::GlobalAtomicSet { .. }
            | O::GlobalAtomicRmwAdd { .. }
            | O::GlobalAtomicRmwSub { .. }
            | O::GlobalAtomicRmwAnd { .. }
            | O::GlobalAtomicRmwOr { .. }
            | O::GlobalAtomicRmwXor { .. }
            | O::GlobalAtomicRmwXchg { .. }
            | O::GlobalAtomicRmwCmpxchg { .. }
            | O::TableAtomicGet { .. }
            | O::TableAtomicSet { .. }
            | O::TableAtomicRmwXchg { .. }
            | O::TableAtomicRmwCmpxchg { .. }
            | O::StructAtomicGet { .. }
            | O::StructAtomicGetS { .. }
            | O::StructAtomicGetU { .. }
            | O::StructAtomicSet { .. }
            | O::StructAtomicRmwAdd { .. }
            | O::StructAtomicRmwSub { .. }
            | O::StructAtomicRmwAnd { .. }
            | O::StructAtomicRmwOr { .. }
            | O::StructAtomicRmwXor { .. }
            | O::StructAtomicRmwXchg { .. }
            | O::StructAtomicRmwCmpxchg { .. }
            | O::ArrayAtomicGet { .. }
            | O::ArrayAtomicGetS { .. }
            | O::ArrayAtomicGetU { .. }
            | O::ArrayAtomicSet { .. }
            | O::ArrayAtomicRmwAdd { .. }
            | O::ArrayAtomicRmwSub { .. }
            | O::ArrayAtomicRmwAnd { .. }
            | O::ArrayAtomicRmwOr { .. }
            | O::ArrayAtomicRmwXor { .. }
            | O::ArrayAtomicRmwXchg { .. }
            | O::ArrayAtomicRmwCmpxchg { .. }
            | O::RefI31Shared => return false,
            // Stack switching.
            O::ContNew { .. }
            | O::ContBind { .. }
            | O::Suspend { .. }
            | O::Resume { .. }
            | O::ResumeThrow { .. }
            | O::ResumeThrowRef { .. }
            | O::Switch { .. } => return false,
            // Atomics of acquire and release.
            O::Pause => return false,
        }
        true
    }
}
