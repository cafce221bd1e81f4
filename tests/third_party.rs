//! Modules that others compiled and published, with other toolchains, linked
//! with a main of ours that knows nothing of them but names.

use std::path::PathBuf;

use wasmaot_testkit::{Code, Kind, Link, Wasmaot, npm_package, object, run, sources};

/// Compiled by Emscripten 4, section `dylink.0`.
const GRAMMARS: &str = "@vscode/tree-sitter-wasm@0.3.1";
/// Compiled by Emscripten 2 and 3, most with the older section `dylink`.
const OLDER_GRAMMARS: &str = "tree-sitter-wasms@0.1.13";

fn source(name: &str) -> PathBuf {
    sources().join("third").join(name)
}

/// A main that leaves to the loader what it does not define: wasm-ld knows
/// nothing of the libraries that it will be run with.
fn main_module(name: &str, flags: &[&str]) -> Link {
    let object = object(&source(name), Code::Pic, flags);
    Link::new(Kind::Pie, "main.wasm", vec![object], Vec::new())
        .flag("--unresolved-symbols=import-dynamic")
}

fn check(main: &Link, libraries: impl Iterator<Item = PathBuf>, expected: &str) {
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
    command.arg(main.make()).args(libraries);
    let expected = std::fs::read_to_string(source(expected)).unwrap();
    run(&mut command).expect(0, &expected);
}

#[test]
fn published_grammars_tell_about_themselves() {
    let package = npm_package(GRAMMARS).join("wasm");
    let main = main_module("grammars.c", &["-DGRAMMARS=X(css) X(javascript) X(python)"]);
    let libraries = ["css", "javascript", "python"];
    let libraries = libraries.map(|name| package.join(format!("tree-sitter-{name}.wasm")));
    check(&main, libraries.into_iter(), "grammars.expected");
}

#[test]
fn grammars_with_the_older_section_do_too() {
    let package = npm_package(OLDER_GRAMMARS).join("out");
    let main = main_module("grammars.c", &["-DGRAMMARS=X(json) X(javascript) X(lua)"]);
    let libraries = ["json", "javascript", "lua"];
    let libraries = libraries.map(|name| package.join(format!("tree-sitter-{name}.wasm")));
    check(&main, libraries.into_iter(), "older.expected");
}

/// Nothing here was compiled by us but main: the parser brings its own libc,
/// which asks main for memory, and the grammars take theirs from the parser.
#[test]
fn a_published_parser_parses() {
    let package = npm_package(GRAMMARS).join("wasm");
    let main = main_module("parse.c", &[]).freestanding();
    let libraries = [
        "tree-sitter",
        "tree-sitter-css",
        "tree-sitter-javascript",
        "tree-sitter-python",
    ];
    let libraries = libraries.map(|name| package.join(format!("{name}.wasm")));
    check(&main, libraries.into_iter(), "parse.expected");
}
