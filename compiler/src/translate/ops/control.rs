//! Structured control: blocks, branches, calls, `select`.
//!
//! Code that cannot be reached is not translated; only its frames are counted,
//! so that the matching `end` is found.

use std::collections::BTreeMap;

use cranelift_codegen::ir::{Block, BlockCall, InstBuilder, JumpTableData, Value};
use wasmaot_abi::types::ValType;
use wasmparser::{BlockType, BrTable};

use crate::operator::{FrameStep, Operator};
use crate::translate::body::{AtHand, Body, args};
use crate::translate::env::clif_type;
use crate::translate::frame::{Alternative, Frame, FrameKind};

impl<'f> Body<'f, '_> {
    /// Follows the frames of code that cannot be reached.
    pub fn unreachable_operator(&mut self, op: &Operator<'_>) {
        match *op {
            Operator::Loop { .. } => {
                self.innermost_mut().facts.next_loop();
            }
            Operator::Try { .. } => {
                self.innermost_mut().facts.next_try();
            }
            _ => {}
        }
        match (op.frame_step(), self.skipped) {
            (FrameStep::Stays, _) => {}
            (FrameStep::Opens, _) => self.skipped += 1,
            (FrameStep::Divides, 0) => self.divide(op),
            (FrameStep::Divides, _) => {}
            (FrameStep::Closes, 0) => self.end(),
            (FrameStep::Closes, _) => self.skipped -= 1,
        }
    }

    /// Goes on in the next part of the innermost frame.
    fn divide(&mut self, op: &Operator<'_>) {
        match *op {
            Operator::Catch { tag_index } => self.catch(Some(tag_index)),
            Operator::CatchAll => self.catch(None),
            _ => self.else_(),
        }
    }

    fn block_types(&self, ty: BlockType) -> (&'f [ValType], &'f [ValType]) {
        let single: &'static [ValType] = match ty {
            BlockType::Empty => &[],
            BlockType::FuncType(ty) => {
                let ty = &self.env.module.types[ty as usize];
                return (&ty.params, &ty.results);
            }
            BlockType::Type(wasmparser::ValType::I32) => &[ValType::I32],
            BlockType::Type(wasmparser::ValType::I64) => &[ValType::I64],
            BlockType::Type(wasmparser::ValType::F32) => &[ValType::F32],
            BlockType::Type(wasmparser::ValType::F64) => &[ValType::F64],
            BlockType::Type(wasmparser::ValType::V128) => &[ValType::V128],
            BlockType::Type(wasmparser::ValType::EXTERNREF) => &[ValType::ExternRef],
            BlockType::Type(wasmparser::ValType::Ref(_)) => &[ValType::FuncRef],
        };
        (&[], single)
    }

    fn block_with_params(&mut self, params: &[ValType]) -> Block {
        let block = self.b.create_block();
        for &ty in params {
            self.b.append_block_param(block, clif_type(ty));
        }
        block
    }

    fn push_frame(&mut self, kind: FrameKind, types: (&'f [ValType], &'f [ValType])) {
        let height = self.stack.len() - types.0.len();
        self.frames.push(Frame {
            at_hand: self.at_hand,
            calls: self.calls,
            ..Frame::new(kind, height, types)
        });
    }

    /// Enters the outermost frame of a function.
    pub fn function_frame(&mut self, results: &'f [ValType]) {
        self.push_frame(FrameKind::Block, (&[], results));
    }

    pub fn block(&mut self, ty: BlockType) {
        let types = self.block_types(ty);
        self.push_frame(FrameKind::Block, types);
    }

    pub fn loop_(&mut self, ty: BlockType) {
        let types = self.block_types(ty);
        let head = self.block_with_params(types.0);
        let facts = self.innermost_mut().facts.next_loop();
        if facts.calls {
            self.at_hand = AtHand::default();
        } else if !self.locals_in_frame() {
            // At hand all through the loop; what nothing uses costs nothing.
            self.base();
            if self.env.module.has_shared_memory() {
                self.thread_block();
            }
        }
        let small = facts.small;
        self.innermost_mut().small_loops += usize::from(small);
        self.push_frame(FrameKind::Loop { head, small }, types);
        let height = self.stack.len() - types.0.len();
        let values = args(&self.stack[height..]);
        self.b.ins().jump(head, &values);
        self.continue_at(head, height);
    }

    /// Goes on in a block whose parameters replace the stack above `height`.
    fn continue_at(&mut self, block: Block, height: usize) {
        self.b.switch_to_block(block);
        self.stack.truncate(height);
        self.stack.extend_from_slice(self.b.block_params(block));
    }

    pub fn if_(&mut self, ty: BlockType) {
        let condition = self.pop();
        let types = self.block_types(ty);
        let then = self.b.create_block();
        let block = self.b.create_block();
        match self.hint {
            Some(true) => self.b.set_cold_block(block),
            Some(false) => self.b.set_cold_block(then),
            None => {}
        }
        self.b.ins().brif(condition, then, &[], block, &[]);
        let alternative = Alternative {
            block,
            params: self.stack[self.stack.len() - types.0.len()..].to_vec(),
        };
        self.push_frame(FrameKind::If(alternative), types);
        self.enter_only_child(then);
    }

    /// Goes on in a block that nothing leads to any more but what does now.
    pub fn enter_only_child(&mut self, block: Block) {
        self.b.seal_block(block);
        self.b.switch_to_block(block);
    }

    pub fn else_(&mut self) {
        if self.reachable {
            self.jump_to_end();
        }
        let frame = self.frames.last_mut().expect("validated frames");
        if let FrameKind::If(alternative) = std::mem::replace(&mut frame.kind, FrameKind::Block) {
            self.begin_alternative(alternative);
        }
    }

    fn begin_alternative(&mut self, alternative: Alternative) {
        let frame = self.frames.last().expect("validated frames");
        self.stack.truncate(frame.height);
        self.stack.extend_from_slice(&alternative.params);
        self.at_hand = frame.at_hand;
        self.enter_only_child(alternative.block);
        self.reachable = true;
    }

    pub fn jump_to_end(&mut self) {
        let end = self.label_block(0, true);
        let frame = &self.frames[self.frames.len() - 1];
        let values = args(&self.stack[self.stack.len() - frame.results.len()..]);
        self.b.ins().jump(end, &values);
        self.reachable = false;
    }

    pub fn end(&mut self) {
        self.end_guard();
        let frame = self.frames.last_mut().expect("validated frames");
        match std::mem::replace(&mut frame.kind, FrameKind::Block) {
            // An `if` without `else` hands on its parameters.
            FrameKind::If(alternative) => {
                if self.reachable {
                    self.jump_to_end();
                }
                self.begin_alternative(alternative);
            }
            FrameKind::Loop { head, small } => {
                self.b.seal_block(head);
                self.innermost_mut().small_loops -= usize::from(small);
            }
            FrameKind::Block => {}
        }
        if self.reachable && self.frames.last().is_some_and(|f| f.end.is_some()) {
            self.jump_to_end();
        }
        let frame = self.frames.pop().expect("validated frames");
        match frame.end {
            Some(end) => {
                self.b.seal_block(end);
                self.continue_at(end, frame.height);
                // What was at hand on entry still is, if no way led through a
                // call.
                self.at_hand = match frame.calls == self.calls {
                    true => frame.at_hand,
                    false => AtHand::default(),
                };
                self.reachable = true;
            }
            None if !self.reachable => self.stack.truncate(frame.height),
            None => {}
        }
        if self.frames.is_empty() && self.reachable {
            let results = self.pop_many(frame.results.len());
            self.b.ins().return_(&results);
            self.reachable = false;
        }
    }

    /// The block that a branch goes to; `end`: the frame's end even of a loop.
    pub fn label_block(&mut self, depth: u32, end: bool) -> Block {
        let at = self.frames.len() - 1 - depth as usize;
        let frame = &self.frames[at];
        match (&frame.kind, frame.end) {
            (FrameKind::Loop { head, .. }, _) if !end => *head,
            (_, Some(block)) => block,
            (_, None) => {
                let block = self.block_with_params(frame.results);
                self.frames[at].end = Some(block);
                block
            }
        }
    }

    /// The values that a branch to a label carries: the top of the stack.
    fn label_values(&self, depth: u32) -> Vec<Value> {
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        self.stack[self.stack.len() - frame.label().len()..].to_vec()
    }

    pub fn br(&mut self, depth: u32) {
        let block = self.label_block(depth, false);
        let values = self.label_values(depth);
        self.carried += values.len();
        self.b.ins().jump(block, &args(&values));
        self.reachable = false;
    }

    pub fn br_if(&mut self, depth: u32) {
        let condition = self.pop();
        let block = self.label_block(depth, false);
        let values = self.label_values(depth);
        self.carried += values.len();
        let next = self.b.create_block();
        let values = args(&values);
        match self.hint {
            // Others may come to the label more often.
            Some(false) => {
                let step = self.b.create_block();
                self.b.set_cold_block(step);
                self.b.ins().brif(condition, step, &[], next, &[]);
                self.enter_only_child(step);
                self.b.ins().jump(block, &values);
            }
            hint => {
                if hint.is_some() {
                    self.b.set_cold_block(next);
                }
                self.b.ins().brif(condition, block, &values, next, &[]);
            }
        }
        self.enter_only_child(next);
    }

    pub fn br_on_null(&mut self, depth: u32) {
        let reference = self.pop();
        let block = self.label_block(depth, false);
        let values = args(&self.label_values(depth));
        self.carried += values.len();
        let next = self.b.create_block();
        self.b.ins().brif(reference, next, &[], block, &values);
        self.enter_only_child(next);
        self.push(reference);
    }

    /// The reference is the last of the values that the branch carries.
    pub fn br_on_non_null(&mut self, depth: u32) {
        let block = self.label_block(depth, false);
        let values = args(&self.label_values(depth));
        self.carried += values.len();
        let reference = self.pop();
        let next = self.b.create_block();
        self.b.ins().brif(reference, block, &values, next, &[]);
        self.enter_only_child(next);
    }

    pub fn br_table(&mut self, table: &BrTable<'_>) {
        let index = self.pop();
        // The offsets were read once already, by the validator.
        let depths: Vec<u32> = table.targets().map_while(Result::ok).collect();
        let values = self.label_values(table.default());
        let mut steps = BTreeMap::new();
        let mut call = |body: &mut Self, depth: u32| {
            let block = *steps
                .entry(depth)
                .or_insert_with(|| match values.is_empty() {
                    true => body.label_block(depth, false),
                    false => body.b.create_block(),
                });
            BlockCall::new(block, [], &mut body.b.func.dfg.value_lists)
        };
        let default = call(self, table.default());
        let calls: Vec<BlockCall> = depths.iter().map(|&depth| call(self, depth)).collect();
        let table = self
            .b
            .create_jump_table(JumpTableData::new(default, &calls));
        self.b.ins().br_table(index, table);
        self.reachable = false;
        if values.is_empty() {
            return;
        }
        // Jump tables carry no values: a block in between does.
        for (depth, step) in steps {
            self.enter_only_child(step);
            let block = self.label_block(depth, false);
            self.carried += values.len();
            self.b.ins().jump(block, &args(&values));
        }
    }

    /// Whether what is called here counts as called in a small loop.
    pub fn is_looping(&self) -> bool {
        let function = self.innermost();
        self.env.plan.is_looping(function.number) || function.small_loops > 0
    }

    /// Returns from the innermost function: where that is inlined, to the end
    /// of its outermost frame.
    pub fn return_(&mut self) {
        let frame = self.innermost().frame;
        if frame > 0 {
            self.br((self.frames.len() - 1 - frame) as u32);
            return;
        }
        let count = self.frames[0].results.len();
        let results = self.pop_many(count);
        self.b.ins().return_(&results);
        self.reachable = false;
    }
}
