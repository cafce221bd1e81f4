//! The script that tells gdb of pointers in linear memory.

use std::path::Path;
use std::process::Command;

use wasmaot_testkit::run;

use super::core_dumps::opened;
use super::session::{dumping, module, native, session, wasmaot};
use super::values::compare;

/// What is asked of `pointers.c`.
const POINTERS: &[&str] = &[
    "bt 1",
    "next",
    "info locals",
    "print *p",
    "print p->name",
    "print p->name[2]",
    "print *p->next",
    "print p->next->name",
    "print p->next->next",
    "print *$host(p->weight)",
    "print $host(p->weight)[0] * 2",
    "print $host(p->words)[1]",
    "print *$host(p->words)@3",
    "print $host(p->next)->next",
    "print $host(p->next)->value",
    "print **pp",
    "print (*pp)->next->next->name",
    "whatis p->name",
    "print names",
    "print all",
    "print *all[2]",
    "print $host(p->change)",
    "print $host(p->change) == twice",
    "print $host(7)",
];

fn script() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist/gdb/wasmaot-gdb.py");
    format!("source {}", script.display())
}

#[test]
fn in_a_core_dump_pointers_in_memory_are_shown_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let dump = directory.path().join("core");
    let module = module("pointers.c", "-O0");
    run(dumping("-O0", &dump).arg(&module).arg("trap")).expect_code(134);
    let commands = [
        &*script(),
        "info wasmaot",
        "print list->next->name",
        "print *$host(list->next->weight)",
        "print list->next->change",
    ];
    let said = opened(&dump, &commands);
    for part in ["  libc.so\n", " \"second\"\n", " = 2.5\n", " <twice>\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn pointers_in_memory_are_shown_as_the_hosts_by_a_script() {
    let directory = tempfile::tempdir().unwrap();
    let script = script();
    let program = wasmaot(&module("pointers.c", "-O0"), "-O0");
    let host = Command::new(native(&directory, "pointers.c", "-O0"));
    // Before a value for which there is a script gdb says no type.
    let without_type = |ours: &str, theirs: &str| {
        let value = theirs.split_once(") ").map(|(_, value)| value);
        let ours = ours.split_once(" = ").map(|(_, value)| value);
        value.is_some() && value == ours
    };
    let start = [&*script, "break look", "run"];
    compare(&start, POINTERS, &program, &host, without_type);

    let said = session(
        &program,
        &[
            &script,
            "info wasmaot",
            "break look",
            "run",
            "print p->change",
            "info wasmaot",
            "whatis p->words",
        ],
    );
    assert!(said[1].contains("No modules are loaded"), "{said:#?}");
    assert!(said[4].ends_with(" <twice>"), "{said:#?}");
    // It is the name of a type.
    assert_eq!(said[6], "type = char* *");
    for module in ["  pointers.c.wasm", "  libc.so"] {
        assert!(said[5].contains(module), "{said:#?}");
    }
}
