//! Small functions of other modules of a set, whose bodies stand in the place of
//! calls.

use super::*;

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

pub fn small() -> Vec<(&'static str, String)> {
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
    let second = record.bodies.iter().map(|body| body.uninlined).min();
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

/// Modules of a set, with a memory that threads share.
fn for_threads(modules: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let shared = |text: String| text.replace("(memory 0)", "(memory 0 100 shared)");
    let modules = modules.into_iter();
    modules.map(|(name, text)| (name, shared(text))).collect()
}

#[test]
fn functions_of_programs_for_threads_are_inlined_too() {
    let objects = set(&for_threads(stateful()));
    assert_eq!(objects[0].prelinked_bodies().count(), 6);
    let library = r#"
        (func (export "push") (result i32)
          (global.set $stack_pointer (i32.sub (global.get $stack_pointer) (i32.const 16)))
          (global.get $stack_pointer))"#;
    let main = r#"
        (import "env" "push" (func $push (result i32)))
        (func (export "pushed") (result i32) (local $before i32)
          (local.set $before (global.get $stack_pointer))
          (if (i32.ne (call $push) (i32.sub (local.get $before) (i32.const 16)))
            (then (unreachable)))
          (i32.sub (local.get $before) (global.get $stack_pointer)))"#;
    let stack = set(&for_threads(vec![
        ("main", module(0, 0, &["lib"], main)),
        ("lib", module(0, 0, &[], library)),
    ]));
    assert_eq!(stack[0].prelinked_bodies().count(), 1);
    for bind in [Bind::Static, Bind::Now, Bind::Lazy, Bind::Direct] {
        assert_eq!(answers(&objects, &[], bind), [14, 20, 104, 26, 35, 28]);
        let mut program = load(&stack, &[], config(bind)).unwrap();
        assert_eq!(program.call("pushed", &[]), 16, "{bind:?}");
    }
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
