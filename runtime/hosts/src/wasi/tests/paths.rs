//! Paths: opening, making, removing, links, and attempts to get out.

use std::os::unix::fs::symlink;

use super::*;
use crate::wasi::types::{filetype, fstflags};

const DIR: u32 = oflags::DIRECTORY;
const EXCL: u32 = oflags::EXCL;
const TRUNC: u32 = oflags::TRUNC;
const FOLLOW: u64 = 1;

#[test]
fn open_flags() {
    let mut guest = Guest::new();
    assert_eq!(guest.open("file", 0, FILE), Err(Errno::NOENT));
    assert_eq!(guest.open("", 0, FILE), Err(Errno::NOENT));
    guest.open("file", CREAT | EXCL, FILE).unwrap();
    assert_eq!(guest.open("file", CREAT | EXCL, FILE), Err(Errno::EXIST));
    std::fs::write(guest.host("file"), "contents").unwrap();
    let fd = guest.open("file", CREAT, READ).unwrap();
    assert_eq!(guest.read(fd, 99).unwrap(), b"contents");
    assert_eq!(guest.write(fd, b"x"), Err(Errno::BADF));
    let fd = guest.open("file", CREAT | TRUNC, FILE).unwrap();
    assert_eq!(guest.read(fd, 99).unwrap(), b"");
    std::fs::write(guest.host("file"), "contents").unwrap();
    guest.open("file", TRUNC, 0).unwrap();
    assert_eq!(std::fs::read(guest.host("file")).unwrap(), b"");
    // Made for reading only.
    let fd = guest.open("empty", CREAT, READ).unwrap();
    assert_eq!(guest.read(fd, 1).unwrap(), b"");
    guest.open("other", CREAT | EXCL | TRUNC, READ).unwrap();
    let write_only = right::FILE & !right::FD_READ;
    let fd = guest.open("file", 0, write_only).unwrap();
    guest.write(fd, b"x").unwrap();
    assert_eq!(guest.read(fd, 1), Err(Errno::BADF));
    assert_eq!(guest.open("file", 1 << 4, FILE), Err(Errno::INVAL));
    let unknown = guest.open_with(ROOT, 0, "file", 0, FILE, 1 << 5);
    assert_eq!(unknown, Err(Errno::INVAL));
    let unknown = guest.open_with(ROOT, 2, "file", 0, FILE, 0);
    assert_eq!(unknown, Err(Errno::INVAL));
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    std::fs::set_permissions(guest.host("file"), read_only).unwrap();
    guest.open("file", CREAT, READ).unwrap();
}

#[test]
fn no_memory_is_reached_by_procfs() {
    let mut guest = Guest::with(|env| env.preopen("/", "/").unwrap());
    let root = ROOT + 1;
    let id = std::process::id();
    let link = guest.host("link");
    symlink("../../../proc/self/mem", &link).unwrap();
    let link = link.to_str().unwrap().trim_start_matches('/').to_owned();
    let write_only = right::FILE & !right::FD_READ;
    for path in [
        "proc/self/mem",
        "proc/thread-self/mem",
        &format!("proc/{id}/mem"),
        &format!("proc/{id}/task/{id}/mem"),
        &link,
    ] {
        for how in [0, CREAT, TRUNC] {
            for rights in [FILE, READ, write_only, 0] {
                let answer = guest.open_with(root, FOLLOW, path, how, rights, 0);
                assert_eq!(answer, Err(Errno::ACCES), "{path} {how} {rights:#x}");
            }
        }
    }
    let directory = guest.open_with(root, FOLLOW, "proc/self", DIR, DIRECTORY, 0);
    let inner = guest.open_with(directory.unwrap(), 0, "mem", 0, FILE, 0);
    assert_eq!(inner, Err(Errno::ACCES));
    guest
        .open_with(root, 0, "proc/meminfo", 0, READ, 0)
        .unwrap();
    let comm = guest.open_with(root, FOLLOW, "proc/self/comm", 0, FILE, 0);
    assert_eq!(comm, Err(Errno::ACCES));
}

