//! Compiles a WebAssembly module to an ELF shared object.
//!
//! ```text
//! bytes ── decode (wasmparser) ── inline (which calls) ── translate (ops: wasm → CLIF; passes)
//!       ── codegen (Cranelift, parallel) ── emit (so: GOT, PLT, symbols, layout; obj) ── bytes
//! ```
//!
//! Each phase uses those before it and what they have in common: `module`, `code`,
//! `operator`, `prescan`, `machine`. None uses a later one.
//!
//! Bytes in, bytes out: no I/O, no `unsafe`, and the same output for the same
//! input and options whatever the number of threads.

#![forbid(unsafe_code)]

mod build_id;
mod code;
mod codegen;
mod decode;
mod emit;
mod error;
mod inline;
mod limits;
mod machine;
mod module;
mod operator;
mod options;
mod parallel;
mod pipeline;
pub mod prelink;
mod prescan;
pub mod profile;
mod target;
mod translate;

pub use build_id::{PRODUCER, build_id};
pub use error::{Error, Result};
pub use options::{Calls, OptLevel, Options, Profiling, Progress};
/// The type of [`Options::target`].
pub use target_lexicon::Triple;

use module::Module;

/// What to make of a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// An ELF shared object, for the loader.
    #[default]
    So,
    /// A relocatable ELF object, for other tools.
    Obj,
    /// The text of Cranelift's intermediate code.
    Clif,
    /// The text of the machine code.
    Asm,
}

/// What a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// A program and not a library: it has what is called first.
    pub is_program: bool,
    /// A plain module, that is one of no convention of dynamic linking.
    pub is_plain: bool,
}

/// Says what a module is.
///
/// # Errors
/// If the module cannot be read.
pub fn outline(source: &str, wasm: &[u8]) -> Result<Outline> {
    let module = decode::decode(source, wasm, &Options::default())?;
    Ok(Outline {
        is_program: module.is_program(),
        is_plain: module.is_plain(),
    })
}

/// Compiles a module. `source` is its path or name, for messages; its last
/// component becomes the object's soname.
///
/// # Errors
/// [`Error`], in one line that names the file and what to do.
pub fn compile(source: &str, wasm: &[u8], options: &Options, emit: Emit) -> Result<Vec<u8>> {
    let isa = target::isa(options)?;
    let backend = target::backend(options)?;
    let counting;
    let module = match options.profiling {
        Profiling::Count => {
            let hash;
            (counting, hash) = decode::counting(source, wasm, options)?;
            let module = decode::decode(source, &counting, options)?;
            Module { hash, ..module }
        }
        _ => decode::decode(source, wasm, options)?,
    };
    match emit {
        Emit::Clif | Emit::Asm => {
            codegen::listing(&module, options, emit == Emit::Asm).map(String::into_bytes)
        }
        Emit::Obj => {
            let code = codegen::compile(&module, options)?;
            emit::obj::write(&module, code, isa, backend)
        }
        Emit::So => {
            let code = codegen::compile(&module, options)?;
            emit::so::link(
                &module,
                &code,
                &*isa,
                backend,
                options,
                build_id(source, &module.hash, options),
                None,
            )
        }
    }
}
