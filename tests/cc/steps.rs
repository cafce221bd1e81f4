//! How far the driver goes, and what it writes on the way.

use std::io::Write as _;
use std::process::Stdio;

use wasmaot_testkit::tools;

use crate::common::loader::loader;
use crate::common::{Outcome, Sandbox};
use crate::{ASK, cc, command, quietly, says_hello, sources, sysroot, sysroot_with};

fn read(sandbox: &Sandbox, name: &str) -> Vec<u8> {
    let path = sandbox.path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(read(sandbox, name)).unwrap()
}

#[test]
fn each_stage_writes_what_others_write() {
    let sandbox = sources();
    quietly(&sandbox, "-c main.c ask.c");
    assert!(read(&sandbox, "main.o").starts_with(b"\0asm"));
    assert!(read(&sandbox, "ask.o").starts_with(b"\0asm"));
    quietly(&sandbox, "-c ask.c -o other.obj");
    assert!(read(&sandbox, "other.obj") == read(&sandbox, "ask.o"));
    quietly(&sandbox, "-S -O1 ask.c");
    assert!(text(&sandbox, "ask.s").contains("i32.const\t7"));
    let shown = cc(&sandbox, "-E -P -DX=ask main.c").success();
    assert!(shown.contains("int puts(const char *);"), "{shown}");
    let shown = cc(&sandbox, "-MM main.c").success();
    assert_eq!(shown.trim(), "main.o: main.c");
    quietly(&sandbox, "-fsyntax-only main.c");
    // What assembly there is becomes objects too.
    quietly(
        &sandbox,
        "main.c ask.s other.obj -o prog -Wl,--allow-multiple-definition",
    );
    says_hello(&sandbox, "./prog");
}

#[test]
fn dependencies_are_written_where_it_is_said() {
    let sandbox = sources();
    quietly(&sandbox, "-MD -MT target -MF deps -c main.c");
    let written = text(&sandbox, "deps");
    assert!(written.starts_with("target: main.c"), "{written}");
}

/// What is compiled and linked in one step has the dependencies; its objects are
/// gone.
#[test]
fn dependencies_are_those_of_what_is_linked() {
    let sandbox = sources();
    sandbox.write("ask.h", ASK);
    sandbox.write(
        "one.c",
        "#include \"ask.h\"\nint main(void) { return ask(); }\n",
    );
    for (line, file, written) in [
        ("-MMD one.c -o prog", "prog.d", "prog: one.c ask.h\n"),
        ("-MMD one.c", "one.d", "one.o: one.c ask.h\n"),
        ("-MMD -MF deps one.c -o prog", "deps", "prog: one.c ask.h\n"),
        ("-MF deps -MMD -MT it one.c", "deps", "it: one.c ask.h\n"),
    ] {
        quietly(&sandbox, line);
        assert_eq!(text(&sandbox, file), written, "{line}");
        let mut gcc = tools().gcc.command();
        gcc.args(line.split(' ')).current_dir(sandbox.path(""));
        assert!(gcc.status().unwrap().success());
        assert_eq!(text(&sandbox, file), written, "{line}: gcc");
        std::fs::remove_file(sandbox.path(file)).unwrap();
    }
    quietly(&sandbox, "-MMD main.c ask.c -o prog");
    assert_eq!(text(&sandbox, "prog-main.d"), "prog: main.c\n");
    assert_eq!(text(&sandbox, "prog-ask.d"), "prog: ask.c\n");
}

#[test]
fn arguments_come_from_files_and_sources_from_standard_input() {
    let sandbox = sources();
    sandbox.write("more", "ask.c '-o' \"the program\"");
    sandbox.write("all", "main.c @more -O1");
    quietly(&sandbox, "@all");
    says_hello(&sandbox, "./the program");
    let mut command = command(
        &sandbox,
        &["cc", "-x", "c", "-", "-x", "none", "main.c", "-o", "prog"],
    );
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(ASK.as_bytes())
        .unwrap();
    Outcome::from(child.wait_with_output().unwrap()).success();
    says_hello(&sandbox, "./prog");
}

