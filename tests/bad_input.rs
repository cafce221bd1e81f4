//! Bad input: one line that names the file and what to do, exit code 1 (2 for
//! usage), nothing half-written, never a panic.

mod common;

use common::Sandbox;
use wasmaot_abi::object::{STRIPPED, STRIPPED_SEGMENT};

const HELLO: &str = r#"
    (module
      (memory (export "memory") 1)
      (table 2 funcref)
      (elem (i32.const 0) func $a $b)
      (global $g (mut i32) (i32.const 5))
      (data (i32.const 16) "hello")
      (func $a (result i32) (global.get $g))
      (func $b (export "b") (result i32) (call_indirect (result i32) (i32.const 0)))
      (func (export "_start") (drop (call $b))))"#;

#[test]
fn not_a_module() {
    let sandbox = Sandbox::new();
    for (name, content) in [
        ("empty.wasm", b"".as_slice()),
        ("text.wasm", b"hello"),
        ("truncated.wasm", b"\0asm\x01\0\0"),
        ("bad.wasm", b"\0asm\x01\0\0\0\x01\xff\xff"),
        ("bad.wat", b"(module (func (i32.add)))"),
        ("unclosed.wat", b"(module (func "),
        ("component.wasm", b"\0asm\x0d\0\x01\0"),
        ("other.elf", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"),
    ] {
        sandbox.write(name, content);
        sandbox
            .wasmaot(&["build", name, "-o", "out"])
            .error(1, &[name]);
        assert!(!sandbox.path("out").exists(), "{name}");
        sandbox.wasmaot(&["run", name]).error(1, &[name]);
        sandbox.wasmaot(&["inspect", name]).error(1, &[name]);
        sandbox.wasmaot(&["ldd", name]).error(1, &[name]);
    }
    sandbox
        .wasmaot(&["run", "missing.wasm"])
        .error(1, &["missing.wasm"]);
}

#[test]
fn wrong_usage() {
    let sandbox = Sandbox::new();
    for args in [
        &["build"][..],
        &["frobnicate"],
        &["run", "--unresolved=maybe", "x"],
        &["build", "-O7", "x"],
        &["build", "-j0", "x"],
        &["run", "--max-memory", "lots", "x"],
        &["run", "--max-threads", "0", "x"],
        &["run", "--max-threads", "4294967296", "x"],
    ] {
        let outcome = sandbox.wasmaot(args);
        assert_eq!(outcome.code, Some(2), "{args:?} {outcome:#?}");
    }
    sandbox.write("a.wat", "(module)");
    sandbox.write("b.wat", "(module)");
    sandbox
        .wasmaot(&["build", "a.wat", "b.wat", "-o", "x"])
        .error(2, &["-o"]);
    sandbox
        .wasmaot(&["build", "--target", "pdp11", "a.wat"])
        .error(2, &["pdp11"]);
    for target in [
        "aarch64_be-unknown-linux-gnu",
        "aarch64-unknown-linux-gnu_ilp32",
        "aarch64-apple-darwin",
        "x86_64-pc-windows-msvc",
        "x86_64-apple-darwin",
        "x86_64-unknown-freebsd",
        "x86_64-unknown-none",
        "x86_64-unknown-linux-gnux32",
        "i686-unknown-linux-gnu",
    ] {
        sandbox
            .wasmaot(&["build", "--target", target, "a.wat"])
            .error(1, &[target, "not supported", "x86_64-unknown-linux-gnu"]);
        assert!(!sandbox.path("a.wat.elf").exists(), "{target}");
    }
    let args = ["build", "--target", "x86_64-unknown-linux-musl", "a.wat"];
    assert_eq!(sandbox.wasmaot(&args).code, Some(0));
    sandbox
        .wasmaot(&["build", "a.wat", "-o", "a.wat"])
        .error(1, &["a.wat", "input"]);
    sandbox
        .wasmaot(&["build", "a.wat", "-o", "no/such/dir"])
        .error(1, &["no/such/dir"]);
}

#[test]
fn malformed_linking_sections() {
    let sandbox = Sandbox::new();
    // Subsection 1 promises four numbers; the others lie about their sizes.
    for bytes in [
        "\\01\\01\\00",
        "\\01\\04\\00\\63\\00\\00",
        "\\02\\05\\01\\7fx",
        "\\03\\ff\\ff\\ff\\ff\\0f",
    ] {
        sandbox.write(
            "lib.wat",
            format!(r#"(module (@custom "dylink.0" (before first) "{bytes}") (import "env" "memory" (memory 1)))"#),
        );
        sandbox
            .wasmaot(&["build", "lib.wat", "-o", "out"])
            .error(1, &["lib.wat", "dylink.0", "rebuild"]);
        assert!(!sandbox.path("out").exists());
    }
}

#[test]
fn truncated_objects() {
    let sandbox = Sandbox::new();
    let whole = sandbox.build("hello.wat", HELLO);
    sandbox.wasmaot(&["run", "hello.wat.elf"]).success();
    let loaded = loaded_size(&whole);
    for len in (16..loaded).step_by(97).chain([loaded - 1, loaded]) {
        sandbox.write("cut.elf", &whole[..len]);
        sandbox
            .wasmaot(&["run", "cut.elf"])
            .error(1, &["cut.elf", "wasmaot build"]);
    }
    sandbox.write("cut.elf", &whole[..whole.len() - 1]);
    sandbox
        .wasmaot(&["run", "--verify", "cut.elf"])
        .error(1, &["cut.elf", "wasmaot build"]);
}

#[test]
fn flipped_bits() {
    let sandbox = Sandbox::new();
    let whole = sandbox.build("hello.wat", HELLO);
    let loaded = loaded_size(&whole);
    // A prime step with a walking bit visits every section of the file.
    // The hash of the whole file is of use to --verify alone.
    let file_hash = note_offset(&whole) + 32..note_offset(&whole) + 64;
    let segments = 64..64 + 56 * usize::from(whole[0x38]);
    let stripped = |at: &usize| {
        let of_segment = at.wrapping_sub(segments.start) % 56;
        STRIPPED.iter().any(|range| range.contains(at))
            || segments.contains(at) && STRIPPED_SEGMENT.contains(&of_segment)
    };
    let checked = |at: &usize| !file_hash.contains(at) && !stripped(at);
    for at in (4..loaded).step_by(13).filter(checked) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        sandbox.write("flip.elf", &bytes);
        sandbox
            .wasmaot(&["run", "flip.elf"])
            .error(1, &["flip.elf", "wasmaot build"]);
    }
    let rest = (loaded..whole.len()).step_by(61);
    let rest = rest.chain((4..loaded).filter(stripped).step_by(7));
    for at in rest.chain(file_hash.clone()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        sandbox.write("flip.elf", &bytes);
        sandbox
            .wasmaot(&["run", "--verify", "flip.elf"])
            .error(1, &["flip.elf", "wasmaot build"]);
        sandbox
            .wasmaot(&["inspect", "--verify", "flip.elf"])
            .error(1, &["flip.elf"]);
    }
}

#[test]
fn another_abi_version_or_cpu() {
    let sandbox = Sandbox::new();
    let whole = sandbox.build("hello.wat", HELLO);
    let note = note_offset(&whole);
    let mut other = whole.clone();
    other[note..note + 4].copy_from_slice(&99u32.to_le_bytes());
    sandbox.write("other.elf", resealed(other));
    sandbox
        .wasmaot(&["run", "other.elf"])
        .error(1, &["other.elf", "99", "wasmaot build"]);

    let mut other = whole;
    // A feature that no CPU has: the set's last bit.
    other[note + 15] |= 0x80;
    sandbox.write("other.elf", resealed(other));
    sandbox
        .wasmaot(&["run", "other.elf"])
        .error(1, &["other.elf", "CPU", "wasmaot build"]);
}

#[test]
fn links_that_cannot_be_made() {
    let sandbox = Sandbox::new();
    let main = |needed: &str, ty: &str| {
        format!(
            r#"(module
              (@dylink.0 (mem-info) (needed {needed}))
              (import "env" "memory" (memory 1))
              (import "env" "f" (func $f {ty}))
              (func (export "_start") {}))"#,
            if ty.is_empty() { "(call $f)" } else { "" }
        )
    };
    sandbox.write(
        "lib.wat",
        r#"
        (module (@dylink.0 (mem-info))
          (import "env" "memory" (memory 1))
          (func (export "f")))"#,
    );

    sandbox.write("main.wat", main("\"lib.wat\"", ""));
    sandbox.wasmaot(&["run", "main.wat"]).success();

    sandbox.write("main.wat", main("\"nowhere.so\"", ""));
    sandbox
        .wasmaot(&["run", "main.wat"])
        .error(1, &["main.wat", "nowhere.so", "-L"]);

    sandbox.write("main.wat", main("\"lib.wat\"", "(param i32)"));
    sandbox.wasmaot(&["run", "main.wat"]).error(
        1,
        &["main.wat", "lib.wat", "`f`", "(i32) -> ()", "() -> ()"],
    );

    sandbox.write("main.wat", main("", ""));
    sandbox
        .wasmaot(&["run", "main.wat"])
        .error(1, &["main.wat", "`f`", "--unresolved"]);
    sandbox
        .wasmaot(&["run", "--unresolved=ignore", "main.wat"])
        .trap("call of an unresolved symbol", &["f", "main.wat"]);
    let outcome = sandbox.wasmaot(&["run", "--unresolved=warn", "main.wat"]);
    outcome.trap("call of an unresolved symbol", &["warning: ", "`f`"]);
}

