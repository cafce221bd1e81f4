//! Options of linkers for ELF that wasm-ld does not have: what compiler drivers
//! and build systems pass to every linker.

/// What an option of another linker is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: it is about ELF alone, or what it asks for is so anyway.
    Nothing,
    /// It has a meaning that cannot be given to it; what to do.
    Refused(&'static str),
}

use Meaning::{Nothing, Refused};

/// Options of the long form, without dashes and value; whether a value follows,
/// after `=` or as the next argument.
const OPTIONS: &[(&str, bool, Meaning)] = &[
    // Groups: archives are searched as often as need be.
    ("(", false, Nothing),
    (")", false, Nothing),
    ("start-group", false, Nothing),
    ("end-group", false, Nothing),
    // What is needed is what is named.
    ("as-needed", false, Nothing),
    ("no-as-needed", false, Nothing),
    ("add-needed", false, Nothing),
    ("no-add-needed", false, Nothing),
    ("copy-dt-needed-entries", false, Nothing),
    ("no-copy-dt-needed-entries", false, Nothing),
    ("push-state", false, Nothing),
    ("pop-state", false, Nothing),
    ("allow-shlib-undefined", false, Nothing),
    ("no-allow-shlib-undefined", false, Nothing),
    // A library calls its own functions directly, and a program exports all.
    ("Bsymbolic-functions", false, Nothing),
    ("Bsymbolic-non-weak-functions", false, Nothing),
    ("dynamic-list", true, Nothing),
    ("dynamic-list-data", false, Nothing),
    ("dynamic-list-cpp-new", false, Nothing),
    ("dynamic-list-cpp-typeinfo", false, Nothing),
    // Sections, segments and notes of ELF.
    ("compress-debug-sections", true, Nothing),
    ("discard-all", false, Nothing),
    ("discard-locals", false, Nothing),
    ("d", false, Nothing),
    ("dc", false, Nothing),
    ("dp", false, Nothing),
    ("dependency-file", true, Nothing),
    ("disable-new-dtags", false, Nothing),
    ("dynamic-linker", true, Nothing),
    ("eh-frame-hdr", false, Nothing),
    ("enable-new-dtags", false, Nothing),
    ("gdb-index", false, Nothing),
    ("hash-style", true, Nothing),
    ("icf", true, Nothing),
    ("ld-generated-unwind-info", false, Nothing),
    ("no-dynamic-linker", false, Nothing),
    ("no-eh-frame-hdr", false, Nothing),
    ("no-keep-memory", false, Nothing),
    ("no-ld-generated-unwind-info", false, Nothing),
    ("no-relax", false, Nothing),
    ("no-rosegment", false, Nothing),
    ("no-undefined-version", false, Nothing),
    ("no-warn-mismatch", false, Nothing),
    ("no-warnings", false, Nothing),
    ("nostdlib", false, Nothing),
    ("pack-dyn-relocs", true, Nothing),
    ("package-metadata", true, Nothing),
    ("plugin", true, Nothing),
    ("plugin-opt", true, Nothing),
    ("relax", false, Nothing),
    ("rpath-link", true, Nothing),
    ("sort-common", false, Nothing),
    ("sort-section", true, Nothing),
    ("stats", false, Nothing),
    ("symbol-ordering-file", true, Nothing),
    ("sysroot", true, Nothing),
    ("undefined-version", false, Nothing),
    ("warn-common", false, Nothing),
    ("warn-constructors", false, Nothing),
    ("warn-once", false, Nothing),
    ("warn-section-align", false, Nothing),
    ("warn-shared-textrel", false, Nothing),
    ("X", false, Nothing),
    ("x", false, Nothing),
    // What programs would miss.
    ("T", true, Refused(SCRIPT)),
    ("script", true, Refused(SCRIPT)),
    ("default-script", true, Refused(SCRIPT)),
    ("defsym", true, Refused("define the symbol in C")),
    (
        "init",
        true,
        Refused("mark the function with __attribute__((constructor))"),
    ),
    (
        "fini",
        true,
        Refused("mark the function with __attribute__((destructor))"),
    ),
    (
        "section-start",
        true,
        Refused("modules have no sections at addresses"),
    ),
    (
        "Ttext",
        true,
        Refused("modules have no sections at addresses"),
    ),
    (
        "Tdata",
        true,
        Refused("modules have no sections at addresses"),
    ),
    (
        "Tbss",
        true,
        Refused("modules have no sections at addresses"),
    ),
    (
        "oformat",
        true,
        Refused("the output is a wasm module; leave it out"),
    ),
    (
        "retain-symbols-file",
        true,
        Refused("give --version-script, or -fvisibility=hidden to the compiler"),
    ),
];

const SCRIPT: &str = "linker scripts arrange sections of ELF; leave it out";

/// What an option means, and whether a value follows it, where it is one of
/// another linker.
pub fn meaning(name: &str) -> Option<(bool, Meaning)> {
    let found = OPTIONS.iter().find(|(option, ..)| *option == name);
    found.map(|&(_, value, meaning)| (value, meaning))
}
