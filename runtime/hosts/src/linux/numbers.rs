//! The system calls by name, with their numbers on i386 and on x86-64.

/// Makes the enum, and the way from numbers to it; `-` where a table has none.
macro_rules! calls {
    ($($name:ident $i386:tt $x86_64:tt,)*) => {
        /// A system call, by the kernel's name.
        #[allow(non_camel_case_types, reason = "the kernel's names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Sys {
            $($name,)*
        }

        impl Sys {
            /// Name, number on i386, number on x86-64.
            const ALL: &[(Self, &'static str, Option<u16>, Option<u16>)] =
                &[$((Self::$name, stringify!($name), number!($i386), number!($x86_64)),)*];
        }
    };
}

macro_rules! number {
    (-) => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

/// A table of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abi {
    /// `int 0x80`: words of 32 bits, wider arguments in two of them.
    I386,
    /// `syscall`: words of 64 bits. Pointers have 32 all the same.
    X86_64,
}

/// Calls by number; the kernel has none beyond.
type Table = [Option<Sys>; 512];

const fn table(abi: Abi) -> Table {
    let mut table = [None; 512];
    let mut i = 0;
    while i < Sys::ALL.len() {
        let (sys, _, i386, x86_64) = Sys::ALL[i];
        let number = match abi {
            Abi::I386 => i386,
            Abi::X86_64 => x86_64,
        };
        if let Some(number) = number {
            table[number as usize] = Some(sys);
        }
        i += 1;
    }
    table
}

impl Sys {
    /// The call of a number.
    pub(super) fn of(abi: Abi, number: u64) -> Option<Self> {
        static I386: Table = table(Abi::I386);
        static X86_64: Table = table(Abi::X86_64);
        let table = match abi {
            Abi::I386 => &I386,
            Abi::X86_64 => &X86_64,
        };
        *table.get(usize::try_from(number).ok()?)?
    }

    /// Every call.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().map(|entry| entry.0)
    }

    /// Its number in a table.
    #[cfg(test)]
    pub(super) fn number(self, abi: Abi) -> Option<u16> {
        let (_, _, i386, x86_64) = Self::ALL[self as usize];
        match abi {
            Abi::I386 => i386,
            Abi::X86_64 => x86_64,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

calls! {
    _llseek 140 -, _newselect 142 -, _sysctl 149 156, accept - 43, accept4 364 288, access 33 21,
    acct 51 163, add_key 286 248, adjtimex 124 159, afs_syscall 137 183, alarm 27 37,
    arch_prctl 384 158, bdflush 134 -, bind 361 49, bpf 357 321, brk 45 12, capget 184 125,
    capset 185 126, chdir 12 80, chmod 15 90, chown 182 92, chown32 212 -, chroot 61 161,
    clock_adjtime 343 305, clock_adjtime64 405 -, clock_getres 266 229, clock_getres_time64 406 -,
    clock_gettime 265 228, clock_gettime64 403 -, clock_nanosleep 267 230,
    clock_nanosleep_time64 407 -, clock_settime 264 227, clock_settime64 404 -, clone 120 56,
    clone3 435 435, close 6 3, close_range 436 436, connect 362 42, copy_file_range 377 326,
    creat 8 85, create_module 127 174, delete_module 129 176, dup 41 32, dup2 63 33, dup3 330 292,
    epoll_create 254 213, epoll_create1 329 291, epoll_ctl 255 233, epoll_ctl_old - 214,
    epoll_pwait 319 281, epoll_pwait2 441 441, epoll_wait 256 232, epoll_wait_old - 215,
    eventfd 323 284, eventfd2 328 290, execve 11 59, execveat 358 322, exit 1 60,
    exit_group 252 231, faccessat 307 269, faccessat2 439 439, fadvise64 250 221,
    fadvise64_64 272 -, fallocate 324 285, fanotify_init 338 300, fanotify_mark 339 301,
    fchdir 133 81, fchmod 94 91, fchmodat 306 268, fchown 95 93, fchown32 207 -, fchownat 298 260,
    fcntl 55 72, fcntl64 221 -, fdatasync 148 75, fgetxattr 231 193, finit_module 350 313,
    flistxattr 234 196, flock 143 73, fork 2 57, fremovexattr 237 199, fsconfig 431 431,
    fsetxattr 228 190, fsmount 432 432, fsopen 430 430, fspick 433 433, fstat 108 5, fstat64 197 -,
    fstatat64 300 -, fstatfs 100 138, fstatfs64 269 -, fsync 118 74, ftime 35 -, ftruncate 93 77,
    ftruncate64 194 -, futex 240 202, futex_time64 422 -, futex_waitv 449 449, futimesat 299 261,
    get_kernel_syms 130 177, get_mempolicy 275 239, get_robust_list 312 274,
    get_thread_area 244 211, getcpu 318 309, getcwd 183 79, getdents 141 78, getdents64 220 217,
    getegid 50 108, getegid32 202 -, geteuid 49 107, geteuid32 201 -, getgid 47 104, getgid32 200 -,
    getgroups 80 115, getgroups32 205 -, getitimer 105 36, getpeername 368 52, getpgid 132 121,
    getpgrp 65 111, getpid 20 39, getpmsg 188 181, getppid 64 110, getpriority 96 140,
    getrandom 355 318, getresgid 171 120, getresgid32 211 -, getresuid 165 118, getresuid32 209 -,
    getrlimit 76 97, getrusage 77 98, getsid 147 124, getsockname 367 51, getsockopt 365 55,
    gettid 224 186, gettimeofday 78 96, getuid 24 102, getuid32 199 -, getxattr 229 191, gtty 32 -,
    idle 112 -, init_module 128 175, inotify_add_watch 292 254, inotify_init 291 253,
    inotify_init1 332 294, inotify_rm_watch 293 255, io_cancel 249 210, io_destroy 246 207,
    io_getevents 247 208, io_pgetevents 385 333, io_pgetevents_time64 416 -, io_setup 245 206,
    io_submit 248 209, io_uring_enter 426 426, io_uring_register 427 427, io_uring_setup 425 425,
    ioctl 54 16, ioperm 101 173, iopl 110 172, ioprio_get 290 252, ioprio_set 289 251, ipc 117 -,
    kcmp 349 312, kexec_file_load - 320, kexec_load 283 246, keyctl 288 250, kill 37 62,
    landlock_add_rule 445 445, landlock_create_ruleset 444 444, landlock_restrict_self 446 446,
    lchown 16 94, lchown32 198 -, lgetxattr 230 192, link 9 86, linkat 303 265, listen 363 50,
    listxattr 232 194, llistxattr 233 195, lock 53 -, lookup_dcookie 253 212, lremovexattr 236 198,
    lseek 19 8, lsetxattr 227 189, lstat 107 6, lstat64 196 -, madvise 219 28, mbind 274 237,
    membarrier 375 324, memfd_create 356 319, memfd_secret 447 447, migrate_pages 294 256,
    mincore 218 27, mkdir 39 83, mkdirat 296 258, mknod 14 133, mknodat 297 259, mlock 150 149,
    mlock2 376 325, mlockall 152 151, mmap 90 9, mmap2 192 -, modify_ldt 123 154, mount 21 165,
    mount_setattr 442 442, move_mount 429 429, move_pages 317 279, mprotect 125 10, mpx 56 -,
    mq_getsetattr 282 245, mq_notify 281 244, mq_open 277 240, mq_timedreceive 280 243,
    mq_timedreceive_time64 419 -, mq_timedsend 279 242, mq_timedsend_time64 418 -,
    mq_unlink 278 241, mremap 163 25, msgctl 402 71, msgget 399 68, msgrcv 401 70, msgsnd 400 69,
    msync 144 26, munlock 151 150, munlockall 153 152, munmap 91 11, name_to_handle_at 341 303,
    nanosleep 162 35, newfstatat - 262, nfsservctl 169 180, nice 34 -, oldfstat 28 -, oldlstat 84 -,
    oldolduname 59 -, oldstat 18 -, olduname 109 -, open 5 2, open_by_handle_at 342 304,
    open_tree 428 428, openat 295 257, openat2 437 437, pause 29 34, perf_event_open 336 298,
    personality 136 135, pidfd_getfd 438 438, pidfd_open 434 434, pidfd_send_signal 424 424,
    pipe 42 22, pipe2 331 293, pivot_root 217 155, pkey_alloc 381 330, pkey_free 382 331,
    pkey_mprotect 380 329, poll 168 7, ppoll 309 271, ppoll_time64 414 -, prctl 172 157,
    pread64 180 17, preadv 333 295, preadv2 378 327, prlimit64 340 302, process_madvise 440 440,
    process_mrelease 448 448, process_vm_readv 347 310, process_vm_writev 348 311, prof 44 -,
    profil 98 -, pselect6 308 270, pselect6_time64 413 -, ptrace 26 101, putpmsg 189 182,
    pwrite64 181 18, pwritev 334 296, pwritev2 379 328, query_module 167 178, quotactl 131 179,
    quotactl_fd 443 443, read 3 0, readahead 225 187, readdir 89 -, readlink 85 89,
    readlinkat 305 267, readv 145 19, reboot 88 169, recvfrom 371 45, recvmmsg 337 299,
    recvmmsg_time64 417 -, recvmsg 372 47, remap_file_pages 257 216, removexattr 235 197,
    rename 38 82, renameat 302 264, renameat2 353 316, request_key 287 249, restart_syscall 0 219,
    rmdir 40 84, rseq 386 334, rt_sigaction 174 13, rt_sigpending 176 127, rt_sigprocmask 175 14,
    rt_sigqueueinfo 178 129, rt_sigreturn 173 15, rt_sigsuspend 179 130, rt_sigtimedwait 177 128,
    rt_sigtimedwait_time64 421 -, rt_tgsigqueueinfo 335 297, sched_get_priority_max 159 146,
    sched_get_priority_min 160 147, sched_getaffinity 242 204, sched_getattr 352 315,
    sched_getparam 155 143, sched_getscheduler 157 145, sched_rr_get_interval 161 148,
    sched_rr_get_interval_time64 423 -, sched_setaffinity 241 203, sched_setattr 351 314,
    sched_setparam 154 142, sched_setscheduler 156 144, sched_yield 158 24, seccomp 354 317,
    security - 185, select 82 23, semctl 394 66, semget 393 64, semop - 65, semtimedop - 220,
    semtimedop_time64 420 -, sendfile 187 40, sendfile64 239 -, sendmmsg 345 307, sendmsg 370 46,
    sendto 369 44, set_mempolicy 276 238, set_mempolicy_home_node 450 450, set_robust_list 311 273,
    set_thread_area 243 205, set_tid_address 258 218, setdomainname 121 171, setfsgid 139 123,
    setfsgid32 216 -, setfsuid 138 122, setfsuid32 215 -, setgid 46 106, setgid32 214 -,
    setgroups 81 116, setgroups32 206 -, sethostname 74 170, setitimer 104 38, setns 346 308,
    setpgid 57 109, setpriority 97 141, setregid 71 114, setregid32 204 -, setresgid 170 119,
    setresgid32 210 -, setresuid 164 117, setresuid32 208 -, setreuid 70 113, setreuid32 203 -,
    setrlimit 75 160, setsid 66 112, setsockopt 366 54, settimeofday 79 164, setuid 23 105,
    setuid32 213 -, setxattr 226 188, sgetmask 68 -, shmat 397 30, shmctl 396 31, shmdt 398 67,
    shmget 395 29, shutdown 373 48, sigaction 67 -, sigaltstack 186 131, signal 48 -,
    signalfd 321 282, signalfd4 327 289, sigpending 73 -, sigprocmask 126 -, sigreturn 119 -,
    sigsuspend 72 -, socket 359 41, socketcall 102 -, socketpair 360 53, splice 313 275,
    ssetmask 69 -, stat 106 4, stat64 195 -, statfs 99 137, statfs64 268 -, statx 383 332,
    stime 25 -, stty 31 -, swapoff 115 168, swapon 87 167, symlink 83 88, symlinkat 304 266,
    sync 36 162, sync_file_range 314 277, syncfs 344 306, sysfs 135 139, sysinfo 116 99,
    syslog 103 103, tee 315 276, tgkill 270 234, time 13 201, timer_create 259 222,
    timer_delete 263 226, timer_getoverrun 262 225, timer_gettime 261 224, timer_gettime64 408 -,
    timer_settime 260 223, timer_settime64 409 -, timerfd_create 322 283, timerfd_gettime 326 287,
    timerfd_gettime64 410 -, timerfd_settime 325 286, timerfd_settime64 411 -, times 43 100,
    tkill 238 200, truncate 92 76, truncate64 193 -, tuxcall - 184, ugetrlimit 191 -, ulimit 58 -,
    umask 60 95, umount 22 -, umount2 52 166, uname 122 63, unlink 10 87, unlinkat 301 263,
    unshare 310 272, uselib 86 134, userfaultfd 374 323, ustat 62 136, utime 30 132,
    utimensat 320 280, utimensat_time64 412 -, utimes 271 235, vfork 190 58, vhangup 111 153,
    vm86 166 -, vm86old 113 -, vmsplice 316 278, vserver 273 236, wait4 114 61, waitid 284 247,
    waitpid 7 -, write 4 1, writev 146 20,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_name_calls() {
        assert_eq!(Sys::of(Abi::I386, 4), Some(Sys::write));
        assert_eq!(Sys::of(Abi::X86_64, 1), Some(Sys::write));
        assert_eq!(Sys::of(Abi::I386, 1), Some(Sys::exit));
        assert_eq!(Sys::of(Abi::X86_64, 60), Some(Sys::exit));
        assert_eq!(Sys::of(Abi::I386, 403), Some(Sys::clock_gettime64));
        assert_eq!(Sys::of(Abi::X86_64, 403), None);
        assert_eq!(Sys::of(Abi::X86_64, u64::MAX), None);
        assert_eq!(Sys::write.name(), "write");
    }

    #[test]
    fn no_number_is_given_twice() {
        let i386 = Sys::ALL.iter().filter_map(|entry| entry.2);
        let x86_64 = Sys::ALL.iter().filter_map(|entry| entry.3);
        for mut numbers in [i386.collect::<Vec<u16>>(), x86_64.collect()] {
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count);
        }
    }
}
