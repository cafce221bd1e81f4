//! Whole processes: what it takes to start a program, and the memory that a second process
//! of it has for itself. All of it is read from `/proc`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::interleave::{Runner, Sample};

/// Work of a process that is looked at when it has done that.
const WORK: &str = "1";
/// Work that does not end before somebody has looked.
const ENDLESS: &str = "2000000000";

/// How a program is started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    program: PathBuf,
    /// To do a unit of work and end.
    once: Vec<String>,
    /// To do a unit of work, say so, and stay.
    stay: Vec<String>,
}

/// What a tracer saw.
pub(crate) enum Traced {
    /// So many system calls.
    Calls(usize),
    /// There is no tracer.
    NoTracer,
}

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Pages that no other process maps.
    pub private: usize,
    /// Its part of all pages that it maps, those with others divided by their number.
    pub share: usize,
}

impl Start {
    /// A native program around a kernel.
    pub fn native(path: &Path) -> Self {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            program: path.to_owned(),
            once: words(&[WORK, WORK]),
            stay: words(&[WORK, WORK, "stay"]),
        }
    }

    /// Objects that the command runs.
    pub fn ours(command: &Path, bind: &str, main: &Path) -> Self {
        let words = |runs: &[&str]| {
            let mut words = vec!["run".to_owned(), "--bind".to_owned(), bind.to_owned()];
            for units in runs {
                words.extend(["--invoke".to_owned(), format!("run {units}")]);
            }
            words.push(main.display().to_string());
            words
        };
        Self {
            program: command.to_owned(),
            once: words(&[WORK]),
            stay: words(&[WORK, ENDLESS]),
        }
    }

    /// A contestant: so many processes, one after the other.
    pub fn runner(&self) -> Runner {
        let this = self.clone();
        Box::new(move |n| {
            let mut sample = Sample::default();
            let (mut wall, mut faults) = (0.0, 0.0);
            for _ in 0..n {
                let start = Instant::now();
                let ended = Ended::of(Command::new(&this.program).args(&this.once))?;
                wall += start.elapsed().as_nanos() as f64;
                sample.nanoseconds += ended.nanoseconds;
                sample.checksum = ended.checksum;
                faults += ended.faults;
            }
            let n = f64::from(n.max(1));
            sample.extra = vec![("wall ms", wall / 1e6 / n), ("page faults", faults / n)];
            Ok(sample)
        })
    }

    /// The system calls of one process and its threads.
    pub fn traced(&self) -> Result<Traced> {
        let trace = std::env::temp_dir().join(format!("wasmaot-trace-{}", std::process::id()));
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(&trace);
        command.arg(&self.program).args(&self.once);
        let output = command.stdin(Stdio::null()).output();
        let text = fs::read_to_string(&trace);
        let _ = fs::remove_file(&trace);
        let Ok(output) = output else {
            return Ok(Traced::NoTracer);
        };
        ensure!(
            output.status.success(),
            "{command:?} ends with {}",
            output.status
        );
        // Each is a line; what ends in another line, signals and exits are more.
        let text = text.context("strace has written nothing")?;
        let calls = text
            .lines()
            .filter(|line| line.contains('(') && !line.contains("<... ") && !line.contains("+++"));
        Ok(Traced::Calls(calls.count()))
    }

    /// The memory of a process beside another of the same program, when both have done a
    /// unit of work: the least of some times, as what the system does meanwhile adds pages.
    pub fn second(&self, times: usize) -> Result<Memory> {
        let mut least = None;
        for _ in 0..times {
            let _first = Staying::start(self)?;
            let second = Staying::start(self)?.memory()?;
            let other: Memory = *least.get_or_insert(second);
            least = Some(Memory {
                private: other.private.min(second.private),
                share: other.share.min(second.share),
            });
        }
        least.context("no process")
    }
}

/// A process that has ended.
struct Ended {
    checksum: i32,
    /// On a CPU, in the program and in the system for it.
    nanoseconds: f64,
    /// Pages that it touched first.
    faults: f64,
}

impl Ended {
    fn of(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut text = String::new();
        if let Some(out) = &mut child.stdout {
            out.read_to_string(&mut text)?;
        }
        // It has ended, and is still there to be asked.
        let pid = Pid::from_child(&child);
        let ended = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        ended.context("cannot wait for a process")?;
        let about = |file: &str| {
            let path = format!("/proc/{}/{file}", child.id());
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
        };
        let (times, numbers) = (about("schedstat")?, about("stat")?);
        let status = child.wait()?;
        ensure!(status.success(), "{command:?} ends with {status}");
        let nanoseconds = times.split(' ').next().and_then(|n| n.parse().ok());
        let checksum = text.split_whitespace().next().and_then(|n| n.parse().ok());
        Ok(Self {
            checksum: checksum.with_context(|| format!("{command:?} prints {text:?}"))?,
            nanoseconds: nanoseconds.context("/proc has no time of a process")?,
            faults: minor_faults(&numbers).context("/proc has no page faults of a process")?,
        })
    }
}

/// The tenth number of `/proc/PID/stat`; the second is a name, which ends with `)`.
fn minor_faults(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(7)?.parse().ok()
}

/// A process that stays until it is looked at.
struct Staying(Child);

impl Staying {
    fn start(start: &Start) -> Result<Self> {
        let mut command = Command::new(&start.program);
        command.args(&start.stay);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut staying = Self(child);
        let out = staying.0.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        ensure!(!line.is_empty(), "{command:?} says nothing");
        // It need not work on while others are started.
        let stopped = kill_process(Pid::from_child(&staying.0), Signal::STOP);
        stopped.context("cannot stop a process")?;
        Ok(staying)
    }

    fn memory(&self) -> Result<Memory> {
        let path = format!("/proc/{}/smaps_rollup", self.0.id());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        Ok(memory(&text))
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn memory(rollup: &str) -> Memory {
    let kib = |name: &str| -> usize {
        let lines = rollup.lines().filter_map(|line| line.strip_prefix(name));
        let words = lines.filter_map(|rest| rest.split_whitespace().next());
        words.filter_map(|word| word.parse::<usize>().ok()).sum()
    };
    Memory {
        private: kib("Private_Clean:") + kib("Private_Dirty:"),
        share: kib("Pss:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 153 0 2 0 1 2";
        assert_eq!(minor_faults(stat), Some(153.0));
        let rollup = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 301 kB\n\
                      Pss_Dirty: 7 kB\nPrivate_Clean: 12 kB\nPrivate_Dirty: 140 kB\n";
        let want = Memory {
            private: 152,
            share: 301,
        };
        assert_eq!(memory(rollup), want);
    }
}
