//! What objects hide though others are to see it. Compilers for wasm hide
//! everything by default.

use std::collections::BTreeSet;
use std::path::Path;

use super::Kind;
use super::library::Library;
use super::resolve::{File, Symbols};

/// What to say about a linked module: that a library exports nothing, or that
/// another library needs what is hidden. `exports`: what the module does export.
pub fn warnings(
    kind: Kind,
    output: &Path,
    symbols: &Symbols<'_>,
    files: &[File],
    exports: &BTreeSet<String>,
) -> Vec<String> {
    let (mut hidden, mut seen) = (Vec::new(), false);
    for (number, object) in symbols.objects() {
        for symbol in &object.symbols {
            if !symbols.is_definer(&symbol.name, number) {
                continue;
            }
            match exports.contains(&symbol.name) {
                true => seen = true,
                false if symbol.hidden => hidden.push((symbol.name.as_str(), object)),
                false => {}
            }
        }
    }
    let mut warnings = Vec::new();
    if let (Kind::Shared, false, Some((name, object))) = (kind, seen, hidden.first()) {
        warnings.push(format!(
            "{}: exports nothing, since all of its symbols are hidden, such as `{name}` in {}; compile with -fvisibility=default",
            output.display(),
            object.name
        ));
    }
    let libraries = || {
        files.iter().filter_map(|file| match file {
            File::Library(library) => Some(&**library),
            _ => None,
        })
    };
    let is_needed = |name: &str| {
        let defined = |library: &Library| library.exports.contains(name);
        let mut needing = libraries().filter(|library| library.imports.contains(name));
        needing.next().filter(|_| !libraries().any(defined))
    };
    for (name, object) in hidden {
        if let Some(library) = is_needed(name) {
            warnings.push(format!(
                "{}: `{name}` is hidden, and {} needs it; compile with -fvisibility=default",
                object.name, library.name
            ));
        }
    }
    warnings
}
