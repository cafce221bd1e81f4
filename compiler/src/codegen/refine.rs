//! Code that the machine's file has made anew, and where all that is said of it is then.

use std::collections::HashMap;
use std::ops::Range;

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::{Function, SourceLoc};

use super::{loop_alignment, output};
use crate::code::{CompiledFunction, Frame, PlaceOfValue, Reloc, TryCall, TryHandler, ValuePlace};
use crate::machine::{Backend, Draft, Moved, Refined};
use crate::translate::Origins;

/// Has the machine's file make the code of a function better, if it can: lines and the
/// costs of starts are then those of the new code.
pub(super) fn refine(
    backend: &dyn Backend,
    function: &Function,
    compiled: &CompiledCode,
    origins: &Origins,
    made: &mut CompiledFunction,
) -> bool {
    let relocs: Vec<u32> = made.relocs.iter().map(|reloc| reloc.offset).collect();
    let calls = made.try_calls.iter();
    let handlers = calls.flat_map(|call| call.handlers.iter().map(|h| (call.offset, h.offset)));
    let handlers: Vec<(u32, u32)> = handlers.collect();
    let prologue = match made.frame {
        Frame::None => 0,
        Frame::Record(_) => compiled.buffer.unwind_info.last().map_or(0, |last| last.0),
    };
    let frame = compiled.buffer.frame_layout();
    let frame = frame.map_or(0, |frame| frame.frame_to_fp_offset);
    let returns = function.signature.returns.iter();
    let refined = backend.refine(&Draft {
        bytes: &made.bytes,
        starts: &compiled.bb_starts,
        relocs: &relocs,
        handlers: &handlers,
        prologue,
        int_results: returns.filter(|r| r.value_type.is_int()).count(),
        align: made.align,
        frame,
        is_watched: !made.locals.values.is_empty(),
    });
    match refined {
        Some(refined) => apply(refined, compiled, origins, made),
        None => return false,
    }
    true
}

fn apply(
    refined: Refined,
    compiled: &CompiledCode,
    origins: &Origins,
    made: &mut CompiledFunction,
) {
    let map = Map::of(&refined);
    let moved = &refined.moved;
    let relocs = copies(moved, &made.relocs, |reloc| reloc.offset);
    made.relocs = relocs.map(|(r, offset)| Reloc { offset, ..*r }).collect();
    let traps = copies(moved, &made.traps, |trap| trap.0);
    made.traps = traps.map(|(trap, offset)| (offset, trap.1)).collect();
    made.lines = output::lines(sources(moved, compiled), origins);
    for call in &mut made.try_calls {
        *call = TryCall {
            offset: map.end(call.offset),
            frame: call.frame,
            handlers: call
                .handlers
                .iter()
                .map(|handler| TryHandler {
                    offset: map.start(handler.offset),
                    ..*handler
                })
                .collect(),
        };
    }
    for places in &mut made.locals.values {
        let old = std::mem::take(places);
        places.extend(old.into_iter().flat_map(|place| map.place(place)));
    }
    let starts: Vec<u32> = compiled.bb_starts.iter().map(|&at| map.start(at)).collect();
    let edges = compiled.bb_edges.iter();
    let edges: Vec<(u32, u32)> = edges.map(|&(a, b)| (map.start(a), map.start(b))).collect();
    made.starts = loop_alignment::starts(&edges, &starts, refined.bytes.len() as u32);
    made.bytes = refined.bytes;
}

/// Where the sources of code are said to be.
fn sources(moved: &[Moved], compiled: &CompiledCode) -> impl Iterator<Item = (u32, SourceLoc)> {
    let sources = compiled.buffer.get_srclocs_sorted();
    moved
        .iter()
        .filter(|moved| moved.new_len > 0)
        .filter_map(move |moved| {
            let after = sources.partition_point(|source| source.start <= moved.old);
            let source = sources.get(after.checked_sub(1)?)?;
            (moved.old < source.end).then_some((moved.new, source.loc))
        })
}

/// Everything that stands at an offset, for each place where it stands now.
fn copies<'a, T>(
    moved: &'a [Moved],
    all: &'a [T],
    offset: impl Fn(&T) -> u32 + Copy + 'a,
) -> impl Iterator<Item = (&'a T, u32)> {
    moved
        .iter()
        .filter(|moved| moved.new_len > 0)
        .flat_map(move |moved| {
            let first = all.partition_point(|one| offset(one) < moved.old);
            let here = all[first..].iter();
            let here = here.take_while(move |one| offset(one) < moved.old + moved.old_len);
            here.map(move |one| (one, moved.new + (offset(one) - moved.old)))
        })
}

/// Offsets by what they were.
struct Map {
    /// In the order of the old code, without copies.
    moved: Vec<Moved>,
    /// Where places are stale, ascending.
    stale: HashMap<PlaceOfValue, Vec<Range<u32>>>,
}

impl Map {
    fn of(refined: &Refined) -> Self {
        let own = refined.moved.iter().filter(|moved| !moved.is_copy);
        let mut moved: Vec<Moved> = own.copied().collect();
        moved.sort_by_key(|moved| moved.old);
        let mut stale: HashMap<_, Vec<_>> = HashMap::new();
        for (place, code) in &refined.stale {
            stale.entry(*place).or_default().push(code.clone());
        }
        Self { moved, stale }
    }

    /// The stretches of code in which a value is still where it was.
    fn place(&self, place: ValuePlace) -> Vec<ValuePlace> {
        let whole = match place.code.end {
            u32::MAX => place.code.clone(),
            end => self.start(place.code.start)..self.end(end),
        };
        let stale = self.stale.get(&place.at).map_or(&[][..], Vec::as_slice);
        let first = stale.partition_point(|stale| stale.end <= whole.start);
        let mut left = Vec::new();
        let mut from = whole.start;
        for stale in stale[first..].iter().take_while(|s| s.start < whole.end) {
            left.push(from..stale.start);
            from = stale.end;
        }
        left.push(from..whole.end);
        left.retain(|code| code.start < code.end);
        let places = left.into_iter().map(|code| ValuePlace {
            code,
            ..place.clone()
        });
        places.collect()
    }

    /// Where what began at an offset begins.
    fn start(&self, old: u32) -> u32 {
        let at = self.moved.partition_point(|moved| moved.old < old);
        match (self.moved.get(at), self.moved.last()) {
            (Some(moved), _) => moved.new,
            (None, last) => last.map_or(0, |last| last.new + last.new_len),
        }
    }

    /// Where what ended at an offset ends: as far before the end of an instruction as it
    /// was.
    fn end(&self, old: u32) -> u32 {
        let after = self.moved.partition_point(|moved| moved.old < old);
        let last = after.checked_sub(1).map(|at| &self.moved[at]);
        last.map_or(0, |last| {
            let before = (last.old + last.old_len).saturating_sub(old);
            last.new + last.new_len.saturating_sub(before)
        })
    }
}
