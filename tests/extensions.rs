//! Languages and a database that load extension modules by `dlopen`: unchanged,
//! and with the SDK's own `libdl.so`, whose functions only fail, linked in.

#![cfg(feature = "compiler")]

use std::path::{Path, PathBuf};

use wasmaot_testkit::{
    Code, Cpython, Kind, Link, Run, Source, Wasmaot, crate_sources, library_directory, object,
    objects, run, scratch, sources, sqlite_sources,
};

fn source(name: &str) -> PathBuf {
    sources().join("extensions").join(name)
}

fn include(directory: &Path) -> String {
    format!("-I{}", directory.display())
}

/// A program and what it opens or reads.
struct Program {
    main: PathBuf,
    /// With names in the program's directory, which it may use as `/`.
    files: Vec<(&'static str, PathBuf)>,
}

impl Program {
    /// Runs it at `-O0`: what is built is large, what is run is not.
    fn run(&self, libraries: &[&Path], options: &[&str], args: &[&str]) -> Run {
        let place = scratch("extensions");
        let copy = |from: &Path, name: &str| {
            std::fs::copy(from, place.join(name)).expect("a file can be copied");
        };
        copy(&self.main, "main.wasm");
        for (name, file) in &self.files {
            copy(file, name);
        }
        let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
        for library in libraries {
            command
                .arg("-L")
                .arg(library.parent().expect("it is a file"));
        }
        command.args(["-O0", "--dir", ".::/"]).args(options);
        let command = command.arg("main.wasm").arg("--").args(args);
        run(command.current_dir(&*place))
    }
}

/// A library of a name, and the SDK's that it needs beside libc.
fn library(name: &str, objects: Vec<PathBuf>, needs: &[&str]) -> PathBuf {
    let needs = needs.iter().map(|n| library_directory().join(n)).collect();
    Link::new(Kind::Shared, name, objects, needs).make()
}

fn main_of(objects: Vec<PathBuf>, library: &Path) -> PathBuf {
    Link::new(Kind::Pie, "main.wasm", objects, vec![library.to_owned()])
        .flag("--allow-undefined")
        .make()
}

#[test]
fn sqlite_loads_an_extension() {
    let include = include(&sqlite_sources());
    let flags = ["-w", "-DSQLITE_THREADSAFE=0", &include];
    let code = object(&source("sqlite_library.c"), Code::Pic, &flags);
    let sqlite = library("libsqlite3.so", vec![code], &["libdl.so"]);
    let half = object(&source("sqlite_half.c"), Code::Pic, &[&include]);
    let main = object(&source("sqlite.c"), Code::Pic, &[&include]);
    let program = Program {
        main: main_of(vec![main], &sqlite),
        files: vec![("half.so", library("half.so", vec![half], &[]))],
    };
    let wanted = "error: not authorized\nNULL\n42.0\n3.0\nerror: no half of a text\n";
    let ended = program.run(&[&sqlite], &[], &[]);
    ended.expect_code(0);
    assert!(ended.stdout.starts_with(wanted), "{ended:#?}");
    let rest = &ended.stdout[wanted.len()..];
    assert!(rest.contains("no_such_entry"), "{rest}");
}

const CJSON: Source = Source {
    package: "lua-cjson",
    version: "2.1.0+dfsg-2.2",
    release: "bookworm",
    archive: "lua-cjson_2.1.0+dfsg.orig.tar.gz",
    hash: "0e411e1bd090b4887172fe585e64d1014724c74799387706d28a3fde52838566",
    directory: "lua-cjson-2.1.0+dfsg",
};

#[test]
fn lua_loads_a_c_module() {
    let lua = crate_sources("lua-src", "551.1.0").join("lua-5.4.9");
    let include = include(&lua);
    let entries = std::fs::read_dir(&lua).expect("the crate has it");
    let files = entries.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<PathBuf> = files
        .filter(|file| file.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    let flags = [
        "-w",
        "-DLUA_USE_DLOPEN",
        "-D_WASI_EMULATED_PROCESS_CLOCKS",
        "-D_WASI_EMULATED_SIGNAL",
        // Its errors are jumps out of functions.
        "-mllvm",
        "-wasm-enable-sjlj",
        "-mllvm",
        "-wasm-use-legacy-eh=false",
    ];
    let code = objects(&files, Code::Pic, &flags);
    let clocks = "libwasi-emulated-process-clocks.so";
    let lua = library("liblua.so", code, &[clocks, "libsetjmp.so", "libdl.so"]);
    let cjson = CJSON.unpacked();
    let files = ["lua_cjson.c", "strbuf.c", "fpconv.c"].map(|file| cjson.join(file));
    let code = objects(&files, Code::Pic, &["-w", &include]);
    let main = object(&source("lua.c"), Code::Pic, &[&include]);
    let program = Program {
        main: main_of(vec![main], &lua),
        files: vec![
            ("cjson.so", library("cjson.so", code, &[])),
            ("json.lua", source("json.lua")),
        ],
    };
    // `system` and the like are missing, and never called.
    let ended = program.run(&[&lua], &["--unresolved=ignore"], &["json.lua"]);
    let wanted = "2.1.0\t[1,2.5,{\"a\":\"b\"},true]\n\
                  \u{e4}\t3\ttrue\n\
                  false\tExpected object key string but found T_END at character 2\n\
                  false\tmodule 'nothing' not found:\n\
                  \tno field package.preload['nothing']\n\
                  \tno file './nothing.lua'\n\
                  \tno file './nothing.so'\n";
    ended.expect(0, wanted);
}

#[test]
fn python_imports_an_extension_module() {
    let python = Cpython::fetched();
    let extension = object(&source("python_ext.c"), Code::Pic, &[]);
    let program = Program {
        main: python.main,
        files: vec![
            ("ext.so", library("ext.so", vec![extension], &[])),
            ("script.py", source("python.py")),
        ],
    };
    let lib = format!("{}::/lib", python.lib.display());
    // It is made for a libc with sockets, of which nothing is called.
    let options = ["--unresolved=ignore", "--dir", &lib, "--env=PYTHONHOME=/"];
    let ended = program.run(&[&python.library], &options, &["/script.py"]);
    let wanted = "(3, 14) /ext.so\n\
                  hello world, 49 {\"a\": [1, 2.5]}\n\
                  ValueError negative\n\
                  No module named 'nothing'\n";
    ended.expect(0, wanted);
}
