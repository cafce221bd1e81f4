//! What client and server say to each other through their socket.
//!
//! ```text
//! request   kind (1 byte) │ length of the name (1) │ number (8) │ name │ bytes
//! answer    kind (1 byte) │ number (8) │ length of the bytes (8) │ bytes
//! ```
//!
//! Numbers are little-endian. The number of a request is how many bytes follow,
//! but for [`GET`], after which none do: the most that may come.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// The word by which the command is started as a server.
pub const WORD: &str = "--serve-remote-cache";

/// What a store has by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// These bytes.
    Entry(Vec<u8>),
    /// Nothing.
    Missing,
    /// More bytes than were asked for at most.
    TooLarge,
}

/// What has come of what was to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// How many have been stored.
    pub stored: u64,
    /// Why others have not, in one line.
    pub problem: Option<String>,
}

/// The first request: the URL of the store.
pub(crate) const OPEN: u8 = b'o';
/// The bytes of a name are asked for.
pub(crate) const GET: u8 = b'g';
/// Bytes are to be stored by a name; there is no answer.
pub(crate) const PUT: u8 = b'p';
/// All that is being stored is waited for.
pub(crate) const FINISH: u8 = b'f';

/// Answer of [`GET`]: the bytes.
pub(crate) const ENTRY: u8 = b'e';
/// Answer of [`GET`]: nothing has the name.
pub(crate) const MISSING: u8 = b'm';
/// Answer of [`GET`]: there are more bytes than may come.
pub(crate) const TOO_LARGE: u8 = b'l';
/// Answer of [`GET`]: the store cannot be asked; the bytes are why.
pub(crate) const FAILED: u8 = b'x';
/// Answer of [`FINISH`]: the number is how many have been stored, the bytes why
/// others have not.
pub(crate) const FINISHED: u8 = b'd';

/// Bytes of a request before its name.
pub(crate) const REQUEST: usize = 10;
/// Bytes of an answer before its bytes.
pub(crate) const ANSWER: usize = 17;

/// The beginning of a request.
pub(crate) fn request(kind: u8, name: &str, number: u64) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("names are short");
    [&[kind, length][..], &number.to_le_bytes(), name.as_bytes()].concat()
}

/// The beginning of an answer.
pub(crate) fn answer(kind: u8, number: u64, length: u64) -> [u8; ANSWER] {
    let mut head = [kind; ANSWER];
    head[1..9].copy_from_slice(&number.to_le_bytes());
    head[9..].copy_from_slice(&length.to_le_bytes());
    head
}

/// The number at a place of either.
pub(crate) fn number(head: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| head[at + i]))
}

/// Sends all bytes until some time.
pub(crate) fn send_all(socket: impl AsFd, mut bytes: &[u8], until: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match send(&socket, bytes, flags) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(&socket, PollFlags::OUT, until)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Receives as many bytes as there is room for until some time.
pub(crate) fn receive_all(
    socket: impl AsFd,
    mut room: &mut [u8],
    until: Instant,
) -> io::Result<()> {
    while !room.is_empty() {
        match recv(&socket, &mut *room, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((_, received)) => room = &mut room[received..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(&socket, PollFlags::IN, until)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn wait(socket: impl AsFd, flags: PollFlags, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(&socket, flags)], Some(&left)) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
