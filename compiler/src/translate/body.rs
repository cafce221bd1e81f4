//! The state of translating one function, and what every family of operators
//! needs: the value stack, the base register, symbols, traps.

use std::collections::HashMap;

use cranelift_codegen::ir::{
    self, AbiParam, AliasRegionData, BlockArg, Endianness, ExtFuncData, ExternalName, Function,
    GlobalValue, Inst, InstBuilder, MemFlagsData, SigRef, Signature, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::trap::TrapCode;
use wasmparser::OperatorsReader;

use super::env::{Env, clif_type};
use super::frame::Frame;
use super::local::{Local, Point, Spare};
use super::origins::Origins;
use super::watch::Watch;
use crate::code::Target;
use crate::pipeline::Pipeline;
use crate::prescan::FunctionFacts;

/// Memory of a translation that the next one reuses.
#[derive(Default)]
pub(super) struct Scratch {
    stack: Vec<Value>,
    locals: Vec<Local>,
    spare: Spare,
    spare_facts: Vec<FunctionFacts>,
    functions: HashMap<Target, ir::FuncRef>,
    symbols: HashMap<Target, GlobalValue>,
    signatures: HashMap<u32, SigRef>,
    addresses: Vec<(Value, Value)>,
    pub thread_blocks: Vec<Inst>,
}

impl Scratch {
    fn clear(&mut self) {
        self.stack.clear();
        self.locals.clear();
        self.spare.clear();
        self.functions.clear();
        self.symbols.clear();
        self.signatures.clear();
        self.addresses.clear();
        self.thread_blocks.clear();
    }
}

/// Flags of each kind of memory access. Kinds of different alias regions never
/// meet at one address, which is what lets a load survive unrelated stores.
pub(super) struct Flags {
    /// Linear memories. All in one region: two of them may be one memory.
    pub memory: MemFlagsData,
    /// Linear memories whose bounds code checks.
    pub confined: MemFlagsData,
    /// The field of the context, or of the thread's block, that is the stack pointer.
    pub stack_pointer: MemFlagsData,
    /// Descriptors, lengths of segments, and the context's other fields.
    pub descriptor: MemFlagsData,
    /// Fields of the context and of descriptors that never change.
    pub constant: MemFlagsData,
    /// Globals.
    pub global: MemFlagsData,
    /// Globals that never change.
    pub constant_global: MemFlagsData,
    /// Entries of tables within their length.
    pub entry: MemFlagsData,
    /// Entries of the primary table at any index: past the mapped part the
    /// access faults.
    pub probe: MemFlagsData,
    /// Records of functions and values of element segments.
    pub record: MemFlagsData,
    /// Records of functions through a reference that may be null.
    pub callee: MemFlagsData,
}

/// What accesses to globals are known by.
pub(crate) const GLOBALS: u32 = 1;
/// What accesses to the stack pointer of linear memory are known by.
pub(crate) const STACK_POINTER: u32 = 4;

impl Flags {
    fn new(func: &mut Function) -> Self {
        let mut region = |user_id, description: &'static str| {
            let description = description.into();
            let data = AliasRegionData {
                user_id,
                description,
            };
            Some(func.dfg.alias_regions.insert(data))
        };
        let little = MemFlagsData::new().with_endianness(Endianness::Little);
        let trusted = little.with_notrap().with_aligned();
        let constant = trusted.with_readonly().with_can_move();
        let entries = region(0, "tables");
        let globals = region(GLOBALS, "globals");
        let descriptors = region(2, "descriptors");
        let records = region(5, "records");
        let memory = little.with_alias_region(region(3, "memory"));
        Self {
            memory,
            confined: memory.with_trap_code(Some(clif_trap(TrapCode::MemoryOutOfBounds))),
            stack_pointer: trusted.with_alias_region(region(STACK_POINTER, "stack pointer")),
            descriptor: trusted.with_alias_region(descriptors),
            constant: constant.with_alias_region(descriptors),
            global: little.with_notrap().with_alias_region(globals),
            constant_global: trusted.with_readonly().with_alias_region(globals),
            entry: trusted.with_alias_region(entries),
            probe: little
                .with_aligned()
                .with_trap_code(Some(clif_trap(TrapCode::UndefinedElement)))
                .with_alias_region(entries),
            record: little.with_notrap().with_alias_region(records),
            callee: little
                .with_aligned()
                .with_trap_code(Some(clif_trap(TrapCode::NullFunctionReference)))
                .with_alias_region(records),
        }
    }
}

