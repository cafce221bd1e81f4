//! Languages and a database that load extension modules by `dlopen`: unchanged,
//! and with the SDK's own `libdl.so`, whose functions only fail, linked in.

#![cfg(feature = "compiler")]

use std::path::{Path, PathBuf};

use wasmaot_testkit::{
    Code, Key, Kind, Link, Run, Source, Wasmaot, crate_sources, library_directory, object, objects,
    once, python_package, run, scratch, sources, sqlite_sources, tools,
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

/// CPython 3.14 for WASI, and its own library, out of a package for components.
const PYTHON: &str = "componentize-py==0.25.1";

/// The directory with `libpython3.14.so` and `lib/python3.14`. The package has
/// them as compressed data in its code.
fn python() -> PathBuf {
    once("python", &Key::new("python").text(PYTHON), |directory| {
        let file = python_package(PYTHON).join("componentize_py/componentize_py.abi3.so");
        let bytes = std::fs::read(file).expect("the package has it");
        let begins = bytes.windows(4).enumerate();
        let begins = begins.filter(|(_, window)| *window == [0x28, 0xb5, 0x2f, 0xfd]);
        let (mut library, mut modules) = (false, false);
        for (at, _) in begins {
            let packed = directory.join("packed");
            std::fs::write(&packed, &bytes[at..]).expect("the directory is ours");
            // What follows is no such data, or the next.
            let mut zstd = tools().zstd.command();
            let unpacked = zstd.args(["-d", "-c", "-q"]).arg(&packed).output();
            let unpacked = unpacked.expect("zstd can be run").stdout;
            if let Some(module) = module(&unpacked) {
                if !library && contains(module, b"\x0cPy_BytesMain") {
                    std::fs::write(directory.join("libpython3.14.so"), module).unwrap();
                    library = true;
                }
            } else if !modules && unpacked.get(257..262) == Some(b"ustar") {
                let lib = directory.join("lib/python3.14");
                std::fs::create_dir_all(&lib).expect("the directory is ours");
                let archive = directory.join("archive");
                std::fs::write(&archive, &unpacked).expect("the directory is ours");
                let mut tar = tools().tar.command();
                tar.arg("xf").arg(&archive).arg("-C").arg(&lib);
                run(&mut tar);
                modules = lib.join("traceback.py").is_file();
                if !modules {
                    std::fs::remove_dir_all(&lib).expect("it is ours");
                }
            }
        }
        assert!(library && modules, "{PYTHON} is packed in another way");
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The module that bytes begin with, whatever follows.
fn module(bytes: &[u8]) -> Option<&[u8]> {
    const HEAD: &[u8] = b"\0asm\x01\0\0\0";
    bytes.strip_prefix(HEAD)?;
    let mut at = HEAD.len();
    while let Some(&id) = bytes.get(at)
        && id <= 13
        && !bytes[at..].starts_with(&HEAD[..4])
    {
        let (mut size, mut shift) = (0, 0);
        loop {
            at += 1;
            let byte = *bytes.get(at)?;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        at += 1 + size;
    }
    bytes.get(..at)
}

#[test]
fn python_imports_an_extension_module() {
    let python = python();
    let library_file = python.join("libpython3.14.so");
    let main = object(&source("python.c"), Code::Pic, &[]);
    let extension = object(&source("python_ext.c"), Code::Pic, &[]);
    let program = Program {
        main: main_of(vec![main], &library_file),
        files: vec![
            ("ext.so", library("ext.so", vec![extension], &[])),
            ("script.py", source("python.py")),
        ],
    };
    let lib = format!("{}::/lib", python.join("lib").display());
    // It is made for a libc with sockets, of which nothing is called.
    let options = ["--unresolved=ignore", "--dir", &lib, "--env=PYTHONHOME=/"];
    let ended = program.run(&[&library_file], &options, &["/script.py"]);
    let wanted = "(3, 14) /ext.so\n\
                  hello world, 49 {\"a\": [1, 2.5]}\n\
                  ValueError negative\n\
                  No module named 'nothing'\n";
    ended.expect(0, wanted);
}
