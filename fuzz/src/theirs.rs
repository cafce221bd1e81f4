//! Runs a differential case by wasmtime.

use std::sync::{Arc, Mutex};

use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::{FuncType, ValType};
use wasmaot_test_agent::case::{self, Call, Case, Event, HOST, Stop, Type, Value};
use wasmtime::{
    Config, Engine, ExternRef, Func, Linker, Module, OptLevel, Result, Store, ThrownException,
    Trap, V128, Val, WasmBacktrace,
};

/// What host functions keep.
#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    turn: u64,
}

/// An engine that has what wasmaot has.
///
/// # Errors
/// If wasmtime refuses the options.
pub fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config
        // The same code generator: without its optimiser, some of that is compared too.
        .cranelift_opt_level(OptLevel::None)
        .wasm_tail_call(true)
        .wasm_multi_memory(true)
        .wasm_extended_const(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(true)
        .wasm_wide_arithmetic(true)
        .wasm_custom_page_sizes(true)
        .wasm_threads(true)
        .shared_memory(true)
        .wasm_exceptions(true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(100_000))
        .max_wasm_stack(8 << 20)
        .async_stack_size(16 << 20)
        .collector(wasmtime::Collector::DeferredReferenceCounting);
    Engine::new(&config)
}

/// Runs all rounds.
///
/// # Errors
/// If wasmtime does not take a module.
pub fn run(engine: &Engine, case: &Case) -> Result<Vec<Event>> {
    let mut modules = Vec::new();
    for unit in &case.units {
        modules.push(Module::new(engine, &unit.wasm)?);
    }
    let events = Arc::new(Mutex::new(Vec::new()));
    for round in &case.rounds {
        if !run_round(engine, case, &modules, round, &events)? {
            break;
        }
    }
    let events = events.lock().expect("no panic under the lock");
    Ok(events.clone())
}

fn run_round(
    engine: &Engine,
    case: &Case,
    modules: &[Module],
    round: &[Call],
    all: &Mutex<Vec<Event>>,
) -> Result<bool> {
    let mut store = Store::new(engine, State::default());
    let finished = run_store(case, modules, round, &mut store);
    all.lock()
        .expect("no panic under the lock")
        .append(&mut store.data_mut().events);
    finished
}

fn run_store(
    case: &Case,
    modules: &[Module],
    round: &[Call],
    store: &mut Store<State>,
) -> Result<bool> {
    let mut linker = Linker::new(store.engine());
    linker.allow_shadowing(true);
    host_functions(case, store, &mut linker)?;
    let named = |module: &Module| {
        let number = modules.iter().position(|m| Module::same(m, module));
        number.map_or("?".to_owned(), |number| case.units[number].name.clone())
    };
    let mut instances = Vec::new();
    for (unit, module) in case.units.iter().zip(modules) {
        store
            .data_mut()
            .events
            .push(Event::Instantiate(unit.name.clone()));
        let ready = linker.instantiate_pre(module);
        let made = match &ready {
            Ok(ready) => ready.instantiate(&mut *store),
            Err(_) => {
                store.data_mut().events.push(Event::Unlinkable);
                instances.push(None);
                continue;
            }
        };
        match made {
            Ok(instance) => {
                linker.instance(&mut *store, &unit.name, instance)?;
                instances.push(Some(instance));
                continue;
            }
            Err(error) => {
                store.take_pending_exception();
                let event = stop(&error, named);
                // Imports are matched with the store's own only now.
                let event = event.unwrap_or(Event::Unlinkable);
                store.data_mut().events.push(event.clone());
                if event == Event::Exhausted {
                    return Ok(false);
                }
            }
        }
        instances.push(None);
    }
    for call in round {
        let Some(instance) = instances[call.unit] else {
            continue;
        };
        let unit = &case.units[call.unit];
        let event = Event::Call(unit.name.clone(), call.name.clone(), call.args.clone());
        store.data_mut().events.push(event);
        let Some(func) = instance.get_func(&mut *store, &call.name) else {
            let what = format!("no function {:?}", call.name);
            return Err(wasmtime::Error::msg(what));
        };
        let mut args = Vec::new();
        for &arg in &call.args {
            args.push(from_value(&mut *store, arg)?);
        }
        let mut results = vec![Val::I32(0); func.ty(&*store).results().len()];
        match func.call(&mut *store, &args, &mut results) {
            Ok(()) => {
                let values = results.iter().map(|v| to_value(&*store, v)).collect();
                store.data_mut().events.push(Event::Return(values));
            }
            Err(error) => {
                store.take_pending_exception();
                let Some(event) = stop(&error, named) else {
                    return Err(error);
                };
                store.data_mut().events.push(event.clone());
                if event == Event::Exhausted {
                    return Ok(false);
                }
            }
        }
    }
    for (unit, instance) in case.units.iter().zip(instances) {
        let Some(instance) = instance else { continue };
        for export in &unit.exports {
            if matches!(export.ty, Type::Global(_))
                && let Some(global) = instance.get_global(&mut *store, &export.name)
            {
                let value = global.get(&mut *store);
                let value = to_value(&*store, &value);
                let event = Event::Global(export.name.clone(), value);
                store.data_mut().events.push(event);
            }
        }
    }
    Ok(true)
}

