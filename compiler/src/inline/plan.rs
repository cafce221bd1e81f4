//! The decision, from the bodies' summaries.

use super::cycles::Search;
use super::summary::{Call, SMALL, Summary};
use crate::limits;
use crate::module::Module;
use crate::prescan::CALL;

/// By how much a function may be heavier than a call of it to be inlined
/// anywhere.
const TINY: u32 = 4;
/// The weight up to which a function moves to its only call.
const MOVED: u32 = 1000;

/// What is to be done with each function that a module defines.
#[derive(Default)]
pub(crate) struct Plan {
    fates: Vec<Fate>,
    /// Number of imported functions.
    imported: u32,
}

#[derive(Clone, Copy)]
struct Fate {
    /// Which calls of it are inlined.
    inlined: Where,
    /// Whether its code makes calls, inlined ones aside.
    calls: bool,
    /// Whether anything may refer to its code.
    coded: bool,
    /// Whether all of its calls count as calls in loops.
    looping: bool,
    /// Whether it keeps all calls that it makes: inlined, they would be too much.
    keeps_calls: bool,
}

impl Fate {
    /// That of a function of which nothing is decided: every call of it is made.
    const UNINLINED: Self = Self {
        inlined: Where::Nowhere,
        calls: true,
        coded: true,
        looping: false,
        keeps_calls: false,
    };
}

/// Which calls of a function are inlined.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Nowhere,
    InLoops,
    Anywhere,
}

impl Where {
    fn covers(self, looping: bool) -> bool {
        match self {
            Self::Nowhere => false,
            Self::InLoops => looping,
            Self::Anywhere => true,
        }
    }
}

impl Plan {
    /// Inlines nothing.
    pub fn nothing(module: &Module<'_>) -> Self {
        Self {
            fates: vec![Fate::UNINLINED; module.bodies.len()],
            imported: module.imported_funcs(),
        }
    }

    /// Decides by the bodies' summaries.
    pub fn of(module: &Module<'_>, bodies: &[Summary]) -> Self {
        let mut graph = Graph::new(module, bodies);
        graph.decide();
        Self {
            fates: graph.fates,
            imported: graph.imported,
        }
    }

    /// Whether a call of a function is inlined, in a loop or not.
    pub fn inlines(&self, func: u32, looping: bool) -> bool {
        self.fate(func)
            .is_some_and(|fate| fate.inlined.covers(looping))
    }

    /// Whether no call that a function makes is inlined.
    pub fn keeps_calls(&self, func: u32) -> bool {
        self.fate(func).is_some_and(|fate| fate.keeps_calls)
    }

    /// Whether all calls that a function makes count as calls in loops.
    pub fn is_looping(&self, func: u32) -> bool {
        self.fate(func).is_some_and(|fate| fate.looping)
    }

    /// Whether a call of a function in a loop is one, or leaves one where it is
    /// inlined.
    pub fn leaves_calls(&self, func: u32) -> bool {
        let fate = self.fate(func);
        fate.is_none_or(|fate| !fate.inlined.covers(true) || fate.calls)
    }

    /// Whether a function needs code of its own.
    pub fn is_coded(&self, func: u32) -> bool {
        self.fate(func).is_some_and(|fate| fate.coded)
    }

    /// `None` for an imported function.
    fn fate(&self, func: u32) -> Option<Fate> {
        let number = func.checked_sub(self.imported)?;
        self.fates.get(number as usize).copied()
    }
}

/// The calls between the functions that a module defines, by number among
/// these.
struct Graph<'a> {
    module: &'a Module<'a>,
    bodies: &'a [Summary],
    imported: u32,
    uses: Vec<Uses>,
    /// The weight of each function with all that is inlined into it.
    weights: Vec<u32>,
    /// The number of operators of each function with all that is inlined into it.
    operators: Vec<u32>,
    fates: Vec<Fate>,
}

/// How a function is used.
#[derive(Clone, Copy, Default)]
struct Uses {
    /// Calls that may be inlined, and how many of these are in loops.
    calls: u32,
    looping: u32,
    /// Whether there are other uses.
    others: bool,
}

impl<'a> Graph<'a> {
    fn new(module: &'a Module<'a>, bodies: &'a [Summary]) -> Self {
        let mut graph = Self {
            module,
            bodies,
            imported: module.imported_funcs(),
            uses: vec![Uses::default(); bodies.len()],
            weights: bodies.iter().map(|b| b.weight).collect(),
            operators: bodies.iter().map(|b| b.operators).collect(),
            fates: vec![Fate::UNINLINED; bodies.len()],
        };
        for body in bodies {
            for call in &body.calls {
                if let Some(callee) = graph.defined(call.func)
                    && call.looping
                {
                    graph.fates[callee].looping = true;
                }
            }
        }
        for (function, body) in bodies.iter().enumerate() {
            for call in &body.calls {
                if let Some(callee) = graph.defined(call.func) {
                    let looping = graph.is_looping(function, *call);
                    let uses = &mut graph.uses[callee];
                    uses.calls += 1;
                    uses.looping += u32::from(looping);
                }
            }
            for &func in &body.tail_calls {
                graph.use_otherwise(func);
            }
        }
        for &func in module.funcrefs.iter().chain(&module.start) {
            graph.use_otherwise(func);
        }
        graph
    }

