//! Prelinked sets: calls between their objects lead straight to where they end
//! without a byte of code changed at load; what runs is the same whatever comes
//! between.

#![cfg(feature = "compiler")]

mod common;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use wasmaot::prelink::build_set;
use wasmaot_abi::object::{Note, PltCall, SEC_CALLS};
use wasmaot_abi::prelink::{Place, Prelink};
use wasmaot_compiler::{Calls, OptLevel, Options};
use wasmaot_runtime::error::{Error, Result};
use wasmaot_runtime::{Bind, CallError, Config, LinkMapEntry, Object, OpenFlags, Process, Val};

use common::Sandbox;
use common::calls::{calls, pairs};
use common::program::{self, Program, module, object};

/// Calls a library in a loop and from its end, and what calls back.
const MAIN: &str = r#"
    (import "env" "add" (func $add (param i32 i32) (result i32)))
    (import "env" "ask" (func $ask (result i32)))
    (func (export "sum") (param $n i32) (result i32) (local $sum i32)
      (loop $again
        (local.set $sum (call $add (local.get $sum) (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
      (local.get $sum))
    (func (export "tail") (param i32 i32) (result i32)
      (return_call $add (local.get 0) (local.get 1)))
    (func (export "asked") (result i32) (call $ask))
    (func (export "who") (result i32) (i32.const 1))
"#;

const LIBRARY: &str = r#"
    (import "env" "who" (func $who (result i32)))
    (import "env" "more" (func $more (param i32) (result i32)))
    (func (export "add") (param i32 i32) (result i32)
      (call $more (i32.add (local.get 0) (local.get 1))))
    (func (export "ask") (result i32) (call $who))
"#;

const OTHER: &str = r#"
    (func (export "more") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable))
      (local.get 0))
"#;

/// Modules by name: main, which needs `lib`, which needs `other`.
fn modules() -> Vec<(&'static str, String)> {
    vec![
        ("main", module(0, 0, &["lib"], MAIN)),
        ("lib", module(0, 0, &["other"], LIBRARY)),
        ("other", module(0, 0, &[], OTHER)),
    ]
}

fn nothing(_: &str, _: &Object) -> Result<Option<Arc<Object>>> {
    Ok(None)
}

/// The bytes of the objects of a set.
fn built(modules: &[(&str, String)]) -> Vec<Vec<u8>> {
    built_with(modules, &Options::default())
}

fn built_with(modules: &[(&str, String)], options: &Options) -> Vec<Vec<u8>> {
    let binary = |(name, text): &(&str, String)| {
        let bytes = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        ((*name).to_owned(), bytes)
    };
    let modules: Vec<_> = modules.iter().map(binary).collect();
    build_set(&modules, nothing, options).unwrap_or_else(|e| panic!("{e:#}"))
}

fn without_inlining() -> Options {
    Options {
        opt_level: OptLevel::Less,
        ..Options::default()
    }
}

/// The objects of a set, each checked whole.
fn set(modules: &[(&str, String)]) -> Vec<Arc<Object>> {
    opened(modules, built(modules))
}

fn opened(modules: &[(&str, String)], objects: Vec<Vec<u8>>) -> Vec<Arc<Object>> {
    objects
        .into_iter()
        .zip(modules)
        .map(|(bytes, (name, _))| {
            // SAFETY: the compiler's own bytes.
            Arc::new(unsafe { Object::from_bytes(name, &bytes, true) }.unwrap())
        })
        .collect()
}

fn config(bind: Bind) -> Config {
    Config {
        bind,
        ..program::config()
    }
}

/// Loads main, the first object, with the others to be found by name.
fn load(
    objects: &[Arc<Object>],
    preload: &[Arc<Object>],
    config: Config,
) -> Result<Program, Error> {
    let (main, libraries) = (Arc::clone(&objects[0]), objects[1..].to_vec());
    let mut process = Process::new(config)?;
    process.set_finder(move |name: &str, _: &Object| {
        let found = libraries.iter().find(|o| o.name() == name);
        Ok(found.cloned())
    });
    let main = process.load_program(main, preload)?;
    Ok(Program { process, main })
}

/// What the program of [`modules`] does.
#[track_caller]
fn run(program: &mut Program) {
    assert_eq!(program.call("sum", &[100]), 5050);
    assert_eq!(program.call("tail", &[30, 12]), 42);
    assert_eq!(program.call("asked", &[]), 1);
}

/// Where the calls of an object lead.
fn lead(program: &Program, name: &str) -> Vec<String> {
    let calls = calls(&program.process, name);
    calls.into_iter().map(|call| call.to).collect()
}

fn entry<'p>(program: &'p Program, name: &str) -> LinkMapEntry<'p> {
    program
        .process
        .link_map()
        .find(|e| e.name == name)
        .unwrap_or_else(|| panic!("{name} is loaded"))
}

