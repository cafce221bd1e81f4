//! Whether what two engines or machines show of a case is the same.

use wasmaot_test_agent::case::{Event, Frame};

/// Whether two logs agree, up to where either used up its stack; `names`: who is wanted
/// to agree with what was found, and of whom that is.
///
/// # Errors
/// The first difference, and what was before it.
pub fn compare(wanted: &[Event], found: &[Event], names: [&str; 2]) -> Result<(), String> {
    let ends = |events: &[Event]| events.last() == Some(&Event::Exhausted);
    for at in 0..wanted.len().max(found.len()) {
        let (ours, theirs) = (found.get(at), wanted.get(at));
        match (ours, theirs) {
            (Some(Event::Exhausted), _) | (_, Some(Event::Exhausted)) => return Ok(()),
            (Some(ours), Some(theirs)) if same(ours, theirs) => {}
            _ => {
                let context = found[at.saturating_sub(20).min(found.len())..at].iter();
                let context: Vec<_> = context.map(|e| format!("  {e}")).collect();
                let show =
                    |event: Option<&Event>| event.map_or("the end".to_owned(), Event::to_string);
                return Err(format!(
                    "after\n{}\n{}\n  {}\n{}\n  {}",
                    context.join("\n"),
                    names[1],
                    show(ours),
                    names[0],
                    show(theirs)
                ));
            }
        }
    }
    debug_assert!(!ends(wanted) && !ends(found));
    Ok(())
}

fn same(ours: &Event, theirs: &Event) -> bool {
    let (Event::Stop(a), Event::Stop(b)) = (ours, theirs) else {
        return ours == theirs;
    };
    // wasmtime has one name for what we name more finely.
    let broad = |reason: &str| match reason {
        "undefined element" => "out of bounds table access".to_owned(),
        // An access may be both; which is found first is open.
        "unaligned atomic" => "out of bounds memory access".to_owned(),
        "null exception reference" | "null function reference" => "null reference".to_owned(),
        other => other.to_owned(),
    };
    broad(&a.reason) == broad(&b.reason) && a.depth == b.depth && same_frames(&a.frames, &b.frames)
}

fn same_frames(ours: &[Frame], theirs: &[Frame]) -> bool {
    // The innermost frame's offset may be that of an instruction that the code
    // generator has made one with the stopping one: a load's consumer, a branch
    // around a trap.
    match (ours.split_first(), theirs.split_first()) {
        (Some(((ours, _), callers)), Some(((theirs, _), their_callers))) => {
            ours == theirs && callers == their_callers
        }
        _ => ours == theirs,
    }
}
