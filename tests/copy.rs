//! `wasmaot link` and copy relocations: mains compiled without `-fPIC` that
//! refer to data of libraries. What they print is what the same sources print
//! under the host's own loader.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use wasmaot_testkit::{
    Artifact, Code, Kind, Link, Run, Scratch, Wasmaot, executable, libc, library_directory, object,
    run, scratch, shared_object, sources, start_file, tools,
};

fn wasmaot() -> Wasmaot {
    Wasmaot::new(env!("CARGO_BIN_EXE_wasmaot"))
}

fn source(name: &str) -> PathBuf {
    sources().join("copy").join(name)
}

fn compiled(name: &str, code: Code) -> PathBuf {
    object(&source(name), code, &[])
}

/// `wasmaot link`.
fn link<S: AsRef<OsStr>>(out: &Path, arguments: impl IntoIterator<Item = S>) -> Run {
    let mut command = wasmaot().command("link");
    run(command.arg("-o").arg(out).args(arguments))
}

/// Who links a library: it may not say how large its data are.
#[derive(Clone, Copy, Debug)]
enum Linker {
    WasmLd,
    Ours,
}

/// A directory with a program and its libraries.
struct Place {
    at: Scratch,
    libraries: Vec<PathBuf>,
}

impl Place {
    fn new() -> Self {
        Self {
            at: scratch("copy"),
            libraries: Vec::new(),
        }
    }

    fn library(&mut self, name: &str, source: &str, linker: Linker) -> &mut Self {
        self.library_with(name, source, linker, &[], &[])
    }

    /// Makes a library, which replaces one of the same name; `flags` are for
    /// the linker, `compile` for the compiler.
    fn library_with(
        &mut self,
        name: &str,
        source: &str,
        linker: Linker,
        flags: &[&str],
        compile: &[&str],
    ) -> &mut Self {
        let object = object(&self::source(source), Code::Pic, compile);
        let path = self.at.join(name);
        let known: Vec<PathBuf> = self
            .libraries
            .iter()
            .filter(|l| **l != path)
            .cloned()
            .collect();
        match linker {
            Linker::WasmLd => {
                let mut library = Link::new(Kind::Shared, name, vec![object], known.clone());
                library.flags.extend(flags.iter().map(|&f| f.to_owned()));
                std::fs::copy(library.make(), &path).unwrap();
            }
            Linker::Ours => {
                let flags = flags.iter().map(|&f| f.into());
                let files = known.iter().cloned().chain([libc()]);
                let arguments = [object].into_iter().chain(flags).chain(files);
                let made = link(
                    &path,
                    [PathBuf::from("--shared")].into_iter().chain(arguments),
                );
                made.expect(0, "");
            }
        }
        self.libraries = known;
        self.libraries.push(path);
        self
    }

    /// Links a program against the libraries; `flags` come first.
    fn link(&self, main: &str, flags: &[&str]) -> Run {
        let mut arguments: Vec<PathBuf> = flags.iter().map(PathBuf::from).collect();
        arguments.extend([start_file(Code::Fixed), compiled(main, Code::Fixed)]);
        arguments.extend(self.libraries.iter().cloned());
        arguments.push(libc());
        link(&self.program(), arguments)
    }

    fn program(&self) -> PathBuf {
        self.at.join("main.wasm")
    }

    fn run(&self) -> Run {
        wasmaot().run(&self.program())
    }
}

/// The same for the host, as programs were before they were
/// position-independent: with copy relocations.
fn native(main: &str, libraries: &[(&str, &str)]) -> Native {
    let mut made: Vec<PathBuf> = Vec::new();
    for (name, from) in libraries {
        made.push(shared_object(&Artifact {
            name: (*name).to_owned(),
            sources: vec![source(from)],
            libraries: made.clone(),
            ..Artifact::default()
        }));
    }
    let flags = ["-fno-pic", "-no-pie", "-mdirect-extern-access"];
    let program = executable(&Artifact {
        name: "main".to_owned(),
        sources: vec![source(main)],
        libraries: made.clone(),
        flags: flags.map(str::to_owned).to_vec(),
    });
    Native {
        program,
        libraries: made,
    }
}

struct Native {
    program: PathBuf,
    libraries: Vec<PathBuf>,
}

impl Native {
    fn command(&self) -> Command {
        let directories = self.libraries.iter().filter_map(|l| l.parent());
        let path = std::env::join_paths(directories).unwrap();
        let mut command = Command::new(&self.program);
        command.env("LD_LIBRARY_PATH", path);
        command
    }

    fn run(&self) -> Run {
        run(&mut self.command())
    }

    /// Names of what has a copy relocation.
    fn copies(&self) -> Vec<String> {
        copies(&self.program)
    }
}