#[test]
fn open_directories() {
    let mut guest = Guest::new();
    guest.at("path_create_directory", "dir").unwrap();
    guest.file("file", "");
    let dir = guest.open("dir", DIR, DIRECTORY).unwrap();
    guest.open_with(dir, 0, "inner", CREAT, FILE, 0).unwrap();
    guest.open("dir/inner", 0, FILE).unwrap();
    guest.open_with(dir, 0, "../file", 0, FILE, 0).unwrap_err();
    assert_eq!(guest.open("dir", 0, FILE), Err(Errno::ISDIR));
    assert_eq!(guest.open("dir", DIR, FILE), Err(Errno::ISDIR));
    assert_eq!(guest.open("dir", CREAT, READ), Err(Errno::ISDIR));
    assert_eq!(guest.open("file", DIR, READ), Err(Errno::NOTDIR));
    for how in [CREAT, EXCL, TRUNC] {
        assert_eq!(guest.open("dir", DIR | how, READ), Err(Errno::INVAL));
    }
    for path in [".", "dir/", "dir/..", "./dir/.//../dir///"] {
        let fd = guest.open(path, 0, READ).unwrap();
        guest.call("fd_fdstat_get", &[fd, OUT]).unwrap();
        assert_eq!(guest.memory[OUT as usize], filetype::DIRECTORY, "{path}");
    }
    assert_eq!(guest.open("file/", 0, READ), Err(Errno::NOTDIR));
    assert_eq!(guest.open("file\0", 0, READ), Err(Errno::INVAL));
}

#[test]
fn failing_to_open_leaves_no_descriptor() {
    let mut guest = Guest::new();
    let [ptr, len] = guest.text("file");
    let creat = u64::from(CREAT);
    let bad_out = [ROOT, 0, ptr, len, creat, FILE, 0, 0, MEMORY as u64 - 3];
    assert_eq!(guest.call("path_open", &bad_out), Err(Errno::FAULT));
    assert!(!guest.host("file").exists());
    assert_eq!(guest.open("file", CREAT, FILE), Ok(4));
    let long = guest.put(&[b'a'; 4096]);
    let long = [ROOT, 0, long, 4096, creat, FILE, 0, 0, OUT];
    assert_eq!(guest.call("path_open", &long), Err(Errno::NAMETOOLONG));
    let outside = [ROOT, 0, MEMORY as u64 - 2, 3, creat, FILE, 0, 0, OUT];
    assert_eq!(guest.call("path_open", &outside), Err(Errno::FAULT));
}

/// What is listed can be reached, by the same bytes.
#[test]
fn names_are_bytes() {
    let mut guest = Guest::new();
    let name = b"na\xffme";
    let at = guest.put(name);
    let path = [at, name.len() as u64];
    let creat = u64::from(CREAT);
    let args = [ROOT, 0, path[0], path[1], creat, FILE, 0, 0, OUT];
    guest.call("path_open", &args).unwrap();
    let args = [ROOT, 1000, 1000, 0, OUT];
    guest.call("fd_readdir", &args).unwrap();
    let used = guest.u32_at(OUT);
    let listed = guest.bytes(1000, used.into());
    assert!(listed.windows(name.len()).any(|bytes| bytes == name));
    let args = [ROOT, path[0], path[1]];
    guest.call("path_unlink_file", &args).unwrap();
    assert_eq!(std::fs::read_dir(guest.host("")).unwrap().count(), 0);
}

/// As Go opens a directory below which its `os.Root` works: without the rights to
/// change files' sizes, and then it makes and cuts a file there.
#[test]
fn rights_of_a_directory_are_those_of_the_one_it_is_opened_through() {
    let mut guest = Guest::new();
    let missing =
        right::FD_WRITE | right::FD_ALLOCATE | right::FD_DATASYNC | right::PATH_FILESTAT_SET_SIZE;
    let dir = guest
        .open_with(ROOT, 0, ".", DIR, right::ALL & !missing, 0)
        .unwrap();
    guest
        .open_with(dir, 0, "t", CREAT | TRUNC, FILE, 0)
        .unwrap();
    // None at all are asked for.
    let dir = guest.open_with(ROOT, 0, ".", DIR, 0, 0).unwrap();
    guest
        .open_with(dir, 0, "t", CREAT | TRUNC, FILE, 0)
        .unwrap();
    // Beyond reading and writing, a file has what files have.
    let fd = guest.open("t", 0, right::FD_READ).unwrap();
    guest.call("fd_seek", &[fd, 0, 0, OUT]).unwrap();
    assert_eq!(guest.write(fd, b"x"), Err(Errno::BADF));
    // What a program itself gives up is gone, and for all below.
    let some = [ROOT, right::DIRECTORY, right::ALL & !right::FD_WRITE];
    guest.call("fd_fdstat_set_rights", &some).unwrap();
    let dir = guest.open_with(ROOT, 0, ".", DIR, 0, 0).unwrap();
    let refused = guest.open_with(dir, 0, "t", 0, FILE, 0);
    assert_eq!(refused, Err(Errno::NOTCAPABLE));
    guest.open_with(dir, 0, "t", 0, READ, 0).unwrap();
}

