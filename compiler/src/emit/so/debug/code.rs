//! Which native code a stretch of a function's wasm code has become.

use std::ops::Range;

use wasmaot_abi::maps::lines::{Line, decode_stream};

use super::super::plan::Plan;

/// What may still be done for a module's DWARF: it is from anywhere, and what is
/// made of it must not be more than in proportion to its size.
pub(super) struct Budget(usize);

/// Steps for each byte of DWARF.
const STEPS: usize = 64;
/// What is kept costs steps: an attribute, a range, a place. By these, what is kept
/// at most for each byte of DWARF is some hundred bytes.
pub(super) const ATTRIBUTE: usize = 8;
const RANGE: usize = 8;
pub(super) const PLACE: usize = 16;

impl Budget {
    pub fn new(plan: &Plan<'_>) -> Self {
        let size: usize = plan.module.debug.values().map(|bytes| bytes.len()).sum();
        Self(size.saturating_mul(STEPS))
    }

    /// Takes some steps; `None` if there are no more.
    pub fn spend(&mut self, steps: usize) -> Option<()> {
        self.0 = self.0.checked_sub(steps)?;
        Some(())
    }
}

/// The code of one function.
pub(super) struct FunctionCode {
    /// Its number in [`Code::functions`](crate::code::Code::functions).
    pub number: usize,
    /// Offset of an operator in the module, and the code for it, by that offset.
    stretches: Vec<(u32, Range<u32>)>,
}

impl FunctionCode {
    /// What is inlined into the function counts as its call.
    pub fn new(plan: &Plan<'_>, number: usize, budget: &mut Budget) -> Option<Self> {
        let function = &plan.code.functions[number];
        budget.spend(function.lines.len())?;
        let (inlined, lines) = decode_stream(&function.lines)?;
        let mut outermost: Vec<u32> = Vec::with_capacity(inlined.len());
        for call in &inlined {
            let offset = match call.caller.checked_sub(1) {
                Some(caller) => *outermost.get(caller as usize)?,
                None => call.offset,
            };
            outermost.push(offset);
        }
        let wasm = |line: &Line| match line.site.checked_sub(1) {
            Some(site) => outermost.get(site as usize).copied(),
            None => Some(line.wasm),
        };
        let mut stretches: Vec<(u32, Range<u32>)> = Vec::new();
        for line in lines {
            if let Some((_, last)) = stretches.last_mut() {
                last.end = line.code;
            }
            stretches.push((wasm(&line)?, line.code..function.bytes.len() as u32));
        }
        stretches.sort_unstable_by_key(|(wasm, code)| (*wasm, code.start));
        Some(Self { number, stretches })
    }

    /// The code for operators at offsets in the module, ascending, neighbours joined.
    pub fn native(&self, wasm: &Range<u32>, budget: &mut Budget) -> Option<Vec<Range<u32>>> {
        let first = self.stretches.partition_point(|(at, _)| *at < wasm.start);
        let last = self.stretches.partition_point(|(at, _)| *at < wasm.end);
        let found = self.stretches.get(first..last).unwrap_or_default();
        budget.spend(1 + RANGE * found.len())?;
        let mut code: Vec<Range<u32>> = found.iter().map(|(_, code)| code.clone()).collect();
        code.retain(|code| !code.is_empty());
        code.sort_unstable_by_key(|code| code.start);
        code.dedup_by(|next, last| {
            let joined = next.start <= last.end;
            if joined {
                last.end = last.end.max(next.end);
            }
            joined
        });
        Some(code)
    }
}

/// What two lists of ascending ranges have in common.
pub(super) fn common<'a>(
    one: &'a [Range<u32>],
    other: &'a Range<u32>,
) -> impl Iterator<Item = Range<u32>> + 'a {
    let first = one.partition_point(|range| range.end <= other.start);
    let rest = one[first..].iter();
    let rest = rest.take_while(|range| range.start < other.end);
    rest.map(|range| range.start.max(other.start)..range.end.min(other.end))
}
