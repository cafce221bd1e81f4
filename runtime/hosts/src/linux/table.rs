//! Open files and the table of their numbers.

use std::io::Cursor;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use cap_std::fs::Dir;
use rustix::fs::OFlags;
use rustix::stdio;

use super::call::Call;
use super::error::{Error, Result};
use crate::env::{Input, Output, OutputBuffer};
use crate::file::HostFile;
use crate::listing::Listing;
use crate::lock::lock;

/// Status flags of `open`, of both tables.
pub(super) mod flag {
    pub const WRONLY: u32 = 0o1;
    pub const RDWR: u32 = 0o2;
    pub const ACCMODE: u32 = 0o3;
    pub const CREAT: u32 = 0o100;
    pub const EXCL: u32 = 0o200;
    pub const TRUNC: u32 = 0o1000;
    pub const APPEND: u32 = 0o2000;
    pub const NONBLOCK: u32 = 0o4000;
    pub const DSYNC: u32 = 0o10000;
    pub const LARGEFILE: u32 = 0o100_000;
    pub const DIRECTORY: u32 = 0o200_000;
    pub const NOFOLLOW: u32 = 0o400_000;
    pub const CLOEXEC: u32 = 0o2_000_000;
    pub const SYNC: u32 = 0o4_010_000;
    pub const PATH: u32 = 0o10_000_000;
    pub const TMPFILE: u32 = 0o20_000_000;
}

/// What stands behind a number.
pub(super) enum Kind {
    /// A file, device or pipe; `shared` with the host and perhaps others, its
    /// status flags are not the program's to change.
    File { file: HostFile, shared: bool },
    /// A directory.
    Dir(Directory),
    /// Bytes given beforehand.
    Input(Mutex<Cursor<Vec<u8>>>),
    /// Captured output; without a buffer, it is thrown away.
    Output(Option<OutputBuffer>),
}

/// An open directory.
pub(super) struct Directory {
    pub(super) dir: Dir,
    /// Where the program sees it.
    pub(super) path: Vec<u8>,
    /// What is listed, and how far it has been read.
    pub(super) listing: Mutex<Listed>,
}

/// A listing, taken when a directory is read from its start.
#[derive(Default)]
pub(super) struct Listed {
    pub(super) listed: Option<Listing>,
    pub(super) next: usize,
}

/// An open file, which several numbers may stand for.
pub(super) struct Open {
    pub(super) kind: Kind,
    /// Whether it was reached through a directory that is granted to be read
    /// alone.
    pub(super) read_only: bool,
    /// Access mode and status flags.
    flags: AtomicU32,
    /// Held while they change, and the host's own with them.
    changing: Mutex<()>,
}

impl Open {
    pub(super) const fn new(kind: Kind, flags: u32) -> Self {
        Self {
            kind,
            read_only: false,
            flags: AtomicU32::new(flags),
            changing: Mutex::new(()),
        }
    }

    /// Access mode and status flags.
    pub(super) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Changes the status flags that can be changed.
    pub(super) fn set_flags(&self, flags: u32) -> Result<()> {
        const CHANGEABLE: u32 = flag::APPEND | flag::NONBLOCK;
        let _changing = lock(&self.changing);
        if let Kind::File {
            file,
            shared: false,
        } = &self.kind
        {
            let mut status = rustix::fs::fcntl_getfl(file)?;
            status.set(OFlags::APPEND, flags & flag::APPEND != 0);
            status.set(OFlags::NONBLOCK, flags & flag::NONBLOCK != 0);
            rustix::fs::fcntl_setfl(file, status)?;
        }
        let flags = self.flags() & !CHANGEABLE | flags & CHANGEABLE;
        self.flags.store(flags, Ordering::Relaxed);
        Ok(())
    }

    /// The directory.
    pub(super) const fn directory(&self) -> Result<&Directory> {
        match &self.kind {
            Kind::Dir(directory) => Ok(directory),
            _ => Err(Error::ENOTDIR),
        }
    }

    /// The host's descriptor, if there is one.
    pub(super) fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.kind {
            Kind::File { file, .. } => Some(file.as_fd()),
            Kind::Dir(directory) => Some(directory.dir.as_fd()),
            Kind::Input(_) | Kind::Output(_) => None,
        }
    }
}

