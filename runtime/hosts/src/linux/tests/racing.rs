//! Arguments that another thread of the program changes while they are read.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::*;

/// Lets the other thread end, also where a check fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A path that changes while it is read is one of the two that it was, each
/// resolved by its own rules.
#[test]
fn a_path_that_changes_is_one_of_the_two() {
    for program in each() {
        let memory: Vec<AtomicU8> = (0..MEMORY).map(|_| AtomicU8::new(0)).collect();
        let (path, words) = (4096, [*b"/in/", *b"/../"].map(u32::from_le_bytes));
        std::fs::create_dir(program.host("in")).unwrap();
        std::fs::write(program.host("in/secret"), "inside").unwrap();
        let view = |run: &mut dyn FnMut(wasmaot_runtime::GuestMemory<'_>)| {
            run(Caller::of_shared_memory(&memory).view());
        };
        view(&mut |view| view.write(path - 8, b"////data/in/secret").unwrap());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let change = || {
                while !done.load(Ordering::Relaxed) {
                    for word in words {
                        view(&mut |view| view.store_u32(path, word).unwrap());
                        std::thread::yield_now();
                    }
                }
            };
            scope.spawn(change);
            let _stop = Stop(&done);
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
        let done = AtomicBool::new(false);
        let next = |state: &mut u64, most: usize| {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (*state >> 33) as usize % most
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut caller = Caller::of_shared_memory(&memory);
                let (view, mut state) = (caller.view(), 1);
                while !done.load(Ordering::Relaxed) {
                    let at = PLACE + 4 * next(&mut state, 32) as u64;
                    let piece = PIECES[next(&mut state, PIECES.len())];
                    view.store_u32(at, u32::from_le_bytes(*piece)).unwrap();
                }
            });
            let _stop = Stop(&done);
            let mut state = 7;
            for _ in 0..10_000 {
                let sys = calls[next(&mut state, calls.len())];
                let args = [(); 6].map(|()| match next(&mut state, 3) {
                    0 => PLACE + 4 * next(&mut state, 32) as u64,
                    1 => next(&mut state, 8) as u64,
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
