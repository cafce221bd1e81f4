//! The command line.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

#[cfg(feature = "compiler")]
use clap::ValueEnum;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};
#[cfg(feature = "compiler")]
use wasmaot_compiler::Emit;
#[cfg(feature = "compiler")]
use wasmaot_launch::choice::name_of;
use wasmaot_launch::choice::{BIND, DL_STUBS, UNRESOLVED};
use wasmaot_launch::{Grant, Options, Size, Timeout};
use wasmaot_runtime::{Bind, DlStubs, Unresolved};

use crate::choice;

#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "compiler")]
mod cache;
#[cfg(feature = "compiler")]
mod codegen;
#[cfg(feature = "compiler")]
pub mod cpu;
mod help;
mod line;
#[cfg(feature = "remote-cache")]
mod remote;
#[cfg(feature = "compiler")]
mod sysroot;
mod talk;

#[cfg(feature = "bench")]
pub use bench::Bench;
#[cfg(feature = "compiler")]
pub use cache::{Cache, CacheAction, Limit};
pub use line::is_of_run;
use line::names_program;
#[cfg(feature = "remote-cache")]
pub use remote::Remote;
#[cfg(feature = "compiler")]
pub use sysroot::{Action, Install, Sysroot};
pub use talk::Talk;

/// Compiles WebAssembly modules to ELF shared objects and links them at run time.
#[derive(Debug, Parser)]
#[command(
    name = "wasmaot",
    version,
    max_term_width = 100,
    after_help = help::COMMAND
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub talk: Talk,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compile modules, each to an object
    #[cfg(feature = "compiler")]
    Build(Box<Build>),
    /// Load a program with its libraries and run it
    Run(Box<Run>),
    /// Compile and link C: clang, wasm-ld and a sysroot behind the options of a compiler driver
    #[command(override_usage = "wasmaot cc [OPTION]... FILE...", after_help = CC_HELP)]
    Cc(Words),
    /// The same for C++
    #[command(name = "c++", override_usage = "wasmaot c++ [OPTION]... FILE...", after_help = CC_HELP)]
    Cxx(Words),
    /// Link wasm objects with wasm-ld, so that data of libraries can be referred to by address
    #[command(alias = "ld", override_usage = "wasmaot link [OPTION]... FILE...", after_help = LINK_HELP)]
    Link(Words),
    /// List needed libraries, where each was found, and unresolved symbols
    Ldd(Ldd),
    /// Show imports, exports, relocations and segments of a module or object
    Inspect(Inspect),
    /// Measure ways of calling and of reaching data across modules: the ABI laboratory
    #[cfg(feature = "bench")]
    Bench(Box<Bench>),
    /// Make, list and remove sysroots: what C and C++ programs are built against
    #[cfg(feature = "compiler")]
    Sysroot(Sysroot),
    /// Look after the cache of built objects
    #[cfg(feature = "compiler")]
    Cache(Cache),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual: a page for each command
    Man {
        /// Directory of the pages, which is made where it is missing
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
    },
}

/// How to compile; shared by `build` and by what builds on the way.
#[cfg(feature = "compiler")]
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Codegen {
    /// Optimise: 0 not at all, compiling fast; 1 each function; 2 across functions, by inlining
    #[arg(short = 'O', value_name = "LEVEL", default_value_t = Self::DEFAULT.opt_level, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub opt_level: u8,
    /// CPU to compile for: `baseline`, every one (x86-64-v2, Armv8-A); `native`, this machine's;
    /// or features beyond the baseline, as /proc/cpuinfo has them (avx2,bmi2)
    #[arg(long, value_name = "CPU", default_value = cpu::Cpu::BASELINE, value_parser = cpu::Cpu::parse)]
    pub cpu: cpu::Cpu,
    /// Threads to compile with [default: one for each core]
    #[arg(short = 'j', long = "jobs", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Largest machine code of a module, in bytes (suffixes K, M, G) [default: 64M, and 16 bytes
    /// more for each byte of code in the module]
    #[arg(long, value_name = "BYTES")]
    pub max_code: Option<Size>,
}

