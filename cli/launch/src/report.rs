//! What the command says: results on standard output, all else on standard
//! error.

use std::fmt;
use std::io::Write as _;
use std::sync::OnceLock;

use wasmaot_runtime::was_closed;

/// Exit code for an error of ours.
pub const FAILURE: u8 = 1;
/// Exit code for wrong usage.
const USAGE: u8 = 2;
/// Exit code when nobody reads standard output any more: that of a process that
/// ends by SIGPIPE.
const BROKEN_PIPE: u8 = 141;

/// Writes to standard output. A reader that has gone is an error, not a panic
/// as with `print!`, and one that ends the command quietly.
///
/// # Errors
/// [`BrokenPipe`], or what kept it from being written.
pub fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
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
pub struct BrokenPipe;

impl fmt::Display for BrokenPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output any more")
    }
}

impl std::error::Error for BrokenPipe {}

/// How much is said besides results and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Nothing.
    Quiet,
    /// Warnings, and how far what takes long has come.
    #[default]
    Normal,
    /// Also what is done.
    Verbose,
}

/// What the user has chosen, once for the process.
static VERBOSITY: OnceLock<Verbosity> = OnceLock::new();

impl Verbosity {
    /// Chooses it for the process, if nobody has done so before.
    pub fn choose(self) {
        let _ = VERBOSITY.set(self);
    }

    /// What has been chosen.
    pub fn chosen() -> Self {
        VERBOSITY.get().copied().unwrap_or_default()
    }
}

/// Says what the user should know, unless nothing is to be said.
pub fn warn(text: impl fmt::Display) {
    if Verbosity::chosen() != Verbosity::Quiet {
        complain("warning", text);
    }
}

/// Says what is done, if that is to be said.
pub fn note(text: impl fmt::Display) {
    if Verbosity::chosen() == Verbosity::Verbose {
        say(text);
    }
}

/// Writes a line to standard error, if anybody reads it.
pub fn say(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says what kind of thing it says.
pub fn complain(what: &str, text: impl fmt::Display) {
    say(format_args!("{what}: {text}"));
}

/// Flags that do not go together.
#[derive(Debug)]
pub struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error of wrong usage.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Says what went wrong, and what to do about it; answers the exit code.
pub fn failed(error: &anyhow::Error, advice: Option<&str>) -> u8 {
    // Whoever read what was written wants no more of it.
    if error.is::<BrokenPipe>() {
        return BROKEN_PIPE;
    }
    let told = told(error);
    match advice {
        Some(advice) => complain("error", format_args!("{told}; {advice}")),
        None => complain("error", told),
    }
    if error.is::<Usage>() { USAGE } else { FAILURE }
}

/// An error and its causes in one line. Many an error's text has its cause's in
/// it already.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
