//! Addresses as sums that no register has to hold.

use cranelift_codegen::ir::{Function, InstructionData, Opcode, Value};
use wasmaot_abi::context::HEADROOM;
use wasmaot_dylink::ImportRole;

use super::bounds::{Bounds, constant};
use crate::code::Target;
use crate::module::{GlobalStorage, Module};

/// How many definitions are followed from an address.
const DEPTH: u32 = 8;
/// The largest factor, as an exponent, that an address can have.
const MAX_SHIFT: u32 = 3;
/// As many values are added to what the loader places.
const MAX_TERMS: usize = 2;

/// A place that the loader decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The module's memory base.
    MemoryBase,
    /// The data that a `GOT.mem` import names, or another object's: the number
    /// of the global.
    Data(u32),
}

impl Anchor {
    /// What holds its host address.
    pub const fn host(self) -> Target {
        match self {
            Self::MemoryBase => Target::HostBase(0),
            Self::Data(global) => Target::HostData(global),
        }
    }

    /// The most that can be added to its address without coming to 2^32.
    fn room(self, module: &Module<'_>) -> u64 {
        let placement = module.linking.placement;
        match self {
            Self::MemoryBase => placement.map_or(0, |p| p.memory_size.into()) + HEADROOM,
            Self::Data(_) => HEADROOM,
        }
    }
}

/// A 32-bit value times a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub value: Value,
    pub shift: u32,
}

/// A 32-bit number as a sum that is exact: it is the number, not just equal to
/// it modulo 2^32.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub anchor: Option<Anchor>,
    pub terms: [Option<Term>; MAX_TERMS],
    pub constant: u64,
    /// The most that all but the anchor can come to.
    max: u64,
}

impl Sum {
    /// Whether an address is better made of its parts than by adding it to
    /// where memory is.
    pub fn is_better(&self) -> bool {
        let shifted = self.terms.iter().flatten().any(|term| term.shift > 0);
        let moves = self.terms[0].is_some() && (shifted || self.constant > 0);
        self.anchor.is_some() || moves
    }

    fn plus(self, other: Self, module: &Module<'_>) -> Option<Self> {
        let anchor = match (self.anchor, other.anchor) {
            (Some(_), Some(_)) => return None,
            (one, other) => one.or(other),
        };
        let max = self.max.checked_add(other.max)?;
        let room = anchor.map_or(u32::MAX.into(), |anchor| anchor.room(module));
        (max <= room).then_some(())?;
        let mut all = self.terms.into_iter().chain(other.terms).flatten();
        // Without an anchor there is one register for them.
        let count = if anchor.is_some() { MAX_TERMS } else { 1 };
        let mut terms = [None; MAX_TERMS];
        for place in &mut terms[..count] {
            *place = all.next();
        }
        all.next().is_none().then_some(Self {
            anchor,
            terms,
            constant: self.constant + other.constant,
            max,
        })
    }

    fn shifted(mut self, by: u32) -> Option<Self> {
        (self.anchor.is_none() && by <= MAX_SHIFT).then_some(())?;
        self.max <<= by;
        self.constant <<= by;
        for term in self.terms.iter_mut().flatten() {
            term.shift += by;
        }
        let small = |term: &Term| term.shift <= MAX_SHIFT;
        let fits = self.max <= u32::MAX.into() && self.terms.iter().flatten().all(small);
        fits.then_some(self)
    }
}

/// What finds sums.
pub(super) struct Sums<'a> {
    pub module: &'a Module<'a>,
    pub bounds: &'a mut Bounds,
}

impl Sums<'_> {
    /// A 32-bit value of a function as a sum.
    pub fn of(&mut self, func: &Function, value: Value) -> Sum {
        self.follow(func, value, DEPTH)
    }

    fn follow(&mut self, func: &Function, value: Value, depth: u32) -> Sum {
        let value = func.dfg.resolve_aliases(value);
        let found = depth
            .checked_sub(1)
            .and_then(|depth| self.parts(func, value, depth));
        found.unwrap_or_else(|| Sum {
            terms: [Some(Term { value, shift: 0 }), None],
            max: self.bounds.of(func, value).max,
            ..Sum::default()
        })
    }

    /// The parts of a value that has any.
    fn parts(&mut self, func: &Function, value: Value, depth: u32) -> Option<Sum> {
        let inst = func.dfg.value_def(value).inst()?;
        match func.dfg.insts[inst] {
            InstructionData::UnaryImm { .. } => {
                let constant = constant(func, value)?;
                Some(Sum {
                    constant,
                    max: constant,
                    ..Sum::default()
                })
            }
            InstructionData::Unary {
                opcode: Opcode::Ireduce,
                arg,
            } => Some(Sum {
                anchor: Some(anchor(func, arg, self.module)?),
                ..Sum::default()
            }),
            InstructionData::Binary {
                opcode: Opcode::Iadd,
                args: [a, b],
            } => self.sum(func, a, b, depth),
            // Without a bit in common.
            InstructionData::Binary {
                opcode: Opcode::Bor,
                args: [a, b],
            } if self.bounds.of(func, a).bits & self.bounds.of(func, b).bits == 0 => {
                self.sum(func, a, b, depth)
            }
            InstructionData::Binary {
                opcode: Opcode::Ishl,
                args: [a, by],
            } => {
                let by = u32::try_from(constant(func, by)?).ok()?;
                self.follow(func, a, depth).shifted(by)
            }
            _ => None,
        }
    }

    fn sum(&mut self, func: &Function, a: Value, b: Value, depth: u32) -> Option<Sum> {
        let a = self.follow(func, a, depth);
        let b = self.follow(func, b, depth);
        a.plus(b, self.module)
    }
}

/// The place of which a 64-bit value is the linear address.
fn anchor(func: &Function, value: Value, module: &Module<'_>) -> Option<Anchor> {
    let inst = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst()?;
    let InstructionData::UnaryGlobalValue { global_value, .. } = func.dfg.insts[inst] else {
        return None;
    };
    let name = func.global_values[global_value].symbol_name();
    let Target::LoaderValue(global) = Target::of(name, &func.params)? else {
        return None;
    };
    let import = match module.globals.get(global as usize)?.storage {
        GlobalStorage::Loader(import) => import,
        GlobalStorage::BaseOf(_) => return Some(Anchor::Data(global)),
        _ => return None,
    };
    match module.imports[import as usize].role {
        ImportRole::MemoryBase => Some(Anchor::MemoryBase),
        ImportRole::GotMem => Some(Anchor::Data(global)),
        _ => None,
    }
}
