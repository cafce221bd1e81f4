//! `run --profile` and `build --profile-use`: programs that count their branches.

use crate::common::Sandbox;

/// Calls a library so often, with each number from 0 on.
const MAIN: &str = r#"
    (module (@dylink.0 (mem-info) (needed "lib.wat"))
      (import "env" "memory" (memory 1))
      (import "env" "odd" (func $odd (param i32) (result i32)))
      (func (export "run") (param $n i32) (result i32) (local $i i32) (local $sum i32)
        (loop $next
          (local.set $sum (i32.add (local.get $sum) (call $odd (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $sum)))"#;

const LIB: &str = r#"
    (module (@dylink.0 (mem-info))
      (import "env" "memory" (memory 1))
      (func (export "odd") (param i32) (result i32)
        (if (result i32) (i32.and (local.get 0) (i32.const 1))
          (then (i32.const 1)) (else (i32.const 0)))))"#;

fn pair() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", MAIN);
    sandbox.write("lib.wat", LIB);
    sandbox
}

/// What a program prints that adds its counts to a profile.
fn counted(sandbox: &Sandbox, main: &str, n: &str) -> String {
    let options = ["run", "--profile", "counts", "--invoke", "run"];
    let line = [&options[..], &[main, "--", n]].concat();
    sandbox.wasmaot(&line).success()
}

/// The lines of a profile that are counts.
fn counts(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("counts")).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.contains("wasmaot") && !line.contains("module"));
    let mut counts: Vec<String> = lines.map(str::to_owned).collect();
    counts.sort();
    counts
}

#[test]
fn modules_and_objects_count_alike_and_runs_add_up() {
    let sandbox = pair();
    assert_eq!(counted(&sandbox, "main.wat", "10"), "5\n");
    assert_eq!(counts(&sandbox), ["10 5", "10 9"]);
    for module in ["main.wat", "lib.wat"] {
        let line = ["build", "--profile-generate", module];
        sandbox.wasmaot(&line).success();
    }
    assert_eq!(counted(&sandbox, "main.wat.elf", "10"), "5\n");
    assert_eq!(counts(&sandbox), ["20 10", "20 18"]);
    // What counts is another object than what does not.
    let line = ["run", "--invoke", "run", "main.wat", "--", "10"];
    assert_eq!(sandbox.wasmaot(&line).success(), "5\n");
    assert_eq!(counts(&sandbox), ["20 10", "20 18"]);
}

#[test]
fn a_profile_is_of_the_modules_that_it_was_made_of() {
    let sandbox = pair();
    assert_eq!(counted(&sandbox, "main.wat", "1000"), "500\n");
    let clif = |more: &[&str]| {
        let line = [&["build", "--emit", "clif", "-o", "-", "main.wat"], more].concat();
        sandbox.wasmaot(&line).success()
    };
    let used = ["--profile-use", "counts"];
    assert!(!clif(&[]).contains(" cold:"));
    assert!(clif(&used).contains(" cold:"));
    // A prelinked set is one profile's too.
    let line = [
        "build",
        "--prelink",
        "--profile-use",
        "counts",
        "-o",
        "set",
        "main.wat",
        "lib.wat",
    ];
    sandbox.wasmaot(&line).success();
    let line = ["run", "--invoke", "run", "set/main.wat.elf", "--", "1000"];
    assert_eq!(sandbox.wasmaot(&line).success(), "500\n");

    sandbox.write(
        "main.wat",
        MAIN.replace("i32.add (local.get $sum)", "i32.sub (local.get $sum)"),
    );
    let line = ["build", "--profile-use", "counts", "main.wat"];
    sandbox
        .wasmaot(&line)
        .error(1, &["counts", "no counts of any input", "--profile"]);
    sandbox.write("other", "something");
    let line = ["build", "--profile-use", "other", "main.wat"];
    sandbox.wasmaot(&line).error(1, &["other", "is no profile"]);
    // Nothing counts here, and that does not change how the program ends.
    sandbox.write("plain.wat", "(module (func (export \"_start\")))");
    let outcome = sandbox.wasmaot(&["run", "--profile", "none", "plain.wat"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stderr.contains("no profile") && outcome.stderr.contains("--profile-generate"));
    assert!(!sandbox.path("none").exists());
}
