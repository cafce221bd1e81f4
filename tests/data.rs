//! What code does to memory, against a plain model of it: small copies and
//! fills, and addresses that are computed in parts.

#![cfg(feature = "compiler")]

#[path = "common/program.rs"]
mod program;

use std::sync::{Arc, Mutex};

use wasmaot_abi::trap::TrapCode;
use wasmaot_compiler::{Emit, OptLevel, Options, compile};
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{CallError, Caller, Error, HostFunction, InstanceId, Object, Process, Val};

use program::{config, load, module};

const PAGE: usize = 65536;

/// A module whose memory 0 can be set and looked at.
struct Watched {
    process: Process,
    id: InstanceId,
    memory: Arc<Mutex<Vec<u8>>>,
}

impl Watched {
    fn new(text: &str) -> Self {
        Self::at(OptLevel::Speed, text)
    }

    fn at(opt_level: OptLevel, text: &str) -> Self {
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
        let options = Options {
            opt_level,
            ..Options::default()
        };
        let wasm = wat::parse_str(text).unwrap();
        let bytes = compile("module", &wasm, &options, Emit::So).unwrap();
        // SAFETY: the compiler's own bytes.
        let object = unsafe { Object::from_bytes("module", &bytes, true) }.unwrap();
        let id = process.instantiate(Arc::new(object), None).unwrap();
        Self {
            process,
            id,
            memory,
        }
    }

    /// What a call comes to with these contents: its result, if it does not
    /// trap out of bounds, and memory after it.
    fn outcome(&mut self, before: &[u8], name: &str, args: &[Val]) -> (Option<i32>, Vec<u8>) {
        before.clone_into(&mut self.memory.lock().unwrap());
        self.process.invoke(self.id, "set", &[]).unwrap();
        let result = self.process.invoke(self.id, name, args);
        self.process.invoke(self.id, "get", &[]).unwrap();
        let after = self.memory.lock().unwrap().clone();
        let result = match result {
            Ok(results) => match results[..] {
                [Val::I32(value)] => Some(value),
                _ => Some(0),
            },
            Err(CallError::Trap(trap)) => {
                let outside = TrapReason::Code(TrapCode::MemoryOutOfBounds);
                let (reason, outside) = (format!("{:?}", trap.reason), format!("{outside:?}"));
                assert_eq!(reason, outside, "{name} {args:?}");
                None
            }
            Err(other) => panic!("{name} {args:?}: {other}"),
        };
        (result, after)
    }

    /// Memory after a call made with these contents; `None`: the call trapped,
    /// out of bounds, and nothing was written.
    fn after(&mut self, before: &[u8], name: &str, args: &[Val]) -> Option<Vec<u8>> {
        let (result, after) = self.outcome(before, name, args);
        if result.is_none() {
            assert!(after == before, "{name} {args:?} wrote before it trapped");
        }
        result.map(|_| after)
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

/// A sequence of numbers that is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.next() as usize % from.len()]
    }

    /// The text of an address: sums, multiples and parts of what is known of
    /// its size and of what is not.
    fn address(&mut self, depth: u32) -> String {
        const CONSTANTS: &[&str] = &[
            "0",
            "1",
            "4",
            "255",
            "256",
            "1020",
            "4096",
            "65535",
            "65536",
            "73744",
            "16777215",
            "16777216",
            "0x7fffffff",
            "-1",
            "-4",
            "-65536",
        ];
        const ANCHORS: &[&str] = &["(global.get $memory_base)", "(global.get $x)"];
        const LEAVES: &[&str] = &[
            "(local.get 0)",
            "(local.get 1)",
            "(local.get 1)",
            "(global.get $memory_base)",
            "(i32.load8_u (i32.and (local.get 1) (i32.const 0xffff)))",
            "(i32.lt_u (local.get 0) (local.get 1))",
            "(i32.wrap_i64 (i64.shr_u (i64.extend_i32_u (local.get 0)) (i64.const 24)))",
        ];
        let constant = self.pick(CONSTANTS);
        if depth == 0 {
            return match self.next() % 4 {
                0 => format!("(i32.const {constant})"),
                _ => self.pick(LEAVES).to_owned(),
            };
        }
        let operation = self.pick(&["add", "add", "add", "add", "or", "and", "shl", "shr_u"]);
        let first = match self.next() % 4 {
            0 => self.pick(ANCHORS).to_owned(),
            _ => self.address(depth - 1),
        };
        let second = match operation {
            "add" if self.next().is_multiple_of(2) => self.address(depth - 1),
            "or" => self.address(depth - 1),
            "shl" | "shr_u" => format!("(i32.const {})", self.next() % 5),
            _ => format!("(i32.const {constant})"),
        };
        format!("(i32.{operation} {first} {second})")
    }
}

