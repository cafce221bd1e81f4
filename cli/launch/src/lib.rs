//! What it takes to load and run a program with given options: what the command
//! `wasmaot` and the static loader `wasmaot-ld` have in common. It knows neither
//! how modules are compiled nor how the command reads its own line.

mod advice;
pub mod choice;
mod debug;
mod executable;
mod grant;
mod libraries;
mod list;
mod opening;
mod options;
mod program;
pub mod report;
mod size;
mod timeout;
mod words;

use std::panic::{catch_unwind, set_hook, take_hook};

use wasmaot_runtime::prepare_command;

pub use executable::{Executable, Members};
pub use grant::{Grant, grant_all};
pub use libraries::{Library, exports};
pub use list::{Listing, Needed, Place, Symbol, list_file};
pub use opening::{add_hosts, open_all};
pub use options::Options;
pub use program::{NeedsCommand, Program, Use, within};
pub use size::Size;
pub use timeout::Timeout;
pub use words::{VARIABLE, WORDS, Word, unknown, written};

/// Exit code after a panic, as Rust programs have it.
const PANICKED: u8 = 101;

/// Does what Rust's own start of a program does for what follows, runs that, and
/// ends the process with its exit code. A panic ends it with the same code and message
/// whether panics unwind or not.
pub fn run_command(command: fn() -> u8) -> ! {
    if cfg!(panic = "abort") {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            tell(panic);
            std::process::exit(PANICKED.into());
        }));
    }
    let run = || match prepare_command() {
        Ok(()) => command(),
        Err(error) => report::failed(&error.into(), None),
    };
    std::process::exit(catch_unwind(run).unwrap_or(PANICKED).into())
}
