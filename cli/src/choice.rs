//! Options whose values are values of the library, given by name.

use std::fmt::Debug;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
#[cfg(feature = "compiler")]
use wasmaot_compiler::Emit;
use wasmaot_runtime::{Bind, DlStubs, Unresolved};

/// A type of the library whose values the command line has names for.
pub(crate) trait Choice: Copy + Debug + PartialEq + Send + Sync + 'static {
    /// Each value with its name and its help.
    const ALL: &'static [(Self, &'static str, &'static str)];
}

/// Reads a value by its name.
pub(crate) fn parser<T: Choice>() -> impl TypedValueParser<Value = T> {
    let names = T::ALL.iter();
    let names = names.map(|(_, name, help)| PossibleValue::new(*name).help(*help));
    PossibleValuesParser::new(names).map(|given| {
        let mut all = T::ALL.iter();
        let found = all.find(|(_, name, _)| *name == given);
        found.expect("the parser takes no other names").0
    })
}

/// The name of a value.
pub(crate) fn name<T: Choice>(value: T) -> &'static str {
    let mut all = T::ALL.iter();
    let found = all.find(|(other, ..)| *other == value);
    found.expect("every value has a name").1
}

#[cfg(feature = "compiler")]
impl Choice for Emit {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::So, "so", "ELF shared object, for `wasmaot run`"),
        (Self::Obj, "obj", "ELF relocatable object"),
        (Self::Clif, "clif", "Text of the intermediate code"),
        (Self::Asm, "asm", "Text of the machine code"),
    ];
}

impl Choice for Unresolved {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Self::Error, "error", "Refuse to run"),
        (Self::Warn, "warn", "Say so, and trap at the first use"),
        (Self::Ignore, "ignore", "Trap at the first use"),
    ];
}

impl Choice for DlStubs {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (
            Self::Replace,
            "replace",
            "Put the loader's functions in their place",
        ),
        (Self::Keep, "keep", "Leave them as they are"),
    ];
}

impl Choice for Bind {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (
            Self::Static,
            "static",
            "Straight, as objects were prelinked, where that holds; else as direct where that \
             changes few pages of code; else as now",
        ),
        (
            Self::Now,
            "now",
            "By slots filled at the start, read-only then",
        ),
        (Self::Lazy, "lazy", "Each function at its first call"),
        (
            Self::Direct,
            "direct",
            "As now, and change the calls in code to go straight to their targets",
        ),
    ];
}
