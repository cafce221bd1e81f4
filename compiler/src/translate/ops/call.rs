//! Calls: direct, through a table, and in tail position.

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, SigRef, Value, condcodes::IntCC, types};
use wasmaot_abi::context::{self, funcref, offset, table_desc};
use wasmaot_abi::trap::TrapCode;

use crate::code::Target;
use crate::options::Calls;
use crate::translate::body::{Body, Callee, clif_trap};

/// Where a table's entry is: `address + displacement`.
#[derive(Clone, Copy)]
pub(in crate::translate) struct Entry {
    pub address: Value,
    pub displacement: i32,
    pub flags: MemFlagsData,
}

/// Displacement of entry 0 of the primary table from the pinned register.
const PRIMARY: i32 = -(context::CONTEXT_SIZE as i32) - context::TABLE_ENTRY_SIZE as i32;
/// Displacement of entry 0 of a table from the base in its descriptor.
const DESCRIBED: i32 = -(context::TABLE_ENTRY_SIZE as i32);

impl Body<'_, '_> {
    /// `call`.
    pub fn call(&mut self, func: u32) {
        let func = self.in_module(func);
        let callee = self.env.module.callee(func);
        // One in another might lead back to where it began.
        let cross_module = self.cross_module_depth == 0;
        let innermost = self.innermost();
        let caller = innermost.cross_module.is_none().then_some(innermost.number);
        let looping = self.is_looping();
        if let Some(body) = self.env.inlined(callee, caller, cross_module, looping) {
            let args = self.pop_many(self.env.module.func_type(func).params.len());
            self.inlined = Some((body, args));
            return;
        }
        let (callee, args) = self.named_callee(callee);
        self.make_call(callee, &args);
    }

    /// `return_call`.
    pub fn return_call(&mut self, func: u32) {
        let (callee, args) = self.named_callee(self.env.module.callee(func));
        self.tail_call(callee, &args);
    }

    /// A function, by the way to call it, and its arguments, popped.
    fn named_callee(&mut self, func: u32) -> (Callee, Vec<Value>) {
        let env = self.env;
        let ty = env.module.funcs[func as usize].ty;
        let count = env.module.func_type(func).params.len();
        match env.calls {
            Calls::Got if func < env.imported => {
                let code = self.symbol(Target::FuncAddress(func));
                (Callee::Code(self.signature(ty), code), self.pop_many(count))
            }
            Calls::Table if func < env.imported && env.module.shares_table() => {
                let index = self.symbol(Target::FuncIndex(func));
                let index = self.b.ins().ireduce(types::I32, index);
                self.push(index);
                let (signature, code, args) = self.indirect_callee(ty, 0);
                (Callee::Code(signature, code), args)
            }
            _ => (Callee::Function(self.function(func)), self.pop_many(count)),
        }
    }

    /// `call_indirect`.
    pub fn call_indirect(&mut self, ty: u32, table: u32) {
        let (signature, code, args) = self.indirect_callee(ty, table);
        self.make_call(Callee::Code(signature, code), &args);
    }

    /// `return_call_indirect`.
    pub fn return_call_indirect(&mut self, ty: u32, table: u32) {
        let (signature, code, args) = self.indirect_callee(ty, table);
        self.tail_call(Callee::Code(signature, code), &args);
    }

    /// `call_ref`.
    pub fn call_ref(&mut self, ty: u32) {
        let (signature, code, args) = self.referenced_callee(ty);
        self.make_call(Callee::Code(signature, code), &args);
    }

    /// `return_call_ref`.
    pub fn return_call_ref(&mut self, ty: u32) {
        let (signature, code, args) = self.referenced_callee(ty);
        self.tail_call(Callee::Code(signature, code), &args);
    }

    /// Calls in tail position. What is inlined has no frame to give up.
    fn tail_call(&mut self, callee: Callee, args: &[Value]) {
        if self.innermost().frame > 0 {
            self.set_caller_location();
            self.call_and_return(callee, args);
            return;
        }
        match callee {
            Callee::Function(func) => self.b.ins().return_call(func, args),
            Callee::Code(signature, code) => {
                self.b.ins().return_call_indirect(signature, code, args)
            }
        };
        self.reachable = false;
    }

    /// Pops a reference and arguments; the address of the code. A null
    /// reference faults. That the function is of the type is known; but where
    /// something has gone wrong with references it ends here, for a compare
    /// and a branch.
    fn referenced_callee(&mut self, ty: u32) -> (SigRef, Value, Vec<Value>) {
        let reference = self.pop();
        let args = self.pop_many(self.env.module.types[ty as usize].params.len());
        let id = i64::from(self.env.type_ids[ty as usize]);
        let flags = self.flags.callee;
        let at = funcref::TYPE_ID;
        let found = self.b.ins().load(types::I32, flags, reference, at);
        let wrong = self.b.ins().icmp_imm_u(IntCC::NotEqual, found, id);
        self.trap_if(wrong, TrapCode::IndirectCallTypeMismatch);
        let at = funcref::CODE;
        let code = self.b.ins().load(types::I64, flags, reference, at);
        (self.signature(ty), code, args)
    }

    /// Pops index and arguments; the address of checked code.
    fn indirect_callee(&mut self, ty: u32, table: u32) -> (SigRef, Value, Vec<Value>) {
        let index = self.pop();
        let args = self.pop_many(self.env.module.types[ty as usize].params.len());
        let entry = if self.is_primary(table) {
            // No check: where the table has no such entry, its type is that
            // of no function, or the access faults.
            let mut entry = self.entry(table, index);
            entry.flags = self.flags.probe;
            entry
        } else {
            self.checked_entry(table, index, TrapCode::UndefinedElement)
        };
        let entry = if self.env.module.has_shared_memory() {
            self.original(entry)
        } else {
            entry
        };
        self.check_type(ty, table, index, entry);
        let code = self.b.ins().load(
            types::I64,
            entry.flags.with_notrap(),
            entry.address,
            entry.displacement + funcref::CODE,
        );
        (self.signature(ty), code, args)
    }

