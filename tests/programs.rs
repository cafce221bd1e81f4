//! Programs of our own, each in every form that its `case` file names: main at
//! fixed addresses and position-independent. `wasmaot-testkit` compares what is
//! expected here with the host's own loader.

use std::path::Path;

use wasmaot_testkit::{Case, Form, Run, Wasmaot, examples, run, scratch};

fn wasmaot() -> Wasmaot {
    Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"))
}

/// Runs `check` on the program in each of its forms.
fn each_form(name: &str, check: impl Fn(&Case, &Path)) {
    let case = Case::open(name);
    for form in case.forms.iter().filter(|form| **form != Form::Native) {
        println!("{name} as {form:?}");
        check(&case, &case.build(*form));
    }
}

/// However calls are bound, a program does the same.
fn gives_what_is_expected(name: &str) {
    each_form(name, |case, program| {
        for bind in [
            "--bind=now",
            "--bind=lazy",
            "--bind=direct",
            "--bind=lazy --lazy-load",
        ] {
            let mut command = wasmaot().run_command();
            let ended = run(command.args(bind.split(' ')).arg(program));
            ended.expect(case.code, &case.expected);
        }
    });
}

macro_rules! programs {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            gives_what_is_expected(stringify!($name));
        }
    )*};
}

programs! {
    arguments callback constructors cycle data exceptions exceptions_legacy heap hello interpose
    longjmp longjmp_legacy once pointers runpath weak world
}

/// `hey there: 0x… 0x…`, two addresses that differ.
fn two_addresses(run: &Run) {
    run.expect_code(0);
    let words: Vec<&str> = run.stdout.split_whitespace().collect();
    let [first @ "hey", second @ "there:", a, b] = words[..] else {
        panic!("unexpected output: {run:#?}");
    };
    let address = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16);
    assert_eq!(format!("{first} {second} {a} {b}\n"), run.stdout);
    assert!(
        address(a).is_ok_and(|a| a > 0) && address(b).is_ok_and(|b| b > 0),
        "{run:#?}"
    );
    assert_ne!(a, b);
}

#[test]
fn hey() {
    each_form("hey", |_, program| two_addresses(&wasmaot().run(program)));
}

#[test]
fn hey_back() {
    each_form("hey_back", |_, program| {
        let run = wasmaot().run(program);
        two_addresses(&run);
        assert!(run.stderr.starts_with("cookie: call 1\n"), "{run:#?}");
    });
}

#[test]
fn trap() {
    each_form("trap", |case, program| {
        let run = wasmaot().run(program);
        run.expect(case.code, &case.expected);
        assert!(run.stderr.contains("integer divide by zero"), "{run:#?}");
    });
}

#[test]
fn arguments_and_environment_reach_main() {
    each_form("world", |_, program| {
        let mut command = wasmaot().run_command();
        command
            .args(["--env", "WASMAOT_TEST_VALUE=some value"])
            .arg(program);
        let run = run(command.args(["--", "one", "--two", "a b"]));
        let expected = "argument 1 one\nargument 2 --two\nargument 3 a b\nvalue some value\n\
                        no is not there\nnot yet flushed";
        run.expect(7, expected);
        assert_eq!(run.stderr, "on the side\n");
    });
}

/// The example of the documentation: no C, modules as text.
#[test]
fn the_example_greets() {
    let directory = examples().join("greet");
    let expected = std::fs::read_to_string(directory.join("expected")).unwrap();
    wasmaot()
        .run(&directory.join("main.wat"))
        .expect(0, &expected);
}

/// The objects alone, as they would be shipped: no module is left to fall back on.
#[test]
fn built_objects_run_without_the_modules() {
    each_form("cycle", |case, program| {
        let directory = scratch("objects");
        let from = program.parent().unwrap();
        for name in ["main.wasm", "libping.so", "libpong.so"] {
            wasmaot().build(&from.join(name), &directory.join(format!("{name}.elf")));
        }
        wasmaot()
            .run(&directory.join("main.wasm.elf"))
            .expect(case.code, &case.expected);
    });
}

#[test]
fn a_missing_library_is_named() {
    let program = Case::open("cycle").build(Form::Pie);
    let directory = scratch("missing");
    for name in ["main.wasm", "libping.so"] {
        std::fs::copy(program.with_file_name(name), directory.join(name)).unwrap();
    }
    let run = wasmaot().run(&directory.join("main.wasm"));
    run.expect(1, "");
    assert!(run.stderr.starts_with("error: "), "{run:#?}");
    // The directory of libc is given with -L: that is not advised again.
    let names = [
        "libpong.so",
        "main.wasm",
        "in none of the directories given",
    ];
    assert!(
        names.iter().all(|name| run.stderr.contains(name)),
        "{run:#?}"
    );
}
