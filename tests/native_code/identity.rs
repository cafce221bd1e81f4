//! What a library is, and where its paths lead.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::common::{Outcome, Sandbox};
use super::{counter, opener, place, run};

/// Builds `NAME.elf` of a library.
fn build(sandbox: &Sandbox, name: &str, from: u32) {
    sandbox.write(name, counter(from));
    sandbox.wasmaot(&["build", name]).success();
}

#[test]
fn one_file_is_one_library_and_two_are_two() {
    let (sandbox, elsewhere, _) = place();
    for directory in ["g/one", "g/two"] {
        fs::create_dir(sandbox.path(directory)).unwrap();
        sandbox.write(&format!("{directory}/plug.so"), counter(1));
    }
    symlink("plug.so", sandbox.path("g/one/plug.so.1")).unwrap();
    fs::hard_link(sandbox.path("g/one/plug.so"), sandbox.path("g/hard.so")).unwrap();
    let line = [
        "--dir",
        "g",
        "main.wat",
        "--",
        "g/one/plug.so",
        "-ucount",
        "g/two/plug.so",
        "-ucount",
        "g/one/plug.so.1",
        "-ucount",
        "./g//hard.so",
        "-ucount",
    ];
    let want = "opened\n1\nopened\n1\nopened\n2\nopened\n3\n";
    assert_eq!(run(&sandbox, &elsewhere, &line).success(), want);
    // Without a cache.
    let mut command = sandbox.command(&["run"]);
    command
        .args(line)
        .env("WASMAOT_CACHE_DIR", "/dev/null/cache");
    assert_eq!(Outcome::from(command.output().unwrap()).success(), want);
}

#[test]
fn a_built_object_is_its_module() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", opener(""));
    build(&sandbox, "lib.so", 1);
    symlink("lib.so", sandbox.path("other.so")).unwrap();
    let opened = |want: &str| {
        let line = [
            "run", "main.wat", "--", "lib.so", "-ucount", "other.so", "-ucount",
        ];
        assert_eq!(sandbox.wasmaot(&line).success(), want);
    };
    opened("opened\n1\nopened\n2\n");
    let used = |want: &str| {
        let mut command = sandbox.command(&["run", "main.wat", "--", "lib.so"]);
        command.env("WASMAOT_DEBUG", "libs");
        let said = Outcome::from(command.output().unwrap()).stderr;
        assert!(
            said.contains(&format!("found lib.so as ./{want}\n")),
            "{said}"
        );
    };
    used("lib.so.elf");
    // Neither does a younger module make it stale, nor does an older one not.
    let module = || {
        fs::File::options()
            .write(true)
            .open(sandbox.path("lib.so"))
            .unwrap()
    };
    let later = SystemTime::now() + Duration::from_secs(1000);
    module().set_modified(later).unwrap();
    used("lib.so.elf");
    sandbox.write("lib.so", counter(5));
    module().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    used("lib.so");
    opened("opened\n5\nopened\n6\n");
}

#[test]
fn paths_are_the_programs() {
    let (sandbox, elsewhere, _) = place();
    fs::create_dir(sandbox.path("g/sub")).unwrap();
    sandbox.write("g/x.so", counter(1));
    sandbox.write("g/sub/x.so", counter(2));
    sandbox.write("g/y.so", counter(3));
    let line = [
        "--dir",
        "g::/",
        "main.wat",
        "--",
        "-csub",
        "./x.so",
        "-ucount",
        "../y.so",
        "-ucount",
        "../sub/../x.so",
        "-ucount",
        "./y.so",
        "-c..",
        "./y.so",
        "-ucount",
    ];
    let said = run(&sandbox, &elsewhere, &line).success();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..6], ["opened", "2", "opened", "3", "opened", "1"]);
    assert!(lines[6].contains("not found"), "{said}");
    assert_eq!(lines[7..], ["opened", "4"]);
}

#[test]
fn origin_is_where_the_file_is() {
    let sandbox = Sandbox::new();
    for directory in ["bin", "lib", "bin/lib"] {
        fs::create_dir(sandbox.path(directory)).unwrap();
    }
    sandbox.write("main.wat", opener("$ORIGIN/lib"));
    sandbox.write("lib/x.so", counter(1));
    sandbox.write("bin/lib/x.so", counter(2));
    symlink("../main.wat", sandbox.path("bin/app")).unwrap();
    let words = [
        "x.so",
        "-ucount",
        "$ORIGIN/lib/x.so",
        "${ORIGIN}/bin/lib/x.so",
        "-ucount",
    ];
    for main in ["main.wat", "bin/app"] {
        let mut line = vec!["run", main, "--"];
        line.extend(words);
        let said = sandbox.wasmaot(&line).success();
        assert_eq!(said, "opened\n1\nopened\nopened\n2\n", "{main}");
    }
}

#[test]
fn directories_are_searched_in_the_order_of_ld_so() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", opener("$ORIGIN/runpath"));
    let order = ["given", "environment", "runpath", ""];
    for (number, directory) in (1..).zip(order) {
        let directory = sandbox.path(directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("x.so"), counter(number)).unwrap();
    }
    for (number, directory) in (1..).zip(order) {
        let mut command =
            sandbox.command(&["run", "-L", "given", "main.wat", "--", "x.so", "-ucount"]);
        command.env("WASMAOT_LIBRARY_PATH", "environment");
        let said = Outcome::from(command.output().unwrap()).success();
        assert_eq!(said, format!("opened\n{number}\n"));
        fs::remove_file(sandbox.path(directory).join("x.so")).unwrap();
    }
}

#[test]
fn ldd_and_run_find_the_same() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("sub")).unwrap();
    let module = |name: &str, needed: &[&str], start: &str| {
        let needed: Vec<_> = needed.iter().map(|n| format!("{n:?}")).collect();
        let text = format!(
            r#"(module (@dylink.0 (mem-info) (needed {})) (import "env" "memory" (memory 1)) {start})"#,
            needed.join(" ")
        );
        sandbox.write(name, text.replace("(needed )", ""));
    };
    let start = r#"(func (export "_start"))"#;
    module("main.wat", &["sub/libbar.so", "libother.so"], start);
    module("sub/libbar.so", &[], "");
    module("libother.so", &["libbar.so"], "");
    sandbox.wasmaot(&["run", "main.wat"]).success();
    let listed = sandbox.wasmaot(&["ldd", "main.wat"]).success();
    assert_eq!(
        listed,
        "\tsub/libbar.so => sub/libbar.so\n\tlibother.so => ./libother.so\n\tlibbar.so => sub/libbar.so\n"
    );
    module("libother.so", &["libbar.so", "libgone.so", "libtoo.so"], "");
    let listed = sandbox.wasmaot(&["ldd", "main.wat"]);
    assert_eq!(listed.code, Some(1));
    for gone in ["libgone.so", "libtoo.so"] {
        let line = format!("\t{gone} => not found (needed by libother.so)\n");
        assert!(listed.stdout.contains(&line), "{listed:?}");
    }
}

#[test]
fn a_program_is_no_library() {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", opener(""));
    sandbox.write("other.wat", opener(""));
    let said = sandbox
        .wasmaot(&["run", "main.wat", "--", "other.wat", "./main.wat"])
        .success();
    let lines: Vec<&str> = said.lines().collect();
    // The program that runs is one, too, as for glibc.
    assert!(
        lines.len() == 2 && lines.iter().all(|line| line.contains("it is a program")),
        "{said}"
    );
}
