//! How far a compilation or an installation has come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use wasmaot_compiler::{self as compiler, Emit, Error, Options, Progress};
use wasmaot_sysroot::Step;

use wasmaot_launch::report::{Verbosity, note, say};

/// Compiles a module to a shared object, and shows how far it has come.
pub(crate) fn compile(name: &str, module: &[u8], options: &Options) -> Result<Vec<u8>, Error> {
    note(format_args!("compiling {name}"));
    shown(options, |options| {
        compiler::compile(name, module, options, Emit::So)
    })
}

/// Runs a compilation with options that have it show how far it has come.
pub(crate) fn shown<T>(options: &Options, compile: impl FnOnce(&Options) -> T) -> T {
    if Verbosity::chosen() == Verbosity::Quiet {
        return compile(options);
    }
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
            let total = u64::from(progress.total.load(Ordering::Relaxed));
            // Nothing is shown of what is not known yet, or soon done.
            if total > 0 && start.elapsed() >= Duration::from_secs(1) {
                let done = u64::from(progress.done.load(Ordering::Relaxed));
                let bar = bar.get_or_insert_with(|| new_bar(total, start));
                show(bar, done, total);
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

/// A line that counts from the start of the work.
fn new_bar(total: u64, start: Instant) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    // A message is cut off where the line ends; nothing else in a template is.
    let style = ProgressStyle::with_template("{wide_msg}").expect("a constant template");
    bar.with_style(style).with_elapsed(start.elapsed())
}

/// Shows how many functions of how many are compiled.
fn show(bar: &ProgressBar, done: u64, total: u64) {
    bar.set_length(total);
    let (percent, left) = (100 * done / total.max(1), HumanDuration(bar.eta()));
    bar.set_message(format!(
        "compiling {done}/{total} functions, {percent} %, {left} left"
    ));
    bar.set_position(done);
}

/// Shows how far the installation of a sysroot has come: on a terminal in one
/// line, else each step in a line of its own.
pub(crate) struct Steps(ProgressBar);

impl Steps {
    pub(crate) fn new() -> Self {
        Self(new_bar(0, Instant::now()))
    }

    /// Shows a step.
    pub(crate) fn show(&self, step: Step<'_>) {
        if Verbosity::chosen() == Verbosity::Quiet {
            return;
        }
        let text = match step {
            Step::Fetching(what) => format!("fetching {what}"),
            Step::Unpacking(what) => format!("unpacking {what}"),
            Step::Compiled(0, total) => {
                self.0.reset_elapsed();
                format!("compiling {total} files")
            }
            Step::Compiled(done, total) => {
                if self.0.is_hidden() {
                    return;
                }
                self.0.set_length(total as u64);
                self.0.set_position(done as u64);
                let left = HumanDuration(self.0.eta());
                format!("compiled {done}/{total} files, {left} left")
            }
        };
        if self.0.is_hidden() {
            say(text);
        } else {
            self.0.set_message(text);
            self.0.tick();
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use indicatif::{ProgressDrawTarget, TermLike};

    /// A terminal of so many columns, and the lines written.
    #[derive(Clone, Debug)]
    struct Terminal(u16, Arc<Mutex<Vec<String>>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            self.0
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.1.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn progress_fits_the_terminal() {
        for columns in [24, 60, 82, 200] {
            let terminal = Terminal(columns, Arc::default());
            let bar = super::new_bar(133_000, Instant::now());
            bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(terminal.clone())));
            super::show(&bar, 70_000, 133_000);
            bar.tick();
            let lines = terminal.1.lock().unwrap();
            let line = lines.iter().find(|line| line.contains("compiling"));
            let line = line.unwrap_or_else(|| panic!("{columns}: {lines:?}"));
            assert!(
                line.trim_end().chars().count() <= columns.into(),
                "{line:?}"
            );
            assert!(columns < 60 || line.contains("70000/133000"), "{line:?}");
        }
    }
}
