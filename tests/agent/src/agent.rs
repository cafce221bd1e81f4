//! Who has jobs for an agent.

use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use serde::de::DeserializeOwned;

use crate::wire::{Greeting, Job, receive, send};

/// An agent that was started, and ends when this is dropped. It is ended as well when the
/// thread ends that started it.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
    greeting: Greeting,
}

impl Agent {
    /// The environment variable that says how the agent of the other machine is started,
    /// in words.
    pub const VARIABLE: &str = "WASMAOT_TEST_AGENT";

    /// Starts the agent that [`VARIABLE`](Self::VARIABLE) names, which is `None` if that is
    /// not set.
    ///
    /// # Errors
    /// If it does not start, or does not greet.
    pub fn start() -> Result<Option<Self>, String> {
        let Ok(words) = std::env::var(Self::VARIABLE) else {
            return Ok(None);
        };
        let fail = |e: io::Error| format!("{}: `{words}`: {e}", Self::VARIABLE);
        let mut words_of = words.split_whitespace();
        let mut command = Command::new(words_of.next().unwrap_or_default());
        let command = command
            .args(words_of)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(fail)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (jobs, answers) = pipes.expect("both are pipes");
        let mut answers = BufReader::new(answers);
        let greeting = receive(&mut answers).map_err(fail)?;
        let greeting = greeting.ok_or_else(|| fail(io::ErrorKind::UnexpectedEof.into()))?;
        Ok(Some(Self {
            child,
            jobs,
            answers,
            greeting,
        }))
    }

    /// What it said first.
    pub const fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Gives it a job; its answer is of the type that [`Job`] says. After an error it is of
    /// no more use.
    ///
    /// # Errors
    /// How it has ended.
    pub fn answer<T: DeserializeOwned>(&mut self, job: &Job) -> Result<T, String> {
        let answer = send(&mut self.jobs, job).and_then(|()| receive(&mut self.answers));
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(self.ended()),
            Err(error) => Err(format!("{error}; {}", self.ended())),
        }
    }

    /// How it has ended, if it has.
    ///
    /// # Errors
    /// Of asking.
    pub fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// How it has ended, which it does whose answers end.
    fn ended(&mut self) -> String {
        let status = self.child.kill().and_then(|()| self.child.wait());
        match status {
            Ok(status) => format!("its process has ended: {status}"),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
