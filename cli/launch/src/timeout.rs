//! `--timeout`: the time that a command may take, from its start to the end of
//! the program, whatever it does meanwhile.

use std::fmt;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use wasmaot_runtime::trap::Interrupter;

use crate::report::complain;

/// Exit code when the time is over, as that of `timeout` of the coreutils.
const TIMED_OUT: u8 = 124;
/// How long a program may take to stop: it does at once, unless it is in a
/// host function that does not.
const TO_STOP: Duration = Duration::from_millis(500);
/// How long the report of where it was may take after that.
const TO_REPORT: Duration = Duration::from_secs(2);

/// A span of time as given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeout {
    given: String,
    time: Duration,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl Timeout {
    /// Reads one: seconds, or with a suffix ms, s, m, h.
    ///
    /// # Errors
    /// What is wrong with it, and what it should be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let time = duration(text)?;
        if time.is_zero() {
            return Err("without any time nothing can run; give more than 0".to_owned());
        }
        let given = text.to_owned();
        Ok(Self { given, time })
    }

    /// Starts the clock.
    pub(crate) fn start(&self) -> Clock {
        let time = self.time;
        let clock = Clock(Arc::new(Shared {
            given: self.given.clone(),
            interrupter: OnceLock::new(),
            is_told: AtomicBool::new(false),
        }));
        let shared = Arc::clone(&clock.0);
        thread::spawn(move || {
            thread::sleep(time);
            shared.expire();
        });
        clock
    }
}

/// A clock that runs.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    given: String,
    interrupter: OnceLock<Interrupter>,
    /// Whether somebody has said that the time is over.
    is_told: AtomicBool,
}

impl Clock {
    /// Has the clock stop a process, which then says where it was.
    pub(crate) fn stops(&self, interrupter: Interrupter) {
        // There is one process in a command.
        let _ = self.0.interrupter.set(interrupter);
    }

    /// What is said of a program that the clock has stopped.
    pub(crate) fn message(&self) -> String {
        self.0.message()
    }

    /// Says that the clock has stopped the program; answers the exit code.
    pub(crate) fn ended(&self, text: impl fmt::Display) -> u8 {
        if self.0.is_told.swap(true, Ordering::SeqCst) {
            // The other thread is about to end this process.
            loop {
                thread::park();
            }
        }
        complain("error", text);
        TIMED_OUT
    }
}

impl Shared {
    /// The time is over. A program that runs is stopped, and the thread that
    /// runs it tells where it was; nothing else is waited for.
    fn expire(&self) {
        if let Some(interrupter) = self.interrupter.get() {
            let was_running = interrupter.is_running();
            if interrupter.interrupt(TO_STOP) && was_running {
                thread::sleep(TO_REPORT);
            }
        }
        if !self.is_told.swap(true, Ordering::SeqCst) {
            complain("error", self.message());
            exit(TIMED_OUT.into());
        }
    }

    fn message(&self) -> String {
        format!("timed out after {}", self.given)
    }
}

/// A time such as `2`, `1.5s`, `300ms`, `5m`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("", 1.0),
    ];
    let (number, unit) = units
        .iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))
        .unwrap_or((text, &1.0));
    let seconds = number.parse::<f64>().map(|n| n * unit);
    let time = seconds
        .ok()
        .and_then(|s| Duration::try_from_secs_f64(s).ok());
    time.ok_or_else(|| "not a time such as 2, 1.5s, 300ms or 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert!(duration("-1").is_err() && duration("soon").is_err());
        assert!(Timeout::parse("0").is_err() && Timeout::parse("0ms").is_err());
    }
}
