//! The runtime as a library: typed host functions, calls back, limits, many
//! processes on many threads, modules that share nothing.

#![cfg(feature = "compiler")]

#[path = "common/program.rs"]
mod program;

use std::sync::Arc;
use std::time::Duration;

use program::{config, trap_code};
use wasmaot::{
    AccessError, CallError, Caller, Config, Engine, FuncType, HostEnv, HostError, Hosts, Input,
    Instance, LoadError, Object, OutOfBounds, Output, OutputBuffer, Process, TrapReason, Val,
    ValType, WasmParams, WasmResults, wasi,
};
use wasmaot_abi::trap::TrapCode;
use wasmaot_testkit::{Code, Kind, Link, object, sources};

fn build(text: &str) -> Arc<Object> {
    Engine::default()
        .compile("module", text.as_bytes())
        .unwrap()
}

/// A process without data of its own.
fn new_process(config: Config) -> Process {
    Process::new(&Engine::default(), config, ()).unwrap()
}

fn instance(config: Config, hosts: &Hosts, text: &str) -> (Process, Instance) {
    let mut process = new_process(config);
    process.add_hosts(hosts);
    let id = process.instantiate(&build(text), Some("module")).unwrap();
    (process, id)
}

/// Calls a function that is called once.
fn call<P: WasmParams, R: WasmResults>(
    process: &mut Process,
    id: Instance,
    name: &str,
    params: P,
) -> Result<R, CallError> {
    id.typed_func(process, name)?.call(process, params)
}

fn invoke(
    process: &mut Process,
    id: Instance,
    name: &str,
    args: &[Val],
) -> Result<Vec<Val>, CallError> {
    id.func(process, name)?.call(process, args)
}

#[test]
fn rust_signatures_are_wasm_types() {
    let mix = |_: &mut Caller<'_, ()>, a: i32, b: u64, c: f32, d: f64| (c + a as f32, b + 1, d);
    let no = |_: &mut Caller<'_, ()>| -> Result<(), HostError> {
        Err(HostError::Message("not today".into()))
    };
    let mut hosts = Hosts::new();
    hosts.func("host", "mix", mix).func("host", "no", no);
    let (mut process, id) = instance(
        config(),
        &hosts,
        r#"(module
          (import "host" "mix" (func $mix (param i32 i64 f32 f64) (result f32 i64 f64)))
          (import "host" "no" (func $no))
          (func (export "mix") (param i32 i64 f32 f64) (result f32 i64 f64)
            (call $mix (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
          (func (export "no") (call $no))
          (func (export "lanes") (param v128) (result i32) (i32x4.extract_lane 3 (local.get 0))))"#,
    );
    let mixed: (f32, u64, f64) =
        call(&mut process, id, "mix", (2, u64::MAX - 1, 0.5f32, -0.25)).unwrap();
    assert_eq!(mixed, (2.5, u64::MAX, -0.25));
    assert_eq!(
        call::<u128, i32>(&mut process, id, "lanes", 7 << 96).unwrap(),
        7
    );
    let error = call::<(), ()>(&mut process, id, "no", ()).unwrap_err();
    assert!(error.to_string().starts_with("not today"), "{error}");
    let error = call::<i32, i32>(&mut process, id, "mix", 1).unwrap_err();
    let text = "mix: is of type (i32, i64, f32, f64) -> (f32, i64, f64), called as (i32) -> (i32)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn host_functions_call_back_and_see_memory_grow() {
    let back = |caller: &mut Caller<'_, ()>, n: i32| -> Result<i32, HostError> {
        let id = caller.instance("module").unwrap();
        let before = caller.memory().len();
        let inner: i32 = if n > 0 {
            let f = id.typed_func::<i32, i32>(caller, "f")?;
            f.call(caller, n - 1)?
        } else {
            0
        };
        if n > 0 {
            assert_eq!(caller.memory().len(), before + 65536 * n as usize);
        }
        caller.memory_mut()[n as usize] = 1;
        Ok(inner + n)
    };
    let mut hosts = Hosts::new();
    hosts.func("host", "back", back);
    let (mut process, id) = instance(
        config(),
        &hosts,
        r#"(module
          (import "host" "back" (func $back (param i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "f") (param i32) (result i32)
            (drop (memory.grow (i32.const 1)))
            (if (i32.eq (local.get 0) (i32.const 99)) (then unreachable))
            (call $back (local.get 0))))"#,
    );
    assert_eq!(call::<i32, i32>(&mut process, id, "f", 4).unwrap(), 10);
    assert_eq!(process.read(id, 0, 6).unwrap(), [1, 1, 1, 1, 1, 0]);
    // A trap of the inner call goes through the host function that lets it.
    let error = call::<i32, i32>(&mut process, id, "f", 100).unwrap_err();
    let CallError::Trap(trap) = error else {
        panic!("{error}")
    };
    assert_eq!(trap.frames.len(), 2, "{trap}");
    assert!(matches!(
        trap.reason,
        TrapReason::Code(TrapCode::Unreachable)
    ));
}

