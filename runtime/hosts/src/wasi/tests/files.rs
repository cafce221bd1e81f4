//! Descriptors: reading, writing, positions, attributes, directories.

use super::*;
use crate::wasi::types::{fdflags, filetype, fstflags};

#[test]
fn read_write_seek_tell() {
    let mut guest = Guest::new();
    let fd = guest.open("file", CREAT, FILE).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(guest.write(fd, b"0123456789"), Ok(10));
    guest.call("fd_tell", &[fd, OUT]).unwrap();
    assert_eq!(guest.u64_at(OUT), 10);
    assert_eq!(guest.seek(fd, 2, 0), Ok(2));
    assert_eq!(guest.read(fd, 3).unwrap(), b"234");
    assert_eq!(guest.seek(fd, -1, 1), Ok(4));
    assert_eq!(guest.seek(fd, 0, 1), Ok(4));
    assert_eq!(guest.seek(fd, -3, 2), Ok(7));
    assert_eq!(guest.read(fd, 9).unwrap(), b"789");
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::INVAL));
    assert_eq!(guest.seek(fd, -99, 1), Err(Errno::INVAL));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::INVAL));
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"0123456789");
}

#[test]
fn positioned_transfers_leave_the_offset() {
    let mut guest = Guest::new();
    let fd = guest.file("file", "0123456789");
    let text = guest.put(b"abXcd");
    let [list, count] = guest.iovecs(&[(text, 2), (text + 3, 2)]);
    guest.call("fd_pwrite", &[fd, list, count, 4, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 4);
    let [list, count] = guest.iovecs(&[(1024, 3), (1000, 0), (512, 4)]);
    guest.call("fd_pread", &[fd, list, count, 3, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 7);
    assert_eq!(guest.bytes(1024, 3), b"3ab");
    assert_eq!(guest.bytes(512, 4), b"cd89");
    assert_eq!(guest.seek(fd, 0, 1), Ok(0));
    let negative = guest.call("fd_pread", &[fd, list, count, u64::MAX, OUT]);
    assert_eq!(negative, Err(Errno::INVAL));
    let pipe = guest.call("fd_pwrite", &[1, list, count, 0, OUT]);
    assert_eq!(pipe, Err(Errno::SPIPE));
    let directory = guest.call("fd_pread", &[ROOT, list, count, 0, OUT]);
    assert_eq!(directory, Err(Errno::ISDIR));
}

#[test]
fn lists_of_buffers() {
    let mut guest = Guest::new();
    let fd = guest.file("file", &"x".repeat(5000));
    // Overlapping buffers are filled one after the other.
    let [list, count] = guest.iovecs(&[(600, 8), (604, 8)]);
    guest.call("fd_read", &[fd, list, count, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 16);
    assert_eq!(guest.bytes(600, 13), b"xxxxxxxxxxxx\0");
    // More than the host takes at once make a short read.
    let many: Vec<_> = (0..2000).map(|i| (1024 + i, 1)).collect();
    let [list, count] = guest.iovecs(&many);
    guest.call("fd_read", &[fd, list, count, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 1024);
    guest.call("fd_read", &[fd, list, 0, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 0);
    let end = MEMORY as u64;
    for bad in [(end - 1, 2), (end, 1), (u64::from(u32::MAX), 1), (8, end)] {
        let [list, count] = guest.iovecs(&[(1024, 1), bad]);
        for name in ["fd_read", "fd_write"] {
            let fault = guest.call(name, &[fd, list, count, OUT]);
            assert_eq!(fault, Err(Errno::FAULT), "{name} {bad:?}");
        }
    }
    for (list, count) in [(end - 4, 1), (64, u64::MAX)] {
        let fault = guest.call("fd_write", &[fd, list, count, OUT]);
        assert_eq!(fault, Err(Errno::FAULT));
    }
    // An answer that cannot be stored: nothing has been read.
    let before = guest.seek(fd, 0, 1).unwrap();
    let [list, count] = guest.iovecs(&[(1024, 1)]);
    let fault = guest.call("fd_read", &[fd, list, count, end - 3]);
    assert_eq!(fault, Err(Errno::FAULT));
    assert_eq!(guest.seek(fd, 0, 1), Ok(before));
    let [list, count] = guest.iovecs(&[(end - 1, 1)]);
    guest.call("fd_read", &[fd, list, count, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 1);
}

#[test]
fn directories_are_not_files() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(ROOT, 1), Err(Errno::ISDIR));
    assert_eq!(guest.write(ROOT, b"x"), Err(Errno::ISDIR));
    for whence in 0..3 {
        assert_eq!(guest.seek(ROOT, 0, whence), Err(Errno::BADF));
    }
    let refused = [
        guest.call("fd_tell", &[ROOT, OUT]),
        guest.call("fd_allocate", &[ROOT, 0, 1]),
        guest.call("fd_advise", &[ROOT, 0, 1, 0]),
        guest.call("fd_filestat_set_size", &[ROOT, 1]),
    ];
    assert_eq!(refused, [Err(Errno::BADF); 4]);
    let fd = guest.file("file", "");
    let refused = guest.call("fd_readdir", &[fd, 64, 64, 0, OUT]);
    assert_eq!(refused, Err(Errno::NOTDIR));
    let opened = guest.open_with(fd, 0, "x", CREAT, 0, 0);
    assert_eq!(opened, Err(Errno::NOTDIR));
}

#[test]
fn close_and_lowest_number() {
    let mut guest = Guest::new();
    for name in ["a", "b", "c"] {
        guest.file(name, "");
    }
    guest.call("fd_close", &[5]).unwrap();
    assert_eq!(guest.call("fd_close", &[5]), Err(Errno::BADF));
    assert_eq!(guest.call("fd_close", &[99]), Err(Errno::BADF));
    assert_eq!(guest.call("fd_close", &[u64::MAX]), Err(Errno::BADF));
    assert_eq!(guest.open("a", 0, READ), Ok(5));
    assert_eq!(guest.open("a", 0, READ), Ok(7));
    guest.call("fd_close", &[ROOT]).unwrap();
    assert_eq!(guest.open("a", 0, READ), Err(Errno::BADF));
}

#[test]
fn renumber() {
    let mut guest = Guest::new();
    let first = guest.file("first", "1");
    let second = guest.file("second", "2");
    guest.call("fd_renumber", &[first, second]).unwrap();
    assert_eq!(guest.read(second, 1).unwrap(), b"1");
    assert_eq!(guest.read(first, 1), Err(Errno::BADF));
    guest.call("fd_renumber", &[second, second]).unwrap();
    guest.call("fd_renumber", &[second, 1]).unwrap();
    guest.write(1, b"+").unwrap();
    assert_eq!(std::fs::read(guest.host("first")).unwrap(), b"1+");
    assert_eq!(guest.call("fd_renumber", &[1, 50]), Err(Errno::BADF));
    assert_eq!(guest.call("fd_renumber", &[50, 1]), Err(Errno::BADF));
    guest.seek(1, 0, 0).unwrap();
}

/// `dup` and `dup2` as a libc without them has them: output goes to a file for a
/// while and then where it went before.
#[test]
fn a_stream_is_moved_away_and_back() {
    let mut guest = Guest::new();
    let kept = guest.file("kept", "");
    let log = guest.file("log", "");
    guest.call("fd_renumber", &[1, kept]).unwrap();
    assert_eq!(guest.write(1, b"lost"), Err(Errno::BADF));
    guest.call("fd_renumber", &[log, 1]).unwrap();
    let next = guest.file("next", "");
    assert!(next > 2, "the number of a stream");
    assert_eq!(guest.write(1, b"logged"), Ok(6));
    guest.call("fd_renumber", &[kept, 1]).unwrap();
    assert_eq!(guest.write(1, b"said"), Ok(4));
    assert_eq!(guest.stdout.take(), b"said");
    assert_eq!(std::fs::read(guest.host("log")).unwrap(), b"logged");
    for stream in 0..3 {
        guest.call("fd_close", &[stream]).ok();
        let file = guest.file("stream", "");
        guest.call("fd_renumber", &[file, stream]).unwrap();
    }
}

#[test]
fn fdstat_and_rights() {
    let mut guest = Guest::new();
    let fd = guest.open("file", CREAT, right::ALL).unwrap();
    guest.call("fd_fdstat_get", &[fd, OUT]).unwrap();
    assert_eq!(guest.memory[OUT as usize], filetype::REGULAR_FILE);
    assert_eq!(guest.u64_at(OUT + 8), right::FILE);
    assert_eq!(guest.u64_at(OUT + 16), 0);
    let fewer = right::FILE & !right::FD_WRITE & !right::FD_SYNC;
    guest.call("fd_fdstat_set_rights", &[fd, fewer, 0]).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(Errno::BADF));
    assert_eq!(guest.call("fd_sync", &[fd]), Err(Errno::NOTCAPABLE));
    let more = guest.call("fd_fdstat_set_rights", &[fd, right::FILE, 0]);
    assert_eq!(more, Err(Errno::NOTCAPABLE));

    guest.call("fd_fdstat_get", &[ROOT, OUT]).unwrap();
    assert_eq!(guest.memory[OUT as usize], filetype::DIRECTORY);
    assert_eq!(guest.u64_at(OUT + 8), right::DIRECTORY);
    assert_eq!(guest.u64_at(OUT + 16), right::ALL);
    // What is opened gets at most what its directory hands on.
    let handed_on = right::ALL & !right::FD_WRITE;
    let base = right::DIRECTORY & !right::PATH_CREATE_FILE;
    guest
        .call("fd_fdstat_set_rights", &[ROOT, base, handed_on])
        .unwrap();
    assert_eq!(guest.open("file", 0, FILE), Err(Errno::NOTCAPABLE));
    assert_eq!(guest.open("new", CREAT, READ), Err(Errno::NOTCAPABLE));
    guest.open("file", 0, READ).unwrap();
    let edge = guest.call("fd_fdstat_get", &[fd, MEMORY as u64 - 23]);
    assert_eq!(edge, Err(Errno::FAULT));
}

/// A guest takes a character device that cannot seek for a terminal.
#[test]
fn devices() {
    let mut guest = Guest::with(|env| env.preopen("/dev", "/dev").unwrap());
    let null = guest
        .open_with(ROOT + 1, 0, "null", 0, right::ALL, 0)
        .unwrap();
    guest.call("fd_fdstat_get", &[null, OUT]).unwrap();
    assert_eq!(guest.memory[OUT as usize], filetype::CHARACTER_DEVICE);
    assert_ne!(guest.u64_at(OUT + 8) & right::FD_SEEK, 0);
    assert_eq!(guest.write(null, b"x"), Ok(1));
    let terminal = guest.open_with(ROOT + 1, 1, "ptmx", 0, right::ALL, 0);
    guest
        .call("fd_fdstat_get", &[terminal.unwrap(), OUT])
        .unwrap();
    assert_eq!(guest.memory[OUT as usize], filetype::CHARACTER_DEVICE);
    assert_eq!(guest.u64_at(OUT + 8) & (right::FD_SEEK | right::FD_TELL), 0);
}

#[test]
fn flags() {
    let mut guest = Guest::new();
    let flags = fdflags::APPEND | fdflags::SYNC;
    std::fs::write(guest.host("file"), "abc").unwrap();
    let fd = guest.open_with(ROOT, 0, "file", 0, FILE, flags).unwrap();
    guest.write(fd, b"def").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"abcdef");
    guest.call("fd_fdstat_get", &[fd, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT) >> 16, flags);
    let set =
        |guest: &mut Guest, flags: u32| guest.call("fd_fdstat_set_flags", &[fd, flags.into()]);
    set(&mut guest, fdflags::SYNC | fdflags::NONBLOCK).unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"X").unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"Xbcdef");
    assert_eq!(set(&mut guest, 0), Err(Errno::INVAL));
    assert_eq!(set(&mut guest, 1 << 9), Err(Errno::INVAL));
    guest.call("fd_fdstat_get", &[fd, OUT]).unwrap();
    let flags = fdflags::SYNC | fdflags::NONBLOCK;
    assert_eq!(guest.u32_at(OUT) >> 16, flags);
}

