//! The file by which profilers name code that is in no file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

/// Adds lines to the file of this process: `START SIZE NAME`, hexadecimal. The place is
/// that of perf, and everybody may write there: what a link of another leads to is not
/// written to.
pub(crate) fn add_to_perf_map(lines: &str) -> io::Result<()> {
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW);
    options.open(path)?.write_all(lines.as_bytes())
}
