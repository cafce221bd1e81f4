//! The documents: that they are here, stand alone, and state every limit.

use std::path::Path;

use super::{code, document, root, sources};

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
        "docs/abi-report/README.md",
        "docs/abi-research.md",
        "docs/coming-from.md",
        "docs/embedding.md",
        "docs/measured.md",
        "docs/operating.md",
        "docs/tutorial.md",
    ] {
        let text = document(name);
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
    let stated = document("SECURITY.md");
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
            let wanted = match path.starts_with("cli/") {
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
