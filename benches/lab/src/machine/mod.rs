//! Machine code as it runs: what is called from where, which loop is hot, and
//! how many instructions it has.
//!
//! ```text
//! code       bytes and names: of a process's memory, of a native program's files
//! flow       a function's blocks and loops
//! constants  what registers hold for sure: calls through the GOT or the table
//! listing    the hot loop, and what it calls
//! ```

mod code;
mod constants;
mod flow;
mod listing;

pub use code::{Code, Function, Live, Native};
pub use listing::{Listing, Part, listing};

#[cfg(test)]
mod tests;
