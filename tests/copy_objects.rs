//! Copy relocations in modules as text: when the bytes are copied, and objects
//! and sections that are wrong. Every process runs with the independent check.

#![cfg(feature = "compiler")]

use std::sync::Arc;

use wasmaot_abi::object::Note;
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{Bind, Config, InstanceId, Object, Process, Unresolved, Val};

fn built(name: &str, text: &str) -> Vec<u8> {
    let wasm = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    compile(name, &wasm, &Options::default(), Emit::So).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn object(name: &str, text: &str) -> Arc<Object> {
    // SAFETY: the compiler's own bytes.
    Arc::new(unsafe { Object::from_bytes(name, &built(name, text), true) }.unwrap())
}

fn config() -> Config {
    Config {
        check: true,
        ..Config::default()
    }
}

/// A main that holds copies of `x`, 8 bytes at 2000, and `y`, 4 at 2008.
const MAIN: &str = r#"(module
    (@custom "dylink.0" (before first) "\01\04\00\00\00\00\02\05\01\03lib")
    (@custom "wasmaot.copy" "\01x\08\03\00\01y\04\02\00")
    (memory (export "memory") 2)
    (data (i32.const 1024) "\d8")
    (global (export "__stack_pointer") (mut i32) (i32.const 1000))
    (global (export "__heap_base") i32 (i32.const 2048))
    (global (export "x") i32 (i32.const 2000))
    (global (export "y") i32 (i32.const 2008))
    (func (export "byte") (param i32) (result i32)
      (i32.load8_u (i32.add (i32.const 2000) (local.get 0))))
    (func (export "change") (i32.store8 (i32.const 2001) (i32.const 99))))"#;

/// A library with `x` and `y`, whose data relocation writes into `x`, and
/// whose constructor counts `y` up. `data`: what it says of its data.
fn lib(data: &str) -> String {
    format!(
        r#"(module
        (@custom "dylink.0" (before first) "\01\04\20\04\00\00")
        {data}
        (import "env" "memory" (memory 1))
        (import "env" "__memory_base" (global $base i32))
        (import "GOT.mem" "x" (global $x (mut i32)))
        (import "GOT.mem" "y" (global $y (mut i32)))
        (data (offset (global.get $base)) "........ABCDEFGH\05\00\00\00")
        (global (export "x") i32 (i32.const 8))
        (global (export "y") i32 (i32.const 16))
        (func (export "__wasm_apply_data_relocs")
          (i32.store8 (i32.add (i32.const 10) (global.get $base)) (i32.const 114)))
        (func (export "__wasm_call_ctors")
          (i32.store (global.get $y) (i32.add (i32.load (global.get $y)) (i32.const 2))))
        (func (export "seen") (result i32) (i32.load8_u offset=1 (global.get $x))))"#
    )
}

fn load(
    main: Arc<Object>,
    lib: &Arc<Object>,
    config: Config,
) -> Result<(Process, InstanceId), Error> {
    let mut process = Process::new(config)?;
    let lib = Arc::clone(lib);
    process.set_finder(move |name: &str, _: &Object| Ok((name == "lib").then(|| Arc::clone(&lib))));
    let id = process.load_program(main, &[])?;
    Ok((process, id))
}

fn byte(process: &mut Process, main: InstanceId, at: i32) -> u8 {
    let results = process.invoke(main, "byte", &[Val::I32(at)]).unwrap();
    let [Val::I32(value)] = results[..] else {
        panic!("{results:?}")
    };
    value as u8
}

#[test]
fn bytes_are_copied_after_data_relocations_and_before_constructors() {
    let lib = object("lib", &lib(""));
    let (mut process, main) = load(object("main", MAIN), &lib, config()).unwrap();
    let mut text = String::new();
    for at in 0..8 {
        text.push(byte(&mut process, main, at).into());
    }
    assert_eq!(text, "ABrDEFGH");
    assert_eq!(
        byte(&mut process, main, 8),
        5 + 2,
        "the constructor's use of it"
    );
    process.invoke(main, "change", &[]).unwrap();
    let lib = process.link_map().find(|e| e.name == "lib").unwrap().id;
    assert_eq!(process.invoke(lib, "seen", &[]).unwrap(), [Val::I32(99)]);
}

/// Main's data come from the library, so it has to be there from the start.
#[test]
fn a_copy_does_not_wait_for_its_library() {
    let lib = object("lib", &lib(""));
    let patient = Config {
        bind: Bind::Lazy,
        lazy_load: true,
        ..config()
    };
    let (mut process, main) = load(object("main", MAIN), &lib, patient).unwrap();
    assert_eq!(process.link_map().count(), 2);
    assert_eq!(byte(&mut process, main, 8), 7);
}