    /// The record that an entry is a copy of, by one access to the entry: while it
    /// is read, another thread may write it, and the type of one function with the
    /// code of another would be a way around the check. Records do not change. That
    /// of an empty entry reads as zeros.
    fn original(&mut self, entry: Entry) -> Entry {
        let (_, address) = self.original_address(entry);
        Entry {
            address,
            displacement: 0,
            flags: self.flags.record,
        }
    }

    /// The offset of the record that an entry is a copy of, 0 for an empty entry,
    /// and its address.
    pub fn original_address(&mut self, entry: Entry) -> (Value, Value) {
        let at = entry.displacement + funcref::RECORD;
        let record = self.b.ins().uload32(entry.flags, entry.address, at);
        let code_base = self.context(self.flags.constant, offset::CODE_BASE);
        (record, self.b.ins().iadd(code_base, record))
    }

    /// Compares the entry's type; what is wrong is found out off the hot path.
    ///
    /// A barrier against speculation would restrain nothing here: the processor
    /// predicts the target of an indirect call whatever was loaded, and the
    /// type and the address are read from one record, in one line of the cache,
    /// so that a prediction of either is found wrong at the same time.
    fn check_type(&mut self, ty: u32, table: u32, index: Value, entry: Entry) {
        let id = i64::from(self.env.type_ids[ty as usize]);
        let at = entry.displacement + funcref::TYPE_ID;
        let found = self
            .b
            .ins()
            .load(types::I32, entry.flags, entry.address, at);
        let wrong = self.b.ins().icmp_imm_u(IntCC::NotEqual, found, id);
        let cold = self.b.create_block();
        let next = self.b.create_block();
        self.b.set_cold_block(cold);
        self.b.ins().brif(wrong, cold, &[], next, &[]);

        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        if self.is_primary(table) {
            let at_hand = std::mem::take(&mut self.at_hand);
            // The base is read anew and the index compared as it is: values
            // of the hot path used here would have to be kept there.
            let len = self.table_len(table);
            let len = self.b.ins().ireduce(types::I32, len);
            let outside = IntCC::UnsignedGreaterThanOrEqual;
            let outside = self.b.ins().icmp(outside, index, len);
            self.trap_if(outside, TrapCode::UndefinedElement);
            self.at_hand = at_hand;
        }
        self.trap_unless(found, TrapCode::UninitializedElement);
        self.b
            .ins()
            .trap(clif_trap(TrapCode::IndirectCallTypeMismatch));

        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }

    pub fn is_primary(&self, table: u32) -> bool {
        self.env.module.tables[table as usize].primary
    }

    /// Address of a table's descriptor: symbol or register, and displacement.
    pub fn table_desc(&mut self, table: u32) -> (Value, i32) {
        if self.is_primary(table) {
            (self.base(), offset::TABLE)
        } else {
            (self.symbol(crate::code::Target::Table(table)), 0)
        }
    }

    /// A table's length.
    pub fn table_len(&mut self, table: u32) -> Value {
        let (desc, at) = self.table_desc(table);
        let flags = self.flags.descriptor;
        self.b
            .ins()
            .load(types::I64, flags, desc, at + table_desc::LEN)
    }

    /// Whether an index is past a table's end.
    fn outside(&mut self, table: u32, index: Value) -> Value {
        let len = self.table_len(table);
        let index = self.widen(index);
        self.b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len)
    }

    /// The entry at an index, unchecked.
    fn entry(&mut self, table: u32, index: Value) -> Entry {
        let (base, displacement) = if self.is_primary(table) {
            (self.base(), PRIMARY)
        } else {
            let (desc, at) = self.table_desc(table);
            let flags = self.flags.descriptor;
            let base = self
                .b
                .ins()
                .load(types::I64, flags, desc, at + table_desc::BASE);
            (base, DESCRIBED)
        };
        // A sum, rather than a difference, is an addressing mode.
        let index = self.widen(index);
        let index = self.b.ins().ineg(index);
        let shift = context::TABLE_ENTRY_SIZE.trailing_zeros();
        let below = self.b.ins().ishl_imm_u(index, i64::from(shift));
        Entry {
            address: self.b.ins().iadd(base, below),
            displacement,
            flags: self.flags.entry,
        }
    }

    /// The entry at an index; `code` is the trap of an index past the table's
    /// end.
    ///
    /// The primary table needs no barrier against speculation: room is reserved
    /// for every index, and past the table's end it holds nothing. Of another
    /// table, the entry past the end is at the null address, where the access
    /// faults: no branch is predicted, so nothing is read on a wrong guess.
    pub fn checked_entry(&mut self, table: u32, index: Value, code: TrapCode) -> Entry {
        let outside = self.outside(table, index);
        if self.is_primary(table) {
            self.trap_if(outside, code);
            return self.entry(table, index);
        }
        let entry = self.entry(table, index);
        let displacement = i64::from(entry.displacement);
        let address = self.b.ins().iadd_imm_s(entry.address, displacement);
        Entry {
            address: self.confined(outside, address),
            displacement: 0,
            flags: entry.flags.with_trap_code(Some(clif_trap(code))),
        }
    }
}
