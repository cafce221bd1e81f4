//! Files and their names.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::table::flag;
use super::*;
use crate::path_cases::{self, Answer, Case, Op, TIME};

/// Calls as a program makes them.
fn program_answer(root: &std::path::Path, case: &Case) -> Answer {
    const NOFOLLOW: u64 = 0x100;
    const FOLLOW: u64 = 0x400;
    const REMOVEDIR: u64 = 0x200;
    let mut program = Program::in_directory(Abi::X86_64, root);
    let (path, to) = (program.text(&case.path), program.text(&case.to));
    let nofollow = |follow| if follow { 0 } else { NOFOLLOW };
    let nothing = |done: Result<u64, i32>| done.map(|_| String::new());
    match case.op {
        Op::Mkdir => nothing(program.call(Sys::mkdirat, &[HERE, path, 0o777])),
        Op::Rmdir => nothing(program.call(Sys::unlinkat, &[HERE, path, REMOVEDIR])),
        Op::Unlink => nothing(program.call(Sys::unlinkat, &[HERE, path, 0])),
        Op::Rename => nothing(program.call(Sys::renameat, &[HERE, path, HERE, to])),
        Op::Link { follow } => {
            let flags = if follow { FOLLOW } else { 0 };
            nothing(program.call(Sys::linkat, &[HERE, path, HERE, to, flags]))
        }
        Op::Symlink => {
            let target = program.text("x");
            nothing(program.call(Sys::symlinkat, &[target, HERE, path]))
        }
        Op::Readlink => {
            let used = program.call(Sys::readlinkat, &[HERE, path, OUT, 256])?;
            Ok(String::from_utf8(program.bytes(OUT, used).to_vec()).unwrap())
        }
        Op::Stat { follow } => {
            let args = [HERE, path, nofollow(follow), 0x7ff, OUT];
            program.call(Sys::statx, &args)?;
            let mode = program.u32_at(OUT + 28) & 0xffff;
            Ok(path_cases::kind_of(mode))
        }
        Op::Open { flags, follow } => {
            let nofollow = if follow { 0 } else { flag::NOFOLLOW };
            let args = [HERE, path, (flags | nofollow).into(), 0o666];
            let fd = program.call(Sys::openat, &args)?;
            let empty = program.text("");
            program.call(Sys::statx, &[fd, empty, 0x1000, 0x7ff, OUT])?;
            Ok(path_cases::kind_of(program.u32_at(OUT + 28) & 0xffff))
        }
        Op::SetTime { follow } => {
            let omit = 0x3fff_fffe_u64;
            let times = [0, omit, TIME, 0].map(u64::to_le_bytes).concat();
            let times = program.put(&times);
            let args = [HERE, path, times, nofollow(follow)];
            nothing(program.call(Sys::utimensat, &args))
        }
    }
}

#[test]
fn paths_are_taken_as_the_kernel_takes_them() {
    path_cases::compare(program_answer, |number| number);
}

#[test]
fn streams_are_the_first_numbers() {
    for mut program in each() {
        assert_eq!(program.read(0, 3).unwrap(), b"giv");
        assert_eq!(program.read(0, 10).unwrap(), b"en");
        assert_eq!(program.write(1, b"said"), Ok(4));
        assert_eq!(program.stdout.take(), b"said");
        assert_eq!(program.write(0, b"x"), Err(libc::EBADF));
        assert_eq!(program.read(1, 1), Err(libc::EBADF));
        assert_eq!(program.read(3, 1), Err(libc::EBADF));
    }
}

#[test]
fn arguments_and_environment_are_files() {
    for mut program in each() {
        let fd = program.open("/proc/self/cmdline", 0).unwrap();
        assert_eq!(program.read(fd, 100).unwrap(), b"program\0-x\0");
        let fd = program.open("/proc/self/environ", 0).unwrap();
        assert_eq!(program.read(fd, 100).unwrap(), b"HOME=/\0");
        assert_eq!(program.open("/proc/self/maps", 0), Err(libc::ENOENT));
    }
    // Not the host's process's, whatever was granted.
    let env = HostEnv::new().args(["me"]).preopen("/", "/").unwrap();
    let outer = tempfile::tempdir().unwrap();
    let mut program = Program::of(Abi::I386, outer, OutputBuffer::new(), env);
    let fd = program.open("/proc/self/cmdline", 0).unwrap();
    assert_eq!(program.read(fd, 100).unwrap(), b"me\0");
}

