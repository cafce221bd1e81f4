//! `wasmaot cc`: what hands and build systems give to compiler drivers. The
//! sysroot is a tiny one of its own (`libc.c`, `crt1.c`); those that are installed
//! are tried in `tests/projects`.

mod answers;
#[path = "../common/mod.rs"]
mod common;
mod refused;
mod steps;

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{Outcome, Sandbox};
use wasmaot_testkit::{Key, once, tools};

/// Main, with a function of a library.
const MAIN: &str =
    "#include <stdio.h>\nint ask(void);\nint main(void) { puts(\"hello\"); return ask(); }\n";
const ASK: &str = "int ask(void) { return 7; }\n";

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/cc")
        .join(name)
}

/// The sysroot.
fn sysroot() -> &'static Path {
    static SYSROOT: OnceLock<PathBuf> = OnceLock::new();
    SYSROOT.get_or_init(|| {
        let key = Key::new("tiny sysroot")
            .text(tools().clang.version())
            .text(include_str!("main.rs"))
            .file(&source("libc.c"))
            .file(&source("crt1.c"));
        once("tiny-sysroot", &key, make)
    })
}

fn make(root: &Path) {
    let record = r#"{"format": 1, "host": "linux", "libc": "tiny", "version": "1",
        "triple": "wasm32-unknown-unknown", "compiler": "any", "flags": [], "cxx_flags": [],
        "cxx": null, "threads": false}"#;
    let (include, lib) = (root.join("include"), root.join("lib"));
    for directory in [&include, &lib] {
        std::fs::create_dir_all(directory).unwrap();
    }
    std::fs::write(root.join("sysroot.json"), record).unwrap();
    let header = "int puts(const char *);\n";
    std::fs::write(include.join("stdio.h"), header).unwrap();
    let header = "int pthread_create(void *, void *, void *(*)(void *), void *);\n";
    std::fs::write(include.join("pthread.h"), header).unwrap();
    let compile = |arguments: &[&str], file: &str, out: &str| {
        let mut clang = tools().clang.command();
        clang.args([
            "--target=wasm32-unknown-unknown",
            "-O1",
            "-fPIC",
            "-ffreestanding",
            "-fno-builtin",
            "-c",
        ]);
        clang.args(["-fvisibility=default", "-mexception-handling"]);
        let status = clang.args(arguments).arg(file).arg("-o").arg(lib.join(out));
        assert!(status.status().unwrap().success());
    };
    let c = |name: &str| source(name).display().to_string();
    compile(&[], &c("libc.c"), "libc.o");
    compile(&["-w"], &c("crt1.c"), "crt1.o");
    for (tag, file) in [
        ("__cpp_exception", "cpp_exception"),
        ("__c_longjmp", "c_longjmp"),
    ] {
        let text = format!(".tagtype {tag} i32\n.globl {tag}\n{tag}:\n");
        let path = root.join("tag.s");
        std::fs::write(&path, text).unwrap();
        compile(&[], &path.display().to_string(), &format!("{file}.o"));
    }
    let mut link = tools().wasm_ld.command();
    link.args(["-shared", "--experimental-pic", "-Bdynamic", "-o"]);
    let linked = link.arg(lib.join("libc.so")).arg(lib.join("libc.o"));
    assert!(linked.status().unwrap().success());
    for name in ["libm.a", "libclang_rt.builtins.a"] {
        let mut ar = tools().ar.command();
        assert!(
            ar.arg("rcs")
                .arg(lib.join(name))
                .status()
                .unwrap()
                .success()
        );
    }
}

/// The same sysroot in a sandbox, of which something else is said.
fn sysroot_with(sandbox: &Sandbox, said: &str, instead: &str) -> PathBuf {
    let root = sandbox.path("sysroot");
    std::fs::create_dir(&root).unwrap();
    for part in ["include", "lib"] {
        std::os::unix::fs::symlink(sysroot().join(part), root.join(part)).unwrap();
    }
    let record = std::fs::read_to_string(sysroot().join("sysroot.json")).unwrap();
    assert!(record.contains(said));
    std::fs::write(root.join("sysroot.json"), record.replace(said, instead)).unwrap();
    root
}

/// A command in a sandbox, with the sysroot.
fn command(sandbox: &Sandbox, words: &[&str]) -> Command {
    let mut command = sandbox.command(words);
    command
        .env("WASMAOT_SYSROOT", sysroot())
        .env("WASMAOT_CLANG", &tools().clang.path)
        .env_remove("WASMAOT_WASM_LD");
    command
}

