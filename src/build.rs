//! Modules on disk → objects on disk, with progress on a terminal.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmaot_compiler::{Emit, Options, Progress};

use crate::input;

/// Reads a `.wasm` or `.wat`, or standard input for `-`, and compiles it.
///
/// # Errors
/// One line that names the file.
pub fn build_file(path: &Path, options: &Options, emit: Emit) -> Result<Vec<u8>> {
    let (file, bytes) = input::read(path)?;
    let module = input::module(&file, &bytes)?;
    build(&file, &module, options, emit)
}

/// Compiles a binary module; `file` is its path, for messages.
///
/// # Errors
/// One line that names the file.
pub fn build(file: &str, module: &[u8], options: &Options, emit: Emit) -> Result<Vec<u8>> {
    with_progress(options, |options| {
        Ok(wasmaot_compiler::compile(file, module, options, emit)?)
    })
}

/// Runs a compilation with options that have it show how far it has come.
pub(crate) fn with_progress<T>(
    options: &Options,
    compile: impl FnOnce(&Options) -> Result<T>,
) -> Result<T> {
    let progress = Arc::new(Progress::default());
    let options = Options {
        progress: Some(progress.clone()),
        ..options.clone()
    };
    let done = Arc::new(());
    let watcher = Arc::downgrade(&done);
    // A thread that looks on costs the compiler nothing; it ends with `done`.
    let display = thread::spawn(move || {
        let start = Instant::now();
        let mut bar: Option<ProgressBar> = None;
        while watcher.strong_count() > 0 {
            thread::park_timeout(Duration::from_millis(100));
            if start.elapsed() >= Duration::from_secs(1) {
                let bar = bar.get_or_insert_with(new_bar);
                bar.set_length(u64::from(progress.total.load(Ordering::Relaxed)));
                bar.set_position(u64::from(progress.done.load(Ordering::Relaxed)));
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    });
    let result = compile(&options);
    drop(done);
    display.thread().unpark();
    // A display that panicked is no reason to lose the result.
    let _ = display.join();
    result
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("compiling [{bar:40}] {pos}/{len} functions, {eta} left");
    bar.with_style(style.expect("a constant template"))
}