/// A program that is granted the whole host.
fn with_root(abi: Abi) -> Program {
    let env = HostEnv::new().preopen("/", "/").unwrap();
    let outer = tempfile::tempdir().unwrap();
    std::fs::create_dir(outer.path().join("granted")).unwrap();
    Program::of(abi, outer, OutputBuffer::new(), env)
}

#[test]
fn no_memory_is_reached_by_procfs() {
    for abi in [Abi::I386, Abi::X86_64] {
        let mut program = with_root(abi);
        let refused = Err(libc::EACCES);
        let id = std::process::id();
        let link = program.host("link");
        std::os::unix::fs::symlink("../../../proc/self/mem", &link).unwrap();
        for path in [
            "/proc/self/mem",
            "/proc/thread-self/mem",
            "/proc/self/../self/mem",
            &format!("/proc/{id}/mem"),
            &format!("/proc/{id}/task/{id}/mem"),
            link.to_str().unwrap(),
        ] {
            for flags in [
                0,
                flag::WRONLY,
                flag::RDWR,
                flag::TRUNC,
                flag::CREAT,
                flag::PATH,
                flag::CREAT | flag::WRONLY,
            ] {
                assert_eq!(program.open(path, flags), refused, "{path} {flags:o}");
            }
        }
        let directory = program.open("/proc/self", flag::DIRECTORY).unwrap();
        let name = program.text("mem");
        let flags = flag::RDWR.into();
        let answer = program.call(Sys::openat, &[directory, name, flags, 0]);
        assert_eq!(answer, refused);
        // What all may read is as it was, but not to be written.
        program.open("/proc/meminfo", 0).unwrap();
        program.open("/proc/self/status", 0).unwrap();
        assert_eq!(program.open("/proc/self/comm", flag::WRONLY), refused);
        assert_eq!(program.open("/proc/self/auxv", 0), refused);
    }
}

#[test]
fn a_file_is_made_written_and_read() {
    for mut program in each() {
        let flags = flag::RDWR | flag::CREAT | flag::EXCL;
        let fd = program.open("/data/new", flags).unwrap();
        assert_eq!(fd, 3);
        assert_eq!(program.open("/data/new", flags), Err(libc::EEXIST));
        assert_eq!(program.write(fd, b"0123456789"), Ok(10));
        assert_eq!(program.call(Sys::lseek, &[fd, 2, 0]), Ok(2));
        assert_eq!(program.read(fd, 3).unwrap(), b"234");
        assert_eq!(program.call(Sys::lseek, &[fd, u64::MAX, 1]), Ok(4));
        let dup = program.call(Sys::dup, &[fd]).unwrap();
        assert_eq!(program.call(Sys::close, &[fd]), Ok(0));
        assert_eq!(program.read(dup, 2).unwrap(), b"45");
        assert_eq!(program.call(Sys::dup2, &[dup, 20]), Ok(20));
        assert_eq!(program.read(20, 2).unwrap(), b"67");
        assert_eq!(fs::read(program.host("new")).unwrap(), b"0123456789");
    }
}

/// i386 passes 64 bits in two words.
#[test]
fn offsets_are_wide() {
    for mut program in each() {
        let fd = program.open("/data/x", flag::RDWR | flag::CREAT).unwrap();
        let at = program.put(b"abc");
        let beyond = 0x1_0000_0001;
        let offset = match program.abi {
            Abi::I386 => vec![1, 1],
            Abi::X86_64 => vec![beyond],
        };
        let args = [&[fd, at, 3][..], &offset].concat();
        assert_eq!(program.call(Sys::pwrite64, &args), Ok(3));
        let args = [&[fd, OUT, 9][..], &offset].concat();
        assert_eq!(program.call(Sys::pread64, &args), Ok(3));
        assert_eq!(program.bytes(OUT, 3), b"abc");
        let host = fs::metadata(program.host("x")).unwrap();
        assert_eq!(host.len(), beyond + 3);
        if program.abi == Abi::I386 {
            assert_eq!(program.call(Sys::lseek, &[fd, 0, 2]), Err(libc::EOVERFLOW));
            assert_eq!(program.call(Sys::_llseek, &[fd, 0, 0, OUT, 2]), Ok(0));
            assert_eq!(program.u64_at(OUT), beyond + 3);
            assert_eq!(program.call(Sys::fstat, &[fd, OUT]), Err(libc::EOVERFLOW));
            assert_eq!(program.call(Sys::ftruncate64, &[fd, 5, 0]), Ok(0));
        } else {
            assert_eq!(program.call(Sys::lseek, &[fd, 0, 2]), Ok(beyond + 3));
            assert_eq!(program.call(Sys::ftruncate, &[fd, 5]), Ok(0));
        }
        assert_eq!(fs::metadata(program.host("x")).unwrap().len(), 5);
    }
}

