//! Damaged objects.

use std::sync::Arc;

use wasmaot_abi::info::ModuleInfo;
use wasmaot_abi::object::Note;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_compiler::{Emit, Options, compile};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{Caller, HostFunction, Object, Process, Val};

use crate::program::{config, dylink, module, object};

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
fn damaged_objects_for_threads_are_refused_or_harmless() {
    let text = r#"(module
      (import "d" "h" (global $h (mut i64)))
      (import "d" "m" (memory 1 2 shared))
      (table (export "t") 3 funcref)
      (global (export "g") (mut i64) (i64.const 7))
      (global $r (export "r") (mut funcref) (ref.func $a))
      (global $z (export "z") (mut v128) (v128.const i64x2 0 0))
      (elem (i32.const 1) $a)
      (func $a (export "a") (result i64) (global.set $h (i64.const 1)) (global.get 1)))"#;
    let definer = r#"(module (memory (export "m") 1 2 shared)
      (global (export "h") (mut i64) (i64.const 7)))"#;
    let definer = object("d", definer);
    damage(text, |mut process, object| {
        let definer = process.instantiate(Arc::clone(&definer), Some("d"));
        definer.unwrap();
        process.instantiate(object, None).is_ok_and(|id| {
            // What is read is the process's own, whatever it says.
            for name in ["g", "r", "z"] {
                let _ = process.global_get(id, name);
            }
            true
        })
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

/// What the checksum of the beginning does not cover, since it grows with the
/// code: it is looked at when it is used, and harmless then.
#[test]
fn tables_beside_the_code_are_checked_when_they_are_used() {
    use wasmaot_runtime::{Bind, CallError, Config};
    let text = r#"(module
      (import "env" "f" (func $f (param i32)))
      (tag $own (param i32)) (tag $other)
      (func $throw (param i32)
        (if (local.get 0) (then (throw $own (local.get 0))))
        (throw $other))
      (func (export "caught") (result i32)
        (block $b (result i32)
          (try_table (result i32) (catch $own $b)
            (call $f (i32.const 1)) (call $throw (i32.const 7)) (i32.const 0)))
        (block $all
          (try_table (catch_all $all) (call $throw (i32.const 0))))
        (i32.const 100) (i32.add))
      (func (export "trap") (call $deeper (i32.const 0)))
      (func $deeper (param i32) (drop (i32.div_u (i32.const 1) (local.get 0)))))"#;
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("damaged", &wasm, &Options::default(), Emit::So).unwrap();
    let run = |bytes: &[u8], bind, name: &str| {
        // SAFETY: the code is the compiler's.
        let object = unsafe { Object::from_bytes("damaged", bytes, false) }.ok()?;
        let config = Config {
            bind,
            ..Config::default()
        };
        let mut process = Process::new(config).unwrap();
        let nothing = |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Ok(());
        let ty = FuncType::new([ValType::I32], []);
        process.add_host_functions([HostFunction::new("env", "f", ty, nothing)]);
        let id = process.instantiate(Arc::new(object), None).ok()?;
        Some(process.invoke(id, name, &[]))
    };
    let caught = |bytes: &[u8]| run(bytes, Bind::Static, "caught");
    assert_eq!(caught(&whole).unwrap().unwrap(), [Val::I32(107)]);
    // SAFETY: the compiler's own bytes.
    let built = unsafe { Object::from_bytes("damaged", &whole, true) }.unwrap();
    let flips = |name: &str| {
        let section = built.section(name).unwrap_or_else(|| panic!("no {name}"));
        let at = whole.windows(section.len()).position(|w| w == section);
        let start = at.unwrap();
        let bits = 8 * start..8 * (start + section.len());
        assert!(!bits.is_empty());
        let whole = &whole;
        bits.map(move |bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            (bit - 8 * start, bytes)
        })
    };
    for (bit, bytes) in flips(".wasmaot.handlers") {
        match caught(&bytes) {
            Some(Err(CallError::Trap(trap))) if trap.to_string().contains("checksum") => {}
            other => panic!("bit {bit} of the handlers: {other:?}"),
        }
    }
    for (bit, bytes) in flips(".wasmaot.calls") {
        // Refused where it is read; else nobody asks.
        let direct = run(&bytes, Bind::Direct, "caught");
        assert!(direct.is_none(), "bit {bit} of the calls: {direct:?}");
        let now = run(&bytes, Bind::Now, "caught");
        assert_eq!(now.unwrap().unwrap(), [Val::I32(107)]);
    }
    for name in [".wasmaot.traps", ".wasmaot.lines", ".eh_frame"] {
        for (bit, bytes) in flips(name) {
            // A message at worst says less.
            let found = run(&bytes, Bind::Static, "trap");
            let trapped = matches!(found, Some(Err(CallError::Trap(_))));
            assert!(trapped, "bit {bit} of {name}: {found:?}");
        }
    }
}

