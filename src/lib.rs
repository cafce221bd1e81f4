//! wasmaot: WebAssembly modules as ELF shared objects, and their dynamic linker.
//!
//! The parts are crates of their own: [`compiler`] turns a module into an
//! object, [`runtime`] loads and links objects into a process and runs it.
//! This one finds inputs on disk and keeps built objects in a cache. The
//! command line is a package of its own, `wasmaot-cli`.
//!
//! From bytes to a call, with a host function and a look at memory:
//!
//! ```
//! use wasmaot::runtime::{Caller, Config, HostFunction, Process};
//! use wasmaot::Engine;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let module = wat::parse_str(
//!     r#"(module
//!          (import "env" "twice" (func $twice (param i32) (result i32)))
//!          (memory (export "memory") 1)
//!          (func (export "store") (param $at i32) (param $value i32)
//!            (i32.store8 (local.get $at) (call $twice (local.get $value)))))"#,
//! )?;
//! let object = Engine::default().compile("store.wasm", &module)?;
//!
//! let mut process = Process::new(Config::default())?;
//! process.add_host_functions([
//!     HostFunction::wrap("env", "twice", |_: &mut Caller<'_>, value: i32| 2 * value),
//! ]);
//! let id = process.instantiate(object, None)?;
//! process.call::<(i32, i32), ()>(id, "store", (100, 21))?;
//! assert_eq!(process.read(id, 100, 1)?, [42]);
//! # Ok(())
//! # }
//! ```
//!
//! A WASI program with a directory and limits, the time among them:
//!
//! ```
//! use std::time::Duration;
//! use wasmaot::hosts::{HostEnv, wasi};
//! use wasmaot::runtime::{CallError, Config, Process};
//! # use wasmaot::Engine;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let module = wat::parse_str(r#"(module (memory 1) (func (export "_start") (loop (br 0))))"#)?;
//! # let object = Engine::default().compile("loop.wasm", &module)?;
//! # let directory = std::env::temp_dir();
//! let mut process = Process::new(Config {
//!     max_memory: 10 << 20, // bytes, tables and exceptions included
//!     max_table: 1000,
//!     stack_size: 256 << 10,
//!     ..Config::default()
//! })?;
//! let host = HostEnv::new().args(["loop"]).env("LANG", "C").preopen(&directory, "/data")?;
//! process.add_host_functions(wasi::functions(host));
//! let id = process.instantiate(object, None)?;
//!
//! let interrupter = process.interrupter();
//! std::thread::spawn(move || {
//!     std::thread::sleep(Duration::from_millis(10));
//!     interrupter.interrupt(Duration::from_secs(1));
//! });
//! let Err(CallError::Trap(trap)) = process.start(id) else { panic!("it ended") };
//! assert!(trap.to_string().starts_with("wasm trap: interrupted"));
//! # Ok(())
//! # }
//! ```
//!
//! Modules that do not share a heap pass data by copies, each side checked:
//!
//! ```
//! # use wasmaot::runtime::{Config, Process};
//! # use wasmaot::Engine;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let module = wat::parse_str(r#"(module (memory 1) (data (i32.const 0) "hello"))"#)?;
//! # let object = Engine::default().compile("m", &module)?;
//! # let mut process = Process::new(Config::default())?;
//! let (one, two) = (process.instantiate(object.clone(), None)?, process.instantiate(object, None)?);
//! process.copy((one, 0), (two, 1000), 5)?;
//! assert_eq!(process.read(two, 1000, 5)?, b"hello");
//! assert!(process.copy((one, 65534), (two, 0), 5).is_err());
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "compiler")]
mod cache;
mod engine;
mod error;
mod exports;
mod find;
mod grants;
pub mod input;
mod opened;
#[cfg(feature = "compiler")]
pub mod prelink;

#[cfg(feature = "compiler")]
pub use wasmaot_compiler as compiler;
pub use wasmaot_hosts as hosts;
pub use wasmaot_runtime as runtime;

#[cfg(feature = "compiler")]
pub use wasmaot_compiler::Options as CompileOptions;

#[cfg(feature = "compiler")]
pub use cache::Compile;
pub use engine::{Engine, EngineConfig, LIBRARY_PATH};
pub use error::{Error, Result};
pub use exports::{Export, ExportType, exports};
pub use find::LibraryFinder;
