//! The laboratory: what is measured, in which builds, by whom, and how.
//!
//! - [`kernel`] and [`manifest`]: programs in C, of which a main calls libraries, those that are
//!   built in and those in directories;
//! - [`tools`] and [`builds`]: the compilers, and what they make of a kernel:
//!   one wasm module, two, a native program, a native `.so`;
//! - [`interleave`]: contestants run once a round, in turn, from one warm state,
//!   and have to agree in their check-sums;
//! - [`native`], [`program`]: contestants that are programs, and our own;
//! - [`stats`], [`report`]: medians, ratios, and how sure they are; a table, JSON, CSV.
//!
//! It knows no other engine: `wasmaot-benches` adds those.
//!
//! ```
//! use wasmaot_lab::interleave::{Contestant, compete, timed};
//!
//! let mut contestants = [
//!     Contestant::new("shift", Ok(timed(|n| Ok(2i32.wrapping_mul(n as i32))))),
//!     Contestant::new("add", Ok(timed(|n| Ok((n + n) as i32)))),
//! ];
//! let series = compete(&mut contestants, 1000, 3, &mut |_| {});
//! assert_eq!(series[1].samples.len(), 3);
//! ```

#![deny(unsafe_code)]

pub mod abi_report;
pub mod builds;
pub mod costs;
pub mod counters;
pub mod counts;
pub mod csv;
pub mod detail;
mod domains;
pub mod draw;
mod dyninfo;
pub mod html;
pub mod interleave;
pub mod kernel;
pub mod libc;
pub mod machine;
pub mod manifest;
pub mod measure;
pub mod native;
mod process;
pub mod program;
pub mod report;
pub mod rewrite;
mod setting;
pub mod stats;
pub mod tools;
pub mod variant;
