//! Programs that the system starts: executables, and objects with the loader as
//! their interpreter; and the loader by hand.

#![cfg(feature = "compiler")]

#[path = "../common/mod.rs"]
mod common;

mod executable;
mod interpreter;
mod loader;
mod strip;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use common::loader::loader;
use common::{Outcome, Sandbox};
use wasmaot_testkit::{Code, Kind, Link, library_directory, object, sources};

/// Modules of C in a sandbox: `main.wasm`, which needs `lib.so`, and both `libc.so`;
/// and `plugin.so`, which main opens if it is told to.
fn program() -> Sandbox {
    loader();
    let sandbox = Sandbox::new();
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../include");
    let unit = |name: &str| {
        let source = sources().join("executables").join(name);
        vec![object(&source, Code::Pic, &[include])]
    };
    let library = Link::new(Kind::Shared, "lib.so", unit("lib.c"), vec![]).make();
    let needed = vec![library.clone()];
    let plugin = Link::new(Kind::Shared, "plugin.so", unit("plugin.c"), needed.clone()).make();
    let main = Link::new(Kind::Pie, "main.wasm", unit("main.c"), needed)
        .flag("--unresolved-symbols=import-dynamic")
        .make();
    let libc = library_directory().join("libc.so");
    for module in [main, library, plugin, libc] {
        let name = module.file_name().unwrap().to_str().unwrap();
        fs::copy(&module, sandbox.path(name)).unwrap();
    }
    sandbox
}

/// The same with its libraries as objects, which are built once, and main of `options`.
fn with_objects(options: &[&str]) -> Sandbox {
    static LIBRARIES: OnceLock<Sandbox> = OnceLock::new();
    const NAMES: [&str; 3] = ["lib.so", "plugin.so", "libc.so"];
    let built = LIBRARIES.get_or_init(|| {
        let sandbox = program();
        for name in NAMES {
            sandbox.wasmaot(&["build", "-O0", name]).success();
        }
        sandbox
    });
    let sandbox = program();
    for name in NAMES {
        let object = format!("{name}.elf");
        fs::remove_file(sandbox.path(name)).unwrap();
        fs::copy(built.path(&object), sandbox.path(&object)).unwrap();
    }
    let line = [&["build"], options, &["main.wasm"]].concat();
    sandbox.wasmaot(&line).success();
    sandbox
}

/// The program's executable alone in a directory `root`: nothing else of it is left.
fn executable() -> Sandbox {
    static EXECUTABLE: OnceLock<Sandbox> = OnceLock::new();
    let built = EXECUTABLE.get_or_init(|| {
        let sandbox = program();
        let line = [
            "build",
            "--exe",
            "-O0",
            "-o",
            "prog",
            "-L",
            ".",
            "main.wasm",
            "plugin.so",
        ];
        sandbox.wasmaot(&line).success();
        sandbox
    });
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("root")).unwrap();
    copy(&built.path("prog"), &sandbox.path("root/prog"));
    sandbox
}

/// What [`program`] prints when it is called so, without a plug-in.
fn says(name: &str, greeting: &str) -> String {
    format!("{name}: {greeting}, 42\n")
}

/// Runs a command in a sandbox, as users do: without what tests look at.
fn run(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    run_with(sandbox, words, "")
}

/// The same with options in the environment.
fn run_with(sandbox: &Sandbox, words: &[&str], options: &str) -> Outcome {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(sandbox.path(""));
    for name in ["WASMAOT_DEBUG", "WASMAOT_LIBRARY_PATH", "WASMAOT_OPTIONS"] {
        command.env_remove(name);
    }
    command.env("WASMAOT_CACHE_DIR", sandbox.cache());
    if !options.is_empty() {
        command.env("WASMAOT_OPTIONS", options);
    }
    command.output().unwrap().into()
}

/// A command in a directory as its root.
fn in_root(directory: &Path) -> Command {
    let is_root = nix::unistd::geteuid().is_root();
    let mut command = match is_root {
        true => Command::new("chroot"),
        false => {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "chroot"]);
            command
        }
    };
    command.arg(directory).env_remove("WASMAOT_OPTIONS");
    command
}

/// Copies a file that is then started. A process of its own does it: what this one had
/// open for writing a child that another test starts would have open too, and the
/// system starts no such file.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "{} to {}", from.display(), to.display());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What a tool says of a file; it must have no warning.
fn tool(name: &str, args: &[&str], file: &Path) -> String {
    let output = Command::new(name).args(args).arg(file).output().unwrap();
    let outcome = Outcome::from(output);
    assert_eq!(outcome.stderr, "", "{name} {args:?} {}", file.display());
    outcome.success()
}
