//! `wasmaot build --exe`: a program and its libraries in one file.
//!
//! The file is the static loader with a segment more, in which the objects are
//! (`wasmaot_abi::executable`).

mod members;
mod write;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasmaot_compiler::Emit;
use wasmaot_launch::report::{print, usage};

use crate::options::{Build, Search};
use crate::{build, installed, output, progress};

/// Builds the executable.
pub(crate) fn build(args: &Build) -> Result<()> {
    if args.emit != Emit::So {
        return Err(usage("--exe makes an executable; leave out --emit"));
    }
    let path = match &args.output {
        Some(path) => path.clone(),
        None => default_output(&args.inputs[0])?,
    };
    let running = args.running.options(&Search::default());
    // What is wrong with them is said now.
    running.config()?;
    let options = build::all_options(args)?;
    let loader = installed::loader()?;
    let template = std::fs::read(&loader)
        .with_context(|| format!("cannot read the loader {}", loader.display()))?;
    let members = progress::shown(&options, |options| {
        members::collect(&args.inputs, &args.library_path, options)
    })?;
    let members = members::with_roles(members, running.unresolved.unwrap_or_default())?;
    let file = write::executable(&template, &running.words(), &members, options.machine()?)
        .with_context(|| format!("the loader {}", loader.display()))?;
    match path == Path::new("-") {
        true => print(&file),
        false => output::write_executable(&path, &file),
    }
}

/// The program's name without its extension.
fn default_output(input: &Path) -> Result<PathBuf> {
    let path = input.with_extension("");
    match path == input {
        true => Err(usage(format!(
            "{}: has no extension to be left out; give the executable's name with -o",
            input.display()
        ))),
        false => Ok(path),
    }
}
