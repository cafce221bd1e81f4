//! What has to be known of a function before its operators are translated one by
//! one: which locals it writes, which loops make calls, and what each `try` of the
//! older encoding catches, whose clauses stand after its body.

mod nesting;
pub(crate) mod weight;

use wasmparser::OperatorsReader;

use crate::operator::{FrameStep, Operator};

pub(crate) use self::nesting::Nesting;
pub(crate) use self::weight::{CALL, calls, is_inlined_bulk, is_small_loop, weight};

/// What is known of a function. An operator that cannot be read counts as the end:
/// translation, which comes to it later, reports the error.
#[derive(Default)]
pub(crate) struct FunctionFacts {
    /// The loops in their order.
    loops: Vec<LoopFacts>,
    /// What each `try` of the older encoding catches, in order.
    tries: Vec<Clauses>,
    /// Whether each local is written; those past the end are not.
    written: Vec<bool>,
    /// One more than the largest number of a local that is named.
    locals: usize,
    /// The open frames, while reading.
    frames: Vec<Open>,
    /// How many loops and `try`s translation has asked for.
    past: (usize, usize),
    /// The value of the last operator, if that was a constant.
    constant: Option<i64>,
    /// The weight of the operators read so far.
    weight: u32,
}

/// What is known of a loop before its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoopFacts {
    /// Whether it makes a call.
    pub calls: bool,
    /// Whether it is so small that a call in it matters.
    pub small: bool,
    /// The weight of the function before it.
    weight: u32,
}

/// What a `try` of the older encoding does with an exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clauses {
    /// By clause: the tag, `None` for all of them; and whether the clause
    /// throws the exception again.
    pub catches: Vec<(Option<u32>, bool)>,
    /// The label of `delegate`.
    pub delegate: Option<u32>,
}

/// An open frame, while reading.
#[derive(Clone, Copy, Default)]
struct Open {
    /// The loop that it is or stands in.
    looping: Option<usize>,
    /// Its number in [`FunctionFacts::tries`], if it is one.
    attempt: Option<usize>,
}

impl FunctionFacts {
    /// Reads a function; forgets the one before. `makes_call` says of
    /// a function whether a call of it is one, or leaves one where its body is
    /// inlined.
    pub fn read(&mut self, operators: OperatorsReader<'_>, makes_call: impl Fn(u32) -> bool) {
        self.loops.clear();
        self.weight = 0;
        self.tries.clear();
        self.written.clear();
        self.locals = 0;
        self.past = (0, 0);
        self.frames.clear();
        self.frames.push(Open::default());
        self.constant = None;
        for (op, _) in Operator::all(operators).map_while(Result::ok) {
            self.operator(&op, &makes_call);
        }
    }

    /// Whether a local is written.
    pub fn writes(&self, local: usize) -> bool {
        self.written.get(local).is_some_and(|&written| written)
    }

    /// One more than the largest number of a local that the function names.
    pub fn locals(&self) -> usize {
        self.locals
    }

    /// The next loop.
    pub fn next_loop(&mut self) -> LoopFacts {
        self.past.0 += 1;
        let found = self.loops.get(self.past.0 - 1);
        found.copied().unwrap_or_default()
    }

    /// What the next `try` catches.
    pub fn next_try(&mut self) -> Clauses {
        self.past.1 += 1;
        let found = self.tries.get_mut(self.past.1 - 1);
        found.map(std::mem::take).unwrap_or_default()
    }

    fn operator(&mut self, op: &Operator<'_>, makes_call: &impl Fn(u32) -> bool) {
        let around = self.frames.last().copied().unwrap_or_default();
        match op.frame_step() {
            FrameStep::Opens => self.open(op, around),
            FrameStep::Divides | FrameStep::Closes => self.step(op, around),
            FrameStep::Stays => self.local(op),
        }
        let constant = match op {
            Operator::I32Const { value } => Some(i64::from(*value)),
            Operator::I64Const { value } => Some(*value),
            _ => None,
        };
        let operand = std::mem::replace(&mut self.constant, constant);
        if let Some(inner) = around.looping
            && !self.loops[inner].calls
            && calls(op, operand, makes_call)
        {
            self.loops[inner].calls = true;
        }
        self.weight = self.weight.saturating_add(weight(op));
    }

    /// Opens a frame; `around`: the one that it is in.
    fn open(&mut self, op: &Operator<'_>, around: Open) {
        let mut frame = Open {
            attempt: None,
            ..around
        };
        if let Operator::Loop { .. } = op {
            frame.looping = Some(self.loops.len());
            self.loops.push(LoopFacts {
                weight: self.weight,
                ..LoopFacts::default()
            });
        }
        if let Operator::Try { .. } = op {
            frame.attempt = Some(self.tries.len());
            self.tries.push(Clauses::default());
        }
        self.frames.push(frame);
    }