#[test]
fn size_and_allocation() {
    let mut guest = Guest::new();
    let fd = guest.file("file", "0123456789");
    let size = |guest: &mut Guest| {
        guest.call("fd_filestat_get", &[fd, 64]).unwrap();
        guest.u64_at(64 + 32)
    };
    assert_eq!(size(&mut guest), 10);
    assert_eq!(guest.memory[64 + 16], filetype::REGULAR_FILE);
    assert_eq!(guest.u64_at(64 + 24), 1);
    guest.call("fd_filestat_set_size", &[fd, 4]).unwrap();
    assert_eq!(size(&mut guest), 4);
    match guest.call("fd_allocate", &[fd, 100, 100]) {
        Ok(()) => assert_eq!(size(&mut guest), 200),
        // Not every file system can.
        Err(error) => assert_eq!(error, Errno::NOTSUP),
    }
    let bad = guest.call("fd_allocate", &[fd, u64::MAX, 2]);
    assert_eq!(bad, Err(Errno::FBIG));
    let bad = guest.call("fd_filestat_set_size", &[fd, u64::MAX]);
    assert_eq!(bad, Err(Errno::INVAL));
    guest.call("fd_advise", &[fd, 0, 0, 3]).unwrap();
    let bad = guest.call("fd_advise", &[fd, 0, 0, 6]);
    assert_eq!(bad, Err(Errno::INVAL));
    let bad = guest.call("fd_advise", &[fd, u64::MAX, 0, 0]);
    assert_eq!(bad, Err(Errno::INVAL));
    guest.call("fd_sync", &[fd]).unwrap();
    guest.call("fd_datasync", &[fd]).unwrap();
}

