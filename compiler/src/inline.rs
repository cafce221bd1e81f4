//! Which calls inside a module are inlined, and which functions need no code.
//!
//! A direct call of a function that the module defines means that function and
//! no other, whatever the linker does. Decided once for all of its calls, from
//! what the bodies say before anything is translated, so that nothing depends
//! on the order of compilation:
//!
//! - a *small* function is inlined wherever it is called;
//! - one that is called in one place alone, and by nothing else, is *moved*
//!   there, up to a larger size;
//! - what calls itself through such functions alone is not inlined.
//!
//! Sizes count what is inlined in turn, so a chain of small functions becomes
//! one as long as the whole is small. Where all calls of a function are inlined,
//! and nothing else refers to it, it has no code of its own.

use wasmparser::{FunctionBody, Operator};

use crate::module::Module;
use crate::translate;

/// The weight up to which a function is small.
const SMALL: u32 = 24;
/// The weight up to which a function moves to its only call.
const MOVED: u32 = 120;
/// What a call weighs.
const CALL: u32 = 4;

/// What is to be done with each function that a module defines.
#[derive(Default)]
pub(crate) struct Plan {
    fates: Vec<Fate>,
    /// Number of imported functions.
    imported: u32,
}

#[derive(Clone, Copy)]
struct Fate {
    /// Whether calls of it are inlined.
    inlined: bool,
    /// Whether its code makes calls, inlined ones aside.
    calls: bool,
    /// Whether anything may refer to its code.
    coded: bool,
}

