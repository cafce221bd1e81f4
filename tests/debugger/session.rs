//! Sessions of gdb: what it says to each command.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use wasmaot_testkit::{Code, Kind, Link, Wasmaot, library_directory, object, run, tools};

use super::loader::loader;

/// Commands that every session begins with.
const SETTINGS: &[&str] = &[
    "set breakpoint pending on",
    "set confirm off",
    "set width 0",
    "set style enabled off",
    "set debuginfod enabled off",
    "set startup-with-shell off",
];

/// Marks where what a command says begins.
const MARK: &str = "@@@";

/// What gdb said to each command.
pub fn session(program: &Command, commands: &[&str]) -> Vec<String> {
    let mut gdb = tools().gdb.command();
    gdb.args(["-nx", "-batch"]);
    for command in SETTINGS {
        gdb.args(["-ex", command]);
    }
    for command in commands {
        gdb.args(["-ex", &format!("echo \\n{MARK}\\n"), "-ex", command]);
    }
    gdb.arg("--args")
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => gdb.env(name, value),
            None => gdb.env_remove(name),
        };
    }
    if let Some(directory) = program.get_current_dir() {
        gdb.current_dir(directory);
    }
    let ran = run(&mut gdb);
    let answers: Vec<String> = ran.stdout.split(MARK).skip(1).map(str::to_owned).collect();
    assert_eq!(answers.len(), commands.len(), "gdb ended early: {ran:#?}");
    answers
        .into_iter()
        .map(|answer| answer.trim().to_owned())
        .collect()
}

/// A C program of this folder as a wasm module; `level` of clang.
pub fn module(name: &str, level: &str) -> PathBuf {
    let unit = object(&source(name), Code::Fixed, &flags(name, level));
    Link::new(Kind::NoPie, &format!("{name}.wasm"), vec![unit], vec![]).make()
}

fn flags<'f>(name: &str, level: &'f str) -> Vec<&'f str> {
    let mut flags = vec!["-g", level];
    if name.ends_with(".cc") {
        // Without a library for C++.
        flags.extend(["-fno-exceptions", "-fno-rtti"]);
    }
    flags
}

/// The same for the host, by the same compiler: others put lines elsewhere.
pub fn native(directory: &TempDir, name: &str, level: &str) -> PathBuf {
    let out = directory.path().join(name.replace('.', "_"));
    let mut clang = tools().clang.command();
    clang
        .args(flags(name, level))
        .arg("-o")
        .arg(&out)
        .arg(source(name));
    run(&mut clang).expect_code(0);
    out
}

pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/debugger")
        .join(name)
}

/// A directory with the command as it is given to others, with the two symbols that
/// debuggers look for (of its own sources they would read much), and with a cache
/// that all tests share. It is made anew by each process: another compiler's objects
/// are not what is tested.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debugger");
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("cache")).unwrap();
        stripped(Path::new(env!("CARGO_BIN_EXE_wasmaot")), &path);
        path
    })
}

/// Copies a program as it is given to others.
fn stripped(program: &Path, into: &Path) {
    let mut objcopy = Command::new("objcopy");
    objcopy.args(["--strip-all", "-K", "__jit_debug_descriptor"]);
    objcopy.args(["-K", "__jit_debug_register_code"]);
    let copy = into.join(program.file_name().unwrap());
    run(objcopy.arg(program).arg(copy)).expect_code(0);
}

/// Programs that the system starts, of a module: an executable, and an object with the
/// loader as its interpreter.
pub fn started_by_the_system(module: &Path, to: &Path) -> [Command; 2] {
    static LOADER: OnceLock<()> = OnceLock::new();
    LOADER.get_or_init(|| stripped(loader(), directory()));
    let libraries = library_directory();
    let build = |options: &[&str], of: &Path, out: &str| {
        let mut command = command("build");
        command.arg("-O0").args(options);
        run(command.arg(of).arg("-o").arg(to.join(out))).expect_code(0);
        Command::new(to.join(out))
    };
    build(&[], &libraries.join("libc.so"), "libc.so.elf");
    [
        build(
            &["--exe", "-L", &libraries.display().to_string()],
            module,
            "executable",
        ),
        build(&["--interp"], module, "program.elf"),
    ]
}

/// Another command of `wasmaot`.
pub fn command(name: &str) -> Command {
    let program = directory().join("wasmaot");
    let mut command = Wasmaot::new(&program.display().to_string()).command(name);
    command.env("WASMAOT_CACHE_DIR", directory().join("cache"));
    command
}

/// `wasmaot run`, with options; `level` of ours.
fn runs(level: &str) -> Command {
    let program = directory().join("wasmaot");
    let mut command = Wasmaot::new(&program.display().to_string()).run_command();
    command.env("WASMAOT_CACHE_DIR", directory().join("cache"));
    command.arg(level);
    command
}

/// `wasmaot run` of a module; `level` of ours.
pub fn wasmaot(module: &Path, level: &str) -> Command {
    let mut command = runs(level);
    command.arg(module);
    command
}

/// The same, up to where the module is to stand, with a core dump if it traps.
pub fn dumping(level: &str, dump: &Path) -> Command {
    let mut command = runs(level);
    command.arg("--coredump").arg(dump);
    command
}
