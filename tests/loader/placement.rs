//! Where things lie in linear memory.

use wasmaot_runtime::{CallError, HandleError, OpenFlags};

use crate::program::{config, dylink, load, module};

#[test]
fn marks_of_the_heap_are_the_loaders() {
    let main = r#"
      (import "env" "lib_heap" (func $heap (result i32)))
      (import "env" "lib_end" (func $end (result i32)))
      (memory (export "memory") 1)
      (table (export "__indirect_function_table") 3 funcref)
      (global (export "__stack_pointer") (mut i32) (i32.const 2048))
      (global (export "__heap_base") i32 (i32.const 3000))
      (data (i32.const 2048) "abc")
      (elem (i32.const 1) $one)
      (func $one (result i32) (i32.const 1))
      (func (export "heap") (result i32) (call $heap))
      (func (export "end") (result i32) (call $end))
      (func (export "size") (result i32) (memory.size))
      (func (export "sp") (result i32) (global.get 0))
    "#;
    let main = format!("(module {} {main})", dylink(0, 0, &["lib"]));
    let lib = module(
        5000,
        2,
        &[],
        r#"
        (import "GOT.mem" "__heap_base" (global $base (mut i32)))
        (import "GOT.mem" "__heap_end" (global $end (mut i32)))
        (func (export "lib_heap") (result i32) (global.get $base))
        (func (export "lib_end") (result i32) (global.get $end))
        "#,
    );
    let mut program = load(&main, &[("lib", &lib)], config()).unwrap();
    let map: Vec<_> = program
        .process
        .link_map()
        .map(|e| (e.memory_base, e.table_base))
        .collect();
    assert_eq!(map, [(0, 0), (4096, 3)]);
    assert_eq!(program.call("heap", &[]), 9104);
    let size = program.call("size", &[]);
    assert_eq!(program.call("end", &[]), size * 65536);
    assert!(size >= 2, "some heap");
    assert_eq!(program.call("sp", &[]), 2048);
    assert_eq!(
        &program.process.memory_bytes(program.main)[2048..2051],
        b"abc"
    );
}

#[test]
fn libraries_keep_off_the_memory_of_a_main_that_marks_no_heap() {
    let main = format!(
        r#"(module {}
          (memory (export "memory") 2)
          (global (export "__stack_pointer") (mut i32) (i32.const 70000))
          (data (i32.const 1024) "some data"))"#,
        dylink(0, 0, &["lib"])
    );
    let lib = module(16, 0, &[], "");
    let program = load(&main, &[("lib", &lib)], config()).unwrap();
    let bases: Vec<u64> = program.process.link_map().map(|e| e.memory_base).collect();
    assert!(bases[1] >= 2 * 65536, "{bases:?}");
}

/// An allocator of its own at a place of its own, which notes what it gives
/// and gets back.
const ALLOCATOR: &str = r#"
    (global $next (mut i32) (i32.const 0x30000))
    (global $freed (mut i32) (i32.const 0))
    (func (export "malloc") (param $bytes i32) (result i32)
      (if (i32.gt_u (i32.add (global.get $next) (local.get $bytes))
                    (i32.shl (memory.size) (i32.const 16)))
        (then (drop (memory.grow (i32.const 4)))))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (i32.const 0x1000))))
    (func (export "free") (param i32) (global.set $freed (local.get 0)))
    (func (export "freed") (result i32) (global.get $freed))"#;

#[test]
fn what_is_opened_lies_where_the_program_s_allocator_says() {
    let plugin = module(
        64,
        1,
        &[],
        r#"(data (global.get $memory_base) "plug")
        (func (export "where") (result i32) (global.get $memory_base))
        (func (export "first") (result i32) (i32.load (global.get $memory_base)))"#,
    );
    let main = module(
        0,
        0,
        &["allocator"],
        r#"(import "env" "freed" (func $freed (result i32)))
        (func (export "freed_now") (result i32) (call $freed))"#,
    );
    let allocator = module(0, 0, &[], ALLOCATOR);
    let libraries = [("allocator", &*allocator), ("plugin", &*plugin)];
    let mut program = load(&main, &libraries, config()).unwrap();
    let process = &mut program.process;
    let mut last = 0;
    for round in 0..3 {
        let plugin = process.open("plugin", OpenFlags::default()).unwrap();
        let at: i32 = process.call(plugin, "where", ()).unwrap();
        assert!(at >= 0x30000 && at > last, "round {round}: {at:#x}");
        let first: u32 = process.call(plugin, "first", ()).unwrap();
        assert_eq!(first, u32::from_le_bytes(*b"plug"));
        process.close(plugin).unwrap().unwrap();
        let freed: i32 = process.call(program.main, "freed_now", ()).unwrap();
        assert_eq!(freed, at);
        assert!(matches!(
            process.call::<(), i32>(plugin, "where", ()),
            Err(CallError::Handle(HandleError::Unloaded))
        ));
        last = at;
    }
}

