//! Buffers of a guest that system calls fill and empty.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use super::GuestMemory;
use crate::error::OutOfBounds;

/// Buffers that are kept without allocating.
const FEW: usize = 4;

/// Ranges of a [`GuestMemory`], in order, which one call fills or empties. They
/// have been read and checked once, and do not change after that.
///
/// The system reads and writes the guest's bytes itself: nothing is copied on
/// the way, and what other threads do to the bytes meanwhile is theirs alone.
pub struct GuestBuffers<'a> {
    memory: GuestMemory<'a>,
    /// The first ones, while there are no more.
    few: [libc::iovec; FEW],
    count: usize,
    /// All of them, where there are more.
    many: Vec<libc::iovec>,
    bytes: usize,
}

impl fmt::Debug for GuestBuffers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestBuffers({} of {} bytes)", self.count, self.bytes)
    }
}

impl<'a> GuestBuffers<'a> {
    /// None of a memory's.
    pub const fn new(memory: GuestMemory<'a>) -> Self {
        let none = libc::iovec {
            iov_base: std::ptr::null_mut(),
            iov_len: 0,
        };
        Self {
            memory,
            few: [none; FEW],
            count: 0,
            many: Vec::new(),
            bytes: 0,
        }
    }

    /// Adds a range; an empty one makes no difference.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn push(&mut self, at: u64, bytes: u64) -> Result<(), OutOfBounds> {
        let place = self.memory.place(at, bytes)?;
        if bytes == 0 {
            return Ok(());
        }
        let buffer = libc::iovec {
            iov_base: place.cast(),
            // It lies in memory.
            iov_len: bytes as usize,
        };
        if let Some(place) = self.few.get_mut(self.count) {
            *place = buffer;
        } else {
            if self.many.is_empty() {
                self.many.extend_from_slice(&self.few);
            }
            self.many.push(buffer);
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes as usize);
        Ok(())
    }

    /// How many there are that are not empty.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// How many bytes they have together.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn list(&self) -> &[libc::iovec] {
        match self.few.get(..self.count) {
            Some(few) => few,
            None => &self.many,
        }
    }

    /// Fills them from a file: from its position on, or from an offset.
    ///
    /// # Errors
    /// Those of `readv` and `preadv`.
    pub fn read_from(&self, file: impl AsFd, offset: Option<u64>) -> io::Result<usize> {
        let (fd, (list, count)) = (file.as_fd().as_raw_fd(), self.raw()?);
        let offset = offset.map(signed).transpose()?;
        // SAFETY: the ranges lie in the memory, which is writable for `'a`, and
        // of which there are no references; the list outlives the call.
        answer(unsafe {
            match offset {
                None => libc::readv(fd, list, count),
                Some(offset) => libc::preadv(fd, list, count, offset),
            }
        })
    }

    /// Empties them into a file: at its position, or at an offset.
    ///
    /// # Errors
    /// Those of `writev` and `pwritev`.
    pub fn write_to(&self, file: impl AsFd, offset: Option<u64>) -> io::Result<usize> {
        let (fd, (list, count)) = (file.as_fd().as_raw_fd(), self.raw()?);
        let offset = offset.map(signed).transpose()?;
        // SAFETY: as in `read_from`.
        answer(unsafe {
            match offset {
                None => libc::writev(fd, list, count),
                Some(offset) => libc::pwritev(fd, list, count, offset),
            }
        })
    }

    /// Fills them from a socket: how many bytes came, and the flags that the
    /// system answers with them.
    ///
    /// # Errors
    /// Those of `recvmsg`.
    pub fn receive(&self, socket: impl AsFd, flags: i32) -> io::Result<(usize, i32)> {
        let mut message = self.message();
        // SAFETY: as in `read_from`; there is no room for anything else.
        let done = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, flags) };
        Ok((answer(done)?, message.msg_flags))
    }

    /// Empties them into a socket.
    ///
    /// # Errors
    /// Those of `sendmsg`.
    pub fn send(&self, socket: impl AsFd, flags: i32) -> io::Result<usize> {
        let message = self.message();
        // SAFETY: as in `read_from`; there is nothing else to send.
        answer(unsafe { libc::sendmsg(socket.as_fd().as_raw_fd(), &raw const message, flags) })
    }

    fn message(&self) -> libc::msghdr {
        // SAFETY: numbers and pointers, of which none need point anywhere.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = self.list().as_ptr().cast_mut();
        message.msg_iovlen = self.count;
        message
    }

    fn raw(&self) -> io::Result<(*const libc::iovec, libc::c_int)> {
        let count = libc::c_int::try_from(self.count);
        let count = count.map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        Ok((self.list().as_ptr(), count))
    }

    /// Each as a range of the memory.
    fn ranges(&self) -> impl Iterator<Item = (u64, usize)> {
        let start = self.memory.start.addr();
        let range =
            move |buffer: &libc::iovec| ((buffer.iov_base.addr() - start) as u64, buffer.iov_len);
        self.list().iter().map(range)
    }

    /// Fills them with bytes, as many as fit, and says how many did.
    pub fn fill(&self, mut bytes: &[u8]) -> usize {
        let given = bytes.len();
        for (at, len) in self.ranges() {
            let (part, rest) = bytes.split_at(len.min(bytes.len()));
            if self.memory.write(at, part).is_err() {
                break;
            }
            bytes = rest;
        }
        given - bytes.len()
    }

    /// Appends what they hold to `target`, but no more than so many bytes, and
    /// says how many.
    pub fn append_to(&self, target: &mut Vec<u8>, most: usize) -> usize {
        let before = target.len();
        let mut left = most;
        for (at, len) in self.ranges() {
            let (end, len) = (target.len(), len.min(left));
            target.resize(end + len, 0);
            if self.memory.read(at, &mut target[end..]).is_err() {
                target.truncate(end);
                break;
            }
            left -= len;
        }
        target.len() - before
    }
}

