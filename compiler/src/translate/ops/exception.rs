//! Exceptions: `throw` and its kin, `try` in both encodings, and the calls in it.
//!
//! A call inside a `try` ends its block: it goes on in one block if it returns,
//! and in a *landing* of the clause that takes the exception if it throws. On
//! the way to a landing every register is lost; one then holds the exception.
//! What is not in a `try` is called as if there were no exceptions.
//!
//! A call has a few handlers at most, however many are open around it: the last
//! of them is then a *relay*, which takes every exception and throws it again,
//! as of a call further outside. So code and tables grow with the number of
//! calls and handlers, and not with their product.

use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, Value, types,
};
use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::exception;
use wasmaot_abi::trap::TrapCode;
use wasmparser::{BlockType, Catch, TryTable};

use crate::code::{Target, TryHandler};
use crate::limits::HANDLERS;
use crate::translate::body::{AtHand, Body, Callee, args, clif_trap};
use crate::translate::env::clif_type;
use crate::translate::frame::{Clause, ClauseGroup, GROUP, GroupPosition, Guard, Handler};

impl Body<'_, '_> {
    pub fn try_table(&mut self, table: &TryTable) {
        let clause = |catch: &Catch| {
            let (tag, keeps, label) = match *catch {
                Catch::One { tag, label } => (Some(tag), false, label),
                Catch::OneRef { tag, label } => (Some(tag), true, label),
                Catch::All { label } => (None, false, label),
                Catch::AllRef { label } => (None, true, label),
            };
            Clause {
                tag,
                keeps,
                label,
                landing: None,
            }
        };
        let clauses = table.catches.iter().map(clause).collect();
        self.block(table.ty);
        self.guard(clauses, None);
    }

    pub fn try_(&mut self, ty: BlockType) {
        let found = self.innermost_mut().facts.next_try();
        let clause = |(tag, keeps)| Clause {
            tag,
            keeps,
            label: 0,
            landing: None,
        };
        let clauses = found.catches.into_iter().map(clause).collect();
        self.block(ty);
        self.guard(clauses, found.delegate);
    }

    /// Makes the innermost frame one that catches.
    fn guard(&mut self, clauses: Vec<Clause>, delegate: Option<u32>) {
        self.guards.push(self.frames.len() - 1);
        let groups = clauses.len().div_ceil(GROUP).max(1);
        let frame = self.frames.last_mut().expect("a frame just entered");
        frame.guard = Some(Guard {
            clauses,
            delegate,
            active: true,
            next: 0,
            caught: None,
            groups: vec![ClauseGroup::default(); groups],
        });
    }

    /// The innermost frame's guard.
    fn innermost_guard(&mut self) -> Option<&mut Guard> {
        self.frames.last_mut()?.guard.as_mut()
    }

    /// Leaves the guarded part of the innermost frame; makes its relays.
    fn lift(&mut self) {
        let active = |guard: &mut Guard| std::mem::take(&mut guard.active);
        if !self.innermost_guard().is_some_and(active) {
            return;
        }
        self.guards.pop();
        let frame = self.frames.len() - 1;
        // One may need the next.
        for group in 0..self.guard_at(frame).groups.len() {
            let Some(relay) = self.guard_at(frame).groups[group].relay else {
                continue;
            };
            if self.reachable {
                self.jump_to_end();
            }
            let exception = self.land(relay);
            let handlers = self.handlers(Some(GroupPosition { frame, group }));
            self.raise_to(handlers, exception);
        }
    }

    /// Before the end of a frame: if it is a `try_table`, goes from its
    /// landings to where its clauses say.
    pub fn end_guard(&mut self) {
        self.lift();
        let Some(guard) = self.innermost_guard() else {
            return;
        };
        let legacy = guard.next > 0;
        let clauses = std::mem::take(&mut guard.clauses);
        if legacy || clauses.iter().all(|c| c.landing.is_none()) {
            return;
        }
        if self.reachable {
            self.jump_to_end();
        }
        for clause in clauses {
            let Some(landing) = clause.landing else {
                continue;
            };
            let exception = self.land(landing);
            let mut values = self.payload(clause.tag, exception);
            if clause.keeps {
                values.push(exception);
            }
            // The label counts from outside the frame.
            let target = self.label_block(clause.label + 1, false);
            self.b.ins().jump(target, &args(&values));
        }
    }

