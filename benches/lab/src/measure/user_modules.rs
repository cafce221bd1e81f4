//! A program of the user's, in one build or in several.

use std::rc::Rc;

use anyhow::{Result, bail};

use super::contenders::Contenders;
use super::{Meter, Settings, Watcher, begun, chosen, without_loops};
use crate::counts::{self, Facts};
use crate::interleave::Runner;
use crate::program::{Loaded, Program};
use crate::report::{About, Report};
use crate::variant::Binding;

/// A program of the user's: main with all that it needs, and a name to tell it
/// from other builds of the same.
pub struct Build {
    /// Its name.
    pub name: String,
    /// The program.
    pub program: Program,
}

/// Measures a program, perhaps in several builds, all of which have to compute
/// the same. `n`: units of work, instead of what takes some 100 ms.
///
/// # Errors
/// No such variant; a program that fails however it is bound.
pub fn program(
    name: &str,
    builds: Vec<Build>,
    n: Option<u32>,
    settings: &Settings,
    watch: Watcher<'_>,
) -> Result<Report> {
    let mut report = begun(settings);
    report.title = name.to_owned();
    let whole = builds.iter().any(|build| build.program.is_whole());
    let mut variants = variants(builds);
    let names: Vec<String> = variants.iter().map(|v| v.name.clone()).collect();
    let mut wanted = chosen(&names, &settings.only)?.into_iter();
    variants.retain(|_| wanted.next().unwrap_or(false));
    let mut meter = Meter::new(watch, variants.len(), settings.rounds);
    let mut contenders = Contenders::default();
    let mut units = n;
    for variant in variants {
        meter.step(name, &variant.name);
        report.variants.push(About {
            name: variant.name.clone(),
            kind: variant.binding.name().to_owned(),
            text: variant.binding.about().to_owned(),
        });
        let loaded = Loaded::new(&variant.program, variant.binding);
        if let (None, Ok(loaded)) = (units, &loaded) {
            units = match variant.program.has_units() {
                true => Some(calibrated(&mut loaded.runner())?),
                false => Some(1),
            };
        }
        contenders.add(variant.name, variant.binding, loaded);
    }
    let n = settings.units(units.unwrap_or(1));
    let mut task = contenders.run(name, n, settings.rounds, &mut meter);
    task.group = "program".to_owned();
    if whole {
        without_loops(&mut task);
    }
    if let Some(error) = task.series.first().and_then(|s| s.error.as_ref())
        && task.series.iter().all(|s| s.error.is_some())
    {
        bail!("{name}: {error}");
    }
    report.tasks.push(task);
    Ok(report)
}

/// A build under a binding.
struct Variant {
    name: String,
    program: Rc<Program>,
    binding: Binding,
}

/// All builds under all bindings that they can have.
fn variants(builds: Vec<Build>) -> Vec<Variant> {
    let several = builds.len() > 1;
    let mut all = Vec::new();
    for Build { name, program } in builds {
        let bindings: &[Binding] = match program.size() {
            1 => &[Binding::Inside],
            _ => &BOUND,
        };
        let program = Rc::new(program);
        all.extend(bindings.iter().map(|&binding| Variant {
            name: match (several, binding) {
                (false, _) => binding.name().to_owned(),
                (true, Binding::Inside) => name.clone(),
                (true, _) => format!("{name}-{}", binding.name()),
            },
            program: Rc::clone(&program),
            binding,
        }));
    }
    all
}

/// The bindings of a user's program, the one that is usual first.
const BOUND: [Binding; 7] = [
    Binding::Now,
    Binding::Lazy,
    Binding::Got,
    Binding::Direct,
    Binding::Static,
    Binding::Table,
    Binding::Host,
];

/// The work that takes some 100 ms.
pub(super) fn calibrated(run: &mut Runner) -> Result<u32> {
    const WANTED: f64 = 1e8;
    let mut n: u32 = 1;
    loop {
        let time = run(n)?.nanoseconds.max(1.0);
        if time > WANTED / 20.0 || n > u32::MAX / 4 {
            let n = f64::from(n) * WANTED / time;
            return Ok(n.clamp(1.0, f64::from(i32::MAX)) as u32);
        }
        n *= 2;
    }
}

/// The hot loop of a program under a binding, and what is counted; it is run a
/// little first.
///
/// # Errors
/// It cannot be loaded, or fails.
pub fn explain_program(program: &Rc<Program>, binding: Binding) -> Result<Facts> {
    let loaded = Loaded::new(program, binding)?;
    // What is bound at the first call is bound then.
    (loaded.runner())(1)?;
    counts::of_process(&loaded, binding)
}
