//! Classification, and what is refused.

use wasmaot_abi::info::LinkingAbi;

use super::decode;
use crate::module::{
    DataMode, ElementMode, ExportItem, GlobalInit, GlobalStorage, Item, Items, Module,
};
use crate::{Error, Options};

fn with<T>(wat: &str, check: impl FnOnce(&Module<'_>) -> T) -> T {
    let wasm = wat::parse_str(wat).unwrap();
    check(&decode("test.wasm", &wasm, &Options::default()).unwrap())
}

fn error(wasm: &[u8]) -> Error {
    decode("test.wasm", wasm, &Options::default()).unwrap_err()
}

/// A library: 64 bytes of memory, 4 table entries.
const LIBRARY: &str = r#"
    (@custom "dylink.0" (before first) "\01\04\40\00\04\00")
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 0 funcref))
    (import "env" "__memory_base" (global $mb i32))
    (import "env" "__table_base" (global $tb i32))
    (import "env" "__stack_pointer" (global $sp (mut i32)))
    (import "GOT.mem" "x" (global $x (mut i32)))
    (import "env" "f" (func $f))
"#;

#[test]
fn a_library() {
    let wat = format!(
        r#"(module {LIBRARY}
            (global $addr i32 (i32.const 24)) (export "data" (global $addr))
            (global $rel i32 (i32.add (global.get $mb) (i32.const 1)))
            (global $m (mut i32) (i32.const 7)) (export "m" (global $m))
            (elem (global.get $tb) func $f $g)
            (elem (i32.add (global.get $tb) (i32.const 3)) func $g)
            (elem (i32.add (global.get $tb) (i32.const 4)) func $g)
            (data (i32.add (i32.const 60) (global.get $mb)) "abcd")
            (data (i32.add (i32.const 61) (global.get $mb)) "abcd")
            (data (global.get $mb) "a")
            (func $g))"#
    );
    with(&wat, |m| {
        assert_eq!(m.linking.abi, LinkingAbi::Dylink0);
        assert!(m.is_relocatable());
        assert!(m.tables[0].primary);
        assert!(matches!(m.globals[0].storage, GlobalStorage::Loader(2)));
        let stack_pointer = &m.globals[2].storage;
        assert!(matches!(
            stack_pointer,
            GlobalStorage::StackPointer { init: None }
        ));
        assert!(matches!(m.globals[3].storage, GlobalStorage::Loader(5)));
        let computed = &m.globals[5].storage;
        assert!(matches!(
            computed,
            GlobalStorage::Own(GlobalInit::Computed(_))
        ));
        assert_eq!(m.exports[0].item, ExportItem::Data(24));
        assert_eq!(m.exports[1].item, ExportItem::Item(Item::Global(6)));
        let elements: Vec<_> = m.elements.iter().map(|e| &e.mode).collect();
        assert!(matches!(elements[0], ElementMode::Static { offset: 0 }));
        assert!(matches!(elements[1], ElementMode::Static { offset: 3 }));
        assert!(matches!(elements[2], ElementMode::Active { .. }));
        let data: Vec<_> = m.data.iter().map(|d| &d.mode).collect();
        assert!(matches!(data[0], DataMode::Static { offset: 60 }));
        assert!(matches!(data[1], DataMode::Active { .. }));
        assert!(
            matches!(data[2], DataMode::Active { .. }),
            "after one that may trap"
        );
        assert_eq!(m.funcrefs, [0, 1]);
        assert_eq!(m.func_name(0), "f");
    });
}

#[test]
fn a_main_program_with_fixed_addresses() {
    let wat = r#"(module
        (@custom "dylink.0" (before first) "\01\04\40\00\04\00")
        (memory 1) (table 2 funcref)
        (global $sp (mut i32) (i32.const 65536)) (export "__stack_pointer" (global $sp))
        (elem (i32.const 1) func $f)
        (data (i32.const 1024) "x")
        (func $f))"#;
    with(wat, |m| {
        assert!(!m.is_relocatable(), "it has its own memory");
        assert!(m.tables[0].primary);
        let stack_pointer = &m.globals[0].storage;
        assert!(matches!(
            stack_pointer,
            GlobalStorage::StackPointer { init: Some(65536) }
        ));
        assert!(matches!(
            m.elements[0].mode,
            ElementMode::Static { offset: 1 }
        ));
        assert!(matches!(m.data[0].mode, DataMode::Static { offset: 1024 }));
    });
}