/// Names of the symbols of an ELF file's copy relocations, as `readelf` says.
fn copies(file: &Path) -> Vec<String> {
    let mut command = tools().readelf.command();
    let listed = run(command.args(["--relocs", "--wide"]).arg(file));
    listed.expect_code(0);
    let lines = listed
        .stdout
        .lines()
        .filter(|l| l.contains("R_X86_64_COPY"));
    let mut names: Vec<String> = lines
        .filter_map(|line| line.split_whitespace().nth(4))
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect();
    names.sort();
    names
}

const SHOP: &[(&str, &str)] = &[("libshop.so", "shop.c"), ("libclerk.so", "clerk.c")];

fn shop(linker: Linker) -> Place {
    let mut place = Place::new();
    for (name, source) in SHOP {
        place.library(name, source, linker);
    }
    let linked = place.link("main.c", &[]);
    linked.expect(0, "");
    assert_eq!(linked.stderr, "");
    place
}

#[test]
fn all_use_the_copy_in_main_as_under_the_hosts_loader() {
    let native = native("main.c", SHOP);
    let expected = native.run();
    expected.expect_code(0);
    assert!(expected.stdout.lines().count() > 12, "{expected:#?}");
    for linker in [Linker::WasmLd, Linker::Ours] {
        println!("{linker:?}");
        let place = shop(linker);
        let run = place.run();
        run.expect(0, &expected.stdout);
        assert_eq!(run.stderr, "");
        let built = place.at.join("built.elf");
        wasmaot().build(&place.program(), &built);
        // The name of the alias, where ld takes the other one.
        let of_native = native.copies().into_iter();
        let mut of_native: Vec<String> = of_native
            .map(|name| name.replace("quiet_name", "loud_alias"))
            .collect();
        of_native.sort();
        assert_eq!(copies(&built), of_native);
    }
}

#[test]
fn copies_are_shown() {
    let place = shop(Linker::Ours);
    let mut command = wasmaot().run_command();
    let run = run(command.env("WASMAOT_DEBUG", "reloc").arg(place.program()));
    run.expect_code(0);
    let copied = |what: &str| {
        let line = format!("copying {what} from libshop.so at ");
        assert!(run.stderr.contains(&line), "{what}: {run:#?}");
    };
    // The sizes are what the objects said.
    for what in [
        "`counter`: 4 bytes",
        "`origin`: 16 bytes",
        "`table`: 12 bytes",
        "`room`: 2000 bytes",
        "`operations`: 12 bytes",
    ] {
        copied(what);
    }
    assert!(run.stderr.contains("copying `stdout`: "), "{run:#?}");
}

#[test]
fn modules_list_their_copies_and_sizes() {
    let place = shop(Linker::Ours);
    for (file, heading, row) in [
        (
            "main.wasm",
            "copies:",
            ["origin", "16 bytes", "aligned to 8"],
        ),
        (
            "libshop.so",
            "sizes of data:",
            ["origin", "16 bytes", "aligned to 8"],
        ),
    ] {
        let listed = run(wasmaot().command("inspect").arg(place.at.join(file)));
        listed.expect_code(0);
        let mut rest = listed.stdout.lines().skip_while(|line| *line != heading);
        let found = rest.any(|line| row.iter().all(|word| line.contains(word)));
        assert!(found, "{file}: {listed:#?}");
    }
}

/// Sizes from the objects are in the symbol table, for all tools.
#[test]
fn libraries_say_how_large_their_data_are() {
    let place = shop(Linker::Ours);
    let built = place.at.join("libshop.elf");
    wasmaot().build(&place.at.join("libshop.so"), &built);
    let mut command = tools().readelf.command();
    let listed = run(command.args(["--dyn-syms", "--wide"]).arg(&built));
    let size = |name: &str| {
        let lines = listed
            .stdout
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>());
        let mut of = lines.filter(|words| words.last() == Some(&name));
        of.next().and_then(|words| words[2].parse::<u32>().ok())
    };
    assert_eq!(size("origin"), Some(16), "{listed:#?}");
    assert_eq!(size("room"), Some(2000), "{listed:#?}");
}

#[test]
fn a_preloaded_library_gives_the_initial_bytes() {
    let libraries = [("libsizes.so", "sizes1.c")];
    let native = native("sizes_main.c", &libraries);
    let other = shared_object(&Artifact {
        name: "libother.so".to_owned(),
        sources: vec![source("sizes2.c")],
        ..Artifact::default()
    });
    let expected = run(native.command().env("LD_PRELOAD", &other));
    expected.expect(0, "100 40 101\n");
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
    place.link("sizes_main.c", &[]).expect(0, "");
    let mut preload = Place::new();
    preload.library("libother.so", "sizes2.c", Linker::WasmLd);
    let mut command = wasmaot().run_command();
    command.arg("--preload").arg(&preload.libraries[0]);
    run(command.arg(place.program())).expect(0, &expected.stdout);
}

