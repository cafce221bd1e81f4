//! The inputs themselves: each program of ours builds in each of its forms,
//! and the host's own loader agrees with what is expected of it.
//!
//! `WASMAOT_BLESS=1` writes `expected` from what the host's loader says.

use wasmaot_testkit::{Case, Form, libc, sources};
use wasmparser::{Validator, WasmFeatures};

fn cases() -> Vec<String> {
    let entries = std::fs::read_dir(sources())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .filter(|path| path.join("case").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// What every module may use: the second version of wasm, and computed
/// constants; no exceptions, no threads.
const PLAIN: WasmFeatures = WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST);

/// Checks that a module is valid with these features alone.
fn valid(name: &str, module: &[u8], features: WasmFeatures) {
    if let Err(error) = Validator::new_with_features(features).validate_all(module) {
        panic!("{name}: {error}");
    }
}

#[test]
fn libc_is_plain() {
    valid("libc.so", &std::fs::read(libc()).unwrap(), PLAIN);
}

#[test]
fn every_case_builds() {
    for name in cases() {
        let case = Case::open(&name);
        for form in case.forms.iter().filter(|form| **form != Form::Native) {
            let module = std::fs::read(case.build(*form)).unwrap();
            let legacy = |flag: &String| flag == "-wasm-use-legacy-eh=true";
            let more = if case.compile.is_empty() {
                WasmFeatures::empty()
            } else if case.compile.iter().any(legacy) {
                WasmFeatures::LEGACY_EXCEPTIONS | WasmFeatures::EXCEPTIONS
            } else {
                WasmFeatures::EXCEPTIONS
            };
            valid(&name, &module, PLAIN | more);
        }
    }
}

#[test]
fn the_host_agrees() {
    let bless = std::env::var_os("WASMAOT_BLESS").is_some();
    let mut compared = 0;
    for name in cases() {
        let case = Case::open(&name);
        if !case.forms.contains(&Form::Native) {
            continue;
        }
        let run = case.run_native(&case.runs[0]);
        run.expect_code(case.code);
        if bless {
            std::fs::write(sources().join(&name).join("expected"), &run.stdout).unwrap();
        } else {
            run.expect(case.code, &case.expected);
        }
        compared += 1;
    }
    assert!(compared > 5, "only {compared} cases were compared");
}