/// A number's content.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) open: Arc<Open>,
    /// Whether `exec` closes it: kept, for the program to ask.
    pub(super) close_on_exec: bool,
}

/// Open files by number.
pub(super) struct Table {
    slots: Vec<Option<Slot>>,
    /// Most numbers.
    max: usize,
}

impl Table {
    /// With the three streams. The host may have closed one: then it is closed
    /// here as well.
    pub(super) fn new(stdin: Input, stdout: Output, stderr: Output, max: usize) -> Self {
        let streams = [
            input(stdin),
            output(stdout, stdio::stdout()),
            output(stderr, stdio::stderr()),
        ];
        let slot = |open| Slot {
            open: Arc::new(open),
            close_on_exec: false,
        };
        Self {
            slots: streams.map(|open| open.map(slot)).into(),
            max,
        }
    }

    /// Most numbers: those below.
    pub(super) const fn max(&self) -> usize {
        self.max
    }

    /// A number's content.
    pub(super) fn slot(&mut self, fd: i32) -> Result<&mut Slot> {
        let index = usize::try_from(fd).map_err(|_| Error::EBADF)?;
        let slot = self.slots.get_mut(index).ok_or(Error::EBADF)?;
        slot.as_mut().ok_or(Error::EBADF)
    }

    /// Gives content the lowest free number from one up.
    pub(super) fn insert(&mut self, slot: Slot, from: usize) -> Result {
        if from >= self.max {
            return Err(if from == 0 {
                Error::EMFILE
            } else {
                Error::EINVAL
            });
        }
        let free = (from..self.max).find(|&i| self.slots.get(i).is_none_or(Option::is_none));
        let index = free.ok_or(Error::EMFILE)?;
        drop(self.replace(index, slot)?);
        Ok(index as u64)
    }

    /// Gives content a number, and what that had back, to be closed when the
    /// table is unlocked.
    pub(super) fn replace(&mut self, index: usize, slot: Slot) -> Result<Option<Slot>> {
        if index >= self.max {
            return Err(Error::EBADF);
        }
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        Ok(self.slots[index].replace(slot))
    }

    /// Takes content out, to be closed when the table is unlocked.
    pub(super) fn remove(&mut self, fd: i32) -> Result<Slot> {
        let index = usize::try_from(fd).map_err(|_| Error::EBADF)?;
        let slot = self.slots.get_mut(index).ok_or(Error::EBADF)?;
        slot.take().ok_or(Error::EBADF)
    }
}

impl Call<'_> {
    /// An open file.
    pub(super) fn open_file(&self, fd: i32) -> Result<Arc<Open>> {
        let mut table = lock(&self.state.table);
        Ok(Arc::clone(&table.slot(fd)?.open))
    }

    /// The open file that an argument is the number of.
    pub(super) fn file(&self, i: usize) -> Result<Arc<Open>> {
        self.open_file(self.int(i))
    }

    /// Gives an open file a number. One that finds none is closed when the table
    /// is unlocked.
    pub(super) fn give(&self, open: Open, flags: u32) -> Result {
        let open = Arc::new(open);
        let slot = Slot {
            open: Arc::clone(&open),
            close_on_exec: flags & flag::CLOEXEC != 0,
        };
        lock(&self.state.table).insert(slot, 0)
    }
}

fn input(input: Input) -> Option<Open> {
    let bytes = match input {
        Input::Empty => Vec::new(),
        Input::Bytes(bytes) => bytes,
        Input::Inherit => return inherit(stdio::stdin(), 0),
    };
    Some(Open::new(Kind::Input(Mutex::new(Cursor::new(bytes))), 0))
}

fn output(output: Output, host: BorrowedFd<'static>) -> Option<Open> {
    let buffer = match output {
        Output::Discard => None,
        Output::Buffer(buffer) => Some(buffer),
        Output::Inherit => return inherit(host, flag::WRONLY),
    };
    Some(Open::new(Kind::Output(buffer), flag::WRONLY))
}

fn inherit(stream: BorrowedFd<'static>, access: u32) -> Option<Open> {
    let file = HostFile::inherited(stream)?;
    // The one that is not open is closed here as well.
    file.stat().ok()?;
    Some(Open::new(Kind::File { file, shared: true }, access))
}
