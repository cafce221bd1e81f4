//! Kernels: which variants there are, and how each is made.

use std::rc::Rc;

use anyhow::{Result, bail};
use wasmaot_compiler::Options;

use super::contenders::{Contenders, natively};
use super::user_modules::{calibrated, explain_program};
use super::{Meter, Settings, Watcher, begun, chosen, without_loops};
use crate::builds::{Builds, FLAGS, WASM_FLAGS};
use crate::counts::Facts;
use crate::kernel::{Group, Kernel};
use crate::native::Native;
use crate::program::{Loaded, Program};
use crate::report::{About, Report, Task};
use crate::tools::{CLANG, GCC, Tool, WASM_LD};
use crate::variant::{Link, Variant, variants};

/// A contestant before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    Native(Native),
    Ours(Variant),
}

impl Candidate {
    fn name(self) -> String {
        match self {
            Self::Native(native) => native.name().to_owned(),
            Self::Ours(variant) => variant.name(),
        }
    }

    /// Whether it would be another one than the rest.
    fn takes_part(self, kernel: &Kernel) -> bool {
        let of_data = |v: Variant| v.link == Link::FixedGot;
        let of_functions = |v: Variant| v.link == Link::Flat;
        if kernel.group == Group::ThreadLocal {
            return match self {
                Self::Native(native) => Native::THREAD_LOCAL.contains(&native),
                // In a memory that is not shared they are plain variables.
                Self::Ours(variant) => variant.link == Link::Threads,
            };
        }
        match (self, kernel.shares_data) {
            (Self::Ours(variant), false) => !of_data(variant),
            (Self::Ours(variant), true) => !of_functions(variant),
            (Self::Native(native), _) => Native::ALL.contains(&native),
        }
    }

    pub fn about(self) -> About {
        match self {
            Self::Native(native) => About {
                name: native.name().to_owned(),
                kind: "native".to_owned(),
                text: native.about().to_owned(),
            },
            Self::Ours(variant) => About {
                name: variant.name(),
                kind: variant.binding.name().to_owned(),
                text: variant.about(),
            },
        }
    }
}

/// Those that take part with kernels.
pub(super) fn candidates(
    native: &[Native],
    ours: Vec<Variant>,
    only: &[String],
) -> Result<Vec<Candidate>> {
    let native = native.iter().copied().map(Candidate::Native);
    let ours = ours.into_iter().map(Candidate::Ours);
    let all: Vec<Candidate> = native.chain(ours).collect();
    let names: Vec<String> = all.iter().map(|c| c.name()).collect();
    let wanted = chosen(&names, only)?;
    Ok(all
        .into_iter()
        .zip(wanted)
        .filter(|(_, wanted)| *wanted)
        .map(|(c, _)| c)
        .collect())
}

/// Measures kernels.
///
/// # Errors
/// There is no compiler for wasm; no such variant.
pub fn kernels(
    builds: &Builds,
    kernels: &[Kernel],
    settings: &Settings,
    watch: Watcher<'_>,
) -> Result<Report> {
    let mut report = begun(settings);
    report.title = "kernels".to_owned();
    let native: &[Native] = match note_compilers(&mut report)? {
        true => &Native::ALL,
        false => &[],
    };
    let candidates = candidates(native, variants(), &settings.only)?;
    report.variants = candidates.iter().map(|c| c.about()).collect();
    let part = |kernel: &Kernel| candidates.iter().filter(|c| c.takes_part(kernel)).count();
    let all = kernels.iter().map(part).sum();
    let mut meter = Meter::new(watch, all, settings.rounds);
    for kernel in kernels {
        let (mut task, _) = one(builds, kernel, &candidates, settings, &mut meter)?;
        if kernel.group == Group::Work {
            without_loops(&mut task);
        }
        report.tasks.push(task);
    }
    Ok(report)
}

/// Says which compilers there are; whether there is one for native programs.
pub(super) fn note_compilers(report: &mut Report) -> Result<bool> {
    let clang = Tool::find(CLANG)?;
    Tool::find(WASM_LD)?;
    report.note("clang", clang.version());
    report.note("flags of both compilers", FLAGS.join(" "));
    report.note("flags of clang", WASM_FLAGS.join(" "));
    let gcc = Tool::find(GCC);
    match &gcc {
        Ok(gcc) => report.note("gcc", gcc.version()),
        Err(error) => {
            report.absent.insert("native".to_owned(), error.to_string());
        }
    }
    Ok(gcc.is_ok())
}

/// Measures one kernel; what can be looked at afterwards.
pub(super) fn one(
    builds: &Builds,
    kernel: &Kernel,
    candidates: &[Candidate],
    settings: &Settings,
    meter: &mut Meter<'_>,
) -> Result<(Task, Contenders)> {
    let mut contenders = Contenders::default();
    let mut programs = Programs {
        builds,
        kernel,
        options: &settings.options,
        made: Vec::new(),
    };
    let mut units = kernel.n;
    for candidate in candidates.iter().filter(|c| c.takes_part(kernel)) {
        let name = candidate.name();
        meter.step(&kernel.name, &name);
        match *candidate {
            Candidate::Native(native) => {
                contenders.add_native(name, builds.native(kernel, native));
            }
            Candidate::Ours(Variant { link, binding }) => {
                let program = programs.get(link);
                let loaded = program.and_then(|p| Loaded::new(&p, binding));
                if let (None, Ok(loaded)) = (units, &loaded) {
                    units = Some(calibrated(&mut loaded.runner())?);
                }
                contenders.add(name, binding, loaded);
            }
        }
    }
    let n = settings.units(units.unwrap_or(1));
    let mut task = contenders.run(&kernel.name, n, settings.rounds, meter);
    task.group = kernel.group.name().to_owned();
    task.about.clone_from(&kernel.about);
    Ok((task, contenders))
}

/// The programs that are made of a kernel, each once.
struct Programs<'k> {
    builds: &'k Builds,
    kernel: &'k Kernel,
    options: &'k Options,
    made: Vec<(Link, Rc<Program>)>,
}

impl Programs<'_> {
    fn get(&mut self, link: Link) -> Result<Rc<Program>> {
        if let Some((_, program)) = self.made.iter().find(|(l, _)| *l == link) {
            return Ok(Rc::clone(program));
        }
        let program = Program::of_kernel(self.builds, self.kernel, link, self.options)?;
        let program = Rc::new(program);
        self.made.push((link, Rc::clone(&program)));
        Ok(program)
    }
}

/// The hot loop of a variant of a kernel, and what is counted; it is run a
/// little first.
///
/// # Errors
/// There is no such variant; it cannot be made.
pub fn explain(builds: &Builds, kernel: &Kernel, name: &str, options: &Options) -> Result<Facts> {
    let native = Native::ALL.map(Candidate::Native).into_iter();
    let all: Vec<_> = native
        .chain(variants().into_iter().map(Candidate::Ours))
        .collect();
    match all.iter().find(|c| c.name() == name) {
        None => {
            let names: Vec<String> = all.iter().map(|c| c.name()).collect();
            bail!("no variant `{name}`; there are: {}", names.join(" "))
        }
        Some(Candidate::Native(native)) => natively(&builds.native(kernel, *native)?),
        Some(Candidate::Ours(variant)) => {
            let program = Program::of_kernel(builds, kernel, variant.link, options)?;
            explain_program(&Rc::new(program), variant.binding)
        }
    }
}