#[test]
fn without_an_allocator_the_loader_s_own_memory_is_used_again() {
    let plugin = module(
        100,
        3,
        &[],
        r#"(func (export "where") (result i32)
          (i32.add (global.get $memory_base) (global.get $table_base)))"#,
    );
    let main = module(0, 0, &[], "");
    let mut program = load(&main, &[("plugin", &plugin)], config()).unwrap();
    let process = &mut program.process;
    let mut places = Vec::new();
    for _ in 0..3 {
        let plugin = process.open("plugin", OpenFlags::default()).unwrap();
        places.push(process.call::<(), i32>(plugin, "where", ()).unwrap());
        process.close(plugin).unwrap().unwrap();
    }
    assert!(places.iter().all(|&at| at == places[0]), "{places:?}");
    assert_eq!(process.link_map().count(), 1);
}

/// A relocatable main that has the memory itself, not by import.
#[test]
fn nothing_lies_at_address_0_whoever_has_the_memory() {
    let main = format!(
        r#"(module {}
          (import "env" "__memory_base" (global $base i32))
          (memory (export "memory") 1)
          (global (export "text") i32 (i32.const 0))
          (data (offset (global.get $base)) "text")
          (data (i32.const 8) "low")
          (func (export "at") (result i32) (global.get $base)))"#,
        dylink(16, 0, &["lib"])
    );
    let lib = module(
        16,
        0,
        &[],
        r#"(import "GOT.mem" "text" (global $text (mut i32)))
        (func (export "text_at") (result i32) (global.get $text))"#,
    );
    let mut program = load(&main, &[("lib", &lib)], config()).unwrap();
    let at = program.call("at", &[]) as usize;
    assert!(at >= 1024, "{at}");
    let memory = program.process.memory_bytes(program.main);
    assert_eq!(memory[at..at + 4], *b"text");
    assert_eq!(memory[8..11], *b"low", "an address is no distance");
    let map: Vec<_> = program.process.link_map().collect();
    assert_eq!(map[0].memory_base, at as u64);
    assert!(map[1].memory_base >= at as u64 + 16);
}

/// Not even where main has nothing that libraries would have to keep off.
#[test]
fn libraries_lie_above_the_first_page() {
    let main = format!(
        r#"(module {} (memory (export "memory") 0))"#,
        dylink(0, 0, &["lib"])
    );
    let lib = module(16, 0, &[], "");
    let program = load(&main, &[("lib", &lib)], config()).unwrap();
    assert!(
        program
            .process
            .link_map()
            .all(|e| e.name == "main" || e.memory_base >= 4096)
    );
}

#[test]
fn a_library_shares_the_memory_of_its_program() {
    let own = format!(
        r#"(module {}
          (import "env" "__memory_base" (global $base i32))
          (memory (export "memory") 1))"#,
        dylink(16, 0, &[])
    );
    let main = module(0, 0, &["lib"], "");
    let error = load(&main, &[("lib", &own)], config()).err().unwrap();
    assert!(error.to_string().contains("a memory of its own"), "{error}");
    let main = module(0, 0, &[], "");
    let mut program = load(&main, &[("lib", &own)], config()).unwrap();
    let error = program.process.open("lib", OpenFlags::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a memory of its own"), "{error}");
}

/// Thread-local data that hold addresses: the function that relocates them is
/// seldom exported. The first global stands for what the compiler has of them.
#[test]
fn thread_local_data_are_relocated() {
    let body = r#"
        (import "GOT.mem" "own" (global $own (mut i32)))
        (global $tls (mut i32) (i32.const 0))
        (global (export "own") i32 (i32.const 8))
        (data (offset (i32.add (global.get $memory_base) (i32.const 8))) "\07\00\00\00")
        (start $initialise)
        (func $initialise (global.set $tls (global.get $memory_base)))
        (func (export "get") (result i32) (i32.load (i32.load (global.get $tls))))"#;
    let relocs = r#"(i32.store (global.get $tls) (global.get $own))"#;
    let named = format!("{body} (func $__wasm_apply_tls_relocs {relocs})");
    let exported = format!(r#"{body} (func (export "__wasm_apply_tls_relocs") {relocs})"#);
    let by_init = format!(
        r#"{body} (export "__tls_base" (global $tls))
        (func (export "__wasm_init_tls") (param i32) (global.set $tls (local.get 0)) {relocs})"#
    );
    for text in [named, exported, by_init] {
        let library = module(16, 0, &[], &text);
        let mut program = load(&library, &[], config()).unwrap();
        assert_eq!(program.call("get", &[]), 7, "{text}");
        let main = module(0, 0, &[], "");
        let mut program = load(&main, &[("lib", &library)], config()).unwrap();
        let opened = program.process.open(
            "lib",
            OpenFlags {
                now: true,
                ..OpenFlags::default()
            },
        );
        let got = program.process.invoke(opened.unwrap(), "get", &[]).unwrap();
        assert_eq!(got, [wasmaot_runtime::Val::I32(7)]);
    }
}