/// A flag of code generation, named as compilers do.
#[cfg(feature = "compiler")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flag {
    /// Call functions of other objects by addresses from the GOT
    NoPlt,
}

/// `wasmaot build`.
#[cfg(feature = "compiler")]
#[derive(Debug, Args)]
pub struct Build {
    /// Modules, `.wasm` or `.wat`; `-` is one from standard input
    #[arg(required = true, value_name = "INPUT", value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Output file, `-` for standard output [default: INPUT with `.elf` added]; with --prelink, a
    /// directory
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Take the inputs for a program and its libraries, and have them call each other directly
    #[arg(long)]
    pub prelink: bool,
    /// With --prelink or --exe, look for the program's other libraries in this directory: with -o,
    /// those that are found are a part of the set, and written too
    #[arg(short = 'L', value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub library_path: Vec<PathBuf>,
    /// Have the system start programs by themselves: their objects name the loader that it starts
    /// for them [default: wasmaot-ld of this installation]
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "exe")]
    pub interp: Option<OsString>,
    /// Make one executable of the inputs, a program and its libraries, that needs nothing else to
    /// run [default output: INPUT without its extension]
    #[arg(long, conflicts_with = "prelink")]
    pub exe: bool,
    /// What to write
    #[arg(long, value_parser = choice::parser(choice::EMIT), default_value = name_of(choice::EMIT, &Emit::default()))]
    pub emit: Emit,
    /// Have the objects count their branches, for `wasmaot run --profile FILE`
    #[arg(long, conflicts_with_all = ["prelink", "exe", "profile_use"])]
    pub profile_generate: bool,
    /// Place code by what `wasmaot run --profile FILE` has counted: what is not used is out of the
    /// way
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub profile_use: Option<PathBuf>,
    /// Target triple [default: this machine's]
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<String>,
    /// `-fno-plt`: call functions of other objects by addresses from the GOT
    #[arg(
        short = 'f',
        value_name = "FLAG",
        value_enum,
        hide_possible_values = true
    )]
    pub flags: Vec<Flag>,
    #[command(flatten)]
    pub codegen: Codegen,
    /// With --exe, how the program is run if who starts it does not say otherwise
    #[command(flatten, next_help_heading = "Options of an executable (--exe)")]
    pub running: Running,
}

/// Where libraries are looked for, and how they are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Search {
    /// Look for libraries in this directory, before the standard places
    #[arg(short = 'L', value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub library_path: Vec<PathBuf>,
    /// Load this object before all libraries; its symbols win
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub preload: Vec<PathBuf>,
    /// Check every byte of built objects, not just what the loader reads
    #[arg(long)]
    pub verify: bool,
}

/// What compiler drivers have, and what is particular here.
#[rustfmt::skip]
const CC_HELP: &str = "\
Options are those of clang and of gcc's driver: -c -S -E -o -O -g -D -I -L -l -shared -pie -no-pie \
-pthread -rdynamic -nostdlib -x -M… -Wl,… -Xlinker -print-… -v -### @FILE. Code is position \
independent and symbols are visible unless -fno-pic or -fvisibility=hidden is given; setjmp and C++ \
exceptions work.

  --target=TRIPLE          wasm32-unknown-linux-musl or wasm32-wasip1 [default: what the sysroot is for]
  --sysroot=DIR            The sysroot
  -pthread                 A program with threads: for all that is compiled and linked
  -o FILE                  A program: FILE.wasm is a module; any other begins with a line `#!`, so that
                           ./FILE runs it, with the current directory and with WASMAOT_OPTIONS
  -static                  A program that is one file with its libraries, as of `wasmaot build --exe`
  -shared                  A library, found by -L, -Wl,-rpath,DIR or WASMAOT_LIBRARY_PATH
  --print-cmake-toolchain  A file for -DCMAKE_TOOLCHAIN_FILE=
  
