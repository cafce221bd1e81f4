//! Reading and writing, straight from and to the guest's memory.

use std::io::BufRead;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::call::Call;
use super::table::{Descriptor, Kind};
use super::types::{fdflags, right};
use crate::errno::{Errno, Result};
use crate::file::HostFile;
use crate::lock::lock;
use crate::memory::Span;
use crate::wait::interruptible;

/// `fd_read`
pub(super) fn fd_read(cx: &mut Call<'_>, fd: u32, list: Span, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    let descriptor = cx.state.get(fd)?;
    let buffers = cx.memory().buffers(list)?;
    let done = match &descriptor.kind {
        Kind::Dir(_) => return Err(Errno::ISDIR),
        Kind::Output(_) => return Err(Errno::BADF),
        Kind::Input(bytes) => {
            descriptor.require_transfer(right::FD_READ)?;
            let mut bytes = lock(bytes);
            let done = buffers.fill(bytes.fill_buf()?);
            bytes.consume(done);
            done
        }
        Kind::File(file) | Kind::Shared(file) => {
            descriptor.require_transfer(right::FD_READ)?;
            ask_first(&descriptor, file, PollFlags::IN)?;
            interruptible(|| buffers.read_from(file, None))?
        }
    };
    finish(cx, out, done)
}

/// `fd_pread`
pub(super) fn fd_pread(cx: &mut Call<'_>, fd: u32, list: Span, offset: u64, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    let descriptor = cx.state.get(fd)?;
    let file = positioned(&descriptor, right::FD_READ)?;
    let buffers = cx.memory().buffers(list)?;
    let done = interruptible(|| buffers.read_from(file, Some(offset)))?;
    finish(cx, out, done)
}

/// `fd_write`
pub(super) fn fd_write(cx: &mut Call<'_>, fd: u32, list: Span, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    let descriptor = cx.state.get(fd)?;
    let buffers = cx.memory().buffers(list)?;
    let done = match &descriptor.kind {
        Kind::Dir(_) => return Err(Errno::ISDIR),
        Kind::Input(_) => return Err(Errno::BADF),
        Kind::Output(buffer) => {
            descriptor.require_transfer(right::FD_WRITE)?;
            match buffer {
                Some(buffer) => buffer.append(&buffers).ok_or(Errno::NOSPC)?,
                None => buffers.bytes(),
            }
        }
        Kind::File(file) | Kind::Shared(file) => {
            descriptor.require_transfer(right::FD_WRITE)?;
            ask_first(&descriptor, file, PollFlags::OUT)?;
            interruptible(|| buffers.write_to(file, None))?
        }
    };
    finish(cx, out, done)
}

/// `fd_pwrite`
pub(super) fn fd_pwrite(cx: &mut Call<'_>, fd: u32, list: Span, offset: u64, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    let descriptor = cx.state.get(fd)?;
    let file = positioned(&descriptor, right::FD_WRITE)?;
    let buffers = cx.memory().buffers(list)?;
    let done = interruptible(|| buffers.write_to(file, Some(offset)))?;
    finish(cx, out, done)
}

/// The file to read or write at an offset; preview 1 wants the right to seek
/// for that as well.
fn positioned(descriptor: &Descriptor, transfer: u64) -> Result<&HostFile> {
    if matches!(descriptor.kind, Kind::Dir(_)) {
        return Err(Errno::ISDIR);
    }
    let file = descriptor.positioned(0)?;
    descriptor.require_transfer(transfer)?;
    descriptor.require(right::FD_SEEK)?;
    Ok(file)
}

/// Keeps a call from blocking where the guest does not want that and the host's
/// stream itself has to stay as it is.
fn ask_first(descriptor: &Descriptor, file: &HostFile, events: PollFlags) -> Result {
    let nonblocking = descriptor.attributes().flags & fdflags::NONBLOCK != 0;
    if !nonblocking || !matches!(descriptor.kind, Kind::Shared(_)) {
        return Ok(());
    }
    let no_time = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(file, events)];
    match interruptible(|| poll(&mut fds, Some(&no_time)))? {
        0 => Err(Errno::AGAIN),
        _ => Ok(()),
    }
}

/// Stores how much was transferred.
pub(super) fn finish(cx: &mut Call<'_>, out: u32, done: usize) -> Result {
    let done = u32::try_from(done).map_err(|_| Errno::OVERFLOW)?;
    cx.memory().write_u32(out, done)
}
