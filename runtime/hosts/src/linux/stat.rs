//! What is known of a file, in the four forms that have been asked for.

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::mount::AT_FDCWD;
use super::numbers::Abi;
use super::table::{Kind, Open};
use crate::beneath;

const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_EMPTY_PATH: u32 = 0x1000;

/// What is known of a file.
#[derive(Default)]
struct Stat {
    dev: u64,
    ino: u64,
    mode: u32,
    nlink: u64,
    uid: u32,
    gid: u32,
    rdev: u64,
    size: u64,
    block_size: u64,
    blocks: u64,
    /// Of last access, last modification, last change: seconds, nanoseconds.
    times: [(i64, i64); 3],
}

impl From<&rustix::fs::Stat> for Stat {
    #[allow(
        clippy::useless_conversion,
        reason = "some fields are narrower on other machines"
    )]
    fn from(stat: &rustix::fs::Stat) -> Self {
        let time = |seconds: i64, nanoseconds: u64| (seconds, nanoseconds.cast_signed());
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            mode: stat.st_mode,
            nlink: stat.st_nlink.into(),
            uid: stat.st_uid,
            gid: stat.st_gid,
            rdev: stat.st_rdev,
            size: stat.st_size.cast_unsigned(),
            block_size: stat.st_blksize.cast_unsigned().into(),
            blocks: stat.st_blocks.cast_unsigned(),
            times: [
                time(stat.st_atime, stat.st_atime_nsec),
                time(stat.st_mtime, stat.st_mtime_nsec),
                time(stat.st_ctime, stat.st_ctime_nsec),
            ],
        }
    }
}

/// Of an open file.
fn of_open(open: &Open) -> Result<Stat> {
    /// Like a pipe: nothing is known of it.
    const PIPE: u32 = 0o010_600;
    Ok(match &open.kind {
        Kind::File { file, .. } => Stat::from(&file.stat()?),
        Kind::Dir(directory) => Stat::from(&rustix::fs::fstat(&directory.dir)?),
        Kind::Input(_) | Kind::Output(_) => Stat {
            mode: PIPE,
            nlink: 1,
            block_size: 4096,
            ..Stat::default()
        },
    })
}

/// Of a path, with the flags of the `at` calls.
fn of_path(call: &mut Call<'_>, fd: i32, path: usize, flags: u32) -> Result<Stat> {
    let path = call.path(path)?;
    if path.is_empty() && flags & AT_EMPTY_PATH != 0 {
        return match fd {
            AT_FDCWD => stat_at(call, fd, b".", false),
            fd => of_open(&*call.open_file(fd)?),
        };
    }
    stat_at(call, fd, &path, flags & AT_SYMLINK_NOFOLLOW != 0)
}

fn stat_at(call: &Call<'_>, fd: i32, path: &[u8], link: bool) -> Result<Stat> {
    let resolved = call.resolve_at(fd, path)?;
    let stat = beneath::stat(resolved.dir()?, resolved.path(), !link)?;
    Ok(Stat::from(&stat))
}

/// `stat`, in the form of the table
pub(super) fn stat(call: &mut Call<'_>) -> Result {
    let stat = of_path(call, AT_FDCWD, 0, 0)?;
    let record = stat.of_abi(call.abi)?;
    store(call, 1, &record)
}

/// `lstat`
pub(super) fn lstat(call: &mut Call<'_>) -> Result {
    let stat = of_path(call, AT_FDCWD, 0, AT_SYMLINK_NOFOLLOW)?;
    let record = stat.of_abi(call.abi)?;
    store(call, 1, &record)
}

/// `fstat`
pub(super) fn fstat(call: &mut Call<'_>) -> Result {
    let stat = of_open(&*call.file(0)?)?;
    let record = stat.of_abi(call.abi)?;
    store(call, 1, &record)
}

/// `newfstatat`: x86-64 alone has it
pub(super) fn fstatat(call: &mut Call<'_>) -> Result {
    let record = of_path(call, call.int(0), 1, call.uint(3))?.words();
    store(call, 2, &record)
}

/// `stat64`
pub(super) fn stat64(call: &mut Call<'_>) -> Result {
    let record = of_path(call, AT_FDCWD, 0, 0)?.stat64();
    store(call, 1, &record)
}

/// `lstat64`
pub(super) fn lstat64(call: &mut Call<'_>) -> Result {
    let record = of_path(call, AT_FDCWD, 0, AT_SYMLINK_NOFOLLOW)?.stat64();
    store(call, 1, &record)
}

/// `fstat64`
pub(super) fn fstat64(call: &mut Call<'_>) -> Result {
    let record = of_open(&*call.file(0)?)?.stat64();
    store(call, 1, &record)
}

