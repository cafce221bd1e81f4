//! Exports by handle: functions, globals, memories and tables that are looked up
//! once; what a process keeps for its host functions; host functions' errors.

#![cfg(feature = "compiler")]

#[path = "common/program.rs"]
mod program;

use std::fmt;

use program::{Program, config, instantiate, load, module};
use wasmaot_runtime::trap::TrapReason;
use wasmaot_runtime::{
    AccessError, CallError, Caller, FuncType, HandleError, HostEntry, HostError, HostFunction,
    HostLibrary, InstanceId, OpenFlags, Process, TypedFunc, Val, ValType, wasm_param,
};

const EXPORTS: &str = r#"(module
  (import "host" "twice" (func $twice (param i32) (result i32)))
  (memory (export "memory") 1 3)
  (table $table (export "table") 3 funcref)
  (table (export "words") 2 externref)
  (elem (i32.const 1) func $seven)
  (global $counter (export "counter") (mut i64) (i64.const 5))
  (global (export "ratio") f64 (f64.const 1.5))
  (global $function (export "function") (mut funcref) (ref.null func))
  (export "twice" (func $twice))
  (func $seven (export "seven") (result i32) (i32.const 7))
  (func (export "count") (result i64)
    (global.set $counter (i64.add (global.get $counter) (i64.const 1)))
    (global.get $counter))
  (func (export "call it") (result i32)
    (table.set $table (i32.const 0) (global.get $function))
    (call_indirect $table (result i32) (i32.const 0)))
  (func (export "mix") (param i32 i64 f32 f64 i32 i64 i32 i64)
    (result i64 f64 i32 f32)
    (i64.add (i64.add (local.get 1) (local.get 5)) (local.get 7))
    (local.get 3)
    (i32.add (i32.add (local.get 0) (local.get 4)) (local.get 6))
    (local.get 2))
  (func (export "lanes") (param v128 v128) (result v128)
    (i32x4.add (local.get 0) (local.get 1))))"#;

fn exports() -> (Process, InstanceId) {
    let mut process = Process::new(config()).unwrap();
    let twice = |_: &mut Caller<'_>, value: i32| 2 * value;
    process.add_host_functions([HostFunction::wrap("host", "twice", twice)]);
    let id = instantiate(&mut process, "exports", EXPORTS).unwrap();
    (process, id)
}

type Wide = (i32, u64, f32, f64, u32, i64, i32, i64);

#[test]
fn functions_take_values_of_their_types_alone() {
    let (mut process, id) = exports();
    let mix = process
        .typed_func::<Wide, (i64, f64, i32, f32)>(id, "mix")
        .unwrap();
    for i in 0..3 {
        let mixed = mix.call(&mut process, (i, 20, 0.5, -0.25, 3, 300, 40, 4000));
        assert_eq!(mixed.unwrap(), (4320, -0.25, i + 43, 0.5));
    }
    let lanes: TypedFunc<(u128, u128), u128> = process.typed_func(id, "lanes").unwrap();
    let sum = lanes.call(&mut process, (7 << 96 | 1, 8 << 96 | u128::from(u32::MAX)));
    assert_eq!(sum.unwrap(), 15 << 96);
    let twice = process.typed_func::<i32, i32>(id, "twice").unwrap();
    assert_eq!(twice.call(&mut process, 21).unwrap(), 42, "a host function");

    let func = process.func(id, "seven").unwrap();
    assert_eq!(func.ty(&process).unwrap().to_string(), "() -> (i32)");
    assert_eq!(func.call(&mut process, &[]).unwrap(), [Val::I32(7)]);
    let error = func.call(&mut process, &[Val::I32(1)]).unwrap_err();
    assert_eq!(error.to_string(), "seven: takes () -> (i32), given (i32)");
    let error = func.typed::<(), i64>(&process).unwrap_err();
    assert!(matches!(error, CallError::Type { .. }), "{error}");
    let error = process.typed_func::<i32, i32>(id, "memory").unwrap_err();
    assert!(matches!(error, CallError::NoExport { .. }), "{error}");
}