#[test]
fn times_of_a_descriptor() {
    let mut guest = Guest::new();
    let fd = guest.file("file", "");
    let both = u64::from(fstflags::ATIM | fstflags::MTIM);
    let set = "fd_filestat_set_times";
    guest
        .call(set, &[fd, 5_000_000_007, 6_000_000_008, both])
        .unwrap();
    let now = u64::from(fstflags::MTIM_NOW);
    guest.call("fd_filestat_get", &[fd, 64]).unwrap();
    assert_eq!(guest.u64_at(64 + 40), 5_000_000_007);
    assert_eq!(guest.u64_at(64 + 48), 6_000_000_008);
    guest.call(set, &[fd, 0, 0, now]).unwrap();
    guest.call("fd_filestat_get", &[fd, 64]).unwrap();
    assert_eq!(guest.u64_at(64 + 40), 5_000_000_007);
    assert!(guest.u64_at(64 + 48) > 1_000_000_000_000_000_000);
    let contrary = u64::from(fstflags::MTIM | fstflags::MTIM_NOW);
    assert_eq!(guest.call(set, &[fd, 0, 0, contrary]), Err(Errno::INVAL));
    assert_eq!(guest.call(set, &[fd, 0, 0, 16]), Err(Errno::INVAL));
    guest.call(set, &[ROOT, 0, 0, now]).unwrap();
}

