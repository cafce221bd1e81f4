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
use crate::machine::backend::{FRAME_RECORD, Moved};

/// The places that are stale before each instruction: a bit each.
pub(super) fn after(function: &Function, places: &Places) -> Vec<u128> {
    let ops = |block: usize| function.blocks[block].ops.clone();
    let through = |block: usize, stale: u128| {
        ops(block).fold(stale, |stale, op| step(&function.ops[op], stale, places))
    };
    let starts = function.spread(|block| &function.blocks[block].next, through);
    let mut all = vec![0; function.ops.len()];
    for (block, mut stale) in starts.into_iter().enumerate() {
        for op in ops(block) {
            all[op] = stale;
            stale = step(&function.ops[op], stale, places);
        }
    }
    all
}

/// The places that are stale after an instruction.
fn step(op: &Op, stale: u128, places: &Places) -> u128 {
    match op.state {
        State::Dead => stale | dead::written(op, places).map_or(0, |place| 1 << place),
        // What it would have written is there.
        State::Repeated => stale,
        State::Kept | State::Changed => {
            let stored = match places.slot(&op.instruction) {
                Some((slot, Use::Store)) => 1 << slot,
                _ => 0,
            };
            stale & !(u128::from(op.uses.writes) | stored)
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