Build systems take CC=\"wasmaot cc\" CXX=\"wasmaot c++\" LD=\"wasmaot ld\" AR=\"wasmaot ar\" \
RANLIB=\"wasmaot ranlib\" NM=\"wasmaot nm\" STRIP=\"wasmaot strip\": these are LLVM's tools, of \
clang's version. A link to wasmaot by the name wasmaot-cc, wasmaot-c++, wasmaot-ar, … is that command.

Environment:
  WASMAOT_CLANG            The clang that is run, 19 or later [default: clang, else the latest clang-NN]
  WASMAOT_WASM_LD          The wasm-ld that is run [default: that of clang's version]
  WASMAOT_SYSROOT          The sysroot, as `wasmaot sysroot install` makes it";

/// What linkers have, and what is particular here.
#[rustfmt::skip]
const LINK_HELP: &str = "\
Options are those of wasm-ld. What is passed to linkers for ELF is understood where it has a \
meaning (-soname, -rpath, -h, --version-script, --exclude-libs, -z defs, -Wl,…, @FILE), left out \
where it has none (--as-needed, --hash-style, groups), and refused otherwise.

  -o FILE    The output [default: a.out]
  -pie       A position-independent program
  -no-pie    A program at fixed addresses (default)
  -shared    A shared library
  -r         One object of several
  --rpath-inputs  Libraries are looked for where they are now, after what -rpath names

wasmaot link: supported targets: wasm32 (libtool looks for elf)";

/// What a program is given and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Running {
    /// Grant access to a directory, by another name if GUEST is given, to be read alone with `ro:`
    #[arg(
        long = "dir",
        value_name = "[ro:]HOST[::GUEST]",
        value_hint = ValueHint::DirPath,
        value_parser = grant_parser()
    )]
    pub grants: Vec<Grant>,
    /// Set a variable of the program's environment; `K` alone passes ours on
    #[arg(long = "env", value_name = "K=V")]
    pub env: Vec<OsString>,
    /// The program's name for itself [default: the name of its file]
    #[arg(long, value_name = "NAME")]
    pub argv0: Option<OsString>,
    /// Give the program a socket that listens here: a descriptor after those of the directories
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Vec<String>,
    /// How to bind calls from one object to another [default: static]
    #[arg(long, value_parser = choice::parser(BIND))]
    pub bind: Option<Bind>,
    /// With --bind lazy, load a needed library only when something is not found without it
    #[arg(long)]
    pub lazy_load: bool,
    /// What to do about stubs of dlopen and its like, as SDKs have them in libdl.so [default:
    /// replace]
    #[arg(long, value_parser = choice::parser(DL_STUBS))]
    pub dl_stubs: Option<DlStubs>,
    /// What to do about undefined symbols [default: error]
    #[arg(long, value_parser = choice::parser(UNRESOLVED))]
    pub unresolved: Option<Unresolved>,
    /// What the program may use, in bytes (suffixes K, M, G): memories, tables, exceptions, and
    /// libraries that it opens [default: 8G]
    #[arg(long, value_name = "N")]
    pub max_memory: Option<Size>,
    /// Native stack, in bytes (suffixes K, M, G) [default: 8M]
    #[arg(long, value_name = "N")]
    pub stack_size: Option<Size>,
    /// Threads that the program may have at a time, its first one among them: with 1 it can start
    /// none [default: 1024]
    #[arg(long, value_name = "N")]
    pub max_threads: Option<NonZeroU32>,
    /// Stop after this time, in seconds (suffixes ms, s, m, h), with exit code 124: all threads,
    /// wherever they are
    #[arg(long, value_name = "T", value_parser = Timeout::parse)]
    pub timeout: Option<Timeout>,
}

