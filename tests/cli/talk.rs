//! `--quiet` and `--verbose`.

use crate::common::Sandbox;
use crate::pair;

/// Calls an import that nobody defines.
const LACKING: &str = r#"
    (module (@dylink.0 (mem-info))
      (import "env" "memory" (memory 1))
      (import "env" "nothing" (func $nothing))
      (func (export "f") (call $nothing))
      (func (export "_start")))"#;

/// What a command that succeeds, and prints nothing, says on standard error.
fn said(sandbox: &Sandbox, line: &[&str]) -> String {
    let outcome = sandbox.wasmaot(line);
    let ended = (outcome.code, &*outcome.stdout);
    assert_eq!(ended, (Some(0), ""), "{line:?}: {outcome:#?}");
    outcome.stderr
}

#[test]
fn who_asks_is_told_what_is_compiled_and_loaded() {
    let sandbox = pair();
    let first = said(&sandbox, &["run", "-v", "main.wat"]);
    assert!(first.contains("compiling main.wat\n"), "{first}");
    assert_eq!(first.matches("compiling ").count(), 2, "{first}");
    // What has been built is loaded, and not compiled.
    let second = said(&sandbox, &["--verbose", "main.wat"]);
    assert!(!second.contains("compiling"), "{second}");
    assert!(second.contains("lib.wat"), "{second}");
    let built = said(&sandbox, &["build", "-v", "lib.wat", "-o", "lib.elf"]);
    assert!(built.contains("lib.wat -> lib.elf, "), "{built}");
    // Nobody has asked.
    assert_eq!(said(&sandbox, &["build", "lib.wat"]), "");
}

#[test]
fn who_wants_to_hear_nothing_is_told_of_errors_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("lacking.wat", LACKING);
    let quiet: [&[&str]; 4] = [
        &["run", "-q", "--unresolved=warn", "lacking.wat"],
        &["-q", "run", "--unresolved=warn", "lacking.wat"],
        &["--quiet", "--unresolved=warn", "lacking.wat"],
        &["run", "--unresolved=warn", "--quiet", "lacking.wat"],
    ];
    for line in quiet {
        assert_eq!(said(&sandbox, line), "", "{line:?}");
    }
    let heard: [&[&str]; 2] = [
        &["run", "--unresolved=warn", "lacking.wat"],
        // The words after the program are the program's.
        &["run", "--unresolved=warn", "lacking.wat", "-q"],
    ];
    for line in heard {
        let stderr = said(&sandbox, line);
        assert!(stderr.starts_with("warning: "), "{line:?}: {stderr}");
    }
    let line = ["run", "-q", "lacking.wat"];
    sandbox.wasmaot(&line).error(1, &["nothing"]);
    let both = sandbox.wasmaot(&["run", "-q", "-v", "lacking.wat"]);
    assert_eq!(both.code, Some(2), "{both:#?}");
    assert!(both.stderr.contains("--verbose"), "{both:#?}");
}
