//! Which system calls are implemented, and how a trace shows each.

use super::call::Call;
use super::error::Result;
use super::numbers::Sys;
use super::{dir, file, futex, io, memory, path, poll, process, stat, thread, time};

/// An implementation.
pub(super) type Handler = fn(&mut Call<'_>) -> Result;

/// An implementation and its looks.
pub(super) struct Offer {
    pub(super) handler: Handler,
    /// A letter for each argument, and after `>` one for the answer: `a` file
    /// number of an `at` call, `d` decimal, `l` 64 bits, `o` octal, `p`
    /// pointer, `s` path, `u` unsigned, `x` hexadecimal.
    pub(super) shape: &'static str,
}

/// The implementation of a call.
pub(super) fn offered(sys: Sys) -> Option<Offer> {
    let (handler, shape): (Handler, _) = table(sys)?;
    Some(Offer { handler, shape })
}

#[rustfmt::skip]
fn table(sys: Sys) -> Option<(Handler, &'static str)> {
    use Sys as S;
    Some(match sys {
        S::read => (io::read, "dpu"),
        S::write => (io::write, "dpu"),
        S::readv => (io::readv, "dpu"),
        S::writev => (io::writev, "dpu"),
        S::pread64 => (io::pread, "dpul"),
        S::pwrite64 => (io::pwrite, "dpul"),
        S::preadv => (io::preadv, "dpul"),
        S::pwritev => (io::pwritev, "dpul"),
        S::lseek => (io::lseek, "ddd"),
        S::_llseek => (io::llseek, "duupd"),
        S::fsync | S::fdatasync => (io::fsync, "d"),
        S::ftruncate => (io::ftruncate, "dd"),
        S::ftruncate64 => (io::ftruncate64, "dl"),
        S::ioctl => (io::ioctl, "dxp"),
        S::poll => (poll::poll, "pud"),
        S::ppoll => (poll::ppoll, "pupp"),
        S::ppoll_time64 => (poll::ppoll64, "pupp"),
        S::select | S::_newselect => (poll::select, "dpppp"),
        S::pselect6 => (poll::pselect, "dppppp"),
        S::pselect6_time64 => (poll::pselect64, "dppppp"),

        S::open => (file::open, "sxo"),
        S::openat => (file::openat, "asxo"),
        S::creat => (file::creat, "so"),
        S::close => (file::close, "d"),
        S::dup => (file::dup, "d"),
        S::dup2 => (file::dup2, "dd"),
        S::dup3 => (file::dup3, "ddx"),
        S::fcntl | S::fcntl64 => (file::fcntl, "ddx"),

        S::mkdir => (path::mkdir, "so"),
        S::mkdirat => (path::mkdirat, "aso"),
        S::rmdir => (path::rmdir, "s"),
        S::unlink => (path::unlink, "s"),
        S::unlinkat => (path::unlinkat, "asx"),
        S::rename => (path::rename, "ss"),
        S::renameat => (path::renameat, "asas"),
        S::renameat2 => (path::renameat2, "asasx"),
        S::link => (path::link, "ss"),
        S::linkat => (path::linkat, "asasx"),
        S::symlink => (path::symlink, "ss"),
        S::symlinkat => (path::symlinkat, "sas"),
        S::readlink => (path::readlink, "spu"),
        S::readlinkat => (path::readlinkat, "aspu"),
        S::access => (path::access, "so"),
        S::faccessat => (path::faccessat, "aso"),
        S::faccessat2 => (path::faccessat, "asox"),
        S::getcwd => (path::getcwd, "pu"),
        S::chdir => (path::chdir, "s"),
        S::fchdir => (path::fchdir, "d"),
        S::getdents => (dir::getdents, "dpu"),
        S::getdents64 => (dir::getdents64, "dpu"),

        S::stat => (stat::stat, "sp"),
        S::lstat => (stat::lstat, "sp"),
        S::fstat => (stat::fstat, "dp"),
        S::newfstatat => (stat::fstatat, "aspx"),
        S::stat64 => (stat::stat64, "sp"),
        S::lstat64 => (stat::lstat64, "sp"),
        S::fstat64 => (stat::fstat64, "dp"),
        S::fstatat64 => (stat::fstatat64, "aspx"),
        S::statx => (stat::statx, "asxxp"),
        S::utimensat => (time::utimensat, "aspx"),
        S::utimensat_time64 => (time::utimensat64, "aspx"),

        S::brk => (memory::brk, "p>x"),
        S::mmap => (memory::mmap, "puxxdx>x"),
        S::mmap2 => (memory::mmap2, "puxxdx>x"),
        S::munmap => (memory::munmap, "pu"),
        S::mremap => (memory::mremap, "puux>x"),
        S::madvise => (memory::madvise, "pud"),
        S::mprotect | S::msync => (process::nothing, "pux"),

        S::clock_gettime => (time::clock_gettime, "dp"),
        S::clock_gettime64 => (time::clock_gettime64, "dp"),
        S::clock_getres => (time::clock_getres, "dp"),
        S::clock_getres_time64 => (time::clock_getres64, "dp"),
        S::gettimeofday => (time::gettimeofday, "pp"),
        S::time => (time::time, "p"),
        S::nanosleep => (time::nanosleep, "pp"),
        S::clock_nanosleep => (time::clock_nanosleep, "dxpp"),
        S::clock_nanosleep_time64 => (time::clock_nanosleep64, "dxpp"),

        S::exit => (thread::exit, "d"),
        S::exit_group => (process::exit_group, "d"),
        S::getpid | S::getpgrp => (process::id, ""),
        S::gettid => (thread::gettid, ""),
        S::set_tid_address => (thread::set_tid_address, "p"),
        S::getppid => (process::nothing, ""),
        S::sched_yield => (thread::sched_yield, ""),
        S::sched_getaffinity => (thread::sched_getaffinity, "dup"),
        S::membarrier => (thread::membarrier, "dx"),
        S::getuid | S::geteuid | S::getgid | S::getegid
        | S::getuid32 | S::geteuid32 | S::getgid32 | S::getegid32 => (process::user, ""),
        S::umask => (process::umask, "o"),
        S::set_thread_area => (process::nothing, "p"),
        S::set_robust_list => (thread::set_robust_list, "pu"),
        S::get_robust_list => (thread::get_robust_list, "dpp"),
        S::kill => (process::kill, "dd"),
        S::tkill => (thread::tkill, "dd"),
        S::tgkill => (thread::tgkill, "ddd"),
        S::pause => (process::pause, ""),
        S::rt_sigprocmask => (process::rt_sigprocmask, "dppu"),
        S::rt_sigaction => (process::rt_sigaction, "dppu"),
        S::futex => (futex::futex, "pxuppx"),
        S::futex_time64 => (futex::futex64, "pxuppx"),
        S::uname => (process::uname, "p"),
        S::getrandom => (process::getrandom, "pux"),
        S::getrlimit | S::ugetrlimit => (process::getrlimit, "dp"),
        S::prlimit64 => (process::prlimit64, "ddpp"),
        _ => return None,
    })
}
