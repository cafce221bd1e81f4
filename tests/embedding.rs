//! What the library promises to those who embed it: data and errors of their own
//! types, handles that never lead astray, libraries that close when dropped.

#![cfg(feature = "compiler")]

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use wasmaot::{
    AccessError, CallError, Caller, Config, DlError, Engine, EngineConfig, Error, ExportType,
    Global, HandleError, HostEnv, HostError, Hosts, Instance, Library, LibraryFinder, LoadError,
    Memory, Object, OpenFlags, Process, Scope, SpawnError, Table, Thread, TrapReason, TypedFunc,
    Val,
};
use wasmaot_abi::trap::TrapCode;

/// A library that counts in its own memory.
const COUNTER: &str = r#"(module
  (@dylink.0 (mem-info (memory 4 2)))
  (import "env" "memory" (memory 0))
  (import "env" "__memory_base" (global $base i32))
  (func (export "bump") (result i32)
    (i32.store (global.get $base) (i32.add (i32.load (global.get $base)) (i32.const 1)))
    (i32.load (global.get $base))))"#;

const PLAIN: &str = r#"(module
  (memory (export "memory") 1 2)
  (table (export "table") 2 funcref)
  (global (export "fixed") i64 (i64.const 7))
  (global (export "set") (mut i32) (i32.const 1))
  (tag (export "tag") (param i32))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "trap") (unreachable)))"#;

fn config() -> Config {
    Config {
        check: true,
        ..Config::default()
    }
}

fn compile(text: &str) -> Arc<Object> {
    Engine::default()
        .compile("module", text.as_bytes())
        .unwrap()
}

fn process<T: Send + 'static>(data: T) -> Process<T> {
    Process::new(&Engine::default(), config(), data).unwrap()
}

/// What may go from thread to thread, and be used by several, is part of the
/// interface.
#[test]
fn threads_may_have_what_they_may_have() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Engine>();
    is_sync::<Engine>();
    is_send::<EngineConfig>();
    is_send::<Arc<Object>>();
    is_sync::<Object>();
    is_send::<Process<Vec<u8>>>();
    is_send::<Hosts<std::cell::Cell<u8>>>();
    is_sync::<Hosts<std::cell::Cell<u8>>>();
    is_send::<Library>();
    is_sync::<Library>();
    is_send::<TypedFunc<i32, i32>>();
    is_sync::<TypedFunc<i32, i32>>();
    is_send::<Scope<'_, std::cell::Cell<u8>>>();
    is_sync::<Scope<'_, std::cell::Cell<u8>>>();
    is_send::<Thread<'_>>();
    is_send::<SpawnError>();
    is_sync::<SpawnError>();
    is_send::<Error>();
    is_sync::<Error>();
    is_send::<CallError>();
    is_sync::<CallError>();
    is_send::<LibraryFinder>();
    is_send::<HostEnv>();
}

#[test]
fn exports_have_kinds_and_types() {
    let mut process = process(());
    let plain = process.instantiate(&compile(PLAIN), None).unwrap();
    let mut exports: Vec<String> = process
        .exports(plain)
        .unwrap()
        .map(|export| format!("{}: {}", export.name, export.ty))
        .collect();
    exports.sort();
    assert_eq!(
        exports,
        [
            "add: function (i32, i32) -> (i32)",
            "fixed: global i64",
            "memory: memory 1..=2 pages",
            "set: global mut i32",
            "table: table of 2.. funcref",
            "tag: tag (i32) -> ()",
            "trap: function () -> ()",
        ]
    );
    let library = process
        .open_object(&compile(COUNTER), OpenFlags::default())
        .unwrap();
    let mut exports = process.exports(*library).unwrap();
    let bump = exports.next().unwrap();
    assert!(matches!(bump.ty, ExportType::Function(ref ty) if ty.params.is_empty()));
    assert!(exports.next().is_none());
}

