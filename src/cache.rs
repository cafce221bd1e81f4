//! Built objects, kept by the hash of what they are made from.
//!
//! An entry is named by its build id and appears by rename, so any number of
//! processes may use and fill the cache at once: the worst is that two build
//! the same bytes. An entry that does not check is built again.

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
    pub fn open_default() -> Result<Self> {
        let variable = |name| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let directory = variable(VARIABLE)
            .or_else(|| variable("XDG_CACHE_HOME").map(|d| d.join("wasmaot")))
            .or_else(|| variable("HOME").map(|d| d.join(".cache/wasmaot")))
            .with_context(|| format!("no directory for built objects: set {VARIABLE}"))?;
        Self::open(directory)
    }

    /// A cache in `directory`, which is made where missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(directory: PathBuf) -> Result<Self> {
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
        if let Ok(object) = Object::open_as(&entry, file, verify) {
            return Ok(object);
        }
        let bytes = build::build(&name, module, options, Emit::So)?;
        if let Err(error) = output::write(&entry, &bytes) {
            unusable(&error.context(format!("set {VARIABLE} to a directory of yours")));
            return Ok(Object::from_bytes(&name, &bytes, verify)?);
        }
        // What enters the cache is checked whole, once.
        Ok(Object::open_as(&entry, file, true)?)
    }
}

/// The object of a module, of the user's cache, or built into memory where
/// there is none: a read-only or absent home keeps no program from running.
///
/// # Errors
/// Of compiling.
pub fn object_of(
    cache: &mut Option<Cache>,
    file: &Path,
    module: &[u8],
    options: &Options,
    verify: bool,
) -> Result<Object> {
    if cache.is_none() {
        match Cache::open_default() {
            Ok(opened) => *cache = Some(opened),
            Err(error) => unusable(&error),
        }
    }
    if let Some(cache) = cache {
        return cache.object(file, module, options, verify);
    }
    let name = file.display().to_string();
    let bytes = build::build(&name, module, options, Emit::So)?;
    Ok(Object::from_bytes(&name, &bytes, verify)?)
}

fn unusable(error: &anyhow::Error) {
    let _ = writeln!(
        std::io::stderr(),
        "warning: what is built is not kept: {error:#}"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