#[test]
fn archives_have_the_index_that_the_linker_wants() {
    let sandbox = sources();
    quietly(&sandbox, "-c ask.c");
    let tool = |words: &[&str]| {
        let mut command = command(&sandbox, words);
        Outcome::from(command.output().unwrap()).success()
    };
    tool(&["ar", "cr", "libask.a", "ask.o"]);
    tool(&["ranlib", "libask.a"]);
    assert!(tool(&["nm", "libask.a"]).contains("T ask"));
    // Groups and what is about ELF are passed over.
    quietly(
        &sandbox,
        "main.c -Wl,--start-group -L. -lask -lm -Wl,--end-group -Wl,-z,relro,-z,now,--as-needed \
         -rdynamic -pipe -static-libgcc -fuse-ld=lld -lgcc -s",
    );
    says_hello(&sandbox, "./a.out");
}

#[test]
fn the_tools_take_programs_as_they_are() {
    let sandbox = sources();
    quietly(&sandbox, "-g main.c ask.c -o prog");
    let tool = |words: &[&str]| {
        let mut command = command(&sandbox, words);
        Outcome::from(command.output().unwrap()).success()
    };
    assert!(tool(&["nm", "prog"]).contains(" T ask"));
    assert!(tool(&["objdump", "-h", "prog"]).contains(".debug_info"));
    let before = read(&sandbox, "prog").len();
    tool(&["strip", "prog"]);
    assert!(read(&sandbox, "prog").len() < before / 2);
    says_hello(&sandbox, "./prog");
}

#[test]
fn a_static_program_is_one_file() {
    loader();
    let sandbox = sources();
    quietly(&sandbox, "-shared ask.c -o libask.so");
    quietly(&sandbox, "-static main.c -L. -lask -o prog");
    let away = Sandbox::new();
    std::fs::copy(sandbox.path("prog"), away.path("moved")).unwrap();
    drop(sandbox);
    says_hello(&away, "./moved");
}

#[test]
fn what_is_run_is_told() {
    let sandbox = sources();
    let told = cc(&sandbox, "-v main.c ask.c -o prog");
    assert_eq!(told.code, Some(0), "{told:#?}");
    let lines: Vec<&str> = told.stderr.lines().collect();
    assert!(lines[0].contains("clang version"), "{told:#?}");
    let of = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    let clang = tools().clang.path.display().to_string();
    assert_eq!(
        (of(&clang), of("wasmaot link -pie -o prog")),
        (2, 1),
        "{told:#?}"
    );
    // Told and not run.
    let told = cc(&sandbox, "-### main.c ask.c -o other");
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert!(
        told.stderr.contains("wasmaot link -pie -o other"),
        "{told:#?}"
    );
    assert!(!sandbox.path("other").exists());
}

#[test]
fn fixed_addresses_and_one_object_of_several_can_be_had() {
    let sandbox = sources();
    quietly(&sandbox, "-r main.c ask.c -o both.o");
    quietly(&sandbox, "both.o -o prog");
    says_hello(&sandbox, "./prog");
    quietly(&sandbox, "-no-pie main.c ask.c -o fixed");
    says_hello(&sandbox, "./fixed");
    let shown = sandbox.wasmaot(&["inspect", "fixed"]).success();
    assert!(!shown.contains("__memory_base"), "{shown}");
}

#[test]
fn what_others_are_not_to_see_is_told() {
    let sandbox = sources();
    let warned = cc(&sandbox, "-shared -fvisibility=hidden ask.c -o libask.so");
    assert_eq!(warned.code, Some(0), "{warned:#?}");
    assert!(warned.stderr.contains("exports nothing"), "{warned:#?}");
    let threads = "#include <pthread.h>\nint main(void) { return pthread_create(0, 0, 0, 0); }\n";
    sandbox.write("threads.c", threads);
    let threads = sysroot_with(&sandbox, "\"threads\": false", "\"threads\": true");
    for (sysroot, advice) in [
        (sysroot(), "`wasmaot sysroot install musl`"),
        (&threads, "CC=\"wasmaot cc -pthread\""),
    ] {
        let mut command = command(&sandbox, &["cc", "threads.c", "-o", "threads"]);
        let warned = command.env("WASMAOT_SYSROOT", sysroot).output();
        let warned = Outcome::from(warned.unwrap());
        assert_eq!(warned.code, Some(0), "{warned:#?}");
        for part in ["pthread_create", advice] {
            assert!(warned.stderr.contains(part), "{warned:#?}");
        }
    }
}
