//! ABIs side by side: the same work by each, and what each costs beside time, in code,
//! relocations, start and memory.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::contenders::Subject;
use super::kernels::{candidates, note_compilers, one};
use super::{Meter, Settings, Watcher, begun};
use crate::builds::{Builds, MAIN};
use crate::domains;
use crate::interleave::{Contestant, compete};
use crate::kernel::{Group, Kernel, built_in, own};
use crate::native::Native;
use crate::process::{Start, Traced};
use crate::program::Loaded;
use crate::report::{About, Report, Task};
use crate::variant::{Binding, abis as variants};

/// The title of the report.
pub const ABIS: &str = "abis";
/// The name of the task that is whole processes.
pub const START: &str = "start";
/// The group of tasks that pass messages between memories.
pub const DOMAINS: &str = "domains";
/// Counts of that task: system calls of a process; KiB of the second process of a program
/// that it has for itself, and its share of all that it maps.
pub const SYSTEM_CALLS: &str = "system_calls";
/// See [`SYSTEM_CALLS`].
pub const PRIVATE_KIB: &str = "private_kib";
/// See [`SYSTEM_CALLS`].
pub const SHARE_KIB: &str = "share_kib";

/// The names of the programs with many symbols: what costs by the symbol shows.
pub const MANY: [&str; 2] = ["functions", "variables"];

fn many() -> [Kernel; 2] {
    let names = include_str!("../../kernels/functions/names.h");
    let of = |name, shares_data, main, lib| {
        let files = vec![("main.c", main), ("lib.c", lib), ("names.h", names)];
        own(Group::Micro, name, 150_000, shares_data, files)
    };
    [
        of(
            MANY[0],
            false,
            include_str!("../../kernels/functions/main.c"),
            include_str!("../../kernels/functions/lib.c"),
        ),
        of(
            MANY[1],
            true,
            include_str!("../../kernels/variables/main.c"),
            include_str!("../../kernels/variables/lib.c"),
        ),
    ]
}

/// The kernels that each show one thing, of those that there are for all variants.
const SINGLE: [&str; 3] = ["call", "globals", "frame"];

/// Programs with variables of which each thread has its own, and one with a plain variable.
fn thread_local() -> [Kernel; 4] {
    macro_rules! kernel {
        ($name:literal $(, $header:literal)?) => {
            own(Group::ThreadLocal, $name, 80_000_000, false, vec![
                ("main.c", include_str!(concat!("../../kernels/", $name, "/main.c"))),
                ("lib.c", include_str!(concat!("../../kernels/", $name, "/lib.c"))),
                $(($header, include_str!(concat!("../../kernels/", $name, "/", $header))))?
            ])
        };
    }
    [
        kernel!("tls-plain"),
        kernel!("tls-own"),
        kernel!("tls-other", "counter.h"),
        kernel!("tls-two"),
    ]
}

/// The last of them.
const TWO_THREADS: &str = "tls-two";

/// How often the memory of a process is looked at, at most.
const LOOKS: usize = 3;
/// Processes that are usually started in a round, for the mean.
const STARTS: u32 = 20;

/// The work that ABIs are compared by: kernels that each show one thing, programs with
/// many symbols, and such with thread-local variables.
pub fn work() -> Vec<Kernel> {
    let mut all = built_in();
    all.retain(|kernel| SINGLE.contains(&kernel.name.as_str()));
    all.extend(many());
    all.extend(thread_local());
    all
}

/// Measures ABIs by such kernels; with all of them and all ABIs, messages between memories
/// as well. `command`: this command, by which processes are started; without one there are
/// none of ours.
///
/// # Errors
/// There is no compiler for wasm; no such variant.
pub fn abis(
    builds: &Builds,
    kernels: &[Kernel],
    command: Option<&Path>,
    settings: &Settings,
    watch: Watcher<'_>,
) -> Result<Report> {
    let mut report = begun(settings);
    report.title = ABIS.to_owned();
    let mut native = Vec::new();
    if note_compilers(&mut report)? {
        native.extend(Native::ALL);
        // The first is among those already.
        native.extend(&Native::THREAD_LOCAL[1..]);
    }
    let candidates = candidates(&native, variants(), &settings.only)?;
    report.variants = candidates.iter().map(|c| c.about()).collect();
    let all = candidates.len() * (kernels.len() + 1);
    let mut meter = Meter::new(watch, all, settings.rounds);
    for kernel in kernels {
        let (mut task, contenders) = one(builds, kernel, &candidates, settings, &mut meter)?;
        let is_single = match kernel.group {
            // It also has a loop that waits for the other thread.
            Group::ThreadLocal => kernel.name != TWO_THREADS,
            _ => SINGLE.contains(&kernel.name.as_str()),
        };
        for series in &mut task.series {
            // That of a call shows how they are made; the others are counted alone.
            series.listing = series.listing.take().filter(|_| kernel.name == SINGLE[0]);
            if !is_single {
                series.counts.remove("instructions");
            }
        }
        without_those_that_cannot(&mut task, &mut report);
        report.tasks.push(task);
        if kernel.name == MANY[0] {
            let objects = builds.sources(kernel)?.join("objects");
            let starts = Starts {
                objects,
                command: command.map(Path::to_owned),
            };
            let task = starts.measure(contenders.subjects(), settings, &mut meter, &mut report);
            report.tasks.push(task);
        }
    }
    if settings.only.is_empty() && kernels.len() == work().len() {
        let named = domains::ways().map(|(name, text)| About {
            name: name.to_owned(),
            kind: DOMAINS.to_owned(),
            text: text.to_owned(),
        });
        report.variants.extend(named);
        for size in domains::SIZES {
            report.tasks.push(messages(size, settings, &mut meter));
        }
    }
    Ok(report)
}

