//! What the owner of a process does with it. Functions that programs call are
//! the host's (`host`, `dl`).
//!
//! | file | |
//! |---|---|
//! | `programs` | making a process, loading, calling |
//! | `link_map` | what is loaded, and where |
//! | `explain` | why a symbol is bound as it is |
//! | `linked_set` | what the prelinker writes into objects |
//! | `dyninfo` | how `dyninfo` programs start, and their host functions |

mod dyninfo;
mod explain;
mod link_map;
mod linked_set;
mod programs;

pub use explain::{Explanation, Searched, Use};
pub use link_map::LinkMapEntry;
pub use linked_set::{Bound, LinkedSet};
