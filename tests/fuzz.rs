//! A bounded run of each fuzzing target: random modules do the same under
//! wasmtime, at every level of optimisation; damaged modules and objects are
//! refused or taken, never a panic; one wrong type in an interface is refused;
//! programs with hostile arguments do the host no harm. The seeds are always
//! the same; `wasmaot-fuzz` tries others.
//!
//! What modules do on another machine is compared by `tests/run --target`, which says
//! what runs them there.

use wasmaot_fuzz::{Outcome, Target};

/// Tries that many cases; how many passed.
fn run(target: Target, cases: u64) -> usize {
    let outcomes = (0..cases).map(|seed| {
        let outcome = target.try_case(seed);
        outcome.unwrap_or_else(|what| panic!("{} --case {seed}: {what}", target.name()))
    });
    outcomes.filter(|o| *o == Outcome::Passed).count()
}

#[test]
fn modules() {
    assert!(run(Target::Modules, 100) > 90);
}

#[test]
fn sets() {
    assert!(run(Target::Sets, 60) > 50);
}

#[test]
#[ignore = "needs another machine, as `tests/run --target aarch64` has one"]
fn machines() {
    assert!(run(Target::Machines, 100) > 90);
}

#[test]
fn damaged_modules() {
    assert!(run(Target::Inputs, 2000) > 100);
}

#[test]
fn programs_with_hostile_arguments() {
    assert_eq!(run(Target::Programs, 150), 150);
}

#[test]
fn damaged_objects() {
    assert!(run(Target::Objects, 6000) > 100);
}

#[test]
fn types() {
    let right = run(Target::Types, 400);
    assert!((50..350).contains(&right), "{right}");
}
