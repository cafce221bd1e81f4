//! The house rules: who may depend on whom, and where what may stand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each may depend on (normal dependencies).
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("wasmaot-abi", &[]),
    ("wasmaot-dylink", &["wasmaot-abi"]),
    ("wasmaot-compiler", &["wasmaot-abi", "wasmaot-dylink"]),
    ("wasmaot-runtime", &["wasmaot-abi"]),
    ("wasmaot-hosts", &["wasmaot-abi", "wasmaot-runtime"]),
    (
        "wasmaot-lab",
        &[
            "wasmaot-abi",
            "wasmaot-compiler",
            "wasmaot-dylink",
            "wasmaot-hosts",
            "wasmaot-runtime",
        ],
    ),
    (
        "wasmaot",
        &[
            "wasmaot-abi",
            "wasmaot-compiler",
            "wasmaot-dylink",
            "wasmaot-hosts",
            "wasmaot-runtime",
        ],
    ),
    ("wasmaot-link", &["wasmaot-abi", "wasmaot-dylink"]),
    (
        "wasmaot-cli",
        &[
            "wasmaot",
            "wasmaot-abi",
            "wasmaot-compiler",
            "wasmaot-dylink",
            "wasmaot-hosts",
            "wasmaot-lab",
            "wasmaot-link",
            "wasmaot-runtime",
        ],
    ),
];

/// Where `unsafe` may stand, below the root. Outside of the runtime it is one
/// thing alone: the door by which native code comes in.
const UNSAFE_PLACES: &[&str] = &[
    "runtime/src/arch/",
    "runtime/src/builtin.rs",
    "runtime/src/space/",
    "runtime/src/link/",
    // Opening an object is believing it.
    "runtime/src/object/mod.rs",
    "runtime/src/process/",
    "runtime/src/sys/",
    "runtime/src/trap/",
    // Objects that the compiler has made in this process.
    "benches/lab/src/program.rs",
    "src/prelink.rs",
    // Those that it made earlier.
    "src/cache.rs",
    "src/engine.rs",
    // Those that the user has: he says so on the command line.
    "cli/src/run.rs",
    "src/find.rs",
    // One that is only looked at.
    "cli/src/inspect/mod.rs",
    // The name of `main`.
    "cli/src/main.rs",
];

/// Longest source file that reads well; tables and operator matches may be longer.
const MAX_LINES: usize = 700;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust source file of the crates, as (path below the root, text).
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let folders = [
        "abi/src",
        "abi/dylink/src",
        "compiler/src",
        "runtime/src",
        "runtime/hosts/src",
        "benches/lab/src",
        "cli/src",
        "cli/link/src",
        "src",
    ];
    let mut todo: Vec<PathBuf> = folders.iter().map(|d| root().join(d)).collect();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path
                .strip_prefix(root())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(found.len() > 20, "the search for sources is broken");
    found
}

/// Lines of a source that are code, without comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(""))
}

#[test]
fn crates_depend_downwards_only() {
    for (krate, allowed) in MAY_DEPEND {
        let tree = tree(&root(), &["--package", krate]);
        let ours: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|name| name.starts_with("wasmaot") && name != krate)
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(
            ours.is_subset(&allowed),
            "{krate} depends on {ours:?}, may on {allowed:?}"
        );
        if *krate == "wasmaot-runtime" {
            for word in ["cranelift", "wasmparser", "serde_json"] {
                assert!(!tree.contains(word), "the runtime contains {word}");
            }
        }
    }
}

#[test]
fn a_runtime_alone_contains_no_compiler() {
    for package in ["wasmaot", "wasmaot-cli"] {
        let tree = tree(&root(), &["--package", package, "--no-default-features"]);
        assert!(
            tree.contains("wasmaot-runtime")
                && !tree.contains("cranelift")
                && !tree.contains("wasmaot-lab"),
            "{tree}"
        );
    }
}

/// Tests of the command are targets of its package, and those of the library of
/// the other: a file that is listed in neither is never run.
#[test]
fn every_test_is_a_target() {
    let lists = ["Cargo.toml", "cli/Cargo.toml"].map(|path| {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let paths = text.lines().filter_map(|line| {
            let path = line.strip_prefix("path = \"")?.strip_suffix('"')?;
            path.trim_start_matches("../").strip_prefix("tests/")
        });
        paths.map(str::to_owned).collect::<Vec<_>>()
    });
    let mut listed = lists.concat();
    let mut there: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(root().join("tests")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".rs") {
            there.push(name);
        } else if entry.path().join("main.rs").exists() {
            there.push(format!("{name}/main.rs"));
        }
    }
    listed.sort();
    there.sort();
    assert_eq!(listed, there);
}

/// What a package depends on, all of it, a line each.
fn tree(directory: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix=none", "--edges=normal"])
        .args(args)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn unsafe_stands_in_its_places() {
    for (path, text) in sources() {
        let allowed = UNSAFE_PLACES.iter().any(|place| path.starts_with(place));
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
fn machine_numbers_stand_in_the_contract() {
    for (path, text) in sources() {
        let allowed = path.starts_with("abi/") || path.contains("arch/");
        let uses = code(&text).any(|line| line.contains("R_X86_64_"));
        assert!(
            allowed || !uses,
            "{path}: relocation numbers of a machine stand in abi/ and arch/"
        );
    }
}

#[test]
fn compiler_and_resolver_do_no_io() {
    let quiet = |path: &str| path.starts_with("compiler/src") || path.ends_with("link/resolve.rs");
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

#[test]
fn documents_are_here_and_stand_alone() {
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "abi/ABI.md",
        "abi/records.md",
    ] {
        let text = std::fs::read_to_string(root().join(name)).unwrap_or_default();
        assert!(!text.is_empty(), "{name} is missing");
        for target in links(&text) {
            let path = Path::new(name).parent().unwrap().join(target);
            assert!(
                root().join(&path).exists(),
                "{name} links to {target}, which is not there"
            );
        }
    }
}

#[test]
fn every_limit_is_stated() {
    let stated = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let options = ["stack_size", "timeout"];
    let mut found = 0;
    let owners = sources()
        .into_iter()
        .filter(|(path, _)| !path.starts_with("abi/"));
    for (path, text) in owners {
        for line in code(&text).map(str::trim) {
            // A field of options, or a function that sets one.
            let name = line.strip_prefix("pub ").map(|rest| {
                let rest = rest.trim_start_matches("const ").trim_start_matches("fn ");
                rest.split([':', '(', '<']).next().unwrap_or(rest)
            });
            let Some(name) = name.filter(|n| n.starts_with("max_") || options.contains(n)) else {
                continue;
            };
            let wanted = match path.starts_with("cli/src/") {
                true => format!("`--{}`", name.replace('_', "-")),
                false => format!("::{name}`"),
            };
            assert!(
                stated.contains(&wanted),
                "{path}: SECURITY.md does not state the limit {wanted}"
            );
            found += 1;
        }
    }
    assert!(found > 4, "the search for limits is broken");
}

/// Targets of relative links in Markdown.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains("://"))
}
