//! `--json`: what is printed for people, for programs.

use serde_json::{Value, json};

use crate::common::Outcome;
use crate::pair;

fn document(outcome: Outcome, code: i32) -> Value {
    assert_eq!(outcome.code, Some(code), "{outcome:#?}");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:#?}"))
}

#[test]
fn ldd_says_where_libraries_are() {
    let sandbox = pair();
    let found = document(sandbox.wasmaot(&["ldd", "--json", "main.wat"]), 0);
    let expected = json!({
        "preloaded": [],
        "needed": [{ "name": "lib.wat", "needed_by": "main.wat", "path": "./lib.wat", "note": "" }],
        "undefined": [],
    });
    assert_eq!(found, expected);
    std::fs::remove_file(sandbox.path("lib.wat")).unwrap();
    let missing = document(sandbox.wasmaot(&["ldd", "--json", "main.wat"]), 1);
    assert_eq!(missing["needed"][0]["path"], Value::Null);
    assert_eq!(missing["needed"][0]["note"], "not found");
    sandbox.write(
        "lone.wat",
        r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0))
             (import "env" "absent" (func)) (func (export "_start")))"#,
    );
    let lone = document(sandbox.wasmaot(&["ldd", "--json", "lone.wat"]), 1);
    let expected = json!([{ "kind": "function", "name": "absent", "needed_by": "lone.wat" }]);
    assert_eq!(lone["undefined"], expected);
}

#[test]
fn loaded_objects_and_bindings_are_told() {
    let sandbox = pair();
    let run = |args: &[&str]| sandbox.wasmaot(&[&["run", "--json"], args].concat());
    let loaded = document(run(&["--trace-loaded", "main.wat"]), 0);
    let objects = loaded["objects"].as_array().unwrap();
    let names: Vec<&str> = objects
        .iter()
        .map(|o| o["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["main.wat", "lib.wat"]);
    let addresses = objects.iter().map(|o| o["load_address"].as_u64().unwrap());
    assert!(addresses.clone().all(|address| address > 0));
    let explained = document(run(&["--explain", "add", "main.wat"]), 0);
    assert_eq!(explained["symbol"], "add");
    assert_eq!(explained["scope"][1]["object"], "lib.wat");
    assert_eq!(explained["uses"][0]["how"], "calls it");
    assert_eq!(explained["uses"][0]["bound"], "lib.wat");
    run(&["main.wat"]).error(2, &["--json", "--explain", "--trace-loaded"]);
}

/// Headings and cells are those of the listing.
#[test]
fn a_listing_has_the_same_cells() {
    let sandbox = pair();
    sandbox.wasmaot(&["build", "lib.wat"]).success();
    for file in ["lib.wat", "lib.wat.elf"] {
        let text = sandbox.wasmaot(&["inspect", file]).success();
        let found = document(sandbox.wasmaot(&["inspect", "--json", file]), 0);
        let mut words = Vec::new();
        for section in found["sections"].as_array().unwrap() {
            let heading = section["heading"].as_str().unwrap();
            words.extend(heading.split_whitespace().map(str::to_owned));
            let rows = section["rows"].as_array().unwrap().iter();
            for cell in rows.flat_map(|row| row.as_array().unwrap()) {
                let cell = cell.as_str().unwrap();
                words.extend(cell.split_whitespace().map(str::to_owned));
            }
        }
        let printed: Vec<&str> = text
            .lines()
            .flat_map(|line| {
                match line.starts_with(' ') {
                    true => line,
                    false => line.strip_suffix(':').unwrap_or(line),
                }
                .split_whitespace()
            })
            .collect();
        assert_eq!(words, printed, "{file}");
    }
    let both = ["inspect", "--json", "--dyninfo", "lib.wat"];
    sandbox.wasmaot(&both).error_in_usage("--dyninfo");
}
