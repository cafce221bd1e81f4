//! `wasmaot bench`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmaot::{Engine, EngineConfig, input};
use wasmaot_hosts::HostEnv;
use wasmaot_lab::abi_report::{self, Machine};
use wasmaot_lab::builds::Builds;
use wasmaot_lab::detail::tables;
use wasmaot_lab::kernel::{Kernel, built_in};
use wasmaot_lab::libc::Libc;
use wasmaot_lab::manifest::{self, Origin};
use wasmaot_lab::measure::{self, Build, Settings, Step};
use wasmaot_lab::native::Native;
use wasmaot_lab::program::{Module, Program, START};
use wasmaot_lab::report::Report;
use wasmaot_lab::variant::{Binding, variants};
use wasmaot_lab::{costs, csv, html};
use wasmaot_runtime::{Object, SearchPath, candidates};
use wasmaot_sysroot::Sysroot;

use crate::options::Bench;
use crate::output;
use wasmaot_launch::grant_all;
use wasmaot_launch::report::{complain, print, usage, warn};

/// Measures, or explains, or shows.
pub(crate) fn run(args: &Bench) -> Result<()> {
    if streams(args) > 1 {
        return Err(usage(
            "of --json -, --csv - and --html -, one can go to standard output",
        ));
    }
    if args.list {
        return list(args);
    }
    if let Some(path) = &args.from {
        return show(args, &earlier(path)?);
    }
    if let Some(directory) = &args.abi_report {
        return write_report(directory);
    }
    if !args.main.is_empty() {
        return of_user(args);
    }
    let kernels = kernels(args)?;
    let temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
    let directory = args.keep.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let mut builds = Builds::new(directory)?;
    if kernels.iter().any(|kernel| kernel.libc) {
        builds.libc = Some(libc()?);
    }
    if let Some(variant) = &args.explain {
        // One kernel is enough to see how calls are made.
        let kernels = match args.names.is_empty() {
            true => &kernels[..1],
            false => &kernels[..],
        };
        for kernel in kernels {
            let options = args.codegen.options()?;
            let facts = measure::explain(&builds, kernel, variant, &options)?;
            explained(&kernel.name, variant, &facts)?;
        }
        return Ok(());
    }
    let settings = settings(args)?;
    let report = watched(|watch| match args.abi {
        true => {
            let command = std::env::current_exe().context("cannot find this command")?;
            measure::abis(&builds, &kernels, Some(&command), &settings, watch)
        }
        false => measure::kernels(&builds, &kernels, &settings, watch),
    })?;
    show(args, &report)
}

fn settings(args: &Bench) -> Result<Settings> {
    Ok(Settings {
        rounds: args.rounds.into(),
        scale: args.scale,
        only: args.only.clone(),
        options: args.codegen.options()?,
    })
}

fn list(args: &Bench) -> Result<()> {
    let mut out = String::from("kernels:\n");
    for kernel in kernels(args)? {
        let (group, about) = (kernel.group.name(), &kernel.about);
        out += &format!("  {:14} {group:5} {about}\n", kernel.name);
    }
    out += "native variants, where there is gcc:\n";
    for native in Native::ALL {
        out += &format!("  {:14} {}\n", native.name(), native.about());
    }
    out += "variants:\n";
    for variant in variants() {
        out += &format!("  {:14} {}\n", variant.name(), variant.about());
    }
    print(out)
}

/// The kernels that are asked for: of a directory, or built in.
fn kernels(args: &Bench) -> Result<Vec<Kernel>> {
    let Some(directory) = &args.directory else {
        let mut all = match args.abi {
            true => measure::work(),
            false => built_in(),
        };
        let names: Vec<String> = all.iter().map(|kernel| kernel.name.clone()).collect();
        are_known(
            &args.names,
            &names,
            "; modules of your own are given with --main",
        )?;
        all.retain(|kernel| args.names.is_empty() || args.names.contains(&kernel.name));
        return Ok(all);
    };
    let all = manifest::names(directory)?;
    are_known(&args.names, &all, "")?;
    let wanted = all
        .iter()
        .filter(|name| args.names.is_empty() || args.names.contains(name));
    let read = |name: &String| manifest::read(&directory.join(name), &not_fetched);
    wanted.map(read).collect()
}

/// The C library of the sysroot that programs are compiled for.
fn libc() -> Result<Libc> {
    let sysroot = Sysroot::find(None, None)?;
    Libc::of(&sysroot.target(false)?)
}

fn are_known(wanted: &[String], all: &[String], hint: &str) -> Result<()> {
    match wanted.iter().find(|name| !all.contains(name)) {
        None => Ok(()),
        Some(name) => Err(usage(format!(
            "no kernel `{name}`; there are: {}{hint}",
            all.join(" ")
        ))),
    }
}