#[test]
fn an_address_that_is_computed_in_parts_is_the_same() {
    const OFFSETS: &[u32] = &[0, 0, 3, 4096, 0x7fff_ffff, 0xffff_fff0];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let count = 300;
    let mut offsets = Vec::new();
    let mut body = String::from(
        r#"(import "GOT.mem" "x" (global $x (mut i32)))
           (func (export "fill") (result i32) (local $i i32)
             (loop $again
               (i32.store8 (local.get $i)
                 (i32.add (local.get $i) (i32.shr_u (local.get $i) (i32.const 9))))
               (br_if $again (i32.lt_u
                 (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                 (i32.shl (memory.size) (i32.const 16)))))
             (i32.const 0))"#,
    );
    for n in 0..count {
        let depth = 1 + (numbers.next() % 4) as u32;
        let address = numbers.address(depth);
        let offset = OFFSETS[numbers.next() as usize % OFFSETS.len()];
        offsets.push(offset);
        body.push_str(&format!(
            r#"(func (export "at{n}") (param i32 i32) (result i32) {address})
               (func (export "load{n}") (param i32 i32) (result i32)
                 (i32.load8_u offset={offset} {address}))"#
        ));
    }
    let library = module(
        4096,
        0,
        &[],
        r#"(global (export "x") i32 (i32.const 1040))"#,
    );
    let main = module(73744, 0, &["lib"], &body);
    let mut program = load(&main, &[("lib", &library)], config()).unwrap();
    program.call("fill", &[]);
    let memory = program.process.memory_bytes(program.main).to_vec();
    let mut inside = 0;
    for _ in 0..30 {
        let args = [(); 2].map(|()| match numbers.next() % 5 {
            0 => (numbers.next() % 300) as i32,
            // Shifted, it is small.
            3 => (numbers.next() % 300 + ((numbers.next() % 16) << 28)) as i32,
            1 => -((numbers.next() % 300) as i32),
            2 => (numbers.next() % memory.len() as u64) as i32,
            _ => numbers.next() as i32,
        });
        for (n, &offset) in offsets.iter().enumerate() {
            let at = u64::from(program.call(&format!("at{n}"), &args) as u32);
            let expected = memory.get((at + u64::from(offset)) as usize);
            let args = args.map(Val::I32);
            let found = program
                .process
                .invoke(program.main, &format!("load{n}"), &args);
            match (found, expected) {
                (Ok(found), Some(&expected)) => {
                    let [Val::I32(found)] = found[..] else {
                        panic!("{found:?}");
                    };
                    assert_eq!(found, i32::from(expected), "{n} {args:?} {at:#x}");
                    inside += 1;
                }
                (Err(CallError::Trap(_)), None) => {}
                (found, expected) => panic!("{n} {args:?} {at:#x}: {found:?}, {expected:?}"),
            }
        }
    }
    assert!(inside > 1000, "only {inside} addresses were in memory");
}

#[test]
fn data_at_the_end_of_all_addresses_is_refused_where_sums_would_wrap() {
    let user = |access: &str| {
        let body = format!(
            r#"(import "GOT.mem" "x" (global $x (mut i32)))
               (func (export "f") (result i32) {access})"#
        );
        module(0, 0, &[], &body)
    };
    let fixed = |offset: i32| {
        format!(
            r#"(module {} (memory (export "memory") 2)
                 (global (export "x") i32 (i32.const {offset})))"#,
            program::dylink(0, 0, &["user"])
        )
    };
    let load = |offset: i32, access: &str| {
        load(&fixed(offset), &[("user", &user(access))], config()).map(|_| ())
    };
    load(64, "(i32.load (global.get $x))").unwrap();
    load(-16, "(global.get $x)").unwrap();
    match load(-16, "(i32.load offset=8 (global.get $x))") {
        Err(Error::Limit { what, .. }) => assert!(what.contains("`x`"), "{what}"),
        other => panic!("{other:?}"),
    }
}

impl Numbers {
    /// The text of accesses near each other, and of what may stand between.
    fn accesses(&mut self, depth: u32) -> String {
        const NEAR: &[&str] = &[
            "0", "1", "4", "8", "-1", "-4", "-8", "12", "0", "1", "4", "8", "2", "16", "65535",
            "65536", "-65536", "16777215", "16777216",
        ];
        let mut text = String::new();
        for _ in 0..=self.next() % 4 {
            let pointer = self.pick(&["(local.get 0)", "(local.get 0)", "(local.get 1)"]);
            let constant = self.pick(NEAR);
            let address = format!("(i32.add {pointer} (i32.const {constant}))");
            let offset = self.pick(&["0", "0", "2", "65533"]);
            let inner = depth.checked_sub(1);
            text += &match (self.next() % 12, inner) {
                (0, _) => format!("(i32.store offset={offset} {address} (local.get 2))"),
                (1, _) => format!("(local.set 0 {address})"),
                (2, _) => "(call $note (i32.const 1))".to_owned(),
                (3, Some(inner)) => format!(
                    "(if (i32.and (local.get 2) (i32.const 1)) (then {}) (else {}))",
                    self.accesses(inner),
                    self.accesses(inner)
                ),
                (4, Some(inner)) => format!(
                    "(loop {} (local.set 3 (i32.add (local.get 3) (i32.const 1)))
                       (br_if 0 (i32.lt_u (local.get 3) (i32.const 9))))",
                    self.accesses(inner)
                ),
                _ => format!(
                    "(local.set 2 (i32.xor (i32.rotl (local.get 2) (i32.const 5))
                       (i32.load offset={offset} {address})))"
                ),
            };
        }
        text
    }
}

