//! Where in a cache line a function is best put, for the sake of its loops.
//!
//! Processors fetch and keep decoded code by lines of 64 bytes: a loop that
//! reaches into one line more than it has to is up to twice as slow. The code
//! generator does not align loops, so functions are put such that most of their
//! innermost loops touch as few lines as can be.

use std::collections::HashMap;

use crate::code::{LINE, STARTS, Starts};

/// Of loops longer than this, in bytes, the first block alone counts: it runs most.
const LONG: u32 = 4 * LINE;
/// Bytes of an entry of a table that is jumped through.
const TABLE_ENTRY: u32 = 4;

/// The cost of each start in a line.
pub(super) fn starts(edges: &[(u32, u32)], starts: &[u32], size: u32) -> Starts {
    let loops = loops(edges, starts, size);
    std::array::from_fn(|start| {
        let skew = start as u32 * (LINE / STARTS as u32);
        loops.iter().map(|&span| lines(span, skew)).sum()
    })
}

/// Lines, more than needed, that code touches.
fn lines((from, to): (u32, u32), skew: u32) -> u32 {
    let touched = (to + skew).div_ceil(LINE) - (from + skew) / LINE;
    touched - (to - from).div_ceil(LINE)
}

/// The innermost loops, as ranges of code.
fn loops(edges: &[(u32, u32)], starts: &[u32], size: u32) -> Vec<(u32, u32)> {
    let back = edges.iter().filter(|(from, to)| to <= from);
    let mut spans: Vec<(u32, u32)> = back.copied().collect();
    if spans.is_empty() {
        return spans;
    }
    let mut starts = starts.to_vec();
    starts.sort_unstable();
    let mut ways: HashMap<u32, u32> = HashMap::new();
    for &(from, _) in edges {
        *ways.entry(from).or_default() += 1;
    }
    let end = |start: u32| {
        let next = starts.partition_point(|&other| other <= start);
        let end = starts.get(next).copied().unwrap_or(size);
        // A table that is jumped through stands behind the jump.
        let table = match ways.get(&start) {
            Some(&ways @ 3..) => TABLE_ENTRY * (ways - 1),
            _ => 0,
        };
        end.saturating_sub(table).max(start)
    };
    for span in &mut spans {
        *span = (span.1, end(span.0));
    }
    // Of several ways back to one head, the longest makes the loop.
    spans.sort_unstable_by_key(|&(from, to)| (from, std::cmp::Reverse(to)));
    spans.dedup_by_key(|&mut (from, _)| from);
    let innermost = |number: usize, &(_, to): &(u32, u32)| {
        let next = spans.get(number + 1);
        next.is_none_or(|&(from, _)| from >= to)
    };
    let inner = spans
        .iter()
        .enumerate()
        .filter(|&(n, span)| innermost(n, span));
    let hot = inner.map(|(_, &(from, to))| match to - from {
        0..=LONG => (from, to),
        _ => (from, end(from)),
    });
    hot.filter(|(from, to)| from < to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_fits_a_line_is_best_in_one() {
        // From 0x4a to 0x74.
        let costs = [0, 16, 32, 48].map(|skew| lines((0x4a, 0x74), skew));
        assert_eq!(costs, [0, 1, 1, 1]);
        let costs = [0, 16, 32, 48].map(|skew| lines((0x26, 0x8d), skew));
        assert_eq!(costs, [1, 1, 0, 0]);
    }
}