#[test]
fn globals_keep_their_types() {
    let (mut process, id) = exports();
    let counter = process.global(id, "counter").unwrap();
    let count: TypedFunc<(), i64> = process.typed_func(id, "count").unwrap();
    assert_eq!(counter.get(&process).unwrap(), Val::I64(5));
    counter.set(&mut process, Val::I64(1 << 40)).unwrap();
    assert_eq!(count.call(&mut process, ()).unwrap(), (1 << 40) + 1);
    assert_eq!(counter.get(&process).unwrap(), Val::I64((1 << 40) + 1));
    let error = counter.set(&mut process, Val::I32(1)).unwrap_err();
    assert!(matches!(error, AccessError::Type { .. }), "{error}");
    let ratio = process.global(id, "ratio").unwrap();
    assert!(!ratio.ty().mutable);
    assert_eq!(ratio.get(&process).unwrap(), Val::F64(1.5f64.to_bits()));
    let error = ratio.set(&mut process, Val::F64(0)).unwrap_err();
    assert_eq!(error, AccessError::Immutable);
    assert!(process.global(id, "seven").is_none());

    // A function has to be one of the process.
    let function = process.global(id, "function").unwrap();
    let table = process.table(id, "table").unwrap();
    let seven = table.get(&process, 1).unwrap().unwrap();
    for made_up in [1, 0x1234_5678, u64::MAX] {
        let error = function.set(&mut process, Val::FuncRef(made_up));
        assert!(matches!(error, Err(AccessError::Type { .. })), "{error:?}");
    }
    function.set(&mut process, seven).unwrap();
    let call: TypedFunc<(), i32> = process.typed_func(id, "call it").unwrap();
    assert_eq!(call.call(&mut process, ()).unwrap(), 7);
}

#[test]
fn memories_and_tables_end_where_they_end() {
    let (mut process, id) = exports();
    let memory = process.memory(id, "memory").unwrap();
    memory.write(&mut process, 65533, b"end").unwrap();
    let mut end = [0; 3];
    memory.read(&process, 65533, &mut end).unwrap();
    assert_eq!(&end, b"end");
    let outside = memory.write(&mut process, 65534, b"end").unwrap_err();
    assert!(matches!(outside, AccessError::OutOfBounds(_)), "{outside}");
    assert_eq!(memory.bytes(&process).unwrap()[65535], b'd');
    assert_eq!(memory.grow(&mut process, 2).unwrap(), Some(1));
    assert_eq!(memory.grow(&mut process, 1).unwrap(), None);
    assert_eq!(memory.size(&process).unwrap(), 3 << 16);
    memory.bytes_mut(&mut process).unwrap()[(3 << 16) - 1] = 1;

    let table = process.table(id, "table").unwrap();
    assert_eq!(table.size(&process).unwrap(), 3);
    assert_eq!(table.get(&process, 0).unwrap(), Some(Val::FuncRef(0)));
    assert_eq!(table.get(&process, 3).unwrap(), None);
    let words = process.table(id, "words").unwrap();
    assert_eq!(words.get(&process, 1).unwrap(), Some(Val::ExternRef(0)));
    assert!(process.table(id, "memory").is_none());
}

fn plugin(number: i32) -> String {
    let body = format!(
        r#"(global (export "own") (mut i32) (i32.const 0))
        (func (export "number") (result i32) (i32.const {number}))"#
    );
    module(0, 0, &[], &body)
}

