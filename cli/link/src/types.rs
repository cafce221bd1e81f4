//! Functions that are called by other types than they have. A call of one traps,
//! as a call of what is not declared does natively by chance.

use std::fmt::Write as _;
use std::path::Path;

use wasmparser::FuncType;

use super::library::Library;
use super::resolve::File;

/// What to say of the calls of a linked module.
pub fn warnings(output: &Path, made: &Library, files: &[File]) -> Vec<String> {
    let libraries = || {
        files.iter().filter_map(|file| match file {
            File::Library(library) => Some(&**library),
            _ => None,
        })
    };
    let wrong = made.calls.iter().filter_map(|(name, called)| {
        let definer = libraries().find(|library| library.exports.contains(name))?;
        let defined = definer.functions.get(name)?;
        (called != defined).then(|| {
            format!(
                "{}: calls `{name}` as {}, and {} defines it as {}; include the header that declares it",
                output.display(),
                text(called),
                definer.name,
                text(defined)
            )
        })
    });
    wrong.collect()
}

/// A type as `(i32, i32) -> f64`.
fn text(ty: &FuncType) -> String {
    let list = |types: &[wasmparser::ValType]| {
        let types: Vec<String> = types.iter().map(ToString::to_string).collect();
        types.join(", ")
    };
    let mut text = format!("({})", list(ty.params()));
    if !ty.results().is_empty() {
        let _ = write!(text, " -> {}", list(ty.results()));
    }
    text
}
