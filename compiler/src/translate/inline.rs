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
use super::scan::Ahead;
use super::{invalid, unsupported};
use crate::Result;

/// A function in translation.
pub(super) struct Open<'m> {
    /// Its number.
    pub number: u32,
    operators: OperatorsReader<'m>,
    pub ahead: Ahead,
    /// Number of its outermost frame.
    pub frame: usize,
    /// Number of its first local in [`Body::locals`].
    locals: usize,
    /// Where it is inlined: a number in [`Origins::sites`] and one more; 0 for
    /// the outermost.
    site: u32,
    /// Whether it is of another module.
    pub foreign: bool,
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

impl<'m> Body<'_, 'm> {
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
        let operators = source.get_operators_reader().map_err(invalid)?;
        let mut ahead = self.aheads.pop().unwrap_or_default();
        ahead.look(operators.clone(), |callee| {
            env.leaves_calls(module.callee(callee))
        });
        let first = self.locals.len();
        for &value in args {
            self.declare_local(value, first, &ahead);
        }
        for group in source.get_locals_reader().map_err(invalid)? {
            let (count, ty) = group.map_err(invalid)?;
            let zero = self.zero(ty);
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
            foreign: foreign.is_some(),
        });
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

    /// Number of a local of the innermost function in [`Body::locals`].
    pub fn local(&self, index: u32) -> usize {
        self.innermost().locals + index as usize
    }

    /// Closes the innermost function, after its last operator.
    fn leave(&mut self) {
        let Some(open) = self.open.pop() else {
            return;
        };
        self.forget_locals(open.locals);
        self.aheads.push(open.ahead);
    }
}