    /// Ends the innermost frame or a part of it: where that is a `try`, what it
    /// catches is known by this.
    fn step(&mut self, op: &Operator<'_>, innermost: Open) {
        if let Some(clauses) = innermost.attempt.and_then(|n| self.tries.get_mut(n)) {
            match *op {
                Operator::Catch { tag_index } => clauses.catches.push((Some(tag_index), false)),
                Operator::CatchAll => clauses.catches.push((None, false)),
                Operator::Delegate { relative_depth } => clauses.delegate = Some(relative_depth),
                _ => {}
            }
        }
        if op.frame_step() == FrameStep::Closes {
            self.close();
        }
    }

    /// Takes note of what names a local, or throws again.
    fn local(&mut self, op: &Operator<'_>) {
        let (number, writes) = match *op {
            Operator::LocalGet { local_index } => (local_index as usize, false),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                (local_index as usize, true)
            }
            Operator::Rethrow { relative_depth } => return self.rethrow(relative_depth),
            _ => return,
        };
        self.locals = self.locals.max(number + 1);
        if writes {
            if self.written.len() <= number {
                self.written.resize(number + 1, false);
            }
            self.written[number] = true;
        }
    }

    fn close(&mut self) {
        let inner = self.frames.pop().and_then(|f| f.looping);
        let outer = self.frames.last().and_then(|f| f.looping);
        let Some(inner) = inner.filter(|&inner| outer != Some(inner)) else {
            return;
        };
        let weight = self.weight - self.loops[inner].weight;
        self.loops[inner].small = is_small_loop(weight);
        if let Some(outer) = outer {
            self.loops[outer].calls |= self.loops[inner].calls;
        }
    }

    fn rethrow(&mut self, depth: u32) {
        let frame = self.frames.iter().rev().nth(depth as usize);
        let clauses = frame
            .and_then(|f| f.attempt)
            .and_then(|n| self.tries.get_mut(n));
        if let Some((_, again)) = clauses.and_then(|c| c.catches.last_mut()) {
            *again = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function whose calls leave none.
    const INLINED: u32 = 1;

    fn look(text: &str) -> FunctionFacts {
        let wasm = wat::parse_str(text).unwrap();
        let body = wasmparser::Parser::new(0)
            .parse_all(&wasm)
            .find_map(|payload| match payload.unwrap() {
                wasmparser::Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            });
        let mut ahead = FunctionFacts::default();
        let operators = body.unwrap().get_operators_reader().unwrap();
        ahead.read(operators, |func| func != INLINED);
        ahead
    }

    fn calling(ahead: &FunctionFacts) -> Vec<bool> {
        ahead.loops.iter().map(|found| found.calls).collect()
    }

    #[test]
    fn a_call_counts_for_all_loops_around_it() {
        let ahead =
            look("(module (func $f (loop (loop (block (call $f))) (loop)) (loop (block (loop)))))");
        assert_eq!(calling(&ahead), [true, true, false, false, false]);
    }

    #[test]
    fn a_call_that_is_inlined_counts_by_what_it_leaves() {
        let ahead = look("(module (func $f (loop (call $g)) (loop (call $f))) (func $g))");
        assert_eq!(calling(&ahead), [false, true]);
    }

    #[test]
    fn writes_are_known_before_the_body() {
        let ahead = look(
            "(module (func (param i32 i32) (local i32 i32)
               (local.set 1 (local.get 0)) (drop (local.tee 2 (local.get 3)))))",
        );
        let written: Vec<bool> = (0..5).map(|local| ahead.writes(local)).collect();
        assert_eq!(written, [false, true, true, false, false]);
    }

    #[test]
    fn a_small_copy_is_no_call() {
        let ahead = look(
            "(module (memory 1) (func (param i32)
               (loop (memory.copy (i32.const 0) (i32.const 9) (i32.const 8)))
               (loop (memory.copy (i32.const 0) (i32.const 9) (local.get 0)))
               (loop (memory.fill (i32.const 0) (i32.const 9) (i32.const -1)))))",
        );
        assert_eq!(calling(&ahead), [false, true, true]);
    }

    #[test]
    fn clauses_are_known_before_the_body() {
        let ahead = look(
            "(module (tag $a) (tag $b) (func
               loop
                 try
                   try call 0 delegate 1
                 catch $b
                   nop
                 catch_all
                   block rethrow 1 end
                 end
               end))",
        );
        let outer = Clauses {
            catches: vec![(Some(1), false), (None, true)],
            delegate: None,
        };
        let inner = Clauses {
            catches: vec![],
            delegate: Some(1),
        };
        assert_eq!(ahead.tries, [outer, inner]);
        assert_eq!(calling(&ahead), [true]);
    }
}
