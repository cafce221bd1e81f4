//! Binding of calls across objects: where they lead, read from the process's
//! own code; what runs is the same however they are bound.

#![cfg(feature = "compiler")]

mod common;

use std::sync::{Arc, Mutex};

use object::read::elf::ElfFile64;
use object::{Endianness, Object as _, ObjectSection as _};
use wasmaot_abi::object::{PltCall, SEC_CALLS};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{
    Bind, CallError, Caller, Category, Config, HostFunction, Object, Process, Unresolved, Val,
};

use common::Sandbox;
use common::calls::{calls, pairs};
use common::program::{self, called, caller, load, load_with, module, object};

fn config(bind: Bind) -> Config {
    Config {
        bind,
        ..program::config()
    }
}

/// A main that calls the host, too.
fn main_module() -> String {
    let imports = r#"(import "env" "note" (func $note (param i32)))"#;
    let functions = r#"(func (export "host") (call $note (i32.const 7)))"#;
    module(0, 0, &["lib"], &caller(imports, functions))
}

fn library() -> String {
    module(0, 0, &[], &called("", ""))
}

/// `note`, and what it has been told.
fn note() -> (HostFunction, Arc<Mutex<Vec<i32>>>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&notes);
    let body = move |_: &mut Caller<'_>, value: i32| told.lock().unwrap().push(value);
    (HostFunction::wrap("env", "note", body), notes)
}

fn run(bind: Bind) -> program::Program {
    let (main, library) = (main_module(), library());
    let (note, notes) = note();
    let libraries = [("lib", library.as_str())];
    let mut program = load_with(&main, &[], &libraries, config(bind), vec![note]).unwrap();
    assert_eq!(program.call("sum", &[100]), 5050);
    assert_eq!(program.call("tail", &[30, 12]), 42);
    assert_eq!(program.call("asked", &[]), 1, "main's comes first");
    program.process.invoke(program.main, "host", &[]).unwrap();
    assert_eq!(*notes.lock().unwrap(), [7]);
    program
}

#[test]
fn calls_lead_straight_to_what_they_call() {
    let program = run(Bind::Direct);
    let main = calls(&program.process, "main");
    let expected = [
        ("sum", "lib!add"),
        ("tail", "lib!add"),
        ("host", "stub"),
        ("asked", "lib!ask"),
    ];
    assert_eq!(pairs(&main), expected);
    let opcodes: Vec<_> = main.iter().map(|c| c.opcode).collect();
    assert_eq!(opcodes, [0xe8, 0xe9, 0xe8, 0xe8], "the tail call is a jump");
    let library = calls(&program.process, "lib");
    assert_eq!(pairs(&library), [("ask", "main!who")]);
}

#[test]
fn unless_asked_for_they_lead_to_the_plt() {
    let program = run(Bind::Now);
    let main = calls(&program.process, "main");
    assert_eq!(main.len(), 4);
    assert!(main.iter().all(|c| c.to == "plt"), "{main:?}");
}

#[test]
fn patched_code_is_not_writable() {
    let program = run(Bind::Direct);
    let entry = program.process.link_map().next().unwrap();
    let text = entry.load_address + entry.object.section_address(".text").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let permissions = maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        (number(start)..number(end))
            .contains(&text)
            .then(|| rest.split(' ').next().unwrap().to_owned())
    });
    assert_eq!(permissions.as_deref(), Some("r-xp"));
}

#[test]
fn statistics_count_the_calls() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let traced = Config {
        trace: Some(Box::new(move |category, text| {
            if category == Category::Statistics {
                sink.lock().unwrap().push(text.to_owned());
            }
        })),
        ..config(Bind::Direct)
    };
    // What fills memory is a function of the runtime, out of reach.
    let main = module(
        0,
        0,
        &[],
        r#"
        (import "env" "note" (func $note (param i32)))
        (func (export "host") (call $note (i32.const 1)))
        (func (export "fill") (param i32)
          (memory.fill (i32.const 0) (i32.const 5) (local.get 0)))
        "#,
    );
    let (note, _) = note();
    let mut program = load_with(&main, &[], &[], traced, vec![note]).unwrap();
    let nine = [Val::I32(9)];
    let filled = program.process.invoke(program.main, "fill", &nine);
    assert_eq!(filled.unwrap(), []);
    assert_eq!(
        program.process.memory_bytes(program.main)[..10],
        [5, 5, 5, 5, 5, 5, 5, 5, 5, 0]
    );
    let main = calls(&program.process, "main");
    assert_eq!(pairs(&main), [("host", "stub"), ("fill", "plt")]);
    let lines = lines.lock().unwrap();
    let count = "main: 1 of 2 calls bound directly";
    assert!(lines.iter().any(|line| line == count), "{lines:?}");
}

