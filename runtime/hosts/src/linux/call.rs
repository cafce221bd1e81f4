//! One system call: its arguments by position, the program's memory, and the
//! way from a number to an implementation.

use super::error::{Error, Result};
use super::numbers::{Abi, Sys};
use super::{ARGUMENTS, Program, State, offered, trace};
use crate::memory::Memory;
use wasmaot_runtime::{Caller, HostError};

/// Arguments, zero-extended.
pub(super) type Words = [u64; ARGUMENTS];

/// Longest path, with its zero.
pub(super) const PATH_MAX: usize = 4096;

/// A call under way.
pub(super) struct Call<'a> {
    pub(super) caller: Caller<'a>,
    pub(super) state: &'a State,
    pub(super) abi: Abi,
    pub(super) args: Words,
}

/// Runs a call; a negative answer is an error number.
pub(super) fn run(
    program: &mut Program<'_>,
    abi: Abi,
    number: u64,
    args: Words,
) -> std::result::Result<i64, HostError> {
    let sys = Sys::of(abi, number);
    let offer = sys.and_then(offered::offered);
    let mut call = Call {
        caller: program.caller.reborrow(),
        state: program.state,
        abi,
        args,
    };
    let outcome = match &offer {
        Some(offer) => (offer.handler)(&mut call),
        None => Err(Error::ENOSYS),
    };
    trace::report(&mut call, sys, number, offer.as_ref(), &outcome);
    match outcome {
        Ok(answer) => Ok(answer.cast_signed()),
        Err(Error::Number(number)) => Ok(-i64::from(number)),
        Err(Error::End(end)) => Err(end),
    }
}

impl Call<'_> {
    /// An `int`.
    pub(super) fn int(&self, i: usize) -> i32 {
        self.args[i] as i32
    }

    /// An `unsigned`, a pointer, or a size: all of 32 bits in either table,
    /// since the program's memory has no more.
    pub(super) fn uint(&self, i: usize) -> u32 {
        self.args[i] as u32
    }

    /// A `long`.
    pub(super) fn long(&self, i: usize) -> i64 {
        match self.abi {
            Abi::I386 => i64::from(self.int(i)),
            Abi::X86_64 => self.args[i].cast_signed(),
        }
    }

    /// A `long long` that begins at an argument: i386 has it in two, the low
    /// half first.
    pub(super) fn wide(&self, i: usize) -> u64 {
        match self.abi {
            Abi::I386 => self.args[i] & 0xffff_ffff | self.args[i + 1] << 32,
            Abi::X86_64 => self.args[i],
        }
    }

    /// The program's memory.
    pub(super) fn memory(&mut self) -> Memory<'_> {
        Memory(self.caller.view())
    }

    /// A path, without its zero.
    pub(super) fn path(&mut self, i: usize) -> Result<Vec<u8>> {
        let at = self.uint(i).into();
        let path = self.caller.view().read_text(at, PATH_MAX);
        path.map_err(|looked_at| match looked_at {
            PATH_MAX => Error::ENAMETOOLONG,
            _ => Error::EFAULT,
        })
    }

    /// Reads a little-endian number.
    pub(super) fn read_u32(&mut self, at: u32) -> Result<u32> {
        Ok(u32::from_le_bytes(self.memory().read(at)?))
    }

    /// Copies into memory.
    pub(super) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        Ok(self.memory().write(at, bytes)?)
    }

    /// Copies into memory unless the pointer is null.
    pub(super) fn write_if(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        match at {
            0 => Ok(()),
            at => self.write(at, bytes),
        }
    }
}

/// Nothing else to say.
pub(super) const DONE: Result = Ok(0);
