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

/// Checks that a module is valid without exceptions, threads and what else
/// came after the second version of wasm, but for computed constants.
fn plain(name: &str, module: &[u8]) {
    let features = WasmFeatures::WASM2 | WasmFeatures::EXTENDED_CONST;
    if let Err(error) = Validator::new_with_features(features).validate_all(module) {
        panic!("{name}: {error}");
    }
}

#[test]
fn libc_is_plain() {
    plain("libc.so", &std::fs::read(libc()).unwrap());
}

#[test]
fn every_case_builds() {
    for name in cases() {
        let case = Case::open(&name);
        for form in case.forms.iter().filter(|form| **form != Form::Native) {
            let module = std::fs::read(case.build(*form)).unwrap();
            plain(&name, &module);
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
        let run = case.run_native();
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
