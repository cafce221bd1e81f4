//! What the crates need to be published: all that a registry asks for, and each
//! other by version.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Crates that nobody would publish: they measure and test, and C has no use for a
/// registry of crates.
const OWN: [&str; 5] = [
    "wasmaot-benches",
    "wasmaot-capi",
    "wasmaot-fuzz",
    "wasmaot-test-agent",
    "wasmaot-testkit",
];

/// Crates in which others can embed the command's parts, and the command.
fn published() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array_mut().unwrap();
    packages.retain(|package| !OWN.contains(&text(package, "name")));
    assert!(packages.len() > 5, "the search for packages is broken");
    std::mem::take(packages)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    let list = value[field].as_array().unwrap();
    list.iter().filter_map(Value::as_str).collect()
}

/// The folder of a package.
fn folder(package: &Value) -> &Path {
    Path::new(text(package, "manifest_path")).parent().unwrap()
}

#[test]
fn each_crate_describes_itself() {
    for package in published() {
        let name = text(&package, "name");
        assert!(package["publish"].is_null(), "{name} cannot be published");
        assert_eq!(text(&package, "license"), "MIT", "{name}");
        let description = text(&package, "description");
        assert!(description.len() > 20, "{name}: {description:?}");
        let readme = folder(&package).join(text(&package, "readme"));
        assert!(readme.is_file(), "{name}: {}", readme.display());
        let license = folder(&package).join("LICENSE");
        assert!(license.is_file(), "{name}: no {}", license.display());
        let categories = list(&package, "categories");
        assert!(categories.contains(&"wasm"), "{name}: {categories:?}");
        // No more than five of at most twenty characters, says the registry.
        let keywords = list(&package, "keywords");
        assert!(matches!(keywords.len(), 3..=5), "{name}: {keywords:?}");
        assert!(
            keywords.iter().all(|k| k.len() <= 20),
            "{name}: {keywords:?}"
        );
        let targets = list(&package["metadata"]["docs"]["rs"], "targets");
        assert_eq!(targets, ["x86_64-unknown-linux-gnu"], "{name}");
    }
}

#[test]
fn crates_need_each_other_in_exactly_this_version() {
    for package in published() {
        let wanted = format!("={}", text(&package, "version"));
        let dependencies = package["dependencies"].as_array().unwrap();
        for dependency in dependencies {
            // What tests need by path alone is left out of what is published.
            if dependency["path"].is_null() || dependency["kind"] == "dev" {
                continue;
            }
            let (by, name) = (text(&package, "name"), text(dependency, "name"));
            assert!(!OWN.contains(&name), "{by} needs {name}");
            assert_eq!(text(dependency, "req"), wanted, "{by} needs {name}");
        }
    }
}
