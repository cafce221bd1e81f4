//! Initialisation: runs what modules run before they are used.
//!
//! Rounds over the group, dependencies first. The order of the rounds is
//! the hazard: a library's start function zeroes its `.bss`, so it runs before
//! data relocations write there; constructors may use any library's data, so
//! they run after all data relocations. Main's copies of data are made between
//! the two, after the fixups of `dyninfo` modules: copies are of complete data.

use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::types::FuncType;

use super::Process;
use super::c_tls::{self, TlsInit};
use crate::backtrace::{Trap, TrapReason};
use crate::config::Category;
use crate::error::{CallError, Error, Result};
use crate::link::{Group, Purpose, Ready, dependencies_first};
use crate::value::Val;

const DATA_RELOCS: &str = "__wasm_apply_data_relocs";
const TLS_RELOCS: &str = "__wasm_apply_tls_relocs";
const CONSTRUCTORS: &str = "__wasm_call_ctors";
const INITIALIZE: &str = "_initialize";
/// What Emscripten 1 exports instead.
const POST_INSTANTIATE: &str = "__post_instantiate";
const START: &str = "_start";

/// Runs the initialisers of a group.
pub(super) fn run(process: &mut Process, ready: &Ready, constructors: bool) -> Result<()> {
    let group = &ready.group;
    let (members, first) = (&group.members, group.first);
    let order = order(group);
    for &member in &order {
        let instance = &process.link.instances[first + member];
        let Some(init) = instance.object.init() else {
            continue;
        };
        let (code, domain, locals) = (instance.address(init), instance.domain, instance.locals);
        trace(process, first + member, "init");
        let ran = process.call_code(domain, code, &FuncType::default(), &[]);
        ran.map(|_| ())
            .map_err(|trap| failed(process, first + member, "the init function", trap))?;
        // What it has computed for this thread holds for all.
        if let Some(at) = locals {
            process.space.locals.spread(at)?;
        }
    }
    let dynamic = |&&m: &&usize| members[m].object.info().abi != LinkingAbi::Core;
    for &member in order.iter().filter(dynamic) {
        call(process, first + member, DATA_RELOCS)?;
    }
    for &member in order.iter().filter(dynamic) {
        thread_relocs(process, first + member)?;
    }
    process.make_tls_of_others(group.numbers())?;
    ready.complete_data(&mut process.linker())?;
    if !constructors {
        return Ok(());
    }
    process.without_dl(|process| run_constructors(process, group, &order))
}

/// Runs the constructors of a group's members, in order.
fn run_constructors(process: &mut Process, group: &Group, order: &[usize]) -> Result<()> {
    let (members, first) = (&group.members, group.first);
    for &member in order {
        let exports = |name| members[member].object.find(name).is_some();
        let main = member == 0 && group.purpose == Purpose::Program;
        let core = members[member].object.info().abi == LinkingAbi::Core;
        if main && exports(START) {
            // `_start` calls the constructors itself.
        } else if exports(INITIALIZE) {
            call(process, first + member, INITIALIZE)?;
        } else if !core && exports(CONSTRUCTORS) {
            call(process, first + member, CONSTRUCTORS)?;
        } else if !core {
            call(process, first + member, POST_INSTANTIATE)?;
        }
    }
    Ok(())
}

/// Calls an exported function without parameters and results, if there is one.
fn call(process: &mut Process, id: usize, name: &'static str) -> Result<()> {
    let object = &process.link.instances[id].object;
    let Some(symbol) = object.find(name) else {
        return Ok(());
    };
    if object.func_type(object.symbol(symbol).record) != Some(&FuncType::EMPTY) {
        return Ok(());
    }
    call_with(process, id, name, &[])
}

pub(super) fn call_with(
    process: &mut Process,
    id: usize,
    name: &'static str,
    args: &[Val],
) -> Result<()> {
    trace(process, id, name);
    let called = process.invoke(process.link.instances.id(id), name, args);
    called.map(|_| ()).map_err(|e| {
        let trap = match e {
            CallError::Trap(trap) => trap,
            other => Trap::new(TrapReason::Host(other.to_string())),
        };
        failed(process, id, name, trap)
    })
}

/// Relocates the current thread's copy of data. The start function has initialised
/// it, before there was anything to relocate it by.
fn thread_relocs(process: &mut Process, id: usize) -> Result<()> {
    let object = &process.link.instances[id].object;
    if object.find(TLS_RELOCS).is_some() {
        return call(process, id, TLS_RELOCS);
    }
    let init = object
        .find(c_tls::INIT)
        .and_then(|symbol| object.func_type(object.symbol(symbol).record));
    let takes_address = init.is_some_and(|ty| *ty == TlsInit::ty());
    let block = process.view().global(id, c_tls::BASE);
    match block {
        Some(block @ Val::I32(at)) if takes_address && at != 0 => {
            call_with(process, id, c_tls::INIT, &[block])
        }
        _ => Ok(()),
    }
}

fn trace(process: &Process, id: usize, name: &str) {
    process.config.trace(Category::Files, || {
        format!(
            "calling {name} of {}",
            process.link.instances[id].object.name()
        )
    });
}

fn failed(process: &Process, id: usize, function: &'static str, trap: Trap) -> Error {
    Error::Init {
        file: process.link.instances[id]
            .object
            .path()
            .display()
            .to_string(),
        function,
        trap: Box::new(trap),
    }
}

/// The members, each after those it needs; where that leaves a choice, those
/// loaded last come first, as with glibc, and the one that was asked for comes
/// last.
fn order(group: &Group) -> Vec<usize> {
    let member = |number: &usize| number.checked_sub(group.first);
    let needs = group.members.iter();
    let needs: Vec<Vec<usize>> = needs
        .map(|m| m.needs.iter().filter_map(member).collect())
        .collect();
    let last_loaded_first = (0..needs.len()).rev();
    let mut order = dependencies_first(&needs, last_loaded_first);
    if let Some(asked_for) = order.iter().position(|&member| member == 0) {
        order[asked_for..].rotate_left(1);
    }
    order
}