impl Running {
    /// The options in one, with where libraries are searched.
    pub fn options(&self, search: &Search) -> Options {
        let (running, search) = (self.clone(), search.clone());
        Options {
            library_path: search.library_path,
            preload: search.preload,
            verify: search.verify,
            grants: running.grants,
            env: running.env,
            argv0: running.argv0,
            listen: running.listen,
            bind: running.bind,
            lazy_load: running.lazy_load,
            dl_stubs: running.dl_stubs,
            unresolved: running.unresolved,
            max_memory: running.max_memory,
            stack_size: running.stack_size,
            max_threads: running.max_threads,
            timeout: running.timeout,
        }
    }
}

/// Reads the value of `--dir`.
pub(crate) fn grant_parser() -> impl TypedValueParser<Value = Grant> {
    OsStringValueParser::new().try_map(|text| Grant::read(&text))
}

/// `wasmaot run`.
#[derive(Debug, PartialEq, Eq, Args)]
#[command(
    override_usage = "wasmaot run [OPTIONS] PROGRAM [LIB]... [--] [ARG]...",
    after_help = help::RUN
)]
pub struct Run {
    /// Program (`.wasm`, `.wat` or a built object; `-` is a module from standard input), and what
    /// it is given: options come before it
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_name = "PROGRAM",
        value_hint = ValueHint::FilePath
    )]
    pub line: Vec<OsString>,
    /// Load a library with it, as if the program needed it; by another name if NAME= is given
    #[arg(short, long = "lib", value_name = "[NAME=]FILE", value_hint = ValueHint::FilePath)]
    pub libraries: Vec<OsString>,
    #[command(flatten)]
    pub search: Search,
    #[command(flatten)]
    pub running: Running,
    /// Call an export and print its results, each time that this is given in turn; without
    /// PARAMETERs, a single one has them from the program's arguments
    #[arg(long, value_name = "NAME[ PARAMETER]...")]
    pub invoke: Vec<String>,
    /// List the loaded objects and where they are, and do not run
    #[arg(long)]
    pub trace_loaded: bool,
    /// Where the program traps, write a core dump: its memories and stacks, for nobody else to read.
    /// For gdb (`gdb wasmaot FILE`) or, as FILE.wasm, for tools that know WebAssembly's format
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub coredump: Option<PathBuf>,
    /// Say who refers to a symbol, where it is looked for, and what it is bound to; run nothing
    #[arg(long, value_name = "SYMBOL")]
    pub explain: Option<String>,
    /// With --explain or --trace-loaded, print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Have modules count their branches, and add what they and objects of build
    /// --profile-generate have counted to this file
    #[cfg(feature = "compiler")]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub profile: Option<PathBuf>,
    #[cfg(feature = "compiler")]
    #[command(flatten)]
    pub codegen: Codegen,
    #[cfg(feature = "remote-cache")]
    #[command(flatten)]
    pub remote: Remote,
}

impl Run {
    /// A command line without options before the program, `[run] PROGRAM
    /// [WORD]...`, as the parser would read it: to describe all options to that
    /// takes longer than to start a program.
    pub fn plain(line: &[OsString]) -> Option<Self> {
        let line = match line {
            [run, line @ ..] if run == "run" => line,
            [program, ..] if names_program(program) => line,
            _ => return None,
        };
        let program = line.first()?;
        if program.is_empty() || program.as_encoded_bytes().starts_with(b"-") && program != "-" {
            return None;
        }
        Some(Self {
            line: line.to_vec(),
            libraries: Vec::new(),
            search: Search::default(),
            running: Running::default(),
            invoke: Vec::new(),
            trace_loaded: false,
            coredump: None,
            explain: None,
            json: false,
            #[cfg(feature = "compiler")]
            profile: None,
            #[cfg(feature = "compiler")]
            codegen: Codegen::DEFAULT,
            #[cfg(feature = "remote-cache")]
            remote: Remote::default(),
        })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        Path::new(self.line.first().map_or(OsStr::new(""), |word| word))
    }

