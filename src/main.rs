//! The `wasmaot` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasmaot::cli::main()
}
