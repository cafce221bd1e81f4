//! Backtraces as lines: what recursion repeats is said once.

use super::{Frame, Trap};

/// Longest cycle of functions that is looked for.
pub(crate) const CYCLE: usize = 8;
/// As often a cycle has to repeat to be folded.
const REPEATED: usize = 3;

/// A line of a backtrace.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// A frame and its number.
    Frame(usize, &'a Frame),
    /// As many frames, of functions in turn; not known which if empty.
    More(usize, Vec<&'a Frame>),
}

/// The lines of a trap's backtrace.
pub(super) fn lines(trap: &Trap) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    if trap.omitted == 0 {
        fold(&trap.frames, 0, &mut lines);
        return lines;
    }
    let (innermost, mut outermost) = trap.frames.split_at(Trap::KEPT.min(trap.frames.len()));
    fold(innermost, 0, &mut lines);
    match lines.last_mut() {
        // What is left out goes on with it.
        Some(Line::More(count, cycle)) if trap.omitted_repeat => {
            let same = |frame: &Frame| cycle.iter().any(|c| is_same(c, frame));
            let skipped = outermost.iter().take_while(|f| same(f)).count();
            *count += trap.omitted + skipped;
            outermost = &outermost[skipped..];
        }
        _ => lines.push(Line::More(trap.omitted, Vec::new())),
    }
    let number = trap.frames.len() + trap.omitted - outermost.len();
    fold(outermost, number, &mut lines);
    lines
}

/// Whether two frames are of the same function.
pub(super) fn is_same(a: &Frame, b: &Frame) -> bool {
    a.function == b.function && a.object == b.object
}

/// Folds frames, the first of which has this number.
fn fold<'a>(frames: &'a [Frame], number: usize, lines: &mut Vec<Line<'a>>) {
    let mut at = 0;
    while at < frames.len() {
        let rest = &frames[at..];
        let found = (1..=CYCLE).find_map(|cycle| {
            let again = rest.iter().zip(rest.get(cycle..)?);
            let again = again.take_while(|(a, b)| is_same(a, b)).count();
            (again + cycle >= REPEATED * cycle).then_some((cycle, again))
        });
        let (shown, more) = found.unwrap_or((1, 0));
        let numbered = rest.iter().enumerate().take(shown);
        lines.extend(numbered.map(|(i, frame)| Line::Frame(number + at + i, frame)));
        if more > 0 {
            lines.push(Line::More(more, rest[..shown].iter().collect()));
        }
        at += shown + more;
    }
}
