//! Waiting: for clocks, and for descriptors to become ready.

use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::time::ClockId;

use super::call::Call;
use super::clock::{clock, now};
use super::state::State;
use super::table::{Descriptor, Kind};
use super::types::{Record, event, eventtype, field, right, subscription};
use crate::errno::{Errno, Result};
use crate::lock::lock;
use crate::wait;

/// Most subscriptions of one call; no program has as many descriptors.
const MAX_SUBSCRIPTIONS: u32 = 1 << 16;

/// What is told of a writable descriptor: how much fits is not known.
const SOME_BYTES: u64 = 1;

struct Subscription {
    userdata: u64,
    tag: u8,
    wait: Wait,
}

/// What to wait for.
enum Wait {
    Clock {
        clock: ClockId,
        deadline: u64,
    },
    Host(Arc<Descriptor>),
    /// Nothing: the outcome is known.
    Done(Outcome),
}

/// What an event says.
#[derive(Clone, Copy)]
struct Outcome {
    error: Errno,
    nbytes: u64,
    flags: u16,
}

impl Outcome {
    const fn ready(nbytes: u64) -> Self {
        Self {
            error: Errno::SUCCESS,
            nbytes,
            flags: 0,
        }
    }

    const fn failed(error: Errno) -> Self {
        Self {
            error,
            nbytes: 0,
            flags: 0,
        }
    }
}

/// `poll_oneoff`
pub(super) fn poll_oneoff(
    cx: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    out: u32,
) -> Result {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::INVAL);
    }
    cx.memory().check(out, 4)?;
    cx.memory()
        .check(events, u64::from(count) * event::SIZE as u64)?;
    let list = (0..u64::from(count))
        .map(|index| {
            read(
                cx,
                u64::from(subscriptions) + index * subscription::SIZE as u64,
            )
        })
        .collect::<Result<Vec<_>>>()?;
    let happened = wait(&list)?;
    let mut at = u64::from(events);
    for (subscription, outcome) in &happened {
        let Errno(error) = outcome.error;
        let record = Record::<{ event::SIZE }>::new()
            .put(event::USERDATA, subscription.userdata.to_le_bytes())
            .put(event::ERROR, error.to_le_bytes())
            .put(event::TYPE, [subscription.tag])
            .put(event::NBYTES, outcome.nbytes.to_le_bytes())
            .put(event::FLAGS, outcome.flags.to_le_bytes());
        cx.memory().write(at, record.bytes())?;
        at += event::SIZE as u64;
    }
    super::io::finish(cx, out, happened.len())
}

/// Reads a subscription.
fn read(cx: &mut Call<'_>, at: u64) -> Result<Subscription> {
    let record: [u8; subscription::SIZE] = cx.memory().read(at)?;
    let userdata = u64::from_le_bytes(field(&record, subscription::USERDATA));
    let [tag] = field(&record, subscription::TAG);
    let wait = match tag {
        eventtype::CLOCK => {
            let id = u32::from_le_bytes(field(&record, subscription::CLOCK_ID));
            let timeout = u64::from_le_bytes(field(&record, subscription::CLOCK_TIMEOUT));
            let flags = u16::from_le_bytes(field(&record, subscription::CLOCK_FLAGS));
            wait_for_clock(id, timeout, flags)
        }
        eventtype::FD_READ | eventtype::FD_WRITE => {
            let fd = u32::from_le_bytes(field(&record, subscription::FD));
            wait_for_fd(cx.state, fd, tag)
        }
        _ => return Err(Errno::INVAL),
    };
    Ok(Subscription {
        userdata,
        tag,
        wait: wait.unwrap_or_else(|error| Wait::Done(Outcome::failed(error))),
    })
}

fn wait_for_clock(id: u32, timeout: u64, flags: u16) -> Result<Wait> {
    let clock = clock(id)?;
    if !matches!(clock, ClockId::Realtime | ClockId::Monotonic) {
        return Err(Errno::NOTSUP);
    }
    if flags & subscription::CLOCK_ABSTIME != 0 {
        let deadline = timeout;
        return Ok(Wait::Clock { clock, deadline });
    }
    // A duration stays what it is when the time of day is set.
    let clock = ClockId::Monotonic;
    let deadline = now(clock)?.saturating_add(timeout);
    Ok(Wait::Clock { clock, deadline })
}

