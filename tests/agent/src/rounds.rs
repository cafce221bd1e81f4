//! Runs a differential case's objects.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use wasmaot_abi::trap::TrapCode;
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{
    Bind, CallError, Config, Error, HostError, HostFunction, InstanceId, Object, Process, Val,
};

use crate::case::{self, Call, Case, Event, HOST, Stop, Type, Value};
use crate::native;

/// Why a case does not run.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// A valid module is not compiled, or its object not taken: a bug.
    Bug(String),
    /// wasmaot says that it has not what the case needs.
    Unsupported(String),
}

/// Runs all rounds of a case, whose units' objects have this content.
///
/// # Errors
/// [`Refusal`].
pub fn run(case: &Case, objects: &[Vec<u8>]) -> Result<Vec<Event>, Refusal> {
    let objects = case.units.iter().zip(objects).map(|(unit, bytes)| {
        let object = native::object(&unit.name, bytes, true);
        object
            .map(Arc::new)
            .map_err(|e| Refusal::Bug(e.to_string()))
    });
    let objects = objects.collect::<Result<Vec<_>, _>>()?;
    let events = Arc::new(Mutex::new(Vec::new()));
    for round in &case.rounds {
        if !run_round(case, &objects, round, &events)? {
            break;
        }
    }
    let events = events.lock().expect("no panic under the lock");
    Ok(events.clone())
}

/// Runs a round; false if there is no use in going on.
fn run_round(
    case: &Case,
    objects: &[Arc<Object>],
    round: &[Call],
    events: &Arc<Mutex<Vec<Event>>>,
) -> Result<bool, Refusal> {
    let log = |event| events.lock().expect("no panic under the lock").push(event);
    let config = Config {
        check: true,
        // Modules with shared memories and others are in one process.
        max_threads: 1,
        bind: match case.seed % 2 {
            0 => Bind::Now,
            _ => Bind::Direct,
        },
        ..Config::default()
    };
    let mut process = Process::new(config).map_err(|e| Refusal::Bug(e.to_string()))?;
    process.add_host_functions(host_functions(case.seed, events));
    let mut instances: Vec<Option<InstanceId>> = Vec::new();
    for (unit, object) in case.units.iter().zip(objects) {
        log(Event::Instantiate(unit.name.clone()));
        let made = process.instantiate(Arc::clone(object), None);
        match made {
            Ok(id) => {
                process.register(&unit.name, id);
                instances.push(Some(id));
                continue;
            }
            Err(Error::Init { trap, .. }) => {
                if !log_stop(&log, &trap) {
                    return Ok(false);
                }
            }
            Err(Error::Unsupported { what, .. }) => return Err(Refusal::Unsupported(what)),
            Err(Error::Unresolved(_) | Error::Mismatch { .. } | Error::FunctionType { .. }) => {
                log(Event::Unlinkable)
            }
            Err(other) => return Err(Refusal::Bug(other.to_string())),
        }
        instances.push(None);
    }
    for call in round {
        let Some(id) = instances[call.unit] else {
            continue;
        };
        let unit = &case.units[call.unit];
        log(Event::Call(
            unit.name.clone(),
            call.name.clone(),
            call.args.clone(),
        ));
        let args: Vec<Val> = call.args.iter().map(|v| v.into_val()).collect();
        match process.invoke(id, &call.name, &args) {
            Ok(values) => log(Event::Return(values.into_iter().map(Value::of).collect())),
            Err(CallError::Trap(trap)) => {
                if !log_stop(&log, &trap) {
                    return Ok(false);
                }
            }
            Err(other) => return Err(Refusal::Bug(other.to_string())),
        }
    }
    for (unit, id) in case.units.iter().zip(instances) {
        let Some(id) = id else { continue };
        for export in &unit.exports {
            if matches!(export.ty, Type::Global(_)) {
                let value = process.global_get(id, &export.name).ok_or_else(|| {
                    Refusal::Bug(format!("{}: no global {:?}", unit.name, export.name))
                })?;
                log(Event::Global(export.name.clone(), Value::of(value)));
            }
        }
    }
    Ok(true)
}

/// Logs a stop; false if nothing after it can be compared.
fn log_stop(log: &impl Fn(Event), trap: &Trap) -> bool {
    let reason = match &trap.reason {
        TrapReason::Code(TrapCode::StackOverflow) => {
            log(Event::Exhausted);
            return false;
        }
        TrapReason::Code(code) => code.name(),
        TrapReason::Host(message) => message,
        TrapReason::Exit(_) => "exit",
        _ => "an error of the host",
    };
    if matches!(trap.reason, TrapReason::Code(TrapCode::UncaughtException)) {
        // wasmtime does not say where.
        log(Event::Stop(Stop::new(reason, std::iter::empty(), 0)));
        return true;
    }
    let frames = trap.frames.iter();
    let frames = frames.map(|f| (f.object.clone(), f.wasm_offset));
    log(Event::Stop(Stop::new(reason, frames, trap.omitted)));
    true
}

fn host_functions(seed: u64, events: &Arc<Mutex<Vec<Event>>>) -> Vec<HostFunction> {
    let turns = Arc::new(Mutex::new(0));
    let types = case::host_types().into_iter().enumerate();
    types
        .map(|(number, ty)| {
            let (turns, events) = (Arc::clone(&turns), Arc::clone(events));
            let body =
                move |_: &mut wasmaot_runtime::Caller<'_>, args: &[Val], results: &mut [Val]| {
                    let args: Vec<Value> = args.iter().map(|&v| Value::of(v)).collect();
                    let mut turn = turns.lock().expect("no panic under the lock");
                    *turn += 1;
                    let answer = case::host_answer(seed, *turn, number, &args);
                    let mut events = events.lock().expect("no panic under the lock");
                    events.push(Event::Host(number, args));
                    let values = answer.ok_or_else(|| HostError::Message("host".to_owned()))?;
                    for (result, value) in results.iter_mut().zip(values) {
                        *result = value.into_val();
                    }
                    Ok(())
                };
            HostFunction::new(HOST, format!("f{number}"), ty, body)
        })
        .collect()
}
