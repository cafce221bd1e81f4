//! The file of the program that the process was started as.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::start;

/// The kernel's link to the file, whatever has become of its name.
const LINK: &str = "/proc/self/exe";

/// Opens the file that the kernel has mapped: `mapped` are bytes of it at an offset.
/// Answers it with its path.
///
/// # Errors
/// It cannot be opened any more, which needs procfs if its name leads to another.
pub fn open(mapped: &[u8], offset: u64) -> Result<(File, PathBuf)> {
    if let (Ok(file), Ok(path)) = (File::open(LINK), std::fs::read_link(LINK)) {
        return Ok((file, path));
    }
    let path = start::path();
    let file = File::open(path).with_context(|| {
        format!(
            "cannot open {}, as which this was started, nor {LINK}; mount /proc",
            path.display()
        )
    })?;
    let mut bytes = vec![0; mapped.len()];
    let same = file.read_exact_at(&mut bytes, offset).is_ok() && bytes == mapped;
    if !same {
        bail!(
            "{}: is not the file any more that was started, and there is no {LINK}; mount /proc",
            path.display()
        );
    }
    Ok((file, path.to_owned()))
}
