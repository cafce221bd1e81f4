//! Programs of a main and a library in C: Lua's interpreter, SQLite's shell.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wasmaot_lab::builds::FLAGS;
use wasmaot_lab::libc::Libc;
use wasmaot_lab::tools::{CLANG, GCC, Tool, WASM_LD};
use wasmaot_testkit::{LUA, musl_sysroot, sqlite_shell_sources, wasi_static_libc, wasi_sysroot};

use super::{Form, Making};
use crate::contestants::STANDARD_EXCEPTIONS;

/// A program of a main and a library.
pub struct Program {
    /// Its name, for directories.
    name: &'static str,
    sources: PathBuf,
    /// The file with `main`, and those of the library.
    main: &'static str,
    library: Vec<PathBuf>,
    /// Flags of every compiler.
    flags: &'static [&'static str],
    /// Flags for Linux, and for WASI.
    linux: &'static [&'static str],
    wasi: &'static [&'static str],
}

/// Lua's interpreter.
pub fn lua() -> Result<Program> {
    let sources = LUA.unpacked().join("src");
    let mut library = Vec::new();
    for entry in fs::read_dir(&sources)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".c") && !["lua.c", "luac.c", "ltests.c"].contains(&&*name) {
            library.push(path);
        }
    }
    library.sort();
    Ok(Program {
        name: "lua",
        sources,
        main: "lua.c",
        library,
        flags: &[],
        linux: &["-DLUA_USE_POSIX"],
        // Of a function that WASI has not.
        wasi: &["-DL_tmpnam=32"],
    })
}

/// SQLite's shell.
pub fn sqlite() -> Program {
    let sources = sqlite_shell_sources();
    Program {
        name: "sqlite",
        library: vec![sources.join("sqlite3.c")],
        sources,
        main: "shell.c",
        flags: &["-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION"],
        linux: &[],
        wasi: &[],
    }
}

/// All forms of a program, the native one first.
pub fn forms(program: &Program, place: &Path, making: &Making) -> Result<Vec<Form>> {
    let directory = |name: &str| {
        let directory = place.join(name);
        fs::create_dir_all(&directory)?;
        anyhow::Ok(directory)
    };
    let mut forms = program.native(&directory("shared")?, &directory("static")?)?;
    forms.extend(program.with_musl(&directory("musl")?, making)?);
    forms.extend(program.with_wasi(&directory("wasi")?, making)?);
    Ok(forms)
}

impl Program {
    fn main(&self) -> PathBuf {
        self.sources.join(self.main)
    }

    /// The name of the library's file.
    fn library_name(&self) -> String {
        format!("lib{}.so", self.name)
    }

    /// What every compiler is given for Linux.
    fn flags_for_linux(&self) -> impl Iterator<Item = OsString> {
        let own = self.flags.iter().chain(self.linux);
        FLAGS.iter().chain(own).chain(&["-w"]).map(OsString::from)
    }

    /// Words that make the library, and those that make main with it.
    fn words_for_linux(&self) -> [Vec<OsString>; 2] {
        let mut library: Vec<OsString> = self.flags_for_linux().collect();
        library.extend(words(&["-shared", "-fPIC", "-o", &self.library_name()]));
        library.extend(self.library.iter().map(OsString::from));
        let mut main: Vec<OsString> = self.flags_for_linux().collect();
        let linked = format!("-l{}", self.name);
        main.push(self.main().into());
        main.extend(words(&[
            "-o",
            "main",
            "-L.",
            &linked,
            "-Wl,-rpath,$ORIGIN",
            "-lm",
        ]));
        [library, main]
    }

    fn native(&self, shared: &Path, alone: &Path) -> Result<Vec<Form>> {
        let gcc = Tool::find(GCC)?;
        for words in self.words_for_linux() {
            gcc.run(shared, words)?;
        }
        let mut one: Vec<OsString> = self.flags_for_linux().collect();
        one.push(self.main().into());
        one.extend(self.library.iter().map(OsString::from));
        one.extend(words(&[
            "-static", "-fno-pie", "-no-pie", "-o", "main", "-lm",
        ]));
        gcc.run(alone, one)?;
        Ok(vec![
            Form::new("native", [shared.join("main")]),
            Form::new("native-static", [alone.join("main")]),
        ])
    }

