//! Arguments that another thread of the program changes while they are read.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::*;

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
            let mut answers = Vec::new();
            for _ in 0..1000 {
                let args = [HERE, path - 8, 0, 0];
                let answer = program.run_shared(&memory, Sys::openat, &args);
                if let Ok(fd) = answer {
                    program.run_shared(&memory, Sys::close, &[fd]).unwrap();
                }
                answers.push(answer.map(drop));
            }
            done.store(true, Ordering::Relaxed);
            // Outside of `/data` nothing is granted.
            assert!(
                answers
                    .iter()
                    .all(|a| matches!(a, Ok(()) | Err(libc::ENOENT)))
            );
        });
    }
}
