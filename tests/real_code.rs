//! Well-known libraries, each as a shared library with a main that works it
//! hard. The same sources built by gcc have to print the same, and to write the
//! same file to the byte.

use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_testkit::{
    Artifact, Code, Kind, Link, SQLITE_FLAGS, Wasmaot, crate_sources, executable, object, objects,
    run, scratch, shared_object, sources, sqlite_sources, tools,
};

/// A library, and our main for it, `tests/c/real/MAIN.c`.
struct Library {
    main: &'static str,
    name: &'static str,
    sources: Vec<PathBuf>,
    include: PathBuf,
    flags: &'static [&'static str],
    /// Name of the file that main writes.
    file: &'static str,
}

fn sqlite() -> Library {
    let directory = sqlite_sources();
    Library {
        main: "sqlite",
        name: "libsqlite3.so",
        sources: vec![directory.join("sqlite3.c")],
        include: directory,
        flags: SQLITE_FLAGS,
        file: "books.db",
    }
}

fn zlib() -> Library {
    let directory = crate_sources("libz-sys", "1.1.31").join("src/zlib");
    Library {
        main: "zlib",
        name: "libz.so",
        sources: c_files(&directory),
        include: directory,
        flags: &["-w", "-DHAVE_UNISTD_H"],
        file: "text.gz",
    }
}

fn zstd() -> Library {
    let directory = crate_sources("zstd-sys", "2.1.2+zstd.1.5.7").join("zstd/lib");
    let parts = ["common", "compress", "decompress"];
    Library {
        main: "zstd",
        name: "libzstd.so",
        sources: parts
            .iter()
            .flat_map(|part| c_files(&directory.join(part)))
            .collect(),
        include: directory,
        flags: &["-w", "-DZSTD_DISABLE_ASM"],
        file: "text.zst",
    }
}

fn c_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    files
}

impl Library {
    fn include_flag(&self) -> String {
        format!("-I{}", self.include.display())
    }

    fn main_source(&self) -> PathBuf {
        sources().join("real").join(format!("{}.c", self.main))
    }

    fn wasm_library(&self) -> PathBuf {
        let objects = objects(&self.sources, Code::Pic, self.flags);
        Link::new(Kind::Shared, self.name, objects, Vec::new()).make()
    }

    fn wasm_main(&self, kind: Kind, library: &Path) -> PathBuf {
        let code = if kind == Kind::Pie {
            Code::Pic
        } else {
            Code::Fixed
        };
        let main = object(&self.main_source(), code, &[&self.include_flag()]);
        Link::new(kind, "main.wasm", vec![main], vec![library.to_owned()]).make()
    }

    fn native(&self) -> PathBuf {
        let library = shared_object(&Artifact {
            name: self.name.to_owned(),
            sources: self.sources.clone(),
            flags: self.flags.iter().map(|&flag| flag.to_owned()).collect(),
            ..Artifact::default()
        });
        let directory = library.parent().unwrap().display().to_string();
        executable(&Artifact {
            name: "main".to_owned(),
            sources: vec![self.main_source()],
            libraries: vec![library],
            flags: vec![self.include_flag(), format!("-Wl,-rpath,{directory}")],
        })
    }

    /// Runs main in both forms beside the native one; the file that it wrote
    /// is then shown to `judge`.
    fn compare(&self, judge: impl Fn(&Path)) {
        let directory = scratch(self.main);
        let native_file = directory.join("native");
        let native = run(Command::new(self.native()).arg(&native_file));
        native.expect_code(0);

        let library = self.wasm_library();
        for kind in [Kind::Pie, Kind::NoPie] {
            println!("{} as {kind:?}", self.main);
            let granted = directory.join(format!("{kind:?}"));
            std::fs::create_dir(&granted).unwrap();
            let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
            command.arg("-L").arg(library.parent().unwrap());
            command
                .arg("--dir")
                .arg(format!("{}::/data", granted.display()));
            command.arg(self.wasm_main(kind, &library)).arg("--");
            command.arg(format!("/data/{}", self.file));
            run(&mut command).expect(0, &native.stdout);

            let file = granted.join(self.file);
            assert!(std::fs::read(&file).unwrap() == std::fs::read(&native_file).unwrap());
            judge(&file);
        }
    }
}

#[test]
fn sqlite_runs_as_it_does_natively() {
    sqlite().compare(|_| ());
}

#[test]
fn zlib_runs_as_it_does_natively() {
    zlib().compare(|file| {
        run(tools().gzip.command().arg("-t").arg(file)).expect(0, "");
    });
}

#[test]
fn zstd_runs_as_it_does_natively() {
    zstd().compare(|_| ());
}

/// A program outside of what it was granted sees nothing.
#[test]
fn a_file_outside_the_granted_directories_cannot_be_opened() {
    let zlib = zlib();
    let library = zlib.wasm_library();
    let directory = scratch("outside");
    let mut command = Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot")).run_command();
    command.arg("-L").arg(library.parent().unwrap());
    let granted = directory.join("granted");
    std::fs::create_dir(&granted).unwrap();
    command
        .arg("--dir")
        .arg(format!("{}::/data", granted.display()));
    command
        .arg(zlib.wasm_main(Kind::Pie, &library))
        .args(["--", "/data/../file"]);
    let run = run(&mut command);
    run.expect_code(1);
    assert!(
        run.stdout.ends_with("cannot write /data/../file\n"),
        "{run:#?}"
    );
    assert!(!directory.join("file").exists());
}
