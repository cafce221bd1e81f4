//! Random programs of several modules, whose functions call each other, use
//! each other's data and are defined more than once: prelinked, they do what
//! they do when each object is built by itself, under every binding, with and
//! without interposers.

#![cfg(feature = "compiler")]

#[path = "common/program.rs"]
mod program;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use wasmaot::prelink::build_set;
use wasmaot_compiler::Options;
use wasmaot_runtime::{Bind, CallError, Config, Object, Process, Val};

use program::{module, object};

const MODULES: [&str; 4] = ["main", "a", "b", "c"];
const FUNCTIONS: u64 = 12;
const DATA: u64 = 5;
const PROGRAMS: u64 = 60;

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// A module in the making.
#[derive(Default)]
struct Text {
    functions: BTreeSet<u64>,
    data: BTreeSet<u64>,
    /// What the bodies refer to by name.
    called: BTreeSet<u64>,
    addressed: BTreeSet<u64>,
    pointed: BTreeSet<u64>,
}

impl Text {
    /// An expression in a function, which calls none but those after it.
    fn expression(&mut self, numbers: &mut Numbers, function: u64, depth: u32) -> String {
        if depth == 0 {
            let offset = 4 * numbers.below(4);
            return match numbers.below(6) {
                0 | 1 => "(local.get 0)".to_owned(),
                2 => format!("(i32.const {})", numbers.below(1000)),
                3 => format!("(i32.load offset={offset} (global.get $memory_base))"),
                4 => "(global.get $own)".to_owned(),
                _ => format!("(i32.load {})", self.datum(numbers)),
            };
        }
        let later = FUNCTIONS - 1 - function;
        let a = self.expression(numbers, function, depth - 1);
        match numbers.below(8) {
            0..=2 if later > 0 => {
                let callee = function + 1 + numbers.below(later);
                if numbers.one_in(5) {
                    self.pointed.insert(callee);
                    return format!("(call_indirect (type $f) {a} (global.get $p{callee}))");
                }
                // Its own function, or whatever has the name.
                let own = self.functions.contains(&callee) && numbers.one_in(2);
                if !own {
                    self.called.insert(callee);
                }
                format!("(call ${}{callee} {a})", if own { "own" } else { "f" })
            }
            3 => format!(
                "(if (result i32) (i32.and (local.get 0) (i32.const 1)) (then {a}) (else {}))",
                self.expression(numbers, function, 0)
            ),
            4 => format!("(i32.div_u (i32.const 100000) {a})"),
            n => {
                let b = self.expression(numbers, function, 0);
                let operation = ["add", "xor", "mul", "rotl"][n as usize % 4];
                format!("(i32.{operation} {a} {b})")
            }
        }
    }

    /// The address of a datum, by its name or in the module's own data.
    fn datum(&mut self, numbers: &mut Numbers) -> String {
        let datum = numbers.below(DATA);
        if numbers.one_in(3) {
            let own = 4 * numbers.below(4);
            return format!("(i32.add (global.get $memory_base) (i32.const {own}))");
        }
        self.addressed.insert(datum);
        format!("(global.get $d{datum})")
    }

    fn body(&mut self, numbers: &mut Numbers, function: u64) -> String {
        let mut text = String::new();
        if numbers.one_in(2) {
            let at = self.datum(numbers);
            let value = self.expression(numbers, function, 0);
            let _ = write!(text, "(i32.store {at} (i32.add (i32.load {at}) {value}))");
        }
        let depth = 1 + numbers.below(2) as u32;
        text + &self.expression(numbers, function, depth)
    }

