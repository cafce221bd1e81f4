//! The manual.

use std::path::Path;
use std::process::Command;

use crate::common::Sandbox;

/// What groff finds wrong with a page.
fn faults(page: &Path) -> String {
    let mut groff = Command::new("groff");
    groff.args(["-Kutf8", "-Tutf8", "-man", "-ww", "-z"]);
    let output = groff.arg(page).output();
    let output = output.expect("groff is needed: apt-get install groff-base");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a help names as commands, but for itself.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // What does not fit a line goes on below, further to the right.
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !matches!(*name, "" | "help"))
}

#[test]
fn each_command_has_a_page_that_is_well_formed() {
    let sandbox = Sandbox::new();
    sandbox.wasmaot(&["man", "new/pages"]).success();
    let help = sandbox.wasmaot(&["--help"]).success();
    let mut expected: Vec<String> = commands(&help)
        .map(|name| format!("wasmaot-{name}.1"))
        .collect();
    assert!(expected.len() > 5, "{help}");
    let index = std::fs::read_to_string(sandbox.path("new/pages/wasmaot.1")).unwrap();
    for page in &expected {
        let name = page.trim_end_matches(".1").replace('-', "\\-");
        assert!(index.contains(&format!("{name}(1)")), "no {name}: {index}");
    }
    for command in ["cache", "sysroot"] {
        let own = sandbox.wasmaot(&[command, "--help"]).success();
        expected.extend(commands(&own).map(|name| format!("wasmaot-{command}-{name}.1")));
    }
    expected.push("wasmaot.1".to_owned());
    expected.sort();
    let pages = std::fs::read_dir(sandbox.path("new/pages")).unwrap();
    let mut pages: Vec<_> = pages.map(|page| page.unwrap().path()).collect();
    pages.sort();
    let names = pages
        .iter()
        .map(|page| page.file_name().unwrap().to_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), expected);
    for page in pages {
        assert_eq!(faults(&page), "", "{}", page.display());
    }
}

#[test]
fn a_page_says_how_the_command_is_called() {
    let sandbox = Sandbox::new();
    sandbox.wasmaot(&["man", "."]).success();
    let page = std::fs::read_to_string(sandbox.path("wasmaot-run.1")).unwrap();
    for part in [
        ".SH SYNOPSIS",
        "PROGRAM",
        "\\-\\-stack\\-size",
        "[default: 8M]",
    ] {
        assert!(page.contains(part), "no {part}: {page}");
    }
}