#[test]
fn vectors_are_gathered_and_scattered() {
    for mut program in each() {
        let fd = program.open("/data/x", flag::RDWR | flag::CREAT).unwrap();
        let (one, two) = (program.put(b"one"), program.put(b"two"));
        let list: Vec<u8> = [one, 3, two, 3]
            .into_iter()
            .flat_map(|word| (word as u32).to_le_bytes())
            .collect();
        let list = program.put(&list);
        assert_eq!(program.call(Sys::writev, &[fd, list, 2]), Ok(6));
        program.memory[one as usize..one as usize + 3].fill(0);
        assert_eq!(program.call(Sys::lseek, &[fd, 0, 0]), Ok(0));
        assert_eq!(program.call(Sys::readv, &[fd, list, 2]), Ok(6));
        assert_eq!(program.bytes(one, 3), b"one");
        assert_eq!(
            program.call(Sys::readv, &[fd, list, 2000]),
            Err(libc::EINVAL)
        );
    }
}

#[test]
fn flags_stay_with_the_file_and_with_the_number() {
    for mut program in each() {
        let flags = flag::RDWR | flag::CREAT | flag::APPEND | flag::CLOEXEC;
        let fd = program.open("/data/x", flags).unwrap();
        assert_eq!(program.call(Sys::fcntl, &[fd, 1]), Ok(1));
        let kept = u64::from(flag::RDWR | flag::APPEND);
        assert_eq!(program.call(Sys::fcntl, &[fd, 3]), Ok(kept));
        let dup = program.call(Sys::fcntl, &[fd, 0, 10]).unwrap();
        assert_eq!(dup, 10);
        assert_eq!(program.call(Sys::fcntl, &[dup, 1]), Ok(0));
        assert_eq!(program.call(Sys::fcntl, &[dup, 4, 0]), Ok(0));
        assert_eq!(program.call(Sys::fcntl, &[fd, 3]), Ok(flag::RDWR.into()));
        assert_eq!(program.call(Sys::fcntl, &[fd, 0, 5000]), Err(libc::EINVAL));
    }
}

#[test]
fn what_is_known_of_a_file_lies_as_in_the_table() {
    for mut program in each() {
        fs::write(program.host("x"), "12345").unwrap();
        let path = program.text("/data/x");
        assert_eq!(program.call(Sys::stat, &[path, OUT]), Ok(0));
        let size = match program.abi {
            Abi::I386 => u64::from(program.u32_at(OUT + 20)),
            Abi::X86_64 => program.u64_at(OUT + 48),
        };
        assert_eq!(size, 5);
        if program.abi == Abi::I386 {
            assert_eq!(program.call(Sys::stat64, &[path, OUT]), Ok(0));
            assert_eq!(program.u64_at(OUT + 44), 5);
        }
        assert_eq!(program.call(Sys::statx, &[HERE, path, 0, 0, OUT]), Ok(0));
        assert_eq!(program.u64_at(OUT + 40), 5);
        let empty = program.text("");
        let args = [1, empty, 0x1000, 0, OUT];
        assert_eq!(program.call(Sys::statx, &args), Ok(0));
        let mode = u32::from(u16::from_le_bytes(
            program.bytes(OUT + 28, 2).try_into().unwrap(),
        ));
        assert_eq!(mode & libc::S_IFMT, libc::S_IFIFO, "captured output");
    }
}

/// Names and types in an answer of `getdents`.
fn entries(bytes: &[u8], word: usize, old: bool) -> Vec<(String, u8)> {
    let mut rest = bytes;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let len = usize::from(u16::from_le_bytes([rest[2 * word], rest[2 * word + 1]]));
        let (record, tail) = rest.split_at(len);
        let start = 2 * word + 2 + usize::from(!old);
        let name = record[start..].split(|&byte| byte == 0).next().unwrap();
        let ty = if old { record[len - 1] } else { record[18] };
        all.push((String::from_utf8(name.to_vec()).unwrap(), ty));
        rest = tail;
    }
    all.sort();
    all
}