#[test]
fn references_cannot_be_made_up() {
    let forge = |_: &mut Caller<'_, ()>, _: &[Val], results: &mut [Val]| {
        results[0] = Val::FuncRef(0x1234_5678);
        Ok(())
    };
    let ty = FuncType::new([], [ValType::FuncRef]);
    let mut hosts = Hosts::new();
    hosts.func_of_type("host", "forge", ty, forge);
    let (mut process, id) = instance(
        config(),
        &hosts,
        r#"(module
          (import "host" "forge" (func $forge (result funcref)))
          (table $t 1 funcref)
          (elem declare func $seven)
          (func $seven (result i32) (i32.const 7))
          (func (export "seven") (result funcref) (ref.func $seven))
          (func (export "call") (param funcref) (result i32)
            (table.set $t (i32.const 0) (local.get 0))
            (call_indirect $t (result i32) (i32.const 0)))
          (func (export "take") (table.set $t (i32.const 0) (call $forge))))"#,
    );
    let seven = invoke(&mut process, id, "seven", &[]).unwrap();
    assert_eq!(
        invoke(&mut process, id, "call", &seven).unwrap(),
        [Val::I32(7)]
    );
    let Val::FuncRef(at) = seven[0] else { panic!() };
    for wrong in [at + 1, at ^ 0x1000_0000, 1, u64::MAX] {
        let error = invoke(&mut process, id, "call", &[Val::FuncRef(wrong)]);
        assert!(
            matches!(error, Err(CallError::Arguments { .. })),
            "{error:?}"
        );
    }
    let error = invoke(&mut process, id, "take", &[]).unwrap_err();
    assert!(
        error.to_string().contains("host.forge set result 0"),
        "{error}"
    );
}

const DEEP: &str = r#"(module
  (memory 1) (table 1 funcref)
  (func $deep (export "deep") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "extend") (param i32) (result i32)
    (table.grow (ref.null func) (local.get 0)))
  (func (export "for ever") (loop (br 0))))"#;

#[test]
fn limits_hold() {
    let limits = Config {
        max_memory: 5 << 16,
        max_table: 100,
        stack_size: 64 << 10,
        ..config()
    };
    let (mut process, id) = instance(limits, &Hosts::new(), DEEP);
    let mut limited = |name: &str, n: i32| call::<i32, i32>(&mut process, id, name, n);
    assert_eq!(limited("grow", 4).unwrap(), 1);
    assert_eq!(limited("grow", 1).unwrap(), -1);
    assert_eq!(limited("extend", 99).unwrap(), 1);
    assert_eq!(limited("extend", 1).unwrap(), -1);
    assert_eq!(limited("deep", 100).unwrap(), 100);
    assert_eq!(
        trap_code(limited("deep", 100_000).unwrap_err()),
        TrapCode::StackOverflow
    );
    assert_eq!(limited("deep", 100).unwrap(), 100, "and goes on");

    let (mut large, id) = instance(config(), &Hosts::new(), DEEP);
    assert_eq!(
        call::<i32, i32>(&mut large, id, "deep", 100_000).unwrap(),
        100_000
    );
    assert_eq!(call::<i32, i32>(&mut large, id, "grow", 1000).unwrap(), 1);

    let mut small = new_process(Config {
        max_memory: 2 << 16,
        ..config()
    });
    let error = small.instantiate(&build("(module (memory 3))"), None);
    let error = error.unwrap_err();
    assert!(matches!(error, LoadError::MemoryLimit { .. }), "{error}");
    let mut short = new_process(Config {
        max_table: 2,
        ..config()
    });
    let error = short.instantiate(&build("(module (table 3 funcref))"), None);
    let error = error.unwrap_err();
    assert!(matches!(error, LoadError::Limit { .. }), "{error}");
}

#[test]
fn a_loop_is_interrupted_and_the_process_goes_on() {
    let (mut process, id) = instance(config(), &Hosts::new(), DEEP);
    for _ in 0..3 {
        let interrupter = process.interrupter();
        let other = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            interrupter.interrupt(Duration::from_secs(60))
        });
        let error = call::<(), ()>(&mut process, id, "for ever", ()).unwrap_err();
        assert_eq!(trap_code(error), TrapCode::Interrupted);
        assert!(other.join().unwrap());
        let error = call::<i32, i32>(&mut process, id, "deep", 3).unwrap_err();
        assert_eq!(
            trap_code(error),
            TrapCode::Interrupted,
            "the request stands"
        );
        process.interrupter().resume();
        assert_eq!(call::<i32, i32>(&mut process, id, "deep", 3).unwrap(), 3);
    }
}