#[test]
fn another_domain_is_reached_through_its_thunk() {
    let memory = |byte: u8| format!(r#"(memory 1) (data (i32.const 8) "\{byte:02x}")"#);
    let get = r#"(func (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))"#;
    let one = format!("(module {} {get})", memory(42));
    let two = format!(
        r#"(module
          (import "one" "get" (func $get (param i32) (result i32)))
          {}
          (func $own (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "sum") (result i32)
            (i32.add (call $get (i32.const 8)) (call $own (i32.const 8))))
          (func (export "tail") (result i32) (return_call $get (i32.const 8))))"#,
        memory(100)
    );
    let mut process = Process::new(config(Bind::Direct)).unwrap();
    process
        .instantiate(object("one", &one), Some("one"))
        .unwrap();
    let two = process.instantiate(object("two", &two), None).unwrap();
    let mut call = |name| process.invoke(two, name, &[]).unwrap();
    assert_eq!(call("sum"), [Val::I32(142)]);
    assert_eq!(call("tail"), [Val::I32(42)]);
    let two = calls(&process, "two");
    assert_eq!(pairs(&two), [("sum", "stub"), ("tail", "stub")]);
}

#[test]
fn an_undefined_function_still_traps_by_name() {
    let main = module(
        0,
        0,
        &[],
        r#"(import "env" "nowhere" (func $f)) (func (export "go") (call $f))"#,
    );
    let lenient = Config {
        unresolved: Unresolved::Ignore,
        ..config(Bind::Direct)
    };
    let mut program = load(&main, &[], lenient).unwrap();
    assert_eq!(pairs(&calls(&program.process, "main")), [("go", "stub")]);
    let Err(CallError::Trap(trap)) = program.process.invoke(program.main, "go", &[]) else {
        panic!("it ended well");
    };
    assert!(trap.to_string().contains("`nowhere`"), "{trap}");
    assert_eq!(trap.frames[0].function, "go");
}

/// An object with its table of calls overwritten from an entry on.
fn damaged(bytes: &[u8], entry: u64, with: &[PltCall]) -> Arc<Object> {
    let elf = ElfFile64::<Endianness>::parse(bytes).unwrap();
    let table = elf.section_by_name(SEC_CALLS).unwrap();
    let at = (table.file_range().unwrap().0 + 8 * entry) as usize;
    let mut bytes = bytes.to_vec();
    let new: Vec<u8> = with.iter().flat_map(PltCall::encode).collect();
    bytes[at..at + new.len()].copy_from_slice(&new);
    // SAFETY: the code is the compiler's; the table is checked when it is used.
    Arc::new(unsafe { Object::from_bytes("main", &bytes, false) }.unwrap())
}

