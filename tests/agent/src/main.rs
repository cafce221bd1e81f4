//! `wasmaot-test-agent`: runs the jobs that come from the standard input, and answers on
//! the standard output. Tests start it, on another machine or under an emulator of one.

#![forbid(unsafe_code)]

use std::io;

use rustix::process::{Signal, set_parent_process_death_signal};

fn main() -> io::Result<()> {
    // Whoever has a job that does not end is ended by its own parent.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    wasmaot_test_agent::serve(&mut io::stdin().lock(), &mut io::stdout().lock())
}
