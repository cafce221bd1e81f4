//! A call of a small function: in the same module, in another one, natively
//! in the same program and through a `.so`, and in wasmtime.
//!
//! The variants run interleaved, once a round, and all must compute the same
//! value; a figure is the median over the rounds.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use wasmaot_compiler::{Emit, Options};
use wasmaot_runtime::{Bind, Config, Object, Process, Val};

const SAME: &str = include_str!("../calls/same.wat");
const LIB: &str = include_str!("../calls/lib.wat");
const MAIN: &str = include_str!("../calls/main.wat");
const LIB_C: &str = include_str!("../calls/lib.c");
const MAIN_C: &str = include_str!("../calls/main.c");

/// The nanoseconds of one call, in every round.
pub struct Figure {
    name: &'static str,
    rounds: Vec<f64>,
}

/// A variant: runs the loop of so many calls, answers its value and nanoseconds.
type Variant = Box<dyn FnMut(u32) -> Result<(i32, f64)>>;

/// Runs all variants.
pub fn measure(rounds: usize, calls: u32) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    let mut variants: Vec<(&str, Variant)> = vec![
        ("gcc -O2, same program", native(dir.path(), "same", &[])?),
        (
            "gcc -O2, .so through the PLT",
            native(dir.path(), "so", &["-shared"])?,
        ),
        ("wasmaot, same module", ours(&[("same", SAME)], Bind::Now)?),
        (
            "wasmaot, another module",
            ours(&[("lib", LIB), ("main", MAIN)], Bind::Now)?,
        ),
        (
            "wasmaot, bound directly",
            ours(&[("lib", LIB), ("main", MAIN)], Bind::Direct)?,
        ),
        ("wasmtime, same module", wasmtime(&[("same", SAME)])?),
        (
            "wasmtime, another module",
            wasmtime(&[("lib", LIB), ("main", MAIN)])?,
        ),
    ];
    let mut figures: Vec<Figure> = variants
        .iter()
        .map(|(name, _)| Figure {
            name,
            rounds: Vec::new(),
        })
        .collect();
    for _ in 0..rounds {
        let mut sum = None;
        for ((name, variant), figure) in variants.iter_mut().zip(&mut figures) {
            let (value, nanoseconds) = variant(calls).with_context(|| (*name).to_owned())?;
            ensure!(
                *sum.get_or_insert(value) == value,
                "{name} computes {value}, not {sum:?}"
            );
            figure.rounds.push(nanoseconds / f64::from(calls));
        }
    }
    Ok(figures)
}

/// The figures for a terminal.
pub fn table(figures: &[Figure]) -> String {
    let base = figures[0].median();
    let mut out = format!(
        "{:32} {:>9} {:>7} {:>17}\n",
        "call of a small function", "ns/call", "ratio", "min – max"
    );
    for figure in figures {
        let (low, high) = figure.spread();
        let median = figure.median();
        let _ = writeln!(
            out,
            "{:32} {median:9.3} {:7.2} {low:8.3} – {high:.3}",
            figure.name,
            median / base,
        );
    }
    out
}

/// The figures for a program that draws.
pub fn json(figures: &[Figure]) -> serde_json::Value {
    let one = |f: &Figure| serde_json::json!({ "name": f.name, "ns_per_call": f.rounds });
    serde_json::Value::Array(figures.iter().map(one).collect())
}

impl Figure {
    fn sorted(&self) -> Vec<f64> {
        let mut rounds = self.rounds.clone();
        rounds.sort_by(f64::total_cmp);
        rounds
    }

    fn median(&self) -> f64 {
        let sorted = self.sorted();
        sorted[sorted.len() / 2]
    }

    fn spread(&self) -> (f64, f64) {
        let sorted = self.sorted();
        (sorted[0], sorted[sorted.len() - 1])
    }
}

fn native(dir: &Path, name: &str, shared: &[&str]) -> Result<Variant> {
    let dir = dir.join(name);
    std::fs::create_dir(&dir)?;
    std::fs::write(dir.join("lib.c"), LIB_C)?;
    std::fs::write(dir.join("main.c"), MAIN_C)?;
    let gcc = |args: &[&str]| -> Result<()> {
        let output = Command::new("gcc")
            .arg("-O2")
            .args(args)
            .current_dir(&dir)
            .output();
        let output = output.context("cannot run gcc; install it with: apt-get install gcc")?;
        ensure!(
            output.status.success(),
            "gcc: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    if shared.is_empty() {
        gcc(&["main.c", "lib.c", "-o", "main"])?;
    } else {
        gcc(&["-fPIC", "-shared", "lib.c", "-o", "libadd.so"])?;
        gcc(&["main.c", "-L.", "-ladd", "-Wl,-rpath,$ORIGIN", "-o", "main"])?;
    }
    let program = dir.join("main");
    Ok(Box::new(move |n| {
        let output = Command::new(&program).arg(n.to_string()).output()?;
        let text = String::from_utf8(output.stdout)?;
        let Some((value, nanoseconds)) = text.trim().split_once(' ') else {
            bail!("prints {text:?}")
        };
        Ok((value.parse()?, nanoseconds.parse()?))
    }))
}

/// The modules, main last; the others are libraries that it needs.
fn ours(modules: &[(&str, &str)], bind: Bind) -> Result<Variant> {
    let mut objects = Vec::new();
    for (name, text) in modules {
        let wasm = wat::parse_str(text)?;
        let bytes = wasmaot_compiler::compile(name, &wasm, &Options::default(), Emit::So)?;
        objects.push(Arc::new(Object::from_bytes(name, &bytes, false)?));
    }
    let main = objects.pop().context("no modules")?;
    let mut process = Process::new(Config {
        bind,
        ..Config::default()
    })?;
    process.set_finder(move |name: &str, _: &Object| {
        Ok(objects.iter().find(|o| o.name() == name).cloned())
    });
    let id = process.load_program(main, &[])?;
    Ok(Box::new(move |n| {
        process.invoke(id, "run", &[Val::I32(1000)])?;
        let start = Instant::now();
        let results = process.invoke(id, "run", &[Val::I32(n as i32)])?;
        let nanoseconds = start.elapsed().as_nanos() as f64;
        match results[..] {
            [Val::I32(value)] => Ok((value, nanoseconds)),
            _ => bail!("results {results:?}"),
        }
    }))
}

fn wasmtime(modules: &[(&str, &str)]) -> Result<Variant> {
    use wasmtime::{Engine, Linker, Memory, MemoryType, Module, Store};
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).map_err(foreign)?;
    linker
        .define(&store, "env", "memory", memory)
        .map_err(foreign)?;
    let mut last = None;
    for (_, text) in modules {
        let module = Module::new(&engine, wat::parse_str(text)?).map_err(foreign)?;
        let instance = linker.instantiate(&mut store, &module).map_err(foreign)?;
        linker
            .instance(&mut store, "env", instance)
            .map_err(foreign)?;
        last = Some(instance);
    }
    let instance = last.context("no modules")?;
    let run = instance
        .get_typed_func::<u32, i32>(&mut store, "run")
        .map_err(foreign)?;
    Ok(Box::new(move |n| {
        run.call(&mut store, 1000).map_err(foreign)?;
        let start = Instant::now();
        let value = run.call(&mut store, n).map_err(foreign)?;
        Ok((value, start.elapsed().as_nanos() as f64))
    }))
}

fn foreign(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
