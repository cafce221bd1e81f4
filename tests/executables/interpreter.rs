//! Objects that the system starts with the loader as their interpreter.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::*;

/// The program with the loader as its interpreter, and its libraries as objects.
fn built() -> Sandbox {
    with_objects(&["--interp"])
}

#[test]
fn the_system_starts_an_object_that_names_the_loader() {
    let sandbox = built();
    let object = sandbox.path("main.wasm.elf");
    assert_eq!(mode(&object), 0o755);
    assert_eq!(mode(&sandbox.path("lib.so.elf")), 0o644);
    let headers = tool("readelf", &["-lW"], &object);
    let named = format!("[Requesting program interpreter: {}]", loader().display());
    assert!(headers.contains(&named), "{headers}");
    let outcome = run(&sandbox, &["./main.wasm.elf", "plugin.so"]);
    let said = says("./main.wasm.elf", "nothing") + "plugin.so: 200\n";
    assert_eq!((outcome.code, outcome.stdout), (Some(1), said));
    // It is an object as any other.
    let listed = sandbox.wasmaot(&["ldd", "main.wasm.elf"]).success();
    assert!(listed.contains("lib.so => ./lib.so.elf"), "{listed}");
    sandbox
        .wasmaot(&["inspect", "--verify", "main.wasm.elf"])
        .success();
    assert_eq!(
        sandbox.wasmaot(&["run", "main.wasm.elf"]).success(),
        says("main.wasm.elf", "nothing")
    );
}

