//! Arguments that another thread of the program changes while they are read.

use std::sync::atomic::AtomicU8;

use super::*;
use crate::race::{Numbers, at_random, in_turn, while_changing};

/// A path that changes while it is read is one of the two that it was, each
/// resolved by its own rules.
#[test]
fn a_path_that_changes_is_one_of_the_two() {
    for program in each() {
        let memory: Vec<AtomicU8> = (0..MEMORY).map(|_| AtomicU8::new(0)).collect();
        let (path, words) = (4096, [*b"/in/", *b"/../"].map(u32::from_le_bytes));
        std::fs::create_dir(program.host("in")).unwrap();
        std::fs::write(program.host("in/secret"), "inside").unwrap();
        let mut caller = Caller::of_shared_memory(&memory);
        let view = caller.view();
        view.write(path - 8, b"////data/in/secret").unwrap();
        while_changing(&memory, in_turn(path, words), || {
            let mut answers = Vec::new();
            for _ in 0..1000 {
                let args = [HERE, path - 8, 0, 0];
                let answer = program.run_shared(&memory, Sys::openat, &args);
                if let Ok(fd) = answer {
                    program.run_shared(&memory, Sys::close, &[fd]).unwrap();
                }
                answers.push(answer.map(drop));
            }
            // Outside of `/data` nothing is granted.
            assert!(
                answers
                    .iter()
                    .all(|a| matches!(a, Ok(()) | Err(libc::ENOENT)))
            );
        });
    }
}

/// Whatever another thread does to the arguments of whatever call: each answers,
/// and nothing outside of what is granted is touched.
#[test]
fn arguments_that_change_at_random_harm_nothing() {
    const PIECES: [&[u8; 4]; 8] = [
        b"/dat",
        b"a/x\0",
        b"/../",
        b"secr",
        b"et\0\0",
        b"\0\x01\0\0",
        b"\xff\xff\xff\xff",
        b"\x04\0\0\0",
    ];
    /// Where arguments are, and changed.
    const PLACE: u64 = 4096;
    for program in each() {
        let memory: Vec<AtomicU8> = (0..MEMORY).map(|_| AtomicU8::new(0)).collect();
        std::fs::write(program.host("x"), "content").unwrap();
        let calls: Vec<Sys> = Sys::all()
            .filter(|sys| sys.number(program.abi).is_some() && !super::hostile::WAIT.contains(sys))
            .collect();
        while_changing(&memory, at_random(PLACE, PIECES), || {
            let mut numbers = Numbers(7);
            for _ in 0..10_000 {
                let sys = calls[numbers.below(calls.len())];
                let args = [(); 6].map(|()| match numbers.below(3) {
                    0 => numbers.word(PLACE),
                    1 => numbers.below(8) as u64,
                    _ => 0xffff_ff9c,
                });
                let caller = Caller::of_shared_memory(&memory);
                let answer = run(&program.functions, program.abi, caller, sys, &args);
                assert!(
                    matches!(answer, Ok(_) | Err(HostError::Exit(_))),
                    "{sys:?} {answer:?}"
                );
            }
        });
        let secret = std::fs::read(program.outer.path().join("secret")).unwrap();
        assert_eq!(secret, b"secret");
    }
}
