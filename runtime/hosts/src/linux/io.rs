//! Reading and writing, straight from and to the program's memory.

use std::io::BufRead;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::SeekFrom;
use wasmaot_runtime::GuestBuffers;

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::numbers::Abi;
use super::table::{Kind, Open, flag};
use crate::file::HostFile;
use crate::lock::lock;
use crate::memory::{MAX_BUFFERS, Span};
use crate::wait::interruptible;

/// The one buffer of a call: its address is the second argument, its length the
/// next.
fn buffer<'a>(call: &'a mut Call<'_>) -> Result<GuestBuffers<'a>> {
    let span = Span {
        ptr: call.uint(1),
        len: call.uint(2),
    };
    Ok(call.memory().buffer(span)?)
}

/// The buffers of a call: the address of their list is the second argument, its
/// length the next.
fn buffers<'a>(call: &'a mut Call<'_>) -> Result<GuestBuffers<'a>> {
    let list = Span {
        ptr: call.uint(1),
        len: call.uint(2),
    };
    if list.len > MAX_BUFFERS {
        return Err(Error::EINVAL);
    }
    Ok(call.memory().buffers(list)?)
}

/// `read`
pub(super) fn read(call: &mut Call<'_>) -> Result {
    read_to(&*call.file(0)?, &buffer(call)?)
}

/// `readv`
pub(super) fn readv(call: &mut Call<'_>) -> Result {
    read_to(&*call.file(0)?, &buffers(call)?)
}

/// `write`
pub(super) fn write(call: &mut Call<'_>) -> Result {
    write_from(&*call.file(0)?, &buffer(call)?)
}

/// `writev`
pub(super) fn writev(call: &mut Call<'_>) -> Result {
    write_from(&*call.file(0)?, &buffers(call)?)
}

/// `pread64`
pub(super) fn pread(call: &mut Call<'_>) -> Result {
    let (open, offset) = (call.file(0)?, call.wide(3));
    read_at(&open, &buffer(call)?, offset)
}

/// `pwrite64`
pub(super) fn pwrite(call: &mut Call<'_>) -> Result {
    let (open, offset) = (call.file(0)?, call.wide(3));
    write_at(&open, &buffer(call)?, offset)
}

/// `preadv`: the offset has a low and a high word in either table, of which
/// x86-64 ignores the high one.
pub(super) fn preadv(call: &mut Call<'_>) -> Result {
    let (open, offset) = (call.file(0)?, call.wide(3));
    read_at(&open, &buffers(call)?, offset)
}

/// `pwritev`
pub(super) fn pwritev(call: &mut Call<'_>) -> Result {
    let (open, offset) = (call.file(0)?, call.wide(3));
    write_at(&open, &buffers(call)?, offset)
}

fn read_to(open: &Open, buffers: &GuestBuffers<'_>) -> Result {
    readable(open)?;
    let done = match &open.kind {
        Kind::Dir(_) => return Err(Error::EISDIR),
        Kind::Output(_) => return Err(Error::EBADF),
        Kind::Input(bytes) => {
            let mut bytes = lock(bytes);
            let done = buffers.fill(bytes.fill_buf()?);
            bytes.consume(done);
            done
        }
        Kind::File { file, .. } => {
            ask_first(open, file, PollFlags::IN)?;
            interruptible(|| buffers.read_from(file, None))?
        }
    };
    Ok(done as u64)
}

fn write_from(open: &Open, buffers: &GuestBuffers<'_>) -> Result {
    writable(open)?;
    let done = match &open.kind {
        Kind::Dir(_) | Kind::Input(_) => return Err(Error::EBADF),
        Kind::Output(buffer) => match buffer {
            Some(buffer) => buffer.append(buffers).ok_or(Error::ENOSPC)?,
            None => buffers.bytes(),
        },
        Kind::File { file, .. } => {
            ask_first(open, file, PollFlags::OUT)?;
            interruptible(|| buffers.write_to(file, None))?
        }
    };
    Ok(done as u64)
}

fn read_at(open: &Open, buffers: &GuestBuffers<'_>, offset: u64) -> Result {
    readable(open)?;
    let file = positioned(open)?;
    Ok(interruptible(|| buffers.read_from(file, Some(offset)))? as u64)
}

fn write_at(open: &Open, buffers: &GuestBuffers<'_>, offset: u64) -> Result {
    writable(open)?;
    let file = positioned(open)?;
    Ok(interruptible(|| buffers.write_to(file, Some(offset)))? as u64)
}

/// Refuses where the file was not opened for reading: the host's may be open
/// for more than the program asked for.
fn readable(open: &Open) -> Result<()> {
    match open.flags() & (flag::ACCMODE | flag::PATH) {
        0 | flag::RDWR => Ok(()),
        _ => Err(Error::EBADF),
    }
}

/// The same for writing.
pub(super) fn writable(open: &Open) -> Result<()> {
    match open.flags() & (flag::ACCMODE | flag::PATH) {
        flag::WRONLY | flag::RDWR => Ok(()),
        _ => Err(Error::EBADF),
    }
}

