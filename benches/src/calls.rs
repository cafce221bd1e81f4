//! Calls between host and wasm code, in both directions: through handles, by
//! name, with and without access to memory; beside wasmtime's typed functions.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use wasmaot::{
    Caller, Config, Engine, FuncType, Hosts, Instance, Process, TypedFunc, Val, ValType,
    WasmParams, WasmResults,
};
use wasmaot_lab::interleave::cpu_time;

#[derive(clap::Args)]
pub struct Args {
    /// Rounds, in each of which everyone is measured once
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// Calls in each round
    #[arg(long, default_value_t = 200_000)]
    calls: u32,
}

/// What is called: from the host, and in loops that call the host.
const MODULE: &str = r#"(module
  (import "host" "nothing" (func $nothing))
  (import "host" "add" (func $add (param i32 i32) (result i32)))
  (import "host" "scale" (func $scale (param f64) (result f64)))
  (import "host" "load" (func $load (param i32) (result i32)))
  (import "host" "untyped" (func $untyped (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "nothing"))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "six") (param i32 i32 i32 i32 i32 i32) (result i32)
    (i32.add (i32.add (local.get 0) (local.get 5)) (local.get 3)))
  (func (export "scale") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func (export "call nothing") (param $n i32) (result i32)
    (loop $again
      (call $nothing)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))
  (func (export "call add") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call $add (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "call untyped") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call $untyped (local.get $sum) (local.get $n)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "call scale") (param $n i32) (result i32) (local $x f64)
    (local.set $x (f64.const 1e300))
    (loop $again
      (local.set $x (call $scale (local.get $x)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.trunc_sat_f64_s (local.get $x)))
  (func (export "call load") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum)
        (call $load (i32.and (local.get $n) (i32.const 0xfff)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))"#;

/// Makes so many calls; what they came to.
pub type Calls = Box<dyn FnMut(u32) -> Result<u64>>;

/// Whose calls, what kind, and the calls.
pub type Contender = (&'static str, &'static str, Calls);

/// The kinds of calls, in the order of the table.
pub const KINDS: &[&str] = &[
    "host -> wasm ()",
    "host -> wasm (i32, i32) -> i32",
    "host -> wasm 6 x i32 -> i32",
    "host -> wasm f64 -> f64",
    "host -> wasm (i32, i32) -> i32, by name",
    "wasm -> host ()",
    "wasm -> host (i32, i32) -> i32",
    "wasm -> host f64 -> f64",
    "wasm -> host i32 -> i32 from memory",
    "wasm -> host (i32, i32) -> i32, untyped",
];

pub fn run(args: &Args) -> Result<()> {
    let wasm = wat::parse_str(MODULE)?;
    let mut contenders = ours(&wasm)?;
    #[cfg(feature = "wasmtime")]
    contenders.extend(crate::engines::wasmtime::calls(&wasm)?);
    let mut times: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    let mut answers: BTreeMap<&str, u64> = BTreeMap::new();
    for round in 0..=args.rounds {
        for (who, kind, calls) in &mut contenders {
            crate::progress(&format!("round {round}: {who}, {kind}"));
            let start = cpu_time();
            let answer = calls(args.calls)?;
            let time = (cpu_time() - start).as_nanos() as f64 / f64::from(args.calls);
            let expected = *answers.entry(kind).or_insert(answer);
            ensure!(answer == expected, "{who}, {kind}: computed something else");
            // The first round warms up.
            if round > 0 {
                let number = KINDS.iter().position(|k| k == kind).unwrap_or(KINDS.len());
                times.entry((number, who)).or_default().push(time);
            }
        }
    }
    crate::progress("");
    println!(
        "{}: CPU time in nanoseconds per call, median of {} rounds",
        cpu(),
        args.rounds
    );
    let mut last = usize::MAX;
    for ((number, who), mut series) in times {
        series.sort_by(f64::total_cmp);
        let middle = series[series.len() / 2];
        if number != last {
            println!("{}", KINDS.get(number).unwrap_or(&"?"));
            last = number;
        }
        println!("  {who:10} {middle:8.1}  (least {:.1})", series[0]);
    }
    Ok(())
}

/// The name of this CPU.
pub fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut names = info.lines().filter_map(|l| l.strip_prefix("model name"));
    let name = names.next().unwrap_or_default();
    name.trim_start_matches([' ', '\t', ':']).to_owned()
}

