//! Open descriptors: what stands behind each, what may be done with it, and
//! the table of their numbers.

use std::io::{self, Cursor};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard};

use cap_std::fs::Dir;
use rustix::fs::{FileType, OFlags};
use rustix::net::{SocketType, sockopt};

use super::call::Rights;
use super::types::{fdflags, filetype, right};
use crate::env::OutputBuffer;
use crate::errno::{Errno, Result};
use crate::file::HostFile;
use crate::listing::Listing;
use crate::lock::lock;

/// What stands behind a descriptor.
pub(super) enum Kind {
    /// A file, device, pipe or socket of the program's own.
    File(HostFile),
    /// A stream shared with the host and perhaps with other processes: its
    /// status flags are not the program's to change.
    Shared(HostFile),
    /// A directory; a preopened one has a name.
    Dir(Directory),
    /// Bytes given beforehand.
    Input(Mutex<Cursor<Vec<u8>>>),
    /// Captured output; without a buffer, it is thrown away.
    Output(Option<OutputBuffer>),
}

/// An open directory.
pub(super) struct Directory {
    pub(super) dir: Arc<Dir>,
    pub(super) preopen: Option<String>,
    /// What the last `fd_readdir` from the start found.
    pub(super) listing: Mutex<Option<Listing>>,
}

/// What may change of an open descriptor.
#[derive(Clone, Copy)]
pub(super) struct Attributes {
    pub(super) rights: Rights,
    pub(super) flags: u32,
}

/// An open descriptor.
pub(super) struct Descriptor {
    pub(super) kind: Kind,
    pub(super) filetype: u8,
    /// Whether it has positions: files, disks and such as `/dev/null`.
    pub(super) seekable: bool,
    /// Whether it was reached through a directory that is granted to be read
    /// alone.
    pub(super) read_only: bool,
    attributes: Mutex<Attributes>,
}

impl Descriptor {
    /// A directory; its own rights are at most those that mean something there.
    pub(super) fn directory(
        dir: Arc<Dir>,
        preopen: Option<String>,
        rights: Rights,
        flags: u32,
    ) -> Self {
        let kind = Kind::Dir(Directory {
            dir,
            preopen,
            listing: Mutex::default(),
        });
        let rights = Rights {
            base: rights.base & right::DIRECTORY,
            inheriting: rights.inheriting & right::ALL,
        };
        Self::new(kind, filetype::DIRECTORY, false, rights, flags)
    }

    /// A file of the program's own.
    pub(super) fn file(file: HostFile, base: u64, flags: u32) -> io::Result<Self> {
        let filetype = filetype_of(&file)?;
        let seekable = rustix::fs::tell(&file).is_ok();
        let rights = rights_of(filetype, seekable, base);
        Ok(Self::new(
            Kind::File(file),
            filetype,
            seekable,
            rights,
            flags,
        ))
    }

    /// A stream of the host's.
    pub(super) fn shared(file: HostFile, base: u64) -> io::Result<Self> {
        let filetype = filetype_of(&file)?;
        let seekable = rustix::fs::tell(&file).is_ok();
        let rights = rights_of(filetype, seekable, base);
        let status = rustix::fs::fcntl_getfl(&file)?;
        let mut flags = 0;
        if status.contains(OFlags::APPEND) {
            flags |= fdflags::APPEND;
        }
        if status.contains(OFlags::NONBLOCK) {
            flags |= fdflags::NONBLOCK;
        }
        Ok(Self::new(
            Kind::Shared(file),
            filetype,
            seekable,
            rights,
            flags,
        ))
    }

    /// A stream in the host's memory.
    pub(super) fn stream(kind: Kind, base: u64) -> Self {
        let rights = rights_of(filetype::UNKNOWN, false, base);
        Self::new(kind, filetype::UNKNOWN, false, rights, 0)
    }

    fn new(kind: Kind, filetype: u8, seekable: bool, rights: Rights, flags: u32) -> Self {
        Self {
            kind,
            filetype,
            seekable,
            read_only: false,
            attributes: Mutex::new(Attributes { rights, flags }),
        }
    }

    /// The same without any way to change what stands behind it, or for a
    /// directory what is beneath it.
    pub(super) fn read_only(mut self) -> Self {
        self.read_only = true;
        self.attributes().rights.base &= !right::CHANGE_FILE;
        self
    }

