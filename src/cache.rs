//! Built objects, kept by the hash of what they are made from.
//!
//! An entry is named by its build id and appears by rename, so any number of
//! processes may use and fill the cache at once: the worst is that two build
//! the same bytes. An entry that does not check is built again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasmaot_compiler::{Emit, Options, build_id};
use wasmaot_runtime::Object;

use crate::{build, output};

/// Environment variable that names the cache's directory.
pub const VARIABLE: &str = "WASMAOT_CACHE_DIR";

/// A directory of built objects.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The user's cache: `$WASMAOT_CACHE_DIR`, else `$XDG_CACHE_HOME/wasmaot`,
    /// else `~/.cache/wasmaot`.
    ///
    /// # Errors
    /// If none of these variables nor `HOME` is set, or it cannot be made.
    ///
    /// # Safety
    /// As of [`Cache::open`].
    pub unsafe fn open_default() -> Result<Self> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let directory = variable(VARIABLE)
            .or_else(|| variable("XDG_CACHE_HOME").map(|d| d.join("wasmaot")))
            .or_else(|| variable("HOME").map(|d| d.join(".cache/wasmaot")))
            .with_context(|| format!("no directory for built objects: set {VARIABLE}"))?;
        // SAFETY: the caller's contract.
        unsafe { Self::open(directory) }
    }

    /// A cache in `directory`, which is made where missing.
    ///
    /// # Errors
    /// If it cannot be made.
    ///
    /// # Safety
    /// What is in the directory is run as native code: nobody but this user
    /// may be able to write there, and no program that he runs with it.
    pub unsafe fn open(directory: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&directory).with_context(|| {
            format!(
                "cannot make the cache directory {}: set {VARIABLE}",
                directory.display()
            )
        })?;
        Ok(Self { directory })
    }

    /// The object of a module: from the cache, or built into it. `file` is the
    /// module's path, which gives the object its name and its `$ORIGIN`.
    ///
    /// # Errors
    /// Of compiling. An object that cannot be kept is one in memory.
    pub fn object(
        &self,
        file: &Path,
        module: &[u8],
        options: &Options,
        verify: bool,
    ) -> Result<Object> {
        let name = file.display().to_string();
        let id = build_id(&name, module, options);
        let entry = self.directory.join(format!("{}.so", hex(&id)));
        if let Ok(object) = open_entry(&entry, file, verify) {
            return Ok(object);
        }
        let bytes = build::build(&name, module, options, Emit::So)?;
        if let Err(error) = output::write(&entry, &bytes) {
            unusable(&error.context(format!("set {VARIABLE} to a directory of yours")));
            return of_compiler(&name, &bytes);
        }
        // What enters the cache is checked whole, once.
        open_entry(&entry, file, true)
    }
}

/// Opens an entry as the object of a module's file.
fn open_entry(entry: &Path, file: &Path, verify: bool) -> Result<Object> {
    let opened = File::open(entry)?;
    // SAFETY: what is in the directory of a cache is trusted, by the contract
    // of `Cache::open`.
    let object = unsafe { Object::of_file(opened, file, verify) };
    Ok(object?)
}

/// The object of a module, built into memory.
///
/// # Errors
/// Of compiling.
pub fn build_object(file: &Path, module: &[u8], options: &Options) -> Result<Object> {
    let name = file.display().to_string();
    of_compiler(&name, &build::build(&name, module, options, Emit::So)?)
}

/// What the compiler has just made, as an object.
fn of_compiler(name: &str, bytes: &[u8]) -> Result<Object> {
    // SAFETY: both callers give the compiler's bytes; so their hash fits.
    let object = unsafe { Object::from_bytes(name, bytes, false) };
    Ok(object?)
}

/// Says that there is no cache: a read-only or absent home keeps no program
/// from running.
pub(crate) fn unusable(error: &anyhow::Error) {
    let _ = writeln!(
        std::io::stderr(),
        "warning: what is built is not kept: {error:#}"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
