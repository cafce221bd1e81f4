//! Prelinked sets: calls between their objects lead straight to where they end
//! without a byte of code changed at load; what runs is the same whatever comes
//! between.

#![cfg(feature = "compiler")]

#[path = "../common/mod.rs"]
mod common;

mod bodies;
mod command;
mod links;
mod records;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use wasmaot::prelink::build_set;
use wasmaot_abi::machine::Machine;
use wasmaot_abi::object::{Note, PltCall, SEC_CALLS};
use wasmaot_abi::prelink::{Prelink, SetAddress};
use wasmaot_compiler::{Calls, OptLevel, Options};
use wasmaot_runtime::error::{Error, Result};
use wasmaot_runtime::{Bind, CallError, Config, LinkMapEntry, Object, OpenFlags, Process, Val};

use common::Sandbox;
use common::calls::{calls, pairs};
use common::program::{self, Program, caller, module, object};

/// What the caller of `tests/common` calls, through one library more.
const LIBRARY: &str = r#"
    (import "env" "who" (func $who (result i32)))
    (import "env" "more" (func $more (param i32) (result i32)))
    (func (export "add") (param i32 i32) (result i32)
      (call $more (i32.add (local.get 0) (local.get 1))))
    (func (export "ask") (result i32) (call $who))
"#;

const OTHER: &str = r#"
    (func (export "more") (param i32) (result i32)
      (if (i32.eqz (local.get 0)) (then unreachable))
      (local.get 0))
"#;

/// Modules by name: main, which needs `lib`, which needs `other`.
fn modules() -> Vec<(&'static str, String)> {
    vec![
        ("main", module(0, 0, &["lib"], &caller("", ""))),
        ("lib", module(0, 0, &["other"], LIBRARY)),
        ("other", module(0, 0, &[], OTHER)),
    ]
}

fn nothing(_: &str, _: &Object) -> Result<Option<Arc<Object>>> {
    Ok(None)
}

/// The bytes of the objects of a set.
fn built(modules: &[(&str, String)]) -> Vec<Vec<u8>> {
    built_with(modules, &Options::default())
}

fn built_with(modules: &[(&str, String)], options: &Options) -> Vec<Vec<u8>> {
    let binary = |(name, text): &(&str, String)| {
        let bytes = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        ((*name).to_owned(), bytes)
    };
    let modules: Vec<_> = modules.iter().map(binary).collect();
    build_set(&modules, nothing, options).unwrap_or_else(|e| panic!("{e:#}"))
}

fn without_inlining() -> Options {
    Options {
        opt_level: OptLevel::Less,
        ..Options::default()
    }
}

/// The objects of a set, each checked whole.
fn set(modules: &[(&str, String)]) -> Vec<Arc<Object>> {
    opened(modules, built(modules))
}

fn opened(modules: &[(&str, String)], objects: Vec<Vec<u8>>) -> Vec<Arc<Object>> {
    objects
        .into_iter()
        .zip(modules)
        .map(|(bytes, (name, _))| {
            // SAFETY: the compiler's own bytes.
            Arc::new(unsafe { Object::from_bytes(name, &bytes, true) }.unwrap())
        })
        .collect()
}

fn config(bind: Bind) -> Config {
    Config {
        bind,
        ..program::config()
    }
}

/// Loads main, the first object, with the others to be found by name.
fn load(
    objects: &[Arc<Object>],
    preload: &[Arc<Object>],
    config: Config,
) -> Result<Program, Error> {
    let (main, libraries) = (Arc::clone(&objects[0]), objects[1..].to_vec());
    let mut process = Process::new(config)?;
    process.set_finder(move |name: &str, _: &Object| {
        let found = libraries.iter().find(|o| o.name() == name);
        Ok(found.cloned())
    });
    let main = process.load_program(main, preload)?;
    Ok(Program { process, main })
}

/// What the program of [`modules`] does.
#[track_caller]
fn run(program: &mut Program) {
    assert_eq!(program.call("sum", &[100]), 5050);
    assert_eq!(program.call("tail", &[30, 12]), 42);
    assert_eq!(program.call("asked", &[]), 1);
}

/// Where the calls of an object lead.
fn lead(program: &Program, name: &str) -> Vec<String> {
    let calls = calls(&program.process, name);
    calls.into_iter().map(|call| call.to).collect()
}

fn entry<'p>(program: &'p Program, name: &str) -> LinkMapEntry<'p> {
    program
        .process
        .link_map()
        .find(|e| e.name == name)
        .unwrap_or_else(|| panic!("{name} is loaded"))
}

/// Whether the code of an object is as in its file, and the pages that are this
/// process's own.
fn code(program: &Program, name: &str) -> (bool, u64) {
    let entry = entry(program, name);
    let start = entry.object.section_address(".text").unwrap();
    let text = entry.object.section(".text").unwrap();
    let mut found = vec![0; text.len()];
    let memory = File::open("/proc/self/mem").unwrap();
    memory
        .read_exact_at(&mut found, entry.load_address + start)
        .unwrap();
    (found == text, private_dirty(entry.load_address + start))
}

/// Bytes of the mapping at an address that this process alone has.
fn private_dirty(at: u64) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    for line in maps.lines() {
        let range = line.split(' ').next().and_then(|r| r.split_once('-'));
        if let Some((start, end)) = range {
            let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
            inside = (number(start)..number(end)).contains(&at);
        } else if let (true, Some(rest)) = (inside, line.strip_prefix("Private_Dirty:")) {
            let size = rest.trim().trim_end_matches(" kB");
            return size.parse::<u64>().unwrap() << 10;
        }
    }
    panic!("{at:#x} is not mapped")
}

/// Configuration that notes the lines of the trace.
fn traced() -> (Config, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let config = Config {
        trace: Some(Box::new(move |_, text| {
            sink.lock().unwrap().push(text.to_owned());
        })),
        ..program::config()
    };
    (config, lines)
}

#[track_caller]
fn says(lines: &Mutex<Vec<String>>, line: &str) {
    let lines = lines.lock().unwrap();
    assert!(lines.iter().any(|l| l.contains(line)), "{line}: {lines:#?}");
}
