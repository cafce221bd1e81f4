//! A look ahead through a function: which loops make calls, and what each
//! `try` of the older encoding catches, which stands after its body.

use wasmparser::{Operator, OperatorsReader};

use super::small;

/// What was found. What cannot be read counts as the end; translation will say
/// so.
#[derive(Default)]
pub(super) struct Ahead {
    /// Whether each loop makes a call, in the order of the loops.
    pub calling_loops: Vec<bool>,
    /// What each `try` of the older encoding catches, in order.
    pub tries: Vec<Clauses>,
    frames: Vec<Open>,
    /// The constant that the last operator was.
    constant: Option<i64>,
}

/// What a `try` of the older encoding does with an exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clauses {
    /// By clause: the tag, `None` for all of them; and whether the clause
    /// throws the exception again.
    pub catches: Vec<(Option<u32>, bool)>,
    /// The label of `delegate`.
    pub delegate: Option<u32>,
}

/// An open frame.
#[derive(Clone, Copy, Default)]
struct Open {
    /// The loop that it is or stands in.
    looping: Option<usize>,
    /// Its number in [`Ahead::tries`], if it is one.
    attempt: Option<usize>,
}

impl Ahead {
    /// Looks through a function; forgets the one before.
    pub fn look(&mut self, operators: OperatorsReader<'_>) {
        self.calling_loops.clear();
        self.tries.clear();
        self.frames.clear();
        self.frames.push(Open::default());
        self.constant = None;
        for op in operators.into_iter().map_while(Result::ok) {
            self.operator(&op);
        }
    }

    fn operator(&mut self, op: &Operator<'_>) {
        let around = self.frames.last().copied().unwrap_or_default();
        let attempt = around.attempt.and_then(|n| self.tries.get_mut(n));
        match op {
            Operator::Loop { .. } => {
                let looping = Some(self.calling_loops.len());
                self.calling_loops.push(false);
                let attempt = None;
                self.frames.push(Open { looping, attempt });
            }
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                let attempt = None;
                self.frames.push(Open { attempt, ..around });
            }
            Operator::Try { .. } => {
                let attempt = Some(self.tries.len());
                self.tries.push(Clauses::default());
                self.frames.push(Open { attempt, ..around });
            }
            Operator::Catch { tag_index } => {
                attempt
                    .into_iter()
                    .for_each(|t| t.catches.push((Some(*tag_index), false)));
            }
            Operator::CatchAll => {
                attempt
                    .into_iter()
                    .for_each(|t| t.catches.push((None, false)));
            }
            Operator::Delegate { relative_depth } => {
                attempt
                    .into_iter()
                    .for_each(|t| t.delegate = Some(*relative_depth));
                self.close();
            }
            Operator::Rethrow { relative_depth } => self.rethrow(*relative_depth),
            Operator::End => self.close(),
            _ => {}
        }
        let constant = match op {
            Operator::I32Const { value } => Some(i64::from(*value)),
            Operator::I64Const { value } => Some(*value),
            _ => None,
        };
        let len = std::mem::replace(&mut self.constant, constant);
        if calls(op, len)
            && let Some(inner) = around.looping
        {
            self.calling_loops[inner] = true;
        }
    }

    fn close(&mut self) {
        let inner = self.frames.pop().and_then(|f| f.looping);
        let outer = self.frames.last().and_then(|f| f.looping);
        if let (Some(inner), Some(outer)) = (inner, outer) {
            self.calling_loops[outer] |= self.calling_loops[inner];
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

/// Whether an operator becomes a call after which the function goes on;
/// `constant`: its last operand, if it is one.
fn calls(op: &Operator<'_>, constant: Option<i64>) -> bool {
    if let Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } = op {
        return !constant.is_some_and(small::is_small);
    }
    matches!(
        op,
        Operator::Call { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryInit { .. }
            | Operator::MemoryAtomicWait32 { .. }
            | Operator::MemoryAtomicWait64 { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Ahead {
        let wasm = wat::parse_str(text).unwrap();
        let body = wasmparser::Parser::new(0)
            .parse_all(&wasm)
            .find_map(|payload| match payload.unwrap() {
                wasmparser::Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            });
        let mut ahead = Ahead::default();
        ahead.look(body.unwrap().get_operators_reader().unwrap());
        ahead
    }

    #[test]
    fn a_call_counts_for_all_loops_around_it() {
        let ahead =
            look("(module (func $f (loop (loop (block (call $f))) (loop)) (loop (block (loop)))))");
        assert_eq!(ahead.calling_loops, [true, true, false, false, false]);
    }

    #[test]
    fn a_small_copy_is_no_call() {
        let ahead = look(
            "(module (memory 1) (func (param i32)
               (loop (memory.copy (i32.const 0) (i32.const 9) (i32.const 8)))
               (loop (memory.copy (i32.const 0) (i32.const 9) (local.get 0)))
               (loop (memory.fill (i32.const 0) (i32.const 9) (i32.const -1)))))",
        );
        assert_eq!(ahead.calling_loops, [false, true, true]);
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
        assert_eq!(ahead.calling_loops, [true]);
    }
}
