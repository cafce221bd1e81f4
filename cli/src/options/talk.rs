//! How much a command says.

use clap::Args;
use wasmaot_launch::report::Verbosity;

/// How much a command says; any command takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct Talk {
    /// Say nothing but results and errors: no warnings, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Also say what is compiled, and which objects are loaded from where
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl Talk {
    pub(super) const WORDS: &[&str] = &["-q", "--quiet", "-v", "--verbose"];

    /// The same in one word.
    pub const fn verbosity(self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, false) => Verbosity::Normal,
            (false, true) => Verbosity::Verbose,
        }
    }
}
