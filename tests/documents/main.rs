//! The documents for users do what they say: each command of each page is run,
//! and prints what the page shows.

#[path = "../common/loader.rs"]
mod loader;
mod package;
mod page;
mod shell;

use std::path::PathBuf;

use wasmaot_sysroot::Libc;
use wasmaot_testkit::{sources, sources_of};

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

/// The package brings a sysroot; here the reader makes one, of C alone: libc++ takes minutes.
#[test]
fn a_sysroot_is_made_on_a_fresh_machine() {
    let root = package::fresh_machine();
    let sources = std::fs::read_dir(sources_of(Libc::Musl)).unwrap();
    let mut sources = sources.map(|entry| entry.unwrap().path());
    let archive = sources.find(|path| path.to_string_lossy().contains("musl_"));
    let archive = std::fs::canonicalize(archive.unwrap()).unwrap();
    root.put(&archive, "root");
    let enter = "dpkg --install /root/*.deb >/dev/null && rm -r /usr/share/wasmaot/sysroot && mkdir /root/pages && cd /root/pages && exec sh";
    let mut shell = root.command();
    shell.args(["sh", "-c", enter]);
    let page = r#"```c greet.c
#include <stdio.h>
void greet(void) { puts("hello"); }
```
```c plugin.c
int answer(void) { return 42; }
```
```c main.c
#include <dlfcn.h>
#include <stdio.h>
void greet(void);
int main(int count, char **words)
{
    greet();
    if (count == 1)
        return 0;
    int (*answer)(void) = (int (*)(void))dlsym(dlopen(words[1], RTLD_NOW), "answer");
    return printf("%d\n", answer()) < 0;
}
```
```console
$ wasmaot sysroot install --quiet --no-cxx --source ../musl_*
Linux (musl 1.2.3, threads): /root/.local/share/wasmaot/sysroot/musl
$ wasmaot cc -O2 -shared greet.c -o libgreet.so
$ wasmaot cc -O2 -shared plugin.c -o plugin.so
$ wasmaot cc -O2 -g main.c -L. -lgreet -ldl -o main
$ ./main ./plugin.so
hello
42
$ wasmaot build --exe -o alone main
$ mkdir empty && cp alone empty && chroot empty /alone
hello
```
"#;
    shell::run("sysroot", page, &mut shell);
}

/// Each example that a page has its reader run is one that the tests run.
#[test]
fn the_examples_that_pages_name_are_there() {
    let mut found = 0;
    let pages = std::fs::read_dir(repository().join("docs")).unwrap();
    let pages = pages.map(|page| page.unwrap().path());
    for page in pages.filter(|page| page.is_file()) {
        let text = std::fs::read_to_string(page).unwrap();
        for (at, start) in text.match_indices("](../examples/") {
            let path = &text[at + start.len()..];
            let path = path.split(')').next().unwrap();
            assert!(repository().join("examples").join(path).exists(), "{path}");
            found += 1;
        }
    }
    assert!(found > 4, "the search for examples is broken");
}