    /// Main, the library and `libc.so`, each an object.
    fn with_musl(&self, place: &Path, making: &Making) -> Result<Vec<Form>> {
        let environment = vec![
            ("WASMAOT_CACHE_DIR", place.join("cache")),
            ("WASMAOT_SYSROOT", musl_sysroot().root().to_owned()),
        ];
        for made in self.words_for_linux() {
            making.run(place, &environment, words(&["cc"]).into_iter().chain(made))?;
        }
        let libc = musl_sysroot().target(false)?.library_directory();
        fs::copy(libc.join("libc.so"), place.join("libc.so"))?;
        let library = self.library_name();
        for module in ["main", &library, "libc.so"] {
            making.run(place, &environment, ["build", module])?;
        }
        let run = |name: &str, flags: &[&str]| {
            let mut run: Vec<OsString> = vec![making.wasmaot.clone().into(), "run".into()];
            run.extend(words(flags));
            run.extend([place.join("main.elf").into(), "--".into()]);
            let mut form = Form::new(name, run);
            form.environment.clone_from(&environment);
            form
        };
        let mut forms = vec![run("wasmaot", &[]), run("wasmaot-now", &["--bind", "now"])];
        if making.loader.is_some() {
            let made = ["build", "--exe", "-o", "exe", "main", &library, "libc.so"];
            making.run(place, &environment, made)?;
            forms.push(Form::new("exe", [place.join("exe")]));
        }
        Ok(forms)
    }

    /// One module for WASI, as ours and as wasmtime's.
    fn with_wasi(&self, place: &Path, making: &Making) -> Result<Vec<Form>> {
        let clang = Tool::find(CLANG)?;
        let libc = Libc::of(&wasi_sysroot().target(false)?)?;
        let mut flags: Vec<OsString> = libc.compile.into_iter().map(Into::into).collect();
        let own = FLAGS.iter().chain(self.flags).chain(self.wasi);
        // wasmtime runs no others.
        let wasi = WASI_FLAGS.iter().chain(&STANDARD_EXCEPTIONS);
        flags.extend(own.chain(wasi).map(OsString::from));
        let mut objects = Vec::new();
        for (number, source) in self.library.iter().chain([&self.main()]).enumerate() {
            let object = OsString::from(format!("{number}.o"));
            let these = [
                OsString::from("-c"),
                source.into(),
                "-o".into(),
                object.clone(),
            ];
            clang.run(place, flags.iter().cloned().chain(these))?;
            objects.push(object);
        }
        let mut linked = words(&[
            "--allow-undefined",
            "-zstack-size=1048576",
            "-o",
            "one.wasm",
        ]);
        let libc = wasi_static_libc("crt1-command.o", &["signal", "getpid", "process-clocks"]);
        linked.extend(objects.into_iter().chain(libc.into_iter().map(Into::into)));
        Tool::find(WASM_LD)?.run(place, linked)?;
        making.run(place, &[], ["build", "one.wasm", "-o", "one.elf"])?;
        let object = place.join("one.elf");
        // What WASI has not, such as `system`, is never called.
        let run = words(&["run", "--unresolved=ignore"]);
        let start = std::iter::once(making.wasmaot.clone().into()).chain(run);
        let ours = Form::new("wasi", start.chain([object.into(), "--".into()]));
        let wasmtime = super::wasmtime(&[place.join("one.wasm")], place, &[])?;
        Ok([ours].into_iter().chain(wasmtime).collect())
    }
}

/// What WASI has not is emulated.
const WASI_FLAGS: &[&str] = &[
    "--target=wasm32-wasip1",
    "-w",
    "-D_WASI_EMULATED_SIGNAL",
    "-D_WASI_EMULATED_GETPID",
    "-D_WASI_EMULATED_PROCESS_CLOCKS",
];

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}