#[test]
fn a_handle_of_a_closed_library_is_an_error() {
    let (one, two) = (plugin(1), plugin(2));
    let main = module(0, 0, &[], "");
    let libraries = [("one", &*one), ("two", &*two)];
    let Program { mut process, .. } = load(&main, &libraries, config()).unwrap();
    let mut stale: Vec<TypedFunc<(), i32>> = Vec::new();
    for round in 0..4 {
        // The same room and number are used again.
        for (name, number) in [("one", 1), ("two", 2)] {
            let id = process.open(name, OpenFlags::default()).unwrap();
            let func = process.typed_func::<(), i32>(id, "number").unwrap();
            let own = process.global(id, "own").unwrap();
            assert_eq!(func.call(&mut process, ()).unwrap(), number);
            for old in &stale {
                let error = old.call(&mut process, ()).unwrap_err();
                let unloaded = matches!(error, CallError::Handle(HandleError::Unloaded));
                assert!(unloaded, "round {round}: {error}");
            }
            process.close(id).unwrap().unwrap();
            assert_eq!(own.get(&process), Err(HandleError::Unloaded));
            let set = own.set(&mut process, Val::I32(1));
            assert_eq!(set, Err(AccessError::Handle(HandleError::Unloaded)));
            stale.push(func);
        }
    }
}

#[test]
fn a_handle_belongs_to_one_process() {
    let (mut first, id) = exports();
    let (mut second, _) = exports();
    let seven = first.typed_func::<(), i32>(id, "seven").unwrap();
    let error = seven.call(&mut second, ()).unwrap_err();
    assert_eq!(error.to_string(), "the handle is of another process");
    let memory = first.memory(id, "memory").unwrap();
    assert_eq!(memory.size(&second), Err(HandleError::OtherProcess));
    let mut alone = Caller::of_memory(&mut []);
    let error = seven.call(&mut alone, ()).unwrap_err();
    assert_eq!(error.to_string(), "called outside of a process");
    drop(first);
    assert!(seven.call(&mut second, ()).is_err());
}

/// What the embedder keeps.
#[derive(Default)]
struct Kept {
    depth: u32,
    again: Option<TypedFunc<i32, i32>>,
}

#[test]
fn host_functions_call_by_handle_and_share_data() {
    let back = |caller: &mut Caller<'_>, n: i32| -> Result<i32, HostError> {
        let kept = caller.data_mut::<Kept>().unwrap();
        kept.depth += 1;
        let again = kept.again.unwrap();
        Ok(if n == 0 {
            1
        } else {
            n * again.call(caller, n - 1)?
        })
    };
    let text = r#"(module
      (import "host" "back" (func $back (param i32) (result i32)))
      (func (export "factorial") (param i32) (result i32) (call $back (local.get 0))))"#;
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions([HostFunction::wrap("host", "back", back)]);
    let id = instantiate(&mut process, "m", text).unwrap();
    let factorial = process.typed_func::<i32, i32>(id, "factorial").unwrap();
    assert!(process.data::<Kept>().is_none());
    process.set_data(Kept {
        depth: 0,
        again: Some(factorial),
    });
    // A process may go to another thread between calls.
    let mut process = std::thread::spawn(move || {
        assert_eq!(factorial.call(&mut process, 10).unwrap(), 3_628_800);
        process
    })
    .join()
    .unwrap();
    assert_eq!(factorial.call(&mut process, 3).unwrap(), 6);
    assert_eq!(process.data::<Kept>().unwrap().depth, 15);
    assert!(process.data_mut::<u32>().is_none());
}

/// An error of the embedder's own.
#[derive(Debug, PartialEq)]
struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

impl std::error::Error for Refused {}