#[test]
fn sixty_four_bit_memories_exceed_four_gibibytes() {
    let text = r#"(module
      (memory i64 1)
      (func (export "far") (param i64 i32) (result i32)
        (drop (memory.grow (i64.const 65600)))
        (i32.store (local.get 0) (local.get 1))
        (i32.load offset=4 (i64.sub (local.get 0) (i64.const 4)))))"#;
    let roomy = Config {
        max_memory: 1 << 33,
        ..config()
    };
    let (mut process, id) = instance(roomy, &Hosts::new(), text);
    let end = (1i64 + 65600) << 16;
    for at in [1 << 32, end - 4] {
        assert_eq!(
            call::<(i64, i32), i32>(&mut process, id, "far", (at, 7)).unwrap(),
            7
        );
    }
    assert_eq!(process.read(id, end as u64 - 4, 4).unwrap(), [7, 0, 0, 0]);
    let narrow = Config {
        max_memory: 1 << 32,
        ..config()
    };
    let (mut process, id) = instance(narrow, &Hosts::new(), text);
    let error = call::<(i64, i32), i32>(&mut process, id, "far", (1 << 32, 7)).unwrap_err();
    assert_eq!(trap_code(error), TrapCode::MemoryOutOfBounds);
}

#[test]
fn many_instances_of_one_object_on_many_threads() {
    let object = build(
        r#"(module
          (memory 1) (global $calls (mut i32) (i32.const 0))
          (func (export "mean") (param i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get 0)))
            (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable)))
          (func (export "sum") (result i32) (i32.load (i32.const 0)))
          (func (export "calls") (result i32) (global.get $calls)))"#,
    );
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let object = &object;
            scope.spawn(move || {
                let instances = 20;
                let mut all: Vec<_> = (0..instances)
                    .map(|_| {
                        let mut process = new_process(config());
                        let id = process.instantiate(object, None).unwrap();
                        (process, id)
                    })
                    .collect();
                for round in 0..50 {
                    for (number, (process, id)) in all.iter_mut().enumerate() {
                        let value = thread * 1000 + number as i32 + round;
                        let ended = call::<i32, ()>(process, *id, "mean", value);
                        assert_eq!(ended.is_err(), value == 13);
                    }
                }
                for (number, (process, id)) in all.iter_mut().enumerate() {
                    let sum: i32 = (0..50).map(|r| thread * 1000 + number as i32 + r).sum();
                    assert_eq!(call::<(), i32>(process, *id, "sum", ()).unwrap(), sum);
                    assert_eq!(call::<(), i32>(process, *id, "calls", ()).unwrap(), 50);
                }
            });
        }
    });
}

/// Copies between the heap of a function's caller and that of `words`; and what
/// `words` calls of `teller`, which is not there yet when that is loaded.
fn copy_functions() -> Hosts {
    let ids = |caller: &Caller<'_, ()>| {
        let find = |name| caller.instance(name).unwrap();
        (find("teller"), find("words"))
    };
    let to = move |caller: &mut Caller<'_, ()>, theirs: u32, ours: u32, bytes: u32| {
        let (teller, words) = ids(caller);
        caller.copy((teller, ours.into()), (words, theirs.into()), bytes.into())
    };
    let from = move |caller: &mut Caller<'_, ()>, ours: u32, theirs: u32, bytes: u32| {
        let (teller, words) = ids(caller);
        caller.copy((words, theirs.into()), (teller, ours.into()), bytes.into())
    };
    let shout = move |caller: &mut Caller<'_, ()>, value: i32| {
        let (teller, _) = ids(caller);
        let shout = teller.typed_func::<i32, i32>(caller, "shout")?;
        shout.call(caller, value)
    };
    let mut hosts = Hosts::new();
    hosts.func("host", "copy_to", to);
    hosts.func("host", "copy_from", from);
    hosts.func("teller", "shout", shout);
    hosts
}

