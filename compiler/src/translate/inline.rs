//! Bodies within a body: the functions that are open while one is translated.
//!
//! A call that the [`plan`](crate::inline) inlines is not made: the operators of
//! the callee follow in its place, as those of a block do, with locals and an
//! outermost frame of their own. So everything known at the call stays known,
//! and each instruction keeps the place that it comes from. The bodies are kept
//! on a stack of their own: however deep they nest, translation does not.

use cranelift_codegen::ir::{SourceLoc, Value};
use wasmaot_abi::maps::lines::Inlined;
use wasmparser::OperatorsReader;

use super::body::Body;
use super::{invalid, unsupported};
use crate::inline::cross_module::Foreign;
use crate::prescan::FunctionFacts;
use crate::{Result, limits};

/// A function in translation.
pub(super) struct Open<'m> {
    /// Its number.
    pub number: u32,
    operators: OperatorsReader<'m>,
    pub ahead: FunctionFacts,
    /// Number of its outermost frame.
    pub frame: usize,
    /// Number of its first local in [`Body::locals`].
    locals: usize,
    /// Where it is inlined: a number in [`Origins::sites`] and one more; 0 for
    /// the outermost.
    site: u32,
    /// Its number, if it is of another module.
    pub foreign: Option<u32>,
    /// Its open loops in which calls matter.
    pub small_loops: usize,
}

/// Where the instructions of a function come from. Cranelift carries a number
/// of 32 bits with each: an offset in the module, or in inlined bodies, with
/// the highest bit set, a place in a list.
#[derive(Default)]
pub(crate) struct Origins {
    /// Offset in the module, and number of the call that was inlined.
    inlined: Vec<(u32, u32)>,
    pub sites: Vec<Inlined>,
}

/// Marks a place in [`Origins::inlined`].
const LISTED: u32 = 1 << 31;

impl Origins {
    pub fn clear(&mut self) {
        self.inlined.clear();
        self.sites.clear();
    }

    fn enter(&mut self, offset: u32, site: u32) -> SourceLoc {
        if site == 0 {
            return SourceLoc::new(offset);
        }
        self.inlined.push((offset, site));
        SourceLoc::new(LISTED | (self.inlined.len() as u32 - 1))
    }

    /// The offset in the module, and the inlined call (one more than its
    /// number in [`Self::sites`], 0 for none), that an instruction comes from.
    pub fn of(&self, location: SourceLoc) -> (u32, u32) {
        let bits = location.bits();
        let listed = (bits & LISTED != 0).then(|| self.inlined.get((bits & !LISTED) as usize));
        listed.flatten().copied().unwrap_or((bits, 0))
    }
}

impl<'f, 'm> Body<'f, 'm> {
    /// Translates the bodies of a function and of all that is inlined into it.
    pub fn run(&mut self, func: u32, args: &[Value]) -> Result<()> {
        self.enter(func, args)?;
        while let Some(open) = self.open.last_mut() {
            if open.operators.eof() {
                self.leave();
                continue;
            }
            let read = open.operators.read_with_offset();
            let (operator, offset) = read.map_err(|e| invalid(self.env.module, &e))?;
            let location = self.origins.enter(offset as u32, open.site);
            let values = self.b.func.dfg.num_values() + self.carried;
            limits::check_values(self.env.module, func, (values, self.budget))?;
            self.b.set_srcloc(location);
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
        let foreign = env.foreign.get(func);
        let source = match foreign {
            Some(foreign) => foreign.body,
            None => &module.bodies[(func - env.imported) as usize].body,
        };
        let range = source.range();
        self.budget += self.pipeline.values().1 * (range.end - range.start) as usize;
        let operators = source.get_operators_reader().map_err(invalid)?;
        let mut ahead = self.aheads.pop().unwrap_or_default();
        ahead.read(operators.clone(), |callee| {
            // The numbers in a function of another module are not ours.
            foreign.is_some()
                || env.plan.keeps_calls(func)
                || env.leaves_calls(module.callee(callee))
        });
        let first = self.locals.len();
        for &value in args {
            self.declare_local(value, first, &ahead);
        }
        for group in source.get_locals_reader().map_err(invalid)? {
            let (count, ty) = group.map_err(invalid)?;
            // There may be many of which the function makes no use.
            let used = ahead.locals().saturating_sub(self.locals.len() - first);
            let count = (count as usize).min(used);
            let zero = if count > 0 { self.zero(ty) } else { continue };
            for _ in 0..count {
                self.declare_local(zero, first, &ahead);
            }
        }
        self.open.push(Open {
            number: func,
            operators,
            ahead,
            frame: self.frames.len(),
            locals: first,
            site: self.origins.sites.len() as u32,
            foreign: foreign.map(|_| func),
            small_loops: 0,
        });
        self.foreign += usize::from(foreign.is_some());
        // A function of another module is of the type of the import.
        let func = foreign.map_or(func, |foreign| foreign.import);
        self.function_frame(&module.func_type(func).results);
        Ok(())
    }

    /// The innermost function.
    pub fn innermost(&self) -> &Open<'m> {
        self.open.last().expect("an open function")
    }

    pub fn innermost_mut(&mut self) -> &mut Open<'m> {
        self.open.last_mut().expect("an open function")
    }

    /// What is open, if it is a function of another module.
    pub fn in_foreign(&self) -> Option<&'f Foreign<'m>> {
        let number = self.open.last()?.foreign?;
        self.env.foreign(number)
    }

    /// The number in the module of a function that the innermost one calls.
    pub fn in_module(&self, func: u32) -> u32 {
        let foreign = self.in_foreign();
        foreign.and_then(|f| f.function(func)).unwrap_or(func)
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
        self.foreign -= usize::from(open.foreign.is_some());
        self.forget_locals(open.locals);
        self.aheads.push(open.ahead);
    }
}
