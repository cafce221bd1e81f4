//! `poll` and `select`: waiting until something can be read or written.

use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::call::Call;
use super::error::{Error, Result};
use super::table::{Kind, Open};
use super::time;
use crate::memory::Span;
use crate::wait;

/// Bytes of a `pollfd`: number, events, what happened.
const RECORD: usize = 8;
/// Most files of one call.
const MAX: u32 = 1024;
const POLLNVAL: u16 = 0x20;

/// What a file is asked for.
struct Question {
    /// What the answer is about, to the asker.
    at: usize,
    open: Arc<Open>,
    events: PollFlags,
}

/// `poll`: the time in milliseconds, below zero for ever.
pub(super) fn poll(call: &mut Call<'_>) -> Result {
    let timeout = u64::try_from(call.int(2)).ok();
    poll_until(call, timeout.map(Duration::from_millis))
}

/// `ppoll`: the signals that it may set are never raised.
pub(super) fn ppoll(call: &mut Call<'_>) -> Result {
    let timeout = time::timeout(call, 2, false)?;
    poll_until(call, timeout)
}

/// `ppoll_time64`
pub(super) fn ppoll64(call: &mut Call<'_>) -> Result {
    let timeout = time::timeout(call, 2, true)?;
    poll_until(call, timeout)
}

fn poll_until(call: &mut Call<'_>, timeout: Option<Duration>) -> Result {
    let (ptr, count) = (call.uint(0), call.uint(1));
    if count > MAX {
        return Err(Error::EINVAL);
    }
    let span = Span {
        ptr,
        len: count * RECORD as u32,
    };
    let list = call.memory().bytes(span)?;
    let mut answers = vec![0; count as usize];
    let mut questions = Vec::new();
    for (at, record) in list.chunks_exact(RECORD).enumerate() {
        let fd = i32::from_le_bytes([record[0], record[1], record[2], record[3]]);
        let events = PollFlags::from_bits_retain(u16::from_le_bytes([record[4], record[5]]));
        match call.open_file(fd) {
            Ok(open) => questions.push(Question { at, open, events }),
            // A number below zero is to be left out.
            Err(_) if fd < 0 => {}
            Err(_) => answers[at] = POLLNVAL,
        }
    }
    let known = answers.iter().any(|&answer| answer != 0);
    for (at, events) in wait(&questions, timeout, known)? {
        answers[at] = events.bits();
    }
    // What else is in a record stays as it is: others may have changed it.
    for (answer, record) in answers.iter().zip((ptr..).step_by(RECORD)) {
        call.write(record + 6, &answer.to_le_bytes())?;
    }
    Ok(answers.iter().filter(|&&answer| answer != 0).count() as u64)
}

/// `select`, `_newselect`: seconds and microseconds.
pub(super) fn select(call: &mut Call<'_>) -> Result {
    let timeout = time::microseconds(call, 4)?;
    select_until(call, timeout)
}

/// `pselect6`: the signals that it may set are never raised.
pub(super) fn pselect(call: &mut Call<'_>) -> Result {
    let timeout = time::timeout(call, 4, false)?;
    select_until(call, timeout)
}

/// `pselect6_time64`
pub(super) fn pselect64(call: &mut Call<'_>) -> Result {
    let timeout = time::timeout(call, 4, true)?;
    select_until(call, timeout)
}

/// Sets of numbers, a bit each: to be read, to be written, of exceptions.
fn select_until(call: &mut Call<'_>, timeout: Option<Duration>) -> Result {
    const EVENTS: [PollFlags; 3] = [PollFlags::IN, PollFlags::OUT, PollFlags::PRI];
    // An error or the other end's being closed lets a call return at once.
    const ANSWERS: [PollFlags; 3] = [
        PollFlags::IN.union(PollFlags::HUP).union(PollFlags::ERR),
        PollFlags::OUT.union(PollFlags::ERR),
        PollFlags::PRI,
    ];
    let count = call.uint(0);
    if count > MAX {
        return Err(Error::EINVAL);
    }
    // The sets are of whole words.
    let len = count.next_multiple_of(32) / 8;
    let mut sets = [const { Vec::new() }; 3];
    for (i, set) in sets.iter_mut().enumerate() {
        let ptr = call.uint(1 + i);
        if ptr != 0 {
            *set = call.memory().bytes(Span { ptr, len })?;
        }
    }
    let has = |set: &[u8], fd: usize| {
        set.get(fd / 8)
            .is_some_and(|byte| byte >> (fd % 8) & 1 != 0)
    };
    let mut questions = Vec::new();
    for fd in 0..count as usize {
        let wanted = sets.iter().zip(EVENTS).filter(|(set, _)| has(set, fd));
        let events: PollFlags = wanted.map(|(_, events)| events).collect();
        if !events.is_empty() {
            questions.push(Question {
                at: fd,
                open: call.open_file(fd as i32)?,
                events,
            });
        }
    }
    let answers = wait(&questions, timeout, false)?;
    let mut ready = 0;
    for ((i, set), kinds) in sets.iter_mut().enumerate().zip(ANSWERS) {
        let asked = std::mem::replace(set, vec![0; set.len()]);
        for (fd, events) in &answers {
            if has(&asked, *fd) && events.intersects(kinds) {
                set[fd / 8] |= 1 << (fd % 8);
                ready += 1;
            }
        }
        call.write_if(call.uint(1 + i), set)?;
    }
    Ok(ready)
}

/// Waits for answers, unless the asker or a stream in memory has one already.
fn wait(
    questions: &[Question],
    timeout: Option<Duration>,
    known: bool,
) -> Result<Vec<(usize, PollFlags)>> {
    let ready = |q: &Question| in_memory(q).is_some_and(|events| !events.is_empty());
    let timeout = if known || questions.iter().any(ready) {
        Some(Duration::ZERO)
    } else {
        timeout
    };
    let mut fds: Vec<PollFd<'_>> = questions
        .iter()
        .filter_map(|q| Some(PollFd::from_borrowed_fd(q.open.host_fd()?, q.events)))
        .collect();
    wait::poll(&mut fds, timeout)?;
    let mut answers = fds.iter();
    let answers = questions.iter().map(|question| {
        let events = in_memory(question).or_else(|| answers.next().map(PollFd::revents));
        (question.at, events.unwrap_or(PollFlags::empty()))
    });
    Ok(answers.collect())
}

/// What is ready of a stream in memory.
fn in_memory(question: &Question) -> Option<PollFlags> {
    let ready = match &question.open.kind {
        Kind::Input(_) => PollFlags::IN,
        Kind::Output(_) => PollFlags::OUT,
        Kind::File { .. } | Kind::Dir(_) => return None,
    };
    Some(question.events & ready)
}
