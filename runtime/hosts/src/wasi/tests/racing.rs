//! Arguments that another thread of the guest changes while they are read.

use std::sync::atomic::AtomicU8;

use super::*;
use crate::race::{Numbers, at_random, in_turn, while_changing};

/// Times that a call is made against a thread that changes its arguments.
const ROUNDS: usize = 2000;

/// A guest whose memory other threads use.
struct Shared {
    guest: Guest,
    memory: Vec<AtomicU8>,
}

impl Shared {
    fn new() -> Self {
        let memory = (0..MEMORY).map(|_| AtomicU8::new(0)).collect();
        let guest = Guest::new();
        Self { guest, memory }
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        let mut caller = Caller::of_shared_memory(&self.memory);
        caller.view().write(at, bytes).unwrap();
    }

    fn u32_at(&self, at: u64) -> u32 {
        let mut caller = Caller::of_shared_memory(&self.memory);
        caller.view().load_u32(at).unwrap()
    }

    /// Calls a function that answers an error number.
    fn call(&self, name: &str, args: &[u64]) -> Result<(), Errno> {
        let function = &self.guest.functions[name];
        let types = function.ty().params.iter().zip(args);
        let args: Vec<Val> = types
            .map(|(&ty, &arg)| Val::from_bits(ty, arg.into()))
            .collect();
        let mut results = [Val::I32(0)];
        let mut caller = Caller::of_shared_memory(&self.memory);
        function.call(&mut caller, &args, &mut results).unwrap();
        match results {
            [Val::I32(0)] => Ok(()),
            [Val::I32(number)] => Err(Errno(number.try_into().unwrap())),
            _ => panic!("{name} has other results"),
        }
    }

    /// Runs `check` while another thread stores one word and the other, over
    /// and over.
    fn while_changing(&self, at: u64, words: [u32; 2], check: impl FnOnce(&Self)) {
        while_changing(&self.memory, in_turn(at, words), || check(self));
    }
}

/// What is opened is what was checked: either path, each by its own rules, and
/// nothing in between.
#[test]
fn a_path_that_changes_is_one_of_the_two() {
    let shared = Shared::new();
    std::fs::create_dir(shared.guest.host("in")).unwrap();
    std::fs::write(shared.guest.host("in/secret"), "inside").unwrap();
    let path = 4096;
    shared.put(path, b"in//secret");
    let words = [*b"in//", *b"..//"].map(u32::from_le_bytes);
    shared.while_changing(path, words, |shared| {
        let mut seen = [0; 2];
        for _ in 0..ROUNDS {
            let args = [ROOT, 0, path, 10, 0, READ, 0, 0, OUT];
            match shared.call("path_open", &args) {
                Ok(()) => {
                    let fd = shared.u32_at(OUT).into();
                    shared.put(64, &[128_u32, 16].map(u32::to_le_bytes).concat());
                    shared.call("fd_read", &[fd, 64, 1, OUT]).unwrap();
                    assert_eq!(shared.u32_at(OUT), 6);
                    assert_eq!(shared.u32_at(128).to_le_bytes(), *b"insi");
                    shared.call("fd_close", &[fd]).unwrap();
                    seen[0] += 1;
                }
                Err(Errno::PERM) => seen[1] += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(seen.iter().sum::<usize>(), ROUNDS);
    });
}

/// A list of buffers is read once: what is written is as long as what was found
/// to be in memory.
#[test]
fn a_buffer_that_changes_is_inside_or_refused() {
    let shared = Shared::new();
    let (list, text) = (64, 128);
    shared.put(text, b"text");
    shared.put(list, &[text as u32, 4].map(u32::to_le_bytes).concat());
    shared.while_changing(list + 4, [4, u32::MAX], |shared| {
        let mut written = 0;
        for _ in 0..ROUNDS {
            match shared.call("fd_write", &[1, list, 1, OUT]) {
                Ok(()) => {
                    assert_eq!(shared.u32_at(OUT), 4);
                    written += 1;
                }
                Err(error) => assert_eq!(error, Errno::FAULT),
            }
        }
        assert_eq!(shared.guest.stdout.take(), b"text".repeat(written));
    });
}

/// The kind of a subscription is read once.
#[test]
fn a_subscription_that_changes_is_one_of_the_two() {
    let shared = Shared::new();
    let (list, events) = (4096, 8192);
    // A clock that has struck, or standard output to be written.
    shared.put(list, &7_u64.to_le_bytes());
    shared.put(list + 16, &1_u32.to_le_bytes());
    shared.while_changing(list + 8, [0, 2], |shared| {
        for _ in 0..ROUNDS {
            shared.call("poll_oneoff", &[list, events, 1, OUT]).unwrap();
            assert_eq!(shared.u32_at(OUT), 1);
            assert_eq!(shared.u32_at(events), 7);
            let (head, bytes) = (shared.u32_at(events + 8), shared.u32_at(events + 16));
            assert!(matches!((head >> 16, bytes), (0, 0) | (2, 1)), "{head:#x}");
        }
    });
}

/// Whatever another thread does to the arguments of whatever function: each answers,
/// and nothing outside of what is granted is touched.
#[test]
fn arguments_that_change_at_random_harm_nothing() {
    /// What may wait, and what ends the program.
    const OTHERS: [&str; 4] = ["poll_oneoff", "proc_exit", "proc_raise", "thread-spawn"];
    const PIECES: [&[u8; 4]; 8] = [
        b"in//",
        b"..//",
        b"secr",
        b"et\0\0",
        b"\0\x10\0\0",
        b"\xff\xff\xff\xff",
        b"\x04\0\0\0",
        b"\0\0\0\0",
    ];
    /// Where arguments are, and changed.
    const PLACE: u64 = 4096;
    let shared = Shared::new();
    std::fs::create_dir(shared.guest.host("in")).unwrap();
    let functions = shared.guest.functions.values();
    let functions: Vec<_> = functions.filter(|f| !OTHERS.contains(&&*f.name)).collect();
    while_changing(&shared.memory, at_random(PLACE, PIECES), || {
        let mut numbers = Numbers(7);
        for _ in 0..10_000 {
            let function = functions[numbers.below(functions.len())];
            let types = function.ty().params.iter();
            let args = types.map(|&ty| {
                let value = match numbers.below(3) {
                    0 => numbers.word(PLACE),
                    1 => numbers.below(16) as u64,
                    _ => ROOT,
                };
                Val::from_bits(ty, value.into())
            });
            let args: Vec<Val> = args.collect();
            let mut caller = Caller::of_shared_memory(&shared.memory);
            let mut results = [Val::I32(0)];
            function.call(&mut caller, &args, &mut results).unwrap();
        }
    });
    let secret = std::fs::read(shared.guest.outside().join("secret")).unwrap();
    assert_eq!(secret, b"secret");
}
