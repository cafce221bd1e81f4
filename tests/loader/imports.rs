//! Imports of every kind against definitions of the same and of other types:
//! loaded before, in the same group, in the importer itself, and re-exported
//! under another name. Whatever does not fit is refused.

use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_runtime::error::Error;
use wasmaot_runtime::{Caller, Config, HostFunction, Process, Unresolved, Val};

use crate::program::{Program, config, instantiate, load, load_with, module};

/// `$a` and `$b` differ, and so do those that refer to them; `$t` and `$u` have
/// one identity.
const TYPES: &str = r#"
  (type $x (func))
  (type $a (func (param i64) (result i64)))
  (type $b (func (param (ref null $x)) (result i64)))
  (type $of_a (func (param (ref null $a))))
  (type $of_b (func (param (ref null $b))))
"#;

/// A definition, imports that it fits, and imports that it does not fit.
struct Kind {
    definition: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
}

const KINDS: &[Kind] = &[
    Kind {
        definition: r#"(func (export "e") (type $of_a))"#,
        good: &["(func (type $of_a))"],
        bad: &[
            "(func (type $of_b))",
            "(func (param i64))",
            "(func (param funcref))",
            "(global i32)",
            "(table 0 funcref)",
            "(tag (type $of_a))",
        ],
    },
    Kind {
        definition: r#"(global (export "e") (mut (ref null $a)) (ref.null $a))"#,
        good: &["(global (mut (ref null $a)))"],
        bad: &[
            "(global (mut (ref null $b)))",
            "(global (mut (ref null $of_a)))",
            "(global (mut funcref))",
            "(global (mut i64))",
            "(global (ref null $a))",
            "(func (type $a))",
        ],
    },
    Kind {
        definition: r#"(global (export "e") (ref $a) (ref.func $f)) (func $f (type $a) unreachable)"#,
        good: &[
            "(global (ref $a))",
            "(global (ref null $a))",
            "(global funcref)",
            "(global (ref func))",
        ],
        bad: &[
            "(global (ref null $b))",
            "(global externref)",
            "(global (mut (ref $a)))",
            "(global i64)",
        ],
    },
    Kind {
        definition: r#"(table (export "e") 2 5 (ref null $a))"#,
        good: &["(table 0 (ref null $a))", "(table 2 5 (ref null $a))"],
        bad: &[
            "(table 0 (ref null $b))",
            "(table 0 funcref)",
            "(table 0 externref)",
            "(table 3 (ref null $a))",
            "(table 2 4 (ref null $a))",
            "(table i64 0 (ref null $a))",
            "(global i32)",
        ],
    },
    Kind {
        definition: r#"(tag (export "e") (type $of_a))"#,
        good: &["(tag (type $of_a))"],
        bad: &["(tag (type $of_b))", "(tag)", "(func (type $of_a))"],
    },
];

const MEMORY: Kind = Kind {
    definition: r#"(memory (export "e") 2 5)"#,
    good: &["(memory 0)", "(memory 2 5)"],
    bad: &[
        "(memory 3)",
        "(memory 2 4)",
        "(memory i64 2 5)",
        "(memory 2 5 shared)",
        "(table 0 funcref)",
    ],
};

/// Demands that the good imports are taken, and that the bad ones are refused
/// for their types.
fn judge(kind: &Kind, way: &str, link: impl Fn(&str) -> Result<(), Error>) {
    let Kind { definition, .. } = kind;
    for import in kind.good {
        if let Err(error) = link(import) {
            panic!("{way}: {import} of {definition}: {error}");
        }
    }
    for import in kind.bad {
        match link(import) {
            Err(Error::Mismatch { .. } | Error::FunctionType { .. }) => {}
            other => panic!("{way}: {import} of {definition}: {other:?}"),
        }
    }
}

fn plain(body: &str) -> String {
    format!("(module {TYPES} {body})")
}

