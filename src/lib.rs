//! wasmaot: WebAssembly modules as ELF shared objects, and their dynamic linker,
//! for programs that run modules.
//!
//! | | |
//! |---|---|
//! | [`Engine`] | compiles modules and opens objects, once for any number of processes |
//! | [`Process`] | objects that are linked with each other, their memories, a stack, and data of the embedder's |
//! | [`Hosts`], [`Caller`] | host functions, and what they see of the process that calls them |
//! | [`Scope`], [`Thread`] | a process that several threads of the embedder's use at the same time ([`Process::scope`]) |
//! | [`Instance`], [`Library`] | a loaded object; one that was opened as by `dlopen`, and is closed when it is dropped |
//! | [`Func`], [`TypedFunc`], [`Global`], [`Memory`], [`Table`] | exports, looked up by name once |
//! | [`HostEnv`] | arguments, variables, streams and directories, for [`wasi`] and [`linux`] |
//!
//! From bytes to a call, with a host function and a look at memory:
//!
//! ```
//! use wasmaot::{Caller, Config, Engine, Hosts, Process};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::default();
//! let object = engine.compile(
//!     "store.wat",
//!     br#"(module
//!           (import "env" "twice" (func $twice (param i32) (result i32)))
//!           (memory (export "memory") 1)
//!           (func (export "store") (param $at i32) (param $value i32)
//!             (i32.store8 (local.get $at) (call $twice (local.get $value)))))"#,
//! )?;
//!
//! // Host functions see the data of the process that calls them.
//! let mut hosts = Hosts::new();
//! hosts.func("env", "twice", |caller: &mut Caller<'_, u32>, value: i32| {
//!     *caller.data_mut() += 1;
//!     2 * value
//! });
//!
//! let mut process = Process::new(&engine, Config::default(), 0)?;
//! process.add_hosts(&hosts);
//! let instance = process.instantiate(&object, None)?;
//! let store = instance.typed_func::<(i32, i32), ()>(&mut process, "store")?;
//! store.call(&mut process, (100, 21))?;
//! store.call(&mut process, (101, 4))?;
//! assert_eq!(process.read(instance, 100, 2)?, [42, 8]);
//! assert_eq!(*process.data(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! An error of a host function comes back as itself:
//!
//! ```
//! # use wasmaot::{Caller, Config, Engine, Hosts, Process};
//! #[derive(Debug)]
//! struct Denied(u32);
//! # impl std::fmt::Display for Denied {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "denied: {}", self.0) }
//! # }
//! impl std::error::Error for Denied {}
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let engine = Engine::default();
//! # let object = engine.compile("m", br#"(module (import "env" "ask" (func $ask (param i32)))
//! #     (func (export "run") (call $ask (i32.const 7))))"#)?;
//! let mut hosts = Hosts::new();
//! hosts.func("env", "ask", |_: &mut Caller<'_, ()>, what: u32| Err::<(), _>(Denied(what)));
//! # let mut process = Process::new(&engine, Config::default(), ())?;
//! # process.add_hosts(&hosts);
//! # let instance = process.instantiate(&object, None)?;
//! let run = instance.typed_func::<(), ()>(&mut process, "run")?;
//! let error = run.call(&mut process, ()).unwrap_err();
//! assert_eq!(error.downcast_ref::<Denied>().map(|denied| denied.0), Some(7));
//! # Ok(())
//! # }
//! ```
//!
//! A WASI program with a directory and limits, the time among them:
//!
//! ```
//! use std::time::Duration;
//! use wasmaot::{CallError, Config, Engine, HostEnv, Process};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let engine = Engine::default();
//! # let object = engine.compile("loop.wat", br#"(module (memory 1) (func (export "_start") (loop (br 0))))"#)?;
//! # let directory = std::env::temp_dir();
//! let config = Config {
//!     max_memory: 10 << 20, // bytes, tables and exceptions included
//!     max_table: 1000,
//!     stack_size: 256 << 10,
//!     ..Config::default()
//! };
//! let mut process = Process::new(&engine, config, ())?;
//! process.set_env(HostEnv::new().args(["loop"]).env("LANG", "C").preopen(&directory, "/data")?);
//! let program = process.load(&object)?;
//!
//! let interrupter = process.interrupter();
//! std::thread::spawn(move || {
//!     std::thread::sleep(Duration::from_millis(10));
//!     interrupter.interrupt(Duration::from_secs(1));
//! });
//! let Err(CallError::Trap(trap)) = process.start(program) else { panic!("it ended") };
//! assert!(trap.to_string().starts_with("wasm trap: interrupted"));
//! # Ok(())
//! # }
//! ```
//!
//! A library is opened and closed while the process runs:
//!
//! ```
//! # use wasmaot::{Config, Engine, OpenFlags, Process};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let engine = Engine::default();
//! # let object = engine.compile("libsum.wat", br#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0))
//! #     (func (export "sum") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#)?;
//! let mut process = Process::new(&engine, Config::default(), ())?;
//! let library = process.open_object(&object, OpenFlags::default())?;
//! for export in process.exports(*library)? {
//!     assert_eq!(format!("{} {}", export.name, export.ty), "sum function (i32, i32) -> (i32)");
//! }
//! let sum = library.typed_func::<(i32, i32), i32>(&mut process, "sum")?;
//! assert_eq!(sum.call(&mut process, (2, 3))?, 5);
//! library.close(&mut process)?;
//! assert!(sum.call(&mut process, (2, 3)).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! Modules that do not share a heap pass data by copies, each side checked:
//!
//! ```
//! # use wasmaot::{Config, Engine, Process};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let engine = Engine::default();
//! # let object = engine.compile("m", br#"(module (memory 1) (data (i32.const 0) "hello"))"#)?;
//! # let mut process = Process::new(&engine, Config::default(), ())?;
//! let (one, two) = (process.instantiate(&object, None)?, process.instantiate(&object, None)?);
//! process.copy((one, 0), (two, 1000), 5)?;
//! assert_eq!(process.read(two, 1000, 5)?, b"hello");
//! assert!(process.copy((one, 65534), (two, 0), 5).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Trust
//!
//! From the bytes of a module on everything is safe. A built object is native
//! code: what takes one is `unsafe`, with a contract. A crate that forbids
//! `unsafe` can run no object that somebody has changed:
//!
//! ```compile_fail,E0133
//! # let engine = wasmaot::Engine::default();
//! let object = engine.load_object("main.elf");
//! ```
//!
//! ```compile_fail,E0133
//! # let engine = wasmaot::Engine::default();
//! let object = engine.load_object_bytes("main", b"\x7fELF");
//! ```
//!
//! ```compile_fail,E0133
//! let config = wasmaot::EngineConfig::new().trusting();
//! ```
//!
//! Host functions that know one type of data serve processes that hold that type
//! alone:
//!
//! ```compile_fail,E0308
//! # use wasmaot::{Config, Engine, Hosts, Process};
//! let hosts = Hosts::<String>::new();
//! let mut process = Process::new(&Engine::default(), Config::default(), 0u32).unwrap();
//! process.add_hosts(&hosts);
//! ```