/// Whether the code of an object is as in its file, and the pages that are this
/// process's own.
fn code(program: &Program, name: &str) -> (bool, u64) {
    let entry = entry(program, name);
    let start = entry.object.section_address(".text").unwrap();
    let text = entry.object.section(".text").unwrap();
    let mut found = vec![0; text.len()];
    let memory = File::open("/proc/self/mem").unwrap();
    memory
        .read_exact_at(&mut found, entry.load_address + start)
        .unwrap();
    (found == text, private_dirty(entry.load_address + start))
}

/// Bytes of the mapping at an address that this process alone has.
fn private_dirty(at: u64) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in maps.lines() {
        let range = line.split(' ').next().and_then(|r| r.split_once('-'));
        if let Some((start, end)) = range {
            let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
            inside = (number(start)..number(end)).contains(&at);
        } else if let (true, Some(rest)) = (inside, line.strip_prefix("Private_Dirty:")) {
            let size = rest.trim().trim_end_matches(" kB");
            return size.parse::<u64>().unwrap() << 10;
        }
    }
    panic!("{at:#x} is not mapped")
}

/// Configuration that notes the lines of the trace.
fn traced() -> (Config, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let config = Config {
        trace: Some(Box::new(move |_, text| {
            sink.lock().unwrap().push(text.to_owned());
        })),
        ..program::config()
    };
    (config, lines)
}

#[track_caller]
fn says(lines: &Mutex<Vec<String>>, line: &str) {
    let lines = lines.lock().unwrap();
    assert!(lines.iter().any(|l| l.contains(line)), "{line}: {lines:#?}");
}

#[test]
fn calls_are_straight_and_code_is_shared() {
    let (config, lines) = traced();
    let mut program = load(&set(&modules()), &[], config).unwrap();
    run(&mut program);
    let main = calls(&program.process, "main");
    let expected = [
        ("sum", "lib!add"),
        ("tail", "lib!add"),
        ("asked", "lib!ask"),
    ];
    assert_eq!(pairs(&main), expected);
    assert_eq!(lead(&program, "lib"), ["other!more", "main!who"]);
    for name in ["main", "lib", "other"] {
        assert_eq!(code(&program, name), (true, 0), "{name}");
    }
    says(&lines, "calls of `add` in main: prelinked");
}

#[test]
fn another_binding_that_is_asked_for_is_given() {
    let objects = set(&modules());
    for bind in [Bind::Now, Bind::Lazy] {
        let mut program = load(&objects, &[], config(bind)).unwrap();
        let (same, changed) = code(&program, "main");
        assert!(!same && changed > 0, "{bind:?}: {changed} bytes");
        run(&mut program);
        assert_eq!(lead(&program, "main"), ["plt"; 3], "{bind:?}");
        assert_eq!(lead(&program, "lib"), ["plt"; 2], "{bind:?}");
    }
    // What is straight already is not changed.
    let objects = opened(&modules(), built_with(&modules(), &without_inlining()));
    let mut program = load(&objects, &[], config(Bind::Direct)).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["lib!add", "lib!add", "lib!ask"]);
    assert_eq!(code(&program, "main"), (true, 0));
}

#[test]
fn an_interposer_gets_the_calls_of_its_symbols() {
    let text = r#"(func (export "add") (param i32 i32) (result i32)
        (i32.mul (local.get 0) (local.get 1)))"#;
    let preload = [object("pre", &module(0, 0, &[], text))];
    for bind in [Bind::Static, Bind::Now, Bind::Lazy, Bind::Direct] {
        let mut program = load(&set(&modules()), &preload, config(bind)).unwrap();
        assert_eq!(program.call("sum", &[5]), 0, "{bind:?}");
        assert_eq!(program.call("tail", &[6, 7]), 42, "{bind:?}");
        assert_eq!(program.call("asked", &[]), 1, "{bind:?}");
        if bind == Bind::Static {
            assert_eq!(lead(&program, "main"), ["plt", "plt", "lib!ask"]);
            assert_eq!(lead(&program, "lib"), ["other!more", "main!who"]);
            assert_eq!(
                code(&program, "lib"),
                (true, 0),
                "what it calls is as it was"
            );
        }
    }
}