#[test]
fn an_error_of_a_host_function_comes_back_as_itself() {
    let text = r#"(module
      (import "host" "refuse" (func $refuse (param i32)))
      (import "host" "through" (func $through (param i32)))
      (func (export "refuse") (param i32) (call $refuse (local.get 0)))
      (func (export "through") (param i32) (call $through (local.get 0))))"#;
    let refuse = |_: &mut Caller<'_>, number: u32| -> Result<(), Refused> { Err(Refused(number)) };
    let through = |caller: &mut Caller<'_>, number: i32| -> Result<(), CallError> {
        let [through, refuse] = *caller.data::<[TypedFunc<i32, ()>; 2]>().unwrap();
        let next = if number > 0 { through } else { refuse };
        next.call(caller, number - 1)
    };
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions([
        HostFunction::wrap("host", "refuse", refuse),
        HostFunction::wrap("host", "through", through),
    ]);
    let id = instantiate(&mut process, "m", text).unwrap();
    let funcs = ["through", "refuse"].map(|name| process.typed_func::<i32, ()>(id, name).unwrap());
    process.set_data(funcs);
    let error = process.call::<i32, ()>(id, "refuse", 3).unwrap_err();
    assert!(error.to_string().starts_with("refused 3\n"), "{error}");
    assert_eq!(error.downcast_ref(), Some(&Refused(3)));
    assert!(error.downcast_ref::<fmt::Error>().is_none());
    let error = error.downcast::<fmt::Error>().unwrap_err();
    assert_eq!(error.downcast::<Refused>().unwrap(), Refused(3));

    let error = process.call::<i32, ()>(id, "through", 3).unwrap_err();
    let CallError::Trap(trap) = &error else {
        panic!("{error}")
    };
    assert!(matches!(trap.reason, TrapReason::Error(_)), "{trap}");
    assert_eq!(trap.frames.len(), 5, "{trap}");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.downcast_ref(), Some(&Refused(u32::MAX)));
    assert_eq!(error.downcast::<Refused>().unwrap(), Refused(u32::MAX));
}

/// Wasm code that hands its parameters to a host function, which gives them back
/// in another order.
#[test]
fn host_functions_of_every_shape_get_what_they_are_given() {
    type C<'a, 'b> = &'a mut Caller<'b>;
    let mut functions: Vec<HostFunction> = Vec::new();
    let mut add = |function| functions.push(function);
    // In registers alone, where two of the general ones are left over.
    add(HostFunction::wrap(
        "h",
        "(i64 i32 i64 i32) -> (i64)",
        |_: C<'_, '_>, a: i64, b: i32, c: u64, d: u32| a - i64::from(b) + c as i64 - i64::from(d),
    ));
    add(HostFunction::wrap(
        "h",
        "(f32 i32 f64 f32) -> (f64)",
        |_: C<'_, '_>, a: f32, b: i32, c: f64, d: f32| {
            f64::from(a) - f64::from(b) + c - f64::from(d)
        },
    ));
    add(HostFunction::wrap(
        "h",
        "(f32 f64) -> (f32)",
        |_: C<'_, '_>, a: f32, b: f64| a - b as f32,
    ));
    add(HostFunction::wrap(
        "h",
        "(f64 f64 f64 f64 f64 f64 f64 f64) -> (f64)",
        |_: C<'_, '_>, a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64| {
            a - b + c - d + e - f + g - h
        },
    ));
    // From memory: more general ones, some on the stack.
    add(HostFunction::wrap(
        "h",
        "(i32 i64 i32 i64 i32) -> (i64)",
        |_: C<'_, '_>, a: i32, b: i64, c: i32, d: i64, e: i32| {
            i64::from(a) - b + i64::from(c) - d + i64::from(e)
        },
    ));
    add(HostFunction::wrap(
        "h",
        "(i32 i64 f32 i64 i32 i64 i32 i64) -> (i64)",
        |_: C<'_, '_>, a: i32, b: i64, c: f32, d: i64, e: i32, f: i64, g: i32, h: i64| {
            i64::from(a) - b + c as i64 - d + i64::from(e) - f + i64::from(g) - h
        },
    ));
    add(HostFunction::wrap(
        "h",
        "(i64 i64 i64 i64 i64 i64 i64 i64) -> (i64)",
        |_: C<'_, '_>, a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64| {
            a - b + c - d + e - f + g - h
        },
    ));
    // And on values, in either way.
    for (name, params) in [
        ("(i32 i32) -> (i32)", 2),
        ("(i32 i32 i32 i32 i32 i32 i32) -> (i32)", 7),
    ] {
        let ty = FuncType::new(vec![ValType::I32; params], [ValType::I32]);
        add(HostFunction::new("h", name, ty, |_, args, results| {
            let signed = args.iter().zip([1, -1].iter().cycle());
            let sum = signed.map(|(&arg, sign)| match arg {
                Val::I32(arg) => arg * sign,
                other => panic!("{other:?}"),
            });
            results[0] = Val::I32(sum.sum());
            Ok(())
        }));
    }
    for function in functions {
        let (name, ty) = (function.name.clone(), function.ty().clone());
        assert_eq!(
            name.replace(' ', ", ").replace(", ->, ", " -> "),
            ty.to_string()
        );
        let words = |types: &[ValType]| types.iter().map(|ty| format!("{ty} ")).collect::<String>();
        let (params, result) = (words(&ty.params), ty.results[0]);
        let gets: String = (0..ty.params.len())
            .map(|i| format!("(local.get {i}) "))
            .collect();
        // Values that are live over the call have to survive it.
        let text = format!(
            r#"(module (import "h" "{name}" (func $f (param {params}) (result {result})))
              (func (export "f") (param {params}) (result {result}) (local $n i32) (local $last {result})
                (loop $again
                  (local.set $last (call $f {gets}))
                  (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                    (i32.const 3))))
                (local.get $last)))"#
        );
        let mut process = Process::new(config()).unwrap();
        process.add_host_functions([function]);
        let id = instantiate(&mut process, "m", &text).unwrap();
        let args: Vec<Val> = ty
            .params
            .iter()
            .enumerate()
            .map(|(i, &ty)| number(ty, 3 + 10 * (i as i32 + 1)))
            .collect();
        let signed = (0..ty.params.len() as i32)
            .map(|i| (3 + 10 * (i + 1)) * if i % 2 == 0 { 1 } else { -1 });
        let expected = number(result, signed.sum());
        assert_eq!(
            process.invoke(id, "f", &args).unwrap(),
            [expected],
            "{name}"
        );
    }
}

