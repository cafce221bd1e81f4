//! Options whose values are values of the library, as the parser of the command
//! line reads them.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
#[cfg(feature = "compiler")]
use wasmaot_compiler::Emit;
use wasmaot_launch::choice::{Names, named};

/// Reads a value by its name.
pub(crate) fn parser<T: Copy + Send + Sync + 'static>(
    all: Names<T>,
) -> impl TypedValueParser<Value = T> {
    let values = all.iter();
    let values = values.map(|(_, name, help)| PossibleValue::new(*name).help(*help));
    PossibleValuesParser::new(values)
        .map(|given| named(all, &given).expect("the parser takes no other names"))
}

/// What `build` writes.
#[cfg(feature = "compiler")]
pub(crate) const EMIT: Names<Emit> = &[
    (Emit::So, "so", "ELF shared object, for `wasmaot run`"),
    (Emit::Obj, "obj", "ELF relocatable object"),
    (Emit::Clif, "clif", "Text of the intermediate code"),
    (
        Emit::Asm,
        "asm",
        "Text of the machine code, as the code generator writes it",
    ),
];