/// Two C programs, each with `malloc` and memory of its own, that call each
/// other: what the one imports of the other is bound when both are there.
#[test]
fn programs_with_separate_heaps_call_each_other() {
    let reactor = |name: &str| {
        let source = sources().join("domains").join(format!("{name}.c"));
        let link = Link::new(
            Kind::Reactor,
            name,
            vec![object(&source, Code::Fixed, &[])],
            vec![],
        );
        let wasm = std::fs::read(link.make()).unwrap();
        Engine::default().compile(name, &wasm).unwrap()
    };
    let mut process = new_process(config());
    process.add_hosts(&copy_functions());
    process.add_functions(wasi::functions(HostEnv::new()));
    let words = reactor("words");
    let words = process.instantiate(&words, Some("words")).unwrap();
    let teller = reactor("teller");
    let teller = process.instantiate(&teller, Some("teller")).unwrap();
    for id in [words, teller] {
        call::<(), ()>(&mut process, id, "_initialize", ()).unwrap();
    }
    let at: u32 = call(&mut process, teller, "tell", ()).unwrap();
    let told = process.read(teller, at.into(), 21).unwrap();
    assert_eq!(told, b"apple fig pear 106\0\0\0");

    let error = call::<(), ()>(&mut process, teller, "overreach", ()).unwrap_err();
    assert!(
        error.to_string().contains("outside of the linear memory"),
        "{error}"
    );
    let size = process.memory(words).unwrap().len() as u64;
    let outside = OutOfBounds {
        at: size - 1,
        bytes: 2,
        size,
    };
    assert_eq!(
        process.copy((words, size - 1), (teller, 0), 2),
        Err(AccessError::OutOfBounds(outside))
    );
}

/// By whole pages and within its limit; and where the heap begins.
#[test]
fn a_host_function_makes_the_memory_larger() {
    let more = |caller: &mut Caller<'_, ()>, bytes: u32| {
        let old = caller.grow_memory(bytes.into());
        old.map_or(-1, |old| old.cast_signed())
    };
    let heap = |caller: &mut Caller<'_, ()>| caller.heap_base().map_or(-1, u64::cast_signed);
    let mut hosts = Hosts::new();
    hosts.func("host", "more", more).func("host", "heap", heap);
    let text = |heap: &str| {
        format!(
            r#"(module
                 (import "host" "more" (func $more (param i32) (result i64)))
                 (import "host" "heap" (func $heap (result i64)))
                 (memory 1 3) {heap}
                 (func (export "more") (param i32) (result i64)
                   (call $more (local.get 0)))
                 (func (export "heap") (result i64) (call $heap))
                 (func (export "last") (result i32)
                   (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))))"#
        )
    };
    let (mut process, id) = instance(config(), &hosts, &text(""));
    assert_eq!(call::<_, i64>(&mut process, id, "more", 1).unwrap(), 65536);
    assert_eq!(process.memory(id).unwrap().len(), 2 << 16);
    assert_eq!(
        call::<_, i64>(&mut process, id, "more", 0).unwrap(),
        2 << 16
    );
    assert_eq!(
        call::<_, i64>(&mut process, id, "more", (1 << 16) + 1).unwrap(),
        -1
    );
    assert_eq!(
        call::<_, i64>(&mut process, id, "more", u32::MAX).unwrap(),
        -1
    );
    assert_eq!(
        call::<_, i64>(&mut process, id, "more", 1 << 16).unwrap(),
        2 << 16
    );
    assert_eq!(call::<_, i32>(&mut process, id, "last", ()).unwrap(), 0);
    assert_eq!(call::<_, i64>(&mut process, id, "heap", ()).unwrap(), -1);
    let base = r#"(global (export "__heap_base") i32 (i32.const 1234))"#;
    let (mut process, id) = instance(config(), &hosts, &text(base));
    assert_eq!(call::<_, i64>(&mut process, id, "heap", ()).unwrap(), 1234);
}

/// System calls with what a library user captures and gives.
#[test]
fn system_calls_see_what_the_host_gives() {
    let stdout = OutputBuffer::new();
    let env = HostEnv::new()
        .stdin(Input::Bytes(b"given".to_vec()))
        .stdout(Output::Buffer(stdout.clone()));
    let mut process = new_process(config());
    process.set_env(env);
    let object = build(
        r#"(module
                     (import "env" "__syscall3"
                       (func $syscall (param i32 i32 i32 i32) (result i32)))
                     (memory 1)
                     (func (export "copy") (result i32)
                       (call $syscall (i32.const 4) (i32.const 1) (i32.const 8)
                         (call $syscall (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 99)))))"#,
    );
    let id = process.instantiate(&object, None).unwrap();
    assert_eq!(call::<(), i32>(&mut process, id, "copy", ()).unwrap(), 5);
    assert_eq!(call::<(), i32>(&mut process, id, "copy", ()).unwrap(), 0);
    assert_eq!(stdout.take(), b"given");
}