#[test]
fn a_damaged_table_of_calls_is_refused() {
    let main = r#"(module
        (import "env" "a" (func $a (param i32)))
        (import "env" "b" (func $b (param i32)))
        (func (export "f") (param i32) (call $a (local.get 0)) (call $b (local.get 0))))"#;
    let wasm = wat::parse_str(main).unwrap();
    let bytes = compile("main", &wasm, &Options::default(), Emit::So).unwrap();
    // SAFETY: the compiler's own bytes.
    let whole = unsafe { Object::from_bytes("main", &bytes, true) }.unwrap();
    let (table, _) = whole.section(SEC_CALLS).unwrap().as_chunks();
    let [a, b] = *table else {
        panic!("two calls: {table:?}");
    };
    let [a, b] = [a, b].map(PltCall::decode);
    let place = |place| PltCall { place, ..a };
    let entry = |entry| PltCall { entry, ..a };
    let last = whole.section_address(".text").unwrap() as u32;
    let cases: &[(u64, &[PltCall])] = &[
        (0, &[place(0)]),
        (0, &[place(1)]),
        (0, &[place(u32::MAX)]),
        (0, &[place(a.place + 1)]),
        // Of the PLT's own jump to its head, and of no code.
        (0, &[place(last - 4)]),
        (0, &[place(0x40)]),
        (0, &[entry(b.entry)]),
        (0, &[entry(2)]),
        (0, &[entry(u32::MAX)]),
        (0, &[b, a]),
        (1, &[a]),
    ];
    let load = |object: Arc<Object>, bind| {
        let fast = Config {
            check: false,
            ..config(bind)
        };
        let mut process = Process::new(fast).unwrap();
        for name in ["a", "b"] {
            let ty = FuncType::new([ValType::I32], []);
            let nothing = HostFunction::new("env", name, ty, |_, _, _| Ok(()));
            process.add_host_functions([nothing]);
        }
        let loaded = process.instantiate(object, None).map(|_| ());
        assert_eq!(process.link_map().count(), usize::from(loaded.is_ok()));
        loaded
    };
    load(damaged(&bytes, 0, &[a, b]), Bind::Direct).unwrap();
    for (at, with) in cases {
        let object = damaged(&bytes, *at, with);
        let error = load(Arc::clone(&object), Bind::Direct).unwrap_err();
        let text = error.to_string();
        let told = text.contains("main: ") && text.contains("table of calls is damaged");
        assert!(told, "{with:?}: {text}");
        load(object, Bind::Now).unwrap();
    }
}

/// A process whose tracing of bindings can be read.
fn traced(config: Config) -> (Config, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let trace = move |category, text: &str| {
        if category == Category::Bindings {
            sink.lock().unwrap().push(text.to_owned());
        }
    };
    let config = Config {
        trace: Some(Box::new(trace)),
        ..config
    };
    (config, lines)
}

#[test]
fn what_is_lazily_bound_does_the_same() {
    let program = run(Bind::Lazy);
    let main = calls(&program.process, "main");
    assert!(main.iter().all(|c| c.to == "plt"), "{main:?}");
}

#[test]
fn a_function_is_looked_up_at_its_first_call() {
    let (main, library) = (main_module(), library());
    let (config, lines) = traced(config(Bind::Lazy));
    let libraries = [("lib", library.as_str())];
    // Nobody defines `note`.
    let mut program = load(&main, &libraries, config).unwrap();
    let bound = || {
        let lines = lines.lock().unwrap();
        let functions = lines.iter().filter(|l| !l.contains("the loader"));
        functions.cloned().collect::<Vec<_>>()
    };
    assert_eq!(bound(), [""; 0]);
    assert_eq!(program.call("sum", &[100]), 5050);
    let add = "binding main to lib: `env.add`";
    assert_eq!(bound(), [add]);
    assert_eq!(program.call("tail", &[30, 12]), 42);
    assert_eq!(bound(), [add]);
    assert_eq!(program.call("asked", &[]), 1);
    let others = [
        "binding main to lib: `env.ask`",
        "binding lib to main: `env.who`",
    ];
    assert_eq!(bound(), [add, others[0], others[1]]);

    for _ in 0..2 {
        let trap = program.trap("host");
        let text = trap.to_string();
        assert!(matches!(
            trap.reason,
            TrapReason::Code(TrapCode::UnresolvedSymbol)
        ));
        assert!(
            text.contains("(`note`, imported by main)\n   0: main!host at"),
            "{text}"
        );
    }
    assert_eq!(program.call("sum", &[10]), 55);
}

#[test]
fn the_command_line_chooses() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], &caller("", "")));
    sandbox.write("lib.wat", library());
    let run = |bind: &[&str]| {
        let rest = ["--invoke", "sum", "main.wat", "--", "100"];
        let args = [&["run"], bind, &rest].concat();
        let mut command = sandbox.command(&args);
        let output = command.env("WASMAOT_DEBUG", "statistics").output().unwrap();
        let outcome = common::Outcome::from(output);
        let direct = outcome
            .stderr
            .contains("main.wat: 3 of 3 calls bound directly");
        assert_eq!(outcome.success(), "5050\n");
        direct
    };
    assert!(run(&["--bind", "direct"]));
    assert!(!run(&["--bind", "now"]));
    assert!(!run(&["--bind", "lazy"]));
    // Few calls in one page: that is as cheap.
    assert!(run(&[]));
    assert!(!run(&["--bind", "lazy", "--lazy-load"]));
    sandbox
        .wasmaot(&["run", "--lazy-load", "main.wat"])
        .error(2, &["--lazy-load needs --bind lazy"]);
    let listed = |args: &[&str]| {
        let args = [&["run", "--trace-loaded"], args, &["main.wat"]].concat();
        sandbox.wasmaot(&args).success().lines().count()
    };
    assert_eq!(listed(&["--bind", "lazy"]), 2);
    assert_eq!(listed(&["--bind", "lazy", "--lazy-load"]), 1);
    let wrong = sandbox.wasmaot(&["run", "--bind", "never", "main.wat"]);
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("values: static, now, lazy, direct"),
        "{wrong:?}"
    );
}

