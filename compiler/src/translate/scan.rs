//! A look ahead through a function: which loops make calls.

use wasmparser::{Operator, OperatorsReader};

/// Whether each loop of a function makes a call, in the order of the loops.
/// What cannot be read counts as the end; translation will say so.
pub(super) fn calling_loops(operators: OperatorsReader<'_>, loops: &mut Vec<bool>) {
    loops.clear();
    // The loop that each open frame is or stands in.
    let mut frames: Vec<Option<usize>> = vec![None];
    for op in operators.into_iter().map_while(Result::ok) {
        match op {
            Operator::Loop { .. } => {
                frames.push(Some(loops.len()));
                loops.push(false);
            }
            Operator::Block { .. } | Operator::If { .. } => {
                frames.push(frames.last().copied().flatten());
            }
            Operator::End => {
                let inner = frames.pop().flatten();
                let outer = frames.last().copied().flatten();
                if let (Some(inner), Some(outer)) = (inner, outer) {
                    loops[outer] |= loops[inner];
                }
            }
            _ if calls(&op) => {
                if let Some(&Some(inner)) = frames.last() {
                    loops[inner] = true;
                }
            }
            _ => {}
        }
    }
}

/// Whether an operator becomes a call after which the function goes on.
fn calls(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
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

    #[test]
    fn a_call_counts_for_all_loops_around_it() {
        let wasm = wat::parse_str(
            "(module (func $f (loop (loop (block (call $f))) (loop)) (loop (block (loop)))))",
        )
        .unwrap();
        let body = wasmparser::Parser::new(0)
            .parse_all(&wasm)
            .find_map(|payload| match payload.unwrap() {
                wasmparser::Payload::CodeSectionEntry(body) => Some(body),
                _ => None,
            });
        let mut loops = vec![true];
        let operators = body.unwrap().get_operators_reader().unwrap();
        calling_loops(operators, &mut loops);
        assert_eq!(loops, [true, true, false, false, false]);
    }
}
