//! What cannot be had, and what is to be done then.

use std::path::Path;

use wasmaot_testkit::tools;

use crate::common::Outcome;
use crate::{cc, command, sources};

#[test]
fn what_is_not_for_wasm_is_refused() {
    let sandbox = sources();
    for (line, parts) in [
        ("-m32 -c main.c", &["-m32", "wasm32", "leave it out"][..]),
        (
            "-march=native -c main.c",
            &["-march=native", "wasmaot build --cpu native"],
        ),
        ("-mavx2 -c main.c", &["-mavx2", "-msimd128"]),
        (
            "--target=x86_64-linux-gnu -c main.c",
            &["x86_64-linux-gnu", "wasm32-wasip1"],
        ),
        ("main.c ask.c -T script", &["-T", "linker scripts"]),
        ("main.c -lnowhere", &["-lnowhere", "-L"]),
        ("-o both -c main.c ask.c", &["-o both", "several sources"]),
        ("-o", &["-o", "needs a value"]),
        ("-O2", &["nothing to compile or link"]),
        (
            "-pthread main.c ask.c",
            &["no libraries for programs with threads", "sysroot install"],
        ),
    ] {
        cc(&sandbox, line).error(1, parts);
        assert!(!sandbox.path("a.out").exists(), "{line}");
    }
}

#[test]
fn errors_of_the_compiler_are_its_own() {
    let sandbox = sources();
    sandbox.write("wrong.c", "int f(void) { return x; }\n");
    for line in ["-c wrong.c", "wrong.c -o prog"] {
        let ended = cc(&sandbox, line);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        assert!(
            ended.stderr.starts_with("wrong.c:1:22: error:"),
            "{ended:#?}"
        );
    }
    let ended = cc(&sandbox, "main.c -o prog");
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("undefined symbol: ask"), "{ended:#?}");
    assert!(!sandbox.path("prog").exists());
}

#[test]
fn native_objects_are_named() {
    let sandbox = sources();
    let mut gcc = tools().gcc.command();
    gcc.arg("-c").arg(sandbox.path("ask.c")).arg("-o");
    assert!(gcc.arg(sandbox.path("ask.o")).status().unwrap().success());
    cc(&sandbox, "main.c ask.o").error(1, &["ask.o", "native code", "wasmaot cc -c"]);
}

#[test]
fn what_is_missing_is_said_with_what_installs_it() {
    let sandbox = sources();
    let refused = |name: &str, value: &Path, parts: &[&str]| {
        let mut command = command(&sandbox, &["cc", "-c", "main.c"]);
        let ended = command
            .env_remove("WASMAOT_CLANG")
            .env(name, value)
            .output();
        Outcome::from(ended.unwrap()).error(1, parts);
    };
    let nothing = sandbox.path("nothing");
    refused(
        "PATH",
        &nothing,
        &[
            "no clang in PATH",
            "apt-get install clang-22",
            "WASMAOT_CLANG",
        ],
    );
    refused(
        "WASMAOT_CLANG",
        &tools().gcc.path,
        &["WASMAOT_CLANG", "is no clang"],
    );
    refused(
        "WASMAOT_SYSROOT",
        &nothing,
        &["WASMAOT_SYSROOT", "no sysroot"],
    );
    let mut command = command(&sandbox, &["cc", "-c", "main.c"]);
    command
        .env_remove("WASMAOT_SYSROOT")
        .env("XDG_DATA_HOME", &nothing);
    let ended = Outcome::from(command.output().unwrap());
    ended.error(1, &["there is no sysroot", "wasmaot sysroot install"]);
}
