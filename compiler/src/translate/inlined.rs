//! Inlined calls: the functions whose bodies are open while one is translated.
//!
//! A call that the [`Plan`](crate::inline::Plan) inlines is not made: the operators of
//! the callee follow in its place, as those of a block do, with locals and an
//! outermost frame of their own. So everything known at the call stays known,
//! and each instruction keeps the place that it comes from. The bodies are kept
//! on a stack of their own: however deep they nest, translation does not.

use cranelift_codegen::ir::Value;
use wasmaot_abi::maps::lines::Inlined;

use super::body::{Body, OpenFunction};
use super::{invalid, unsupported};
use crate::error::Result;
use crate::inline::cross_module::CrossModuleBody;
use crate::limits;
use crate::operator::{FrameStep, Operator};

impl<'f, 'm> Body<'f, 'm> {
    /// Translates the bodies of a function and of all that is inlined into it.
    pub fn run(&mut self, func: u32, args: &[Value]) -> Result<()> {
        self.enter(func, args)?;
        while let Some(open) = self.open.last_mut() {
            if open.operators.eof() {
                self.leave();
                continue;
            }
            let read = Operator::read(&mut open.operators);
            let (operator, offset) = read.map_err(|e| invalid(self.env.module, &e))?;
            let location = self.origins.enter(offset as u32, open.site);
            let values = self.b.func.dfg.num_values() + self.carried;
            limits::check_values(self.env.module, func, (values, self.budget))?;
            self.b.set_srcloc(location);
            self.hint = self.branch_hint(offset);
            self.watch(&operator, offset as u32);
            if !self.operator(&operator) {
                return Err(unsupported(self.env.module, &operator, offset));
            }
            if let Some((callee, args)) = self.inlined.take() {
                self.site(callee, offset as u32);
                self.enter(callee, &args)?;
            }
        }
        Ok(())
    }

    /// Whether the module says that the branch at an offset is taken, or is not.
    fn branch_hint(&self, offset: u64) -> Option<bool> {
        let hints = &self.env.module.branch_hints;
        // The offsets in a function of another module are not ours.
        let own = || self.env.cross_module.get(self.innermost().number).is_none();
        let hint = if hints.is_empty() {
            None
        } else {
            hints.get(&offset)
        };
        hint.copied().filter(|_| own())
    }

    /// Notes what an operator means for what is known of locals.
    fn watch(&mut self, operator: &Operator<'_>, offset: u32) {
        if self.watch.on && self.open.len() == 1 {
            self.watch.at = offset;
            let is_loop = matches!(operator, Operator::Loop { .. });
            match operator.frame_step() {
                FrameStep::Opens if is_loop => self.watch.merge(),
                FrameStep::Divides | FrameStep::Closes => self.watch.merge(),
                FrameStep::Opens | FrameStep::Stays => {}
            }
        }
    }

    /// Notes that the innermost function's call is inlined.
    fn site(&mut self, function: u32, offset: u32) {
        let caller = self.open.last().map_or(0, |open| open.site);
        self.origins.sites.push(Inlined {
            function,
            caller,
            offset,
        });
    }

    /// Has what follows come from where the innermost function is inlined, as
    /// if that had returned.
    pub fn set_caller_location(&mut self) {
        let site = self.innermost().site.checked_sub(1);
        let site = site.and_then(|site| self.origins.sites.get(site as usize));
        if let Some(&Inlined { caller, offset, .. }) = site {
            let location = self.origins.enter(offset, caller);
            self.b.set_srcloc(location);
        }
    }

    /// Opens a function: binds its locals, and enters its outermost frame.
    fn enter(&mut self, func: u32, args: &[Value]) -> Result<()> {
        let env = self.env;
        let module = env.module;
        let invalid = |e| invalid(module, &e);
        let cross_module = env.cross_module.get(func);
        let source = match cross_module {
            Some(cross_module) => cross_module.body,
            None => &module.bodies[(func - env.imported) as usize].body,
        };
        let range = source.range();
        self.budget += self.pipeline.values().1 * (range.end - range.start) as usize;
        let operators = source.get_operators_reader().map_err(invalid)?;
        let mut facts = self.spare_facts.pop().unwrap_or_default();
        facts.read(operators.clone(), |callee| {
            // The numbers in a function of another module are not ours.
            cross_module.is_some()
                || env.plan.keeps_calls(func)
                || env.leaves_calls(module.callee(callee))
        });
        let first = self.locals.len();
        for &value in args {
            self.declare_local(value, first, &facts);
        }
        for group in source.get_locals_reader().map_err(invalid)? {
            let (count, ty) = group.map_err(invalid)?;
            // There may be many of which the function makes no use.
            let used = facts.locals().saturating_sub(self.locals.len() - first);
            let count = (count as usize).min(used);
            let zero = if count > 0 { self.zero(ty) } else { continue };
            for _ in 0..count {
                self.declare_local(zero, first, &facts);
            }
        }
        self.open.push(OpenFunction {
            number: func,
            operators,
            facts,
            frame: self.frames.len(),
            locals: first,
            site: self.origins.sites.len() as u32,
            cross_module: cross_module.map(|_| func),
            small_loops: 0,
        });
        self.cross_module_depth += usize::from(cross_module.is_some());
        // A function of another module is of the type of the import.
        let func = cross_module.map_or(func, |cross_module| cross_module.import);
        self.function_frame(&module.func_type(func).results);
        Ok(())
    }

    /// The innermost function.
    pub fn innermost(&self) -> &OpenFunction<'m> {
        self.open.last().expect("an open function")
    }

    pub fn innermost_mut(&mut self) -> &mut OpenFunction<'m> {
        self.open.last_mut().expect("an open function")
    }

    /// What is open, if it is a function of another module.
    pub fn in_cross_module_body(&self) -> Option<&'f CrossModuleBody<'m>> {
        let number = self.open.last()?.cross_module?;
        self.env.cross_module_body(number)
    }

    /// The number in the module of a function that the innermost one calls.
    pub fn in_module(&self, func: u32) -> u32 {
        let cross_module = self.in_cross_module_body();
        cross_module.and_then(|f| f.function(func)).unwrap_or(func)
    }

    /// Number of a local of the innermost function in [`Body::locals`].
    pub fn local(&self, index: u32) -> usize {
        self.innermost().locals + index as usize
    }

    /// Closes the innermost function, after its last operator.
    fn leave(&mut self) {
        let Some(open) = self.open.pop() else {
            return;
        };
        self.cross_module_depth -= usize::from(open.cross_module.is_some());
        if self.open.is_empty() && self.watch.on {
            self.watch.finish(self.locals);
        }
        self.forget_locals(open.locals);
        self.spare_facts.push(open.facts);
    }
}