/// Metadata that contradicts itself, under hashes that fit.
#[test]
fn what_metadata_say_of_one_thing_has_to_agree() {
    let text = r#"(module
      (import "env" "f" (func $f (param i32)))
      (import "env" "g" (global $g (mut i32)))
      (global $r (export "r") funcref (ref.func $f))
      (table (export "t") 2 externref)
      (func (export "a") (call $f (global.get $g))))"#;
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("damaged", &wasm, &Options::default(), Emit::So).unwrap();
    // SAFETY: the compiler's own bytes.
    let built = unsafe { Object::from_bytes("damaged", &whole, true) }.unwrap();
    let note = whole.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
    let refused = |what: &str, at: usize, new: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        assert_ne!(bytes, whole, "{what}");
        Note::seal(&mut bytes, note);
        // SAFETY: the code is the compiler's, and not run.
        let error = unsafe { Object::from_bytes("damaged", &bytes, true) };
        assert!(
            matches!(error, Err(Error::Object { .. })),
            "{what}: {error:?}"
        );
    };
    let place = |name: &str| {
        let section = built.section(name).unwrap();
        let mut places = whole.windows(section.len());
        (places.position(|w| w == section).unwrap(), section)
    };
    // `R_X86_64_RELATIVE` is the first relocation of `.rela.dyn`.
    let (rela, section) = place(".rela.dyn");
    let first = section.as_chunks::<24>().0.iter();
    let relative = first.enumerate().find(|(_, r)| r[8] == 8).unwrap().0;
    for addend in [-1i64, i64::MIN, 1 << 40] {
        refused("addend", rela + 24 * relative + 16, &addend.to_le_bytes());
    }
    // Symbols of imports as of another kind, or another type.
    let (symbols, section) = place(".wasmaot.symbols");
    for (number, record) in section.as_chunks::<8>().0.iter().enumerate().skip(1) {
        let at = symbols + 8 * number;
        // Imports come first.
        let imported = number <= built.imports().len();
        for kind in (0..8).filter(|&kind| imported && kind != record[0]) {
            refused("kind", at, &[kind]);
        }
        if record[0] != 0 && record[0] != 2 && record[0] != 7 {
            refused("type", at + 4, &9u32.to_le_bytes());
        }
    }
    // Each pair of tags without one of them.
    let (dynamic, section) = place(".dynamic");
    for (number, entry) in section.as_chunks::<16>().0.iter().enumerate() {
        let tag = u64::from_le_bytes(entry[..8].try_into().unwrap());
        if tag >> 8 == 0x61_0057 && tag != 0x6100_574b {
            refused("tag", dynamic + 16 * number, &0x6fff_0000u64.to_le_bytes());
        }
    }
}

/// A reference of a wrong type is not called, whatever has led to it: here a
/// record that says another type than that of its function.
#[test]
fn a_reference_of_a_wrong_type_is_not_called() {
    use wasmaot_runtime::CallError;
    let text = r#"(module
      (type $t (func (result i32)))
      (func $f (type $t) (i32.const 7))
      (func $tail (type $t) (return_call_ref $t (ref.func $f)))
      (elem declare func $f)
      (func (export "call") (result i32) (call_ref $t (ref.func $f)))
      (func (export "tail") (result i32) (call $tail))
      (func (export "null") (result i32) (call_ref $t (ref.null $t))))"#;
    let wasm = wat::parse_str(text).unwrap();
    let whole = compile("forged", &wasm, &Options::default(), Emit::So).unwrap();
    let trap = |bytes: &[u8], name: &str| {
        // SAFETY: the code is the compiler's.
        let object = unsafe { Object::from_bytes("forged", bytes, true) }.unwrap();
        let mut process = Process::new(config()).unwrap();
        let id = process.instantiate(Arc::new(object), None).unwrap();
        match process.invoke(id, name, &[]) {
            Ok(values) => format!("{values:?}"),
            Err(CallError::Trap(trap)) => trap.to_string(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(trap(&whole, "call"), "[I32(7)]");
    assert!(trap(&whole, "null").contains("null function reference"));
    // SAFETY: the compiler's own bytes.
    let built = unsafe { Object::from_bytes("forged", &whole, true) }.unwrap();
    let functions = built.section(".wasmaot.functions").unwrap();
    let at = whole.windows(functions.len()).position(|w| w == functions);
    let at = at.unwrap();
    let mut forged = whole.clone();
    for record in 0..functions.len() / 8 {
        forged[at + 8 * record + 4] ^= 1;
    }
    let note = forged.windows(8).position(|w| w == b"wasmaot\0").unwrap() + 8;
    Note::seal(&mut forged, note);
    for name in ["call", "tail"] {
        let text = trap(&forged, name);
        assert!(
            text.contains("indirect call type mismatch"),
            "{name}: {text}"
        );
    }
}