#[test]
fn preopened_names() {
    let mut guest = Guest::new();
    guest.call("fd_prestat_get", &[ROOT, OUT]).unwrap();
    assert_eq!((guest.u32_at(OUT), guest.u32_at(OUT + 4)), (0, 5));
    guest.call("fd_prestat_dir_name", &[ROOT, 64, 9]).unwrap();
    assert_eq!(guest.bytes(64, 6), b"/data\0");
    let short = guest.call("fd_prestat_dir_name", &[ROOT, 64, 4]);
    assert_eq!(short, Err(Errno::NAMETOOLONG));
    let edge = guest.call("fd_prestat_dir_name", &[ROOT, MEMORY as u64 - 4, 5]);
    assert_eq!(edge, Err(Errno::FAULT));
    std::fs::create_dir(guest.host("sub")).unwrap();
    let sub = guest.open("sub", oflags::DIRECTORY, DIRECTORY).unwrap();
    for fd in [0, sub, 99] {
        let none = guest.call("fd_prestat_get", &[fd, OUT]);
        assert_eq!(none, Err(Errno::BADF));
    }
}

/// Entries of a directory: next cookie, number, type, name.
fn entries(bytes: &[u8]) -> Vec<(u64, u64, u8, String)> {
    let mut list = Vec::new();
    let mut rest = bytes;
    while let Some((head, tail)) = rest.split_at_checked(24) {
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        let len = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
        let Some((name, tail)) = tail.split_at_checked(len) else {
            break;
        };
        let name = String::from_utf8(name.to_vec()).unwrap();
        list.push((word(0), word(8), head[20], name));
        rest = tail;
    }
    list
}

