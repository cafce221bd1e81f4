//! Options whose values are values of the library, given by name.

use std::fmt::Debug;

use wasmaot_runtime::{Bind, DlStubs, Unresolved};

/// The values of a type of the library, each with its name and its help.
pub type Names<T> = &'static [(T, &'static str, &'static str)];

/// The value of a name.
pub fn named<T: Copy>(all: Names<T>, name: &str) -> Option<T> {
    let found = all.iter().find(|(_, other, _)| *other == name);
    found.map(|(value, ..)| *value)
}

/// The name of a value.
///
/// # Panics
/// If the names do not have it.
pub fn name_of<T: PartialEq + Debug>(all: Names<T>, value: &T) -> &'static str {
    let found = all.iter().find(|(other, ..)| other == value);
    found.expect("every value has a name").1
}

/// What is done about undefined symbols.
pub const UNRESOLVED: Names<Unresolved> = &[
    (Unresolved::Error, "error", "Refuse to run"),
    (
        Unresolved::Warn,
        "warn",
        "Say so, and trap at the first use",
    ),
    (Unresolved::Ignore, "ignore", "Trap at the first use"),
];

/// What is done about stubs of `dlopen` and its like.
pub const DL_STUBS: Names<DlStubs> = &[
    (
        DlStubs::Replace,
        "replace",
        "Put the loader's functions in their place",
    ),
    (DlStubs::Keep, "keep", "Leave them as they are"),
];

/// How calls from one object to another are bound.
pub const BIND: Names<Bind> = &[
    (
        Bind::Static,
        "static",
        "Straight, as objects were prelinked, where that holds; else as direct where that \
         changes few pages of code; else as now",
    ),
    (
        Bind::Now,
        "now",
        "By slots filled at the start, read-only then",
    ),
    (Bind::Lazy, "lazy", "Each function at its first call"),
    (
        Bind::Direct,
        "direct",
        "As now, and change the calls in code to go straight to their targets",
    ),
];