#[test]
fn handles_are_found_once_and_used_often() {
    let mut process = process(());
    let plain = process.instantiate(&compile(PLAIN), None).unwrap();
    let add = plain
        .typed_func::<(i32, i32), i32>(&mut process, "add")
        .unwrap();
    for value in 0..100 {
        assert_eq!(add.call(&mut process, (value, 1)).unwrap(), value + 1);
    }
    let by_values = add.func().call(&mut process, &[Val::I32(2), Val::I32(3)]);
    assert_eq!(by_values.unwrap(), [Val::I32(5)]);
    let wrong = plain
        .typed_func::<(i32, i32), i64>(&mut process, "add")
        .unwrap_err();
    assert!(matches!(wrong, CallError::Type { .. }), "{wrong}");
    let nothing = plain.func(&mut process, "memory").unwrap_err();
    assert!(matches!(nothing, CallError::NoExport { .. }), "{nothing}");

    let global =
        |process: &Process, name: &str| -> Global { plain.global(process, name).unwrap().unwrap() };
    let (fixed, set) = (global(&process, "fixed"), global(&process, "set"));
    assert_eq!(fixed.get(&process).unwrap(), Val::I64(7));
    set.set(&mut process, Val::I32(-1)).unwrap();
    assert_eq!(set.get(&process).unwrap(), Val::I32(-1));
    let error = fixed.set(&mut process, Val::I64(0)).unwrap_err();
    assert_eq!(error, AccessError::Immutable);
    let error = set.set(&mut process, Val::I64(0)).unwrap_err();
    assert!(matches!(error, AccessError::Type { .. }), "{error}");
    assert!(plain.global(&process, "add").unwrap().is_none());

    let memory: Memory = plain.memory(&process, "memory").unwrap().unwrap();
    memory.write(&mut process, 65_532, b"last").unwrap();
    assert_eq!(process.read(plain, 65_532, 4).unwrap(), b"last");
    assert_eq!(memory.grow(&mut process, 1).unwrap(), Some(1));
    assert_eq!(memory.grow(&mut process, 1).unwrap(), None);
    assert_eq!(memory.size(&process).unwrap(), 2 << 16);
    let table: Table = plain.table(&process, "table").unwrap().unwrap();
    assert_eq!(table.size(&process).unwrap(), 2);
}

/// Of a memory that threads share there is no slice, neither for host functions nor
/// for the owner of the process: it is copied in and out.
#[test]
fn a_shared_memory_is_copied() {
    let shared = r#"(module
      (import "host" "copy" (func $copy))
      (import "host" "slice" (func $slice))
      (memory (export "memory") 1 2 shared)
      (func (export "copy") (call $copy))
      (func (export "slice") (call $slice)))"#;
    let mut hosts = Hosts::new();
    hosts.func("host", "copy", |caller: &mut Caller<'_, u32>| {
        let (view, data) = caller.view_and_data();
        view.write(100, b"from the host")?;
        *data = view.load_u32(100)?;
        Ok::<_, HostError>(())
    });
    hosts.func("host", "slice", |caller: &mut Caller<'_, u32>| {
        caller.memory_mut()[0] = 1;
    });
    let mut process = process(0_u32);
    process.add_hosts(&hosts);
    let id = process.instantiate(&compile(shared), None).unwrap();
    let call = |process: &mut Process<u32>, name: &str| {
        id.typed_func::<(), ()>(process, name)?.call(process, ())
    };
    call(&mut process, "copy").unwrap();
    assert_eq!(*process.data(), u32::from_le_bytes(*b"from"));
    let error = call(&mut process, "slice").unwrap_err();
    let reason = "host function host.slice: the linear memory is shared with other threads";
    assert!(error.to_string().starts_with(reason), "{error}");

    assert_eq!(process.read(id, 100, 13).unwrap(), b"from the host");
    assert!(matches!(process.memory(id), Err(HandleError::Shared(_))));
    assert!(matches!(
        process.memory_mut(id),
        Err(HandleError::Shared(_))
    ));
    let view = process.view(id).unwrap();
    assert!(view.is_shared());
    view.copy_within(105, 100, 8).unwrap();
    let memory: Memory = id.memory(&process, "memory").unwrap().unwrap();
    assert!(matches!(
        memory.bytes(&process),
        Err(HandleError::Shared(_))
    ));
    let mut bytes = [0; 8];
    memory.read(&process, 100, &mut bytes).unwrap();
    assert_eq!(bytes, *b"the host");
    assert_eq!(memory.view(&mut process).unwrap().len(), 1 << 16);
}