    /// Rights and flags.
    pub(super) fn attributes(&self) -> MutexGuard<'_, Attributes> {
        lock(&self.attributes)
    }

    /// Whether all of some rights are there.
    pub(super) fn allows(&self, rights: u64) -> bool {
        self.attributes().rights.base & rights == rights
    }

    /// Refuses where a right is missing.
    pub(super) fn require(&self, rights: u64) -> Result {
        if self.allows(rights) {
            Ok(())
        } else {
            Err(Errno::NOTCAPABLE)
        }
    }

    /// Refuses to read or write where that right is missing, with the number
    /// that POSIX has for it.
    pub(super) fn require_transfer(&self, rights: u64) -> Result {
        if self.allows(rights) {
            Ok(())
        } else {
            Err(Errno::BADF)
        }
    }

    /// The directory, for operations on paths and listings.
    pub(super) fn dir(&self, rights: u64) -> Result<&Directory> {
        let Kind::Dir(directory) = &self.kind else {
            return Err(Errno::NOTDIR);
        };
        self.require(rights)?;
        if self.read_only && rights & right::CHANGE_PATH != 0 {
            return Err(Errno::ROFS);
        }
        Ok(directory)
    }

    /// The file, for operations that a directory (`badf`) and a stream in
    /// memory (`stream`) do not have.
    pub(super) fn as_file(&self, rights: u64, stream: Errno) -> Result<&HostFile> {
        match &self.kind {
            Kind::Dir(_) => Err(Errno::BADF),
            Kind::Input(_) | Kind::Output(_) => Err(stream),
            Kind::File(file) | Kind::Shared(file) => {
                self.require(rights)?;
                Ok(file)
            }
        }
    }

    /// The file, for operations that need positions.
    pub(super) fn positioned(&self, rights: u64) -> Result<&HostFile> {
        if !self.seekable && !matches!(self.kind, Kind::Dir(_)) {
            return Err(Errno::SPIPE);
        }
        self.as_file(rights, Errno::SPIPE)
    }

    /// The host's descriptor, if there is one.
    pub(super) fn host_fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.kind {
            Kind::File(file) | Kind::Shared(file) => Some(file.as_fd()),
            Kind::Dir(directory) => Some(directory.dir.as_fd()),
            Kind::Input(_) | Kind::Output(_) => None,
        }
    }
}

/// The `filetype` of an open file. Preview 1 has none for a pipe.
fn filetype_of(file: &HostFile) -> io::Result<u8> {
    Ok(match FileType::from_raw_mode(file.stat()?.st_mode) {
        FileType::Socket if sockopt::socket_type(file)? == SocketType::DGRAM => {
            filetype::SOCKET_DGRAM
        }
        FileType::Directory => filetype::UNKNOWN,
        ty => super::dir::filetype_of(ty),
    })
}

/// Of the rights asked for, those that mean something. A guest takes a
/// character device without the rights to seek and tell for a terminal.
const fn rights_of(filetype: u8, seekable: bool, base: u64) -> Rights {
    let (meaningful, inheriting) = match filetype {
        filetype::SOCKET_DGRAM | filetype::SOCKET_STREAM => (right::SOCKET, right::SOCKET),
        _ if seekable => (right::FILE, 0),
        _ => (right::STREAM, 0),
    };
    Rights {
        base: base & meaningful,
        inheriting,
    }
}

/// Descriptors by number.
pub(super) struct Table {
    slots: Vec<Option<Arc<Descriptor>>>,
    /// Most numbers that the program may come to have.
    max: usize,
}

impl Table {
    /// Without any descriptor.
    pub(super) const fn new(max: usize) -> Self {
        Self {
            slots: Vec::new(),
            max,
        }
    }

    /// An open descriptor.
    pub(super) fn get(&self, fd: u32) -> Result<Arc<Descriptor>> {
        let slot = self.slots.get(fd as usize).ok_or(Errno::BADF)?;
        slot.clone().ok_or(Errno::BADF)
    }

    /// Gives a descriptor the lowest free number.
    pub(super) fn insert(&mut self, descriptor: Arc<Descriptor>) -> Result<u32> {
        let free = self.slots.iter().position(Option::is_none);
        let index = free.unwrap_or(self.slots.len());
        if free.is_none() && index >= self.max {
            return Err(Errno::MFILE);
        }
        // Numbers stay below 2^31: the guest's are signed.
        let fd = i32::try_from(index).map_err(|_| Errno::MFILE)?;
        let slot = Some(descriptor);
        match self.slots.get_mut(index) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        Ok(fd.cast_unsigned())
    }

    /// Adds a number that is not open, where the host's stream is closed.
    pub(super) fn skip(&mut self) {
        self.slots.push(None);
    }

    /// Adds a descriptor at the end.
    pub(super) fn push(&mut self, descriptor: Descriptor) {
        self.slots.push(Some(Arc::new(descriptor)));
    }

    /// Takes a descriptor out. What stands behind it is closed when the last
    /// call that works on it is done.
    pub(super) fn remove(&mut self, fd: u32) -> Result<Arc<Descriptor>> {
        let slot = self.slots.get_mut(fd as usize).ok_or(Errno::BADF)?;
        slot.take().ok_or(Errno::BADF)
    }

    /// Moves a descriptor to the number of another open one, and gives that
    /// back, to be closed when the table is unlocked. The numbers of the three
    /// streams need not be open: a program that keeps its output elsewhere, as
    /// `dup` and `dup2` do, has moved it away and comes back to its number.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Arc<Descriptor>>> {
        if to >= STREAMS {
            self.get(to)?;
        }
        let moved = self.remove(from)?;
        let slot = self.slots.get_mut(to as usize).ok_or(Errno::BADF)?;
        Ok(slot.replace(moved))
    }
}

/// Numbers of the standard streams: those below.
const STREAMS: u32 = 3;
