//! What is not about files.

use super::*;

#[test]
fn a_program_ends_by_itself_or_by_a_signal() {
    for mut program in each() {
        let mut code = |sys, args: &[u64]| match program.run(sys, args) {
            Err(HostError::Exit(code)) => Ok(code),
            Ok(answer) => Err(answer),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(code(Sys::exit, &[3]), Ok(3));
        assert_eq!(code(Sys::exit_group, &[256]), Ok(256));
        assert_eq!(code(Sys::kill, &[1, 6]), Ok(134));
        assert_eq!(code(Sys::tkill, &[1, 17]), Err(0));
        assert_eq!(code(Sys::tgkill, &[1, 1, 9]), Ok(137));
        assert_eq!(code(Sys::kill, &[1, 0]), Err(0));
        let refused = |error| Err(-i64::from(number(error)));
        assert_eq!(code(Sys::kill, &[1, 19]), refused(Error::EPERM));
        assert_eq!(code(Sys::kill, &[1, 99]), refused(Error::EINVAL));
        assert_eq!(code(Sys::kill, &[4711, 9]), refused(Error::ESRCH));
    }
}

#[test]
fn nobody_else_wakes_a_program() {
    for mut program in each() {
        program.memory[64] = 1;
        assert_eq!(program.call(Sys::futex, &[OUT, 1, 1]), Ok(0));
        assert_eq!(program.call(Sys::futex, &[OUT, 128, 2]), Err(libc::EAGAIN));
        let no_time = program.put(&[0; 16]);
        let timed = program.call(Sys::futex, &[OUT, 0, 1, no_time]);
        assert_eq!(timed, Err(libc::ETIMEDOUT));
        match program.run(Sys::futex, &[OUT, 0, 1, 0]) {
            Err(HostError::Message(why)) => assert!(why.contains("0x40"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn time_is_of_the_width_of_the_table() {
    for mut program in each() {
        program.memory[64..96].fill(0xff);
        assert_eq!(program.call(Sys::clock_gettime, &[0, OUT]), Ok(0));
        let (seconds, end) = match program.abi {
            Abi::I386 => (u64::from(program.u32_at(OUT)), OUT + 8),
            Abi::X86_64 => (program.u64_at(OUT), OUT + 16),
        };
        assert_eq!(program.u32_at(end), u32::MAX, "nothing beyond");
        let now = program.call(Sys::time, &[0]).unwrap();
        assert!(now - seconds <= 1 && now > 1_700_000_000);
        if program.abi == Abi::I386 {
            assert_eq!(program.call(Sys::clock_gettime64, &[0, OUT]), Ok(0));
            assert!(program.u64_at(OUT) - seconds <= 1);
        }
        assert_eq!(
            program.call(Sys::clock_gettime, &[99, OUT]),
            Err(libc::EINVAL)
        );
    }
}

#[test]
fn poll_tells_what_is_ready() {
    for mut program in each() {
        let record =
            |fd: i32, events: i16| [&fd.to_le_bytes()[..], &events.to_le_bytes(), &[9, 9]].concat();
        let list = [record(0, 1), record(1, 4), record(-1, 1), record(50, 1)].concat();
        let at = program.put(&list);
        assert_eq!(program.call(Sys::poll, &[at, 4, u64::MAX]), Ok(3));
        let happened = [0, 1, 2, 3].map(|i| program.u32_at(at + 8 * i + 4) >> 16);
        assert_eq!(happened, [1, 4, 0, 0x20]);
        assert_eq!(program.call(Sys::poll, &[at, 2000, 0]), Err(libc::EINVAL));
        assert_eq!(program.call(Sys::poll, &[at, 0, 0]), Ok(0));
    }
}

#[test]
fn select_tells_what_is_ready() {
    for mut program in each() {
        let sys = match program.abi {
            Abi::I386 => Sys::_newselect,
            Abi::X86_64 => Sys::select,
        };
        let (reads, writes) = (program.put(&[0b011; 8]), program.put(&[0b110; 8]));
        let no_time = program.put(&[0; 16]);
        let args = [3, reads, writes, 0, no_time];
        assert_eq!(program.call(sys, &args), Ok(3));
        assert_eq!(program.u32_at(reads), 0b001);
        assert_eq!(program.u32_at(writes), 0b110);
        program.memory[reads as usize] = 1 << 5;
        assert_eq!(
            program.call(sys, &[6, reads, 0, 0, no_time]),
            Err(libc::EBADF)
        );
        assert_eq!(program.call(sys, &[0, 0, 0, 0, no_time]), Ok(0));
        assert_eq!(program.call(sys, &[2000, 0, 0, 0, 0]), Err(libc::EINVAL));
    }
}

#[test]
fn the_system_has_a_name_and_randomness() {
    for mut program in each() {
        assert_eq!(program.call(Sys::uname, &[OUT]), Ok(0));
        assert_eq!(program.bytes(OUT, 6), b"Linux\0");
        assert_eq!(program.bytes(OUT + 4 * 65, 7), b"wasm32\0");
        assert_eq!(program.call(Sys::getrandom, &[OUT, 1000, 0]), Ok(1000));
        assert!(program.bytes(OUT, 1000).iter().any(|&byte| byte != 0));
        assert_eq!(program.call(Sys::getpid, &[]), Ok(1));
        assert_eq!(program.call(Sys::set_tid_address, &[OUT]), Ok(1));
        assert_eq!(program.call(Sys::fork, &[]), Err(libc::ENOSYS));
        assert_eq!(
            program.call(Sys::ioctl, &[1, 0x5413, OUT]),
            Err(libc::ENOTTY)
        );
    }
}

/// The one side of a new terminal, which is one itself.
#[test]
fn a_terminal_tells_its_settings_and_size() {
    let outer = tempfile::tempdir().unwrap();
    let env = HostEnv::new().preopen("/dev", "/dev").unwrap();
    let mut program = Program::of(Abi::I386, outer, OutputBuffer::new(), env);
    let fd = program
        .open("/dev/ptmx", super::super::table::flag::RDWR)
        .unwrap();
    program.memory[64..164].fill(0xff);
    assert_eq!(program.call(Sys::ioctl, &[fd, 0x5413, OUT]), Ok(0));
    assert_eq!(program.u64_at(OUT), 0, "rows and columns are not known yet");
    assert_eq!(program.call(Sys::ioctl, &[fd, 0x5401, OUT]), Ok(0));
    // After four words and the line: what interrupts, quits, erases, kills.
    assert_eq!(program.bytes(OUT + 17, 4), [3, 28, 127, 21]);
    assert_eq!(program.bytes(OUT + 36, 4), [0xff; 4], "nothing beyond");
    let settings = program.u32_at(OUT + 12);
    assert_ne!(settings & libc::ICANON, 0);
}

/// One thread waits for input; another, of the same program, writes, opens, and
/// closes the file meanwhile.
#[test]
fn a_thread_that_waits_keeps_no_other_waiting() {
    for mut program in each() {
        let fifo = program.host("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
        let flags = super::super::table::flag::RDWR;
        let fd = program.open("/data/fifo", flags).unwrap();
        let mut waiting = program.thread();
        let waiting = std::thread::spawn(move || waiting.read(fd, 9));
        // Until it is in the call.
        std::thread::sleep(std::time::Duration::from_millis(100));
        program.write(1, b"meanwhile").unwrap();
        program.open("/data", 0).unwrap();
        assert_eq!(program.call(Sys::close, &[fd]), Ok(0));
        assert_eq!(program.read(fd, 1), Err(libc::EBADF));
        // The number is free, for another file.
        std::fs::write(program.host("other"), "other").unwrap();
        assert_eq!(program.open("/data/other", 0), Ok(fd));
        assert_eq!(program.read(fd, 9).unwrap(), b"other");
        assert!(!waiting.is_finished());
        std::fs::write(&fifo, "at last").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), b"at last");
        assert_eq!(program.stdout.take(), b"meanwhile");
    }
}

#[test]
fn open_files_are_limited() {
    let outer = tempfile::tempdir().unwrap();
    let env = HostEnv::new().preopen("/dev", "/dev").unwrap();
    let env = env.max_open_files(5);
    let mut program = Program::of(Abi::I386, outer, OutputBuffer::new(), env);
    for fd in 3..5 {
        assert_eq!(program.open("/dev/null", 0), Ok(fd));
    }
    assert_eq!(program.open("/dev/null", 0), Err(libc::EMFILE));
    assert_eq!(program.call(Sys::dup, &[0]), Err(libc::EMFILE));
    assert_eq!(program.call(Sys::dup2, &[0, 5]), Err(libc::EBADF));
    const NOFILE: u64 = 7;
    assert_eq!(program.call(Sys::getrlimit, &[NOFILE, OUT]), Ok(0));
    assert_eq!(program.u64_at(OUT), 5 << 32 | 5);
}