/// `wasmaot cc` with words that are separated by blanks.
fn cc(sandbox: &Sandbox, line: &str) -> Outcome {
    let words: Vec<&str> = ["cc"].into_iter().chain(line.split(' ')).collect();
    command(sandbox, &words).output().unwrap().into()
}

/// The same, which has to succeed and say nothing.
#[track_caller]
fn quietly(sandbox: &Sandbox, line: &str) {
    let outcome = cc(sandbox, line);
    assert_eq!(outcome.code, Some(0), "{line}: {outcome:#?}");
    assert!(outcome.stderr.is_empty(), "{line}: {outcome:#?}");
}

/// Starts a program by its name.
fn start(sandbox: &Sandbox, program: &str) -> Outcome {
    let mut command = Command::new(OsStr::new(program));
    command.current_dir(sandbox.path(""));
    command.env("WASMAOT_CACHE_DIR", sandbox.cache());
    command.output().unwrap().into()
}

/// A sandbox with sources.
fn sources() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("main.c", MAIN);
    sandbox.write("ask.c", ASK);
    sandbox
}

#[track_caller]
fn says_hello(sandbox: &Sandbox, program: &str) {
    let outcome = start(sandbox, program);
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (Some(7), "hello\n"),
        "{outcome:#?}"
    );
}

fn is_executable(path: &Path) -> bool {
    path.metadata().unwrap().permissions().mode() & 0o111 == 0o111
}

#[test]
fn a_program_is_started_by_its_name() {
    let sandbox = sources();
    quietly(&sandbox, "main.c ask.c");
    assert!(is_executable(&sandbox.path("a.out")));
    says_hello(&sandbox, "./a.out");
    // What is called `.wasm` is a module.
    quietly(&sandbox, "main.c ask.c -o prog.wasm");
    let module = std::fs::read(sandbox.path("prog.wasm")).unwrap();
    assert!(module.starts_with(b"\0asm"));
    let file = std::fs::read(sandbox.path("a.out")).unwrap();
    let line = format!("#!{} --dir=.\n", env!("CARGO_BIN_EXE_wasmaot"));
    assert!(file.starts_with(line.as_bytes()));
    assert!(file[line.len()..] == module, "the rest is the same module");
    assert_eq!(sandbox.wasmaot(&["prog.wasm"]).code, Some(7));
}

#[test]
fn a_library_is_found_as_the_command_line_says() {
    let sandbox = sources();
    std::fs::create_dir(sandbox.path("at")).unwrap();
    quietly(
        &sandbox,
        "-shared -fPIC ask.c -Wl,-soname,libask.so.1 -o at/libask.so",
    );
    let library = sandbox.path("at/libask.so");
    assert!(std::fs::read(&library).unwrap().starts_with(b"\0asm"));
    std::fs::copy(&library, sandbox.path("at/libask.so.1")).unwrap();
    let at = sandbox.path("at").display().to_string();
    for line in [
        format!("main.c -Lat -lask -Wl,-rpath,{at}"),
        format!("main.c at/libask.so -Xlinker -rpath={at}"),
        "main.c -L at -l ask -Wl,-rpath -Wl,$ORIGIN/at -lm".to_owned(),
        "main.c at/libask.so -Wl,--rpath-inputs".to_owned(),
    ] {
        quietly(&sandbox, &line);
        says_hello(&sandbox, "./a.out");
    }
    quietly(&sandbox, "main.c -Lat -lask -o without");
    let ended = start(&sandbox, "./without");
    ended.error(1, &["libask.so.1", "WASMAOT_LIBRARY_PATH"]);
}

#[test]
fn the_names_of_the_command_are_commands() {
    let sandbox = sources();
    for name in ["wasmaot-cc", "wasmaot-ar"] {
        let link = sandbox.path(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wasmaot"), link).unwrap();
    }
    let run = |name: &str, line: &str| {
        let mut command = Command::new(sandbox.path(name));
        command.args(line.split(' ')).current_dir(sandbox.path(""));
        command.env("WASMAOT_SYSROOT", sysroot());
        command.env("WASMAOT_CLANG", &tools().clang.path);
        Outcome::from(command.output().unwrap()).success();
    };
    run("wasmaot-cc", "-c ask.c");
    run("wasmaot-ar", "rcs libask.a ask.o");
    run("wasmaot-cc", "main.c -L. -lask -o prog");
    says_hello(&sandbox, "./prog");
}