    /// `catch` and `catch_all` of the older encoding.
    pub fn catch(&mut self, tag: Option<u32>) {
        if self.reachable {
            self.jump_to_end();
        }
        self.lift();
        let frame = self.frames.last_mut().expect("validated frames");
        let height = frame.height;
        let landing = frame.guard.as_mut().and_then(|guard| {
            guard.next += 1;
            guard.caught = None;
            guard.clauses.get(guard.next - 1)?.landing
        });
        self.stack.truncate(height);
        // Where nothing in the body throws, nothing leads here.
        if let Some(landing) = landing {
            let exception = self.land(landing);
            let values = self.payload(tag, exception);
            self.stack.extend(values);
            if let Some(guard) = self.innermost_guard() {
                guard.caught = Some(exception);
            }
            self.reachable = true;
        }
    }

    /// Goes on in a landing; the exception.
    fn land(&mut self, landing: Block) -> Value {
        self.enter_only_child(landing);
        self.at_hand = AtHand::default();
        self.b.block_params(landing)[0]
    }

    /// An exception's values.
    fn payload(&mut self, tag: Option<u32>, exception: Value) -> Vec<Value> {
        let Some(tag) = tag else {
            return Vec::new();
        };
        let env = self.env;
        let params = &env.module.tag_type(tag).params;
        let (offsets, _) = exception::layout(params);
        let values = params.iter().zip(offsets).map(|(&ty, at)| {
            let flags = self.flags.record;
            self.b
                .ins()
                .load(clif_type(ty), flags, exception, at as i32)
        });
        values.collect()
    }

    pub fn throw(&mut self, tag: u32) {
        let env = self.env;
        let params = &env.module.tag_type(tag).params;
        let (offsets, bytes) = exception::layout(params);
        let values = self.pop_many(params.len());
        let base = self.base();
        let identity = self.symbol(Target::Tag(tag));
        let bytes = self.i64(bytes.into());
        let exception = self
            .builtin(Builtin::ExceptionNew, &[base, identity, bytes])
            .expect("it has a result");
        for (value, at) in values.into_iter().zip(offsets) {
            let flags = self.flags.record;
            self.b.ins().store(flags, value, exception, at as i32);
        }
        self.raise(exception);
    }

    /// Throws an exception.
    pub fn raise(&mut self, exception: Value) {
        let handlers = self.handlers_within(self.frames.len());
        self.raise_to(handlers, exception);
    }

    /// Throws an exception to some handlers.
    fn raise_to(&mut self, handlers: Vec<Handler>, exception: Value) {
        let throw = self.builtin_function(Builtin::Throw);
        let base = self.base();
        self.call_with(handlers, Callee::Function(throw), &[base, exception]);
        // It does not return.
        self.b.ins().trap(clif_trap(TrapCode::Unreachable));
        self.reachable = false;
    }

    /// Calls, inside a `try` or not, and pushes the results.
    pub fn make_call(&mut self, callee: Callee, args: &[Value]) {
        self.call_within(self.frames.len(), callee, args);
    }

    /// Calls in the place of the innermost function, which is inlined: none of
    /// its own frames catches what the callee throws. Then returns.
    pub fn call_and_return(&mut self, callee: Callee, args: &[Value]) {
        self.call_within(self.innermost().frame, callee, args);
        self.return_();
    }

    /// Calls with the handlers of the outermost `frames`.
    fn call_within(&mut self, frames: usize, callee: Callee, args: &[Value]) {
        let handlers = self.handlers_within(frames);
        self.call_with(handlers, callee, args);
    }

    fn call_with(&mut self, handlers: Vec<Handler>, callee: Callee, args: &[Value]) {
        self.carried += args.len() + handlers.len();
        if handlers.is_empty() {
            let call = match callee {
                Callee::Function(func) => self.b.ins().call(func, args),
                Callee::Code(signature, code) => self.b.ins().call_indirect(signature, code, args),
            };
            self.called();
            self.stack.extend_from_slice(self.b.inst_results(call));
            return;
        }
        let signature = match callee {
            Callee::Function(func) => self.b.func.dfg.ext_funcs[func].signature,
            Callee::Code(signature, _) => signature,
        };
        let next = self.b.create_block();
        let results = self.b.func.dfg.signatures[signature].returns.clone();
        for result in &results {
            self.b.append_block_param(next, result.value_type);
        }
        let returned = (0..results.len() as u32).map(BlockArg::TryCallRet);
        let lists = &mut self.b.func.dfg.value_lists;
        let normal = BlockCall::new(next, returned, lists);
        let items = handlers.into_iter().map(|handler| {
            let tag = TryHandler::tag_in_clif(handler.tag, handler.keeps);
            let landing = BlockCall::new(handler.landing, [BlockArg::TryCallExn(0)], lists);
            ExceptionTableItem::Tag(tag, landing)
        });
        let items: Vec<_> = items.collect();
        let table = ExceptionTableData::new(signature, normal, items);
        let table = self.b.func.dfg.exception_tables.push(table);
        match callee {
            Callee::Function(func) => self.b.ins().try_call(func, args, table),
            Callee::Code(_, code) => self.b.ins().try_call_indirect(code, args, table),
        };
        self.called();
        self.enter_only_child(next);
        self.stack.extend_from_slice(self.b.block_params(next));
    }

