//! Who takes part in measuring kernels, and how each makes its program of one.

use anyhow::{Result, bail};
use std::rc::Rc;
use wasmaot_compiler::Options;
use wasmaot_lab::builds::Builds;
use wasmaot_lab::interleave::{Contestant, Runner, compete};
use wasmaot_lab::kernel::Kernel;
use wasmaot_lab::native::{self, Native};
use wasmaot_lab::program::{Loaded, Program};
use wasmaot_lab::report::{Report, Task};
use wasmaot_lab::tools::{Tool, Wanted};
use wasmaot_lab::variant::{Binding, Link};

/// How a contestant is made of a kernel.
pub type Make = fn(&Builds, &Kernel) -> Result<Runner>;

/// What is built differently for some contestants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Modules with vectors; native programs by gcc.
    Vectors,
    /// Modules without vectors.
    Scalar,
    /// Native programs by clang.
    Clang,
    /// Modules without vectors, with musl as the C library.
    Musl,
    /// Modules without vectors, whose jumps are made of exceptions as the standard has them;
    /// all others' are of older ones.
    Standard,
}

/// A contestant.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The program that it cannot do without.
    pub needs: Option<Wanted>,
    /// What it takes.
    pub form: Form,
    /// How it is made.
    pub make: Make,
}

/// A contestant of our own or of the native compilers.
pub const fn entry(name: &'static str, form: Form, make: Make) -> Entry {
    Entry {
        name,
        needs: None,
        form,
        make,
    }
}

/// A contestant that is another engine, which has to be installed.
pub const fn external(name: &'static str, needs: Wanted, form: Form, make: Make) -> Entry {
    Entry {
        needs: Some(needs),
        ..entry(name, form, make)
    }
}

/// Whose times the others' are ratios to.
pub const BASELINE: &str = "native";

/// What modules without vectors are compiled with.
pub const NO_VECTORS: &str = "-mno-simd128";

/// What modules are compiled with that are to have exceptions as the standard has them.
pub const STANDARD_EXCEPTIONS: [&str; 2] = ["-mllvm", "-wasm-use-legacy-eh=false"];

/// A native program.
pub fn natively(builds: &Builds, kernel: &Kernel, native: Native) -> Result<Runner> {
    Ok(native::program(&builds.native(kernel, native)?))
}

/// Modules of ours, loaded.
pub fn ours(builds: &Builds, kernel: &Kernel, link: Link, binding: Binding) -> Result<Runner> {
    let program = Program::of_kernel(builds, kernel, link, &Options::default())?;
    Ok(Loaded::new(&Rc::new(program), binding)?.runner())
}

/// The contestants that are asked for. Those whose program is not installed
/// are noted as absent.
pub fn present(
    all: &'static [Entry],
    only: &[String],
    report: &mut Report,
) -> Result<Vec<&'static Entry>> {
    let begins = |entry: &Entry, only: &String| entry.name.starts_with(only.as_str());
    for only in only {
        if !all.iter().any(|entry| begins(entry, only)) {
            let all: Vec<&str> = all.iter().map(|entry| entry.name).collect();
            bail!("no contestant {only}; there are: {}", all.join(" "));
        }
    }
    let mut entries = Vec::new();
    for entry in all {
        let wanted = only.is_empty() || only.iter().any(|only| begins(entry, only));
        if !wanted && entry.name != BASELINE {
            continue;
        }
        match entry.needs.map(Tool::find) {
            Some(Err(error)) => {
                report
                    .absent
                    .insert(entry.name.to_owned(), error.to_string());
            }
            Some(Ok(tool)) => {
                let mut text = tool.version().to_owned();
                if entry.form == Form::Scalar {
                    text += &format!(", of modules compiled with {NO_VECTORS}");
                }
                report.note(entry.needs.map_or("", |w| w.programs[0]), text);
                entries.push(entry);
            }
            None => entries.push(entry),
        }
    }
    Ok(entries)
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Rounds; everyone runs once in each.
    pub rounds: usize,
    /// So many times the usual work.
    pub scale: f64,
}

/// Measures a kernel.
pub fn measure(kernel: &Kernel, mut contestants: Vec<Contestant>, amount: Amount) -> Task {
    let n = f64::from(kernel.n.unwrap_or(1)) * amount.scale;
    let n = (n as u32).max(1);
    let series = compete(&mut contestants, n, amount.rounds, &mut |name| {
        crate::progress(&format!("{}: {name}", kernel.name));
    });
    Task {
        name: kernel.name.clone(),
        about: kernel.about.clone(),
        group: kernel.group.name().to_owned(),
        n,
        series,
    }
}