/// The file, for operations that need positions.
fn positioned(open: &Open) -> Result<&HostFile> {
    match &open.kind {
        Kind::File { file, .. } => Ok(file),
        Kind::Dir(_) => Err(Error::EISDIR),
        Kind::Input(_) | Kind::Output(_) => Err(Error::ESPIPE),
    }
}

/// Keeps a call from blocking where the program does not want that and the
/// host's stream itself has to stay as it is.
fn ask_first(open: &Open, file: &HostFile, events: PollFlags) -> Result<()> {
    let shared = matches!(open.kind, Kind::File { shared: true, .. });
    if !shared || open.flags() & flag::NONBLOCK == 0 {
        return Ok(());
    }
    let no_time = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(file, events)];
    match interruptible(|| rustix::event::poll(&mut fds, Some(&no_time)))? {
        0 => Err(Error::EAGAIN),
        _ => Ok(()),
    }
}

/// `lseek`
pub(super) fn lseek(call: &mut Call<'_>) -> Result {
    let position = seek(call, call.long(1), call.uint(2))?;
    if call.abi == Abi::I386 && i32::try_from(position).is_err() {
        return Err(Error::EOVERFLOW);
    }
    Ok(position)
}

/// `_llseek`: the high half first, and the answer in memory.
pub(super) fn llseek(call: &mut Call<'_>) -> Result {
    let offset = u64::from(call.uint(1)) << 32 | u64::from(call.uint(2));
    let position = seek(call, offset.cast_signed(), call.uint(4))?;
    call.write(call.uint(3), &position.to_le_bytes())?;
    DONE
}

fn seek(call: &Call<'_>, offset: i64, whence: u32) -> Result {
    let open = call.file(0)?;
    let seek = match whence {
        0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Error::EINVAL)?),
        1 => SeekFrom::Current(offset),
        2 => SeekFrom::End(offset),
        _ => return Err(Error::EINVAL),
    };
    match &open.kind {
        Kind::File { file, .. } => Ok(rustix::fs::seek(file, seek)?),
        Kind::Dir(directory) => directory.seek(seek),
        Kind::Input(_) | Kind::Output(_) => Err(Error::ESPIPE),
    }
}

/// `fsync`, `fdatasync`
pub(super) fn fsync(call: &mut Call<'_>) -> Result {
    let open = call.file(0)?;
    rustix::fs::fsync(open.host_fd().ok_or(Error::EINVAL)?)?;
    DONE
}

/// `ftruncate64`, and `ftruncate` of x86-64
pub(super) fn ftruncate64(call: &mut Call<'_>) -> Result {
    let len = call.wide(1);
    truncate(call, len)
}

/// `ftruncate` of a word
pub(super) fn ftruncate(call: &mut Call<'_>) -> Result {
    let len = u64::try_from(call.long(1)).map_err(|_| Error::EINVAL)?;
    truncate(call, len)
}

fn truncate(call: &Call<'_>, len: u64) -> Result {
    let open = call.file(0)?;
    writable(&open).map_err(|_| Error::EINVAL)?;
    match &open.kind {
        Kind::File { file, .. } => rustix::fs::ftruncate(file, len)?,
        _ => return Err(Error::EINVAL),
    }
    DONE
}

/// `ioctl`: what terminals are asked for, and whether a file is one.
pub(super) fn ioctl(call: &mut Call<'_>) -> Result {
    const TCGETS: u32 = 0x5401;
    const TIOCGWINSZ: u32 = 0x5413;
    let open = call.file(0)?;
    let Kind::File { file, .. } = &open.kind else {
        return Err(Error::ENOTTY);
    };
    match call.uint(1) {
        TIOCGWINSZ => {
            let size = rustix::termios::tcgetwinsize(file)?;
            let fields = [size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel];
            let bytes: Vec<u8> = fields.into_iter().flat_map(u16::to_le_bytes).collect();
            call.write(call.uint(2), &bytes)?;
        }
        TCGETS => {
            let settings = termios(&rustix::termios::tcgetattr(file)?);
            call.write(call.uint(2), &settings)?;
        }
        _ => return Err(Error::ENOTTY),
    }
    DONE
}

/// The kernel's `termios`: four words of modes, the line, 19 characters.
fn termios(settings: &rustix::termios::Termios) -> Vec<u8> {
    use rustix::termios::SpecialCodeIndex as Code;
    const CODES: [Code; 17] = [
        Code::VINTR,
        Code::VQUIT,
        Code::VERASE,
        Code::VKILL,
        Code::VEOF,
        Code::VTIME,
        Code::VMIN,
        Code::VSWTC,
        Code::VSTART,
        Code::VSTOP,
        Code::VSUSP,
        Code::VEOL,
        Code::VREPRINT,
        Code::VDISCARD,
        Code::VWERASE,
        Code::VLNEXT,
        Code::VEOL2,
    ];
    let modes = [
        settings.input_modes.bits(),
        settings.output_modes.bits(),
        settings.control_modes.bits(),
        settings.local_modes.bits(),
    ];
    let mut bytes: Vec<u8> = modes.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.push(settings.line_discipline);
    bytes.extend(CODES.map(|code| settings.special_codes[code]));
    bytes.extend([0; 2]);
    bytes
}