/// Messages between two modules, in one memory and in two.
fn messages(size: u32, settings: &Settings, meter: &mut Meter<'_>) -> Task {
    let name = format!("{size} bytes");
    let mut contestants = domains::contestants(size, &settings.options);
    let mut before = |who: &str| meter.step(&name, who);
    // What is copied takes its time.
    let n = settings.units(domains::CALLS / size.div_ceil(256));
    let series = compete(&mut contestants, n, settings.rounds, &mut before);
    Task {
        about: format!("A call that passes {size} bytes and gets as many back."),
        group: DOMAINS.to_owned(),
        name,
        n,
        series,
    }
}

/// Moves ABIs that have no form for this work from the results to what is absent.
fn without_those_that_cannot(task: &mut Task, report: &mut Report) {
    task.series.retain(|series| match &series.error {
        Some(why) if series.samples.is_empty() => {
            let what = format!("{} by {}", task.name, series.contestant);
            report.absent.insert(what, why.clone());
            false
        }
        _ => true,
    });
}

/// Whole processes of one program.
struct Starts {
    /// Where objects are written.
    objects: PathBuf,
    command: Option<PathBuf>,
}

impl Starts {
    fn measure(
        &self,
        subjects: Vec<(String, Subject)>,
        settings: &Settings,
        meter: &mut Meter<'_>,
        report: &mut Report,
    ) -> Task {
        let mut starts = Vec::new();
        for (name, subject) in subjects {
            let start = match subject {
                Subject::Native(path) => Some(Ok(Start::native(&path))),
                Subject::Ours(loaded, binding) => self.ours(&name, &loaded, binding).transpose(),
                Subject::Nothing => None,
            };
            starts.extend(start.map(|start| (name, start)));
        }
        let mut contestants: Vec<Contestant> = starts
            .iter()
            .map(|(name, start)| {
                let runner = match start {
                    Ok(start) => Ok(start.runner()),
                    Err(error) => Err(anyhow::anyhow!("{error:#}")),
                };
                Contestant::new(name.clone(), runner)
            })
            .collect();
        let mut before = |who: &str| meter.step(START, who);
        let n = settings.units(STARTS);
        let mut series = compete(&mut contestants, n, settings.rounds, &mut before);
        for (series, (_, start)) in series.iter_mut().zip(&starts) {
            let Ok(start) = start else { continue };
            match start.traced() {
                Ok(Traced::Calls(calls)) => {
                    series.counts.insert(SYSTEM_CALLS.to_owned(), calls as f64);
                }
                Ok(Traced::NoTracer) => {
                    let hint = "strace is not installed; install it with: apt-get install strace";
                    report
                        .absent
                        .insert("system calls".to_owned(), hint.to_owned());
                }
                Err(error) => {
                    report
                        .absent
                        .insert("system calls".to_owned(), format!("{error:#}"));
                }
            }
            match start.second(settings.rounds.min(LOOKS)) {
                Ok(memory) => {
                    let kib = [(PRIVATE_KIB, memory.private), (SHARE_KIB, memory.share)];
                    series
                        .counts
                        .extend(kib.map(|(name, kib)| (name.to_owned(), kib as f64)));
                }
                Err(error) => {
                    report
                        .absent
                        .insert("memory".to_owned(), format!("{error:#}"));
                }
            }
        }
        Task {
            name: START.to_owned(),
            about: "A process of the program with 512 functions from nothing to its end, for one \
                    unit of work: CPU time of the process."
                .to_owned(),
            group: START.to_owned(),
            n,
            series,
        }
    }

    /// A program of ours as the command runs it, if it can: the host functions of the
    /// laboratory are no part of the command, and flat programs are started otherwise.
    fn ours(&self, name: &str, loaded: &Loaded, binding: Binding) -> Result<Option<Start>> {
        let Some(command) = &self.command else {
            return Ok(None);
        };
        if binding == Binding::Host || loaded.is_flat() {
            return Ok(None);
        }
        let directory = self.objects.join(name);
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for built in loaded.live().built.iter() {
            let path = directory.join(format!("{}.elf", built.name));
            std::fs::write(&path, &built.file)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let bind = match binding {
            Binding::Lazy => "lazy",
            Binding::Direct => "direct",
            Binding::Static => "static",
            _ => "now",
        };
        let main = directory.join(format!("{MAIN}.elf"));
        Ok(Some(Start::ours(command, bind, &main)))
    }
}
