//! The objects, as other people's tools see them.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_compiler::{Emit, OptLevel, Options, compile};

const LIBRARY: &str = include_str!("modules/library.wat");

const PLAIN: &str = include_str!("modules/plain.wat");

const THREADS: &str = include_str!("modules/threads.wat");

/// What eu-elflint says of the parts that are ours: a segment type, a note and
/// dynamic tags from the ranges that the gABI leaves to systems, and sections
/// that our loader maps elsewhere than at their addresses.
const OURS: &[&str] = &[
    "unknown program header entry type 0x65774d45",
    "unknown object file note type 1 with owner name 'wasmaot'",
    ": unknown tag",
    "'.wasmaot.memory': alloc flag set but section not in any loaded segment",
    "'.wasmaot.memory.bss': alloc flag set but section not in any loaded segment",
];

fn run(tool: &str, args: &[&str], file: &Path) -> (String, String) {
    let output = Command::new(tool).args(args).arg(file).output();
    let output = output.unwrap_or_else(|e| {
        panic!("{tool}: {e}; run `apt-get install elfutils binutils binutils-aarch64-linux-gnu`")
    });
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn build(name: &str, wat: &str, emit: Emit) -> PathBuf {
    build_with(name, wat, &Options::default(), emit)
}

fn build_with(name: &str, wat: &str, options: &Options, emit: Emit) -> PathBuf {
    let wasm = wat::parse_str(wat).expect("the test's module is valid");
    let bytes = compile(name, &wasm, options, emit).expect("the module compiles");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, bytes).expect("the directory for tests can be written to");
    file
}