    /// The whole module; main can be asked for each function.
    fn finish(mut self, numbers: &mut Numbers, needed: &[&str], main: bool) -> String {
        let mut defined = String::new();
        for function in self.functions.clone() {
            let body = self.body(numbers, function);
            let _ = write!(
                defined,
                r#"(func $own{function} (export "f{function}") (type $f) {body})"#
            );
        }
        if main {
            for function in 0..FUNCTIONS {
                self.called.insert(function);
                let _ = write!(
                    defined,
                    r#"(func (export "go{function}") (type $f) (call $f{function} (local.get 0)))"#
                );
            }
        }
        let mut text = "(type $f (func (param i32) (result i32)))".to_owned();
        for f in &self.called {
            let _ = write!(text, r#"(import "env" "f{f}" (func $f{f} (type $f)))"#);
        }
        for d in &self.addressed {
            let _ = write!(
                text,
                r#"(import "GOT.mem" "d{d}" (global $d{d} (mut i32)))"#
            );
        }
        for f in &self.pointed {
            let _ = write!(
                text,
                r#"(import "GOT.func" "f{f}" (global $p{f} (mut i32)))"#
            );
        }
        for (at, d) in self.data.iter().enumerate() {
            let at = 16 + 4 * at;
            let _ = write!(text, r#"(global (export "d{d}") i32 (i32.const {at}))"#);
        }
        let own = numbers.below(100);
        let _ = write!(text, "(global $own i32 (i32.const {own})) {defined}");
        let bytes = (0..16 + 4 * self.data.len()).map(|_| numbers.below(256));
        let bytes: String = bytes.map(|byte| format!("\\{byte:02x}")).collect();
        let _ = write!(text, r#"(data (global.get $memory_base) "{bytes}")"#);
        module(16 + 4 * self.data.len() as u32, 0, needed, &text)
    }
}

/// The modules of a program, main first.
fn modules(numbers: &mut Numbers) -> Vec<(&'static str, String)> {
    let mut texts: [Text; 4] = Default::default();
    for function in 0..FUNCTIONS {
        texts[numbers.below(4) as usize].functions.insert(function);
        if numbers.one_in(4) {
            texts[numbers.below(4) as usize].functions.insert(function);
        }
    }
    for datum in 0..DATA {
        texts[numbers.below(4) as usize].data.insert(datum);
        texts[numbers.below(4) as usize].data.insert(datum);
    }
    let needed: [&[&str]; 4] = [&["a", "b"], &["c", "b"], &["c"], &["a"]];
    let texts = MODULES.into_iter().zip(texts).zip(needed);
    let finish = |((name, text), needed): ((&'static str, Text), &[&str])| {
        (name, text.finish(numbers, needed, name == "main"))
    };
    texts.map(finish).collect()
}

/// A library that defines some of what the program does.
fn interposer(numbers: &mut Numbers) -> Arc<Object> {
    let mut text = Text::default();
    for _ in 0..3 {
        text.functions.insert(numbers.below(FUNCTIONS));
    }
    text.data.insert(numbers.below(DATA));
    object("pre", &text.finish(numbers, &[], false))
}

fn prelinked(modules: &[(&str, String)]) -> Vec<Arc<Object>> {
    let binary =
        |(name, text): &(&str, String)| ((*name).to_owned(), wat::parse_str(text).unwrap());
    let modules: Vec<_> = modules.iter().map(binary).collect();
    let objects = build_set(
        &modules,
        |_: &str, _: &Object| Ok(None),
        &Options::default(),
    );
    let objects = objects.unwrap_or_else(|e| panic!("{e:#}")).into_iter();
    let open = |(bytes, (name, _)): (Vec<u8>, &(String, Vec<u8>))| {
        // SAFETY: the compiler's own bytes.
        Arc::new(unsafe { Object::from_bytes(name, &bytes, true) }.unwrap())
    };
    objects.zip(&modules).map(open).collect()
}

/// What a program answers, or how it stops and where.
fn answers(objects: &[Arc<Object>], preload: &[Arc<Object>], bind: Bind) -> Vec<String> {
    let config = Config {
        bind,
        ..program::config()
    };
    let libraries = objects[1..].to_vec();
    let mut process = Process::new(config).unwrap();
    process.set_finder(move |name: &str, _: &Object| {
        Ok(libraries.iter().find(|o| o.name() == name).cloned())
    });
    let main = process
        .load_program(Arc::clone(&objects[0]), preload)
        .unwrap_or_else(|e| panic!("{e}"));
    let mut all = Vec::new();
    for arg in [1, 2, 3] {
        for function in 0..FUNCTIONS {
            let result = process.invoke(main, &format!("go{function}"), &[Val::I32(arg)]);
            all.push(match result {
                Ok(values) => format!("{function}: {values:?}"),
                Err(CallError::Trap(trap)) => {
                    let frames = trap.frames.iter();
                    let frames: Vec<_> = frames.map(|f| (&f.object, &f.function)).collect();
                    format!("{function}: {:?} {frames:?}", trap.reason)
                }
                Err(other) => panic!("{other}"),
            });
        }
    }
    all
}

#[test]
fn prelinked_programs_do_what_others_do() {
    let mut numbers = Numbers(0x5851_f42d_4c95_7f2d);
    let mut inlined = 0;
    for program in 0..PROGRAMS {
        let modules = modules(&mut numbers);
        let set = prelinked(&modules);
        inlined += set.iter().flat_map(|o| o.prelinked_bodies()).count();
        let apart: Vec<_> = modules.iter().map(|(n, text)| object(n, text)).collect();
        let preload = [interposer(&mut numbers)];
        // One library of another build.
        let mut mixed = set.clone();
        let other = 1 + numbers.below(3) as usize;
        mixed[other] = Arc::clone(&apart[other]);
        for preload in [&[][..], &preload[..]] {
            let expected = answers(&apart, preload, Bind::Now);
            for bind in [Bind::Static, Bind::Now, Bind::Lazy, Bind::Direct] {
                for (how, objects) in [("whole", &set), ("mixed", &mixed)] {
                    let found = answers(objects, preload, bind);
                    let preloaded = preload.len();
                    let say = || {
                        let texts = modules
                            .iter()
                            .map(|(name, text)| format!("{name}: {text}\n"));
                        texts.collect::<String>()
                    };
                    assert!(
                        found == expected,
                        "{program}, {how}, {bind:?}, {preloaded} preloaded:\n{found:#?}\n{expected:#?}\n{}",
                        say()
                    );
                }
            }
        }
    }
    assert!(inlined > 100, "{inlined}");
}
