//! `wasmaot man`: the manual, a page for the command and one for each
//! subcommand.

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::options::Cli;
use crate::output;

/// Writes the pages into a directory.
pub(crate) fn run(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let mut command = Cli::command().disable_help_subcommand(true);
    // Only then do subcommands know what they are called in full.
    command.build();
    let version = command.render_version();
    for command in with_subcommands(&command) {
        let page = Man::new(command)
            .source(version.trim())
            .manual("WebAssembly as ELF");
        let mut text = Vec::new();
        page.render(&mut text)
            .context("a page in memory cannot fail")?;
        output::write(&directory.join(page.get_filename()), &text)?;
    }
    Ok(())
}

/// A command, its subcommands, and theirs.
fn with_subcommands(command: &Command) -> Vec<Command> {
    let mut all = vec![command.clone()];
    let subcommands = command.get_subcommands();
    let subcommands = subcommands.filter(|command| command.get_name() != "help");
    all.extend(subcommands.flat_map(with_subcommands));
    all
}