/// Numbers of instances and handles are the same in every process: nothing of
/// one is taken for that of another.
#[test]
fn what_is_of_another_process_is_an_error() {
    let object = compile(PLAIN);
    let (mut one, mut two) = (process(()), process(()));
    let mine = one.instantiate(&object, None).unwrap();
    let theirs = two.instantiate(&object, None).unwrap();
    let other = HandleError::OtherProcess;
    let is_other = |error: CallError| matches!(error, CallError::Handle(e) if e == other);
    assert!(is_other(mine.func(&mut two, "add").unwrap_err()));
    let add = theirs
        .typed_func::<(i32, i32), i32>(&mut two, "add")
        .unwrap();
    assert!(is_other(add.call(&mut one, (1, 2)).unwrap_err()));
    assert!(is_other(add.func().call(&mut one, &[]).unwrap_err()));
    assert!(is_other(one.start(theirs).unwrap_err()));
    assert_eq!(one.memory(theirs).unwrap_err(), other);
    assert_eq!(one.register("name", theirs).unwrap_err(), other);
    assert_eq!(one.object(theirs).unwrap_err(), other);
    assert_eq!(one.read(theirs, 0, 1).unwrap_err(), other.into());
    assert_eq!(
        one.copy((mine, 0), (theirs, 0), 1).unwrap_err(),
        other.into()
    );
    assert_eq!(mine.memory(&two, "memory").unwrap_err(), other);
    let set = theirs.global(&two, "set").unwrap().unwrap();
    assert_eq!(set.get(&one).unwrap_err(), other);
    let library = two
        .open_object(&compile(COUNTER), OpenFlags::default())
        .unwrap();
    let instance = *library;
    let error = library.close(&mut one).unwrap_err();
    assert!(matches!(error, Error::Handle(e) if e == other), "{error}");
    // It is given back to its own process all the same.
    two.close_dropped().unwrap();
    assert_eq!(two.object(instance).unwrap_err(), HandleError::Unloaded);
}

fn is_loaded<T: Send + 'static>(process: &Process<T>, instance: Instance) -> bool {
    process.object(instance).is_ok()
}

#[test]
fn a_library_is_closed_when_its_last_handle_goes() {
    let mut process = process(());
    let object = compile(COUNTER);
    let flags = OpenFlags::default();
    let one = process.open_object(&object, flags).unwrap();
    let bump = one.typed_func::<(), i32>(&mut process, "bump").unwrap();
    assert_eq!(bump.call(&mut process, ()).unwrap(), 1);
    let two = process.open_object(&object, flags).unwrap();
    let instance = *one;
    assert_eq!(*two, instance, "it is one library");
    drop(one);
    process.close_dropped().unwrap();
    assert_eq!(bump.call(&mut process, ()).unwrap(), 2);
    drop(two);
    assert!(is_loaded(&process, instance), "nothing runs in `drop`");
    // Before the next is opened, it is closed.
    let again = process.open_object(&object, flags).unwrap();
    assert!(!is_loaded(&process, instance));
    let error = bump.call(&mut process, ()).unwrap_err();
    assert!(
        matches!(error, CallError::Handle(HandleError::Unloaded)),
        "{error}"
    );
    let fresh = again.typed_func::<(), i32>(&mut process, "bump").unwrap();
    assert_eq!(fresh.call(&mut process, ()).unwrap(), 1);
    again.close(&mut process).unwrap();
    assert!(fresh.call(&mut process, ()).is_err());
    // A handle may outlive its process.
    let late = process.open_object(&object, flags).unwrap();
    drop(process);
    drop(late);
}

