//! What mutations begin with: modules that use something of everything, and
//! the objects made of them.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use wasmaot_abi::info::LinkingAbi;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::trap::TrapCode;
use wasmaot_compiler::prelink::{Binding, Set};
use wasmaot_compiler::{Emit, OptLevel, Options};
use wasmaot_runtime::trap::{Trap, TrapReason};
use wasmaot_runtime::{
    Bind, Bound, CallError, Config, Error, InstanceId, Object, Process, Unresolved, Val,
};

use crate::{Outcome, native};

const TEXTS: &[&str] = &[
    include_str!("../seeds/core.wat"),
    include_str!("../seeds/library.wat"),
    include_str!("../seeds/main.wat"),
    include_str!("../seeds/threads.wat"),
    include_str!("../seeds/thread_library.wat"),
];

/// Made by clang, with debug sections: see `debug.c` beside it.
const DEBUG: &[u8] = include_bytes!("../seeds/debug.wasm");

/// The modules.
pub fn modules() -> &'static [Vec<u8>] {
    static MODULES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let texts = TEXTS.iter();
        let parsed = texts.map(|text| wat::parse_str(text).expect("seeds are right"));
        parsed.chain([DEBUG.to_vec()]).collect()
    })
}

/// The objects, in the order of the modules; then those of a prelinked set.
pub fn objects() -> &'static [Vec<u8>] {
    static OBJECTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    OBJECTS.get_or_init(|| {
        let modules = modules().iter();
        modules
            .map(|wasm| {
                wasmaot_compiler::compile("seed", wasm, &options(OptLevel::Speed), Emit::So)
                    .expect("seeds compile")
            })
            .chain(set().iter().map(|(_, bytes)| bytes.clone()))
            .collect()
    })
}

/// Main and the library prelinked, with their names.
fn set() -> &'static [(&'static str, Vec<u8>)] {
    static PRELINKED: OnceLock<Vec<(&str, Vec<u8>)>> = OnceLock::new();
    PRELINKED.get_or_init(|| {
        let modules = [("main", &modules()[2]), ("library", &modules()[1])];
        let named = modules.map(|(name, wasm)| (name, &wasm[..]));
        let set = Set::read(named, &options(OptLevel::Speed)).expect("seeds are right");
        let link = |objects: Vec<Vec<u8>>| {
            let names = modules.iter().map(|(name, _)| *name);
            let files: Vec<_> = names.zip(objects).collect();
            let objects = opened(&files);
            let process = process(Bind::Static, objects.clone());
            let mut process = process.expect("there is room for a process");
            let linked = process.link_set(&objects).expect("seeds link");
            (linked.bound(), linked.objects().expect("seeds link"))
        };
        let (bound, _) = link(set.skeletons().expect("seeds compile"));
        let binding = |b: Bound| Binding {
            import: b.import,
            member: b.member,
            symbol: b.symbol,
        };
        let bindings = bound
            .into_iter()
            .map(|b| b.into_iter().map(binding).collect());
        let bindings: Vec<_> = bindings.collect();
        let numbers = 0..modules.len();
        let compiled = numbers.map(|n| set.compile(n, &bindings).expect("seeds compile"));
        let (_, prelinked) = link(compiled.collect());
        let names = modules.into_iter().map(|(name, _)| name);
        names.zip(prelinked).collect()
    })
}

/// Options of a compilation in this thread.
pub fn options(opt_level: OptLevel) -> Options {
    Options {
        opt_level,
        threads: Some(1),
        verify: true,
        ..Options::default()
    }
}

/// Loads an object unless that would run code of it; whether it went well.
pub fn load(object: Object) -> Option<bool> {
    if object.has_init() {
        return None;
    }
    // It reads the code too.
    let mut process = process(Bind::Direct, opened(set()))?;
    Some(enter(&mut process, Arc::new(object)).is_ok())
}

fn enter(process: &mut Process, object: Arc<Object>) -> Result<InstanceId, Error> {
    match object.info().abi {
        LinkingAbi::Core => process.instantiate(object, Some("seed")),
        _ => process.load_program(object, &[]),
    }
}

/// As long as what an object exports runs at most, all of it.
const MOMENT: Duration = Duration::from_secs(2);

/// Loads an object and calls every function that it exports, with zeros.
///
/// # Errors
/// A fault that compiled code should not have.
pub fn run(object: Object) -> Result<Outcome, String> {
    let process = process(Bind::Direct, opened(set()));
    let mut process = process.ok_or("there is no room for a process")?;
    let interrupter = process.interrupter();
    thread::spawn(move || {
        thread::sleep(MOMENT);
        interrupter.interrupt(MOMENT);
    });
    let object = Arc::new(object);
    let id = match enter(&mut process, Arc::clone(&object)) {
        Ok(id) => id,
        Err(Error::Init { trap, .. }) => return fault(&trap).map(|()| Outcome::Passed),
        Err(_) => return Ok(Outcome::Refused),
    };
    let exports = object.exports();
    let functions = exports.filter(|(_, record)| record.kind == SymbolKind::Function);
    for (name, _) in functions {
        let Some(ty) = process.func_type(id, name) else {
            continue;
        };
        let args: Vec<Val> = ty.params.iter().map(|&ty| Val::from_bits(ty, 0)).collect();
        if let Err(CallError::Trap(trap)) = process.invoke(id, name, &args) {
            fault(&trap)?;
        }
    }
    Ok(Outcome::Passed)
}

/// Tells the traps that wasm has from a fault that it should not.
fn fault(trap: &Trap) -> Result<(), String> {
    match trap.reason {
        TrapReason::Code(TrapCode::NativeFault) => Err(trap.to_string()),
        _ => Ok(()),
    }
}

/// A process in which every library is there; an unknown one is the first.
fn process(bind: Bind, libraries: Vec<Arc<Object>>) -> Option<Process> {
    let config = Config {
        unresolved: Unresolved::Ignore,
        bind,
        ..Config::default()
    };
    let mut process = Process::new(config).ok()?;
    process.set_finder(move |name: &str, _: &Object| {
        let found = libraries.iter().find(|o| o.name() == name);
        Ok(found.or(libraries.first()).cloned())
    });
    Some(process)
}

fn opened(files: &[(&str, Vec<u8>)]) -> Vec<Arc<Object>> {
    let open = |(name, bytes): &(&str, Vec<u8>)| native::object(name, bytes, false);
    let objects = files.iter().map(open);
    objects
        .map(|object| Arc::new(object.expect("seeds are right")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_has_calls_across_it() {
        let main = &opened(set())[0];
        let calls: Vec<_> = main.prelinked_calls().map(|c| c.symbol).collect();
        assert_eq!(calls, ["own"]);
    }
}