#[test]
fn a_library_of_another_build_is_called_through_the_plt() {
    let mut objects = set(&modules());
    let text = LIBRARY.replace("i32.add", "i32.sub");
    objects[1] = object("lib", &module(0, 0, &["other"], &text));
    let (config, lines) = traced();
    let mut program = load(&objects, &[], config).unwrap();
    assert_eq!(program.call("tail", &[50, 8]), 42);
    assert_eq!(lead(&program, "main"), ["plt"; 3]);
    // It is not prelinked at all, and has few calls.
    assert_eq!(lead(&program, "lib"), ["other!more", "main!who"]);
    says(
        &lines,
        "main was prelinked with lib, which is another build now",
    );
    // The same in one set with another main: its records are of that.
    let mut other = modules();
    other[0].1 = module(
        0,
        0,
        &["lib"],
        &MAIN.replace("(i32.const 1))", "(i32.const 1) nop)"),
    );
    let objects = [&set(&other)[..1], &set(&modules())[1..]].concat();
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["plt"; 3]);
    let to = lead(&program, "lib");
    assert_eq!(to[1], "plt", "main is not where its record has it");
}

#[test]
fn members_may_be_missing_and_others_come_between() {
    let stranger = module(0, 0, &[], r#"(func (export "unused"))"#);
    let preload = [object("stranger", &stranger)];
    let mut program = load(&set(&modules()), &preload, program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["lib!add", "lib!add", "lib!ask"]);
    // `other` is found elsewhere, as another build.
    let mut objects = set(&modules());
    objects[2] = object("other", &modules()[2].1);
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["lib!add", "lib!add", "lib!ask"]);
    assert_eq!(lead(&program, "lib"), ["plt", "main!who"]);
}

#[test]
fn an_opened_library_of_a_set_is_bound_anew() {
    let mut objects = set(&modules());
    let main = module(
        0,
        0,
        &[],
        r#"(func (export "who") (result i32) (i32.const 1))"#,
    );
    objects[0] = object("main", &main);
    let mut program = load(&objects, &[], program::config()).unwrap();
    let opened = program.process.open("lib", OpenFlags::default());
    let lib = opened.unwrap_or_else(|e| panic!("{e}"));
    let asked = program.process.invoke(lib, "ask", &[]).unwrap();
    assert_eq!(asked, [Val::I32(1)]);
    assert_eq!(lead(&program, "lib"), ["plt", "plt"]);
}

#[test]
fn a_member_that_is_opened_is_bound_anew_where_its_set_has_it() {
    // Nobody needs `lib`: it is given with the program when that is prelinked.
    let mut modules = modules();
    modules[0].1 = module(
        0,
        0,
        &[],
        r#"(func (export "who") (result i32) (i32.const 1))"#,
    );
    let objects = set(&modules);
    let mut program = load(&objects, &[], program::config()).unwrap();
    let opened = program.process.open("lib", OpenFlags::default());
    let lib = opened.unwrap_or_else(|e| panic!("{e}"));
    let asked = program.process.invoke(lib, "ask", &[]).unwrap();
    assert_eq!(asked, [Val::I32(1)]);
    assert_eq!(lead(&program, "lib"), ["plt", "plt"]);
}

/// What a body may contain, and one that stays a call. `get` may trap.
const SMALL: &str = r#"
    (func (export "mul") (param i32 i32) (result i32)
      (if (result i32) (i32.eqz (local.get 0))
        (then (i32.const 0))
        (else (i32.mul (local.get 0) (local.get 1)))))
    (func $get (export "get") (param i32) (result i32)
      (i32.load offset=4 (local.get 0)))
    (func (export "top") (result i32) (global.get $stack_pointer))
    (func (export "div") (param i32) (result i32)
      (i32.div_s (i32.const 1000) (local.get 0)))
    (func (export "base") (result i32) (global.get $memory_base))
    (func (export "calls") (param i32) (result i32) (call $get (local.get 0)))
"#;

