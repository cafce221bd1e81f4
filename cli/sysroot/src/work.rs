//! Running compilers: many at once, until one fails or the user has enough.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, bail};
use wasmaot_link::Kind;

use crate::clang::Clang;
use crate::files::{all, make, write};
use crate::layout::{Language, Target};

/// How all libraries are compiled.
const OPTIMISED: [&str; 2] = ["-O2", "-fPIC"];

/// What a library for a target is compiled with.
pub(crate) fn flags(target: &Target<'_>, language: Language) -> Result<Vec<OsString>> {
    let mut flags = target.compile_flags(language)?;
    flags.extend(OPTIMISED.map(Into::into));
    Ok(flags)
}

/// What wasm-ld is to make a library of.
pub(crate) fn link_arguments(
    flags: &[&str],
    objects: &Path,
    builtins: &Path,
) -> Result<Vec<OsString>> {
    let mut arguments: Vec<OsString> = flags.iter().map(Into::into).collect();
    arguments.extend(all(objects)?.into_iter().map(Into::into));
    arguments.push(builtins.into());
    Ok(arguments)
}

/// What makes jumps of setjmp and longjmp, in all code.
pub(crate) const JUMPS: [&str; 2] = ["-mllvm", "-wasm-enable-sjlj"];

/// How far an installation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// This is fetched.
    Fetching(&'a str),
    /// This is unpacked.
    Unpacking(&'a str),
    /// So many of so many files are compiled.
    Compiled(usize, usize),
}

/// The user has stopped an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted; nothing is installed")
    }
}

impl std::error::Error for Interrupted {}

/// Who does the work, and whom it is told.
pub(crate) struct Work<'a> {
    pub clang: &'a Clang,
    pub jobs: usize,
    pub stop: &'a AtomicBool,
    pub report: &'a (dyn Fn(Step<'_>) + Sync),
}

/// Files that one run of clang compiles: objects of their names come to be in
/// the directory.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub directory: PathBuf,
    pub sources: Vec<PathBuf>,
    pub flags: Vec<OsString>,
}

impl Work<'_> {
    /// Ends the work where the user wants it to.
    pub(crate) fn goes_on(&self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
        Ok(())
    }

    /// Tells of a step, if there is to be one.
    pub(crate) fn begin(&self, step: Step<'_>) -> Result<()> {
        self.goes_on()?;
        (self.report)(step);
        Ok(())
    }

    /// Compiles files.
    pub(crate) fn compile(&self, units: &[Unit]) -> Result<()> {
        let total = units.iter().map(|unit| unit.sources.len()).sum();
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let failed = Mutex::new(None);
        let work = || {
            while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = self.goes_on().and_then(|()| self.compile_unit(unit)) {
                    // The others end when they have what they are at.
                    next.store(units.len(), Ordering::Relaxed);
                    failed.lock().expect("nobody panics").get_or_insert(error);
                    return;
                }
                let count = unit.sources.len();
                let done = done.fetch_add(count, Ordering::Relaxed) + count;
                (self.report)(Step::Compiled(done, total));
            }
        };
        (self.report)(Step::Compiled(0, total));
        thread::scope(|scope| (0..self.jobs).for_each(|_| drop(scope.spawn(work))));
        // A compiler that was interrupted with us has only failed.
        self.goes_on()?;
        failed
            .into_inner()
            .expect("nobody panics")
            .map_or(Ok(()), Err)
    }

    fn compile_unit(&self, unit: &Unit) -> Result<()> {
        make(&unit.directory)?;
        let mut clang = self.clang.command();
        clang.args(&unit.flags).arg("-c").args(&unit.sources);
        run(clang.current_dir(&unit.directory))
    }

    /// Links a library, and tells it how large its data are.
    pub(crate) fn link(&self, arguments: &[OsString], to: &Path) -> Result<()> {
        self.goes_on()?;
        let linked = wasmaot_link::link(Some(Kind::Shared), Some(to.into()), arguments, |_| {});
        let linked = linked.with_context(|| format!("cannot link {}", to.display()))?;
        write(to, linked.module)
    }
}

/// Runs a tool, which has to succeed.
fn run(command: &mut Command) -> Result<()> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let error = text.lines().find(|line| line.contains("error"));
        let said = error.or(text.lines().next()).unwrap_or("it says nothing");
        bail!("{shown} failed ({}): {said}", output.status);
    }
    Ok(())
}