    /// What follows it: libraries, and what it is given.
    pub fn words(&self) -> &[OsString] {
        self.line.get(1..).unwrap_or_default()
    }
}

/// Arguments of a form of their own, which the command itself reads.
#[derive(Debug, Args)]
pub struct Words {
    /// Sources, objects, libraries, and options
    #[arg(
        value_name = "ARG",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_hint = ValueHint::FilePath
    )]
    pub words: Vec<OsString>,
}

/// `wasmaot ldd`.
#[derive(Debug, Args)]
pub struct Ldd {
    /// Program or library
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub search: Search,
    #[cfg(feature = "compiler")]
    #[command(flatten)]
    pub codegen: Codegen,
    #[cfg(feature = "remote-cache")]
    #[command(flatten)]
    pub remote: Remote,
}

/// `wasmaot inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Module or object; `-` is one from standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Check every byte of an object against its hash
    #[arg(long)]
    pub verify: bool,
    /// Print how a module is linked as the JSON object of section `dyninfo`
    #[arg(long, conflicts_with = "verify")]
    pub dyninfo: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "dyninfo")]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_plain_line_means_what_the_parser_reads() {
        let plain = |line: &[&str]| {
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            Run::plain(&line)
        };
        let lines: [&[&str]; 9] = [
            &["run", "a"],
            &["run", "a", "b", "c"],
            &["run", "a", "--"],
            &["run", "a", "--", "x", "--dir", "-", "--", ""],
            &["run", "a", "--", "--", "x"],
            &["run", "a/b", "c", "--", "run"],
            &["run", "run"],
            &["run", "-", "x"],
            &["run", "a", "--dir", ".", "--help", "-v"],
        ];
        for line in lines {
            let cli = Cli::try_parse_from(std::iter::once(&"wasmaot").chain(line)).unwrap();
            let Command::Run(parsed) = cli.command else {
                panic!("{line:?}");
            };
            assert_eq!(plain(line), Some(*parsed), "{line:?}");
        }
        let others: [&[&str]; 9] = [
            &[],
            &["run"],
            &["run", ""],
            &["run", "--", "a"],
            &["run", "--dir", ".", "a"],
            &["ldd", "a"],
            &["build", "a"],
            &["nothing"],
            &["--dir=.", "a.wasm"],
        ];
        for line in others {
            assert_eq!(plain(line), None, "{line:?}");
        }
        assert_eq!(plain(&["a.wasm", "-x"]), plain(&["run", "a.wasm", "-x"]));
        assert!(plain(&["./build"]).is_some());
        let commands = Cli::command();
        for command in commands.get_subcommands() {
            let names = command.get_all_aliases().chain([command.get_name()]);
            for name in names {
                assert!(line::COMMANDS.contains(&name), "{name}");
            }
        }
    }

    /// What has no default of its own says which the library has.
    #[test]
    fn help_states_the_defaults_of_the_library() {
        use wasmaot_launch::choice::name_of;
        use wasmaot_runtime::Config;
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        let defaults = Config::default();
        for (id, default) in [
            ("max_memory", Size(defaults.max_memory).to_string()),
            ("stack_size", Size(defaults.stack_size).to_string()),
            ("max_threads", defaults.max_threads.to_string()),
            ("bind", name_of(BIND, &defaults.bind).to_owned()),
            ("dl_stubs", name_of(DL_STUBS, &defaults.dl_stubs).to_owned()),
            (
                "unresolved",
                name_of(UNRESOLVED, &defaults.unresolved).to_owned(),
            ),
        ] {
            let mut arguments = run.get_arguments();
            let limit = arguments.find(|a| a.get_id() == id).unwrap();
            let stated = format!("[default: {default}]");
            let help = limit.get_help().unwrap().to_string();
            assert!(help.ends_with(&stated), "{help:?} has no {stated}");
        }
    }
}
