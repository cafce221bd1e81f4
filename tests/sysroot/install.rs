//! `wasmaot sysroot`: most with a musl of which little is left, as what is tested
//! is the command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wasmaot_sysroot::Libc;
use wasmaot_testkit::{Key, Run, Scratch, Wasmaot, once, run, scratch, sources_of, sysroot, tools};

use super::source;

/// The archive of musl.
const ARCHIVE: &str = "musl_1.2.3.orig.tar.gz";

/// Directories of musl's source that are built, and files of one of them.
const KEPT: [&str; 4] = ["internal", "include", "setjmp", "string"];
const KEPT_STRINGS: [&str; 3] = ["memcpy.c", "memset.c", "strlen.c"];

/// The source of musl with less in it.
fn little_musl() -> PathBuf {
    let archive = sources_of(Libc::Musl).join(ARCHIVE);
    let directory = once(
        "little-musl",
        &Key::new("little musl 3").file(&archive),
        |directory| {
            let mut tar = tools().tar.command();
            run(tar.arg("xzf").arg(&archive).arg("-C").arg(directory)).expect_code(0);
            let src = directory.join("musl-1.2.3/src");
            let entries = |directory: &Path| {
                let entries = fs::read_dir(directory).expect("musl has it");
                entries.map(|entry| entry.expect("it can be read").path())
            };
            for path in entries(&src) {
                if !KEPT.iter().any(|kept| path.ends_with(kept)) {
                    fs::remove_dir_all(path).expect("it is ours");
                }
            }
            for path in entries(&src.join("string")).filter(|path| path.is_file()) {
                if !KEPT_STRINGS.iter().any(|kept| path.ends_with(kept)) {
                    fs::remove_file(path).expect("it is ours");
                }
            }
            // These are known, and looked for.
            for file in [
                "mq/mq_notify.c",
                "time/timer_create.c",
                "malloc/mallocng/malloc.c",
            ] {
                let file = src.join(file);
                fs::create_dir_all(file.parent().expect("it is in a directory"))
                    .expect("it is ours");
                fs::write(file, "").expect("it is ours");
            }
        },
    );
    directory.join("musl-1.2.3")
}

/// A user with a home.
struct User(Scratch);

impl User {
    fn new() -> Self {
        Self(scratch("sysroot-user"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("sysroot");
        command.env_remove("WASMAOT_SYSROOT");
        command.env("XDG_DATA_HOME", &*self.0);
        command.env("WASMAOT_CLANG", &tools().clang.path);
        command.env("WASMAOT_WASM_LD", &tools().wasm_ld.path);
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        run(&mut self.command(arguments))
    }

    fn install_from(&self, source: &Path) -> Command {
        let mut command = self.command(&["install", "--no-cxx", "--source"]);
        command.arg(source);
        command
    }

    fn place(&self) -> PathBuf {
        self.0.join("wasmaot/sysroot/musl")
    }

    /// Names in the directory of the user's sysroots, hidden ones too.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.0.join("wasmaot/sysroot")) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.expect("it can be read").file_name());
        names.map(|name| name.display().to_string()).collect()
    }
}

#[track_caller]
fn fails(run: &Run, with: &str) {
    run.expect_code(1);
    assert!(run.stderr.contains(with), "no `{with}` in {}", run.stderr);
}

#[test]
fn a_sysroot_is_made_listed_found_and_removed() {
    let user = User::new();
    fails(&user.run(&["path"]), "`wasmaot sysroot install musl`");
    user.run(&["list"]).expect(0, "");
    let place = user.place();
    let told = format!("Linux (musl 1.2.3, threads): {}\n", place.display());
    run(&mut user.install_from(&little_musl())).expect(0, &told);
    for file in [
        "sysroot.json",
        "include/bits/alltypes.h",
        "lib/libc.so",
        "lib/crt1.o",
        "lib/libm.a",
        "lib/threads/libc.so",
        "lib/threads/libclang_rt.builtins.a",
    ] {
        assert!(place.join(file).is_file(), "no {file}");
    }
    user.run(&["list"]).expect(0, &told);
    let path = format!("{}\n", place.display());
    user.run(&["path", "musl"]).expect(0, &path);
    fails(
        &user.run(&["path", "wasi"]),
        "`wasmaot sysroot install wasi`",
    );

    // A second one takes the place of the first.
    fs::write(place.join("mine"), "").unwrap();
    run(&mut user.install_from(&little_musl())).expect(0, &told);
    assert!(!place.join("mine").exists());
    assert_eq!(user.names(), ["musl"]);

    // It can be moved, and named.
    let moved = user.0.join("moved");
    fs::rename(&place, &moved).unwrap();
    let mut path = user.command(&["path"]);
    run(path.env("WASMAOT_SYSROOT", &moved)).expect(0, &format!("{}\n", moved.display()));
    fails(&user.run(&["remove", "musl"]), "there is no sysroot in");
    fs::rename(&moved, &place).unwrap();
    user.run(&["remove", "musl"]).expect(0, "");
    assert!(user.names().is_empty());
}

/// An SDK that is installed serves as well as one that is fetched. The start of a
/// program and jumps are not the SDK's: they reach across libraries.
#[test]
fn a_sysroot_for_wasi_is_made_of_an_sdk() {
    let user = User::new();
    let mut install = user.command(&["install", "wasi", "--no-cxx", "--source"]);
    run(install.arg(sysroot())).expect_code(0);
    let cc = |arguments: &[&str]| {
        let mut cc = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("cc");
        cc.env("XDG_DATA_HOME", &*user.0)
            .env_remove("WASMAOT_SYSROOT");
        cc.env("WASMAOT_CLANG", &tools().clang.path);
        cc.env("WASMAOT_WASM_LD", &tools().wasm_ld.path);
        cc.args(["--target=wasm32-wasip1", "-I"]).arg(source(""));
        run(cc.args(arguments).current_dir(&*user.0)).expect_code(0);
    };
    let file = |name| source(name).display().to_string();
    cc(&["-shared", "-fPIC", "-o", "libleap.so", &file("leap.c")]);
    cc(&["-o", "program", &file("lands.c"), "-L.", "-lleap"]);
    let mut program = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).command("run");
    let program = program.args(["-O0", "-L", ".", "program"]);
    run(program.current_dir(&*user.0)).expect(3, "leaps\nlanded by 3\n");
}

