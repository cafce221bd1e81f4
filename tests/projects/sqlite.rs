//! SQLite: the amalgamation and its shell, by autoconf and libtool.

use wasmaot_testkit::sqlite_shell_sources;

use crate::{Project, With, needed, own};

fn sqlite() -> Project {
    Project {
        name: "sqlite",
        source: sqlite_shell_sources(),
        files: ["script.sql", "extension.sql", "extension.c"]
            .map(|name| own(&format!("sqlite/{name}")))
            .to_vec(),
        steps: vec![
            "./configure --disable-static --disable-static-shell CFLAGS=-O0",
            "make sqlite3",
            "./sqlite3 books.db < script.sql",
            "./sqlite3 -readonly books.db .dump",
            "$CC -shared -fPIC -I. extension.c -o half.so",
            "./sqlite3 books.db < extension.sql",
        ],
    }
}

/// The same for WASI. SQLite leaves threads and extensions out there by itself, but
/// `configure` is to say so, too: its own tests of the compiler know only what links.
fn sqlite_on_wasi() -> Project {
    let mut steps = sqlite().steps;
    steps.truncate(4);
    steps[0] = "./configure --disable-static --disable-static-shell --disable-threadsafe \
         --disable-dynamic-extensions \
         CFLAGS='-O0 -w -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS \
         -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN' \
         LIBS='-lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-getpid \
         -lwasi-emulated-mman'";
    Project { steps, ..sqlite() }
}

#[test]
fn sqlite_s_shell_runs_a_script() {
    says_the_same(&sqlite(), With::Linux);
}

#[test]
fn sqlite_s_shell_runs_a_script_on_wasi() {
    says_the_same(&sqlite_on_wasi(), With::Wasi);
}

/// The shell is linked with the shared library, which libtool has made.
fn says_the_same(project: &Project, with: With) {
    let native = sqlite().natively();
    let (place, outputs) = project.carried_out(with);
    let shared = "supports shared libraries... yes";
    assert!(outputs[0].contains(shared), "{}", outputs[0]);
    assert!(native[2].lines().count() > 60, "{}", native[2]);
    assert_eq!(outputs[2..], native[2..outputs.len()]);
    let needed = needed(&place, ".libs/sqlite3");
    assert!(
        needed.contains("libsqlite3.so.0 => .libs/libsqlite3.so.0"),
        "{needed}"
    );
}
