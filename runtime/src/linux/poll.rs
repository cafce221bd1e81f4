//! `poll`: waiting until something can be read or written.

use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::call::Call;
use super::error::{Error, Result};
use super::table::Open;
use crate::wasi::memory::Span;

/// Bytes of a `pollfd`: number, events, what happened.
const RECORD: usize = 8;
/// Most files of one call.
const MAX: u32 = 1024;
const POLLNVAL: u16 = 0x20;

/// What a file is asked for.
struct Question {
    /// Where the answer goes, from the start of the list.
    at: usize,
    open: Arc<Open>,
    events: PollFlags,
}

/// `poll`
pub(super) fn poll(call: &mut Call<'_, '_>) -> Result {
    let (ptr, count) = (call.uint(0), call.uint(1));
    if count > MAX {
        return Err(Error::EINVAL);
    }
    let span = Span {
        ptr,
        len: count * RECORD as u32,
    };
    let mut list = call.memory().bytes(span)?.to_vec();
    let mut ready = 0;
    let mut questions = Vec::new();
    for (i, record) in list.chunks_exact_mut(RECORD).enumerate() {
        let fd = i32::from_le_bytes([record[0], record[1], record[2], record[3]]);
        let wanted = PollFlags::from_bits_retain(u16::from_le_bytes([record[4], record[5]]));
        record[6..].fill(0);
        match call.open_file(fd) {
            Ok(open) => questions.push(Question {
                at: i * RECORD,
                open,
                events: wanted,
            }),
            // A number below zero is to be left out.
            Err(_) if fd < 0 => {}
            Err(_) => {
                record[6..].copy_from_slice(&POLLNVAL.to_le_bytes());
                ready += 1;
            }
        }
    }
    // What is known already leaves no reason to wait.
    let known = |q: &Question| q.open.host_fd().is_none();
    let wait = ready == 0 && !questions.iter().any(known);
    let timeout = match call.int(2) {
        _ if !wait => Some(0),
        timeout => u64::try_from(timeout).ok(),
    };
    for (question, events) in questions.iter().zip(ask(&questions, timeout)?) {
        list[question.at + 6..question.at + 8].copy_from_slice(&events.bits().to_le_bytes());
        ready += u64::from(!events.is_empty());
    }
    call.write(ptr, &list)?;
    Ok(ready)
}

/// Asks the host; streams in memory are always ready.
fn ask(questions: &[Question], timeout: Option<u64>) -> Result<Vec<PollFlags>> {
    let mut fds: Vec<PollFd<'_>> = questions
        .iter()
        .filter_map(|q| Some(PollFd::from_borrowed_fd(q.open.host_fd()?, q.events)))
        .collect();
    let timeout = timeout.map(|ms| Timespec {
        tv_sec: (ms / 1000).cast_signed(),
        tv_nsec: (ms % 1000 * 1_000_000).cast_signed(),
    });
    rustix::event::poll(&mut fds, timeout.as_ref())?;
    let mut answers = fds.iter();
    let answers = questions.iter().map(|question| {
        if question.open.host_fd().is_some() {
            answers.next().map_or(PollFlags::empty(), PollFd::revents)
        } else {
            question.events & (PollFlags::IN | PollFlags::OUT)
        }
    });
    Ok(answers.collect())
}
