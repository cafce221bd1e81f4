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

/// Lines of `inspect` that begin with a word.
fn inspected(sandbox: &Sandbox, file: &str, word: &str) -> Vec<String> {
    let listing = sandbox.wasmaot(&["inspect", file]).success();
    let lines = listing.lines().map(str::trim);
    let lines = lines.filter_map(|line| line.strip_prefix(word));
    lines.map(|line| line.trim().to_owned()).collect()
}

const DEFAULT: &str = "-fvisibility=default";

#[test]
fn a_library_is_needed_by_its_soname_and_looked_for_where_it_is_said() {
    let sandbox = Sandbox::new();
    compile(&sandbox, "lib", "int ask(void) { return 7; }", &[DEFAULT]);
    let main = "int ask(void);\nint _start(void) { return ask() == 7 ? 0 : 1; }\n";
    compile(&sandbox, "main", main, &[DEFAULT]);
    std::fs::create_dir(sandbox.path("at")).unwrap();
    // Stripped of its names too.
    for strip in [&[][..], &["-s"]] {
        let line = [
            "-shared",
            "-soname",
            "libask.so.1",
            "-o",
            "libask.so",
            "lib.o",
        ];
        link(&sandbox, &[&line[..], strip].concat()).success();
        let at = sandbox.path("at");
        let line = format!(
            "-pie main.o -L. -lask -rpath {} -R/b:/c -o main.wasm",
            at.display()
        );
        let words: Vec<&str> = line.split(' ').collect();
        link(&sandbox, &[&words[..], strip].concat()).success();
        assert_eq!(inspected(&sandbox, "main.wasm", "needed"), ["libask.so.1"]);
        let places = [at.to_str().unwrap(), "/b", "/c"];
        assert_eq!(inspected(&sandbox, "main.wasm", "runpath"), places);
        std::fs::copy(sandbox.path("libask.so"), at.join("libask.so.1")).unwrap();
        let ended = sandbox.wasmaot(&["main.wasm"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
    }
}

#[test]
fn what_a_version_script_calls_local_is_hidden() {
    let sandbox = Sandbox::new();
    let library = "int inner = 3;\nint deep(void) { return inner; }\n\
                   int (*way)(void) = deep;\nint ask(void) { return way() + 4; }\n";
    compile(&sandbox, "lib", library, &[DEFAULT]);
    sandbox.write("lib.map", "V1 { global: a*; local: *; };");
    let line = [
        "-shared",
        "-o",
        "lib.so",
        "lib.o",
        "--version-script=lib.map",
    ];
    link(&sandbox, &line).success();
    let listing = sandbox.wasmaot(&["inspect", "lib.so"]).success();
    let exports = listing.split_once("exports:").unwrap().1;
    assert!(exports.contains("ask"), "{listing}");
    for name in ["inner", "deep", "way"] {
        assert!(!listing.contains(name), "{name}: {listing}");
    }
    let main = "int ask(void);\nint inner = 50;\nint deep(void) { return 60; }\n\
                int _start(void) { return ask() == 7 ? 0 : __builtin_trap(), 1; }\n";
    compile(&sandbox, "main", main, &[DEFAULT, "-w"]);
    link(&sandbox, &["-pie", "-o", "main.wasm", "main.o", "lib.so"]).success();
    let ended = sandbox.wasmaot(&["main.wasm"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    // A script that cannot be read is named.
    sandbox.write("lib.map", "V1 { global: a*;");
    let refused = link(&sandbox, &line);
    refused.error(
        1,
        &["lib.map: not a version script", "ends within a version"],
    );
}

#[test]
fn symbols_of_archives_are_hidden_where_that_is_asked_for() {
    let sandbox = Sandbox::new();
    compile(
        &sandbox,
        "member",
        "int member(void) { return 1; }",
        &[DEFAULT],
    );
    let source = "int member(void);\nint ask(void) { return member(); }\n";
    compile(&sandbox, "lib", source, &[DEFAULT]);
    let archive = sandbox.path("libmember.a");
    let mut ar = tools().ar.command();
    ar.arg("rcs").arg(&archive).arg(sandbox.path("member.o"));
    assert!(ar.status().unwrap().success());
    let line = ["-shared", "-o", "lib.so", "lib.o", "-L.", "-lmember"];
    let exports = |more: &[&str]| {
        link(&sandbox, &[&line[..], more].concat()).success();
        let listing = sandbox.wasmaot(&["inspect", "lib.so"]).success();
        listing.split_once("exports:").unwrap().1.contains("member")
    };
    assert!(exports(&[]));
    assert!(!exports(&["--exclude-libs=ALL"]));
    assert!(!exports(&["-Wl,--exclude-libs,libmember.a"]));
    assert!(exports(&["--exclude-libs", "libother.a"]));
}

#[test]
fn native_libraries_are_passed_over() {
    let sandbox = Sandbox::new();
    for directory in ["native", "own"] {
        std::fs::create_dir(sandbox.path(directory)).unwrap();
    }
    let source = sandbox.write("ask.c", "int ask(void) { return 7; }");
    let mut gcc = tools().gcc.command();
    gcc.args(["-shared", "-o"])
        .arg(sandbox.path("native/libask.so"));
    assert!(gcc.arg(&source).status().unwrap().success());
    let mut gcc = tools().gcc.command();
    gcc.arg("-c").arg(&source).arg("-o");
    assert!(
        gcc.arg(sandbox.path("native.o"))
            .status()
            .unwrap()
            .success()
    );
    compile(&sandbox, "lib", "int ask(void) { return 7; }", &[DEFAULT]);
    link(&sandbox, &["-shared", "-o", "own/libask.so", "lib.o"]).success();
    let main = "int ask(void);\nint _start(void) { return ask(); }\n";
    compile(&sandbox, "main", main, &[DEFAULT]);
    let line = ["-pie", "-o", "main.wasm", "main.o", "-lask", "-Lnative"];
    let skipping = "skipping incompatible native/libask.so when searching for -lask";
    let found = link(&sandbox, &[&line[..], &["-Lown"]].concat());
    assert_eq!(found.code, Some(0), "{found:#?}");
    assert_eq!(found.stderr, format!("warning: {skipping}\n"));
    link(&sandbox, &line).error(1, &[skipping, "-lask: no such library"]);
    link(&sandbox, &["-pie", "native.o"]).error(1, &["native.o: is an ELF file", "wasmaot cc"]);
}

/// As configure scripts call what they look for.
#[test]
fn a_function_that_is_called_by_another_type_is_told() {
    let sandbox = Sandbox::new();
    compile(
        &sandbox,
        "lib",
        "int ask(int a, double b) { return a + b; }",
        &[DEFAULT],
    );
    link(&sandbox, &["-shared", "-o", "lib.so", "lib.o"]).success();
    let main = "char ask();\nint _start(void) { return ask(); }\n";
    compile(&sandbox, "main", main, &[DEFAULT, "-w"]);
    let linked = link(&sandbox, &["-pie", "-o", "main.wasm", "main.o", "lib.so"]);
    assert_eq!(linked.code, Some(0), "{linked:#?}");
    for part in [
        "calls `ask` as () -> i32",
        "lib.so defines it as (i32, f64) -> i32",
    ] {
        assert!(linked.stderr.contains(part), "{linked:#?}");
    }
}

#[test]
fn nothing_is_undefined_in_a_library_where_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let source = "int other(void);\nint ask(void) { return other(); }\n";
    compile(&sandbox, "lib", source, &[DEFAULT]);
    let line = ["-shared", "-o", "lib.so", "lib.o"];
    link(&sandbox, &line).success();
    for strict in ["-zdefs", "--no-undefined", "-Wl,-z,defs"] {
        let refused = link(&sandbox, &[&line[..], &[strict]].concat());
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(
            refused.stderr.contains("undefined symbol: other"),
            "{refused:#?}"
        );
    }
}

#[test]
fn what_is_compiled_for_one_thread_is_not_linked_for_several() {
    let sandbox = Sandbox::new();
    let plain = "int twice(int a) { return 2 * a; }";
    let atomic = "int count;\nint add(void) { return __atomic_add_fetch(&count, 1, 5); }";
    compile(&sandbox, "plain", plain, &[DEFAULT]);
    compile(&sandbox, "single", atomic, &[DEFAULT]);
    compile(&sandbox, "several", atomic, &[DEFAULT, "-matomics"]);
    let shared = |object: &str| {
        let line = "-shared -o lib.so --shared-memory --max-memory=1048576 --no-check-features";
        link(
            &sandbox,
            &line
                .split(' ')
                .chain(["plain.o", object])
                .collect::<Vec<_>>(),
        )
    };
    shared("several.o").success();
    shared("single.o").error(1, &["single.o", "atomic operations", "-pthread"]);
}

#[test]
fn several_objects_become_one() {
    let sandbox = Sandbox::new();
    compile(&sandbox, "one", "int one(void) { return 3; }", &[DEFAULT]);
    let two = "int one(void);\nint two(void) { return one() + 4; }";
    compile(&sandbox, "two", two, &[DEFAULT]);
    link(&sandbox, &["-r", "-o", "both.o", "one.o", "two.o"]).success();
    link(&sandbox, &["-shared", "-o", "lib.so", "both.o"]).success();
    let call = ["run", "--invoke", "two", "lib.so"];
    assert_eq!(sandbox.wasmaot(&call).success(), "7\n");
}

/// What scripts ask a linker: libtool looks for these words.
#[test]
fn the_linker_says_what_it_is() {
    let sandbox = Sandbox::new();
    for asked in ["-v", "-V", "--version"] {
        let said = link(&sandbox, &[asked]).success();
        assert!(
            said.contains("LLD") && said.contains("compatible with GNU linkers"),
            "{said}"
        );
    }
    let help = sandbox.wasmaot(&["ld", "--help"]).success();
    assert!(help.contains("wasmaot link: supported targets: wasm32 (libtool looks for elf)"));
}
