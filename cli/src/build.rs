//! `wasmaot build`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use wasmaot::{input, prelink};
use wasmaot_abi::machine::Machine;
use wasmaot_compiler::{self as compiler, Emit};
use wasmaot_launch::Options;
use wasmaot_launch::report::{note, print, usage};

use crate::options::cpu::Cpu;
use crate::options::{Build, Flag, Running};
use crate::{executable, installed, opening, output, profile, progress};

/// Builds each input.
pub(crate) fn run(args: &Build) -> Result<()> {
    if args.exe {
        return executable::build(args);
    }
    if args.running != Running::default() {
        return Err(usage(
            "how a program is run is said to `wasmaot run`, or with --exe",
        ));
    }
    if args.prelink {
        return prelinked(args);
    }
    if !args.library_path.is_empty() {
        return Err(usage("-L needs --prelink or --exe"));
    }
    if args.output.is_some() && args.inputs.len() > 1 {
        return Err(usage(
            "-o names one output, but there are several inputs; leave it out or build one at a time",
        ));
    }
    let options = all_options(args)?;
    let extension = match args.emit {
        Emit::So => "elf",
        Emit::Obj => "o",
        Emit::Clif => "clif",
        Emit::Asm => "s",
    };
    let is_stream = |path: &PathBuf| path == Path::new(input::STREAM);
    if args.inputs.iter().any(is_stream) && args.output.is_none() {
        return Err(usage("a module from standard input has no name; give -o"));
    }
    let mut programs = 0;
    for input in &args.inputs {
        let (file, bytes) = input::read(input)?;
        let module = input::module(&file, &bytes)?;
        let starts = args.interp.is_some() && compiler::outline(&file, &module)?.is_program;
        programs += usize::from(starts);
        let bytes = progress::shown(&options, |options| {
            compiler::compile(&file, &module, options, args.emit)
        })?;
        let path = args
            .output
            .clone()
            .unwrap_or_else(|| default_output(input, extension));
        if path == Path::new("-") {
            print(&bytes)?;
            continue;
        }
        if same_file(input, &path) {
            bail!(
                "{}: is the input itself; choose another output with -o",
                path.display()
            );
        }
        write(&path, &bytes, starts)?;
        note(format_args!(
            "{file} -> {}, {} bytes",
            path.display(),
            bytes.len()
        ));
    }
    if args.interp.is_some() && programs == 0 {
        bail!("--interp: none of the inputs is a program, which exports _start");
    }
    Ok(())
}

/// Writes an object; `starts`: the system can start it.
fn write(path: &Path, bytes: &[u8], starts: bool) -> Result<()> {
    match starts {
        true => output::write_executable(path, bytes),
        false => output::write(path, bytes),
    }
}

/// Builds the inputs as one set.
fn prelinked(args: &Build) -> Result<()> {
    if args.emit != Emit::So {
        return Err(usage("--prelink makes shared objects; leave out --emit"));
    }
    let options = all_options(args)?;
    let search = Options {
        library_path: args.library_path.clone(),
        ..Options::default()
    };
    // Of libraries that are not of the set, names and types are asked: these are the same
    // on every machine.
    let library = search.finder(&args.inputs[0], opening::engine(args.codegen.options()?));
    // Nothing is written into a directory that is merely searched.
    let inputs = match &args.output {
        Some(_) => prelink::with_libraries(&args.inputs, &args.library_path)?,
        None => args.inputs.clone(),
    };
    let objects = progress::shown(&options, |options| {
        prelink::build_files(&inputs, library, options)
    })?;
    if let Some(directory) = &args.output {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    }
    for (input, bytes) in inputs.iter().zip(objects) {
        let path = default_output(input, "elf");
        let path = match (&args.output, path.file_name()) {
            (Some(directory), Some(name)) => directory.join(name),
            _ => path,
        };
        write(&path, &bytes, args.interp.is_some() && input == &inputs[0])?;
        let (input, path) = (input.display(), path.display());
        note(format_args!("{input} -> {path}, {} bytes", bytes.len()));
    }
    Ok(())
}

/// The compiler's options for all flags of `build`.
pub(crate) fn all_options(args: &Build) -> Result<compiler::Options> {
    let target = args.target.as_ref().map(|triple| {
        let target = triple.parse();
        target.map_err(|e| usage(format!("--target {triple}: {e}")))
    });
    let mut options = args.codegen.options_for(target.transpose()?)?;
    only_here(args, &options)?;
    if args.flags.contains(&Flag::NoPlt) {
        options.calls = compiler::Calls::Got;
    }
    if args.profile_generate {
        options.profiling = compiler::Profiling::Count;
    }
    if let Some(path) = &args.profile_use {
        options.profiling = compiler::Profiling::Use(Arc::new(profile::of(path, &args.inputs)?));
    }
    if let Some(path) = &args.interp {
        options.interpreter = Some(interpreter(path)?);
    }
    Ok(options)
}

/// Refuses what is made of this machine's CPU where the target is another machine.
fn only_here(args: &Build, options: &compiler::Options) -> Result<()> {
    let here = Machine::HOST.map(|machine| machine.name);
    if args.codegen.cpu != Cpu::Native || here == Some(options.machine()?.name) {
        return Ok(());
    }
    Err(usage(format!(
        "--cpu native: is for this machine, not for --target {}; leave it out, or build there",
        options.target
    )))
}

/// The path of the loader as objects name it; empty: that of the installed one.
fn interpreter(given: &OsStr) -> Result<String> {
    let path = match given.is_empty() {
        true => installed::loader()?,
        false => given.into(),
    };
    // What the kernel takes.
    const MAX: usize = 4096;
    match path.to_str() {
        Some(text) if path.is_absolute() && text.len() < MAX => Ok(text.to_owned()),
        _ => Err(usage(format!(
            "--interp={}: is no absolute path in UTF-8",
            path.display()
        ))),
    }
}

fn default_output(input: &Path, extension: &str) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
