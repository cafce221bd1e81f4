//! Modules behind a line `#!`, which the system reads.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::common::{Outcome, Sandbox};
use crate::{LIB, MAIN};

/// Ends with a code.
const ENDS: &str = r#"
    (module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func (export "_start") (call $exit (i32.const 7))))"#;

fn behind(line: &str, module: &[u8]) -> Vec<u8> {
    [line.as_bytes(), b"\n", module].concat()
}

/// Writes a file that can be started, and starts it.
fn start(sandbox: &Sandbox, file: &[u8]) -> Option<i32> {
    let path = sandbox.write("prog", file);
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let command = Path::new(env!("CARGO_BIN_EXE_wasmaot"));
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&directories).collect::<Vec<_>>();
    let own = [command.parent().unwrap().to_owned()];
    let path = std::env::join_paths(own.iter().chain(&directories)).unwrap();
    let mut command = Command::new("./prog");
    command.current_dir(sandbox.path("")).env("PATH", path);
    command.env("WASMAOT_CACHE_DIR", sandbox.cache());
    command.status().unwrap().code()
}

#[test]
fn the_system_starts_a_module_by_its_first_line() {
    let sandbox = Sandbox::new();
    let command = env!("CARGO_BIN_EXE_wasmaot");
    let binary = wat::parse_str(ENDS).unwrap();
    for line in [
        format!("#!{command}"),
        format!("#!{command} --dir=."),
        "#!/usr/bin/env wasmaot".to_owned(),
    ] {
        for module in [&binary[..], ENDS.as_bytes()] {
            assert_eq!(start(&sandbox, &behind(&line, module)), Some(7), "{line}");
        }
    }
}

#[test]
fn every_command_takes_a_module_behind_a_line() {
    let sandbox = Sandbox::new();
    let (main, lib) = (wat::parse_str(MAIN).unwrap(), wat::parse_str(LIB).unwrap());
    let line = "#!/usr/bin/env wasmaot";
    // The library is needed by this name.
    sandbox.write("lib.wat", behind(line, &lib));
    sandbox.write("main", behind(line, &main));
    let sum = ["run", "--invoke", "sum 5", "main"];
    assert_eq!(sandbox.wasmaot(&sum).success(), "47\n");
    let listed = sandbox.wasmaot(&["ldd", "main"]).success();
    assert!(listed.contains("lib.wat => ./lib.wat"), "{listed}");
    let plain = sandbox.write("plain.wasm", &main);
    let shown = |file: &Path| {
        let inspected = sandbox.wasmaot(&["inspect", file.to_str().unwrap()]);
        inspected.success().split_once('\n').unwrap().1.to_owned()
    };
    assert_eq!(shown(&sandbox.path("main")), shown(&plain));
    // What is built of the library stands in for it: the line is not part of it.
    sandbox.wasmaot(&["build", "main", "lib.wat"]).success();
    assert_eq!(sandbox.wasmaot(&["run", "main.elf"]).success(), "");
    assert_eq!(sandbox.wasmaot(&sum).success(), "47\n");
}

#[test]
fn a_line_without_a_module_is_refused() {
    let sandbox = Sandbox::new();
    let line = format!("#!{}", "x".repeat(5000));
    let long = sandbox.write("long", behind(&line, ENDS.as_bytes()));
    let script = sandbox.write("script", "#!/bin/sh\necho\n");
    let object = sandbox.build("ends.wat", ENDS);
    let native = sandbox.write("native", behind("#!/usr/bin/env wasmaot", &object));
    for file in [long, script, native] {
        let file = file.to_str().unwrap();
        for command in ["run", "build", "inspect"] {
            let outcome: Outcome = sandbox.wasmaot(&[command, file]);
            outcome.error(1, &[file, "begins with `#!`", "4096 bytes"]);
        }
    }
}
