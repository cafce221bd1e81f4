//! Threads of musl: programs of C and C++, `tests/musl/threads`, that print the same
//! here and on the host.

mod real;

use wasmaot_testkit::{
    Additions, ThreadsProgram as Program, ThreadsUnit as Unit, Wasmaot, run, scratch, sources,
};

fn wasmaot() -> Wasmaot {
    Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"))
}

/// Runs a program of one file here and on the host.
fn as_on_the_host(file: &str) {
    Program::of(file).as_on_the_host(&wasmaot(), &[]);
}

#[test]
fn threads_are_made_joined_and_detached() {
    as_on_the_host("create.c");
}

#[test]
fn mutexes_of_each_kind_exclude() {
    as_on_the_host("mutexes.c");
}

#[test]
fn conditions_are_signalled_broadcast_and_timed() {
    as_on_the_host("conditions.c");
}

#[test]
fn readers_share_and_writers_exclude() {
    as_on_the_host("rwlocks.c");
}

#[test]
fn barriers_hold_for_many_rounds() {
    as_on_the_host("barriers.c");
}

#[test]
fn threads_spin_and_count() {
    as_on_the_host("spin.c");
}

#[test]
fn keys_have_destructors() {
    as_on_the_host("keys.c");
}

#[test]
fn semaphores_count() {
    as_on_the_host("semaphores.c");
}

#[test]
fn threads_are_cancelled_at_points() {
    as_on_the_host("cancel.c");
}

/// No other code is ever left: that is said, and not ignored.
#[test]
fn no_thread_is_cancelled_at_any_point() {
    let directory = scratch("threads");
    let main = Program::of("asynchronous.c").build(&directory);
    run(Program::command(&wasmaot(), &directory).arg(main))
        .expect(0, "Function not implemented, deferred 1\n");
}

#[test]
fn many_threads_meet() {
    as_on_the_host("crowd.c");
}

/// What is one too many leaves nothing behind: as many can be made again.
#[test]
fn no_more_threads_are_made_than_are_allowed() {
    let directory = scratch("threads");
    let main = Program::of("crowd.c").build(&directory);
    let mut command = Program::command(&wasmaot(), &directory);
    let ended = run(command.args(["--max-threads", "10"]).arg(main).arg("many"));
    ended.expect(0, &"made 9, EAGAIN\n".repeat(3));
}

#[test]
fn streams_are_shared() {
    as_on_the_host("stdio.c");
}

#[test]
fn the_heap_is_shared() {
    as_on_the_host("heap.c");
}

#[test]
fn errno_is_a_threads_own() {
    as_on_the_host("errors.c");
}

#[test]
fn threads_of_c11() {
    as_on_the_host("c11.c");
}

#[test]
fn a_thread_ends_the_program() {
    as_on_the_host("exit.c");
}

#[test]
fn the_last_thread_ends_the_program() {
    as_on_the_host("last.c");
}

#[test]
fn files_are_read_and_written_meanwhile() {
    Program::of("aio.c").as_on_the_host(&wasmaot(), &["data"]);
}

/// Main, three libraries, and one that is opened while there are threads; however
/// their calls are bound, which threads may do at the same time.
#[test]
fn variables_are_a_threads_own() {
    let mut program = Program::of("tls/main.c");
    program.needed = vec![
        Unit::of("libthree.so", "tls/three.c", &[]),
        Unit::of("libtwo.so", "tls/two.c", &[]),
        Unit::of("libone.so", "tls/one.c", &[]),
    ];
    program.opened = vec![Unit::of("libplug.so", "tls/plug.c", &[])];
    let ways: &[&[&str]] = &[
        &[],
        &["--bind", "lazy"],
        &["--bind", "direct"],
        &["--bind", "lazy", "--lazy-load"],
    ];
    program.as_on_the_host_however(&wasmaot(), ways);
}

#[test]
fn threads_open_and_close_libraries() {
    let mut program = Program::of("opens/main.c");
    program.opened = vec![
        Unit::of("libx.so", "opens/plug.c", &["-DNAME=x"]),
        Unit::of("liby.so", "opens/plug.c", &["-DNAME=y"]),
        Unit::of("libz.so", "opens/plug.c", &["-DNAME=z"]),
    ];
    program.as_on_the_host(&wasmaot(), &[]);
}

#[test]
fn what_a_thread_has_closed_has_ended() {
    let mut program = Program::of("opens/closes.c");
    program.opened = vec![
        Unit::of("libslow.so", "opens/ends.c", &["-DTIME=100000"]),
        Unit::of("libquick.so", "opens/ends.c", &["-DTIME=0"]),
    ];
    program.as_on_the_host(&wasmaot(), &[]);
}

/// Thread-local objects with constructors and destructors, statics, exceptions.
#[test]
fn objects_are_a_threads_own() {
    let mut program = Program::of("cxx/main.cpp");
    program.needed = vec![Unit::of("liblibrary.so", "cxx/library.cpp", &[])];
    program.native = vec!["-lstdc++"];
    program.wasm = Additions {
        flags: vec!["-fwasm-exceptions", "-mllvm", "-wasm-use-legacy-eh=false"],
        everywhere: vec![sources().join("exceptions/landing.cpp")],
        runtime: Some(Unit::of("libruntime.so", "cxx/runtime.cpp", &[])),
    };
    program.as_on_the_host(&wasmaot(), &[]);
}
