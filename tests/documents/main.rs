//! The documents for users do what they say: each command of each page is run,
//! and prints what the page shows.

#[path = "../common/mod.rs"]
mod common;
mod page;
mod shell;

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_testkit::sources;

/// The repository.
fn repository() -> PathBuf {
    sources().join("../..")
}

fn text(name: &str) -> String {
    let path = repository().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_readme_is_true() {
    let sandbox = common::Sandbox::new();
    let examples = repository().join("examples");
    let command = Path::new(env!("CARGO_BIN_EXE_wasmaot")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path = std::env::join_paths(
        [command.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&path)),
    );
    let copied = Command::new("cp")
        .arg("-r")
        .args([&examples, &sandbox.path("")])
        .status();
    assert!(copied.unwrap().success());
    let mut shell = Command::new("sh");
    shell
        .current_dir(sandbox.path(""))
        .env("PATH", path.unwrap())
        .env("WASMAOT_CACHE_DIR", sandbox.cache());
    shell::run("README.md", &text("README.md"), &mut shell);
}