/// A number as a value of a type.
fn number(ty: ValType, number: i32) -> Val {
    match ty {
        ValType::I32 => Val::I32(number),
        ValType::I64 => Val::I64(number.into()),
        ValType::F32 => Val::F32((number as f32).to_bits()),
        ValType::F64 => Val::F64(f64::from(number).to_bits()),
        other => panic!("{other}"),
    }
}

#[test]
fn vectors_pass_through_host_functions() {
    let both = |_: &mut Caller<'_>, a: u128, n: i32, b: u128| (b, n, a);
    let one = |_: &mut Caller<'_>, a: u128| a.swap_bytes();
    let text = r#"(module
      (import "host" "both" (func $both (param v128 i32 v128) (result v128 i32 v128)))
      (import "host" "one" (func $one (param v128) (result v128)))
      (func (export "both") (param v128 i32 v128) (result v128 i32 v128)
        (call $both (local.get 0) (local.get 1) (local.get 2)))
      (func (export "one") (param v128) (result v128) (call $one (local.get 0))))"#;
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions([
        HostFunction::wrap("host", "both", both),
        HostFunction::wrap("host", "one", one),
    ]);
    let id = instantiate(&mut process, "m", text).unwrap();
    let (a, b) = (u128::MAX / 7, u128::MAX / 11);
    let swapped: (u128, i32, u128) = process.call(id, "both", (a, 9, b)).unwrap();
    assert_eq!(swapped, (b, 9, a));
    assert_eq!(
        process.call::<u128, u128>(id, "one", a).unwrap(),
        a.swap_bytes()
    );
}