fn wait_for_fd(state: &State, fd: u32, tag: u8) -> Result<Wait> {
    let descriptor = state.get(fd)?;
    let transfer = match tag {
        eventtype::FD_READ => right::FD_READ,
        _ => right::FD_WRITE,
    };
    let nbytes = match &descriptor.kind {
        Kind::Dir(_) => return Err(Errno::BADF),
        Kind::Input(bytes) => {
            let bytes = lock(bytes);
            (bytes.get_ref().len() as u64).saturating_sub(bytes.position())
        }
        Kind::Output(_) => SOME_BYTES,
        Kind::File(_) | Kind::Shared(_) => {
            descriptor.require(right::POLL_FD_READWRITE | transfer)?;
            return Ok(Wait::Host(descriptor));
        }
    };
    descriptor.require(right::POLL_FD_READWRITE | transfer)?;
    Ok(Wait::Done(Outcome::ready(nbytes)))
}

/// Waits until something has happened, and says what.
fn wait(list: &[Subscription]) -> Result<Vec<(&Subscription, Outcome)>> {
    loop {
        let mut fds: Vec<PollFd<'_>> = list.iter().filter_map(poll_fd).collect();
        let timeout = timeout(list)?;
        wait::poll(&mut fds, timeout)?;
        let mut happened = Vec::new();
        let mut revents = fds.iter().map(PollFd::revents);
        for subscription in list {
            let outcome = match &subscription.wait {
                Wait::Done(outcome) => Some(*outcome),
                Wait::Clock { clock, deadline } => {
                    (now(*clock)? >= *deadline).then_some(Outcome::ready(0))
                }
                Wait::Host(descriptor) => revents
                    .next()
                    .and_then(|flags| outcome(descriptor, subscription.tag, flags)),
            };
            happened.extend(outcome.map(|outcome| (subscription, outcome)));
        }
        if !happened.is_empty() {
            return Ok(happened);
        }
    }
}

/// What the host is to be asked for a subscription.
fn poll_fd(subscription: &Subscription) -> Option<PollFd<'_>> {
    let Wait::Host(descriptor) = &subscription.wait else {
        return None;
    };
    let events = match subscription.tag {
        eventtype::FD_READ => PollFlags::IN,
        _ => PollFlags::OUT,
    };
    let fd = descriptor.host_fd()?;
    Some(PollFd::from_borrowed_fd(fd, events))
}

/// How long to wait at most: until the first deadline.
fn timeout(list: &[Subscription]) -> Result<Option<Duration>> {
    let mut shortest = None::<u64>;
    for subscription in list {
        let left = match &subscription.wait {
            Wait::Done(_) => 0,
            Wait::Clock { clock, deadline } => deadline.saturating_sub(now(*clock)?),
            Wait::Host(_) => continue,
        };
        shortest = Some(shortest.map_or(left, |shortest| shortest.min(left)));
    }
    Ok(shortest.map(Duration::from_nanos))
}

/// What the host's answer says; nothing where nothing has happened.
fn outcome(descriptor: &Descriptor, tag: u8, revents: PollFlags) -> Option<Outcome> {
    if revents.is_empty() {
        return None;
    }
    if revents.contains(PollFlags::NVAL) {
        return Some(Outcome::failed(Errno::BADF));
    }
    let nbytes = match tag {
        eventtype::FD_READ => available(descriptor),
        _ => SOME_BYTES,
    };
    let mut outcome = Outcome::ready(nbytes);
    if revents.intersects(PollFlags::HUP | PollFlags::ERR) {
        outcome.flags = event::HANGUP;
    }
    Some(outcome)
}

/// How much can be read at once.
fn available(descriptor: &Descriptor) -> u64 {
    let (Kind::File(file) | Kind::Shared(file)) = &descriptor.kind else {
        return 0;
    };
    if !descriptor.seekable {
        return rustix::io::ioctl_fionread(file).unwrap_or(SOME_BYTES);
    }
    let len = file.stat().map_or(0, |stat| stat.st_size.cast_unsigned());
    len.saturating_sub(rustix::fs::tell(file).unwrap_or(0))
}
