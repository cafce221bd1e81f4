//! Sockets: those that the host grants, and what they accept. Preview 1 cannot
//! make one.

use std::sync::Arc;

use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};

use super::call::Call;
use super::io::finish;
use super::table::{Descriptor, Kind};
use super::types::{fdflags, filetype, right, sock};
use crate::errno::{Errno, Result};
use crate::file::HostFile;
use crate::memory::Span;
use crate::wait::interruptible;

/// A descriptor that is a socket.
struct Socket(Arc<Descriptor>);

impl Socket {
    fn get(cx: &Call<'_>, fd: u32) -> Result<Self> {
        let descriptor = cx.state.get(fd)?;
        match descriptor.filetype {
            filetype::SOCKET_DGRAM | filetype::SOCKET_STREAM => Ok(Self(descriptor)),
            _ => Err(Errno::NOTSOCK),
        }
    }

    fn file(&self) -> Result<&HostFile> {
        match &self.0.kind {
            Kind::File(file) | Kind::Shared(file) => Ok(file),
            _ => Err(Errno::NOTSOCK),
        }
    }
}

/// `sock_accept`
pub(super) fn sock_accept(cx: &mut Call<'_>, fd: u32, flags: u32, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    let socket = Socket::get(cx, fd)?;
    socket.0.require(right::SOCK_ACCEPT)?;
    let mut host_flags = SocketFlags::CLOEXEC;
    match flags {
        0 => {}
        fdflags::NONBLOCK => host_flags |= SocketFlags::NONBLOCK,
        _ => return Err(Errno::INVAL),
    }
    let file = socket.file()?;
    let accepted = interruptible(|| accept_with(file, host_flags))?;
    let rights = socket.0.attributes().rights.inheriting;
    let descriptor = Descriptor::file(accepted.into(), rights, flags)?;
    let fd = cx.state.add(descriptor)?;
    cx.memory().write_u32(out, fd)
}

/// `sock_recv`
pub(super) fn sock_recv(
    cx: &mut Call<'_>,
    fd: u32,
    list: Span,
    flags: u32,
    out: u32,
    out_flags: u32,
) -> Result {
    cx.memory().check(out, 4)?;
    cx.memory().check(out_flags, 2)?;
    if flags & !(sock::RECV_PEEK | sock::RECV_WAITALL) != 0 {
        return Err(Errno::INVAL);
    }
    let mut host_flags = 0;
    for (given, host) in [
        (sock::RECV_PEEK, libc::MSG_PEEK),
        (sock::RECV_WAITALL, libc::MSG_WAITALL),
    ] {
        if flags & given != 0 {
            host_flags |= host;
        }
    }
    let socket = Socket::get(cx, fd)?;
    socket.0.require_transfer(right::FD_READ)?;
    let buffers = cx.memory().buffers(list)?;
    let file = socket.file()?;
    let (done, flags) = interruptible(|| buffers.receive(file, host_flags))?;
    let told = match flags & libc::MSG_TRUNC {
        0 => 0,
        _ => sock::RECV_DATA_TRUNCATED,
    };
    cx.memory().write(out_flags, &told.to_le_bytes())?;
    finish(cx, out, done)
}

/// `sock_send`
pub(super) fn sock_send(cx: &mut Call<'_>, fd: u32, list: Span, flags: u32, out: u32) -> Result {
    cx.memory().check(out, 4)?;
    if flags != 0 {
        return Err(Errno::INVAL);
    }
    let socket = Socket::get(cx, fd)?;
    socket.0.require_transfer(right::FD_WRITE)?;
    let buffers = cx.memory().buffers(list)?;
    let file = socket.file()?;
    let done = interruptible(|| buffers.send(file, libc::MSG_NOSIGNAL))?;
    finish(cx, out, done)
}

/// `sock_shutdown`
pub(super) fn sock_shutdown(cx: &mut Call<'_>, fd: u32, how: u32) -> Result {
    const BOTH: u32 = sock::SHUT_RD | sock::SHUT_WR;
    let how = match how {
        sock::SHUT_RD => Shutdown::Read,
        sock::SHUT_WR => Shutdown::Write,
        BOTH => Shutdown::Both,
        _ => return Err(Errno::INVAL),
    };
    let socket = Socket::get(cx, fd)?;
    socket.0.require(right::SOCK_SHUTDOWN)?;
    Ok(shutdown(socket.file()?, how)?)
}