const USER: &str = r#"
    (import "env" "mul" (func $mul (param i32 i32) (result i32)))
    (import "env" "get" (func $get (param i32) (result i32)))
    (import "env" "top" (func $top (result i32)))
    (import "env" "div" (func $div (param i32) (result i32)))
    (import "env" "base" (func $base (result i32)))
    (import "env" "calls" (func $calls (param i32) (result i32)))
    (func $inner (param i32) (result i32)
      (call $mul (call $mul (local.get 0) (i32.const 3)) (i32.const 2)))
    (func (export "power") (param $base i32) (param $n i32) (result i32)
      (local $result i32)
      (local.set $result (i32.const 1))
      (loop $again (result i32)
        (local.set $result (call $mul (local.get $result) (local.get $base)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $result) (local.get $n))
        drop
        (local.get $result)))
    (func (export "six") (param i32) (result i32) (call $inner (local.get 0)))
    (func (export "load") (param i32) (result i32) (call $get (local.get 0)))
    (func (export "same_top") (result i32)
      (i32.eq (call $top) (global.get $stack_pointer)))
    (func (export "divided") (param i32) (result i32) (call $div (local.get 0)))
    (func (export "others") (param i32) (result i32)
      (i32.add (i32.eqz (call $base)) (call $calls (local.get 0))))
"#;

fn small() -> Vec<(&'static str, String)> {
    vec![
        ("main", module(0, 0, &["lib"], USER)),
        ("lib", module(0, 0, &[], SMALL)),
    ]
}

/// What the program of [`small`] does.
#[track_caller]
fn run_small(program: &mut Program, power: i32) {
    assert_eq!(program.call("power", &[3, 4]), power);
    assert_eq!(program.call("same_top", &[]), 1);
    assert_eq!(program.call("divided", &[-10]), -100);
    let at = (program.process.memory_bytes(program.main).len() - 8) as i32;
    program.process.memory_bytes_mut(program.main)[at as usize + 4] = 77;
    assert_eq!(program.call("load", &[at]), 77);
    assert_eq!(program.call("others", &[at]), 77);
}

/// Calls that the first code of an object's functions has, by the function.
fn first_calls(object: &Object) -> Vec<String> {
    let record = object.prelink().unwrap();
    let second = record.bodies.iter().map(|body| body.plain).min();
    let (table, _) = object.section(SEC_CALLS).unwrap().as_chunks();
    let places = table.iter().map(|&call| PltCall::decode(call).place);
    let first = places.filter(|&place| second.is_none_or(|second| place < second));
    first
        .map(|place| object.symbol_at(place.into()).unwrap())
        .collect()
}

#[test]
fn small_functions_of_other_modules_are_inlined() {
    let objects = set(&small());
    let main = &objects[0];
    assert_eq!(first_calls(main), ["others"]);
    let names: Vec<_> = main.prelinked_bodies().collect();
    let expected = [
        ("power", vec!["mul"]),
        ("six", vec!["mul"]),
        ("load", vec!["get"]),
        ("same_top", vec!["top"]),
        ("divided", vec!["div"]),
        ("others", vec!["base"]),
    ];
    let expected = expected.map(|(name, needs)| (name.to_owned(), needs));
    assert_eq!(names, expected);
    let mut program = load(&objects, &[], program::config()).unwrap();
    run_small(&mut program, 81);
    assert_eq!(program.call("six", &[7]), 42);
    assert_eq!(code(&program, "main"), (true, 0));
    // What is inlined is not called: a loop of it is without calls.
    let text = disassembled(&small(), "power");
    assert!(text.contains("imul") && !text.contains("call"), "{text}");
}

/// The instructions of main's first code of a function.
fn disassembled(modules: &[(&str, String)], function: &str) -> String {
    let sandbox = Sandbox::new();
    let file = sandbox.write("main.elf", &built(modules)[0]);
    let output = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn"])
        .arg(file)
        .output()
        .unwrap_or_else(|e| panic!("objdump: {e}; run `apt-get install binutils`"));
    let text = String::from_utf8(output.stdout).unwrap();
    let head = format!("<{function}>:\n");
    let (_, code) = text.split_once(&head).unwrap();
    code.split("\n\n").next().unwrap().to_owned()
}

