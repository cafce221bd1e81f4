//! Locks of ranges of files: those of processes and those of open files, as the
//! host's kernel keeps them. The program is a process to it, and all its threads.

use nix::fcntl::{FcntlArg, fcntl};

use super::call::{Call, DONE};
use super::error::{Error, Result};
use crate::wait::interruptible;

/// `struct flock` of a program: numbers of 64 bits are aligned to eight bytes,
/// and a `long` has 32.
const SIZE: usize = 32;
const START: usize = 8;
const LEN: usize = 16;
const PID: usize = 24;

/// What a lock is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Who,
    Try,
    Wait,
}

/// `fcntl` with a command that is about a lock; `None` for any other.
pub(super) fn fcntl_lock(call: &mut Call<'_>) -> Option<Result> {
    // i386's own numbers are of a struct of 32-bit numbers, which no libc uses.
    let (ask, of_open_file) = match call.uint(1) {
        5 | 12 => (Ask::Who, false),
        6 | 13 => (Ask::Try, false),
        7 | 14 => (Ask::Wait, false),
        36 => (Ask::Who, true),
        37 => (Ask::Try, true),
        38 => (Ask::Wait, true),
        _ => return None,
    };
    Some(lock(call, ask, of_open_file))
}

fn lock(call: &mut Call<'_>, ask: Ask, of_open_file: bool) -> Result {
    let open = call.file(0)?;
    let file = open.host_fd().ok_or(Error::EBADF)?;
    let at = call.uint(2);
    let bytes: [u8; SIZE] = call.memory().read(at)?;
    let mut wanted = decode(&bytes);
    if of_open_file {
        // The kernel wants it so.
        wanted.l_pid = 0;
    }
    match ask {
        Ask::Who => {
            let argument = match of_open_file {
                true => FcntlArg::F_OFD_GETLK(&mut wanted),
                false => FcntlArg::F_GETLK(&mut wanted),
            };
            fcntl(file, argument).map_err(number)?;
            call.write(at, &encode(&wanted, bytes))?;
        }
        Ask::Try => {
            let argument = match of_open_file {
                true => FcntlArg::F_OFD_SETLK(&wanted),
                false => FcntlArg::F_SETLK(&wanted),
            };
            fcntl(file, argument).map_err(number)?;
        }
        Ask::Wait => {
            let argument = || match of_open_file {
                true => FcntlArg::F_OFD_SETLKW(&wanted),
                false => FcntlArg::F_SETLKW(&wanted),
            };
            interruptible(|| fcntl(file, argument()))?;
        }
    }
    DONE
}

fn number(error: nix::errno::Errno) -> Error {
    Error::Number(error as i32)
}

fn decode(bytes: &[u8; SIZE]) -> libc::flock {
    let short = |at: usize| i16::from_le_bytes([bytes[at], bytes[at + 1]]);
    libc::flock {
        l_type: short(0),
        l_whence: short(2),
        l_start: i64::from_le_bytes(part(bytes, START)),
        l_len: i64::from_le_bytes(part(bytes, LEN)),
        l_pid: i32::from_le_bytes(part(bytes, PID)),
    }
}

/// The struct as it is after the call; what is between its fields stays.
fn encode(lock: &libc::flock, mut bytes: [u8; SIZE]) -> [u8; SIZE] {
    bytes[..2].copy_from_slice(&lock.l_type.to_le_bytes());
    bytes[2..4].copy_from_slice(&lock.l_whence.to_le_bytes());
    bytes[START..START + 8].copy_from_slice(&lock.l_start.to_le_bytes());
    bytes[LEN..LEN + 8].copy_from_slice(&lock.l_len.to_le_bytes());
    bytes[PID..PID + 4].copy_from_slice(&lock.l_pid.to_le_bytes());
    bytes
}

fn part<const N: usize>(bytes: &[u8; SIZE], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_read_as_it_is_written() {
        let mut bytes = [0; SIZE];
        bytes[0] = 1;
        bytes[2] = 2;
        bytes[START..START + 8].copy_from_slice(&(-5i64).to_le_bytes());
        bytes[LEN] = 7;
        bytes[PID] = 9;
        let lock = decode(&bytes);
        assert_eq!((lock.l_type, lock.l_whence), (1, 2));
        assert_eq!((lock.l_start, lock.l_len, lock.l_pid), (-5, 7, 9));
        bytes[30] = 0xff;
        assert_eq!(encode(&lock, bytes), bytes);
    }
}
