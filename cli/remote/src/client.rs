//! The side that asks: starts the server, and gives it up where it fails.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::limits::{MAX_TEXT, SLACK, TO_ANSWER, TO_FINISH, to_send};
use crate::url::Url;
use crate::wire::{self, Finished, Found, WORD};

/// A store.
#[derive(Debug)]
pub struct Store {
    url: Url,
    server: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nothing has been asked.
    Unused,
    Running(Server),
    /// It has failed, and why, or is not needed any more.
    Ended(Option<String>),
}

impl Store {
    /// A store. Nothing is sent before something is looked for.
    pub fn new(url: Url) -> Self {
        let server = Mutex::new(State::Unused);
        Self { url, server }
    }

    /// The bytes of a name, if they are no more than `max`.
    ///
    /// # Errors
    /// One line, if the store cannot be asked or does not answer in time. It is
    /// not to be asked again.
    pub fn get(&self, name: &str, max: u64) -> Result<Found, String> {
        let mut state = self.lock();
        let answer = running(&mut state, &self.url).and_then(|server| server.get(name, max));
        answer.inspect_err(|reason| state.end(Some(reason.clone())))
    }

    /// Stores bytes by a name, some time until [`Store::finish`] has ended. What is
    /// in the way of that, it says.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let put = running(&mut state, &self.url).and_then(|server| server.put(name, bytes));
        if let Err(reason) = put {
            state.end(Some(reason));
        }
    }

    /// Waits until all is stored that was to be, for no longer than ten seconds,
    /// and ends what has been started.
    pub fn finish(&self) -> Finished {
        let mut state = self.lock();
        let finished = match &mut *state {
            State::Running(server) if server.has_puts => server.finish(),
            State::Ended(reason) => Finished {
                stored: 0,
                problem: reason.take(),
            },
            State::Running(_) | State::Unused => Finished::default(),
        };
        state.end(None);
        finished
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Who panicked in between has left a conversation unfinished: it fails.
        self.server.lock().unwrap_or_else(|e| e.into_inner())
    }
}

fn running<'a>(state: &'a mut State, url: &Url) -> Result<&'a mut Server, String> {
    if matches!(state, State::Unused) {
        let started = Server::start(url);
        let cannot = |error| format!("cannot start the process that asks it: {error}");
        *state = State::Running(started.map_err(cannot)?);
    }
    match state {
        State::Running(server) => Ok(server),
        State::Ended(Some(reason)) => Err(reason.clone()),
        State::Ended(None) | State::Unused => Err("it is not asked any more".to_owned()),
    }
}

impl State {
    fn end(&mut self, reason: Option<String>) {
        if let Self::Running(server) = std::mem::replace(self, Self::Ended(reason)) {
            server.end();
        }
    }
}

/// The process that speaks with the store.
#[derive(Debug)]
struct Server {
    process: Child,
    socket: UnixStream,
    has_puts: bool,
}

impl Server {
    /// Starts this program as a server. The URL goes through the socket: the words
    /// of a command are everybody's to read.
    fn start(url: &Url) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let process = Command::new("/proc/self/exe")
            .arg(WORD)
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            process,
            socket: ours,
            has_puts: false,
        };
        let text = url.text().as_bytes();
        let head = wire::request(wire::OPEN, "", text.len() as u64);
        server.send(&[&head, text], TO_ANSWER)?;
        Ok(server)
    }

    fn get(&self, name: &str, max: u64) -> Result<Found, String> {
        let limit = TO_ANSWER + to_send(max) + SLACK;
        let answer = self
            .send(&[&wire::request(wire::GET, name, max)], TO_ANSWER)
            .and_then(|()| self.answer(max, limit));
        let (kind, _, bytes) = answer.map_err(told)?;
        match kind {
            wire::ENTRY => Ok(Found::Entry(bytes)),
            wire::MISSING => Ok(Found::Missing),
            wire::TOO_LARGE => Ok(Found::TooLarge),
            _ => Err(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), String> {
        self.has_puts = true;
        let head = wire::request(wire::PUT, name, bytes.len() as u64);
        let limit = to_send(bytes.len() as u64);
        self.send(&[&head, bytes], limit).map_err(told)
    }

    fn finish(&self) -> Finished {
        let answer = self
            .send(&[&wire::request(wire::FINISH, "", 0)], TO_ANSWER)
            .and_then(|()| self.answer(MAX_TEXT, TO_FINISH + SLACK));
        match answer {
            Ok((wire::FINISHED, stored, bytes)) => Finished {
                stored,
                problem: (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()),
            },
            Ok(_) => Finished::default(),
            Err(error) => Finished {
                stored: 0,
                problem: Some(told(error)),
            },
        }
    }

    fn send(&self, parts: &[&[u8]], limit: Duration) -> io::Result<()> {
        let until = Instant::now() + limit;
        let mut parts = parts.iter();
        parts.try_for_each(|part| wire::send_all(&self.socket, part, until))
    }

    /// An answer: its kind, its number, and its bytes, which are no more than
    /// `max`.
    fn answer(&self, max: u64, limit: Duration) -> io::Result<(u8, u64, Vec<u8>)> {
        let until = Instant::now() + limit;
        let mut head = [0; wire::ANSWER];
        wire::receive_all(&self.socket, &mut head, until)?;
        let length = wire::number(&head, 9);
        if length > max.max(MAX_TEXT) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length as usize];
        wire::receive_all(&self.socket, &mut bytes, until)?;
        Ok((head[0], wire::number(&head, 1), bytes))
    }

    /// Ends the process. One that hangs in the system, on a file system that does
    /// not answer, is not waited for.
    fn end(mut self) {
        let _ = self.process.kill();
        for _ in 0..50 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(2));
        }
    }
}

/// What an error between the two processes means.
fn told(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => "the process that asks it has ended".to_owned(),
        _ => format!("the process that asks it: {error}"),
    }
}
