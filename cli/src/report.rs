//! What the command says: results on standard output, all else on standard
//! error.

use std::fmt;
use std::io::Write as _;

use wasmaot_runtime::was_closed;

/// Exit code for an error of ours.
pub(crate) const FAILURE: u8 = 1;

/// Writes to standard output. A reader that has gone is an error, not a panic
/// as with `print!`, and one that ends the command quietly.
pub(crate) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    if was_closed(1) {
        anyhow::bail!("cannot write to standard output: it is closed");
    }
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_ref()).and_then(|()| out.flush());
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => BrokenPipe.into(),
        _ => anyhow::Error::new(error).context("cannot write to standard output"),
    })
}

/// Nobody reads standard output any more.
#[derive(Debug)]
pub(crate) struct BrokenPipe;

impl fmt::Display for BrokenPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output any more")
    }
}

impl std::error::Error for BrokenPipe {}

/// Writes a line to standard error, if anybody reads it.
pub(crate) fn say(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says what kind of thing it says.
pub(crate) fn complain(what: &str, text: impl fmt::Display) {
    say(format_args!("{what}: {text}"));
}

/// Flags that do not go together.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}