#[test]
fn libraries_are_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("libcounter.wasm"), wat::parse_str(COUNTER).unwrap()).unwrap();
    let engine = Engine::new(EngineConfig::new().library_path([folder.path()]));
    let mut process = Process::new(&engine, config(), ()).unwrap();
    let library = process.open("libcounter.so", OpenFlags::default()).unwrap();
    let bump = library.typed_func::<(), i32>(&mut process, "bump").unwrap();
    assert_eq!(bump.call(&mut process, ()).unwrap(), 1);
    let error = process
        .open("libnone.so", OpenFlags::default())
        .unwrap_err();
    let Error::Dl(error) = error else {
        panic!("{error}")
    };
    let not_found = |e: &LoadError| matches!(e, LoadError::LibraryNotFound { name, .. } if name == "libnone.so");
    assert!(
        matches!(*error, DlError::Load(ref e) if not_found(e)),
        "{error}"
    );
}

/// A host function opens a library, calls it and closes it, in the middle of a
/// call.
#[test]
fn a_host_function_opens_and_closes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("libcounter.wat"), COUNTER).unwrap();
    let open = |caller: &mut Caller<'_, Option<Library>>| -> Result<i32, HostError> {
        let library = caller.open("libcounter.wat", OpenFlags::default())?;
        let bump = library.typed_func::<(), i32>(caller, "bump")?;
        let count = bump.call(caller, ())?;
        if let Some(old) = caller.data_mut().replace(library) {
            caller.close(old)?;
        }
        Ok(count)
    };
    let mut hosts = Hosts::new();
    hosts.func("host", "open", open);
    let engine = Engine::new(EngineConfig::new().library_path([folder.path()]));
    let mut process = Process::new(&engine, config(), None).unwrap();
    process.add_hosts(&hosts);
    let main = compile(
        r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 1))
             (import "host" "open" (func $open (result i32)))
             (func (export "open") (result i32) (call $open)))"#,
    );
    let main = process.load(&main).unwrap();
    let open = main.typed_func::<(), i32>(&mut process, "open").unwrap();
    for count in 1..4 {
        assert_eq!(open.call(&mut process, ()).unwrap(), count);
    }
    let library = process.data_mut().take().unwrap();
    library.close(&mut process).unwrap();
    assert_eq!(open.call(&mut process, ()).unwrap(), 1);
}

#[derive(Debug)]
struct Denied(String);

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied: {}", self.0)
    }
}

impl std::error::Error for Denied {}

/// Through two calls of wasm and a host function between them.
#[test]
fn host_errors_come_back_as_themselves() {
    let deny = |_: &mut Caller<'_, u32>| Err::<(), _>(Denied("all".to_owned()));
    let again = |caller: &mut Caller<'_, u32>, name: i32| -> Result<(), HostError> {
        *caller.data_mut() += 1;
        let module = caller.instance("module").unwrap();
        let name = if name == 0 { "deny" } else { "trap" };
        module
            .typed_func::<(), ()>(caller, name)?
            .call(caller, ())?;
        Ok(())
    };
    let mut hosts = Hosts::new();
    hosts
        .func("host", "deny", deny)
        .func("host", "again", again);
    let mut process = process(0);
    process.add_hosts(&hosts);
    let object = compile(
        r#"(module
          (import "host" "deny" (func $deny))
          (import "host" "again" (func $again (param i32)))
          (func (export "deny") (call $deny))
          (func (export "trap") (unreachable))
          (func (export "again") (param i32) (call $again (local.get 0))))"#,
    );
    let module = process.instantiate(&object, Some("module")).unwrap();
    let again = module.typed_func::<i32, ()>(&mut process, "again").unwrap();
    let error = again.call(&mut process, 0).unwrap_err();
    assert_eq!(error.downcast_ref::<Denied>().unwrap().0, "all");
    assert!(error.to_string().starts_with("denied: all"), "{error}");
    assert_eq!(error.downcast::<Denied>().unwrap().0, "all");
    let error = again.call(&mut process, 1).unwrap_err();
    let CallError::Trap(trap) = &error else {
        panic!("{error}")
    };
    assert!(matches!(
        trap.reason,
        TrapReason::Code(TrapCode::Unreachable)
    ));
    assert_eq!(*process.data(), 2);
}

