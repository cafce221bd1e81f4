//! What mutations begin with: modules that use something of everything, and
//! the objects made of them.

use std::sync::{Arc, OnceLock};

use wasmaot_abi::info::LinkingAbi;
use wasmaot_compiler::prelink::{Binding, Set};
use wasmaot_compiler::{Emit, OptLevel, Options};
use wasmaot_runtime::{Bind, Bound, Config, Object, Process, Unresolved};

use crate::native;

const TEXTS: &[&str] = &[
    include_str!("../seeds/core.wat"),
    include_str!("../seeds/library.wat"),
    include_str!("../seeds/main.wat"),
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
        let (bound, _) = link(set.outlines().expect("seeds compile"));
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
    let core = object.info().abi == LinkingAbi::Core;
    let object = Arc::new(object);
    let loaded = if core {
        process.instantiate(object, Some("seed"))
    } else {
        process.load_program(object, &[])
    };
    Some(loaded.is_ok())
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
