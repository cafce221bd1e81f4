//! What code does to memory, against a plain model of it: small copies and
//! fills, and addresses that are computed in parts.

#![cfg(feature = "compiler")]

mod common;

use std::sync::{Arc, Mutex};

use wasmaot_abi::trap::TrapCode;
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{CallError, Caller, HostFunction, InstanceId, Process, Val};

use common::program::{config, object};

const PAGE: usize = 65536;

/// A module whose memory 0 can be set and looked at.
struct Watched {
    process: Process,
    id: InstanceId,
    memory: Arc<Mutex<Vec<u8>>>,
}

impl Watched {
    fn new(text: &str) -> Self {
        let memory = Arc::new(Mutex::new(Vec::new()));
        let (to, from) = (Arc::clone(&memory), Arc::clone(&memory));
        let set = move |caller: &mut Caller<'_>| {
            caller.memory_mut().copy_from_slice(&from.lock().unwrap());
        };
        let get = move |caller: &mut Caller<'_>| *to.lock().unwrap() = caller.memory().to_vec();
        let mut process = Process::new(config()).unwrap();
        process.add_host_functions([
            HostFunction::wrap("host", "set", set),
            HostFunction::wrap("host", "get", get),
        ]);
        let text = format!(
            r#"(module (import "host" "set" (func $set)) (import "host" "get" (func $get))
                 (export "set" (func $set)) (export "get" (func $get)) {text})"#
        );
        let id = process.instantiate(object("module", &text), None).unwrap();
        Self {
            process,
            id,
            memory,
        }
    }

    /// Memory after a call made with these contents; `None`: the call trapped,
    /// out of bounds, and nothing was written.
    fn after(&mut self, before: &[u8], name: &str, args: &[Val]) -> Option<Vec<u8>> {
        before.clone_into(&mut self.memory.lock().unwrap());
        self.process.invoke(self.id, "set", &[]).unwrap();
        let result = self.process.invoke(self.id, name, args);
        self.process.invoke(self.id, "get", &[]).unwrap();
        let after = self.memory.lock().unwrap().clone();
        match result {
            Ok(_) => Some(after),
            Err(CallError::Trap(trap)) => {
                let outside = TrapReason::Code(TrapCode::MemoryOutOfBounds);
                let (reason, outside) = (format!("{:?}", trap.reason), format!("{outside:?}"));
                assert_eq!(reason, outside, "{name} {args:?}");
                assert!(after == before, "{name} {args:?} wrote before it trapped");
                None
            }
            Err(other) => panic!("{name} {args:?}: {other}"),
        }
    }
}

/// Contents in which neighbours differ.
fn contents() -> Vec<u8> {
    (0..PAGE).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// Where a range of a length may stand: within, and about the end.
fn places(len: usize) -> Vec<usize> {
    let end = PAGE - len;
    vec![100, 4090, end - 1, end, end + 1, PAGE, PAGE + 1]
}

/// Every length that is made without a call, and some that are not.
fn lengths() -> impl Iterator<Item = usize> {
    0..=130
}

fn copies(index: &str, value: fn(usize) -> Val) {
    let functions: String = lengths()
        .map(|n| {
            format!(
                r#"(func (export "copy{n}") (param {index} {index})
                     (memory.copy (local.get 0) (local.get 1) ({index}.const {n})))"#
            )
        })
        .collect();
    let kind = if index == "i64" { "i64" } else { "" };
    let mut module = Watched::new(&format!("(memory {kind} 1) {functions}"));
    let before = contents();
    for len in lengths() {
        let near = [1, 3, 8, 15, 16, 17, len].map(|by| 100 + by);
        let pairs = places(len).into_iter().map(|at| (at, 100));
        let pairs = pairs.chain(places(len).into_iter().map(|at| (100, at)));
        let pairs = pairs.chain(near.into_iter().flat_map(|at| [(100, at), (at, 100)]));
        for (to, from) in pairs {
            let name = format!("copy{len}");
            let after = module.after(&before, &name, &[value(to), value(from)]);
            let inside = to.max(from) + len <= PAGE;
            let expected = inside.then(|| {
                let mut expected = before.clone();
                expected.copy_within(from..from + len, to);
                expected
            });
            assert!(after == expected, "{name} {to} {from}");
        }
    }
}

#[test]
fn a_small_copy_is_whole_or_not_made() {
    copies("i32", |at| Val::I32(at as i32));
}

#[test]
fn a_small_copy_in_a_checked_memory_is_whole_or_not_made() {
    copies("i64", |at| Val::I64(at as i64));
}

#[test]
fn a_small_fill_is_whole_or_not_made() {
    let functions: String = lengths()
        .map(|n| {
            format!(
                r#"(func (export "fill{n}") (param i32 i32)
                     (memory.fill (local.get 0) (local.get 1) (i32.const {n})))
                   (func (export "fix{n}") (param i32 i32)
                     (memory.fill (local.get 0) (i32.const -91) (i32.const {n})))"#
            )
        })
        .collect();
    let mut module = Watched::new(&format!("(memory 1) {functions}"));
    let before = contents();
    for len in lengths() {
        for at in places(len) {
            for (name, byte) in [("fill", 0xfffff1c3_u32 as i32), ("fix", -91)] {
                let args = [Val::I32(at as i32), Val::I32(byte)];
                let after = module.after(&before, &format!("{name}{len}"), &args);
                let expected = (at + len <= PAGE).then(|| {
                    let mut expected = before.clone();
                    expected[at..at + len].fill(byte as u8);
                    expected
                });
                assert!(after == expected, "{name}{len} {at}");
            }
        }
    }
}
