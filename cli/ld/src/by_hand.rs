//! The loader's own command line, as that of `ld.so`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};
use lexopt::{Arg, Parser};
use wasmaot::EngineConfig;
use wasmaot_launch::report::{print, usage};
use wasmaot_launch::{Executable, Options, WORDS, list_file, unknown, written};

use crate::object::{self, Job};

const USAGE: &str = "\
Loads a built object and its libraries, and runs it, as ld.so does for native programs.

Usage: wasmaot-ld [OPTION]... PROGRAM [ARG]...

Options:
";

/// Options that are the loader's alone.
const OWN: [(&str, &str); 4] = [
    ("--list", "List the libraries, and do not run"),
    (
        "--library-path DIR[:DIR]...",
        "As -L, for several directories",
    ),
    ("--help", "Say this"),
    ("--version", "Say which version this is"),
];

/// Does what the words say; answers the exit code.
///
/// # Errors
/// Wrong usage; what keeps the program from being loaded.
pub fn run(words: Vec<OsString>) -> Result<u8> {
    let mut options = Options::default();
    let mut lists = false;
    let mut parser = Parser::from_args(words);
    let program: PathBuf = loop {
        let Some(arg) = parser.next().map_err(|error| usage(error.to_string()))? else {
            return Err(usage("no program is given; `wasmaot-ld --help` says more"));
        };
        if let Arg::Value(program) = arg {
            break program.into();
        }
        let name = written(&arg);
        match &*name {
            "--list" => lists = true,
            "--library-path" => {
                let value = parser.value().map_err(|error| usage(error.to_string()))?;
                options.library_path.extend(std::env::split_paths(&value));
            }
            "-h" | "--help" => return print(help()).map(|()| 0),
            "-V" | "--version" => {
                return print(concat!("wasmaot-ld ", env!("CARGO_PKG_VERSION"), "\n")).map(|()| 0);
            }
            _ if options.take(&name, &mut parser)? => {}
            _ => return Err(unknown(&name)),
        }
    };
    let words: Vec<OsString> = match parser.raw_args() {
        Ok(rest) => rest.collect(),
        Err(error) => return Err(usage(error.to_string())),
    };
    let options = options.over(Options::of_environment()?);
    if lists {
        let listing = list_file(&options, &program, EngineConfig::new())?;
        print(listing.to_string())?;
        return Ok(listing.exit_code());
    }
    if Executable::at(&program, false).is_ok_and(|found| found.is_some()) {
        let name = program.display();
        bail!("{name}: is an executable with a loader of its own; start it by its name");
    }
    object::run(Job {
        options,
        file: None,
        name: program.clone().into_os_string(),
        path: program,
        words,
        loader: std::env::current_exe().unwrap_or_default(),
    })
}

fn help() -> String {
    let own = OWN.iter().map(|(name, help)| ((*name).to_owned(), *help));
    let words = WORDS.iter().map(|word| {
        let name = [word.name, word.value].join(" ");
        (name.trim_end().to_owned(), word.help)
    });
    let lines = own
        .chain(words)
        .map(|(name, help)| format!("  {name:<28} {help}\n"));
    let lines: String = lines.collect();
    format!("{USAGE}{lines}\nWASMAOT_OPTIONS in the environment has options, too.\n")
}