#[test]
fn accesses_near_each_other_are_as_each_alone() {
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let count = 300;
    let functions: String = (0..count)
        .map(|n| {
            let body = numbers.accesses(2) + &numbers.accesses(2);
            format!(
                r#"(func (export "f{n}") (param i32 i32 i32) (result i32) (local i32)
                     {body} (local.get 2))"#
            )
        })
        .collect();
    // It calls itself, so that calls of it are not inlined.
    let note = r#"(func $note (param i32)
        (i32.store (i32.const 96) (i32.add (i32.load (i32.const 96)) (i32.const 1)))
        (if (local.get 0) (then (call $note (i32.const 0)))))"#;
    let text = format!("{note} (memory 2) {functions}");
    let mut plain = Watched::at(OptLevel::None, &text);
    let mut fast = Watched::at(OptLevel::Speed, &text);
    let before: Vec<u8> = (0..2 * PAGE).map(|i| (i * 7 + i / 251) as u8).collect();
    let (mut done, mut trapped) = (0, 0);
    for n in 0..count {
        for _ in 0..20 {
            let args = [(); 3].map(|()| {
                Val::I32(match numbers.next() % 4 {
                    0 => -((numbers.next() % 10) as i32),
                    1 => (numbers.next() % 10) as i32 + 65536 * (numbers.next() % 2) as i32,
                    _ => (numbers.next() % (2 * PAGE) as u64) as i32,
                })
            });
            let name = format!("f{n}");
            let expected = plain.outcome(&before, &name, &args);
            let found = fast.outcome(&before, &name, &args);
            assert_eq!(found.0, expected.0, "{name} {args:?}");
            assert!(found.1 == expected.1, "{name} {args:?}: memory");
            match found.0 {
                Some(_) => done += 1,
                None => trapped += 1,
            }
        }
    }
    assert!(done > 500 && trapped > 500, "{done} {trapped}");
}

/// A loop that counts, by whatever comparison, in at most 40 rounds, and reads
/// what the counter says.
fn counting(numbers: &mut Numbers) -> String {
    let condition = numbers.pick(&[
        "ne", "lt_u", "lt_s", "le_u", "le_s", "gt_u", "ge_s", "gt_s", "eq",
    ]);
    let first = numbers.pick(&["0", "0", "1", "16", "60", "0x3fffffff", "-8", "0x7ffffff0"]);
    let step = numbers.pick(&["1", "1", "3", "4", "-1", "0x3fffffff", "0x40000000"]);
    let bound = numbers.pick(&["0", "16", "63", "64", "-4", "0x3fffffff", "0x40000000"]);
    let index = numbers.pick(&[
        "(local.get 3)",
        "(i32.shl (local.get 3) (i32.const 2))",
        "(i32.add (i32.shl (local.get 3) (i32.const 3)) (i32.const 1024))",
        "(i32.add (local.get 3) (local.get 3))",
    ]);
    let again = format!(
        "(i32.{condition} (local.tee 3 (i32.add (local.get 3) (i32.const {step})))
           (i32.const {bound}))"
    );
    // The same said from the other way out.
    let back = match numbers.next() % 2 {
        0 => format!("(br_if $again {again})"),
        _ => format!("(br_if $end (i32.eqz {again})) (br $again)"),
    };
    format!(
        "(local.set 3 (i32.const {first})) (local.set 4 (i32.const 0))
         (block $end (loop $again
           (local.set 2 (i32.xor (i32.rotl (local.get 2) (i32.const 5)) (i32.load {index})))
           (br_if $end (i32.gt_u
             (local.tee 4 (i32.add (local.get 4) (i32.const 1))) (i32.const 40)))
           {back}))"
    )
}

#[test]
fn counters_index_what_they_say() {
    let mut numbers = Numbers(0x6a09_e667_f3bc_c908);
    let count = 600;
    let functions: String = (0..count)
        .map(|n| {
            format!(
                r#"(func (export "f{n}") (param i32 i32 i32) (result i32) (local i32 i32)
                     {} (local.get 2))"#,
                counting(&mut numbers)
            )
        })
        .collect();
    let text = format!("(memory 1) {functions}");
    let mut plain = Watched::at(OptLevel::None, &text);
    let mut fast = Watched::at(OptLevel::Speed, &text);
    let before = contents();
    let (mut done, mut trapped) = (0, 0);
    for n in 0..count {
        let name = format!("f{n}");
        let args = [Val::I32(0), Val::I32(0), Val::I32(n)];
        let expected = plain.outcome(&before, &name, &args);
        let found = fast.outcome(&before, &name, &args);
        assert!(found == expected, "{name}: {:?}, {:?}", found.0, expected.0);
        match found.0 {
            Some(_) => done += 1,
            None => trapped += 1,
        }
    }
    assert!(done > 100 && trapped > 100, "{done} {trapped}");
}
