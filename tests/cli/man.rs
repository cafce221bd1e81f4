//! The manual.

use std::path::Path;
use std::process::Command;

use crate::common::Sandbox;

/// What groff finds wrong with a page.
fn faults(page: &Path) -> String {
    let mut groff = Command::new("groff");
    groff.args(["-Kutf8", "-Tutf8", "-man", "-ww", "-z"]);
    let output = groff.arg(page).output();
    let output = output.expect("groff is needed: apt-get install groff-base");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a help names as commands, but for itself.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What does not fit a line goes on below, further to the right.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !matches!(*name, "" | "help"))
}

#[test]
fn each_command_has_a_page_that_is_well_formed() {
    let sandbox = Sandbox::new();
    sandbox.wasmaot(&["man", "new/pages"]).success();
    let help = sandbox.wasmaot(&["--help"]).success();
    let mut expected: Vec<String> = commands(&help)
        .map(|name| format!("wasmaot-{name}.1"))
        .collect();
    assert!(expected.len() > 5, "{help}");
    let index = std::fs::read_to_string(sandbox.path("new/pages/wasmaot.1")).unwrap();
    for page in &expected {
        let name = page.trim_end_matches(".1").replace('-', "\\-");
        assert!(index.contains(&format!("{name}(1)")), "no {name}: {index}");
    }
    for command in ["cache", "sysroot"] {
        let own = sandbox.wasmaot(&[command, "--help"]).success();
        expected.extend(commands(&own).map(|name| format!("wasmaot-{command}-{name}.1")));
    }
    expected.push("wasmaot.1".to_owned());
    expected.sort();
    let pages = std::fs::read_dir(sandbox.path("new/pages")).unwrap();
    let mut pages: Vec<_> = pages.map(|page| page.unwrap().path()).collect();
    pages.sort();
    let names = pages
        .iter()
        .map(|page| page.file_name().unwrap().to_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), expected);
    for page in pages {
        assert_eq!(faults(&page), "", "{}", page.display());
    }
}

#[test]
fn a_page_says_how_the_command_is_called() {
    let sandbox = Sandbox::new();
    sandbox.wasmaot(&["man", "."]).success();
    let page = std::fs::read_to_string(sandbox.path("wasmaot-run.1")).unwrap();
    for part in [
        ".SH SYNOPSIS",
        "PROGRAM",
        "\\-\\-stack\\-size",
        "[default: 8M]",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
}

/// Whoever reads a variable of ours has it in the help, and so in the manual.
#[test]
fn each_variable_that_is_read_is_documented() {
    // One that the command sets for itself.
    const OWN: &str = "WASMAOT_LINKING";
    let help = Sandbox::new().wasmaot(&["--help"]).success();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = 0;
    for folder in ["abi", "runtime", "src", "cli", "capi"] {
        let mut grep = Command::new("grep");
        grep.args(["-rhoE", "--include=*.rs", "--exclude-dir=tests"]);
        // It is for build scripts: what these read is said in CONTRIBUTING.md.
        grep.arg("--exclude-dir=static-link");
        let output = grep
            .arg("\"WASMAOT_[A-Z_]+\"")
            .arg(root.join(folder))
            .output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        for name in output.lines().map(|line| line.trim_matches('"')) {
            assert!(name == OWN || help.contains(name), "no {name} in {help}");
            found += 1;
        }
    }
    assert!(found > 10, "the search for variables is broken");
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    let sandbox = Sandbox::new();
    let help = sandbox.wasmaot(&["run", "--help"]).success();
    let program = |name: &str, body: &str| {
        let text = format!(
            r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                 (memory (export "memory") 1) (func (export "_start") {body}))"#
        );
        sandbox.write(name, text);
    };
    program("own.wat", "(call $exit (i32.const 7))");
    program("trap.wat", "unreachable");
    program("loop.wat", "(loop (br 0))");
    for (args, code, told) in [
        (&["own.wat"][..], 7, "0 to 255"),
        (&["nowhere.wat"], 1, "1         "),
        (&["--bind", "never", "own.wat"], 2, "2         "),
        (&["--timeout", "50ms", "loop.wat"], 124, "124       "),
        (&["trap.wat"], 134, "134       "),
    ] {
        assert!(help.contains(&format!("\n  {told}")), "no {told}: {help}");
        let ran = sandbox.wasmaot(&[&["run"], args].concat());
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:#?}");
    }
}
