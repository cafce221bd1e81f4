//! Damaged objects.

use std::sync::Arc;

use wasmaot_abi::info::ModuleInfo;
use wasmaot_abi::object::Note;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{Caller, HostFunction, Object, Process, Val};

use crate::common::program::{config, dylink, module, object};

/// Damage that the hash does not show: what is read must still be checked.
fn damage(text: &str, load: impl Fn(Process, Arc<Object>) -> bool) {
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("damaged", &wasm, &Options::default(), Emit::So).unwrap();
    let note = whole.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
    let loaded = u64::from_le_bytes(whole[note + 16..note + 24].try_into().unwrap()) as usize;
    let (mut refused, mut taken) = (0, 0);
    for at in 0..loaded {
        for damage in [1u8, 0x10, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= damage;
            let sum = Note::checksum(&bytes[..loaded], note);
            bytes[note + 24..note + 32].copy_from_slice(&sum.to_le_bytes());
            // SAFETY: the code is the compiler's, and not run.
            let object = unsafe { Object::from_bytes("damaged", &bytes, false) };
            // An init function that the damage makes up would run.
            let object = object.ok().filter(|o| !o.has_init());
            let load = |object| {
                let mut process = Process::new(config()).unwrap();
                let nothing = |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Ok(());
                let ty = FuncType::new([ValType::I32], []);
                process.add_host_functions([HostFunction::new("env", "f", ty, nothing)]);
                load(process, Arc::new(object))
            };
            match object.is_some_and(load) {
                true => taken += 1,
                false => refused += 1,
            }
        }
    }
    assert!(refused > taken / 4, "{refused} refused, {taken} taken");
}

#[test]
fn damaged_core_objects_are_refused_or_harmless() {
    let text = r#"(module
      (import "env" "f" (func $f (param i32)))
      (memory (export "m") 1 2)
      (table (export "t") 3 funcref)
      (table $other 2 externref)
      (global (export "g") (mut i64) (i64.const 7))
      (global $r funcref (ref.func $a))
      (data (i32.const 5000) "some data")
      (elem (i32.const 1) $a $f)
      (func $a (export "a") (result i64) (call $f (i32.const 1)) (global.get 0))
      (func (export "n") (result i32) (table.size $other)))"#;
    damage(text, |mut process, object| {
        process.instantiate(object, None).is_ok()
    });
}

#[test]
fn absurd_numbers_in_the_record_are_refused() {
    let text = format!(
        r#"(module {}
          (memory (export "memory") 2)
          (table (export "__indirect_function_table") 300 funcref)
          (global (export "__heap_base") i32 (i32.const 72000)))"#,
        dylink(0, 0, &[])
    );
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("main", &wasm, &Options::default(), Emit::So).unwrap();
    // SAFETY: the compiler's own bytes.
    let built = unsafe { Object::from_bytes("main", &whole, true) }.unwrap();
    let old = built.section(".wasmaot.info").unwrap();
    let at = whole.windows(old.len()).position(|w| w == old).unwrap();
    type Change = fn(&mut ModuleInfo);
    let changes: [Change; 3] = [
        |info| info.static_end = u64::MAX - 1,
        |info| info.stack_pointer = Some(u64::MAX),
        |info| info.tables[0].ty.min = u64::MAX - 1,
    ];
    for change in changes {
        let mut info = ModuleInfo::decode(old).unwrap();
        // Room for larger numbers.
        info.producer.clear();
        change(&mut info);
        let new = info.encode();
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(&new);
        let note = bytes.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
        Note::seal(&mut bytes, note);
        let library = object("library", &module(16, 1, &[], "(func (export \"b\"))"));
        let load = |object| {
            let mut process = Process::new(config())?;
            process.load_program(Arc::new(object), &[library])
        };
        // SAFETY: the code is the compiler's.
        let error = unsafe { Object::from_bytes("main", &bytes, false) }.and_then(load);
        assert!(matches!(error, Err(Error::Object { .. })), "{error:?}");
    }
}

#[test]
fn damaged_libraries_are_refused_or_harmless() {
    let text = module(
        5000,
        2,
        &[],
        r#"
        (import "env" "f" (func $f (param i32)))
        (import "GOT.func" "f" (global $pointer (mut i32)))
        (import "GOT.mem" "datum" (global $data (mut i32)))
        (import "GOT.mem" "__heap_base" (global $heap (mut i32)))
        (elem (offset (global.get $table_base)) $f $own)
        (data (offset (global.get $memory_base)) "some data")
        (global (export "datum") i32 (i32.const 4))
        (func $own (export "own") (result i32)
          (call $f (global.get $pointer))
          (i32.add (global.get $data) (global.get $heap)))"#,
    );
    let load = |mut process: Process, object| process.load_program(object, &[]).is_ok();
    damage(&text, load);
}