/// The command fetches nothing.
fn not_fetched(origin: &Origin) -> Result<PathBuf> {
    let what = match (&origin.package, &origin.version) {
        (Some(name), Some(version)) => format!("of the crate {name} {version} "),
        _ => String::new(),
    };
    bail!("give the directory {what}by `path`")
}

/// Runs with a progress bar, if there is a terminal.
fn watched(run: impl FnOnce(measure::Watcher<'_>) -> Result<Report>) -> Result<Report> {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("measuring [{bar:40}] {msg} ({eta} left)");
    bar.set_style(style.expect("a constant template"));
    let result = run(&mut |step: Step<'_>| {
        bar.set_length(step.all as u64);
        bar.set_position(step.done as u64);
        bar.set_message(format!("{}: {}", step.task, step.contestant));
    });
    bar.finish_and_clear();
    result
}

/// The user's own program, in all its builds.
fn of_user(args: &Bench) -> Result<()> {
    let builds = args.main.iter().map(|main| {
        Ok(Build {
            name: build_name(main, &args.main),
            program: program(main, args)?,
        })
    });
    let builds = builds.collect::<Result<Vec<_>>>()?;
    if let Some(variant) = &args.explain {
        return explain_own(builds, variant);
    }
    let name = file_stem(&args.main[0]);
    let settings = settings(args)?;
    let report = watched(|watch| measure::program(&name, builds, args.n, &settings, watch))?;
    show(args, &report)
}

/// What a build is called: its file's name, if no other has the same.
fn build_name(main: &Path, all: &[PathBuf]) -> String {
    let alike = all
        .iter()
        .filter(|other| file_stem(other) == file_stem(main));
    match alike.count() {
        1 => file_stem(main),
        _ => main.with_extension("").display().to_string(),
    }
}

fn file_stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// A build with all that it needs.
fn program(main: &Path, args: &Bench) -> Result<Program> {
    let modules = modules(main, args)?;
    let entry = match &args.invoke {
        Some(name) => name.clone(),
        None => entry(&modules[0])?,
    };
    let program = Program::new(modules, &entry, &args.codegen.options()?)?;
    // All builds are told the same, their name too.
    let name = args.main[0].file_name().unwrap_or_default();
    let given = std::iter::once(name).chain(args.args.iter().map(OsString::as_os_str));
    let given: Vec<Vec<u8>> = given.map(|word| word.as_bytes().to_vec()).collect();
    let grants = args.grants.clone();
    let env = move || grant_all(HostEnv::new().args(given.iter().cloned()), &grants);
    // A directory that cannot be granted is told of now.
    env()?;
    Ok(program.within(env).fresh_each_time())
}

/// The hot loop of the user's own program under a binding, in all its builds.
fn explain_own(builds: Vec<Build>, variant: &str) -> Result<()> {
    let binding = Binding::BETWEEN.into_iter().find(|b| b.name() == variant);
    for Build { name, program } in builds {
        let binding = match (program.size(), binding) {
            (1, _) => Binding::Inside,
            (_, Some(binding)) => binding,
            (_, None) => {
                let all = Binding::BETWEEN.map(Binding::name).join(" ");
                return Err(usage(format!("no variant `{variant}`; there are: {all}")));
            }
        };
        let facts = measure::explain_program(&Rc::new(program), binding)?;
        explained(&name, binding.name(), &facts)?;
    }
    Ok(())
}

/// What is measured of a main where nobody says it.
fn entry(main: &Module) -> Result<String> {
    let facts = wasmaot_lab::rewrite::facts(&main.wasm)?;
    let usual = ["run", START];
    let found = usual
        .into_iter()
        .find(|name| facts.exports.contains_key(*name));
    let found = found.with_context(|| {
        format!(
            "{}: exports neither `run` nor `_start`; name the function to measure with --invoke",
            main.name
        )
    })?;
    Ok(found.to_owned())
}

/// Main and all libraries that it needs, in the order in which they are loaded.
fn modules(main: &Path, args: &Bench) -> Result<Vec<Module>> {
    let options = args.codegen.options()?;
    let search = SearchPath {
        dirs: args.library_path.clone(),
        program: main.parent().map(Path::to_owned),
        ..SearchPath::default()
    };
    let mut found: Vec<Module> = vec![module(main, None)?];
    let mut paths = vec![main.to_owned()];
    let mut next = 0;
    loop {
        if next == found.len() {
            // What nothing needs by its name is loaded as if main did.
            let Some(lib) = args.lib.iter().find(|lib| !paths.contains(lib)) else {
                return Ok(found);
            };
            found.push(Module {
                beside: true,
                ..module(lib, None)?
            });
            paths.push(lib.clone());
        }
        let by = of(&found[next], &paths[next], &options)?;
        for name in by.needed() {
            if found.iter().any(|module| module.name == *name) {
                continue;
            }
            let given = args.lib.iter().find(|lib| is_called(lib, name)).cloned();
            let there = || {
                let places = candidates(name, &by, &search).into_iter();
                places.map(|place| place.file).find(|file| is_wasm(file))
            };
            let path = given.or_else(there).with_context(|| {
                format!(
                    "{} needs {name}, which is nowhere; give it with --lib or its directory with -L",
                    by.name()
                )
            })?;
            found.push(module(&path, Some(name))?);
            paths.push(path);
        }
        next += 1;
    }
}

