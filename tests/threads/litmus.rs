//! Litmus tests of the memory model.

use crate::common::Sandbox;
use crate::program::{program, put, run, whole_program};

#[test]
fn no_outcome_is_seen_that_the_memory_model_forbids() {
    let sandbox = Sandbox::new();
    put(&sandbox, &[program("litmus.c"), whole_program("litmus.c")]);
    for options in [["-O0", "main.wasm"], ["-O2", "whole.wasm"]] {
        let counts = run(&sandbox, &options).success();
        println!("{options:?}\n{counts}");
        assert_eq!(
            counts.matches("forbidden 0 of 30000").count(),
            13,
            "{counts}"
        );
        assert!(counts.ends_with("none is lost\n"), "{counts}");
    }
}
