//! What mutations begin with: modules that use something of everything, and
//! the objects made of them.

use std::sync::{Arc, OnceLock};

use wasmaot_abi::info::LinkingAbi;
use wasmaot_compiler::{Emit, OptLevel, Options};
use wasmaot_runtime::{Bind, Config, Object, Process, Unresolved};

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

/// The objects, in the order of the modules.
pub fn objects() -> &'static [Vec<u8>] {
    static OBJECTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    OBJECTS.get_or_init(|| {
        let modules = modules().iter();
        modules
            .map(|wasm| {
                wasmaot_compiler::compile("seed", wasm, &options(OptLevel::Speed), Emit::So)
                    .expect("seeds compile")
            })
            .collect()
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
    let config = Config {
        unresolved: Unresolved::Ignore,
        // It reads the code too.
        bind: Bind::Direct,
        ..Config::default()
    };
    let mut process = Process::new(config).ok()?;
    let core = object.info().abi == LinkingAbi::Core;
    let object = Arc::new(object);
    let loaded = if core {
        process.instantiate(object, Some("seed"))
    } else {
        process.load_program(object, &[])
    };
    Some(loaded.is_ok())
}
