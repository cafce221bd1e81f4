//! What is installed with the command: the static loader.

use std::env::{current_exe, var_os};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Environment variable with the loader.
const VARIABLE: &str = "WASMAOT_LD";
/// Places of the loader, from the command's directory.
const PLACES: [&str; 2] = ["wasmaot-ld", "../lib/wasmaot/wasmaot-ld"];

/// The loader: of the environment, beside the command, or where a package has it.
/// The path is absolute.
///
/// # Errors
/// It is nowhere.
pub(crate) fn loader() -> Result<PathBuf> {
    if let Some(path) = var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = Path::new(&path);
        return match path.canonicalize() {
            Ok(found) if found.is_file() => Ok(found),
            _ => bail!("{VARIABLE}: {} is no file", path.display()),
        };
    }
    let command = current_exe().unwrap_or_default();
    let directory = command.parent().unwrap_or(Path::new(""));
    let places = PLACES.map(|place| directory.join(place));
    let found = places.iter().filter_map(|place| place.canonicalize().ok());
    match found.into_iter().find(|place| place.is_file()) {
        Some(loader) => Ok(loader),
        None => bail!(
            "the loader wasmaot-ld is not installed: it is neither {} nor {}; build it with \
             `cargo build --profile loader -p wasmaot-ld` and put it there, or say {VARIABLE}",
            places[0].display(),
            places[1].display()
        ),
    }
}