fn check(file: &Path) {
    let (listing, complaints) = run("readelf", &["-aW"], file);
    assert_eq!(complaints, "", "readelf {}", file.display());
    assert!(!listing.contains("<corrupt"), "{listing}");
    let (frames, complaints) = run("readelf", &["--debug-dump=frames"], file);
    assert_eq!(complaints, "", "readelf {}", file.display());
    assert!(frames.contains("FDE"), "{frames}");
    let (lint, _) = run("eu-elflint", &["--gnu-ld"], file);
    let unknown = |line: &&str| !OURS.iter().any(|ours| line.contains(ours));
    let complaints: Vec<_> = lint
        .lines()
        .filter(|line| !line.is_empty() && *line != "No errors")
        .filter(unknown)
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn assert_lines(text: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

#[test]
fn a_shared_library() {
    let file = build("library.so", LIBRARY, Emit::So);
    check(&file);
    let (code, _) = run("objdump", &["-d"], &file);
    let wanted = [
        "<greet>:",
        "<quiet>:",
        "<puts@plt>:",
        "<puts@plt>\n",
        "<wasi_snapshot_preview1.fd_write@plt>\n",
        "<wasmaot.memset@plt>:",
    ];
    assert_lines(&code, &wanted);
    let (names, _) = run("nm", &["-D"], &file);
    let wanted = [
        "U puts",
        "U stdout",
        "T greet",
        "D greeting",
        "B room",
        "D count",
    ];
    assert_lines(&names, &wanted);
    let (dynamic, _) = run("readelf", &["-dW"], &file);
    let wanted = [
        "Shared library: [a.so]",
        "Library soname: [library.so]",
        "Library runpath: [/one:two]",
    ];
    assert_lines(&dynamic, &wanted);
}

#[test]
fn a_plain_module() {
    let file = build("plain.wasm", PLAIN, Emit::So);
    check(&file);
    let (code, _) = run("objdump", &["-d"], &file);
    assert_lines(&code, &["<run>:", "<__wasmaot_init>:", "<m.f@plt>\n"]);
    let (relocations, _) = run("readelf", &["-rW"], &file);
    let wanted = [
        "R_X86_64_RELATIVE",
        "R_X86_64_GLOB_DAT",
        "m.g + 0",
        "R_X86_64_JUMP_SLO",
    ];
    assert_lines(&relocations, &wanted);
}

#[test]
fn a_library_for_threads() {
    let file = build("threads.so", THREADS, Emit::So);
    check(&file);
    let (listing, _) = run("readelf", &["-lsrW"], &file);
    let lines: Vec<String> = listing
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let has = |words: &[&str]| {
        let found = lines
            .iter()
            .any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in\n{listing}");
    };
    has(&["TLS 0x", "0x00001c 0x000028 R 0x10"]);
    has(&[".tdata .tbss"]);
    has(&["4 TLS GLOBAL DEFAULT", "__tls_base"]);
    has(&["TLS GLOBAL DEFAULT UND depth"]);
    has(&["16 TLS LOCAL DEFAULT", "global[6]"]);
    has(&["R_X86_64_TPOFF64 0"]);
    has(&["R_X86_64_TPOFF64", "depth + 0"]);
    for opt_level in [OptLevel::None, OptLevel::Less] {
        let options = Options {
            opt_level,
            ..Options::default()
        };
        check(&build_with("threads-fast.so", THREADS, &options, Emit::So));
    }
}

#[test]
fn modules_without_code_or_data() {
    for (name, wat) in [
        ("empty.wasm", "(module)"),
        ("memory.wasm", "(module (memory (export \"m\") 1))"),
        (
            "threads.wasm",
            "(module (memory 1 1 shared) (global (export \"g\") (mut i32) (i32.const 0)))",
        ),
        (
            "code.wasm",
            "(module (func (export \"f\") (result i32) (i32.const 1)))",
        ),
    ] {
        let file = build(name, wat, Emit::So);
        let (_, complaints) = run("readelf", &["-aW"], &file);
        assert_eq!(complaints, "", "readelf {name}");
    }
    check(&build(
        "nop.wasm",
        "(module (func (export \"f\")))",
        Emit::So,
    ));
}

#[test]
fn a_relocatable_object_links() {
    for (name, wat, symbol) in [
        ("library.o", LIBRARY, "T greet"),
        ("plain.o", PLAIN, "T run"),
    ] {
        let file = build(name, wat, Emit::Obj);
        let (_, complaints) = run("readelf", &["-aW"], &file);
        assert_eq!(complaints, "", "readelf {name}");
        let (names, _) = run("nm", &[], &file);
        assert_lines(&names, &[symbol]);
        let (code, _) = run("objdump", &["-dr"], &file);
        assert_lines(&code, &["R_X86_64_PLT32", "R_X86_64_GOTPCREL"]);
        assert_links(&file);
    }
}

/// Has the system's linker make a shared object of a relocatable one.
fn assert_links(file: &Path) {
    assert_links_by("ld", file);
}

fn assert_links_by(linker: &str, file: &Path) {
    let linked = file.with_extension("linked");
    let linked = linked.to_str().expect("the path is text");
    let (_, complaints) = run(linker, &["-shared", "-o", linked], file);
    assert_eq!(complaints, "", "{linker} {}", file.display());
}

#[test]
fn a_relocatable_object_for_threads_links() {
    let file = build("threads.o", THREADS, Emit::Obj);
    let (_, complaints) = run("readelf", &["-aW"], &file);
    assert_eq!(complaints, "");
    let (names, _) = run("nm", &["-S"], &file);
    assert_lines(&names, &["0000000000000004 D __tls_base", "U depth"]);
    let (code, _) = run("objdump", &["-dr"], &file);
    let wanted = [
        "R_X86_64_GOTTPOFF\tthread_storage-0x4",
        "R_X86_64_GOTTPOFF\tdepth-0x4",
    ];
    assert_lines(&code, &wanted);
    assert_links(&file);
    let (relocations, _) = run("readelf", &["-rW"], &file.with_extension("linked"));
    assert_lines(&relocations, &["R_X86_64_TPOFF64"]);
}

const OBJDUMP: &str = "aarch64-linux-gnu-objdump";

/// The options for AArch64.
fn aarch64() -> Options {
    let mut options = Options::default();
    let target = "aarch64-unknown-linux-gnu".parse().expect("a target");
    options.set_target(target).expect("a machine of ours");
    options
}

/// Instructions of the PLT, with their registers and without numbers.
fn plt(file: &Path) -> Vec<String> {
    let (code, _) = run(OBJDUMP, &["-d", "-j", ".plt", "--no-show-raw-insn"], file);
    let lines = code.lines().filter_map(|line| line.split_once(":\t"));
    lines
        .map(|(_, instruction)| {
            let words = instruction.split(['\t', ',', '[', ']', ' ']);
            let named = words.filter(|word| word.starts_with(char::is_alphabetic));
            named.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn a_library_for_aarch64() {
    let file = build_with("aarch64.so", LIBRARY, &aarch64(), Emit::So);
    check(&file);
    let (code, _) = run(OBJDUMP, &["-d"], &file);
    let wanted = [
        "<greet>:",
        "<puts@plt>:",
        "<puts@plt>\n",
        "<wasmaot.memset@plt>:",
    ];
    assert_lines(&code, &wanted);
    // What is not an instruction is the text of the entry point alone.
    let (text, _) = run(OBJDUMP, &["-d", "-j", ".plt", "-j", ".text"], &file);
    assert!(
        !text.contains(".inst") && !text.contains("undefined"),
        "{text}"
    );
    let (relocations, _) = run("readelf", &["-rW"], &file);
    assert_lines(&relocations, &["R_AARCH64_JUMP_SLOT", "puts + 0"]);
    let file = build_with("aarch64.wasm", PLAIN, &aarch64(), Emit::So);
    check(&file);
    let (relocations, _) = run("readelf", &["-rW"], &file);
    let wanted = ["R_AARCH64_RELATIVE", "R_AARCH64_GLOB_DAT", "m.g + 0"];
    assert_lines(&relocations, &wanted);
    for opt_level in [OptLevel::None, OptLevel::Less, OptLevel::Speed] {
        let options = Options {
            opt_level,
            ..aarch64()
        };
        let file = build_with("aarch64-tls.so", THREADS, &options, Emit::So);
        check(&file);
        let (relocations, _) = run("readelf", &["-rW"], &file);
        assert_lines(&relocations, &["R_AARCH64_TLS_TPREL", "depth + 0"]);
    }
}

/// The system's linker makes the same PLT, and takes all relocations of code.
#[test]
fn a_relocatable_object_for_aarch64_links() {
    for (name, wat) in [
        ("aarch64-library", LIBRARY),
        ("aarch64-plain", PLAIN),
        ("aarch64-threads", THREADS),
    ] {
        let file = build_with(&format!("{name}.o"), wat, &aarch64(), Emit::Obj);
        let (_, complaints) = run("readelf", &["-aW"], &file);
        assert_eq!(complaints, "", "readelf {name}");
        let (code, _) = run(OBJDUMP, &["-dr"], &file);
        let wanted = ["R_AARCH64_CALL26", "R_AARCH64_ADR_GOT_PAGE"];
        assert_lines(&code, &wanted[..if wat == THREADS { 1 } else { 2 }]);
        assert_links_by("aarch64-linux-gnu-ld", &file);
        let (ours, theirs) = (
            plt(&build_with(
                &format!("{name}.so"),
                wat,
                &aarch64(),
                Emit::So,
            )),
            plt(&file.with_extension("linked")),
        );
        assert!(ours.len() >= 12 && ours.len() % 4 == 0, "{ours:#?}");
        // As many of each as there are functions to call.
        let least = ours.len().min(theirs.len());
        assert_eq!(ours[..least], theirs[..least], "{name}");
    }
    let threads = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aarch64-threads.o");
    let (code, _) = run(OBJDUMP, &["-dr"], &threads);
    let wanted = [
        "R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21\tthread_storage",
        "R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC\tdepth",
    ];
    assert_lines(&code, &wanted);
}
