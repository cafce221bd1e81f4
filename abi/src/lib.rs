//! The contract between wasmaot's compiler and its dynamic linker.
//!
//! Whatever both sides must agree on is written here once: the layout of the
//! native address space around a linear memory ([`context`]), where values
//! travel in calls ([`callconv`]), what is particular to a machine ([`machine`]), type identity ([`types`]), traps
//! ([`trap`]), exceptions ([`exception`]) and what an object file carries ([`object`], [`reloc`], [`maps`],
//! [`info`], [`prelink`]), and what an executable does ([`executable`]). `abi/ABI.md` states the same in prose and is normative. The linking
//! conventions of wasm modules, which only a compiler reads, are in `wasmaot-dylink`.
//!
//! This crate does no I/O and has no `unsafe` code.

#![forbid(unsafe_code)]

pub mod builtin;
pub mod callconv;
pub mod checksum;
pub mod context;
pub mod exception;
pub mod executable;
pub mod info;
pub mod machine;
pub mod maps;
pub mod name;
pub mod object;
pub mod prelink;
pub mod reloc;
pub mod shebang;
pub mod trap;
pub mod type_list;
pub mod types;

pub use object::ABI_VERSION;