pub(super) fn args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().map(|&v| v.into()).collect()
}

/// The trap code by which CLIF knows a trap of ours.
pub(super) fn clif_trap(code: TrapCode) -> ir::TrapCode {
    ir::TrapCode::unwrap_user(code as u8)
}

/// A function in translation.
pub(super) struct OpenFunction<'m> {
    /// Its number.
    pub number: u32,
    pub operators: OperatorsReader<'m>,
    pub facts: FunctionFacts,
    /// Number of its outermost frame.
    pub frame: usize,
    /// Number of its first local in [`Body::locals`].
    pub locals: usize,
    /// Where it is inlined: a number in [`Origins::sites`] and one more; 0 for
    /// the outermost.
    pub site: u32,
    /// Its number, if it is of another module.
    pub cross_module: Option<u32>,
    /// Its open loops in which calls matter.
    pub small_loops: usize,
}

/// What is called.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Function(ir::FuncRef),
    Code(SigRef, Value),
}

/// Addresses that were found and no call came since.
#[derive(Clone, Copy, Default)]
pub(super) struct AtHand {
    /// The value of the pinned register.
    base: Option<Held>,
    /// The address of the thread's block.
    thread_block: Option<Held>,
}

/// A value, and the block where it was found.
type Held = (Value, Option<ir::Block>);

/// One function in translation.
pub(super) struct Body<'f, 'm> {
    pub env: &'f Env<'m>,
    pub pipeline: Pipeline,
    /// Values that it may have, and those that branches and calls carry.
    pub budget: usize,
    pub carried: usize,
    /// Whether the branch that is translated is said to be taken.
    pub hint: Option<bool>,
    pub b: FunctionBuilder<'f>,
    pub flags: Flags,
    /// Values of the operand stack; vectors are `I8X16` here.
    pub stack: &'f mut Vec<Value>,
    pub frames: Vec<Frame<'f>>,
    /// Whether the current point can be reached.
    pub reachable: bool,
    /// Frames entered since it cannot: they are not translated.
    pub skipped: usize,
    /// Functions being translated, the innermost last.
    pub open: Vec<OpenFunction<'m>>,
    /// How many of them are of other modules.
    pub cross_module_depth: usize,
    /// Locals of all of them.
    pub locals: &'f mut Vec<Local>,
    pub spare: &'f mut Spare,
    pub spare_facts: &'f mut Vec<FunctionFacts>,
    pub origins: &'f mut Origins,
    /// What is known of the locals of the outermost function.
    pub watch: &'f mut Watch,
    /// A call just met that is inlined: function and arguments.
    pub inlined: Option<(u32, Vec<Value>)>,
    functions: &'f mut HashMap<Target, ir::FuncRef>,
    symbols: &'f mut HashMap<Target, GlobalValue>,
    signatures: &'f mut HashMap<u32, SigRef>,
    /// The frames that may catch what is thrown here.
    pub guards: Vec<usize>,
    pub at_hand: AtHand,
    /// The instructions that stand for the address of the thread's block.
    thread_blocks: &'f mut Vec<Inst>,
    /// Calls made so far.
    pub calls: usize,
    /// The locals that are in the frame, and their address.
    pub frame_slots: Option<(ir::StackSlot, Value)>,
    /// Addresses computed so far at a point, by their indices.
    pub addresses: (Point, &'f mut Vec<(Value, Value)>),
}

impl<'f, 'm> Body<'f, 'm> {
    /// Starts a function whose signature is set; `origins` of what is inlined.
    pub fn new(
        env: &'f Env<'m>,
        pipeline: Pipeline,
        func: &'f mut Function,
        context: &'f mut FunctionBuilderContext,
        scratch: &'f mut Scratch,
        origins: &'f mut Origins,
        watch: &'f mut Watch,
    ) -> Self {
        scratch.clear();
        origins.clear();
        let flags = Flags::new(func);
        let mut b = FunctionBuilder::new(func, context);
        let entry = b.create_block();
        b.append_block_params_for_function_params(entry);
        b.switch_to_block(entry);
        b.seal_block(entry);
        Self {
            env,
            pipeline,
            budget: pipeline.values().0,
            carried: 0,
            hint: None,
            b,
            flags,
            stack: &mut scratch.stack,
            frames: Vec::new(),
            reachable: true,
            skipped: 0,
            open: Vec::new(),
            cross_module_depth: 0,
            locals: &mut scratch.locals,
            spare: &mut scratch.spare,
            spare_facts: &mut scratch.spare_facts,
            origins,
            watch,
            inlined: None,
            functions: &mut scratch.functions,
            symbols: &mut scratch.symbols,
            signatures: &mut scratch.signatures,
            guards: Vec::new(),
            at_hand: AtHand::default(),
            thread_blocks: &mut scratch.thread_blocks,
            calls: 0,
            frame_slots: None,
            addresses: (Point::default(), &mut scratch.addresses),
        }
    }