#[test]
fn a_cause_is_told_once() {
    let sandbox = Sandbox::new();
    sandbox.write("lib.wat", "(module (bad");
    sandbox.write("main.wat", "(module (@dylink.0 (needed \"lib.wat\")))");
    let once = |outcome: &common::Outcome, part: &str| {
        outcome.error(1, &[part]);
        assert_eq!(outcome.stderr.matches(part).count(), 1, "{outcome:#?}");
    };
    let outcome = sandbox.wasmaot(&["run", "main.wat"]);
    once(&outcome, "needed library");
    once(&outcome, "expected valid module field");
    sandbox.write("alone.wat", "(module)");
    let outcome = sandbox.wasmaot(&["run", "--stack-size", "16777216G", "alone.wat"]);
    once(&outcome, "os error 12");
}

/// Where our note's descriptor begins in an object.
fn note_offset(object: &[u8]) -> usize {
    let name = b"wasmaot\0";
    object.windows(name.len()).position(|w| w == name).unwrap() + name.len()
}

fn loaded_size(object: &[u8]) -> usize {
    let note = note_offset(object);
    u64::from_le_bytes(object[note + 16..note + 24].try_into().unwrap()) as usize
}

/// The object with hashes that fit its content.
fn resealed(mut object: Vec<u8>) -> Vec<u8> {
    use wasmaot_abi::object::Note;
    let note = note_offset(&object);
    Note::seal(&mut object, note);
    object
}

#[test]
fn threads_need_a_memory_that_they_share() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "own.wat",
        r#"(module
          (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (memory (export "memory") 1 2)
          (func (export "wasi_thread_start") (param i32 i32))
          (func (export "_start") (drop (call $spawn (i32.const 0)))))"#,
    );
    let outcome = sandbox.wasmaot(&["run", "own.wat"]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    let wanted = "error: thread-spawn: the program is not made for threads: its memory is not \
                  shared; link it with --shared-memory\n";
    assert!(outcome.stderr.starts_with(wanted), "{outcome:#?}");
}