#[test]
fn sizes_that_differ_at_load_are_told() {
    let libraries = [("libsizes.so", "sizes1.c")];
    let native = native("sizes_main.c", &libraries);
    let newer = shared_object(&Artifact {
        name: "libsizes.so".to_owned(),
        sources: vec![source("sizes2.c")],
        ..Artifact::default()
    });
    let expected = run(native
        .command()
        .env("LD_LIBRARY_PATH", newer.parent().unwrap()));
    assert!(expected.stderr.contains("different size"), "{expected:#?}");

    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::Ours);
    place.link("sizes_main.c", &[]).expect(0, "");
    let same = place.run();
    same.expect(0, "10 4 11\n");
    assert_eq!(same.stderr, "");
    place.library("libsizes.so", "sizes2.c", Linker::Ours);
    let run = place.run();
    run.expect(0, &expected.stdout);
    let words = [
        "warning: ",
        "`numbers` has 16 bytes",
        "libsizes.so defines it with 32",
    ];
    assert!(words.iter().all(|w| run.stderr.contains(w)), "{run:#?}");
}

#[test]
fn sizes_that_differ_at_link_time_are_told() {
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::Ours);
    let linked = place.link("beyond_main.c", &[]);
    linked.expect(0, "");
    let words = [
        "warning: ",
        "24 bytes of `numbers`",
        "libsizes.so it has 16",
    ];
    assert!(
        words.iter().all(|w| linked.stderr.contains(w)),
        "{linked:#?}"
    );
    // What the library has not is room in main all the same.
    place.run().expect(0, "0 10\n");
}

#[test]
fn a_library_that_keeps_to_its_own_data_is_an_error() {
    let own: [(&str, &str, &[&str]); 3] = [
        ("sizes1.c", "-O2", &["-Bsymbolic"]),
        ("own.c", "-O2", &["--export=numbers"]),
        ("own.c", "-O0", &["--export=numbers"]),
    ];
    for (source, optimise, flags) in own {
        println!("{source} {optimise}");
        let mut place = Place::new();
        place.library_with("libsizes.so", source, Linker::WasmLd, flags, &[optimise]);
        let linked = place.link("sizes_main.c", &[]);
        linked.expect(1, "");
        let words = [
            "error: ",
            "`numbers`",
            "libsizes.so",
            "-Bsymbolic",
            "hidden",
        ];
        assert!(
            words.iter().all(|w| linked.stderr.contains(w)),
            "{linked:#?}"
        );
        assert!(!place.program().exists());

        // Linked against another, run with this one.
        place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
        place.link("sizes_main.c", &[]).expect(0, "");
        place.run().expect(0, "10 4 11\n");
        place.library_with("libsizes.so", source, Linker::WasmLd, flags, &[optimise]);
        let run = place.run();
        run.expect(1, "");
        assert!(words.iter().all(|w| run.stderr.contains(w)), "{run:#?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:#?}");
    }
}

#[test]
fn a_symbol_that_no_library_defines_is_an_error() {
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
    place.link("sizes_main.c", &[]).expect(0, "");
    place.library("libsizes.so", "sizes3.c", Linker::WasmLd);
    let run_it = place.run();
    run_it.expect(1, "");
    assert!(
        run_it.stderr.contains("undefined data symbol `numbers`"),
        "{run_it:#?}"
    );
    let ldd = run(wasmaot()
        .command("ldd")
        .arg("-L")
        .arg(library_directory())
        .arg(place.program()));
    ldd.expect_code(1);
    assert!(
        ldd.stdout.contains("undefined data symbol: numbers"),
        "{ldd:#?}"
    );
    let mut command = wasmaot().run_command();
    let warned = run(command.arg("--unresolved=warn").arg(place.program()));
    warned.expect(0, "3 0 3\n");
    assert!(
        warned.stderr.contains("`numbers`; its copy stays zero"),
        "{warned:#?}"
    );
}