#[test]
fn no_path_leads_out() {
    let mut guest = Guest::new();
    let secret = guest.outside().join("secret");
    let absolute = secret.to_str().unwrap().to_owned();
    symlink("../secret", guest.host("up")).unwrap();
    symlink(&secret, guest.host("absolute")).unwrap();
    symlink("..", guest.host("parent")).unwrap();
    symlink("/", guest.host("root")).unwrap();
    std::fs::create_dir(guest.host("dir")).unwrap();
    let out = [
        "..",
        "../secret",
        "dir/../../secret",
        "up",
        "absolute",
        "parent/secret",
        "root/etc/passwd",
        "/",
        "/etc/passwd",
        &absolute,
    ];
    for path in out {
        for how in [0, CREAT, TRUNC, DIR] {
            let opened = guest.open_with(ROOT, FOLLOW, path, how, READ, 0);
            assert_eq!(opened, Err(Errno::PERM), "{path} {how}");
        }
        let [ptr, len] = guest.text(path);
        let stat = [ROOT, FOLLOW, ptr, len, 64];
        assert_eq!(guest.call("path_filestat_get", &stat), Err(Errno::PERM));
        let now = u64::from(fstflags::MTIM_NOW);
        let times = [ROOT, FOLLOW, ptr, len, 0, 0, now];
        let set = guest.call("path_filestat_set_times", &times);
        assert_eq!(set, Err(Errno::PERM), "{path}");
        let new = guest.put(b"new");
        let link = [ROOT, FOLLOW, ptr, len, ROOT, new, 3];
        assert_eq!(guest.call("path_link", &link), Err(Errno::PERM), "{path}");
        assert!(!guest.host("new").exists());
    }
    for path in ["../x", "parent/x", "/x", "dir/../../x"] {
        let [ptr, len] = guest.text(path);
        let file = guest.put(b"dir");
        let refused = [
            guest.open(path, CREAT, FILE).map(drop),
            guest.at("path_create_directory", path),
            guest.at("path_remove_directory", path),
            guest.at("path_unlink_file", path),
            guest.call("path_readlink", &[ROOT, ptr, len, 64, 64, OUT]),
            guest.call("path_rename", &[ROOT, file, 3, ROOT, ptr, len]),
            guest.call("path_rename", &[ROOT, ptr, len, ROOT, file, 3]),
            guest.call("path_symlink", &[file, 3, ROOT, ptr, len]),
            guest.call("path_link", &[ROOT, 0, file, 3, ROOT, ptr, len]),
        ];
        assert_eq!(refused, [Err(Errno::PERM); 9], "{path}");
    }
    let target = guest.text("/etc/passwd");
    let link = guest.text("made");
    let args = [target[0], target[1], ROOT, link[0], link[1]];
    assert_eq!(guest.call("path_symlink", &args), Err(Errno::PERM));
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
}

#[test]
fn make_and_remove() {
    let mut guest = Guest::new();
    guest.at("path_create_directory", "dir").unwrap();
    let again = guest.at("path_create_directory", "dir");
    assert_eq!(again, Err(Errno::EXIST));
    guest.at("path_create_directory", "dir/sub/").unwrap();
    let full = guest.at("path_remove_directory", "dir");
    assert_eq!(full, Err(Errno::NOTEMPTY));
    guest.file("file", "");
    let file = guest.at("path_remove_directory", "file");
    assert_eq!(file, Err(Errno::NOTDIR));
    let dir = guest.at("path_unlink_file", "dir");
    assert_eq!(dir, Err(Errno::ISDIR));
    let slash = guest.at("path_unlink_file", "file/");
    assert_eq!(slash, Err(Errno::NOTDIR));
    guest.at("path_unlink_file", "file").unwrap();
    let gone = guest.at("path_unlink_file", "file");
    assert_eq!(gone, Err(Errno::NOENT));
    guest.at("path_remove_directory", "dir/sub").unwrap();
    guest.at("path_remove_directory", "dir/").unwrap();
    assert!(!guest.host("dir").exists());
    let rights = [ROOT, right::DIRECTORY & !right::PATH_UNLINK_FILE, 0];
    guest.call("fd_fdstat_set_rights", &rights).unwrap();
    let refused = guest.at("path_unlink_file", "x");
    assert_eq!(refused, Err(Errno::NOTCAPABLE));
}

