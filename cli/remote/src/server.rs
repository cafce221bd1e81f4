//! The side that speaks with the store: a process of its own.

mod service;

use std::io::{self, stdin};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt as _;
use opendal::services::REDIS_SCHEME;
use opendal::{ErrorKind, Operator};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use crate::limits::{
    MAX_FAILED_PUTS, MAX_PUTS, MAX_TEXT, MAX_WAITING, SERVER_MEMORY, TO_ANSWER, TO_FINISH, to_send,
};
use crate::url::Url;
use crate::wire::{self, Finished, Found};

/// Why what was asked of a store has not been done, in one line.
type Problem = String;

/// Speaks with a store until standard input, a socket, has its end. Returns the
/// exit code.
pub fn serve() -> u8 {
    match run() {
        Ok(()) => 0,
        // Whoever has started it is not there any more, and nobody else reads.
        Err(_) => 1,
    }
}

fn run() -> io::Result<()> {
    let limit = getrlimit(Resource::As);
    let least = |set: Option<u64>| Some(set.map_or(SERVER_MEMORY, |set| set.min(SERVER_MEMORY)));
    let limit = Rlimit {
        current: least(limit.current),
        maximum: least(limit.maximum),
    };
    setrlimit(Resource::As, limit)?;
    let socket = StdUnixStream::from(stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MAX_PUTS + 2)
        .build()?;
    let ended = runtime.block_on(async { converse(UnixStream::from_std(socket)?).await });
    // What hangs in the system is left behind.
    runtime.shutdown_background();
    ended
}

/// Does what is asked, one thing after another; only storing goes on beside.
async fn converse(mut socket: UnixStream) -> io::Result<()> {
    let (_, _, url) = request(&mut socket).await?;
    let url = String::from_utf8_lossy(&url).into_owned();
    let store = Url::parse(&url).and_then(|url| service::open(&url));
    let mut puts = Puts::default();
    loop {
        let (kind, name, rest) = match request(&mut socket).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            request => request?,
        };
        match kind {
            Request::Get(max) => {
                let found = match &store {
                    Ok(store) => get(store, &name, max).await,
                    Err(problem) => Err(problem.clone()),
                };
                let (kind, bytes) = match found {
                    Ok(Found::Entry(bytes)) => (wire::ENTRY, bytes),
                    Ok(Found::Missing) => (wire::MISSING, Vec::new()),
                    Ok(Found::TooLarge) => (wire::TOO_LARGE, Vec::new()),
                    Err(problem) => (wire::FAILED, short(problem)),
                };
                reply(&mut socket, kind, 0, &bytes).await?;
            }
            Request::Put => match &store {
                Ok(store) => puts.start(store, name, rest),
                Err(problem) => puts.state.failed(problem.clone()),
            },
            Request::Finish => {
                let finished = puts.finish().await;
                let problem = finished.problem.map(short).unwrap_or_default();
                reply(&mut socket, wire::FINISHED, finished.stored, &problem).await?;
            }
        }
    }
}

/// What is asked for.
enum Request {
    Get(u64),
    Put,
    Finish,
}