/// `fstatat64`
pub(super) fn fstatat64(call: &mut Call<'_>) -> Result {
    let record = of_path(call, call.int(0), 1, call.uint(3))?.stat64();
    store(call, 2, &record)
}

/// `statx`
pub(super) fn statx(call: &mut Call<'_>) -> Result {
    let record = of_path(call, call.int(0), 1, call.uint(2))?.statx();
    store(call, 4, &record)
}

fn store(call: &mut Call<'_>, at: usize, record: &[u8]) -> Result {
    call.write(call.uint(at), record)?;
    DONE
}

/// A record under construction: little-endian fields in order.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn u16(mut self, value: u64) -> Self {
        self.0.extend((value as u16).to_le_bytes());
        self
    }

    fn u32(mut self, value: u64) -> Self {
        self.0.extend((value as u32).to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn zeros(mut self, bytes: usize) -> Self {
        self.0.resize(self.0.len() + bytes, 0);
        self
    }
}

impl Stat {
    /// `struct stat` of a table.
    fn of_abi(&self, abi: Abi) -> Result<Vec<u8>> {
        match abi {
            Abi::I386 => self.old(),
            Abi::X86_64 => Ok(self.words()),
        }
    }

    /// `struct stat` of i386.
    fn old(&self) -> Result<Vec<u8>> {
        if i32::try_from(self.size).is_err() {
            return Err(Error::EOVERFLOW);
        }
        let mut fields = Fields::default()
            .u32(self.dev)
            .u32(self.ino)
            .u16(self.mode.into())
            .u16(self.nlink)
            .u16(self.uid.into())
            .u16(self.gid.into())
            .u32(self.rdev)
            .u32(self.size)
            .u32(self.block_size)
            .u32(self.blocks);
        for (seconds, nanoseconds) in self.times {
            fields = fields
                .u32(seconds.cast_unsigned())
                .u32(nanoseconds.cast_unsigned());
        }
        Ok(fields.zeros(8).0)
    }

    /// `struct stat64` of i386, where 64 bits are aligned as 32 are.
    fn stat64(&self) -> Vec<u8> {
        let mut fields = Fields::default()
            .u64(self.dev)
            .zeros(4)
            .u32(self.ino)
            .u32(self.mode.into())
            .u32(self.nlink)
            .u32(self.uid.into())
            .u32(self.gid.into())
            .u64(self.rdev)
            .zeros(4)
            .u64(self.size)
            .u32(self.block_size)
            .u64(self.blocks);
        for (seconds, nanoseconds) in self.times {
            fields = fields
                .u32(seconds.cast_unsigned())
                .u32(nanoseconds.cast_unsigned());
        }
        fields.u64(self.ino).0
    }

    /// `struct stat` of x86-64.
    fn words(&self) -> Vec<u8> {
        let mut fields = Fields::default()
            .u64(self.dev)
            .u64(self.ino)
            .u64(self.nlink)
            .u32(self.mode.into())
            .u32(self.uid.into())
            .u32(self.gid.into())
            .zeros(4)
            .u64(self.rdev)
            .u64(self.size)
            .u64(self.block_size)
            .u64(self.blocks);
        for (seconds, nanoseconds) in self.times {
            fields = fields
                .u64(seconds.cast_unsigned())
                .u64(nanoseconds.cast_unsigned());
        }
        fields.zeros(24).0
    }

    /// `struct statx`.
    fn statx(&self) -> Vec<u8> {
        /// All that `stat` tells, and not the time of birth.
        const BASIC: u64 = 0x7ff;
        let [access, modification, change] = self.times;
        let time = |fields: Fields, (seconds, nanoseconds): (i64, i64)| {
            let fields = fields.u64(seconds.cast_unsigned());
            fields.u32(nanoseconds.cast_unsigned()).zeros(4)
        };
        let fields = Fields::default()
            .u32(BASIC)
            .u32(self.block_size)
            .zeros(8)
            .u32(self.nlink)
            .u32(self.uid.into())
            .u32(self.gid.into())
            .u16(self.mode.into())
            .zeros(2)
            .u64(self.ino)
            .u64(self.size)
            .u64(self.blocks)
            .zeros(8);
        let fields = time(fields, access).zeros(16);
        let mut fields = time(time(fields, change), modification);
        for device in [self.rdev, self.dev] {
            fields = fields
                .u32(rustix::fs::major(device).into())
                .u32(rustix::fs::minor(device).into());
        }
        fields.zeros(112).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_as_long_as_the_kernels() {
        let stat = Stat::default();
        assert_eq!(stat.old().unwrap().len(), 64);
        assert_eq!(stat.stat64().len(), 96);
        assert_eq!(stat.words().len(), 144);
        assert_eq!(stat.statx().len(), 256);
    }
}