#[test]
fn a_directory_is_listed_in_either_form() {
    for mut program in each() {
        fs::write(program.host("file"), "").unwrap();
        fs::create_dir(program.host("sub")).unwrap();
        symlink("file", program.host("link")).unwrap();
        let expected = [(".", 4), ("..", 4), ("file", 8), ("link", 10), ("sub", 4)];
        let expected = expected.map(|(name, ty)| (name.to_owned(), ty));
        let fd = program.open("/data", flag::DIRECTORY).unwrap();
        let word = match program.abi {
            Abi::I386 => 4,
            Abi::X86_64 => 8,
        };
        for (sys, word, old) in [(Sys::getdents, word, true), (Sys::getdents64, 8, false)] {
            let mut all = Vec::new();
            loop {
                let done = program.call(sys, &[fd, OUT, 60]).unwrap();
                if done == 0 {
                    break;
                }
                all.extend_from_slice(program.bytes(OUT, done));
            }
            assert_eq!(entries(&all, word, old), expected);
            assert_eq!(program.call(sys, &[fd, OUT, 60]), Ok(0));
            assert_eq!(program.call(Sys::lseek, &[fd, 0, 0]), Ok(0));
            assert_eq!(program.call(sys, &[fd, OUT, 5]), Err(libc::EINVAL));
        }
        assert_eq!(
            program.call(Sys::getdents64, &[1, OUT, 60]),
            Err(libc::ENOTDIR)
        );
    }
}

#[test]
fn the_current_directory_starts_relative_paths() {
    for mut program in each() {
        fs::create_dir_all(program.host("a/b")).unwrap();
        fs::write(program.host("a/x"), "").unwrap();
        symlink("a/b", program.host("to_b")).unwrap();
        assert_eq!(program.open("a/x", 0), Err(libc::ENOENT));
        let current = |program: &mut Program| {
            let len = program.call(Sys::getcwd, &[OUT, 100]).unwrap();
            String::from_utf8(program.bytes(OUT, len - 1).to_vec()).unwrap()
        };
        assert_eq!(current(&mut program), "/");
        for (path, seen) in [
            ("/data/", "/data"),
            ("/data/a/b/./", "/data/a/b"),
            ("..", "/data/a"),
            ("/data/to_b/..", "/data/a"),
            ("/data/to_b", "/data/a/b"),
        ] {
            let path = program.text(path);
            assert_eq!(program.call(Sys::chdir, &[path]), Ok(0));
            assert_eq!(current(&mut program), seen);
        }
        let fd = program.open("../x", 0).unwrap();
        assert_eq!(program.call(Sys::fchdir, &[fd]), Err(libc::ENOTDIR));
        let fd = program.open("..", 0).unwrap();
        assert_eq!(program.call(Sys::fchdir, &[fd]), Ok(0));
        assert!(program.open("x", 0).is_ok());
        assert_eq!(program.call(Sys::getcwd, &[OUT, 3]), Err(libc::ERANGE));
        let path = program.text("x");
        assert_eq!(program.call(Sys::chdir, &[path]), Err(libc::ENOTDIR));
    }
}

#[test]
fn an_open_directory_starts_paths_too() {
    for mut program in each() {
        fs::create_dir(program.host("sub")).unwrap();
        fs::write(program.host("sub/x"), "x").unwrap();
        let fd = program.open("/data/sub", 0).unwrap();
        let path = program.text("x");
        let opened = program.call(Sys::openat, &[fd, path, 0, 0]).unwrap();
        assert_eq!(program.read(opened, 9).unwrap(), b"x");
        assert_eq!(
            program.call(Sys::openat, &[opened, path, 0, 0]),
            Err(libc::ENOTDIR)
        );
        assert_eq!(
            program.call(Sys::openat, &[77, path, 0, 0]),
            Err(libc::EBADF)
        );
        assert_eq!(program.call(Sys::unlinkat, &[fd, path, 0]), Ok(0));
        assert!(!program.host("sub/x").exists());
    }
}

#[test]
fn no_path_leads_out() {
    for mut program in each() {
        symlink("../secret", program.host("out")).unwrap();
        symlink("/etc/passwd", program.host("etc")).unwrap();
        fs::create_dir(program.host("sub")).unwrap();
        for path in [
            "/data/../secret",
            "/data/out",
            "/data/etc",
            "/data/sub/../../secret",
            "/etc/passwd",
            "../secret",
        ] {
            for flags in [0, flag::RDWR | flag::CREAT, flag::PATH, flag::DIRECTORY] {
                let refused = program.open(path, flags).unwrap_err();
                assert!([libc::EPERM, libc::ENOENT].contains(&refused), "{path}");
            }
            let at = program.text(path);
            for sys in [Sys::chdir, Sys::stat, Sys::mkdir] {
                assert!(program.call(sys, &[at, OUT]).is_err(), "{path}");
            }
        }
        let secret = fs::read(program.outer.path().join("secret")).unwrap();
        assert_eq!(secret, b"secret");
        // Names can be removed and moved, never what they lead to.
        let (out, sub) = (program.text("/data/out"), program.text("/data/../new"));
        assert_eq!(program.call(Sys::rename, &[out, sub]), Err(libc::ENOENT));
        assert_eq!(program.call(Sys::unlink, &[out]), Ok(0));
    }
}

