//! The identity of what the compiler makes.

use cranelift_codegen::VERSION as CRANELIFT;
use wasmaot_abi::info::ModuleHash;
use wasmaot_abi::prelink::BuildId;

use crate::module::soname;
use crate::options::{Options, Profiling};

/// Name and version of the compiler, as it enters build ids and records.
pub const PRODUCER: &str = concat!("wasmaot ", env!("CARGO_PKG_VERSION"));

/// Hash of the compiler's own sources.
const SOURCES: &str = env!("WASMAOT_SOURCES");

/// Hash of input, options and compiler version, that of its code generator
/// included, so that a fault that is fixed there is not served from a cache: all that
/// the output depends on. Also the key of a cache of built objects. `module` is the hash of the
/// module's bytes, so who knows that one need not read them.
pub fn build_id(source: &str, module: &ModuleHash, options: &Options) -> BuildId {
    let mut hasher = blake3::Hasher::new();
    let settings = format!(
        "{PRODUCER} {SOURCES} cranelift {CRANELIFT} abi {} {} {:#x} {:?} {:?}\0{}\0",
        wasmaot_abi::ABI_VERSION,
        options.target,
        options.cpu,
        options.opt_level,
        options.calls,
        soname(source),
    );
    hasher.update(settings.as_bytes());
    if let Some(interpreter) = &options.interpreter {
        hasher.update(format!("interpreter {interpreter}\0").as_bytes());
    }
    match &options.profiling {
        Profiling::None => {}
        Profiling::Count => {
            hasher.update(b"counts\0");
        }
        Profiling::Use(profile) => {
            hasher.update(b"profile\0");
            hasher.update(profile.text().as_bytes());
        }
    }
    hasher.update(module);
    let mut id = [0; 20];
    id.copy_from_slice(&hasher.finalize().as_bytes()[..20]);
    id
}