#[test]
fn a_core_module() {
    let wat = r#"(module
        (import "m" "r" (global $i funcref))
        (memory 1) (table $t 2 funcref) (table $e 2 externref)
        (global $sp (mut i32) (i32.const 5)) (export "__stack_pointer" (global $sp))
        (global $r funcref (ref.func $f))
        (elem (table $t) (i32.const 2) func $f)
        (elem (table $e) (i32.const 0) externref (ref.null extern))
        (elem funcref (ref.func $f) (ref.null func))
        (elem funcref (global.get $i))
        (elem declare func $g)
        (data (i32.const 65535) "a") (data (i32.const 65535) "ab") (data "p")
        (func $f) (func $g) (func $h))"#;
    with(wat, |m| {
        assert!(m.tables[0].primary && !m.tables[1].primary);
        assert!(matches!(
            m.globals[1].storage,
            GlobalStorage::Own(GlobalInit::Const(_))
        ));
        assert!(matches!(
            m.globals[2].storage,
            GlobalStorage::Own(GlobalInit::RefFunc(0))
        ));
        let modes: Vec<_> = m.elements.iter().map(|e| &e.mode).collect();
        assert!(
            matches!(modes[0], ElementMode::Active { .. }),
            "out of bounds"
        );
        assert!(matches!(modes[1], ElementMode::Active { table: 1, .. }));
        assert!(matches!(modes[2], ElementMode::Passive));
        assert!(matches!(modes[4], ElementMode::Declared));
        assert!(matches!(&m.elements[2].items, Items::Funcs(f) if f[..] == [Some(0), None]));
        assert!(matches!(&m.elements[3].items, Items::Exprs(e) if e.len() == 1));
        let data: Vec<_> = m.data.iter().map(|d| &d.mode).collect();
        assert!(matches!(data[0], DataMode::Static { offset: 65535 }));
        assert!(matches!(data[1], DataMode::Active { .. }));
        assert!(matches!(data[2], DataMode::Passive));
        assert_eq!(m.funcrefs, [0, 1]);
        assert_eq!(m.func_name(2), "h");
    });
}

#[test]
fn a_core_module_with_another_ones_memory() {
    let wat = r#"(module (import "m" "mem" (memory 1)) (table 1 funcref)
        (elem (i32.const 0) func $f) (data (i32.const 0) "x") (func $f))"#;
    with(wat, |m| {
        assert!(!m.tables[0].primary);
        assert!(matches!(m.elements[0].mode, ElementMode::Active { .. }));
        assert!(matches!(m.data[0].mode, DataMode::Active { .. }));
    });
}

#[test]
fn what_is_not_valid_and_what_is_not_supported() {
    assert!(matches!(error(b"\0asm"), Error::Invalid { .. }));
    assert!(matches!(error(b"ELF"), Error::Invalid { .. }));
    let body = wat::parse_str("(module (func (drop (i32.add (i32.const 1)))))").unwrap();
    assert!(matches!(error(&body), Error::Invalid { offset, .. } if offset > 20));
    let gc = wat::parse_str("(module (type (struct)))").unwrap();
    let unsupported = error(&gc).to_string();
    assert!(unsupported.contains("the proposal `gc`"), "{unsupported}");
    let component = wat::parse_str("(component)").unwrap();
    assert!(matches!(error(&component), Error::Unsupported { .. }));
    let linking = wat::parse_str(r#"(module (@custom "dylink.0" "\01"))"#).unwrap();
    assert!(matches!(error(&linking), Error::Linking { .. }));
}

#[test]
fn damaged_names_are_left_out() {
    let wat = r#"(module (@custom "name" "\01\ff") (func (export "e")))"#;
    with(wat, |m| assert_eq!(m.func_name(0), "e"));
    let wat = r#"(module (@custom "name" "\01\05\02\00\01a\09") (func (export "e")))"#;
    with(wat, |m| assert_eq!(m.func_name(0), "a"));
}

/// A program at fixed addresses with functions that forward to `f`, in a table,
/// as far as `listed` says that they stand for it.
fn forwarding(section: &str, listed: &str, check: impl FnOnce(&Module<'_>)) {
    let wat = format!(
        r#"(module
            {section}
            (@custom "wasmaot.forward" "{listed}")
            (type $t (func (param i32 f64) (result i32)))
            (import "env" "f" (func $f (type $t)))
            (import "other" "f" (func $other (type $t)))
            (memory 1) (table 8 funcref)
            (elem (i32.const 1) func $forward $swapped $more $local $short $other_f)
            (func $forward (type $t) (call $f (local.get 0) (local.get 1)))
            (func $swapped (param f64 i32) (result i32) (call $f (local.get 1) (local.get 0)))
            (func $more (type $t) (i32.eqz (call $f (local.get 0) (local.get 1))))
            (func $local (type $t) (local i32) (call $f (local.get 0) (local.get 1)))
            (func $short (param i32 f64 i32) (result i32) (call $f (local.get 0) (local.get 1)))
            (func $other_f (type $t) (call $other (local.get 0) (local.get 1))))"#
    );
    with(&wat, check);
}

#[test]
fn what_stands_for_an_import_is_the_import() {
    let dynamic = r#"(@custom "dylink.0" (before first) "")"#;
    let items = |m: &Module<'_>| match &m.elements[0].items {
        Items::Funcs(funcs) => funcs.iter().map(|f| f.unwrap()).collect::<Vec<_>>(),
        Items::Exprs(_) => Vec::new(),
    };
    let own = [2, 3, 4, 5, 6, 7];
    forwarding(dynamic, r"\01f\01g", |m| {
        assert_eq!(items(m), [0, 3, 4, 5, 6, 7]);
        assert_eq!(m.funcrefs, [0, 3, 4, 5, 6, 7]);
        assert_eq!((m.callee(2), m.callee(3), m.callee(0)), (0, 3, 0));
    });
    // Functions of the user's own that only call another have addresses of
    // their own.
    forwarding(dynamic, r"\01g", |m| assert_eq!(items(m), own));
    forwarding("", r"\01f", |m| assert_eq!(items(m), own));
}