/// A compiler that says that it has begun, and goes on when it may.
const WAITING_CLANG: &str = "#!/bin/sh
case $1 in --version | -print-resource-dir) exec \"$CLANG\" \"$@\" ;; esac
: >\"$MARKS/begun\"
while [ ! -e \"$MARKS/goes-on\" ]; do sleep 0.05; done
";

#[test]
fn an_installation_that_is_interrupted_leaves_nothing() {
    let user = User::new();
    let clang = script(&user, "clang", WAITING_CLANG);
    let mut command = user.install_from(&little_musl());
    command.env("WASMAOT_CLANG", clang).env("MARKS", &*user.0);
    command.env("CLANG", &tools().clang.path);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    while !user.0.join("begun").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        sleep(Duration::from_millis(10));
    }
    let id = Pid::from_raw(child.id().try_into().unwrap());
    kill(id, Signal::SIGTERM).unwrap();
    fs::write(user.0.join("goes-on"), "").unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("interrupted; nothing is installed"), "{said}");
    assert!(user.names().is_empty(), "{:?}", user.names());
}

#[test]
fn a_compiler_that_fails_leaves_nothing() {
    let user = User::new();
    let source = user.0.join("source");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(little_musl())
        .arg(&source)
        .status();
    assert!(copied.unwrap().success());
    fs::write(
        source.join("src/string/broken.c"),
        "int broken(void) { return x; }\n",
    )
    .unwrap();
    let run = run(&mut user.install_from(&source));
    fails(&run, "error: use of undeclared identifier 'x'");
    assert!(user.names().is_empty(), "{:?}", user.names());
}

#[test]
fn a_compiler_that_is_missing_or_old_is_told_with_what_to_do() {
    let user = User::new();
    let empty = user.0.join("bin");
    fs::create_dir(&empty).unwrap();
    let mut command = user.install_from(&little_musl());
    let command = command.env_remove("WASMAOT_CLANG").env("PATH", &empty);
    let advice = "apt-get install clang-22 lld-22 libclang-rt-22-dev-wasm32";
    fails(
        &run(command),
        &format!("no clang in PATH; install it (Debian: {advice})"),
    );

    script(
        &user,
        "bin/clang",
        "#!/bin/sh\necho 'Debian clang version 14.0.6'\n",
    );
    let run = run(command);
    fails(
        &run,
        "Debian clang version 14.0.6: before 19 it makes no position-independent code",
    );
    fails(&run, advice);
    assert!(user.names().is_empty());
}

#[test]
fn a_damaged_archive_is_refused() {
    let user = User::new();
    let mut bytes = fs::read(sources_of(Libc::Musl).join(ARCHIVE)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let damaged = user.0.join(ARCHIVE);
    fs::write(&damaged, bytes).unwrap();
    // As the file itself, and in a directory of archives.
    for source in [&damaged, &*user.0] {
        let run = run(&mut user.install_from(source));
        fails(&run, "is damaged or another file: its BLAKE3 is");
        assert!(user.names().is_empty());
    }
}

#[test]
fn what_is_no_source_of_musl_is_refused() {
    let user = User::new();
    let source = user.0.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("VERSION"), "0.9.1\n").unwrap();
    let run = run(&mut user.install_from(&source));
    fails(&run, "is musl 0.9.1; the versions that work are 1.2.3");
    let mut there = user.install_from(&little_musl());
    let there = there.arg("--to").arg(&source);
    fails(
        &wasmaot_testkit::run(there),
        "is not empty and no sysroot; name another directory",
    );
}

/// Makes a program of the user's.
fn script(user: &User, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = user.0.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}
