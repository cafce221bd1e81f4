//! Libraries that others wrote, which use threads.

use std::path::{Path, PathBuf};

use wasmaot_testkit::{
    ThreadsProgram as Program, ThreadsUnit as Unit, c_files, crate_sources, sqlite_sources,
};

use crate::wasmaot;

#[test]
fn zstd_compresses_in_threads() {
    Program::zstd().as_on_the_host(&wasmaot(), &[]);
}

#[test]
fn liblzma_compresses_in_threads() {
    let directory = crate_sources("lzma-sys", "0.1.20");
    let own = directory.join("xz-5.2/src");
    let include = |path: &Path| format!("-I{}", path.display());
    let parts = [
        "common",
        "lzma",
        "lz",
        "check",
        "delta",
        "rangecoder",
        "simple",
    ];
    let mut sources = c_files(&own.join("liblzma"), &parts);
    let not_linked = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy();
        name.ends_with("_small") || name.ends_with("tablegen")
    };
    sources.retain(|path| !not_linked(path));
    sources.extend(["common/tuklib_cpucores.c", "common/tuklib_physmem.c"].map(|f| own.join(f)));
    let mut flags = vec!["-w".to_owned(), "-DHAVE_CONFIG_H".to_owned()];
    flags.extend([&directory, &own.join("common")].map(|path| include(path)));
    flags.push(include(&own.join("liblzma/api")));
    flags.extend(parts.map(|part| include(&own.join("liblzma").join(part))));
    let mut program = Program::of("real/lzma.c");
    program.main.flags.push(include(&own.join("liblzma/api")));
    program.needed.push(Unit {
        name: "liblzma.so",
        sources,
        flags,
    });
    program.as_on_the_host(&wasmaot(), &[]);
}

#[test]
fn sqlite_is_used_by_four_threads() {
    let directory = sqlite_sources();
    let include = format!("-I{}", directory.display());
    let mut program = Program::of("real/sqlite.c");
    program.main.flags.push(include);
    program.needed.push(Unit {
        name: "libsqlite3.so",
        sources: vec![directory.join("sqlite3.c")],
        flags: [
            "-w",
            "-DSQLITE_THREADSAFE=1",
            "-DHAVE_USLEEP=1",
            "-DSQLITE_OMIT_LOAD_EXTENSION",
        ]
        .map(str::to_owned)
        .into(),
    });
    program.as_on_the_host(&wasmaot(), &["items.db"]);
}
