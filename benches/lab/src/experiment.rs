//! The experiment: for each kernel, or for a program of the user's, every
//! variant is made, rehearsed, measured in rounds with all others, and counted.

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context as _, Result, bail, ensure};
use wasmaot_compiler::Options;

use crate::contest::{Contestant, Runner, compete, rehearse};
use crate::counts::{self, Facts};
use crate::kernel::{Group, Kernel};
use crate::native;
use crate::program::{Loaded, Module, Program};
use crate::report::{About, Report, Task};
use crate::tools::{CLANG, GCC, Tool, WASM_LD};
use crate::variant::{Binding, Link, Variant, variants};
use crate::workshop::{FLAGS, LIB, MAIN, Native, WASM_FLAGS, Workshop};

/// How to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every contestant runs once in each round.
    pub rounds: usize,
    /// So many times the usual work.
    pub scale: f64,
    /// Beginnings of the names of those that take part; all, if there are none.
    /// The baseline always does.
    pub only: Vec<String>,
    /// How our modules are compiled.
    pub options: Options,
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The kernel.
    pub task: &'a str,
    /// Who is made or runs now.
    pub contestant: &'a str,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub all: usize,
}

/// Is told of every step.
pub type Watcher<'a> = &'a mut dyn FnMut(Step<'_>);

/// A contestant before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Candidate {
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

    fn about(self) -> About {
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

/// Those that take part with kernels. Native ones need a compiler.
fn candidates(only: &[String], natively: bool) -> Result<Vec<Candidate>> {
    let native = Native::ALL.map(Candidate::Native);
    let native = native.into_iter().filter(|_| natively);
    let ours = variants().into_iter().map(Candidate::Ours);
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

/// Which of some names are wanted. The first is the baseline.
fn chosen(names: &[String], only: &[String]) -> Result<Vec<bool>> {
    for beginning in only {
        ensure!(
            names
                .iter()
                .any(|name| name.starts_with(beginning.as_str())),
            "no variant `{beginning}`; there are: {}",
            names.join(" ")
        );
    }
    let is_wanted =
        |name: &String| only.is_empty() || only.iter().any(|o| name.starts_with(o.as_str()));
    Ok((0..)
        .zip(names)
        .map(|(i, name)| i == 0 || is_wanted(name))
        .collect())
}

/// Measures kernels.
///
/// # Errors
/// There is no compiler for wasm; no such variant.
pub fn kernels(
    workshop: &Workshop,
    kernels: &[&'static Kernel],
    settings: &Settings,
    watch: Watcher<'_>,
) -> Result<Report> {
    let mut report = begun(settings);
    report.title = "kernels".to_owned();
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
    let candidates = candidates(&settings.only, gcc.is_ok())?;
    report.variants = candidates.iter().map(|c| c.about()).collect();
    let mut meter = Meter {
        watch,
        done: 0,
        all: kernels.len() * candidates.len() * (settings.rounds + 2),
    };
    for kernel in kernels {
        let mut bench = Bench::default();
        for &candidate in &candidates {
            if matches!(candidate, Candidate::Ours(v) if v.link == Link::FixedGot && !kernel.shares_data)
            {
                // Nothing would be different.
                meter.done += settings.rounds + 2;
                continue;
            }
            meter.step(kernel.name, &candidate.name());
            bench.add(workshop, kernel, candidate, settings);
        }
        let n = ((f64::from(kernel.n) * settings.scale) as u32).max(1);
        let mut task = bench.run(kernel.name, n, settings.rounds, &mut meter);
        task.group = kernel.group.name().to_owned();
        if kernel.group == Group::Work {
            without_loops(&mut task);
        }
        report.tasks.push(task);
    }
    Ok(report)
}

/// Leaves out the hot loop, where only running it would tell which of many it is.
fn without_loops(task: &mut Task) {
    for series in &mut task.series {
        series.listing = None;
        series.counts.remove("instructions");
    }
}

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
    let several = builds.len() > 1;
    let whole = builds.iter().any(|build| build.program.is_whole());
    let mut all: Vec<(String, Rc<Program>, Binding)> = Vec::new();
    for build in builds {
        let bindings: &[Binding] = match build.program.size() {
            1 => &[Binding::Inside],
            _ => &BOUND,
        };
        let program = Rc::new(build.program);
        for &binding in bindings {
            let name = match (several, binding) {
                (false, _) => binding.name().to_owned(),
                (true, Binding::Inside) => build.name.clone(),
                (true, _) => format!("{}-{}", build.name, binding.name()),
            };
            all.push((name, Rc::clone(&program), binding));
        }
    }
    let names: Vec<String> = all.iter().map(|(name, ..)| name.clone()).collect();
    let wanted = chosen(&names, &settings.only)?;
    let all: Vec<_> = all
        .into_iter()
        .zip(wanted)
        .filter(|(_, w)| *w)
        .map(|(a, _)| a)
        .collect();
    let mut meter = Meter {
        watch,
        done: 0,
        all: all.len() * (settings.rounds + 2),
    };
    let mut bench = Bench::default();
    let mut units = n;
    for (variant, program, binding) in all {
        meter.step(name, &variant);
        report.variants.push(About {
            name: variant.clone(),
            kind: binding.name().to_owned(),
            text: binding.about().to_owned(),
        });
        let loaded = Loaded::new(&program, binding);
        if let (None, Ok(loaded)) = (units, &loaded) {
            units = match program.has_units() {
                true => Some(calibrated(&mut loaded.runner())?),
                false => Some(1),
            };
        }
        bench.add_loaded(variant, binding, loaded);
    }
    let n = ((f64::from(units.unwrap_or(1)) * settings.scale) as u32).max(1);
    let mut task = bench.run(name, n, settings.rounds, &mut meter);
    task.group = "program".to_owned();
    if whole {
        without_loops(&mut task);
    }
    if let Some(error) = &task.series[0].error
        && task.series.iter().all(|s| s.error.is_some())
    {
        bail!("{name}: {error}");
    }
    report.tasks.push(task);
    Ok(report)
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
fn calibrated(run: &mut Runner) -> Result<u32> {
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

/// A report on where and how it is measured.
fn begun(settings: &Settings) -> Report {
    let mut report = Report::default();
    report.note_machine();
    report.note("wasmaot", env!("CARGO_PKG_VERSION"));
    let options = &settings.options;
    let cpu = wasmaot_abi::cpu::names(options.cpu).join(" ");
    report.note(
        "compiled",
        format!("-O {:?}, CPU features: {cpu}", options.opt_level),
    );
    report.note(
        "measured",
        format!(
            "rounds, of all in turn: {}; work: {} × the usual",
            settings.rounds, settings.scale
        ),
    );
    report
}

struct Meter<'w> {
    watch: Watcher<'w>,
    done: usize,
    all: usize,
}

impl Meter<'_> {
    fn step(&mut self, task: &str, contestant: &str) {
        (self.watch)(Step {
            task,
            contestant,
            done: self.done,
            all: self.all,
        });
        self.done += 1;
    }
}

/// What can be looked at after a contest.
enum Subject {
    Ours(Loaded, Binding),
    Native(PathBuf),
    Nothing,
}

/// The contestants of one task.
#[derive(Default)]
struct Bench {
    contestants: Vec<Contestant>,
    subjects: Vec<Subject>,
    /// Programs of kernels, by how they are linked.
    programs: Vec<(Link, Rc<Program>)>,
}

impl Bench {
    fn add(&mut self, workshop: &Workshop, kernel: &Kernel, one: Candidate, settings: &Settings) {
        match one {
            Candidate::Native(native) => {
                let made = workshop.native(kernel, native);
                self.subjects.push(match &made {
                    Ok(path) => Subject::Native(path.clone()),
                    Err(_) => Subject::Nothing,
                });
                let runner = made.map(|path| native::program(&path));
                self.contestants.push(Contestant::new(one.name(), runner));
            }
            Candidate::Ours(variant) => {
                let program = self.program(workshop, kernel, variant.link, settings);
                let loaded = program.and_then(|p| Loaded::new(&p, variant.binding));
                self.add_loaded(one.name(), variant.binding, loaded);
            }
        }
    }

    fn add_loaded(&mut self, name: String, binding: Binding, loaded: Result<Loaded>) {
        self.subjects.push(match &loaded {
            Ok(loaded) => Subject::Ours(loaded.clone(), binding),
            Err(_) => Subject::Nothing,
        });
        let runner = loaded.map(|loaded| loaded.runner());
        self.contestants.push(Contestant::new(name, runner));
    }

    fn program(
        &mut self,
        workshop: &Workshop,
        kernel: &Kernel,
        link: Link,
        settings: &Settings,
    ) -> Result<Rc<Program>> {
        if let Some((_, program)) = self.programs.iter().find(|(l, _)| *l == link) {
            return Ok(Rc::clone(program));
        }
        let program = Rc::new(of_kernel(workshop, kernel, link, &settings.options)?);
        self.programs.push((link, Rc::clone(&program)));
        Ok(program)
    }

    /// Rehearses, measures, counts.
    fn run(mut self, name: &str, n: u32, rounds: usize, meter: &mut Meter<'_>) -> Task {
        for contestant in &self.contestants {
            meter.step(name, &contestant.name);
        }
        rehearse(&mut self.contestants, n);
        let mut before = |who: &str| meter.step(name, who);
        let mut series = compete(&mut self.contestants, n, rounds, &mut before);
        for (series, subject) in series.iter_mut().zip(&self.subjects) {
            let facts = match subject {
                Subject::Ours(loaded, binding) => counts::of_process(loaded, *binding),
                Subject::Native(path) => natively(path),
                Subject::Nothing => continue,
            };
            // What cannot be counted is not in the tables; it was measured.
            let facts = facts.unwrap_or_default();
            series.counts = facts.counts;
            series.listing = facts.listing;
        }
        Task {
            name: name.to_owned(),
            group: String::new(),
            n,
            series,
        }
    }
}

fn natively(program: &std::path::Path) -> Result<Facts> {
    let library = program.with_file_name("libkernel.so");
    counts::of_native(program, library.exists().then_some(&*library))
}

/// A kernel's modules as a program.
fn of_kernel(
    workshop: &Workshop,
    kernel: &Kernel,
    link: Link,
    options: &Options,
) -> Result<Program> {
    let directory = workshop.wasm(kernel, link.cut())?;
    let mut modules = Vec::new();
    for name in [MAIN, LIB] {
        let path = directory.join(name);
        if name == MAIN || path.exists() {
            let wasm = std::fs::read(&path);
            let wasm = wasm.with_context(|| format!("cannot read {}", path.display()))?;
            modules.push(Module {
                name: name.to_owned(),
                wasm,
                beside: false,
            });
        }
    }
    let program = Program::new(modules, "run", options)?;
    Ok(program.prelinked_by(workshop.prelink))
}

/// The hot loop of a variant of a kernel, and what is counted; it is run a
/// little first.
///
/// # Errors
/// There is no such variant; it cannot be made.
pub fn explain(
    workshop: &Workshop,
    kernel: &Kernel,
    name: &str,
    options: &Options,
) -> Result<Facts> {
    let native = Native::ALL.map(Candidate::Native).into_iter();
    let all: Vec<_> = native
        .chain(variants().into_iter().map(Candidate::Ours))
        .collect();
    match all.iter().find(|c| c.name() == name) {
        None => {
            let names: Vec<String> = all.iter().map(|c| c.name()).collect();
            bail!("no variant `{name}`; there are: {}", names.join(" "))
        }
        Some(Candidate::Native(native)) => natively(&workshop.native(kernel, *native)?),
        Some(Candidate::Ours(variant)) => {
            let program = Rc::new(of_kernel(workshop, kernel, variant.link, options)?);
            explain_program(&program, variant.binding)
        }
    }
}

/// The same of a program of the user's.
///
/// # Errors
/// It cannot be loaded, or fails.
pub fn explain_program(program: &Rc<Program>, binding: Binding) -> Result<Facts> {
    let loaded = Loaded::new(program, binding)?;
    // What is bound at the first call is bound then.
    (loaded.runner())(1)?;
    counts::of_process(&loaded, binding)
}
