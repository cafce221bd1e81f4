//! Paths mean what they mean to the kernel.

use std::path::Path;

use super::*;
use crate::path_cases::{self, Answer, Case, Op, TIME};

/// Calls as a guest of WASI makes them.
fn guest_answer(root: &Path, case: &Case) -> Answer {
    let mut guest = Guest::in_directory(root);
    let [path, path_len] = guest.text(&case.path);
    let [to, to_len] = guest.text(&case.to);
    let nothing = |done: Result<(), Errno>| done.map(|()| String::new());
    let answer = match case.op {
        Op::Mkdir => nothing(guest.call("path_create_directory", &[ROOT, path, path_len])),
        Op::Rmdir => nothing(guest.call("path_remove_directory", &[ROOT, path, path_len])),
        Op::Unlink => nothing(guest.call("path_unlink_file", &[ROOT, path, path_len])),
        Op::Rename => {
            let args = [ROOT, path, path_len, ROOT, to, to_len];
            nothing(guest.call("path_rename", &args))
        }
        Op::Link { follow } => {
            let args = [ROOT, follow.into(), path, path_len, ROOT, to, to_len];
            nothing(guest.call("path_link", &args))
        }
        Op::Symlink => {
            let [target, len] = guest.text("x");
            let args = [target, len, ROOT, path, path_len];
            nothing(guest.call("path_symlink", &args))
        }
        Op::Readlink => {
            let args = [ROOT, path, path_len, 64, 256, OUT];
            guest.call("path_readlink", &args).map(|()| {
                let used = guest.u32_at(OUT).into();
                String::from_utf8(guest.bytes(64, used).to_vec()).unwrap()
            })
        }
        Op::Stat { follow } => {
            let args = [ROOT, follow.into(), path, path_len, 64];
            guest
                .call("path_filestat_get", &args)
                .map(|()| kind_of_filetype(guest.memory[64 + 16]))
        }
        Op::SetTime { follow } => {
            let mtim = u64::from(crate::wasi::types::fstflags::MTIM);
            let time = TIME * 1_000_000_000;
            let args = [ROOT, follow.into(), path, path_len, 0, time, mtim];
            nothing(guest.call("path_filestat_set_times", &args))
        }
        Op::Open { flags, follow } => {
            let flags = flags.cast_signed();
            let mut how = 0;
            for (host, own) in [
                (libc::O_CREAT, oflags::CREAT),
                (libc::O_EXCL, oflags::EXCL),
                (libc::O_TRUNC, oflags::TRUNC),
                (libc::O_DIRECTORY, oflags::DIRECTORY),
            ] {
                how |= if flags & host != 0 { own } else { 0 };
            }
            let base = match flags & libc::O_ACCMODE {
                libc::O_RDONLY => right::FD_READ,
                _ => right::FD_WRITE,
            };
            let opened = guest.open_with(ROOT, follow.into(), &case.path, how, base, 0);
            opened.and_then(|fd| {
                guest.call("fd_fdstat_get", &[fd, OUT])?;
                Ok(kind_of_filetype(guest.memory[OUT as usize]))
            })
        }
    };
    answer.map_err(|Errno(number)| number.into())
}

fn kind_of_filetype(filetype: u8) -> String {
    path_cases::kind_of(match filetype {
        3 => 4 << 12,
        4 => 8 << 12,
        7 => 10 << 12,
        _ => 0,
    })
}

#[test]
fn wasi_takes_paths_as_the_kernel_does() {
    path_cases::compare(guest_answer, |number| Errno::from_host(number).0.into());
}