    /// The current point.
    pub fn point(&self) -> Point {
        Point {
            block: self.b.current_block(),
            calls: self.calls,
        }
    }

    /// The parameters of the function.
    pub fn params(&self) -> Vec<Value> {
        let entry = self.b.current_block().expect("the entry block");
        self.b.block_params(entry).to_vec()
    }

    /// The value that a local of a type starts with.
    pub fn zero(&mut self, ty: wasmparser::ValType) -> Value {
        match ty {
            wasmparser::ValType::I32 => self.b.ins().iconst(types::I32, 0),
            wasmparser::ValType::F32 => self.b.ins().f32const(0.0),
            wasmparser::ValType::F64 => self.b.ins().f64const(0.0),
            wasmparser::ValType::V128 => self.vector(&[0; 16]),
            // Null references are zero too.
            wasmparser::ValType::I64 | wasmparser::ValType::Ref(_) => self.i64(0),
        }
    }

    /// Whether locals are kept there: code is made fast, not fast code.
    pub fn locals_in_frame(&self) -> bool {
        self.pipeline == Pipeline::SinglePass
    }

    /// Ends the function.
    pub fn finish(self) {
        self.b.finalize(self.env.config);
    }

    pub fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// Pops a value; the validator has counted them.
    pub fn pop(&mut self) -> Value {
        self.stack.pop().expect("validated operand stack")
    }

    /// Pops two values; the one below first.
    pub fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three values, the lowest first.
    pub fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pops `count` values, the lowest first.
    pub fn pop_many(&mut self, count: usize) -> Vec<Value> {
        let at = self.stack.len() - count;
        self.stack.split_off(at)
    }

    pub fn i64(&mut self, value: i64) -> Value {
        self.b.ins().iconst(types::I64, value)
    }

    /// An address, index or count as an `i64`, unsigned.
    pub fn widen(&mut self, value: Value) -> Value {
        if self.b.func.dfg.value_type(value) == types::I64 {
            return value;
        }
        self.b.ins().uextend(types::I64, value)
    }