#[test]
fn names_are_made_and_removed() {
    for mut program in each() {
        let [dir, file, link] = ["/data/d/", "/data/d/f", "/data/l"].map(|p| program.text(p));
        assert_eq!(program.call(Sys::mkdir, &[dir, 0o700]), Ok(0));
        fs::write(program.host("d/f"), "").unwrap();
        assert_eq!(program.call(Sys::rmdir, &[dir]), Err(libc::ENOTEMPTY));
        let target = program.text("d/f");
        assert_eq!(program.call(Sys::symlink, &[target, link]), Ok(0));
        assert_eq!(program.call(Sys::readlink, &[link, OUT, 2]), Ok(2));
        assert_eq!(program.bytes(OUT, 2), b"d/");
        assert_eq!(program.call(Sys::access, &[link, 6]), Ok(0));
        assert_eq!(program.call(Sys::access, &[link, 1]), Err(libc::EACCES));
        assert_eq!(program.call(Sys::rename, &[file, link]), Ok(0));
        assert_eq!(program.call(Sys::rmdir, &[dir]), Ok(0));
        assert!(fs::symlink_metadata(program.host("l")).unwrap().is_file());
        let hard = program.text("/data/h");
        assert_eq!(program.call(Sys::link, &[link, hard]), Ok(0));
        assert!(program.host("h").exists());
    }
}

#[test]
fn a_read_only_grant_is_read_alone() {
    let outer = tempfile::tempdir().unwrap();
    fs::create_dir_all(outer.path().join("dir/sub")).unwrap();
    fs::write(outer.path().join("dir/file"), "text").unwrap();
    fs::create_dir(outer.path().join("free")).unwrap();
    let env = HostEnv::new()
        .preopen_read_only(outer.path().join("dir"), "/read")
        .and_then(|wasi| wasi.preopen(outer.path().join("free"), "/free"))
        .unwrap();
    let path = outer.path().to_owned();
    let mut program = Program::of(Abi::X86_64, outer, OutputBuffer::new(), env);
    let file = program.open("/read/file", flag::CREAT).unwrap();
    assert_eq!(program.read(file, 10).unwrap(), b"text");
    for (name, flags, error) in [
        ("/read/file", flag::RDWR, libc::EROFS),
        ("/read/file", flag::WRONLY, libc::EROFS),
        ("/read/file", flag::TRUNC, libc::EROFS),
        ("/read/new", flag::CREAT, libc::EROFS),
        ("/read/new", flag::CREAT | flag::WRONLY, libc::EROFS),
        ("/read/file", flag::CREAT | flag::EXCL, libc::EEXIST),
        ("/free/../read/file", flag::RDWR, libc::EROFS),
    ] {
        assert_eq!(program.open(name, flags), Err(error), "{name} {flags:o}");
    }
    let directory = program.open("/read", flag::DIRECTORY).unwrap();
    let (name, relative) = (program.text("/read/file"), program.text("file"));
    let (new, sub, free) = (
        program.text("/read/new"),
        program.text("/read/sub"),
        program.text("/free/new"),
    );
    let refused: [(Sys, &[u64]); 13] = [
        (Sys::mkdir, &[new, 0o755]),
        (Sys::rmdir, &[sub]),
        (Sys::unlink, &[name]),
        (Sys::unlinkat, &[directory, relative, 0]),
        (Sys::rename, &[name, new]),
        (Sys::rename, &[name, free]),
        (Sys::link, &[name, free]),
        (Sys::symlink, &[relative, new]),
        (Sys::utimensat, &[HERE, name, 0, 0]),
        (Sys::utimensat, &[directory, relative, 0, 0]),
        (Sys::utimensat, &[file, 0, 0, 0]),
        (Sys::access, &[name, 2]),
        (Sys::openat, &[directory, relative, flag::RDWR.into(), 0]),
    ];
    for (call, args) in refused {
        assert_eq!(program.call(call, args), Err(libc::EROFS), "{args:?}");
    }
    assert_eq!(program.call(Sys::ftruncate, &[file, 0]), Err(libc::EINVAL));
    assert_eq!(fs::read_dir(path.join("dir")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(path.join("free")).unwrap().count(), 0);
    assert_eq!(fs::read(path.join("dir/file")).unwrap(), b"text");
}
