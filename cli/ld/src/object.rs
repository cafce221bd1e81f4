//! A program that is an object: the kernel has started the loader for it, or the
//! user has named it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};
use wasmaot::{EngineConfig, LibraryFinder};
use wasmaot_launch::{NeedsCommand, Options, Program, Use, VARIABLE, open_all, report, within};
use wasmaot_runtime::Process;

use crate::{own_file, start};

/// A program to run.
pub struct Job {
    /// How.
    pub options: Options,
    /// Where it is.
    pub path: PathBuf,
    /// The file, if that is open already.
    pub file: Option<File>,
    /// What it is called.
    pub name: OsString,
    /// Its arguments.
    pub words: Vec<OsString>,
    /// Where the loader is.
    pub loader: PathBuf,
}

/// Runs the program that the kernel has started; answers its exit code.
///
/// What the kernel has mapped of it stays there, and is not used: the loader puts
/// objects where they reach each other.
///
/// # Errors
/// What keeps it from being loaded.
pub fn run_program(program: &start::Program, name: OsString, words: Vec<OsString>) -> Result<u8> {
    let (file, path) = own_file::open(program.head, 0)?;
    run(Job {
        options: Options::of_environment()?,
        path,
        file: Some(file),
        name,
        words,
        loader: program.interpreter.to_owned(),
    })
}

/// Runs a program; answers its exit code.
///
/// # Errors
/// What keeps it from being loaded.
pub fn run(mut job: Job) -> Result<u8> {
    let file = job.file.take();
    let config = job.options.config()?;
    let ran = within(&job.options, config, |process| load(&job, file, process));
    let ran = ran.or_else(|error| have_command_run(&job, error));
    advised(ran, &job.options)
}

fn load(job: &Job, file: Option<File>, process: &mut Process) -> Result<u8> {
    let options = &job.options;
    let mut finder: LibraryFinder = options.finder(&job.path, EngineConfig::new());
    let main = match file {
        Some(file) => finder.open_file(file, &job.path)?,
        None => finder.open(&job.path)?,
    };
    let preload = open_all(&mut finder, &options.preload)?;
    let host = options.host(&job.name, &job.words)?;
    process.set_finder(finder);
    let program = Program::prepare(process, host, main, Vec::new(), Use::Run, None)?;
    let program = program.preload(preload);
    let id = program.load(process)?;
    program.start(process, id, job.path.display())
}

/// Has the command do what takes a compiler, or what it alone has. Nothing of the
/// program has run: a program that runs gets such an error from `dlopen`, as its own.
fn have_command_run(job: &Job, error: anyhow::Error) -> Result<u8> {
    let is_commands = error.chain().any(|cause| {
        cause.is::<NeedsCommand>()
            || matches!(
                cause.downcast_ref(),
                Some(wasmaot::Error::NoCompiler { .. })
            )
    });
    if !is_commands {
        return Err(error);
    }
    let Some(command) = command_near(&job.loader) else {
        let loader = job.loader.display();
        return Err(anyhow!(
            "{error}; there is no command wasmaot near {loader} to do it"
        ));
    };
    let failed = Command::new(&command)
        .arg("run")
        .args(job.options.words())
        .args([OsStr::new("--argv0"), &job.name])
        .arg(&job.path)
        // Nothing that follows is a library.
        .arg("--")
        .args(&job.words)
        .env_remove(VARIABLE)
        .exec();
    Err(failed).with_context(|| format!("cannot run {}", command.display()))
}

/// The command, which has a compiler: beside the loader, or in the place where a
/// package with the loader in `lib/wasmaot` has it.
fn command_near(loader: &Path) -> Option<PathBuf> {
    let directory = loader.parent()?;
    let places = ["wasmaot", "../bin/wasmaot", "../../bin/wasmaot"];
    let mut places = places.iter().map(|place| directory.join(place));
    places.find(|place| place.is_file())
}

/// Says what went wrong, with what to do about it.
///
/// # Errors
/// What there is no advice for.
pub fn advised(ran: Result<u8>, options: &Options) -> Result<u8> {
    ran.or_else(|error| {
        let advice = error.chain().find_map(|cause| match cause.downcast_ref() {
            Some(wasmaot::Error::Load(error)) => options.advice(error),
            _ => options.advice(cause.downcast_ref()?),
        });
        match advice {
            Some(advice) => Ok(report::failed(&error, Some(&advice))),
            None => Err(error),
        }
    })
}
