//! `wasmaot link` and mains compiled without `-fPIC` that take the address of
//! a library's function. How they behave is compared with the host in
//! `tests/link`; here is what the linker's options do to them.

use std::path::{Path, PathBuf};

use wasmaot_testkit::{
    Code, Kind, Link, Run, Scratch, Wasmaot, libc, library_directory, object, run, scratch,
    sources, start_file,
};

fn wasmaot() -> Wasmaot {
    Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"))
}

fn compiled(name: &str, code: Code, flags: &[&str]) -> PathBuf {
    object(&sources().join("forward").join(name), code, flags)
}

/// A directory with the library in it.
fn place() -> Scratch {
    let at = scratch("forward");
    let object = compiled("lib.c", Code::Pic, &[]);
    let library = Link::new(Kind::Shared, "libnext.so", vec![object], Vec::new());
    std::fs::copy(library.make(), at.join("libnext.so")).unwrap();
    at
}

fn link(at: &Path, compile: &[&str], flags: &[&str]) -> Run {
    let mut command = wasmaot().command("link");
    command.args(flags).arg("-o").arg(at.join("main.wasm"));
    command.arg(start_file(Code::Fixed));
    command.arg(compiled("main.c", Code::Fixed, compile));
    run(command.arg(at.join("libnext.so")).arg(libc()))
}

#[test]
fn a_pointer_is_the_librarys_function_whatever_is_stripped() {
    for (compile, flags) in [
        (&[][..], &[][..]),
        (&["-O0"], &[]),
        (&["-ffunction-sections"], &["--gc-sections"]),
        (&[], &["--strip-all"]),
        (&[], &["--no-gc-sections"]),
        (&[], &["--allow-undefined"]),
    ] {
        let at = place();
        let linked = link(&at, compile, flags);
        linked.expect(0, "");
        assert_eq!(linked.stderr, "");
        for bind in ["now", "lazy", "direct"] {
            let mut command = wasmaot().command("run");
            command
                .args(["--bind", bind])
                .arg("-L")
                .arg(library_directory());
            let ran = run(command.arg(at.join("main.wasm")));
            ran.expect(0, "1 0\n2 3 4\n");
        }
    }
}

#[test]
fn the_module_lists_what_it_forwards_to() {
    let at = place();
    link(&at, &[], &[]).expect(0, "");
    let shown = run(wasmaot().command("inspect").arg(at.join("main.wasm")));
    shown.expect_code(0);
    let (_, listed) = shown.stdout.split_once("forwards:").unwrap();
    assert!(listed.lines().any(|l| l.trim() == "next"), "{listed}");
    let (_, exports) = shown.stdout.split_once("exports:").unwrap();
    let exports = exports.split("segments:").next().unwrap();
    let exported = |name: &str| exports.lines().any(|l| l.trim().starts_with(name));
    assert!(exported("same") && !exported("next"), "{exports}");
}

#[test]
fn main_may_not_export_what_forwards() {
    for option in ["--export=next", "--export-all"] {
        let linked = link(&place(), &[], &[option]);
        linked.expect_code(1);
        let said = "exports `next`, which a library defines";
        assert!(linked.stderr.contains(said), "{linked:#?}");
    }
}