#[test]
fn an_interpreter_adds_no_complaint_of_a_checker() {
    let sandbox = built();
    sandbox
        .wasmaot(&["build", "-o", "plain.elf", "main.wasm"])
        .success();
    let complaints = |name: &str| {
        let output = Command::new("eu-elflint")
            .arg("--gnu-ld")
            .arg(sandbox.path(name))
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let kinds = text.lines().map(|line| {
            let words = line
                .split_whitespace()
                .filter(|w| !w.contains(char::is_numeric));
            words.collect::<Vec<_>>().join(" ")
        });
        kinds.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(complaints("main.wasm.elf"), complaints("plain.elf"));
}

#[test]
fn libraries_lie_beside_the_file_that_the_kernel_has_started() {
    let sandbox = built();
    fs::create_dir(sandbox.path("bin")).unwrap();
    symlink("../main.wasm.elf", sandbox.path("bin/prog")).unwrap();
    let expected = says("bin/prog", "nothing");
    assert_eq!(run(&sandbox, &["bin/prog"]).success(), expected);
    // By a descriptor, of a file that has no name any more, and while another has it.
    let script = "cp main.wasm.elf gone; exec 3<gone; rm gone; echo other >gone; \
                  exec /proc/self/fd/3";
    let outcome = run(&sandbox, &["sh", "-c", script]);
    assert_eq!(outcome.success(), says("/proc/self/fd/3", "nothing"));
    // By the line of a script.
    let line = format!("#!{}\n", sandbox.path("main.wasm.elf").display());
    sandbox.write("script", line);
    fs::set_permissions(sandbox.path("script"), fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = run(&sandbox, &["./script"]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    assert!(outcome.stdout.contains(": nothing, 42"), "{outcome:#?}");
}

#[test]
fn it_takes_no_procfs() {
    let sandbox = built();
    sandbox
        .wasmaot(&["build", "--interp=/loader", "main.wasm"])
        .success();
    copy(loader(), &sandbox.path("loader"));
    let output = in_root(&sandbox.path("")).arg("/main.wasm.elf").output();
    let outcome = Outcome::from(output.unwrap());
    assert_eq!(outcome.success(), says("/main.wasm.elf", "nothing"));
}

#[test]
fn options_are_those_of_the_environment() {
    let sandbox = built();
    let with = |options: &str| run_with(&sandbox, &["./main.wasm.elf"], options);
    fs::create_dir(sandbox.path("files")).unwrap();
    sandbox.write("files/file", "hello\n");
    assert_eq!(
        with("--env GREETING='good day' --argv0 me --dir files::/data").success(),
        says("me", "good day") + "file: hello\n"
    );
    with("--max-memory 1").error(1, &["main.wasm.elf", "a larger --max-memory allows it"]);
    with("--nothing").error(2, &["WASMAOT_OPTIONS", "`--nothing`"]);
    with("--listen nonsense").error(1, &["--listen nonsense", "ADDRESS:PORT"]);
}

#[test]
fn a_module_that_it_needs_is_left_to_the_command() {
    let sandbox = program();
    sandbox
        .wasmaot(&["build", "--interp", "main.wasm"])
        .success();
    // The command is beside the loader.
    let words = ["./main.wasm.elf", "--", "plugin.so"];
    let outcome = run_with(&sandbox, &words, "--env GREETING=hi --env X");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let said = says(words[0], "hi");
    assert_eq!(
        (outcome.code, lines[0], lines[2]),
        (Some(2), said.trim_end(), "plugin.so: 400")
    );
    assert!(
        lines[1].starts_with("--: ") && lines[1].contains("not found"),
        "{outcome:#?}"
    );
}

#[test]
fn without_a_command_near_a_module_is_one_error() {
    let sandbox = program();
    let alone = sandbox.path("alone");
    fs::create_dir(&alone).unwrap();
    copy(loader(), &alone.join("ld"));
    let interp = format!("--interp={}", alone.join("ld").display());
    sandbox.wasmaot(&["build", &interp, "main.wasm"]).success();
    let outcome = run(&sandbox, &["./main.wasm.elf"]);
    outcome.error(
        1,
        &[
            "lib.so",
            "is a module",
            "no command wasmaot near",
            "alone/ld",
        ],
    );
}

#[test]
fn thread_local_storage_of_a_program_is_not_the_loaders() {
    loader();
    let sandbox = Sandbox::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1 1 shared)
        (global $a (mut i32) (i32.const 7))
        (global $b (mut i64) (i64.const 8))
        (func (export "_start")
          (global.set $a (i32.add (global.get $a) (i32.wrap_i64 (global.get $b))))
          (call $exit (global.get $a))))"#;
    sandbox.write("threads.wat", text);
    sandbox
        .wasmaot(&["build", "--interp", "threads.wat"])
        .success();
    let headers = tool("readelf", &["-lW"], &sandbox.path("threads.wat.elf"));
    assert!(headers.contains("TLS"), "{headers}");
    assert_eq!(run(&sandbox, &["./threads.wat.elf"]).code, Some(15));
}

#[test]
fn rights_of_the_file_are_refused() {
    let sandbox = built();
    assert!(
        nix::unistd::geteuid().is_root(),
        "only root can make a file that gives another's rights; start this test as root"
    );
    copy(&executable().path("root/prog"), &sandbox.path("prog"));
    for name in ["main.wasm.elf", "prog"] {
        let path = sandbox.path(name);
        // Whoever is nobody finds it where everybody may look.
        let own = std::env::temp_dir().join(format!("wasmaot-{}-{name}", std::process::id()));
        copy(&path, &own);
        fs::set_permissions(&own, fs::Permissions::from_mode(0o4755)).unwrap();
        let ran = Command::new(&own).uid(65534).gid(65534).output();
        fs::remove_file(&own).unwrap();
        Outcome::from(ran.unwrap()).error(1, &[name, "set-uid"]);
    }
}

#[test]
fn an_object_without_a_loader_says_what_it_is() {
    let sandbox = Sandbox::new();
    let library = r#"(module (func (export "f")))"#;
    let program = r#"(module (memory 1) (func (export "_start")))"#;
    for (name, text) in [("lib.wat", library), ("main.wat", program)] {
        sandbox.build(name, text);
        let object = sandbox.path(&format!("{name}.elf"));
        fs::set_permissions(&object, fs::Permissions::from_mode(0o755)).unwrap();
        let outcome = run(&sandbox, &[object.to_str().unwrap()]);
        outcome.error(
            126,
            &["was built by wasmaot", "`wasmaot run FILE`", "--interp"],
        );
    }
}

#[test]
fn an_interpreter_is_for_programs_and_a_path() {
    loader();
    let sandbox = Sandbox::new();
    sandbox.write("lib.wat", r#"(module (func (export "f")))"#);
    sandbox.write("main.wat", r#"(module (func (export "_start")))"#);
    let build = |interp: &str, name: &str| sandbox.wasmaot(&["build", interp, name]);
    build("--interp", "lib.wat").error(1, &["--interp", "_start"]);
    build("--interp=ld", "main.wat").error(2, &["--interp=ld", "absolute path"]);
    let mut command = sandbox.command(&["build", "--interp", "main.wat"]);
    let output = command.env("WASMAOT_LD", "nowhere").output().unwrap();
    Outcome::from(output).error(1, &["WASMAOT_LD", "nowhere"]);
    let mut command = sandbox.command(&["build", "--dir", ".", "main.wat"]);
    Outcome::from(command.output().unwrap()).error(2, &["--exe"]);
}