/// The object of a module, to see what it needs.
fn of(module: &Module, path: &Path, options: &wasmaot_compiler::Options) -> Result<Arc<Object>> {
    let engine = Engine::new(EngineConfig::new().compile_options(options.clone()));
    Ok(engine.compile(&path.display().to_string(), &module.wasm)?)
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name() == Path::new(name).file_name()
}

fn is_wasm(path: &Path) -> bool {
    let bytes = std::fs::read(path);
    bytes.is_ok_and(|bytes| !Object::is_object(&bytes))
}

fn module(path: &Path, needed: Option<&str>) -> Result<Module> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {file}"))?;
    if Object::is_object(&bytes) {
        bail!("{file}: is a built object; every variant is built anew, so give the module");
    }
    let own = || {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    Ok(Module {
        name: needed.map_or_else(own, str::to_owned),
        wasm: input::module(&file, &bytes)?.into_owned(),
        beside: false,
    })
}

fn explained(task: &str, variant: &str, facts: &wasmaot_lab::counts::Facts) -> Result<()> {
    let Some(listing) = &facts.listing else {
        bail!("{task}: the function to measure has no code of its own");
    };
    print(format!(
        "{task}, {variant}: {} instructions in the innermost loop with what it calls\n\n{}\n",
        listing.instructions,
        listing.text()
    ))
}

/// What stands for standard output or input in place of a file.
const STREAM: &str = "-";

/// What `--json` wrote.
fn earlier(path: &Path) -> Result<Report> {
    let file = path.display();
    let text = match path == Path::new(STREAM) {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.with_context(|| format!("cannot read {file}"))?;
    serde_json::from_str(&text).with_context(|| format!("{file}: is not what bench --json writes"))
}

/// Makes the generated parts of a report again.
fn write_report(directory: &Path) -> Result<()> {
    let data = directory.join("data");
    let entries = data.read_dir();
    let entries = entries.with_context(|| format!("cannot read {}", data.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let machine = |path: &PathBuf| {
        anyhow::Ok(Machine {
            name: file_stem(path),
            report: earlier(path)?,
        })
    };
    let machines = paths.iter().map(machine).collect::<Result<Vec<_>>>()?;
    let page = directory.join("README.md");
    let old = std::fs::read_to_string(&page);
    let old = old.with_context(|| format!("cannot read {}", page.display()))?;
    let text = abi_report::text(&old, &machines);
    let text = text.with_context(|| page.display().to_string())?;
    let figures = directory.join("figures");
    std::fs::create_dir_all(&figures)
        .with_context(|| format!("cannot make {}", figures.display()))?;
    for (name, text) in abi_report::figures(&machines) {
        output::write(&figures.join(name), text.as_bytes())?;
    }
    output::write(&page, text.as_bytes())
}

/// How many files go to standard output.
fn streams(args: &Bench) -> usize {
    let files = [&args.json, &args.csv, &args.html];
    let to_stream = files.map(|path| path.as_deref() == Some(Path::new(STREAM)));
    to_stream.into_iter().filter(|&is| is).count()
}

/// Writes a file, or to standard output.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    match path == Path::new(STREAM) {
        true => print(bytes),
        false => output::write(path, bytes),
    }
}

/// Prints the tables, writes the files.
fn show(args: &Bench, report: &Report) -> Result<()> {
    // Tables are not mixed with what others read.
    let tables = match report.title.as_str() {
        measure::ABIS => costs::text(report),
        _ => tables(report),
    };
    match streams(args) {
        0 => print(tables)?,
        _ => complain("measured", format_args!("\n{tables}")),
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(report)?;
        write(path, format!("{text}\n").as_bytes())?;
    }
    if let Some(path) = &args.csv {
        write(path, csv::table(report).as_bytes())?;
    }
    if let Some(path) = &args.html {
        write(path, html::page(report).as_bytes())?;
    }
    if let Some(directory) = &args.svg {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        for (name, text) in html::figures(report) {
            output::write(&directory.join(name), text.as_bytes())?;
        }
    }
    if report
        .tasks
        .iter()
        .all(|t| t.series.iter().all(|s| s.samples.is_empty()))
    {
        warn("nothing could be measured");
    }
    Ok(())
}