#[test]
fn readdir_in_small_pieces() {
    let mut guest = Guest::new();
    for i in 0..300 {
        std::fs::write(guest.host(&format!("file{i}")), "").unwrap();
    }
    std::fs::create_dir(guest.host("dir")).unwrap();
    std::os::unix::fs::symlink("dir", guest.host("link")).unwrap();
    let mut seen = Vec::new();
    let mut cookie = 0;
    loop {
        let args = [ROOT, 64, 70, cookie, OUT];
        guest.call("fd_readdir", &args).unwrap();
        let used = guest.u32_at(OUT).into();
        let piece = entries(guest.bytes(64, used));
        // What goes away meanwhile shifts nothing.
        if let Some((_, _, _, name)) = piece.iter().find(|e| e.3.starts_with("file")) {
            let _ = std::fs::remove_file(guest.host(name));
        }
        cookie = piece.last().map_or(cookie, |last| last.0);
        seen.extend(piece);
        if used < 70 {
            break;
        }
    }
    assert_eq!(seen.len(), 304);
    guest.call("fd_filestat_get", &[ROOT, 512]).unwrap();
    let ino = guest.u64_at(512 + 8);
    let start: Vec<_> = seen[..2].iter().map(|e| (e.1, e.2, &*e.3)).collect();
    assert_eq!(start, [(ino, 3, "."), (ino, 3, "..")]);
    let ty = |name: &str| seen.iter().find(|e| e.3 == name).unwrap().2;
    assert_eq!(ty("dir"), filetype::DIRECTORY);
    assert_eq!(ty("link"), filetype::SYMBOLIC_LINK);
    assert_eq!(ty("file7"), filetype::REGULAR_FILE);
}

#[test]
fn readdir_at_the_edges() {
    let mut guest = Guest::new();
    // A buffer too small for one entry is filled with the start of it.
    guest.call("fd_readdir", &[ROOT, 64, 10, 0, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 10);
    guest.call("fd_readdir", &[ROOT, 64, 0, 0, OUT]).unwrap();
    assert_eq!(guest.u32_at(OUT), 0);
    for cookie in [2, 3, u64::MAX] {
        let args = [ROOT, 64, 100, cookie, OUT];
        guest.call("fd_readdir", &args).unwrap();
        assert_eq!(guest.u32_at(OUT), 0);
    }
    let end = MEMORY as u64;
    let fault = guest.call("fd_readdir", &[ROOT, end - 9, 10, 0, OUT]);
    assert_eq!(fault, Err(Errno::FAULT));
    let rights = right::DIRECTORY & !right::FD_READDIR;
    guest
        .call("fd_fdstat_set_rights", &[ROOT, rights, 0])
        .unwrap();
    let refused = guest.call("fd_readdir", &[ROOT, 64, 10, 0, OUT]);
    assert_eq!(refused, Err(Errno::NOTCAPABLE));
}
