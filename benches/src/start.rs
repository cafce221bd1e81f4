//! Whole processes: how long a program takes from nothing to its end.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use wasmaot_lab::builds::FLAGS;
use wasmaot_lab::interleave::{Contestant, Runner, Sample, compete};
use wasmaot_lab::report::{Report, Task};
use wasmaot_lab::tools::{GCC, Tool};
use wasmaot_testkit::{Code, Kind, Link};

use crate::child;

/// `start`.
#[derive(clap::Args)]
pub struct Args {
    /// The programs: hello, thousand, open [default: all]
    programs: Vec<String>,
    /// Rounds; everyone runs once in each, as often as --runs says
    #[arg(long, default_value_t = 31)]
    rounds: usize,
    /// Runs of a process in a round, for the mean
    #[arg(long, default_value_t = 10)]
    runs: u32,
    /// The command to measure
    #[arg(long, default_value = "target/release/wasmaot")]
    wasmaot: PathBuf,
    /// The static loader, of which executables are made
    #[arg(long, default_value = "target/loader/wasmaot-ld")]
    loader: PathBuf,
    /// Measure native programs, --interp and --exe alone
    #[arg(long)]
    executables: bool,
    /// Also measure this module, as a program, against hello
    #[arg(long, value_name = "WASM")]
    module: Option<PathBuf>,
    /// An argument of that program
    #[arg(
        long = "arg",
        value_name = "ARG",
        allow_hyphen_values = true,
        requires = "module"
    )]
    args: Vec<String>,
    /// Write the figures here too
    #[arg(long)]
    json: Option<PathBuf>,
    /// Build here, and leave what is built to be looked at
    #[arg(long)]
    keep: Option<PathBuf>,
}

const HELLO: &str = "\
#include <stdio.h>

