//! `wasmaot link`: what it warns of, and what it refuses to run.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use wasmaot_testkit::tools;

use crate::common::{Outcome, Sandbox};

/// Compiles C without a library; `flags` beside those.
fn compile(sandbox: &Sandbox, name: &str, source: &str, flags: &[&str]) {
    let path = sandbox.write(&format!("{name}.c"), source);
    let status = tools()
        .clang
        .command()
        .args([
            "--target=wasm32-wasip1",
            "-O1",
            "-fPIC",
            "-ffreestanding",
            "-c",
        ])
        .args(flags)
        .arg(path)
        .arg("-o")
        .arg(sandbox.path(&format!("{name}.o")))
        .status();
    assert!(status.unwrap().success());
}

fn link(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command(&["link"]);
    let linker = tools().wasm_ld.command();
    let output = command
        .args(arguments)
        .env("WASMAOT_WASM_LD", linker.get_program())
        .output();
    Outcome::from(output.unwrap())
}

#[test]
fn what_is_hidden_though_others_need_it_is_told() {
    const DEFAULT: &str = "-fvisibility=default";
    const SHARED: [&str; 3] = ["--shared", "-o", "lib.so"];
    let sandbox = Sandbox::new();
    let library = "int main_value(void);\nint ask(void) { return main_value(); }\n";
    let main =
        "int ask(void);\nint main_value(void) { return 7; }\nint _start(void) { return ask(); }\n";
    compile(&sandbox, "lib", library, &["-fvisibility=hidden"]);
    let linked = link(&sandbox, &[&SHARED[..], &["lib.o"]].concat());
    let warned = &linked.stderr;
    assert_eq!(linked.code, Some(0), "{linked:#?}");
    for part in [
        "warning: lib.so: exports nothing",
        "`ask` in lib.o",
        DEFAULT,
    ] {
        assert!(warned.contains(part), "{linked:#?}");
    }
    // What is exported by name, hidden or not, is enough.
    let linked = link(
        &sandbox,
        &[&SHARED[..], &["lib.o", "--export=ask"]].concat(),
    );
    assert_eq!((linked.code, &*linked.stderr), (Some(0), ""), "{linked:#?}");
    compile(&sandbox, "lib", library, &[DEFAULT]);
    let linked = link(&sandbox, &[&SHARED[..], &["lib.o"]].concat());
    assert_eq!((linked.code, &*linked.stderr), (Some(0), ""), "{linked:#?}");

    let pie = ["--pie", "-o", "main.wasm", "main.o", "lib.so"];
    compile(&sandbox, "main", main, &["-fvisibility=hidden"]);
    let linked = link(&sandbox, &pie);
    assert_eq!(linked.code, Some(0), "{linked:#?}");
    for part in ["main.o: `main_value` is hidden", "lib.so needs it", DEFAULT] {
        assert!(linked.stderr.contains(part), "{linked:#?}");
    }
    compile(&sandbox, "main", main, &[DEFAULT]);
    let linked = link(&sandbox, &pie);
    assert_eq!((linked.code, &*linked.stderr), (Some(0), ""), "{linked:#?}");
}

#[test]
fn a_linker_that_leads_back_is_refused() {
    let sandbox = Sandbox::new();
    compile(
        &sandbox,
        "lib",
        "int f(void) { return 1; }",
        &["-fvisibility=default"],
    );
    let script = |text: &str| {
        let path = sandbox.write("wasm-ld", text);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let run = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path);
        let path = std::env::join_paths([sandbox.path("")].into_iter().chain(directories));
        let mut command = sandbox.command(&["link", "--shared", "-o", "lib.so", "lib.o"]);
        command
            .env("PATH", path.unwrap())
            .env_remove("WASMAOT_WASM_LD");
        Outcome::from(command.output().unwrap())
    };
    let this = env!("CARGO_BIN_EXE_wasmaot");
    script(&format!("#!/bin/sh\nexec {this} link \"$@\"\n"));
    run().error(1, &["wasm-ld", "WASMAOT_WASM_LD"]);
    assert!(!sandbox.path("lib.so").exists());
    // One that names the real linker for it is fine.
    let linker = tools().wasm_ld.command();
    let linker = Path::new(linker.get_program()).display().to_string();
    script(&format!(
        "#!/bin/sh\nWASMAOT_WASM_LD={linker} exec {this} link \"$@\"\n"
    ));
    let linked = run();
    assert_eq!(linked.code, Some(0), "{linked:#?}");
}
