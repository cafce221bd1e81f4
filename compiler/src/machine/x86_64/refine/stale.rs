//! Where places do not hold what debuggers are told.
//!
//! A move that was left out as nothing reads its target would have put a value there of
//! which a debugger knows. Up to the next write the place has another.

use std::ops::Range;

use super::dead;
use super::decode::{Function, Op, State};
use super::places::{Places, Use};
use super::registers;
use crate::code::PlaceOfValue;
use crate::machine::backend::Moved;

/// Bytes from the frame pointer to the canonical frame address.
const FRAME_RECORD: i64 = 16;

/// The places that are stale before each instruction: a bit each.
pub(super) fn after(function: &Function, places: &Places) -> Vec<u128> {
    let mut starts = vec![0u128; function.blocks.len()];
    let mut todo: Vec<usize> = (0..function.blocks.len()).rev().collect();
    let mut is_queued = vec![true; function.blocks.len()];
    let mut all = vec![0; function.ops.len()];
    while let Some(block) = todo.pop() {
        is_queued[block] = false;
        let mut stale = starts[block];
        for number in function.blocks[block].ops.clone() {
            all[number] = stale;
            step(&function.ops[number], &mut stale, places);
        }
        for &next in &function.blocks[block].next {
            if starts[next] | stale != starts[next] {
                starts[next] |= stale;
                if !std::mem::replace(&mut is_queued[next], true) {
                    todo.push(next);
                }
            }
        }
    }
    all
}

fn step(op: &Op, stale: &mut u128, places: &Places) {
    match op.state {
        State::Dead => *stale |= dead::written(op, places).map_or(0, |place| 1 << place),
        // What it would have written is there.
        State::Repeated => {}
        State::Kept | State::Changed => {
            *stale &= !u128::from(op.uses.writes);
            if let Some((slot, Use::Store)) = places.slot(&op.instruction) {
                *stale &= !(1 << slot);
            }
        }
    }
}

/// The same as stretches of new code.
pub(super) fn stretches(
    function: &Function,
    places: &Places,
    stale: &[u128],
    frame: u32,
    moved: &[Moved],
) -> Vec<(PlaceOfValue, Range<u32>)> {
    let mut stretches: Vec<(PlaceOfValue, Range<u32>)> = Vec::new();
    let op_of = |moved: &Moved| function.ops.partition_point(|op| op.at < moved.old);
    let stale: Vec<u128> = moved.iter().map(|moved| stale[op_of(moved)]).collect();
    for place in 0..places.count() {
        let at = match places.displacement(place) {
            None => PlaceOfValue::Register(registers::of_dwarf(place)),
            Some(at) => PlaceOfValue::Frame(i64::from(at) - i64::from(frame) - FRAME_RECORD),
        };
        let mut last: Option<Range<u32>> = None;
        for (moved, stale) in moved.iter().zip(&stale) {
            if stale >> place & 1 == 0 {
                continue;
            }
            let end = moved.new + moved.new_len;
            last = match last.take() {
                Some(last) if last.end == moved.new => Some(last.start..end),
                done => {
                    stretches.extend(done.map(|range| (at, range)));
                    Some(moved.new..end)
                }
            };
        }
        stretches.extend(last.map(|range| (at, range)));
    }
    stretches
}
