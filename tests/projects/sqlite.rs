//! SQLite: the amalgamation and its shell, by autoconf and libtool.

use std::path::PathBuf;
use std::process::Command;

use wasmaot_testkit::{Key, npm_package, once, run, tools};

use crate::{Project, With, needed, own};

/// The package carries the archive that sqlite.org publishes.
const PACKAGE: &str = "sqlite3@5.1.7";
const ARCHIVE: &str = "sqlite-autoconf-3440200";

fn sources() -> PathBuf {
    let directory = once("sqlite", &Key::new("sqlite").text(PACKAGE), |directory| {
        let archive = npm_package(PACKAGE).join(format!("deps/{ARCHIVE}.tar.gz"));
        let mut tar: Command = tools().tar.command();
        run(tar.arg("xzf").arg(archive).arg("-C").arg(directory)).expect_code(0);
    });
    directory.join(ARCHIVE)
}

fn sqlite() -> Project {
    Project {
        name: "sqlite",
        source: sources(),
        files: vec![own("sqlite/script.sql"), own("sqlite/extension.c")],
        steps: &[
            "./configure --disable-static --disable-static-shell CFLAGS=-O0",
            "make sqlite3",
            "$CC -shared -fPIC -I. extension.c -o half.so",
            "./sqlite3 books.db < script.sql",
            "./sqlite3 -readonly books.db .dump",
        ],
    }
}

/// The shell is linked with the shared library, which libtool has made.
#[test]
fn sqlite_s_shell_runs_a_script() {
    let native = sqlite().natively();
    let (place, outputs) = sqlite().carried_out(With::Wasmaot);
    assert!(
        outputs[0].contains("supports shared libraries... yes"),
        "{}",
        outputs[0]
    );
    assert!(native[3].lines().count() > 60, "{}", native[3]);
    assert_eq!(outputs[3..], native[3..]);
    let needed = needed(&place, ".libs/sqlite3");
    assert!(
        needed.contains("libsqlite3.so.0 => .libs/libsqlite3.so.0"),
        "{needed}"
    );
}