#[test]
fn of_modules_that_are_loaded() {
    // Only where there is one thread may modules with shared memories and others meet.
    let config = || Config {
        max_threads: 1,
        ..config()
    };
    for kind in KINDS.iter().chain([&MEMORY]) {
        judge(kind, "loaded", |import| {
            let mut process = Process::new(config()).unwrap();
            instantiate(&mut process, "d", &plain(kind.definition)).unwrap();
            let user = plain(&format!(r#"(import "d" "e" {import})"#));
            instantiate(&mut process, "u", &user).map(|_| ())
        });
        judge(kind, "passed on", |import| {
            let mut process = Process::new(config()).unwrap();
            instantiate(&mut process, "d", &plain(kind.definition)).unwrap();
            let good = kind.good[0];
            let sort = good.trim_start_matches('(').split(' ').next().unwrap();
            let between = format!(r#"(import "d" "e" {good}) (export "r" ({sort} 0))"#);
            instantiate(&mut process, "m", &plain(&between)).unwrap();
            let user = plain(&format!(r#"(import "m" "r" {import})"#));
            instantiate(&mut process, "u", &user).map(|_| ())
        });
    }
}

#[test]
fn of_the_module_itself() {
    for kind in KINDS {
        judge(kind, "its own", |import| {
            let body = format!(r#"(import "env" "e" {import}) {}"#, kind.definition);
            load(&plain(&body), &[], config()).map(|_| ())
        });
        // Several at once, as one definition.
        judge(kind, "its own twice", |import| {
            let (good, definition) = (kind.good[0], kind.definition);
            let body =
                format!(r#"(import "env" "e" {good}) (import "env" "e" {import}) {definition}"#);
            load(&plain(&body), &[], config()).map(|_| ())
        });
    }
    let own = format!(r#"(import "env" "e" (memory 9)) {}"#, MEMORY.definition);
    let refused = load(&plain(&own), &[], config()).map(|_| ());
    assert!(
        matches!(refused, Err(Error::Mismatch { .. })),
        "{refused:?}"
    );
}

#[test]
fn of_libraries_in_the_same_group() {
    for kind in KINDS {
        let library = module(0, 0, &[], &format!("{TYPES} {}", kind.definition));
        judge(kind, "library", |import| {
            let main = format!(r#"{TYPES} (import "env" "e" {import})"#);
            let main = module(0, 0, &["lib"], &main);
            load(&main, &[("lib", &library)], config()).map(|_| ())
        });
        judge(kind, "passed on by a library", |import| {
            let good = kind.good[0];
            let sort = good.trim_start_matches('(').split(' ').next().unwrap();
            let number = match sort {
                "global" => 3,
                "table" => 1,
                _ => 0,
            };
            let between =
                format!(r#"{TYPES} (import "env" "e" {good}) (export "r" ({sort} {number}))"#);
            let between = module(0, 0, &["lib"], &between);
            let main = format!(r#"{TYPES} (import "env" "r" {import})"#);
            let main = module(0, 0, &["m"], &main);
            load(&main, &[("m", &between), ("lib", &library)], config()).map(|_| ())
        });
    }
}

#[track_caller]
fn refused(result: Result<Program, Error>) {
    match result.map(|_| ()) {
        Err(Error::Mismatch { .. } | Error::FunctionType { .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_what_the_loader_has() {
    let tag = |ty| {
        module(
            0,
            0,
            &[],
            &format!(r#"(import "env" "__cpp_exception" (tag {ty}))"#),
        )
    };
    assert!(load(&tag("(param i32)"), &[], config()).is_ok());
    refused(load(&tag("(param i64)"), &[], config()));
    refused(load(&tag("(param funcref)"), &[], config()));
    // The shared table once more, as one of something else.
    let table = |ty| {
        let again = format!(r#"{TYPES} (import "env" "__indirect_function_table" (table {ty}))"#);
        let export = r#"(export "__indirect_function_table" (table 0))"#;
        module(0, 0, &[], &format!("{again} {export}"))
    };
    assert!(load(&table("0 funcref"), &[], config()).is_ok());
    refused(load(&table("0 (ref null $a)"), &[], config()));
    refused(load(&table("0 externref"), &[], config()));
    // An address of the loader's is no global.
    let library = r#"(import "GOT.mem" "__heap_base" (global (mut i32))) (export "g" (global 3))"#;
    let library = module(0, 0, &[], library);
    let main = module(0, 0, &["lib"], r#"(import "env" "g" (global (mut i32)))"#);
    refused(load(&main, &[("lib", &library)], config()));
}

#[test]
fn of_host_functions_passed_on() {
    // The library has it in another form; only in that may it be passed on.
    let library = r#"(import "env" "wide" (func (param i32 i32) (result i32)))
        (export "narrow" (func 0))"#;
    let library = module(0, 0, &[], library);
    let ty = FuncType::new([ValType::I64], [ValType::I32]);
    let body = |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| Ok(());
    let linked = |import| {
        let main = format!(r#"(import "env" "narrow" {import})"#);
        let main = module(0, 0, &["lib"], &main);
        let hosts = vec![HostFunction::new("env", "wide", ty.clone(), body)];
        load_with(&main, &[], &[("lib", &library)], config(), hosts)
    };
    assert!(linked("(func (param i32 i32) (result i32))").is_ok());
    refused(linked("(func (param i32 i32) (result funcref))"));
    // As the host has it.
    assert!(linked("(func (param i64) (result i32))").is_ok());
}

#[test]
fn a_wrong_function_that_may_be_late_traps_and_names_both_types() {
    let library = module(0, 0, &[], r#"(func (export "f") (param i64))"#);
    let main = r#"(import "env" "f" (func $f (param i32 f32) (result funcref)))
        (import "GOT.func" "f" (global $at (mut i32)))
        (func (export "call") (drop (call $f (i32.const 1) (f32.const 0))))
        (func (export "indirect")
          (i64.const 0) (call_indirect (param i64) (global.get $at)))"#;
    let main = module(0, 0, &["lib"], main);
    let load = |unresolved| {
        let config = wasmaot_runtime::Config {
            unresolved,
            ..config()
        };
        load(&main, &[("lib", &library)], config)
    };
    refused(load(Unresolved::Error));
    let mut program = load(Unresolved::Ignore).unwrap();
    let text = program.trap("call").to_string();
    assert!(text.contains("(i32, f32) -> (funcref)"), "{text}");
    assert!(text.contains("(i64) -> ()"), "{text}");
    // Its address is its own.
    let (process, main) = (&mut program.process, program.main);
    process.invoke(main, "indirect", &[]).unwrap();
    let explained = program.process.explain("f").to_string();
    assert!(
        explained.contains("lib defines it as (i64) -> ()"),
        "{explained}"
    );
}

#[test]
fn a_wrong_function_of_a_library_opened_lazily_is_not_refused() {
    use wasmaot_runtime::{Bind, DlError, OpenFlags};
    let plugin = r#"(import "env" "f" (func $f (param i32)))
        (import "env" "g" (global $g (mut i64)))
        (func (export "call") (call $f (i32.const 1)))"#;
    let good = module(0, 0, &[], plugin);
    let bad = module(0, 0, &[], &plugin.replace("mut i64", "mut f64"));
    let main = r#"(func (export "f") (param i64)) (global (export "g") (mut i64) (i64.const 1))"#;
    let main = module(0, 0, &[], main);
    let open = |bind, now, name: &str| {
        let libraries = [("good", &*good), ("bad", &bad)];
        let config = wasmaot_runtime::Config { bind, ..config() };
        let mut program = load(&main, &libraries, config).unwrap();
        let flags = OpenFlags {
            now,
            ..OpenFlags::default()
        };
        let opened = program.process.open(name, flags);
        opened.map(|id| {
            program
                .process
                .invoke(id, "call", &[])
                .unwrap_err()
                .to_string()
        })
    };
    for bind in [Bind::Static, Bind::Direct, Bind::Lazy] {
        let text = open(bind, false, "good").unwrap();
        assert!(
            text.contains("(i32) -> ()") && text.contains("(i64) -> ()"),
            "{text}"
        );
    }
    let refused = |opened| match opened {
        Err(DlError::Load(Error::Mismatch { .. } | Error::FunctionType { .. })) => {}
        other => panic!("{other:?}"),
    };
    refused(open(Bind::Static, true, "good"));
    refused(open(Bind::Now, false, "good"));
    for bind in [Bind::Static, Bind::Lazy] {
        refused(open(bind, false, "bad"));
    }
}
