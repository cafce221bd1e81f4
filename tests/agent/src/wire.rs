//! Jobs for a process that runs objects, and its answers: each message is its length,
//! four bytes, and its content.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Event};
use crate::rounds::{self, Refusal};
use crate::script::{self, Done, Step};

/// What such a process says first.
#[derive(Debug, Serialize, Deserialize)]
pub struct Greeting {
    /// Name of its machine.
    pub machine: String,
    /// The features of its CPU.
    pub cpu: u64,
}

impl Greeting {
    /// Its target, as compilers name it.
    pub fn target(&self) -> String {
        format!("{}-unknown-linux-gnu", self.machine)
    }
}

/// What it is to run.
#[derive(Debug, Serialize, Deserialize)]
pub enum Job {
    /// A differential case, of which the answer is a [`CaseAnswer`].
    Case {
        /// The case.
        case: Case,
        /// The objects of its units.
        objects: Vec<Vec<u8>>,
    },
    /// A script, of which the answer is a [`ScriptAnswer`].
    Script {
        /// Of its process, in bytes.
        stack_size: u64,
        /// What is done.
        steps: Vec<Step>,
    },
}

/// What it says of a case.
pub type CaseAnswer = Result<Vec<Event>, Refusal>;

/// What it says of a script: of each step, or why there is no process.
pub type ScriptAnswer = Result<Vec<Done>, String>;

/// Sends a message.
///
/// # Errors
/// Of writing.
pub fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let content = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let len = u32::try_from(content.len()).map_err(io::Error::other)?;
    to.write_all(&len.to_le_bytes())?;
    to.write_all(&content)?;
    to.flush()
}

/// The next message; `None` at the end.
///
/// # Errors
/// Of reading, or if it is cut short.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut len = Vec::new();
    from.take(4).read_to_end(&mut len)?;
    let len = match len[..] {
        [] => return Ok(None),
        _ => *len.first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?,
    };
    let mut content = vec![0; u32::from_le_bytes(len) as usize];
    from.read_exact(&mut content)?;
    let message = postcard::from_bytes(&content);
    message.map(Some).map_err(io::Error::other)
}

/// Greets, and runs one job after the other until there are no more.
///
/// # Errors
/// Of reading and writing.
pub fn serve(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let greeting = Greeting {
        machine: std::env::consts::ARCH.to_owned(),
        cpu: wasmaot_runtime::host_cpu(),
    };
    send(to, &greeting)?;
    while let Some(job) = receive(from)? {
        match job {
            Job::Case { case, objects } => send(to, &rounds::run(&case, &objects))?,
            Job::Script { stack_size, steps } => send(to, &script::run(stack_size, steps))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_as_they_are_sent_and_not_in_part() {
        let mut pipe = Vec::new();
        let answers: [CaseAnswer; 2] = [
            Ok(vec![Event::Instantiate("s".to_owned())]),
            Err(Refusal::Unsupported("threads".to_owned())),
        ];
        answers
            .iter()
            .for_each(|answer| send(&mut pipe, answer).unwrap());
        let mut rest = &pipe[..];
        for answer in &answers {
            let received: CaseAnswer = receive(&mut rest).unwrap().unwrap();
            assert_eq!(format!("{received:?}"), format!("{answer:?}"));
        }
        assert!(receive::<CaseAnswer>(&mut rest).unwrap().is_none());
        for cut in [1, 3, pipe.len() / 4] {
            assert!(receive::<CaseAnswer>(&mut &pipe[..cut]).is_err());
        }
    }
}
