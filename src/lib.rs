//! wasmaot: WebAssembly modules as ELF shared objects, and their dynamic linker.
//!
//! The parts are crates of their own: [`compiler`] turns a module into an
//! object, [`runtime`] loads and links objects into a process and runs it.
//! This one finds inputs on disk, keeps built objects in a cache, and is the
//! command line.
//!
//! With the compiler, from bytes to a call, with a host function and a look at memory:
//!
//! ```
//! use std::sync::Arc;
//! use wasmaot::compiler::{Emit, Options, compile};
//! use wasmaot::runtime::{Config, HostFunction, Object, Process, Val};
//! use wasmaot_abi::types::{FuncType, ValType};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let module = wat::parse_str(
//!     r#"(module
//!          (import "env" "twice" (func $twice (param i32) (result i32)))
//!          (memory (export "memory") 1)
//!          (func (export "store") (param $at i32) (param $value i32)
//!            (i32.store8 (local.get $at) (call $twice (local.get $value)))))"#,
//! )?;
//! let bytes = compile("store.wasm", &module, &Options::default(), Emit::So)?;
//! let object = Arc::new(Object::from_bytes("store.wasm", &bytes, true)?);
//!
//! let mut process = Process::new(Config::default())?;
//! let ty = FuncType::new([ValType::I32], [ValType::I32]);
//! process.add_host_functions([HostFunction::new("env", "twice", ty, |_, args, results| {
//!     let &[Val::I32(value)] = args else { unreachable!("the type says so") };
//!     results[0] = Val::I32(2 * value);
//!     Ok(())
//! })]);
//! let id = process.instantiate(object, None)?;
//! process.invoke(id, "store", &[Val::I32(100), Val::I32(21)])?;
//! assert_eq!(process.read(id, 100, 1)?, [42]);
//! # Ok(())
//! # }
//! ```
//!
//! Two modules that do not share a heap pass data by a copy:
//!
//! ```
//! # use std::sync::Arc;
//! # use wasmaot::compiler::{Emit, Options, compile};
//! # use wasmaot::runtime::{Config, Object, Process};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let module = wat::parse_str(r#"(module (memory 1) (data (i32.const 0) "hello"))"#)?;
//! # let bytes = compile("m", &module, &Options::default(), Emit::So)?;
//! # let object = Arc::new(Object::from_bytes("m", &bytes, true)?);
//! # let mut process = Process::new(Config::default())?;
//! let (one, two) = (process.instantiate(object.clone(), None)?, process.instantiate(object, None)?);
//! process.copy((one, 0), (two, 1000), 5)?;
//! assert_eq!(process.read(two, 1000, 5)?, b"hello");
//! assert!(process.copy((one, 65534), (two, 0), 5).is_err());
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "compiler")]
pub mod build;
#[cfg(feature = "compiler")]
pub mod cache;
pub mod cli;
pub mod find;
pub mod input;
pub mod output;

#[cfg(feature = "compiler")]
pub use wasmaot_compiler as compiler;
pub use wasmaot_runtime as runtime;