/// A function of another type than its import's counts when it is called, where
/// that may be late; and it is explained.
#[test]
fn a_function_of_another_type_counts_when_it_may_be_late_at_its_call() {
    let sandbox = Sandbox::new();
    let main = |body: &str| {
        let imports = r#"(import "env" "f" (func $f (param i32) (result i32)))"#;
        let start = format!(r#"{imports} (func (export "_start") {body})"#);
        module(0, 0, &["lib.wat"], &start)
    };
    sandbox.write(
        "lib.wat",
        module(0, 0, &[], r#"(func (export "f") (param f64))"#),
    );
    sandbox.write("dead.wat", main(""));
    sandbox.write("call.wat", main("(drop (call $f (i32.const 1)))"));
    let run = |file, options: &[&str]| {
        let args = [&["run"], options, &[file]].concat();
        sandbox.wasmaot(&args)
    };
    let both = ["`f`", "(i32) -> (i32)", "(f64) -> ()", "lib.wat"];
    run("dead.wat", &[]).error(1, &both);
    run("dead.wat", &["--bind", "now"]).error(1, &both);
    for late in [
        &["--bind", "lazy"][..],
        &["--unresolved=warn"],
        &["--unresolved=ignore"],
    ] {
        run("dead.wat", late).success();
        let outcome = run("call.wat", late);
        assert_eq!(outcome.code, Some(134), "{outcome:?}");
        for text in both {
            assert!(outcome.stderr.contains(text), "{late:?}: {outcome:?}");
        }
    }
    let warned = run("dead.wat", &["--unresolved=warn"]).stderr;
    assert!(warned.contains("a call will trap"), "{warned}");
    let explained = run("dead.wat", &["--explain", "f"]).success();
    assert!(
        explained.contains("lib.wat defines it as (f64) -> ()"),
        "{explained}"
    );
    assert!(
        explained.contains("imported as (i32) -> (i32)"),
        "{explained}"
    );
}

/// Its address is that of the definition, the same from every object, though
/// calls of it trap.
#[test]
fn the_address_of_a_function_of_another_type_is_the_functions_own() {
    let sandbox = Sandbox::new();
    let address = r#"(import "GOT.func" "f" (global $f (mut i32)))"#;
    let own =
        r#"(func (export "f") (param f64)) (func (export "own") (result i32) (global.get $f))"#;
    sandbox.write("lib.wat", module(0, 0, &[], &format!("{address} {own}")));
    for calls in ["", "(drop (call $called (i32.const 1)))"] {
        let called = r#"(import "env" "f" (func $called (param i32) (result i32)))"#;
        let body = format!(
            r#"(import "env" "own" (func $own (result i32)))
               (func (export "_start")
                 (if (i32.eqz (global.get $f)) (then (unreachable)))
                 (if (i32.ne (global.get $f) (call $own)) (then (unreachable)))
                 {calls})"#
        );
        // Whichever import comes first.
        for imports in [format!("{address} {called}"), format!("{called} {address}")] {
            let main = module(0, 0, &["lib.wat"], &format!("{imports} {body}"));
            sandbox.write("main.wat", main);
            for late in [&["--bind", "lazy"][..], &["--unresolved=warn"]] {
                let outcome = sandbox.wasmaot(&[&["run"], late, &["main.wat"]].concat());
                if calls.is_empty() {
                    outcome.success();
                } else {
                    assert_eq!(outcome.code, Some(134), "{outcome:?}");
                    assert!(outcome.stderr.contains("(f64) -> ()"), "{outcome:?}");
                }
            }
        }
    }
}