/// What the start function of a library does that is at 16 of its 64 bytes.
#[test]
fn data_without_contents_are_not_cleared_once_more() {
    let is_left_out = |library: &str, rest: &str| {
        let wat = format!("(module {library} (data (global.get $mb) \"0123456789abcdef\") {rest})");
        with(&wat, |m| {
            m.bodies.iter().any(|body| body.body.as_bytes().len() == 2)
        })
    };
    let fill = |from: &str, byte: u32, bytes: u32| {
        format!("(memory.fill {from} (i32.const {byte}) (i32.const {bytes}))")
    };
    let (at, rest) = (
        "(i32.add (i32.const 16) (global.get $mb))",
        fill("(i32.add (global.get $mb) (i32.const 32))", 0, 32),
    );
    let clear = format!("{} {rest}", fill(at, 0, 16));
    let clear_it = format!("(func $clear {clear})");
    let calls = "(func $start call $clear call $f call $more) (func $more (local i32)
        (local.set 0 (i32.const 1)) (drop (local.get 0))) (start $start)";
    let after = |global: &str| {
        let start = "(func $start call $set call $clear) (start $start)";
        format!("{clear_it} {start} (global $m (mut i32) (i32.const 0)) (func $set {global})")
    };
    for rest in [
        format!("{clear_it} (start $clear)"),
        format!("{clear_it} {calls}"),
        after("(global.set $m (i32.add (global.get $mb) (i32.const 4)))"),
    ] {
        assert!(is_left_out(LIBRARY, &rest), "{rest}");
    }
    let other = |body: &str| format!("(func $clear {body}) (start $clear)");
    for rest in [
        // Somebody else may do it again, when there are contents.
        format!("{clear_it} {calls} (func (export \"again\") call $clear nop)"),
        format!("{clear_it} {calls} (func (export \"again\") nop return_call $clear)"),
        format!("{clear_it} {calls} (export \"again\" (func $clear))"),
        format!("{clear_it} {calls} (elem (i32.const 0) func $clear)"),
        format!("{clear_it} {calls} (elem declare func $clear)"),
        // Others have run before.
        format!("{clear_it} (func $start call $f call $clear) (start $start)"),
        after("(i32.store (global.get $mb) (i32.const 4))"),
        after("(call $f)"),
        // Contents, or what is not the module's.
        other(&fill("(global.get $mb)", 0, 16)),
        other(&fill(at, 0, 49)),
        other(&fill("(i32.const 16)", 0, 16)),
        other(&fill("(i32.add (global.get $mb) (i32.const -16))", 0, 8)),
        other(&fill("(global.get $x)", 0, 16)),
        format!(
            "(global $m (mut i32) (i32.const 16)) {}",
            other(&fill("(i32.add (global.get $m) (global.get $mb))", 0, 16))
        ),
        format!("(data (i32.const 0) \"a\") {}", other(&clear)),
        // Other things too.
        other(&fill(at, 1, 16)),
        other(&format!("{clear} (call $f)")),
        other(&format!(
            "{clear} (i32.store (global.get $mb) (i32.const 1))"
        )),
    ] {
        assert!(!is_left_out(LIBRARY, &rest), "{rest}");
    }
    // Threads, which start later, run the start function too; a memory of one's own
    // has what it was made with.
    let shared = LIBRARY.replace("(memory 1)", "(memory 1 1 shared)");
    let rest = format!("{clear_it} (start $clear)");
    assert!(!is_left_out(&shared, &rest));
}
