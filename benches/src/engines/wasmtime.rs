//! wasmtime as a library.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasmaot_lab::interleave::{Runner, timed};
use wasmtime::{
    Caller, Config, Engine, Extern, Func, FuncType, Global, GlobalType, ImportType, Inlining,
    Instance, Linker, Memory, MemoryType, Module, Mutability, OptLevel, Ref, RefType,
    RegallocAlgorithm, Store, Table, TableType, Val, ValType,
};

use super::NO_FILE;
use super::plan::{Give, Plan};
use crate::calls::{self, Calls, Contender, KINDS};

/// An engine with its inliner, which is off by default, or as it is.
fn engine(inlining: bool) -> Result<Engine> {
    let mut config = Config::new();
    if inlining {
        config.compiler_inlining(Inlining::Yes);
    }
    Engine::new(&config).map_err(foreign)
}

/// `run` of modules of a builds, one or two.
pub fn runner(directory: &Path, inlining: bool) -> Result<Runner> {
    let plan = Plan::new(directory)?;
    let engine = engine(inlining)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let read = |path: &Path| Module::from_file(&engine, path).map_err(foreign);
    let main = instantiate(&mut store, &mut linker, &plan, read)?;
    run(store, main)
}

/// The instance of main in a plan: a dynamic linker as an embedder would write it. The
/// linker has the functions of the host.
pub(super) fn instantiate<T: 'static>(
    store: &mut Store<T>,
    linker: &mut Linker<T>,
    plan: &Plan,
    read: impl Fn(&Path) -> Result<Module>,
) -> Result<Instance> {
    let memory = MemoryType::new(plan.pages, None);
    let memory = Memory::new(&mut *store, memory).map_err(foreign)?;
    let table = TableType::new(RefType::FUNCREF, plan.table, None);
    let table = Table::new(&mut *store, table, Ref::Func(None)).map_err(foreign)?;
    let stack = global(store, plan.stack, true)?;
    let mut instances: Vec<Instance> = Vec::new();
    for step in &plan.steps {
        let module = read(&step.path)?;
        if step.imports.is_empty() {
            let defined = linker.define_unknown_imports_as_traps(&module);
            let instance = defined.and_then(|()| linker.instantiate(&mut *store, &module));
            instances.push(instance.map_err(foreign)?);
            continue;
        }
        let mut imports: Vec<Extern> = Vec::new();
        for (import, declared) in step.imports.iter().zip(module.imports()) {
            imports.push(match import.give {
                Give::Memory => memory.into(),
                Give::Table => table.into(),
                Give::Stack => stack.into(),
                Give::Global { value, mutable } => global(store, value, mutable)?.into(),
                Give::Function(step) => {
                    let function = instances[step].get_func(&mut *store, &import.name);
                    function.context("an export that is there")?.into()
                }
                Give::Host => {
                    let function = linker.get(&mut *store, &import.module, &import.name);
                    function.map_err(foreign)?
                }
                Give::Missing => missing(store, &declared)?.into(),
            });
        }
        instances.push(Instance::new(&mut *store, &module, &imports).map_err(foreign)?);
    }
    for element in &plan.elements {
        let function = instances[element.step].get_func(&mut *store, &element.name);
        let slot = table.set(&mut *store, element.slot.into(), Ref::Func(function));
        slot.map_err(foreign)?;
    }
    for (step, name) in &plan.calls {
        let function = instances[*step].get_typed_func::<(), ()>(&mut *store, name);
        let function = function.map_err(foreign)?;
        function.call(&mut *store, ()).map_err(foreign)?;
    }
    instances.pop().context("a plan has steps")
}

/// A function that says who called it.
fn missing<T: 'static>(store: &mut Store<T>, import: &ImportType<'_>) -> Result<Func> {
    let ty = import.ty();
    let ty = ty.func().context("an import that is no function")?;
    let name = import.name().to_owned();
    let fails = move |_: Caller<'_, T>, _: &[Val], _: &mut [Val]| {
        Err(wasmtime::Error::msg(format!(
            "{name} is called, which is not there"
        )))
    };
    Ok(Func::new(store, ty.clone(), fails))
}

/// The function of an instance.
fn run(mut store: Store<()>, main: Instance) -> Result<Runner> {
    let run = main.get_typed_func::<u32, i32>(&mut store, "run");
    let run = run.map_err(foreign)?;
    Ok(timed(move |n| run.call(&mut store, n).map_err(foreign)))
}

