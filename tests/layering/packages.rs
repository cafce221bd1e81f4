//! What the packages depend on.

use std::collections::BTreeSet;
use std::process::Command;

use super::{document, floors, root};

/// What a package must not depend on, not even through another one.
const MUST_NOT: &[(&str, &[&str])] = &[
    // A runtime alone contains no code generator, and reads no wasm.
    (
        "wasmaot-runtime",
        &["cranelift", "wasmparser", "serde_json"],
    ),
    ("wasmaot-hosts", &["cranelift", "wasmparser", "serde_json"]),
    // Every executable contains the loader.
    ("wasmaot-launch", &["cranelift", "wasmparser", "clap"]),
    ("wasmaot-ld", &["cranelift", "wasmparser", "clap"]),
    // Who embeds the library builds nothing of the command.
    ("wasmaot", &["clap", "indicatif", "tempfile"]),
];

#[test]
fn crates_depend_downwards_only() {
    for (krate, uses) in floors::crates() {
        let tree = tree(&["--package", &krate]);
        let names: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        let ours = names
            .iter()
            .filter(|name| name.starts_with("wasmaot") && **name != krate)
            .map(|name| (*name).to_owned());
        let below = below(&uses);
        for used in ours {
            assert!(
                below.contains(&used),
                "{krate} depends on {used}, may on {below:?}"
            );
        }
        let forbidden = MUST_NOT.iter().filter(|(name, _)| *name == krate);
        for word in forbidden.flat_map(|(_, words)| *words) {
            let found = names.iter().find(|name| name.starts_with(word));
            assert!(found.is_none(), "{krate} contains {found:?}");
        }
    }
}

/// Packages, and what these may use.
fn below(uses: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = uses.clone();
    for (krate, uses) in floors::crates() {
        if found.contains(&krate) {
            found.extend(uses);
        }
    }
    found
}

#[test]
fn a_runtime_alone_contains_no_compiler() {
    for package in ["wasmaot", "wasmaot-cli"] {
        let tree = tree(&["--package", package, "--no-default-features"]);
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
        let text = document(path);
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

/// Errors of the library are its own; Cranelift's are not.
#[test]
fn the_library_itself_has_no_anyhow() {
    let tree = tree(&["--package", "wasmaot", "--depth", "1"]);
    assert!(
        tree.contains("wasmaot-runtime") && !tree.contains("anyhow"),
        "{tree}"
    );
}

/// What a package depends on, all of it, a line each.
fn tree(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix=none", "--edges=normal"])
        .args(args)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