#[test]
fn a_main_whose_addresses_cannot_be_right_is_refused() {
    let place = Place::new();
    let undefined = place.link("sizes_main.c", &["--allow-undefined"]);
    undefined.expect(1, "");
    let words = ["error: ", "unit.o", "`numbers`", "defines it"];
    assert!(
        words.iter().all(|w| undefined.stderr.contains(w)),
        "{undefined:#?}"
    );
    assert!(!place.program().exists());

    // wasm-ld says so itself, where nothing keeps it from it.
    let undefined = place.link("sizes_main.c", &[]);
    undefined.expect(1, "");
    assert!(undefined.stderr.contains("numbers"), "{undefined:#?}");

    // Not in memory of its own.
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
    let imported = place.link("sizes_main.c", &["--import-memory"]);
    imported.expect(1, "");
    assert!(
        imported.stderr.contains("has to define its memory"),
        "{imported:#?}"
    );
    assert!(!place.program().exists());

    // By address, where addresses are not known before the program runs.
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
    let pie = place.link("sizes_main.c", &["--pie"]);
    pie.expect(1, "");
    assert!(pie.stderr.contains("recompile with -fPIC"), "{pie:#?}");
    assert!(!place.program().exists());
}

#[test]
fn symbols_survive_stripping() {
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
    place.link("sizes_main.c", &["--strip-all"]).expect(0, "");
    place.run().expect(0, "10 4 11\n");
}

/// What is in an archive before the library is no copy.
#[test]
fn an_archive_that_defines_the_data_comes_first() {
    let mut place = Place::new();
    place.library("libsizes.so", "sizes1.c", Linker::WasmLd);
    let member = compiled("sizes2.c", Code::Fixed);
    for (name, flags) in [("libnumbers.a", "rcs"), ("libthin.a", "rcsT")] {
        let mut ar = tools().ar.command();
        let archive = place.at.join(name);
        run(ar.arg(flags).arg(&archive).arg(&member)).expect(0, "");
    }
    let directory = format!("-L{}", place.at.display());
    for (first, second, output, copies) in [
        ("-lnumbers", "-lsizes", "100 40 101\n", false),
        ("-lthin", "-lsizes", "100 40 101\n", false),
        ("-lsizes", "-lnumbers", "10 4 11\n", true),
    ] {
        let objects = [
            start_file(Code::Fixed),
            compiled("sizes_main.c", Code::Fixed),
        ];
        let flags = [&*directory, first, second].map(PathBuf::from);
        let arguments = objects.into_iter().chain(flags).chain([libc()]);
        link(&place.program(), arguments).expect(0, "");
        place.run().expect(0, output);
        let module = std::fs::read(place.program()).unwrap();
        let list = b"wasmaot.copy";
        let found = module.windows(list.len()).any(|w| w == list);
        assert_eq!(found, copies, "{first}");
    }
}

#[test]
fn programs_and_libraries_without_copies() {
    let forms = [
        ("--pie", Code::Pic),
        ("-pie", Code::Pic),
        ("--no-pie", Code::Fixed),
        ("--no-demangle", Code::Fixed),
    ];
    for (kind, code) in forms {
        println!("{kind}");
        let mut place = Place::new();
        place.library("libsizes.so", "sizes1.c", Linker::Ours);
        let response = place.at.join("arguments");
        let libc = libc();
        let text = format!("'{}' {}", start_file(code).display(), libc.display());
        std::fs::write(&response, text).unwrap();
        let object = compiled("plain.c", code);
        let arguments = [
            kind.to_owned(),
            object.display().to_string(),
            place.libraries[0].display().to_string(),
            format!("@{}", response.display()),
        ];
        let linked = link(&place.program(), arguments);
        linked.expect(0, "");
        assert_eq!(linked.stderr, "");
        place.run().expect(0, "10\n");
        let built = place.at.join("built.elf");
        wasmaot().build(&place.program(), &built);
        assert!(copies(&built).is_empty());
    }
}

#[test]
fn what_cannot_be_linked_is_said() {
    let directory = scratch("link");
    let out = directory.join("out");
    let text = directory.join("text.o");
    std::fs::write(&text, "not an object").unwrap();
    let bitcode = directory.join("bitcode.o");
    std::fs::write(&bitcode, "BC\u{0}").unwrap();
    let missing = directory.join("missing.o");
    for (input, words) in [
        (&text, "neither a wasm object"),
        (&bitcode, "-flto"),
        (&missing, "missing.o"),
    ] {
        let linked = link(&out, [input]);
        linked.expect(1, "");
        let error = linked.stderr.starts_with("error: ") && linked.stderr.contains(words);
        assert!(error && linked.stderr.lines().count() == 1, "{linked:#?}");
        assert!(!out.exists());
    }
    let mut command = wasmaot().command("link");
    let none = run(command
        .env("WASMAOT_WASM_LD", "/does/not/exist")
        .arg(start_file(Code::Fixed)));
    none.expect(1, "");
    assert!(none.stderr.contains("WASMAOT_WASM_LD"), "{none:#?}");
    // As `ld` and `cc` end without inputs.
    let nothing = run(&mut wasmaot().command("link"));
    nothing.expect(1, "");
    assert!(nothing.stderr.contains("nothing to link"), "{nothing:#?}");
}