#[test]
fn links() {
    let mut guest = Guest::new();
    guest.file("file", "contents");
    let file = guest.text("file");
    let soft = guest.text("soft");
    let args = [file[0], file[1], ROOT, soft[0], soft[1]];
    guest.call("path_symlink", &args).unwrap();
    assert_eq!(guest.call("path_symlink", &args), Err(Errno::EXIST));
    let mut readlink = |size: u64| {
        let args = [ROOT, soft[0], soft[1], 64, size, OUT];
        guest.call("path_readlink", &args).unwrap();
        let used = guest.u32_at(OUT).into();
        guest.bytes(64, used).to_vec()
    };
    assert_eq!(readlink(99), b"file");
    assert_eq!(readlink(2), b"fi");
    assert_eq!(readlink(0), b"");
    let args = [ROOT, file[0], file[1], 64, 9, OUT];
    assert_eq!(guest.call("path_readlink", &args), Err(Errno::INVAL));
    assert_eq!(guest.open("soft", 0, FILE), Err(Errno::LOOP));
    let fd = guest.open_with(ROOT, FOLLOW, "soft", 0, FILE, 0).unwrap();
    assert_eq!(guest.read(fd, 99).unwrap(), b"contents");

    let hard = guest.text("hard");
    let args = [ROOT, 0, file[0], file[1], ROOT, hard[0], hard[1]];
    guest.call("path_link", &args).unwrap();
    assert_eq!(guest.call("path_link", &args), Err(Errno::EXIST));
    guest.call("fd_filestat_get", &[fd, 64]).unwrap();
    assert_eq!(guest.u64_at(64 + 24), 2);
    // A link to the link, and one to what it leads to.
    for (flags, name, nlink) in [(0, "a", 2), (FOLLOW, "b", 3)] {
        let new = guest.text(name);
        let args = [ROOT, flags, soft[0], soft[1], ROOT, new[0], new[1]];
        guest.call("path_link", &args).unwrap();
        guest.call("fd_filestat_get", &[fd, 64]).unwrap();
        assert_eq!(guest.u64_at(64 + 24), nlink, "{name}");
    }
    guest.at("path_unlink_file", "soft").unwrap();
    assert!(guest.host("file").exists());
    symlink("loop", guest.host("loop")).unwrap();
    let opened = guest.open_with(ROOT, FOLLOW, "loop", 0, FILE, 0);
    assert_eq!(opened, Err(Errno::LOOP));
}

#[test]
fn rename() {
    let mut guest = Guest::new();
    guest.file("a", "contents");
    guest.at("path_create_directory", "dir").unwrap();
    let dir = guest.open("dir", DIR, DIRECTORY).unwrap();
    let (a, b) = (guest.text("a"), guest.text("b"));
    let args = [ROOT, a[0], a[1], dir, b[0], b[1]];
    guest.call("path_rename", &args).unwrap();
    assert_eq!(guest.call("path_rename", &args), Err(Errno::NOENT));
    assert_eq!(std::fs::read(guest.host("dir/b")).unwrap(), b"contents");
    guest.file("a", "");
    let to = guest.text("dir");
    let args = [ROOT, a[0], a[1], ROOT, to[0], to[1]];
    assert_eq!(guest.call("path_rename", &args), Err(Errno::ISDIR));
    let args = [ROOT, to[0], to[1], ROOT, a[0], a[1]];
    assert_eq!(guest.call("path_rename", &args), Err(Errno::NOTDIR));
    let args = [0, to[0], to[1], ROOT, a[0], a[1]];
    assert_eq!(guest.call("path_rename", &args), Err(Errno::NOTDIR));
}