/// What an error is, if code stopped by it.
fn stop(error: &wasmtime::Error, named: impl Fn(&Module) -> String) -> Option<Event> {
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Some(Event::Exhausted),
        Some(trap) => match trap {
            Trap::UnreachableCodeReached => "unreachable",
            Trap::MemoryOutOfBounds => "out of bounds memory access",
            Trap::TableOutOfBounds => "out of bounds table access",
            Trap::IndirectCallToNull => "uninitialized element",
            Trap::BadSignature => "indirect call type mismatch",
            Trap::IntegerOverflow => "integer overflow",
            Trap::IntegerDivisionByZero => "integer divide by zero",
            Trap::BadConversionToInteger => "invalid conversion to integer",
            Trap::NullReference => "null reference",
            Trap::HeapMisaligned => "unaligned atomic",
            Trap::AtomicWaitNonSharedMemory => "expected shared memory",
            _ => "another trap",
        },
        None if error.is::<ThrownException>() => {
            let reason = TrapCode::UncaughtException.name();
            return Some(Event::Stop(Stop::new(reason, std::iter::empty(), 0)));
        }
        None if error.downcast_ref::<HostStop>().is_some() => "host",
        None => return None,
    };
    let frames = error.downcast_ref::<WasmBacktrace>();
    let frames = frames.map_or(&[][..], WasmBacktrace::frames).iter();
    let frames = frames.map(|f| {
        let offset = f.module_offset().map(|offset| offset as u32);
        (named(f.module()), offset)
    });
    Some(Event::Stop(Stop::new(reason, frames, 0)))
}

/// A host function's refusal.
#[derive(Debug)]
struct HostStop;

impl std::fmt::Display for HostStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("host")
    }
}

impl std::error::Error for HostStop {}

fn host_functions(case: &Case, store: &mut Store<State>, linker: &mut Linker<State>) -> Result<()> {
    for (number, ty) in case::host_types().into_iter().enumerate() {
        let seed = case.seed;
        let ty = func_type(store.engine(), &ty);
        let func = Func::new(&mut *store, ty, move |mut caller, args, results| {
            let args: Vec<Value> = args.iter().map(|v| to_value(&caller, v)).collect();
            let state = caller.data_mut();
            state.turn += 1;
            let answer = case::host_answer(seed, state.turn, number, &args);
            state.events.push(Event::Host(number, args));
            let values = answer.ok_or_else(|| wasmtime::Error::new(HostStop))?;
            for (result, value) in results.iter_mut().zip(values) {
                *result = from_value(&mut caller, value)?;
            }
            Ok(())
        });
        linker.define(&*store, HOST, &format!("f{number}"), func)?;
    }
    Ok(())
}

fn func_type(engine: &Engine, ty: &FuncType) -> wasmtime::FuncType {
    let list = |list: &[ValType]| {
        let types = list.iter().map(|ty| match ty {
            ValType::I32 => wasmtime::ValType::I32,
            ValType::I64 => wasmtime::ValType::I64,
            ValType::F32 => wasmtime::ValType::F32,
            ValType::F64 => wasmtime::ValType::F64,
            ValType::V128 => wasmtime::ValType::V128,
            ValType::FuncRef => wasmtime::ValType::FUNCREF,
            ValType::ExternRef => wasmtime::ValType::EXTERNREF,
            ValType::Ref(_) => unreachable!("no host function has other references"),
        });
        types.collect::<Vec<_>>()
    };
    wasmtime::FuncType::new(engine, list(&ty.params), list(&ty.results))
}

fn from_value(store: impl wasmtime::AsContextMut, value: Value) -> Result<Val> {
    Ok(match value {
        Value::Bits(ValType::I32, bits) => Val::I32(bits as i32),
        Value::Bits(ValType::I64, bits) => Val::I64(bits as i64),
        Value::Bits(ValType::F32, bits) => Val::F32(bits as u32),
        Value::Bits(ValType::F64, bits) => Val::F64(bits as u64),
        Value::Bits(_, bits) => Val::V128(V128::from(bits)),
        // Only null can be given.
        Value::Func(_) => Val::FuncRef(None),
        Value::Exn(_) => Val::ExnRef(None),
        Value::Extern(0) => Val::ExternRef(None),
        Value::Extern(word) => Val::ExternRef(Some(ExternRef::new(store, word)?)),
    })
}

fn to_value(store: impl wasmtime::AsContext, value: &Val) -> Value {
    match value {
        Val::I32(v) => Value::Bits(ValType::I32, *v as u32 as u128),
        Val::I64(v) => Value::Bits(ValType::I64, *v as u64 as u128),
        Val::F32(v) => Value::Bits(ValType::F32, (*v).into()),
        Val::F64(v) => Value::Bits(ValType::F64, (*v).into()),
        Val::V128(v) => Value::Bits(ValType::V128, v.as_u128()),
        Val::FuncRef(func) => Value::Func(func.is_some()),
        Val::ExnRef(exception) => Value::Exn(exception.is_some()),
        Val::ExternRef(Some(word)) => {
            let data = word.data(&store).ok().flatten();
            let word = data.and_then(|data| data.downcast_ref::<u32>().copied());
            Value::Extern(word.unwrap_or(u32::MAX))
        }
        _ => Value::Extern(0),
    }
}
