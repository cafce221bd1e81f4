//! Memory, and what the host itself cannot have.

use crate::common::{Outcome, Sandbox};
use wasmaot::compiler::OptLevel;
use wasmaot::{CompileOptions, Engine, EngineConfig};
use wasmaot_abi::trap::TrapCode;
use wasmaot_runtime::{Config, DlError, Error, Object, OpenFlags, Process};

use crate::common::program::{config, instance, object, trap_code};

/// With too few descriptors, a program runs as it should or not at all.
#[test]
fn what_the_host_cannot_have_is_told_before_the_program_starts() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.wat",
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 0) "\10\00\00\00\06\00\00\00")
          (data (i32.const 16) "hello\n")
          (func (export "_start")
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    );
    let mut ran = 0;
    for files in 3..16 {
        let script = format!("ulimit -n {files}; exec \"$0\" run --dir . main.wat");
        let wasmaot = sandbox.command(&[]);
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &script])
            .arg(wasmaot.get_program())
            .current_dir(sandbox.path(""))
            .env("WASMAOT_CACHE_DIR", sandbox.cache());
        let outcome = Outcome::from(shell.output().unwrap());
        match outcome.code {
            Some(0) => assert_eq!(outcome.stdout, "hello\n", "{files} files"),
            _ => assert!(outcome.stderr.contains("error: "), "{files}: {outcome:#?}"),
        }
        ran += usize::from(outcome.code == Some(0));
    }
    assert!(ran > 5, "{ran}");
}

/// A program of one page of memory, with so much for all that it uses.
fn run_in(bytes: &str, text: &str) -> Outcome {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", text);
    sandbox.wasmaot(&["run", "--max-memory", bytes, "main.wat"])
}

#[test]
fn exceptions_that_are_kept_count_as_memory() {
    let text = r#"(module
      (memory 1)
      (tag $tag (param i32))
      (func $keep
        (block $caught (result i32 exnref)
          (try_table (catch_ref $tag $caught) (throw $tag (i32.const 1)))
          unreachable)
        drop drop)
      (func (export "_start") (local $n i32)
        (loop $again
          (call $keep)
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $n) (i32.const 40000))))))"#;
    run_in("1M", text).trap("out of memory", &["main.wat!"]);
    run_in("64M", text).success();
}

#[test]
fn tables_count_as_memory() {
    let tables = "(table 10000000 externref)".repeat(5);
    run_in(
        "64K",
        &format!(r#"(module (memory 1) {tables} (func (export "_start")))"#),
    )
    .error(1, &["main.wat", "10000000 entries", "--max-memory"]);
    let grow = r#"(module
      (memory 1) (table $a 1 funcref) (table $b 1 externref)
      (func $grow (result i32)
        (i32.or (table.grow $a (ref.null func) (i32.const 4096))
          (table.grow $b (ref.null extern) (i32.const 4096))))
      (func (export "_start")
        (if (i32.lt_s (call $grow) (i32.const 0)) (then unreachable))
        (if (i32.ne (memory.grow (i32.const 20)) (i32.const -1)) (then unreachable))
        (if (i32.ge_s (call $grow) (i32.const 0)) (then unreachable))))"#;
    run_in("200K", grow).success();
    run_in("150K", grow).trap("unreachable", &[]);
}

#[test]
fn libraries_that_are_opened_count_as_memory() {
    let library = |number: i32| {
        object(
            "module",
            &format!(
                r#"(module
              (@dylink.0 (mem-info))
              (import "env" "memory" (memory 1))
              (func (export "f{number}") (result i32) (i32.const {number})))"#
            ),
        )
    };
    let mut process = Process::new(Config {
        max_memory: 1 << 20,
        shadow_stack: 64 << 10,
        ..config()
    })
    .unwrap();
    process.set_finder(move |name: &str, _: &Object| Ok(name.parse().ok().map(library)));
    let main = object(
        "module",
        r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 1)) (func (export "_start")))"#,
    );
    process.load_program(main, &[]).unwrap();
    let open = |process: &mut Process, number: i32| {
        process.open(&number.to_string(), OpenFlags::default())
    };
    // Each is given back when it is closed.
    for number in 0..200 {
        let id = open(&mut process, number).unwrap();
        process.close(id).unwrap().unwrap();
    }
    let failed = (0..200).find_map(|number| open(&mut process, number).err());
    let error = failed.expect("200 objects are more than a mebibyte");
    assert!(
        matches!(error, DlError::Load(Error::MemoryLimit { .. })),
        "{error}"
    );
}

