//! Where what may stand in the sources.

use std::collections::BTreeMap;

use super::{code, floors, is_in, root, sources};

/// Where `unsafe` may stand, below the root. Outside of the runtime it is one
/// thing alone: the door by which native code comes in.
const UNSAFE_PLACES: &[&str] = &[
    "runtime/src/arch/",
    "runtime/src/builtin.rs",
    // What stands for a process that handles are used in.
    "runtime/src/handle/mod.rs",
    // Threads of the host that have one together.
    "runtime/src/handle/scope.rs",
    "src/host.rs",
    "src/process.rs",
    "runtime/src/space/",
    "runtime/src/link/",
    // Opening an object is believing it.
    "runtime/src/object/mod.rs",
    // What carries out host calls, and calls by handle.
    "runtime/src/handle/func.rs",
    "runtime/src/host/dispatch.rs",
    "runtime/src/host/typed.rs",
    "runtime/src/process/",
    "runtime/src/sys/",
    "runtime/src/trap/",
    // Machine code that is measured, and the memory that it has.
    "benches/src/threads/",
    // Modules that wasmtime has compiled for it.
    "benches/src/engines/wasi.rs",
    // Objects that the compiler has made in this process.
    "benches/lab/src/program.rs",
    "src/prelink.rs",
    // Those that it made earlier.
    "src/cache/mod.rs",
    "src/engine.rs",
    // Those that the user has: he says so on the command line.
    "cli/launch/src/opening.rs",
    "src/find.rs",
    // How the loader was started, and its first instructions.
    "cli/ld/src/allocator.rs",
    "cli/ld/src/arch/",
    "cli/ld/src/main.rs",
    "cli/ld/src/start.rs",
    "cli/ld/src/unwinder.rs",
    "cli/ld/src/words.rs",
    // Those of executables.
    "cli/launch/src/executable.rs",
    "cli/src/executable/members.rs",
    // Pointers of C.
    "capi/src/",
    // One that is only looked at.
    // Those that machines with the user's key have made.
    "cli/src/remote.rs",
    // The name of `main`.
    "cli/src/main.rs",
];

/// Longest source file that reads well.
const MAX_LINES: usize = 600;

/// Where the words of a machine may stand: its description, the writer of its
/// code and the folder that runs it, and what reads its code to measure it.
const MACHINE_PLACES: &[&str] = &[
    "abi/src/machine/",
    "compiler/src/machine/",
    "runtime/src/arch/",
    "cli/ld/src/arch/",
    "benches/",
    "fuzz/",
    "tests/",
];

/// Where else something stands that reads as a word of a machine, and what it is.
const NOT_OF_A_MACHINE: &[(&str, &str)] = &[
    (
        "cli/link/src/args.rs",
        "`--rsp-quoting`, an option of wasm-ld",
    ),
    ("cli/link/src/object.rs", "instructions of wasm"),
    (
        "cli/sysroot/src/sources.rs",
        "a file that others publish for every machine, with the same sources in each",
    ),
    (
        "compiler/src/inline/cross_module.rs",
        "instructions of wasm",
    ),
    (
        "runtime/hosts/src/linux/",
        "numbers of system calls, as i386 and x86-64 have them",
    ),
];

/// Names of registers.
const REGISTERS: &[&str] = &[
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "rip", "r8", "r9", "r10", "r11", "r12",
    "r13", "r14", "r15", "xmm", "ymm", "x16", "x17", "x21", "x29", "x30",
];

#[test]
fn unsafe_stands_in_its_places() {
    for (path, text) in sources() {
        let allowed = is_in(&path, UNSAFE_PLACES);
        let uses = code(&text).any(|line| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "unsafe")
        });
        assert!(
            allowed || !uses,
            "{path}: `unsafe` may stand in {UNSAFE_PLACES:?} alone"
        );
    }
    for krate in ["abi", "abi/dylink", "compiler", "runtime/hosts"] {
        let head = std::fs::read_to_string(root().join(krate).join("src/lib.rs")).unwrap();
        assert!(
            head.contains("#![forbid(unsafe_code)]"),
            "{krate} must forbid unsafe code"
        );
    }
}

#[test]
fn machine_words_stand_in_their_places() {
    let (sources, _) = floors::sources();
    let others: Vec<&str> = NOT_OF_A_MACHINE.iter().map(|(place, _)| *place).collect();
    let mut wrong = BTreeMap::new();
    for (file, word) in sources.words().filter(|(_, word)| is_machine_word(word)) {
        if !is_in(file, MACHINE_PLACES) && !is_in(file, &others) {
            wrong.insert(file, word);
        }
    }
    assert!(
        wrong.is_empty(),
        "words of a machine outside of {MACHINE_PLACES:?}: {wrong:#?}"
    );
}

/// Whether a name or a literal knows a machine: numbers of ELF and of relocations,
/// its name, a register, bytes of instructions.
fn is_machine_word(word: &str) -> bool {
    let prefixes = ["EM_", "R_X86_64", "R_AARCH64", "[0x"];
    let names = ["x86", "X86", "aarch64", "AARCH64", "Aarch64"];
    let mut parts = word.split(|c: char| !c.is_ascii_alphanumeric());
    prefixes.iter().any(|prefix| word.starts_with(prefix))
        || names.iter().any(|name| word.contains(name))
        || parts.any(|part| {
            let part = part.to_ascii_lowercase();
            let vector = part.strip_prefix("xmm").or(part.strip_prefix("ymm"));
            let vector = vector.is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()));
            vector || REGISTERS.contains(&part.as_str())
        })
}

#[test]
fn compiler_and_resolver_do_no_io() {
    let quiet = |path: &str| path.starts_with("compiler/src") || path.contains("/link/resolve");
    for (path, text) in sources().into_iter().filter(|(path, _)| quiet(path)) {
        for word in ["std::fs", "std::io", "std::net", "std::process", "println!"] {
            assert!(
                !code(&text).any(|line| line.contains(word)),
                "{path} uses {word}"
            );
        }
    }
}

#[test]
fn files_stay_readable() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= MAX_LINES,
            "{path} has {lines} lines: split it along a phase"
        );
    }
}