fn signed(offset: u64) -> io::Result<libc::off_t> {
    libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

fn answer(done: isize) -> io::Result<usize> {
    usize::try_from(done).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn buffers<'a>(memory: GuestMemory<'a>, list: &[(u64, u64)]) -> GuestBuffers<'a> {
        let mut buffers = GuestBuffers::new(memory);
        for &(at, bytes) in list {
            buffers.push(at, bytes).unwrap();
        }
        buffers
    }

    #[test]
    fn few_and_many_are_transferred_in_order() {
        for count in [1, 4, 5, 9] {
            let mut bytes: Vec<u8> = (0..100).collect();
            let memory = GuestMemory::of_bytes(&mut bytes);
            let list: Vec<_> = (0..count).rev().map(|i| (10 * i, 3)).collect();
            let buffers = buffers(memory, &list);
            assert_eq!(
                (buffers.count(), buffers.bytes()),
                (list.len(), 3 * list.len())
            );
            let expected: Vec<u8> = list
                .iter()
                .flat_map(|&(at, len)| (at as u8)..(at + len) as u8)
                .collect();
            let (mut reader, writer) = io::pipe().unwrap();
            assert_eq!(buffers.write_to(&writer, None).unwrap(), expected.len());
            let mut found = vec![0; expected.len()];
            reader.read_exact(&mut found).unwrap();
            assert_eq!(found, expected);
            let mut appended = b"x".to_vec();
            assert_eq!(buffers.append_to(&mut appended, 4), expected.len().min(4));
            assert_eq!(appended[1..], expected[..expected.len().min(4)]);
        }
    }

    #[test]
    fn what_is_outside_is_refused() {
        let mut bytes = [0; 16];
        let mut buffers = GuestBuffers::new(GuestMemory::of_bytes(&mut bytes));
        assert!(buffers.push(9, 8).is_err());
        assert!(buffers.push(u64::MAX, 2).is_err());
        buffers.push(16, 0).unwrap();
        assert_eq!(buffers.count(), 0);
    }

    #[test]
    fn a_buffer_may_be_named_twice() {
        let mut bytes = [0; 16];
        let buffers = buffers(GuestMemory::of_bytes(&mut bytes), &[(0, 2), (1, 2)]);
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"abcd").unwrap();
        assert_eq!(buffers.read_from(&reader, None).unwrap(), 4);
        assert_eq!(buffers.fill(b"e"), 1);
        assert_eq!(bytes[..4], *b"ecd\0");
    }
}