#[test]
fn a_memory_may_have_every_address() {
    let text = r#"(module
      (memory (export "memory") 65536)
      (func (export "size") (result i32) (memory.size))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
      (func (export "load") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
      (func (export "next") (param i32) (result i32)
        (i32.add (i32.load (local.get 0)) (i32.load (i32.add (local.get 0) (i32.const 4)))))
      (func (export "fill") (param i32 i32)
        (memory.fill (local.get 0) (i32.const 1) (local.get 1))))"#;
    let importer = r#"(module (import "module" "memory" (memory 1))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;
    for opt_level in [OptLevel::None, OptLevel::Speed] {
        let options = CompileOptions {
            opt_level,
            ..CompileOptions::default()
        };
        let engine = Engine::new(EngineConfig::new().compile_options(options));
        let compile = |text: &str| engine.compile("module", text.as_bytes()).unwrap();
        let mut process = Process::new(config()).unwrap();
        let id = process.instantiate(compile(text), Some("module")).unwrap();
        let call = |process: &mut Process, name: &str, at: u32| {
            process.call::<i32, i32>(id, name, at.cast_signed())
        };
        assert_eq!(process.call::<(), i32>(id, "size", ()).unwrap(), 65536);
        assert_eq!(call(&mut process, "grow", 0).unwrap(), 65536);
        assert_eq!(call(&mut process, "grow", 1).unwrap(), -1);
        process
            .call::<(i32, i32), ()>(id, "store", (-4, 7))
            .unwrap();
        assert_eq!(call(&mut process, "load", u32::MAX - 7).unwrap(), 7);
        // The second access wraps, and does not trap.
        assert_eq!(call(&mut process, "next", u32::MAX - 3).unwrap(), 7);
        assert_eq!(
            trap_code(call(&mut process, "load", u32::MAX - 6).unwrap_err()),
            TrapCode::MemoryOutOfBounds
        );
        process.call::<(i32, i32), ()>(id, "fill", (-2, 2)).unwrap();
        assert_eq!(
            trap_code(
                process
                    .call::<(i32, i32), ()>(id, "fill", (-2, 3))
                    .unwrap_err()
            ),
            TrapCode::MemoryOutOfBounds
        );
        assert_eq!(process.read(id, u64::from(u32::MAX), 1).unwrap(), [1]);
        // Code that relies on guards is kept away from it.
        let error = process.instantiate(compile(importer), None).unwrap_err();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
        let fitting = importer.replace("memory 1", "memory 65536");
        let other = process.instantiate(compile(&fitting), None).unwrap();
        assert_eq!(
            process.call::<i32, i32>(other, "load", -4).unwrap(),
            0x0101_0007
        );
    }
    // Modules that share a memory rely on its guards.
    let shared = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 65536)))"#;
    let wasm = wat::parse_str(shared).unwrap();
    let error = Engine::default().compile("shared.wat", &wasm).unwrap_err();
    assert!(error.to_string().contains("65280 pages"), "{error}");
    // Without a minimum as large, it may grow as far as accesses need no check.
    let text = r#"(module (memory 1 65536)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let (mut process, id) = instance(config(), vec![], text);
    assert_eq!(process.call::<i32, i32>(id, "grow", 65280).unwrap(), -1);
    assert_eq!(process.call::<i32, i32>(id, "grow", 65279).unwrap(), 1);
}