    /// The address of byte 0 of memory 0.
    ///
    /// Its register cannot be allocated, so every use starts as a copy of it.
    /// The copy is shared between uses with no call in between: across a call
    /// it would cost a register to keep, or a spill.
    ///
    /// Nor is it carried from block to block, where that means by the frame.
    pub fn base(&mut self) -> Value {
        if let Some(base) = self.still_at_hand(self.at_hand.base) {
            return base;
        }
        let base = self.b.ins().get_pinned_reg(types::I64);
        self.at_hand.base = Some((base, self.b.current_block()));
        base
    }

    /// The address of the thread's block, which the thread pointer is, too. It is
    /// shared between uses as the base is.
    pub fn thread_block(&mut self) -> Value {
        if let Some(block) = self.still_at_hand(self.at_hand.thread_block) {
            return block;
        }
        let block = self.b.ins().get_pinned_reg(types::I64);
        let read = self.b.func.dfg.value_def(block).unwrap_inst();
        self.thread_blocks.push(read);
        self.at_hand.thread_block = Some((block, self.b.current_block()));
        block
    }

    /// A value that is at hand, if it is here.
    fn still_at_hand(&self, held: Option<Held>) -> Option<Value> {
        let (value, block) = held?;
        let here = block == self.b.current_block() || !self.locals_in_frame();
        here.then_some(value)
    }

    /// Loads a field of the context.
    pub fn context(&mut self, flags: MemFlagsData, offset: i32) -> Value {
        let base = self.base();
        self.b.ins().load(types::I64, flags, base, offset)
    }

    /// The address (or loader value) that a target stands for.
    pub fn symbol(&mut self, target: Target) -> Value {
        let func = &mut *self.b.func;
        let global = *self
            .symbols
            .entry(target)
            .or_insert_with(|| target.declare(func));
        self.b.ins().symbol_value(types::I64, global)
    }

    /// The signature of a type of the module.
    pub fn signature(&mut self, ty: u32) -> SigRef {
        let (b, env) = (&mut self.b, self.env);
        *self
            .signatures
            .entry(ty)
            .or_insert_with(|| b.import_signature(env.signatures[ty as usize].clone()))
    }

    /// A function of the module, imported ones included.
    pub fn function(&mut self, func: u32) -> ir::FuncRef {
        let target = Target::Func(func);
        if let Some(&known) = self.functions.get(&target) {
            return known;
        }
        let signature = self.signature(self.env.module.funcs[func as usize].ty);
        self.import(target, signature)
    }

    fn import(&mut self, target: Target, signature: SigRef) -> ir::FuncRef {
        let name = self.b.func.declare_imported_user_function(target.to_name());
        let func = self.b.import_function(ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        });
        self.functions.insert(target, func);
        func
    }

    /// A function of the runtime.
    pub fn builtin_function(&mut self, builtin: Builtin) -> ir::FuncRef {
        let target = Target::builtin(builtin);
        if let Some(&known) = self.functions.get(&target) {
            return known;
        }
        let param = |&ty| AbiParam::new(clif_type(ty));
        let signature = self.b.import_signature(Signature {
            params: builtin.params().iter().map(param).collect(),
            returns: builtin.result().iter().map(param).collect(),
            call_conv: CallConv::SystemV,
        });
        self.import(target, signature)
    }

    /// Calls a function of the runtime; its result, if it has one.
    pub fn builtin(&mut self, builtin: Builtin, args: &[Value]) -> Option<Value> {
        let func = self.builtin_function(builtin);
        let call = self.b.ins().call(func, args);
        self.called();
        self.b.inst_results(call).first().copied()
    }

    /// Takes note of a call just made.
    pub fn called(&mut self) {
        self.at_hand = AtHand::default();
        self.calls += 1;
    }

    pub fn trap_if(&mut self, condition: Value, code: TrapCode) {
        self.b.ins().trapnz(condition, clif_trap(code));
    }

    pub fn trap_unless(&mut self, condition: Value, code: TrapCode) {
        self.b.ins().trapz(condition, clif_trap(code));
    }
}