/// `run` of a module that has a C library in it. What that would ask of WASI is refused:
/// kernels are to do their work alone.
pub fn alone(wasm: &Path) -> Result<Runner> {
    let mut config = Config::new();
    config.wasm_exceptions(true);
    let engine = Engine::new(&config).map_err(foreign)?;
    let module = Module::from_file(&engine, wasm).map_err(foreign)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    for import in module.imports() {
        let ty = import.ty();
        let ty = ty.func().context("an import that is no function")?;
        let refuse = |_: Caller<'_, ()>, _: &[Val], results: &mut [Val]| {
            results.fill(Val::I32(NO_FILE));
            Ok(())
        };
        let added = linker.func_new(import.module(), import.name(), ty.clone(), refuse);
        added.map_err(foreign)?;
    }
    let main = linker.instantiate(&mut store, &module).map_err(foreign)?;
    if let Ok(initialize) = main.get_typed_func::<(), ()>(&mut store, "_initialize") {
        initialize.call(&mut store, ()).map_err(foreign)?;
    }
    run(store, main)
}

/// A module built to a file in memory, as `wasmtime compile` does it. Level 0
/// is with single-pass register allocation, as ours is.
pub fn build(wasm: &[u8], level: u8, threads: usize) -> Result<Vec<u8>> {
    let mut config = Config::new();
    if level == 0 {
        config.cranelift_opt_level(OptLevel::None);
        config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    config.parallel_compilation(threads > 1);
    let engine = Engine::new(&config).map_err(foreign)?;
    engine.precompile_module(wasm).map_err(foreign)
}

fn global<T>(store: &mut Store<T>, value: u32, mutable: bool) -> Result<Global> {
    let mutability = if mutable {
        Mutability::Var
    } else {
        Mutability::Const
    };
    let ty = GlobalType::new(ValType::I32, mutability);
    Global::new(store, ty, Val::I32(value.cast_signed())).map_err(foreign)
}

/// Its errors are of a type of its own.
pub(super) fn foreign(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}

/// Calls between host and wasm code, as an embedder makes them.
pub fn calls(wasm: &[u8]) -> Result<Vec<Contender>> {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).map_err(foreign)?;
    let instance = || -> Result<(Store<()>, Instance)> {
        let mut linker: Linker<()> = Linker::new(&engine);
        linker
            .func_wrap("host", "nothing", || ())
            .and_then(|l| l.func_wrap("host", "add", calls::add))
            .and_then(|l| l.func_wrap("host", "scale", calls::scale))
            .and_then(|l| {
                l.func_wrap("host", "load", |mut caller: Caller<'_, ()>, at: i32| {
                    let memory = caller.get_export("memory").and_then(Extern::into_memory);
                    memory.map_or(0, |memory| calls::load(memory.data(&caller), at))
                })
            })
            .map_err(foreign)?;
        let ty = FuncType::new(&engine, [ValType::I32, ValType::I32], [ValType::I32]);
        let untyped = |_: Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
            if let [Val::I32(a), Val::I32(b)] = *args {
                results[0] = Val::I32(calls::add(a, b));
            }
            Ok(())
        };
        let added = linker.func_new("host", "untyped", ty, untyped);
        added.map_err(foreign)?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).map_err(foreign)?;
        Ok((store, instance))
    };
    let loops = |name: &str| -> Result<Calls> {
        let (mut store, instance) = instance()?;
        let func = instance.get_typed_func::<u32, i32>(&mut store, name);
        let func = func.map_err(foreign)?;
        Ok(Box::new(move |n| {
            Ok(func
                .call(&mut store, n)
                .map_err(foreign)?
                .cast_unsigned()
                .into())
        }))
    };
    macro_rules! each {
        ($name:literal, $params:ty, $results:ty, |$n:ident, $last:ident| $args:expr, $answer:expr) => {{
            let (mut store, instance) = instance()?;
            let func = instance.get_typed_func::<$params, $results>(&mut store, $name);
            let func = func.map_err(foreign)?;
            let calls: Calls = Box::new(move |calls| {
                let mut $last = 0;
                for $n in 0..calls {
                    $last = $answer(func.call(&mut store, $args).map_err(foreign)?);
                }
                Ok($last)
            });
            calls
        }};
    }
    let number = |r: i32| u64::from(r.cast_unsigned());
    Ok(vec![
        (
            "wasmtime",
            KINDS[0],
            each!("nothing", (), (), |_n, last| (), |()| 0),
        ),
        (
            "wasmtime",
            KINDS[1],
            each!(
                "add",
                (i32, i32),
                i32,
                |n, last| (n as i32, last as i32),
                number
            ),
        ),
        (
            "wasmtime",
            KINDS[2],
            each!(
                "six",
                (i32, i32, i32, i32, i32, i32),
                i32,
                |n, last| (n as i32, 1, 2, last as i32, 4, 5),
                number
            ),
        ),
        (
            "wasmtime",
            KINDS[3],
            each!(
                "scale",
                f64,
                f64,
                |n, last| f64::from(n) + last as f64,
                |r: f64| r as u64
            ),
        ),
        ("wasmtime", KINDS[5], loops("call nothing")?),
        ("wasmtime", KINDS[6], loops("call add")?),
        ("wasmtime", KINDS[7], loops("call scale")?),
        ("wasmtime", KINDS[8], loops("call load")?),
        ("wasmtime", KINDS[9], loops("call untyped")?),
    ])
}