#[test]
fn no_more_is_copied_than_both_sides_have() {
    // x has 2 bytes, y 16: more than there is room for in main.
    let lib = object(
        "lib",
        &lib(r#"(@custom "wasmaot.data" "\01x\02\00\00\01y\10\02\00")"#),
    );
    let (mut process, main) = load(object("main", MAIN), &lib, config()).unwrap();
    let x: Vec<u8> = (0..4).map(|at| byte(&mut process, main, at)).collect();
    assert_eq!(x, *b"AB\0\0");
    assert_eq!(byte(&mut process, main, 8), 7);
}

#[test]
fn what_defines_no_data_is_told_before_anything_runs() {
    let none = object(
        "lib",
        r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
          (import "env" "memory" (memory 1)))"#,
    );
    let Err(Error::Unresolved(missing)) = load(object("main", MAIN), &none, config()) else {
        panic!("it loads")
    };
    let names: Vec<_> = missing.iter().map(|u| (&*u.name, u.kind)).collect();
    assert_eq!(names, [("x", "data symbol"), ("y", "data symbol")]);
    let ignore = Config {
        unresolved: Unresolved::Ignore,
        ..config()
    };
    let (mut process, main) = load(object("main", MAIN), &none, ignore).unwrap();
    assert_eq!(byte(&mut process, main, 0), 0);

    let function = object(
        "lib",
        r#"(module (@custom "dylink.0" (before first) "\01\04\00\00\00\00")
          (import "env" "memory" (memory 1))
          (func (export "x")) (func (export "y")))"#,
    );
    let error = load(object("main", MAIN), &function, config()).err();
    assert!(matches!(error, Some(Error::Mismatch { .. })), "{error:?}");

    // Alone, without its libraries.
    let mut process = Process::new(config()).unwrap();
    let alone = process.instantiate(object("main", MAIN), None);
    assert!(matches!(alone, Err(Error::Unresolved(_))), "{alone:?}");
    assert_eq!(process.link_map().count(), 0);
}

#[test]
fn sections_that_are_wrong_are_refused() {
    for (from, to) in [
        (r#""\01x\08\03\00"#, r#""\01z\08\03\00"#),
        (r#""\01x\08\03\00"#, r#""\01x\ff\ff\ff\ff\0f\03\00"#),
        (r#""\01x\08\03\00"#, r#""\01x\08\1f\00"#),
        (r#"\02\00")"#, r#"\02")"#),
        (r#"(export "y") i32"#, r#"(export "y") (mut i32)"#),
    ] {
        let text = MAIN.replacen(from, to, 1);
        assert_ne!(text, MAIN, "{from}");
        let wasm = wat::parse_str(&text).unwrap();
        let error = compile("main", &wasm, &Options::default(), Emit::So).unwrap_err();
        assert!(
            error.to_string().contains("`wasmaot.copy`"),
            "{to}: {error}"
        );
    }
    // In a library, whose addresses are not fixed.
    let text = lib(r#"(@custom "wasmaot.copy" "\01x\08\03\00")"#);
    let wasm = wat::parse_str(text).unwrap();
    let error = compile("lib", &wasm, &Options::default(), Emit::So).unwrap_err();
    assert!(error.to_string().contains("fixed address"), "{error}");
}

#[test]
fn damaged_copies_are_refused_or_harmless() {
    let (whole, lib) = (built("main", MAIN), object("lib", &lib("")));
    // SAFETY: the compiler's own bytes.
    let object = unsafe { Object::from_bytes("main", &whole, true) }.unwrap();
    let places = [".rela.dyn", ".dynsym", ".wasmaot.symbols"].map(|name| {
        let section = object.section(name).unwrap();
        let at = whole.windows(section.len()).position(|w| w == section);
        at.unwrap()..at.unwrap() + section.len()
    });
    let note = whole.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
    let loaded = u64::from_le_bytes(whole[note + 16..note + 24].try_into().unwrap()) as usize;
    let (mut refused, mut taken) = (0, 0);
    for at in places.into_iter().flatten() {
        for damage in [1u8, 2, 0x10, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= damage;
            let sum = Note::checksum(&bytes[..loaded], note);
            bytes[note + 24..note + 32].copy_from_slice(&sum.to_le_bytes());
            // SAFETY: the code is the compiler's, and not run.
            let loaded = unsafe { Object::from_bytes("main", &bytes, false) }
                .and_then(|main| load(Arc::new(main), &lib, config()));
            match loaded {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > taken / 4, "{refused} refused, {taken} taken");
}