#[cfg(feature = "compiler")]
pub mod cache;
mod engine;
mod error;
mod exports;
mod find;
mod grants;
mod host;
pub mod input;
mod instance;
mod library;
mod module_file;
mod opened;
#[cfg(feature = "compiler")]
pub mod prelink;
mod process;
mod scope;

pub use wasmaot_abi as abi;
#[cfg(feature = "compiler")]
pub use wasmaot_compiler as compiler;
pub use wasmaot_hosts::{Granted, HostEnv, Input, Output, OutputBuffer, flat_libc, linux, wasi};
/// The layer below, for what has no type of data: the `Caller` of a
/// [`HostFunction`], the rows of a [`HostLibrary`].
pub use wasmaot_runtime as runtime;
pub use wasmaot_runtime::trap::{self, Interrupter, Trap, TrapReason};
pub use wasmaot_runtime::{
    AccessError, AsProcess, Bind, CallError, Calls, Category, Config, DlError, DlStubs,
    Error as LoadError, Explanation, FileId, Finder, Func, FuncType, Global, GlobalType,
    GuestBuffers, GuestMemory, HandleError, HostError, HostFunction, HostFunctions, HostLibrary,
    HostResult, InstanceId, LinkMapEntry, Memory, MemoryType, Object, OpenFlags, OutOfBounds,
    Searched, SpawnError, Table, TableType, Thread, ThreadEntry, ThreadHook, ThreadStart, Trace,
    TypedFunc, Unresolved, UnresolvedSymbol, Use, Val, ValType, WasmParam, WasmParams, WasmResults,
    WasmTy,
};

#[cfg(feature = "compiler")]
pub use cache::{Compile, Warn};
#[cfg(feature = "compiler")]
pub use compiler::Options as CompileOptions;
pub use engine::{Engine, EngineConfig, LIBRARY_PATH};
pub use error::{Error, Result};
pub use exports::{Export, ExportType, exports};
pub use find::LibraryFinder;
pub use host::{Caller, Hosts, IntoHostFunc};
pub use instance::Instance;
pub use library::Library;
pub use process::{Context, Process};
pub use scope::Scope;
