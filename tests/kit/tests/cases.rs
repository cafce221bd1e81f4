//! The inputs themselves: each program of ours builds in each of its forms,
//! and the host's own loader agrees with what is expected of it.
//!
//! `WASMAOT_BLESS=1` writes `expected` from what the host's loader says.

use wasmaot_testkit::{Case, Form, sources};

fn cases() -> Vec<String> {
    let entries = std::fs::read_dir(sources()).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = entries
        .filter(|path| path.join("case").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_case_builds() {
    for name in cases() {
        let case = Case::open(&name);
        for form in case.forms.iter().filter(|form| **form != Form::Native) {
            let module = std::fs::read(case.build(*form)).unwrap();
            assert!(module.starts_with(b"\0asm"), "{name}");
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