#[test]
fn an_interposer_takes_the_place_of_what_is_inlined() {
    let text = r#"(func (export "mul") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))"#;
    let preload = [object("pre", &module(0, 0, &[], text))];
    for calls in [Calls::Plt, Calls::Got, Calls::Table] {
        let options = Options {
            calls,
            ..Options::default()
        };
        let objects = opened(&small(), built_with(&small(), &options));
        for bind in [Bind::Static, Bind::Now, Bind::Lazy, Bind::Direct] {
            let mut program = load(&objects, &preload, config(bind)).unwrap();
            run_small(&mut program, 13);
            assert_eq!(program.call("six", &[7]), 12, "{calls:?} {bind:?}");
        }
    }
    // A library with another body.
    let mut objects = set(&small());
    let other = SMALL.replace("i32.mul", "i32.sub");
    objects[1] = object("lib", &module(0, 0, &[], &other));
    let mut program = load(&objects, &[], program::config()).unwrap();
    run_small(&mut program, -11);
}

#[test]
fn bindings_that_ignore_records_call_everything() {
    for bind in [Bind::Now, Bind::Lazy, Bind::Direct] {
        let mut program = load(&set(&small()), &[], config(bind)).unwrap();
        run_small(&mut program, 81);
        let memory = File::open("/proc/self/mem").unwrap();
        let main = entry(&program, "main");
        for body in &main.object.prelink().unwrap().bodies {
            let mut opcode = [0];
            let at = main.load_address + u64::from(body.code);
            memory.read_exact_at(&mut opcode, at).unwrap();
            assert_eq!(opcode, [0xe9], "{bind:?}: a jump to the plain code");
        }
    }
}

/// Functions that refer to what is in their own object and elsewhere.
const STATEFUL: &str = r#"
    (import "env" "who" (func $who (param i32) (result i32)))
    (import "env" "third" (func $third (param i32) (result i32)))
    (import "GOT.mem" "counter" (global $counter (mut i32)))
    (import "GOT.func" "third" (global $third_index (mut i32)))
    (global (export "counter") i32 (i32.const 8))
    (global $seven i32 (i32.const 7))
    (func (export "next") (result i32)
      (i32.store offset=4 (global.get $memory_base)
        (i32.add (i32.load offset=4 (global.get $memory_base)) (global.get $seven)))
      (i32.load offset=4 (global.get $memory_base)))
    (func (export "bump") (param i32) (result i32)
      (i32.store (global.get $counter)
        (i32.add (i32.load (global.get $counter)) (local.get 0)))
      (i32.load (global.get $counter)))
    (func (export "ask") (param i32) (result i32)
      (i32.add (i32.const 1) (call $who (local.get 0))))
    (func (export "pass") (param i32) (result i32)
      (i32.mul (i32.const 3) (call $third (local.get 0))))
    (func (export "index") (result i32) (global.get $third_index))
"#;

const STATEFUL_USER: &str = r#"
    (import "env" "next" (func $next (result i32)))
    (import "env" "bump" (func $bump (param i32) (result i32)))
    (import "env" "ask" (func $ask (param i32) (result i32)))
    (import "env" "pass" (func $pass (param i32) (result i32)))
    (import "env" "third" (func $third (param i32) (result i32)))
    (import "env" "index" (func $index (result i32)))
    (type $function (func (param i32) (result i32)))
    (func (export "who") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then (return (i32.const 100))))
      ;; Back into the other module: each asks the other.
      (call $ask (i32.sub (local.get 0) (i32.const 1))))
    (func (export "nexts") (result i32) (drop (call $next)) (call $next))
    (func (export "bumps") (param i32) (result i32)
      (drop (call $bump (local.get 0)))
      (call $bump (local.get 0)))
    (func (export "asks") (param i32) (result i32) (call $ask (local.get 0)))
    (func (export "passes") (param i32) (result i32)
      (i32.add (call $third (i32.const 0)) (call $pass (local.get 0))))
    (func (export "pointed") (param i32) (result i32)
      (call_indirect (type $function) (local.get 0) (call $index)))
"#;

const THIRD: &str = r#"
    (func (export "third") (param i32) (result i32)
      (i32.add (local.get 0) (i32.const 5)))
"#;

fn stateful() -> Vec<(&'static str, String)> {
    vec![
        ("main", module(0, 0, &["lib"], STATEFUL_USER)),
        ("lib", module(16, 0, &["third"], STATEFUL)),
        ("third", module(0, 0, &[], THIRD)),
    ]
}

