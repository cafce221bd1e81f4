//! The documents for users do what they say: each command of each page is run,
//! and prints what the page shows.

#[path = "../common/loader.rs"]
mod loader;
mod package;
mod page;
mod shell;

use std::path::PathBuf;

use wasmaot_testkit::sources;

/// The repository.
fn repository() -> PathBuf {
    sources().join("../..")
}

fn text(name: &str) -> String {
    let path = repository().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs a page in a minimal Debian in which the package has just been installed, and
/// which has these files of the repository.
fn on_a_fresh_machine(page: &str, files: &[&str]) {
    let root = package::fresh_machine();
    for file in files {
        let path = repository().join(file);
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        root.put(&path, &format!("root/pages/{directory}"));
    }
    let enter = "dpkg --install /root/*.deb >/dev/null && mkdir -p /root/pages && cd /root/pages && exec sh";
    let mut shell = root.command();
    shell.args(["sh", "-c", enter]);
    shell::run(page, &text(page), &mut shell);
}

#[test]
fn the_readme_is_true() {
    let files = ["examples/greet/main.wat", "examples/greet/greet.wat"];
    on_a_fresh_machine("README.md", &files);
}

#[test]
fn the_tutorial_is_true() {
    on_a_fresh_machine("docs/tutorial.md", &[]);
}

#[test]
fn the_page_for_operators_is_true() {
    on_a_fresh_machine("docs/operating.md", &[]);
}

#[test]
fn the_page_for_embedders_is_true() {
    on_a_fresh_machine("docs/embedding.md", &[]);
}

#[test]
fn the_page_for_users_of_others_is_true() {
    on_a_fresh_machine("docs/coming-from.md", &[]);
}

#[test]
fn the_page_for_researchers_is_true() {
    on_a_fresh_machine("docs/abi-research.md", &[]);
}

/// What a tarball has is in place below any directory.
#[test]
fn the_tarball_works_where_it_is_unpacked() {
    let root = package::fresh_machine();
    root.put(&package::packages().tarball, "root");
    let enter = "mkdir /opt/tools /root/pages && cd /root/pages && tar xf ../*.tar.xz -C /opt/tools --strip-components=1 && exec sh";
    let mut shell = root.command();
    shell.args(["sh", "-c", enter]);
    let page = r#"```c a.c
#include <stdio.h>
int main(void) { puts("here"); }
```
```console
$ /opt/tools/bin/wasmaot cc a.c -o a
$ ./a
here
$ /opt/tools/bin/wasmaot build --exe -o b a
$ ./b
here
$ test -s /opt/tools/share/man/man1/wasmaot.1.gz
$ test -s /opt/tools/include/wasmaot.h
```
"#;
    shell::run("tarball", page, &mut shell);
}

/// Each example that a page has its reader run is one that the tests run.
#[test]
fn the_examples_that_pages_name_are_there() {
    let mut found = 0;
    let pages = std::fs::read_dir(repository().join("docs")).unwrap();
    for page in pages {
        let text = std::fs::read_to_string(page.unwrap().path()).unwrap();
        for (at, start) in text.match_indices("](../examples/") {
            let path = &text[at + start.len()..];
            let path = path.split(')').next().unwrap();
            assert!(repository().join("examples").join(path).exists(), "{path}");
            found += 1;
        }
    }
    assert!(found > 4, "the search for examples is broken");
}