    /// The number of a defined function that a call means.
    fn defined(&self, func: u32) -> Option<usize> {
        let callee = self.module.callee(func).checked_sub(self.imported);
        callee.map(|callee| callee as usize)
    }

    fn use_otherwise(&mut self, func: u32) {
        if let Some(callee) = self.defined(func) {
            self.uses[callee].others = true;
        }
    }

    /// Whether a call of a function counts as one in a loop.
    fn is_looping(&self, function: usize, call: Call) -> bool {
        call.looping || self.fates[function].looping
    }

    /// What a call weighs.
    fn weight_of_call(&self, func: u32) -> u32 {
        let ty = self.module.func_type(func);
        CALL + (ty.params.len() + ty.results.len()) as u32
    }

    /// Where a function may be inlined, as far as its weight is known.
    fn may_be_inlined(&self, function: usize) -> Where {
        let uses = self.uses[function];
        let more = self.weights[function]
            .saturating_sub(self.weight_of_call(self.imported + function as u32));
        let operators = self.operators[function];
        let moves = uses.calls == 1
            && !uses.others
            && self.weights[function] <= MOVED
            && operators <= limits::MOVED_BODY;
        if !moves && operators > limits::INLINED_BODY {
            return Where::Nowhere;
        }
        if moves || more <= TINY {
            Where::Anywhere
        } else if more <= SMALL {
            Where::InLoops
        } else {
            Where::Nowhere
        }
    }

    /// Decides on every function, after those that it calls.
    fn decide(&mut self) {
        let mut search = Search::new(self.bodies.len());
        for function in 0..self.bodies.len() {
            if search.is_new(function) {
                self.search(function, &mut search);
            }
        }
        for (function, body) in self.bodies.iter().enumerate() {
            if self.fates[function].keeps_calls {
                for call in &body.calls {
                    if let Some(callee) = self.defined(call.func) {
                        self.fates[callee].coded = true;
                    }
                }
            }
        }
    }

    /// Tarjan's search for cycles of calls that may be inlined, from one
    /// function on.
    fn search(&mut self, from: usize, search: &mut Search) {
        let mut callees = self.candidates(from);
        search.open(from);
        let mut path = vec![(from, callees)];
        while let Some((function, left)) = path.last_mut() {
            let function = *function;
            if let Some(callee) = left.pop() {
                if search.is_new(callee) {
                    callees = self.candidates(callee);
                    search.open(callee);
                    path.push((callee, callees));
                } else {
                    search.meet(function, callee);
                }
                continue;
            }
            path.pop();
            let cycle = search.close(function);
            let alone = cycle.len() == 1 && !self.candidates(function).contains(&function);
            for &member in &cycle {
                self.settle(member, alone);
            }
            if let Some(&(caller, _)) = path.last() {
                search.join(caller, function);
            }
        }
    }

    /// The callees of a function that may be inlined into it.
    fn candidates(&self, function: usize) -> Vec<usize> {
        let calls = self.bodies[function].calls.iter();
        let callees = calls.filter_map(|&call| {
            let callee = self.defined(call.func)?;
            let looping = self.is_looping(function, call);
            self.may_be_inlined(callee)
                .covers(looping)
                .then_some(callee)
        });
        callees.collect()
    }

    /// The callee of a call, if it is inlined wherever it may be.
    fn inlined_callee(&self, function: usize, call: Call) -> Option<usize> {
        let looping = self.is_looping(function, call);
        let callee = self.defined(call.func);
        callee.filter(|&c| self.fates[c].inlined.covers(looping))
    }

    /// Decides on a function whose callees are decided on, but for those in a
    /// cycle with it.
    fn settle(&mut self, function: usize, may_be_inlined: bool) {
        let body = &self.bodies[function];
        let mut calls = body.other_calls || !body.tail_calls.is_empty();
        let mut weight = body.weight;
        let mut operators = body.operators;
        for &call in &body.calls {
            let inlined = self.inlined_callee(function, call);
            let more = inlined.map_or(0, |callee| self.operators[callee]);
            operators = operators.saturating_add(more);
        }
        let own = body.operators;
        let most = own.saturating_mul(1 + limits::INLINED_PER_OPERATOR);
        let keeps_calls = operators > most.saturating_add(limits::INLINED);
        self.operators[function] = if keeps_calls { own } else { operators };
        for &call in &body.calls {
            let inlined = self.inlined_callee(function, call);
            let inlined = inlined.filter(|_| !keeps_calls);
            calls |= inlined.is_none_or(|callee| self.fates[callee].calls);
            weight = weight.saturating_add(match inlined {
                Some(callee) => self.weights[callee],
                None => self.weight_of_call(call.func),
            });
        }
        self.weights[function] = weight;
        let inlined = match may_be_inlined {
            true => self.may_be_inlined(function),
            false => Where::Nowhere,
        };
        let uses = self.uses[function];
        let kept = match inlined {
            Where::Nowhere => true,
            Where::InLoops => uses.looping < uses.calls,
            Where::Anywhere => false,
        };
        let fate = &mut self.fates[function];
        fate.inlined = inlined;
        fate.calls = calls;
        fate.keeps_calls = keeps_calls;
        fate.coded = kept || uses.others || uses.calls == 0;
    }
}
