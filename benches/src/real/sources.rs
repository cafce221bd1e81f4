//! Where the sources of kernels come from.

use std::path::PathBuf;

use anyhow::{Result, bail};
use wasmaot_lab::manifest::Origin;
use wasmaot_testkit::{CJSON, crate_sources};

/// Fetches sources, once.
pub fn fetched(origin: &Origin) -> Result<PathBuf> {
    match (&origin.package, &origin.version, origin.known.as_deref()) {
        (Some(name), Some(version), None) => Ok(crate_sources(name, version)),
        (None, None, Some("cjson")) => Ok(CJSON.unpacked()),
        _ => bail!("neither a crate with its version nor a source that is known"),
    }
}
