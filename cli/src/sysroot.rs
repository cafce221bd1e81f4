//! `wasmaot sysroot`: makes sysroots, lists and removes them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use wasmaot_sysroot::{self as sysroot, Clang, Libc, Sysroot};

use crate::options::{Action, Install};
use crate::progress::Steps;
use wasmaot_launch::report::print;

/// Carries out a subcommand.
pub(crate) fn run(action: &Action) -> Result<()> {
    match action {
        Action::Install(options) => install(options),
        Action::List => list(),
        Action::Path { libc } => {
            let found = Sysroot::find(libc.map(Libc::host), None)?;
            print(format!("{}\n", found.root().display()))
        }
        Action::Remove { libc } => remove(*libc),
    }
}

/// Where the user's sysroot of a libc is, or will be.
fn place(libc: Libc) -> Result<PathBuf> {
    let users = sysroot::user_directory();
    let users = users.context("there is no directory for data of the user: HOME is not set")?;
    Ok(users.join(libc.name()))
}

fn install(options: &Install) -> Result<()> {
    let clang = Clang::find()?;
    let to = match &options.to {
        Some(to) => to.clone(),
        None => place(options.libc)?,
    };
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // Who cannot be asked to stop is killed: what is left goes with the next one.
        let _ = signal_hook::flag::register(signal, stop.clone());
    }
    let jobs = options.jobs.map_or_else(
        || thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let steps = Steps::new();
    let install = sysroot::Install {
        libc: options.libc,
        to: &to,
        source: options.source.as_deref(),
        cxx: !options.no_cxx,
        jobs,
        stop: &stop,
        report: &|step| steps.show(step),
    };
    let made = install.run(&clang);
    drop(steps);
    let made = made?;
    print(format!("{}\n", told(&made)))
}

/// A line about a sysroot.
fn told(sysroot: &Sysroot) -> String {
    let record = sysroot.record();
    let mut parts = vec![format!("{} {}", record.libc, record.version)];
    parts.extend(
        record
            .cxx
            .as_ref()
            .map(|version| format!("libc++ {version}")),
    );
    parts.extend(record.threads.then(|| "threads".to_owned()));
    let (parts, root) = (parts.join(", "), sysroot.root().display());
    format!("{} ({parts}): {root}", sysroot.host())
}

fn list() -> Result<()> {
    let mut text = String::new();
    for path in Libc::ALL.into_iter().flat_map(sysroot::installed) {
        // One that is of another version is there all the same.
        let line = Sysroot::open(&path).map_or_else(|error| format!("{error:#}"), |s| told(&s));
        text = text + &line + "\n";
    }
    print(text)
}

fn remove(libc: Libc) -> Result<()> {
    sysroot::remove(&place(libc)?)
}