/// What the program of [`stateful`] answers.
fn answers(objects: &[Arc<Object>], preload: &[Arc<Object>], bind: Bind) -> Vec<i32> {
    let mut program = load(objects, preload, config(bind)).unwrap_or_else(|e| panic!("{e}"));
    let calls: [(&str, &[i32]); 6] = [
        ("nexts", &[]),
        ("bumps", &[10]),
        ("asks", &[3]),
        ("passes", &[2]),
        ("pointed", &[30]),
        ("nexts", &[]),
    ];
    let calls = calls.into_iter();
    calls.map(|(name, args)| program.call(name, args)).collect()
}

#[test]
fn what_inlined_functions_refer_to_is_theirs() {
    let objects = set(&stateful());
    let bodies: Vec<_> = objects[0].prelinked_bodies().collect();
    let names: Vec<&str> = bodies.iter().map(|(name, _)| &**name).collect();
    let all = ["who", "nexts", "bumps", "asks", "passes", "pointed"];
    assert_eq!(names, all, "{bodies:?}");
    let expected = [14, 20, 104, 26, 35, 28];
    assert_eq!(answers(&objects, &[], Bind::Static), expected);

    let counter = r#"(global (export "counter") i32 (i32.const 0))
        (data (global.get $memory_base) "\64")"#;
    let third = r#"(func (export "third") (param i32) (result i32) (i32.const 1000))"#;
    let next = r#"(func (export "next") (result i32) (i32.const -1))"#;
    let preloads = [
        (module(16, 0, &[], counter), [14, 120, 104, 26, 35, 28]),
        (module(0, 0, &[], third), [14, 20, 104, 4000, 1000, 28]),
        (module(0, 0, &[], next), [-1, 20, 104, 26, 35, -1]),
    ];
    let apart = stateful();
    let apart = apart.iter().map(|(name, text)| object(name, text));
    let apart: Vec<_> = apart.collect();
    for (number, (text, expected)) in preloads.iter().enumerate() {
        let preload = [object("pre", text)];
        for bind in [Bind::Static, Bind::Now, Bind::Lazy, Bind::Direct] {
            let these = answers(&objects, &preload, bind);
            assert_eq!(these, answers(&apart, &preload, bind), "{number} {bind:?}");
            assert_eq!(these, expected, "{number} {bind:?}");
        }
    }
    // A library without the data: what nothing needs any more is not missed.
    let text = STATEFUL.replace(r#"(global (export "counter") i32 (i32.const 8))"#, "");
    let import = r#"(import "GOT.mem" "counter" (global $counter (mut i32)))"#;
    let seven = "(global $seven";
    let own = "(global $counter (mut i32) (i32.const 1024)) (global $seven";
    let text = text.replace(import, "").replace(seven, own);
    let mut objects = objects;
    objects[1] = object("lib", &module(16, 0, &["third"], &text));
    assert_eq!(answers(&objects, &[], Bind::Static), expected);
}

#[test]
fn what_is_inlined_does_not_hurry_lazy_binding() {
    let mut objects = set(&stateful());
    // Nobody defines `next` any more.
    let text = STATEFUL.replace(r#"(export "next")"#, "");
    objects[1] = object("lib", &module(16, 0, &["third"], &text));
    let mut program = load(&objects, &[], config(Bind::Lazy)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(program.call("bumps", &[10]), 20);
    let missing = program.process.invoke(program.main, "nexts", &[]);
    assert!(matches!(missing, Err(CallError::Trap(_))), "{missing:?}");
    match load(&objects, &[], config(Bind::Static)) {
        Err(Error::Unresolved(missing)) => assert_eq!(missing[0].name, "next"),
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[test]
fn traps_are_traced_through_what_is_inlined() {
    let frames = |bind| {
        let mut program = load(&set(&small()), &[], config(bind)).unwrap();
        let zero = [Val::I32(0)];
        let trap = match program.process.invoke(program.main, "divided", &zero) {
            Err(CallError::Trap(trap)) => trap,
            other => panic!("{other:?}"),
        };
        assert!(
            trap.to_string().contains("integer divide by zero"),
            "{trap}"
        );
        trap.frames
    };
    let inlined = frames(Bind::Static);
    assert_eq!(inlined.len(), 2, "{inlined:?}");
    let names = inlined.iter().map(|f| (&*f.object, &*f.function));
    assert!(
        names.eq([("lib", "div"), ("main", "divided")]),
        "{inlined:?}"
    );
    assert_eq!(inlined, frames(Bind::Now), "as without");
    assert_eq!(inlined, frames(Bind::Direct));
}

#[test]
fn without_optimisation_nothing_is_inlined() {
    let main = &opened(&small(), built_with(&small(), &without_inlining()))[0];
    assert_eq!(main.prelinked_bodies().count(), 0);
    assert!(main.prelinked_calls().count() > 0);
}

/// A member of a set with another record, its hashes fitting.
fn with_record(
    modules: &[(&str, String)],
    number: usize,
    change: impl Fn(&mut Prelink),
) -> Result<Arc<Object>, Error> {
    let mut bytes = built(modules).swap_remove(number);
    let name = modules[number].0;
    // SAFETY: the compiler's own bytes.
    let object = unsafe { Object::from_bytes(name, &bytes, true) }.unwrap();
    let mut record = object.prelink().unwrap().clone();
    let old = record.encode();
    change(&mut record);
    let at = bytes.windows(old.len()).position(|w| w == old).unwrap();
    let new = record.encode();
    let len = new.len().min(old.len());
    bytes[at..at + len].copy_from_slice(&new[..len]);
    let owner = b"wasmaot\0";
    let note = bytes.windows(owner.len()).position(|w| w == owner).unwrap() + owner.len();
    Note::seal(&mut bytes, note);
    // SAFETY: the code is the compiler's; nothing of the record is believed.
    unsafe { Object::from_bytes(name, &bytes, false) }.map(Arc::new)
}

/// A way to damage a record.
type Damage = (&'static str, fn(&mut Prelink));

#[test]
fn damaged_records_are_refused_when_opened() {
    let cases: &[Damage] = &[
        ("another object", |r| r.number = 3),
        ("another object", |r| r.members[1].offset += 1),
        ("another object", |r| r.members[1].offset = 0x8000_0000),
        ("another object", |r| {
            let to = Place {
                member: 3,
                address: 0,
            };
            r.calls[0].to = Some(to);
        }),
        ("cannot be read", |r| r.calls.truncate(1)),
        ("cannot be read", |r| r.members.truncate(1)),
        ("cannot be read", |r| r.members[0].name.push('x')),
        ("cannot be read", |r| r.bodies.truncate(1)),
        ("another object", |r| r.bodies[0].code = 0),
        ("another object", |r| r.bodies[0].plain = 0xffff_fffe),
        ("another object", |r| r.bodies[0].needs[0] = 99),
        ("another object", |r| r.bodies.swap(0, 1)),
    ];
    for (number, (reason, damage)) in cases.iter().enumerate() {
        let error = with_record(&small(), 0, damage)
            .map(|_| number)
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{number}: {error}");
    }
}

#[test]
fn records_that_do_not_fit_the_code_are_refused_or_not_followed() {
    let objects = set(&modules());
    let damaged: &[Damage] = &[
        // To another function; into the middle of one.
        ("table of calls", |r| r.calls[0].to = r.calls[1].to),
        ("table of calls", |r| {
            let to = r.calls[0].to.as_mut().unwrap();
            to.address += 1;
        }),
        ("table of calls", |r| r.calls[0].to = None),
        // The images on top of each other; too far for a process.
        ("table of calls", |r| r.members[1].offset = 0),
        ("table of calls", |r| r.members[1].offset = 0x7fff_f000),
    ];
    for (number, (reason, damage)) in damaged.iter().enumerate() {
        let mut objects = objects.clone();
        objects[0] = with_record(&modules(), 0, damage).unwrap();
        match load(&objects, &[], program::config()) {
            Err(error) => assert!(error.to_string().contains(reason), "{number}: {error}"),
            Ok(mut program) => run(&mut program),
        }
    }
    // Entries that are none matter where calls are to be led back to them.
    let mut objects = objects;
    objects[0] = with_record(&modules(), 0, |r| r.calls[0].plt += 16).unwrap();
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    let error = load(&objects, &[], config(Bind::Now)).err().unwrap();
    assert!(error.to_string().contains("entry 0 of the PLT"), "{error}");
    // A library that is said to be another is not the one prelinked with.
    objects[0] = with_record(&modules(), 0, |r| r.members[1].build_id[0] ^= 1).unwrap();
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["plt"; 3]);
}

#[test]
fn the_command_line_makes_and_shows_sets() {
    let sandbox = Sandbox::new();
    let texts = [
        ("main.wat", module(0, 0, &["lib.wat"], MAIN)),
        ("lib.wat", module(0, 0, &["other.wat"], LIBRARY)),
        ("other.wat", module(0, 0, &[], OTHER)),
    ];
    for (name, text) in &texts {
        sandbox.write(name, text);
    }
    let build = ["build", "--prelink", "main.wat", "lib.wat", "other.wat"];
    sandbox.wasmaot(&build).success();
    let run = ["run", "--invoke", "sum", "main.wat.elf", "--", "100"];
    assert_eq!(sandbox.wasmaot(&run).success(), "5050\n");
    let listing = sandbox.wasmaot(&["inspect", "main.wat.elf"]).success();
    for part in ["prelinked with:", "lib.wat", "this", "prelinked calls:"] {
        assert!(listing.contains(part), "{part}: {listing}");
    }
    let add = listing.lines().filter(|line| line.starts_with("  add "));
    assert!(
        add.clone().any(|line| line.contains("lib.wat")),
        "{listing}"
    );
    let libraries = sandbox.wasmaot(&["ldd", "main.wat.elf"]).success();
    assert_eq!(libraries.matches(" (prelinked)").count(), 2, "{libraries}");
    let explained = ["run", "--explain", "add", "main.wat.elf"];
    let text = sandbox.wasmaot(&explained).success();
    assert!(text.contains("the calls are prelinked"), "{text}");

    // A library built by itself takes the place of the prelinked one.
    sandbox.wasmaot(&["build", "lib.wat"]).success();
    let output = sandbox.command(&run).env("WASMAOT_DEBUG", "libs").output();
    let outcome: common::Outcome = output.unwrap().into();
    let note = "main.wat.elf was prelinked with lib.wat, which is another build now";
    assert!(outcome.stderr.contains(note), "{outcome:#?}");
    assert_eq!(outcome.success(), "5050\n");
    let libraries = sandbox.wasmaot(&["ldd", "main.wat.elf"]).success();
    assert!(
        libraries.contains("not as prelinked: another build"),
        "{libraries}"
    );
    let text = sandbox.wasmaot(&explained).success();
    assert!(text.contains("through the PLT, not as prelinked"), "{text}");

    // What is not named is found, and apart; into another directory.
    let apart = ["build", "--prelink", "-o", "out", "main.wat", "lib.wat"];
    sandbox.wasmaot(&apart).success();
    let run = [
        &["run", "-L", ".", "--invoke", "sum"],
        &["out/main.wat.elf", "--", "9"][..],
    ];
    assert_eq!(sandbox.wasmaot(&run.concat()).success(), "45\n");
    let listing = sandbox.wasmaot(&["inspect", "out/lib.wat.elf"]).success();
    let more = listing.lines().filter(|line| line.starts_with("  more "));
    assert_eq!(more.count(), 0, "{listing}");
}

#[test]
fn what_cannot_be_prelinked_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], MAIN));
    let error = sandbox.wasmaot(&["build", "--prelink", "main.wat"]);
    error.error(1, &["lib.wat", "main.wat"]);
    let error = sandbox.wasmaot(&["build", "--prelink", "--emit", "asm", "main.wat"]);
    error.error(2, &["--emit"]);
    let wrong = MAIN.replace("(result i32) (i32.const 1)", "(result i64) (i64.const 1)");
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &wrong));
    sandbox.write("lib.wat", module(0, 0, &[], LIBRARY));
    let error = sandbox.wasmaot(&["build", "--prelink", "main.wat", "lib.wat"]);
    error.error(1, &["who", "main.wat", "lib.wat"]);
    assert!(!sandbox.path("main.wat.elf").exists());
}

#[test]
fn the_same_set_has_the_same_bytes() {
    assert_eq!(built(&modules()), built(&modules()));
    let mut other = modules();
    other[2].1 = other[2].1.replace("i32.eqz", "i32.clz");
    let ids = |set: &[Arc<Object>]| -> Vec<Vec<u8>> {
        set.iter().map(|o| o.build_id().to_vec()).collect()
    };
    let (these, those) = (ids(&set(&modules())), ids(&set(&other)));
    assert!(these.iter().zip(&those).all(|(a, b)| a != b), "all differ");
}