/// Reads a request, with its name and its bytes. Whoever makes them is this same
/// program.
async fn request(socket: &mut UnixStream) -> io::Result<(Request, String, Vec<u8>)> {
    let mut head = [0; wire::REQUEST];
    socket.read_exact(&mut head).await?;
    let number = wire::number(&head, 2);
    let (kind, length) = match head[0] {
        wire::GET => (Request::Get(number), 0),
        wire::PUT | wire::OPEN => (Request::Put, number),
        wire::FINISH => (Request::Finish, 0),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let mut name = vec![0; head[1].into()];
    socket.read_exact(&mut name).await?;
    let mut bytes = vec![0; length as usize];
    socket.read_exact(&mut bytes).await?;
    let name = String::from_utf8(name).map_err(io::Error::other)?;
    Ok((kind, name, bytes))
}

async fn reply(socket: &mut UnixStream, kind: u8, number: u64, bytes: &[u8]) -> io::Result<()> {
    let head = wire::answer(kind, number, bytes.len() as u64);
    socket.write_all(&head).await?;
    socket.write_all(bytes).await
}

fn short(text: String) -> Vec<u8> {
    text.into_bytes()
        .into_iter()
        .take(MAX_TEXT as usize)
        .collect()
}

/// Reads what has a name, as long as it is no longer than `max` and comes in time.
async fn get(store: &Operator, name: &str, max: u64) -> Result<Found, Problem> {
    let mut to_begin = TO_ANSWER;
    // It sends all at once: how long that may take is known by its length.
    if store.info().scheme() == REDIS_SCHEME {
        match timeout(TO_ANSWER, store.stat(name)).await.map_err(late)? {
            Ok(found) if found.content_length() > max => return Ok(Found::TooLarge),
            Ok(found) => to_begin = to_send(found.content_length()),
            Err(error) => return missing(&error),
        }
    }
    let begin = async {
        let reader = store.reader(name).await?;
        let mut stream = reader.into_stream(..).await?;
        let first = stream.try_next().await?;
        Ok((stream, first))
    };
    let (mut stream, mut next) = match timeout(to_begin, begin).await.map_err(late)? {
        Ok(begun) => begun,
        Err(error) => return missing(&error),
    };
    let begun = Instant::now();
    let mut bytes = Vec::new();
    while let Some(part) = next {
        let length = (bytes.len() + part.len()) as u64;
        if length > max {
            return Ok(Found::TooLarge);
        }
        part.for_each(|piece| bytes.extend_from_slice(&piece));
        let until = begun + to_send(length);
        next = match timeout_at(until, stream.try_next()).await.map_err(late)? {
            Ok(next) => next,
            Err(error) => return missing(&error),
        };
    }
    Ok(Found::Entry(bytes))
}

/// An error of reading: that there is nothing is none.
fn missing(error: &opendal::Error) -> Result<Found, Problem> {
    match error.kind() {
        ErrorKind::NotFound => Ok(Found::Missing),
        _ => Err(told(error)),
    }
}

/// What is being stored.
#[derive(Default)]
struct Puts {
    tasks: JoinSet<()>,
    state: Arc<PutState>,
}

/// What those who store have in common.
struct PutState {
    turns: Semaphore,
    waiting: AtomicU64,
    stored: AtomicU64,
    failed: AtomicU64,
    problem: Mutex<Option<Problem>>,
}

impl Default for PutState {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(MAX_PUTS),
            waiting: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            problem: Mutex::default(),
        }
    }
}

impl Puts {
    /// Begins to store, if not too much is being stored and enough could be.
    fn start(&mut self, store: &Operator, name: String, bytes: Vec<u8>) {
        let length = bytes.len() as u64;
        if self.state.waiting.load(Ordering::Relaxed) + length > MAX_WAITING {
            self.state
                .failed("it takes objects slower than they are built".to_owned());
            return;
        }
        self.state.waiting.fetch_add(length, Ordering::Relaxed);
        let (store, state) = (store.clone(), Arc::clone(&self.state));
        self.tasks.spawn(async move {
            state.put(&store, &name, bytes).await;
            state.waiting.fetch_sub(length, Ordering::Relaxed);
        });
    }

    /// Waits until all is stored, or for no longer than the limit.
    async fn finish(&mut self) -> Finished {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(TO_FINISH, all).await.is_err() {
            let left = self.tasks.len();
            self.state
                .failed(format!("{left} objects could not be stored in time"));
        }
        Finished {
            stored: self.state.stored.load(Ordering::Relaxed),
            problem: self.state.problem().take(),
        }
    }
}

impl PutState {
    async fn put(&self, store: &Operator, name: &str, bytes: Vec<u8>) {
        let Ok(_turn) = self.turns.acquire().await else {
            return;
        };
        if self.failed.load(Ordering::Relaxed) >= MAX_FAILED_PUTS {
            return;
        }
        let limit = TO_ANSWER + to_send(bytes.len() as u64);
        match timeout(limit, store.write(name, bytes)).await {
            Ok(Ok(_)) => {
                self.stored.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Err(error)) => self.failed(told(&error)),
            Err(elapsed) => self.failed(late(elapsed)),
        }
    }

    /// Keeps the first problem.
    fn failed(&self, problem: Problem) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.problem().get_or_insert(problem);
    }

    fn problem(&self) -> MutexGuard<'_, Option<Problem>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn late(_: Elapsed) -> Problem {
    "it does not answer in time".to_owned()
}

/// What an error is, in words of ours: its own can have the URL in them, with a
/// password, and what a store has sent.
fn told(error: &opendal::Error) -> Problem {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let system = error.downcast_ref::<io::Error>();
        if let Some(code) = system.and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(code).to_string();
        }
        source = error.source();
    }
    match error.kind() {
        ErrorKind::ConfigInvalid => "its URL lacks something, or has too much",
        ErrorKind::PermissionDenied => "it does not allow that",
        ErrorKind::RateLimited => "it is asked too often",
        _ => "it does not answer as a store does",
    }
    .to_owned()
}