impl Plan {
    /// Inlines nothing.
    pub fn nothing(module: &Module<'_>) -> Self {
        let fate = Fate {
            inlined: false,
            calls: true,
            coded: true,
        };
        Self {
            fates: vec![fate; module.bodies.len()],
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

    /// Whether calls of a function are inlined.
    pub fn inlines(&self, func: u32) -> bool {
        self.fate(func).is_some_and(|fate| fate.inlined)
    }

    /// Whether a call of a function is one, or leaves one where it is inlined.
    pub fn leaves_calls(&self, func: u32) -> bool {
        self.fate(func)
            .is_none_or(|fate| !fate.inlined || fate.calls)
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

/// What inlining has to know of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// About the number of instructions.
    weight: u32,
    /// Functions called, by call.
    calls: Vec<u32>,
    /// Functions called in tail position, by call.
    tail_calls: Vec<u32>,
    /// Whether there are calls of other kinds.
    other_calls: bool,
}

impl Summary {
    /// Reads a body. What cannot be read counts as its end; translation will
    /// say so.
    pub fn of(body: &FunctionBody<'_>) -> Self {
        let mut summary = Self::default();
        let Ok(operators) = body.get_operators_reader() else {
            return summary;
        };
        for op in operators.into_iter().map_while(Result::ok) {
            summary.operator(&op);
        }
        summary
    }

    /// Whether it is small, calls included, all of which name what they call.
    pub fn is_small(&self) -> bool {
        self.weight <= SMALL && self.tail_calls.is_empty() && !self.other_calls
    }

    fn operator(&mut self, op: &Operator<'_>) {
        match op {
            Operator::Call { function_index } => self.calls.push(*function_index),
            Operator::ReturnCall { function_index } => self.tail_calls.push(*function_index),
            Operator::CallIndirect { .. } | Operator::CallRef { .. } => self.other_calls = true,
            _ => self.other_calls |= translate::calls(op, None, |_| true),
        }
        self.weight = self.weight.saturating_add(weight(op));
    }
}

/// About how many instructions an operator becomes.
fn weight(op: &Operator<'_>) -> u32 {
    match op {
        Operator::LocalGet { .. }
        | Operator::LocalSet { .. }
        | Operator::LocalTee { .. }
        | Operator::I32Const { .. }
        | Operator::I64Const { .. }
        | Operator::F32Const { .. }
        | Operator::F64Const { .. }
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::End
        | Operator::Nop
        | Operator::Drop
        | Operator::Return => 0,
        Operator::Call { .. } | Operator::ReturnCall { .. } => CALL,
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => 2 * CALL,
        Operator::BrTable { targets } => 4 + targets.len(),
        _ if translate::calls(op, None, |_| true) => 2 * CALL,
        _ => 1,
    }
}

/// The calls between the functions that a module defines, by number among
/// these.
struct Graph<'a> {
    module: &'a Module<'a>,
    bodies: &'a [Summary],
    imported: u32,
    uses: Vec<Uses>,
    /// Weights, with what is inlined.
    weights: Vec<u32>,
    fates: Vec<Fate>,
}

/// How a function is used.
#[derive(Clone, Copy, Default)]
struct Uses {
    /// Calls that may be inlined.
    calls: u32,
    /// Whether there are other uses.
    others: bool,
}

impl<'a> Graph<'a> {
    fn new(module: &'a Module<'a>, bodies: &'a [Summary]) -> Self {
        let fate = Fate {
            inlined: false,
            calls: true,
            coded: true,
        };
        let mut graph = Self {
            module,
            bodies,
            imported: module.imported_funcs(),
            uses: vec![Uses::default(); bodies.len()],
            weights: bodies.iter().map(|b| b.weight).collect(),
            fates: vec![fate; bodies.len()],
        };
        for body in bodies {
            for callee in graph.defined(&body.calls) {
                graph.uses[callee].calls += 1;
            }
            for callee in graph.defined(&body.tail_calls) {
                graph.uses[callee].others = true;
            }
        }
        for &func in module.funcrefs.iter().chain(&module.start) {
            if let Some(function) = func.checked_sub(graph.imported) {
                graph.uses[function as usize].others = true;
            }
        }
        graph
    }

    /// The defined ones of some functions that are called.
    fn defined(&self, funcs: &'a [u32]) -> impl Iterator<Item = usize> + use<'a> {
        let (module, imported) = (self.module, self.imported);
        let callees = funcs.iter().map(|&func| module.callee(func));
        callees.filter_map(move |func| Some(func.checked_sub(imported)? as usize))
    }

    /// Whether a function is small enough, as far as its weight is known.
    fn is_candidate(&self, function: usize) -> bool {
        let uses = self.uses[function];
        let alone = uses.calls == 1 && !uses.others;
        self.weights[function] <= if alone { MOVED } else { SMALL }
    }

    /// Decides on every function, after those that it calls.
    fn decide(&mut self) {
        let mut search = Search::new(self.bodies.len());
        for function in 0..self.bodies.len() {
            if search.is_new(function) {
                self.search(function, &mut search);
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

    /// The callees of a function that may be inlined.
    fn candidates(&self, function: usize) -> Vec<usize> {
        let callees = self.defined(&self.bodies[function].calls);
        callees.filter(|&c| self.is_candidate(c)).collect()
    }

    /// Decides on a function whose callees are decided on, but for those in a
    /// cycle with it.
    fn settle(&mut self, function: usize, may_be_inlined: bool) {
        let body = &self.bodies[function];
        let mut calls = body.other_calls || !body.tail_calls.is_empty();
        let mut weight = body.weight;
        for &func in &body.calls {
            let callee = self.module.callee(func).checked_sub(self.imported);
            match callee.map(|callee| callee as usize) {
                Some(callee) if self.fates[callee].inlined => {
                    calls |= self.fates[callee].calls;
                    weight = weight.saturating_add(self.weights[callee]) - CALL;
                }
                _ => calls = true,
            }
        }
        self.weights[function] = weight;
        let inlined = may_be_inlined && self.is_candidate(function);
        let uses = self.uses[function];
        self.fates[function] = Fate {
            inlined,
            calls,
            coded: !inlined || uses.others || uses.calls == 0,
        };
    }
}

/// What a search for cycles has come past. Numbers count from 1, in the order
/// of the search.
struct Search {
    numbers: Vec<u32>,
    /// The first function still open that each one leads to.
    lows: Vec<u32>,
    /// Functions that are in a cycle with an open one, in order.
    open: Vec<usize>,
    is_open: Vec<bool>,
    last: u32,
}

impl Search {
    fn new(functions: usize) -> Self {
        Self {
            numbers: vec![0; functions],
            lows: vec![0; functions],
            open: Vec::new(),
            is_open: vec![false; functions],
            last: 0,
        }
    }

    fn is_new(&self, function: usize) -> bool {
        self.numbers[function] == 0
    }

    fn open(&mut self, function: usize) {
        self.last += 1;
        self.numbers[function] = self.last;
        self.lows[function] = self.last;
        self.is_open[function] = true;
        self.open.push(function);
    }

    /// A call of a function that was met before.
    fn meet(&mut self, caller: usize, callee: usize) {
        if self.is_open[callee] {
            self.lows[caller] = self.lows[caller].min(self.numbers[callee]);
        }
    }

    /// A call of a function that was just left.
    fn join(&mut self, caller: usize, callee: usize) {
        if self.is_open[callee] {
            self.lows[caller] = self.lows[caller].min(self.lows[callee]);
        }
    }

    /// Leaves a function: those in a cycle that it began, itself included.
    fn close(&mut self, function: usize) -> Vec<usize> {
        if self.lows[function] != self.numbers[function] {
            return Vec::new();
        }
        let at = self.open.iter().rposition(|&open| open == function);
        let cycle = self.open.split_off(at.unwrap_or(self.open.len()));
        cycle
            .iter()
            .for_each(|&member| self.is_open[member] = false);
        cycle
    }
}