    /// The handlers of what is thrown within the outermost `frames`.
    fn handlers_within(&mut self, frames: usize) -> Vec<Handler> {
        self.handlers(self.guarded_within(frames))
    }

    /// The innermost clauses that are open in the outermost `frames`.
    fn guarded_within(&self, frames: usize) -> Option<GroupPosition> {
        let within = self.guards.partition_point(|&guard| guard < frames);
        let frame = *self.guards[..within].last()?;
        Some(GroupPosition { frame, group: 0 })
    }

    fn guard_at(&mut self, frame: usize) -> &mut Guard {
        let guard = self.frames[frame].guard.as_mut();
        guard.expect("a frame that catches")
    }

    /// The clauses outside of others.
    fn outside_of(
        &mut self,
        GroupPosition { frame, group }: GroupPosition,
    ) -> Option<GroupPosition> {
        let guard = self.guard_at(frame);
        if group + 1 < guard.groups.len() {
            let group = group + 1;
            return Some(GroupPosition { frame, group });
        }
        // The label of `delegate` counts from the frame outside, which may
        // catch too.
        let delegate = guard.delegate.unwrap_or(0) as usize;
        self.guarded_within(frame.saturating_sub(delegate))
    }

    /// The handlers of what is thrown to some clauses, the innermost first.
    fn handlers(&mut self, at: Option<GroupPosition>) -> Vec<Handler> {
        let mut unknown = Vec::new();
        let mut next = at;
        let mut found = Vec::new();
        while let Some(at) = next {
            if let Some(known) = &self.guard_at(at.frame).groups[at.group].handlers {
                found.clone_from(known);
                break;
            }
            unknown.push(at);
            let takes_all = self.clauses_at(at).iter().any(|c| c.tag.is_none());
            next = match takes_all {
                true => None,
                false => self.outside_of(at),
            };
        }
        for at in unknown.into_iter().rev() {
            found = self.with_clauses(at, &found);
            let group = &mut self.guard_at(at.frame).groups[at.group];
            group.handlers = Some(found.clone());
        }
        found
    }

    fn clauses_at(&mut self, GroupPosition { frame, group }: GroupPosition) -> &mut [Clause] {
        let clauses = &mut self.guard_at(frame).clauses;
        let end = clauses.len().min(GROUP * (group + 1));
        clauses.get_mut(GROUP * group..end).unwrap_or_default()
    }

    /// The handlers of some clauses, and those outside.
    fn with_clauses(&mut self, at: GroupPosition, outside: &[Handler]) -> Vec<Handler> {
        let mut found: Vec<Handler> = Vec::new();
        for number in 0..self.clauses_at(at).len() {
            let Clause {
                tag,
                keeps,
                landing,
                ..
            } = self.clauses_at(at)[number];
            if found.iter().any(|handler| handler.tag == tag) {
                continue;
            }
            let landing = landing.unwrap_or_else(|| self.landing());
            self.clauses_at(at)[number].landing = Some(landing);
            found.push(Handler {
                tag,
                keeps,
                landing,
            });
            if tag.is_none() {
                return found;
            }
        }
        let own = found.len();
        let others = outside.iter().filter(|outer| {
            let taken = found[..own].iter().any(|handler| handler.tag == outer.tag);
            !taken
        });
        let others: Vec<Handler> = others.copied().collect();
        if own + others.len() <= HANDLERS {
            found.extend(others);
        } else if let Some(outer) = self.outside_of(at) {
            let relay = self.guard_at(outer.frame).groups[outer.group].relay;
            let relay = relay.unwrap_or_else(|| self.landing());
            self.guard_at(outer.frame).groups[outer.group].relay = Some(relay);
            found.push(Handler {
                tag: None,
                keeps: true,
                landing: relay,
            });
        }
        found
    }

    /// A block where an exception arrives.
    fn landing(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.append_block_param(block, types::I64);
        self.b.set_cold_block(block);
        block
    }
}