int main(void) { return puts(\"hello\") < 0; }
";

const SYMBOLS: usize = 1000;

const OPEN: &str = "\
#include <dlfcn.h>
#include <stdio.h>

int main(void) {
    int sum = 0;
    for (int i = 0; i < 1000; i++) {
        void *library = dlopen(\"libsmall.so\", RTLD_NOW);
        int (*function)(int) = library ? (int (*)(int))dlsym(library, \"small\") : 0;
        if (!function)
            return puts(dlerror()), 1;
        sum += function(i);
        dlclose(library);
    }
    return printf(\"%d\\n\", sum) < 0;
}
";

const SMALL: &str = "\
static int calls;

int small(int x) { return x + ++calls; }
";

/// A program and its library.
struct Program {
    name: &'static str,
    main: String,
    library: Option<(&'static str, String)>,
    /// The library is opened by the program, not linked with it.
    opened: bool,
}

fn programs() -> Vec<Program> {
    let program = |name, main: &str, library, opened| Program {
        name,
        main: main.to_owned(),
        library,
        opened,
    };
    let (mut lib, mut declarations, mut calls) = (String::new(), String::new(), String::new());
    for i in 0..SYMBOLS {
        let _ = writeln!(lib, "int function{i}(int x) {{ return x + {i}; }}");
        let _ = writeln!(declarations, "int function{i}(int x);");
        let _ = writeln!(calls, "    x = function{i}(x);");
    }
    let thousand = format!(
        "#include <stdio.h>\n\n{declarations}\nint main(void) {{\n    int x = 0;\n{calls}    \
         return printf(\"%d\\n\", x) < 0;\n}}\n"
    );
    vec![
        program("hello", HELLO, None, false),
        program("thousand", &thousand, Some(("libthousand.so", lib)), false),
        program("open", OPEN, Some(("libsmall.so", SMALL.to_owned())), true),
    ]
}

/// Measures, prints the table.
pub fn run(args: &Args) -> Result<()> {
    let wasmaot = args.wasmaot.canonicalize().with_context(|| {
        let path = args.wasmaot.display();
        format!("no {path}: build it with cargo build --release, or say --wasmaot")
    })?;
    let loader = args.loader.canonicalize().with_context(|| {
        let path = args.loader.display();
        format!(
            "no {path}: build it with cargo build --profile loader -p wasmaot-ld, or say --loader"
        )
    })?;
    let temporary = tempfile::tempdir()?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(directory)?;
    let directory = directory.canonicalize()?;
    let mut report = Report {
        title: "start".to_owned(),
        ..Report::default()
    };
    report.note_machine();
    report.note("gcc", Tool::find(GCC)?.version());
    report.note(
        "measured",
        "whole processes: CPU time, user and system; beside it from spawning one to its end",
    );
    let known = programs();
    for name in &args.programs {
        let all: Vec<&str> = known.iter().map(|p| p.name).collect();
        known
            .iter()
            .find(|p| p.name == name)
            .with_context(|| format!("no program {name}; there are: {}", all.join(" ")))?;
    }
    // A copy, as what is installed is one: the pages of a file that was written
    // by a linker, in no order, are in the system's cache one by one, and a
    // process takes them so.
    let copy = directory.join("wasmaot");
    fs::copy(&wasmaot, &copy).with_context(|| format!("cannot copy {}", wasmaot.display()))?;
    let loader_copy = directory.join("wasmaot-ld");
    fs::copy(&loader, &loader_copy).with_context(|| format!("cannot copy {}", loader.display()))?;
    let build = Build {
        wasmaot: copy,
        loader: loader_copy,
        executables: args.executables,
        directory,
    };
    for program in &known {
        if args.programs.is_empty() || args.programs.iter().any(|name| name == program.name) {
            let contestants = build.contestants(program)?;
            report.tasks.push(measure(args, program.name, contestants));
        }
    }
    if let Some(module) = &args.module {
        let contestants = build.module(module, &args.args, &known[0])?;
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        report.tasks.push(measure(args, &name, contestants));
    }
    crate::progress("");
    print!("{}", report.details());
    crate::keep(&report, args.json.as_deref())
}

fn measure(args: &Args, name: &str, mut contestants: Vec<Contestant>) -> Task {
    let series = compete(
        &mut contestants,
        args.runs,
        args.rounds,
        &mut |contestant| {
            crate::progress(&format!("{name}: {contestant}"));
        },
    );
    Task {
        name: name.to_owned(),
        about: String::new(),
        group: "start".to_owned(),
        n: args.runs,
        series,
    }
}

/// Makes programs.
struct Build {
    wasmaot: PathBuf,
    loader: PathBuf,
    /// Whether the command itself takes no part.
    executables: bool,
    directory: PathBuf,
}

impl Build {
    fn contestants(&self, program: &Program) -> Result<Vec<Contestant>> {
        let directory = self.directory.join(program.name);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("main.c"), &program.main)?;
        if let Some((_, text)) = &program.library {
            fs::write(directory.join("lib.c"), text)?;
        }
        let mut contestants = Vec::new();
        for (name, bind) in [("native", "lazy"), ("native-now", "now")] {
            let path = native(&directory, program, bind)?;
            let runner = child::process(move || Command::new(&path));
            contestants.push(Contestant::new(name, Ok(runner)));
        }
        let main = self.wasm(&directory, program)?;
        for (name, path) in self.executables(&directory, program)? {
            let runner = child::process(move || Command::new(&path));
            contestants.push(Contestant::new(name, Ok(runner)));
        }
        if self.executables {
            return Ok(contestants);
        }
        // Without any option first: the line that is used most is read fastest.
        let ways: [(&str, &[&str]); 4] = [
            ("wasmaot", &[]),
            ("wasmaot-now", &["--bind", "now"]),
            ("wasmaot-lazy", &["--bind", "lazy"]),
            ("wasmaot-direct", &["--bind", "direct"]),
        ];
        for (name, options) in ways {
            let runner = child::process(self.command(&main, options, &[]));
            contestants.push(Contestant::new(name, Ok(runner)));
        }
        Ok(contestants)
    }

    /// Hello, and a program of the user's own.
    fn module(&self, module: &Path, args: &[String], hello: &Program) -> Result<Vec<Contestant>> {
        let directory = self.directory.join(hello.name);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("main.c"), &hello.main)?;
        let small = self.wasm(&directory, hello)?;
        let large = self.build(module, &self.directory.join("module.elf"))?;
        // Libc is beside the small one.
        let beside = small
            .parent()
            .unwrap_or(Path::new("."))
            .display()
            .to_string();
        let mut large = child::process(self.command(&large, &["-L", &beside], args));
        let mut small = child::process(self.command(&small, &[], &[]));
        // They print different things.
        let alike = |runner: &mut Runner, n| runner(n).map(|s| Sample { checksum: 0, ..s });
        Ok(vec![
            Contestant::new("hello", Ok(Box::new(move |n| alike(&mut small, n)))),
            Contestant::new("module", Ok(Box::new(move |n| alike(&mut large, n)))),
        ])
    }

    fn command(
        &self,
        main: &Path,
        flags: &[&str],
        args: &[String],
    ) -> impl FnMut() -> Command + use<> {
        let mut words = vec!["run".to_owned()];
        words.extend(flags.iter().map(|&flag| flag.to_owned()));
        words.push(main.display().to_string());
        words.push("--".to_owned());
        words.extend(args.iter().cloned());
        let wasmaot = self.wasmaot.clone();
        move || {
            let mut command = Command::new(&wasmaot);
            command.args(&words);
            command
        }
    }

    /// What the system starts: main's object, with its libraries beside it, and an
    /// executable.
    fn executables(
        &self,
        directory: &Path,
        program: &Program,
    ) -> Result<[(&'static str, PathBuf); 2]> {
        let modules = self.modules(directory, program)?;
        let objects = directory.join("interp");
        fs::create_dir_all(&objects)?;
        let object = objects.join("main.elf");
        let mut command = Command::new(&self.wasmaot);
        command.env("WASMAOT_LD", &self.loader);
        command.args(["build", "--interp", "-o"]).arg(&object);
        child::run(command.arg(&modules[0]))?;
        for library in &modules[1..] {
            let name = library.file_name().unwrap_or_default().to_string_lossy();
            self.build(library, &objects.join(format!("{name}.elf")))?;
        }
        let executable = directory.join("executable");
        let mut command = Command::new(&self.wasmaot);
        command.env("WASMAOT_LD", &self.loader);
        command.args(["build", "--exe", "-o"]).arg(&executable);
        child::run(command.args(&modules))?;
        Ok([("interp", object), ("exe", executable)])
    }

    /// The objects of a program, with its libraries beside it.
    fn wasm(&self, directory: &Path, program: &Program) -> Result<PathBuf> {
        let out = directory.join("wasm");
        fs::create_dir_all(&out)?;
        let modules = self.modules(directory, program)?;
        for library in &modules[1..] {
            let name = library.file_name().unwrap_or_default().to_string_lossy();
            self.build(library, &out.join(format!("{name}.elf")))?;
        }
        self.build(&modules[0], &out.join("main.elf"))
    }

    /// The modules of a program, main first.
    fn modules(&self, directory: &Path, program: &Program) -> Result<Vec<PathBuf>> {
        let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../include");
        let object =
            |name: &str| wasmaot_testkit::object(&directory.join(name), Code::Pic, &[include]);
        let library = program
            .library
            .as_ref()
            .map(|(name, _)| Link::new(Kind::Shared, name, vec![object("lib.c")], vec![]).make());
        let needed = library.iter().filter(|_| !program.opened).cloned();
        let main = Link::new(
            Kind::Pie,
            "main.wasm",
            vec![object("main.c")],
            needed.collect(),
        )
        .flag("--unresolved-symbols=import-dynamic")
        .make();
        let libraries = library.into_iter().chain([wasmaot_testkit::libc()]);
        Ok([main].into_iter().chain(libraries).collect())
    }

    fn build(&self, module: &Path, out: &Path) -> Result<PathBuf> {
        let mut command = Command::new(&self.wasmaot);
        child::run(command.arg("build").arg(module).arg("-o").arg(out))?;
        Ok(out.to_owned())
    }
}

/// A native program, bound lazily or at the start.
fn native(directory: &Path, program: &Program, bind: &str) -> Result<PathBuf> {
    let out = directory.join(bind);
    fs::create_dir_all(&out)?;
    let gcc = Tool::find(GCC)?;
    let bind = format!("-Wl,-z,{bind}");
    let run = |args: &[&str]| gcc.run(&out, FLAGS.iter().chain(&[bind.as_str()]).chain(args));
    let mut main = vec!["../main.c", "-o", "main", "-Wl,-rpath,$ORIGIN", "-L."];
    let linked: String;
    if let Some((name, _)) = &program.library {
        run(&["-shared", "-fPIC", "../lib.c", "-o", name])?;
        linked = format!("-l:{name}");
        if !program.opened {
            main.push(&linked);
        }
    }
    run(&main)?;
    Ok(out.join("main"))
}