/// One list of host functions, processes with data of their own.
#[test]
fn data_are_each_process_own() {
    let mut hosts = Hosts::new();
    hosts.func("host", "next", |caller: &mut Caller<'_, Vec<i32>>| {
        let next = caller.data().last().copied().unwrap_or(0) + 1;
        caller.data_mut().push(next);
        next
    });
    let object = compile(
        r#"(module (import "host" "next" (func $next (result i32)))
             (func (export "next") (result i32) (call $next)))"#,
    );
    let mut all: Vec<_> = (0..3)
        .map(|start| {
            let mut process = process(vec![10 * start]);
            process.add_hosts(&hosts);
            let instance = process.instantiate(&object, None).unwrap();
            let next = instance
                .typed_func::<(), i32>(&mut process, "next")
                .unwrap();
            (process, next)
        })
        .collect();
    for round in 1..4 {
        for (start, (process, next)) in (0..).zip(&mut all) {
            assert_eq!(next.call(process, ()).unwrap(), 10 * start + round);
        }
    }
    assert_eq!(all[2].0.data(), &[20, 21, 22, 23]);
}

/// What a process is granted by its surroundings, its libraries are opened in;
/// native code is not.
#[test]
fn surroundings_grant_directories_for_libraries_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("libcounter.wat"), COUNTER).unwrap();
    let built = Engine::default().compile_to_bytes("x", COUNTER.as_bytes());
    std::fs::write(path("libbuilt.so"), built.unwrap()).unwrap();
    let mut process = process(());
    let flags = OpenFlags::default();
    assert!(process.open("/lib/libcounter.wat", flags).is_err());
    let env = HostEnv::new().preopen(folder.path(), "/lib").unwrap();
    process.set_env(env);
    let _library = process.open("/lib/libcounter.wat", flags).unwrap();
    let error = process.open("/lib/libbuilt.so", flags).unwrap_err();
    assert!(error.to_string().contains("no native code"), "{error}");
}

#[test]
fn an_exit_is_no_error_of_start() {
    let program = compile(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
             (memory 1) (func (export "_start") (call $exit (i32.const 3))))"#,
    );
    let mut process = process(());
    process.set_env(HostEnv::new());
    let main = process.load(&program).unwrap();
    assert_eq!(process.start(main).unwrap(), 3);
}

#[test]
fn errors_name_what_they_are_about() {
    let engine = Engine::default();
    let error = engine.open("nowhere.wasm").unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("nowhere.wasm"));
    let error = engine.compile("text", b"hello").unwrap_err();
    assert!(matches!(error, Error::Input { .. }), "{error}");
    let error = engine
        .compile("bad.wasm", b"\0asm\x01\0\0\0\xff")
        .unwrap_err();
    assert!(matches!(error, Error::Compile(_)), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("built.elf");
    std::fs::write(
        &file,
        engine.compile_to_bytes("x", COUNTER.as_bytes()).unwrap(),
    )
    .unwrap();
    let error = engine.open(&file).unwrap_err();
    assert!(matches!(error, Error::Untrusted { .. }), "{error}");
    let error = process(()).instantiate(&compile(r#"(module (import "a" "b" (func)))"#), None);
    assert!(matches!(error, Err(LoadError::Unresolved(_))));
}