/// What the host's functions of both engines do.
pub fn add(a: i32, b: i32) -> i32 {
    a.wrapping_add(b)
}

/// As [`add`].
pub fn scale(x: f64) -> f64 {
    x * 0.5
}

/// As [`add`]: a byte of memory.
pub fn load(memory: &[u8], at: i32) -> i32 {
    memory.get(at as usize).map_or(0, |&byte| byte.into())
}

fn ours(wasm: &[u8]) -> Result<Vec<Contender>> {
    let engine = Engine::default();
    let object = engine.compile("calls", wasm)?;
    let process = || {
        let mut hosts = Hosts::new();
        hosts.func("host", "nothing", |_: &mut Caller<'_, ()>| ());
        hosts.func("host", "add", |_: &mut Caller<'_, ()>, a: i32, b: i32| {
            add(a, b)
        });
        hosts.func("host", "scale", |_: &mut Caller<'_, ()>, x: f64| scale(x));
        hosts.func("host", "load", |caller: &mut Caller<'_, ()>, at: i32| {
            load(caller.memory(), at)
        });
        let like_add = FuncType::new([ValType::I32; 2], [ValType::I32]);
        let untyped = |_: &mut Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
            if let [Val::I32(a), Val::I32(b)] = *args {
                results[0] = Val::I32(add(a, b));
            }
            Ok(())
        };
        hosts.func_of_type("host", "untyped", like_add, untyped);
        let mut process = Process::new(&engine, Config::default(), ())?;
        process.add_hosts(&hosts);
        let instance = process.instantiate(&object, None)?;
        anyhow::Ok((process, instance))
    };
    let loops = |name: &'static str| -> Result<Calls> {
        let (mut process, instance) = process()?;
        let func: TypedFunc<u32, i32> = instance.typed_func(&mut process, name)?;
        Ok(Box::new(move |n| {
            Ok(func.call(&mut process, n)? as u32 as u64)
        }))
    };
    let handle = || process();
    Ok(vec![
        (
            "wasmaot",
            KINDS[0],
            each(handle()?, "nothing", |_, _| (), |()| 0)?,
        ),
        (
            "wasmaot",
            KINDS[1],
            each(
                handle()?,
                "add",
                |n, last| (n as i32, last as i32),
                |r: i32| r as u32 as u64,
            )?,
        ),
        (
            "wasmaot",
            KINDS[2],
            each(
                handle()?,
                "six",
                |n, last| (n as i32, 1, 2, last as i32, 4, 5),
                |r: i32| r as u32 as u64,
            )?,
        ),
        (
            "wasmaot",
            KINDS[3],
            each(
                handle()?,
                "scale",
                |n, last| f64::from(n) + last as f64,
                |r: f64| r as u64,
            )?,
        ),
        ("wasmaot", KINDS[4], {
            let (mut process, instance) = process()?;
            Box::new(move |n| {
                let mut last = 0;
                for i in 0..n {
                    let func = instance.typed_func::<(i32, i32), i32>(&mut process, "add")?;
                    last = func.call(&mut process, (i as i32, last))?;
                }
                Ok(last as u32 as u64)
            })
        }),
        ("wasmaot", KINDS[5], loops("call nothing")?),
        ("wasmaot", KINDS[6], loops("call add")?),
        ("wasmaot", KINDS[7], loops("call scale")?),
        ("wasmaot", KINDS[8], loops("call load")?),
        ("wasmaot", KINDS[9], loops("call untyped")?),
    ])
}

/// Calls through a handle, each with what the last one gave.
fn each<P: WasmParams + 'static, R: WasmResults + 'static>(
    (mut process, instance): (Process, Instance),
    name: &str,
    params: impl Fn(u32, u64) -> P + 'static,
    result: impl Fn(R) -> u64 + 'static,
) -> Result<Calls> {
    let func = instance.typed_func::<P, R>(&mut process, name);
    let func = func.with_context(|| format!("no function {name}"))?;
    Ok(Box::new(move |n| {
        let mut last = 0;
        for i in 0..n {
            last = result(func.call(&mut process, params(i, last))?);
        }
        Ok(last)
    }))
}
