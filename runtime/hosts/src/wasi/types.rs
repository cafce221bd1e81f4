//! Numbers and record layouts of preview 1, from its witx definition.

/// Rights to operations on a descriptor, one bit each.
pub(super) mod right {
    pub const FD_DATASYNC: u64 = 1 << 0;
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub const FD_SYNC: u64 = 1 << 4;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const FD_ADVISE: u64 = 1 << 7;
    pub const FD_ALLOCATE: u64 = 1 << 8;
    pub const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub const PATH_CREATE_FILE: u64 = 1 << 10;
    pub const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub const PATH_LINK_TARGET: u64 = 1 << 12;
    pub const PATH_OPEN: u64 = 1 << 13;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const PATH_READLINK: u64 = 1 << 15;
    pub const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
    pub const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub const PATH_SYMLINK: u64 = 1 << 24;
    pub const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub const POLL_FD_READWRITE: u64 = 1 << 27;
    pub const SOCK_SHUTDOWN: u64 = 1 << 28;
    pub const SOCK_ACCEPT: u64 = 1 << 29;

    /// Every right there is.
    pub const ALL: u64 = (1 << 30) - 1;
    /// Rights that change the names beneath a directory or what they stand for.
    /// A second name for a file would be one by which it can be written.
    pub const CHANGE_PATH: u64 = PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;
    /// Rights that change what stands behind a descriptor.
    pub const CHANGE_FILE: u64 =
        FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES;
    /// What makes sense on any file that can only be read or written in order.
    pub const STREAM: u64 = FD_READ
        | FD_WRITE
        | FD_FDSTAT_SET_FLAGS
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | FD_DATASYNC
        | FD_SYNC
        | POLL_FD_READWRITE;
    /// What makes sense on a socket.
    pub const SOCKET: u64 = STREAM | SOCK_SHUTDOWN | SOCK_ACCEPT;
    /// What makes sense on a file with positions.
    pub const FILE: u64 =
        STREAM | FD_SEEK | FD_TELL | FD_ADVISE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;
    /// What makes sense on a directory itself.
    pub const DIRECTORY: u64 = FD_DATASYNC
        | FD_SYNC
        | FD_FDSTAT_SET_FLAGS
        | FD_READDIR
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_SIZE
        | PATH_FILESTAT_SET_TIMES
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE;
}

/// `filetype`.
pub(super) mod filetype {
    pub const UNKNOWN: u8 = 0;
    pub const BLOCK_DEVICE: u8 = 1;
    pub const CHARACTER_DEVICE: u8 = 2;
    pub const DIRECTORY: u8 = 3;
    pub const REGULAR_FILE: u8 = 4;
    pub const SOCKET_DGRAM: u8 = 5;
    pub const SOCKET_STREAM: u8 = 6;
    pub const SYMBOLIC_LINK: u8 = 7;
}

/// `fdflags`.
pub(super) mod fdflags {
    pub const APPEND: u32 = 1 << 0;
    pub const DSYNC: u32 = 1 << 1;
    pub const NONBLOCK: u32 = 1 << 2;
    pub const RSYNC: u32 = 1 << 3;
    pub const SYNC: u32 = 1 << 4;
    pub const ALL: u32 = (1 << 5) - 1;
}

/// `oflags`.
pub(super) mod oflags {
    pub const CREAT: u32 = 1 << 0;
    pub const DIRECTORY: u32 = 1 << 1;
    pub const EXCL: u32 = 1 << 2;
    pub const TRUNC: u32 = 1 << 3;
    pub const ALL: u32 = (1 << 4) - 1;
}

/// `lookupflags`: its only bit.
pub(super) const SYMLINK_FOLLOW: u32 = 1 << 0;

/// `fstflags`.
pub(super) mod fstflags {
    pub const ATIM: u32 = 1 << 0;
    pub const ATIM_NOW: u32 = 1 << 1;
    pub const MTIM: u32 = 1 << 2;
    pub const MTIM_NOW: u32 = 1 << 3;
    pub const ALL: u32 = (1 << 4) - 1;
}

/// `riflags`, `roflags` and `sdflags`.
pub(super) mod sock {
    pub const RECV_PEEK: u32 = 1 << 0;
    pub const RECV_WAITALL: u32 = 1 << 1;
    pub const RECV_DATA_TRUNCATED: u16 = 1 << 0;
    pub const SHUT_RD: u32 = 1 << 0;
    pub const SHUT_WR: u32 = 1 << 1;
}

/// `fdstat`: size and offsets of fields.
pub(super) mod fdstat {
    pub const SIZE: usize = 24;
    pub const FILETYPE: usize = 0;
    pub const FLAGS: usize = 2;
    pub const RIGHTS_BASE: usize = 8;
    pub const RIGHTS_INHERITING: usize = 16;
}

/// `filestat`: size and offsets of fields.
pub(super) mod filestat {
    pub const SIZE: usize = 64;
    pub const DEV: usize = 0;
    pub const INO: usize = 8;
    pub const FILETYPE: usize = 16;
    pub const NLINK: usize = 24;
    pub const LEN: usize = 32;
    pub const ATIM: usize = 40;
    pub const MTIM: usize = 48;
    pub const CTIM: usize = 56;
}

/// `dirent`: size and offsets of fields; the name follows.
pub(super) mod dirent {
    pub const SIZE: usize = 24;
    pub const NEXT: usize = 0;
    pub const INO: usize = 8;
    pub const NAMLEN: usize = 16;
    pub const TYPE: usize = 20;
}

/// `prestat` of a directory, the only kind: size and offset of its field.
pub(super) mod prestat {
    pub const SIZE: usize = 8;
    pub const NAME_LEN: usize = 4;
}

/// `subscription`: size and offsets of fields, from its start.
pub(super) mod subscription {
    pub const SIZE: usize = 48;
    pub const USERDATA: usize = 0;
    pub const TAG: usize = 8;
    pub const FD: usize = 16;
    pub const CLOCK_ID: usize = 16;
    pub const CLOCK_TIMEOUT: usize = 24;
    pub const CLOCK_FLAGS: usize = 40;
    /// `subclockflags`: the timeout is a time, not a duration.
    pub const CLOCK_ABSTIME: u16 = 1 << 0;
}

/// `event`: size and offsets of fields.
pub(super) mod event {
    pub const SIZE: usize = 32;
    pub const USERDATA: usize = 0;
    pub const ERROR: usize = 8;
    pub const TYPE: usize = 10;
    pub const NBYTES: usize = 16;
    pub const FLAGS: usize = 24;
    /// `eventrwflags`: the other end is closed.
    pub const HANGUP: u16 = 1 << 0;
}

/// `eventtype`.
pub(super) mod eventtype {
    pub const CLOCK: u8 = 0;
    pub const FD_READ: u8 = 1;
    pub const FD_WRITE: u8 = 2;
}

/// A field of a record; the offsets are this file's constants, within it.
pub(super) fn field<const N: usize, const M: usize>(record: &[u8; N], offset: usize) -> [u8; M] {
    std::array::from_fn(|i| record[offset + i])
}

/// A record under construction: little-endian fields at their offsets, the
/// padding zero.
pub(super) struct Record<const N: usize>([u8; N]);

impl<const N: usize> Record<N> {
    /// All zeros.
    pub(super) const fn new() -> Self {
        Self([0; N])
    }

    /// Sets a field; the offsets are this file's constants, within `N`.
    pub(super) fn put<const M: usize>(mut self, offset: usize, field: [u8; M]) -> Self {
        self.0[offset..offset + M].copy_from_slice(&field);
        self
    }

    /// The bytes.
    pub(super) const fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}