/// Two words of a parameter list as one.
struct Span {
    at: u32,
    len: u32,
}

wasm_param!(Span { at: u32, len: u32 });

#[test]
fn parameters_that_belong_together_are_one() {
    let sum = |caller: &mut Caller<'_>, scale: i64, span: Span, plus: i64| {
        let bytes = &caller.memory()[span.at as usize..][..span.len as usize];
        scale * bytes.iter().map(|&b| i64::from(b)).sum::<i64>() + plus
    };
    assert_eq!(
        HostFunction::type_of(&sum).to_string(),
        "(i64, i32, i32, i64) -> (i64)"
    );
    let text = r#"(module
      (import "host" "sum" (func $sum (param i64 i32 i32 i64) (result i64)))
      (memory 1) (data (i32.const 100) "\01\02\03\04")
      (func (export "sum") (param i32) (result i64)
        (call $sum (i64.const 10) (i32.const 101) (local.get 0) (i64.const 7))))"#;
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions([HostFunction::wrap("host", "sum", sum)]);
    let id = instantiate(&mut process, "m", text).unwrap();
    assert_eq!(process.call::<i32, i64>(id, "sum", 2).unwrap(), 57);
    // Its panic is a trap.
    let error = process.call::<i32, i64>(id, "sum", 100_000).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("host function host.sum panicked"),
        "{error}"
    );
    assert_eq!(process.call::<i32, i64>(id, "sum", 3).unwrap(), 97);
}

#[test]
fn a_table_that_says_another_type_than_its_function_s_is_found_out() {
    const TABLE: &[HostEntry<()>] = &[HostEntry::new(
        "host",
        "forge",
        || FuncType::new([], [ValType::FuncRef]),
        |_, _| HostFunction::wrap("host", "forge", |_: &mut Caller<'_>| 0x1234_5678_u64),
    )];
    let text = r#"(module
      (import "host" "forge" (func $forge (result funcref)))
      (table 1 funcref)
      (func (export "take") (table.set (i32.const 0) (call $forge))))"#;
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions(HostLibrary::new(TABLE, || ()));
    let id = instantiate(&mut process, "m", text).unwrap();
    for _ in 0..2 {
        let error = process.call::<(), ()>(id, "take", ()).unwrap_err();
        let wanted = "host function host.forge is of type () -> (i64), but was said to be of type () -> (funcref)";
        assert!(error.to_string().starts_with(wanted), "{error}");
    }
}

#[test]
fn panics_and_errors_of_direct_host_functions_leave_the_process_usable() {
    let odd = |_: &mut Caller<'_>, n: i32| -> Result<i32, HostError> {
        match n {
            0 => panic!("zero"),
            n if n < 0 => Err(HostError::Message("negative".to_owned())),
            n => Ok(n + 1),
        }
    };
    let text = r#"(module
      (import "host" "odd" (func $odd (param i32) (result i32)))
      (func $inner (param i32) (result i32) (call $odd (local.get 0)))
      (func (export "odd") (param i32) (result i32) (call $inner (local.get 0))))"#;
    let mut process = Process::new(config()).unwrap();
    process.add_host_functions([HostFunction::wrap("host", "odd", odd)]);
    let id = instantiate(&mut process, "m", text).unwrap();
    let func = process.typed_func::<i32, i32>(id, "odd").unwrap();
    for _ in 0..3 {
        for (n, start) in [
            (0, "host function host.odd panicked: zero"),
            (-1, "negative"),
        ] {
            let error = func.call(&mut process, n).unwrap_err();
            let CallError::Trap(trap) = &error else {
                panic!("{error}")
            };
            assert!(trap.to_string().starts_with(start), "{trap}");
            let names: Vec<&str> = trap.frames.iter().map(|f| &*f.function).collect();
            assert_eq!(names, ["inner", "odd"]);
        }
        assert_eq!(func.call(&mut process, 1).unwrap(), 2);
    }
}