#[test]
fn stat_and_times_of_a_path() {
    let mut guest = Guest::new();
    guest.file("file", "12345");
    symlink("file", guest.host("soft")).unwrap();
    let soft = guest.text("soft");
    let mut stat = |flags: u64| {
        let args = [ROOT, flags, soft[0], soft[1], 64];
        guest.call("path_filestat_get", &args).unwrap();
        (guest.memory[64 + 16], guest.u64_at(64 + 32))
    };
    assert_eq!(stat(0), (filetype::SYMBOLIC_LINK, 4));
    assert_eq!(stat(FOLLOW), (filetype::REGULAR_FILE, 5));
    let mtim = u64::from(fstflags::MTIM);
    for (flags, time) in [(0, 1_000_000_001), (FOLLOW, 2_000_000_002)] {
        let args = [ROOT, flags, soft[0], soft[1], 0, time, mtim];
        guest.call("path_filestat_set_times", &args).unwrap();
    }
    for (flags, time) in [(0, 1_000_000_001), (FOLLOW, 2_000_000_002)] {
        let args = [ROOT, flags, soft[0], soft[1], 64];
        guest.call("path_filestat_get", &args).unwrap();
        assert_eq!(guest.u64_at(64 + 48), time);
    }
    let args = [ROOT, 0, soft[0], soft[1], 0, u64::MAX, mtim];
    guest.call("path_filestat_set_times", &args).ok();
    let args = [ROOT, 0, soft[0], soft[1], 0, 0, 12];
    let contrary = guest.call("path_filestat_set_times", &args);
    assert_eq!(contrary, Err(Errno::INVAL));
    let args = [ROOT, 0, soft[0], soft[1], MEMORY as u64 - 63];
    let edge = guest.call("path_filestat_get", &args);
    assert_eq!(edge, Err(Errno::FAULT));
}

#[test]
fn a_read_only_grant_is_read_alone() {
    let inside = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(inside.path().join("dir/sub")).unwrap();
    let dir = inside.path().join("dir");
    std::fs::write(dir.join("file"), "text").unwrap();
    let mut guest = Guest::with(|env| env.preopen_read_only(inside.path(), "/read").unwrap());
    let read = ROOT + 1;
    let fd = guest
        .open_with(read, 0, "dir", oflags::DIRECTORY, DIRECTORY, 0)
        .unwrap();
    let open =
        |guest: &mut Guest, path: &str, how, base| guest.open_with(fd, 0, path, how, base, 0);
    let file = open(&mut guest, "file", 0, READ).unwrap();
    assert_eq!(guest.read(file, 10).unwrap(), b"text");
    assert_eq!(
        open(&mut guest, "file", oflags::CREAT, READ).map(|_| ()),
        Ok(())
    );
    for (path, how, base, error) in [
        ("file", 0, FILE, Errno::ROFS),
        ("file", oflags::TRUNC, READ, Errno::ROFS),
        ("new", oflags::CREAT, FILE, Errno::ROFS),
        ("new", oflags::CREAT, READ, Errno::ROFS),
        ("file", oflags::CREAT | oflags::EXCL, READ, Errno::EXIST),
    ] {
        assert_eq!(
            open(&mut guest, path, how, base),
            Err(error),
            "{path} {how}"
        );
    }
    let text = |guest: &mut Guest, path: &str| guest.text(path);
    let [file_at, file_len] = text(&mut guest, "file");
    let [new_at, new_len] = text(&mut guest, "new");
    let [sub_at, sub_len] = text(&mut guest, "sub");
    let refused: [(&str, &[u64]); 11] = [
        ("path_create_directory", &[fd, new_at, new_len]),
        ("path_unlink_file", &[fd, file_at, file_len]),
        ("path_remove_directory", &[fd, sub_at, sub_len]),
        ("path_symlink", &[file_at, file_len, fd, new_at, new_len]),
        (
            "path_link",
            &[fd, 0, file_at, file_len, fd, new_at, new_len],
        ),
        (
            "path_link",
            &[fd, 0, file_at, file_len, ROOT, new_at, new_len],
        ),
        ("path_rename", &[fd, file_at, file_len, fd, new_at, new_len]),
        (
            "path_rename",
            &[fd, file_at, file_len, ROOT, new_at, new_len],
        ),
        (
            "path_filestat_set_times",
            &[fd, 0, file_at, file_len, 0, 0, 2],
        ),
        (
            "path_filestat_set_times",
            &[read, 0, file_at, file_len, 0, 0, 2],
        ),
        ("path_unlink_file", &[read, file_at, file_len]),
    ];
    for (function, args) in refused {
        assert_eq!(guest.call(function, args), Err(Errno::ROFS), "{function}");
    }
    for (function, args) in [
        ("fd_filestat_set_times", &[file, 0, 0, 2][..]),
        ("fd_filestat_set_times", &[fd, 0, 0, 2]),
        ("fd_filestat_set_size", &[file, 0]),
        ("fd_allocate", &[file, 0, 100]),
    ] {
        assert!(guest.call(function, args).is_err(), "{function}");
    }
    assert!(guest.write(file, b"x").is_err());
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2);
    assert_eq!(std::fs::read(dir.join("file")).unwrap(), b"text");
    // What is granted beside it is as before.
    assert!(guest.open("new", oflags::CREAT, FILE).is_ok());
}
