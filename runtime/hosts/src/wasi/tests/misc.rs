//! Arguments, environment, clocks, the process, standard streams.

use super::*;

#[test]
fn args_and_environ() {
    let mut guest = Guest::new();
    for (sizes, get, want) in [
        ("args_sizes_get", "args_get", ["program", "-x"]),
        ("environ_sizes_get", "environ_get", ["HOME=/", "EMPTY="]),
    ] {
        guest.call(sizes, &[OUT, OUT + 4]).unwrap();
        assert_eq!(guest.u32_at(OUT), 2);
        let size: usize = want.iter().map(|s| s.len() + 1).sum();
        assert_eq!(guest.u32_at(OUT + 4) as usize, size);
        guest.call(get, &[64, 128]).unwrap();
        let mut at = 128;
        for (i, want) in want.iter().enumerate() {
            assert_eq!(guest.u32_at(64 + 4 * i as u64), at as u32);
            let string = guest.bytes(at, want.len() as u64 + 1);
            assert_eq!(string, format!("{want}\0").as_bytes());
            at += want.len() as u64 + 1;
        }
        let end = MEMORY as u64 - size as u64;
        guest.call(get, &[64, end]).unwrap();
        assert_eq!(guest.call(get, &[64, end + 1]), Err(Errno::FAULT));
        assert_eq!(guest.call(get, &[u64::MAX, 64]), Err(Errno::FAULT));
        assert_eq!(
            guest.call(sizes, &[OUT, MEMORY as u64 - 3]),
            Err(Errno::FAULT)
        );
    }
}

#[test]
fn clocks() {
    let mut guest = Guest::new();
    for id in 0..4 {
        guest.call("clock_res_get", &[id, OUT]).unwrap();
        assert_ne!(guest.u64_at(OUT), 0);
        guest.call("clock_time_get", &[id, 0, OUT]).unwrap();
        let first = guest.u64_at(OUT);
        guest.call("clock_time_get", &[id, 0, OUT]).unwrap();
        assert!(guest.u64_at(OUT) >= first && first != 0);
    }
    assert_eq!(guest.call("clock_res_get", &[4, OUT]), Err(Errno::INVAL));
    assert_eq!(
        guest.call("clock_time_get", &[9, 0, OUT]),
        Err(Errno::INVAL)
    );
    let edge = MEMORY as u64 - 7;
    assert_eq!(
        guest.call("clock_time_get", &[0, 0, edge]),
        Err(Errno::FAULT)
    );
}

#[test]
fn exit_raise_yield() {
    let mut guest = Guest::new();
    let mut code = |name: &str, arg: u64| match guest.call_raw(name, &[arg]) {
        Err(HostError::Exit(code)) => Ok(code),
        other => Err(other.unwrap()[0]),
    };
    assert_eq!(code("proc_exit", 3), Ok(3));
    assert_eq!(code("proc_exit", u64::from(u32::MAX)), Ok(-1));
    assert_eq!(code("proc_raise", 6), Ok(134));
    assert_eq!(code("proc_raise", 30), Ok(128 + 31));
    assert_eq!(code("proc_raise", 0), Err(Val::I32(0)));
    assert_eq!(code("proc_raise", 16), Err(Val::I32(0)));
    assert_eq!(code("proc_raise", 18), Err(Val::I32(58)));
    assert_eq!(code("proc_raise", 31), Err(Val::I32(28)));
    guest.call("sched_yield", &[]).unwrap();
}

#[test]
fn randomness() {
    let mut guest = Guest::new();
    let all = MEMORY as u64;
    guest.call("random_get", &[64, all - 64]).unwrap();
    let tail = guest.memory.split_off(MEMORY - 64);
    guest.memory.extend_from_slice(&tail);
    assert!(tail.iter().any(|&byte| byte != 0));
    guest.call("random_get", &[all, 0]).unwrap();
    assert_eq!(guest.call("random_get", &[all, 1]), Err(Errno::FAULT));
    assert_eq!(guest.call("random_get", &[64, u64::MAX]), Err(Errno::FAULT));
}

#[test]
fn streams_in_memory() {
    let mut guest = Guest::new();
    assert_eq!(guest.read(0, 3).unwrap(), b"giv");
    assert_eq!(guest.read(0, 9).unwrap(), b"en");
    assert_eq!(guest.read(0, 9).unwrap(), b"");
    assert_eq!(guest.write(1, b"hello, "), Ok(7));
    assert_eq!(guest.write(1, b"world"), Ok(5));
    assert_eq!(guest.stdout.take(), b"hello, world");
    assert_eq!(guest.write(2, b"thrown away"), Ok(11));
    assert_eq!(guest.write(0, b"x"), Err(Errno::BADF));
    assert_eq!(guest.read(1, 1), Err(Errno::BADF));
    assert_eq!(guest.seek(1, 0, 0), Err(Errno::SPIPE));
    assert_eq!(guest.seek(0, 0, 1), Err(Errno::SPIPE));
    guest.call("fd_filestat_get", &[1, OUT]).unwrap();
    assert_eq!(guest.bytes(OUT, 64), [0; 64]);
    assert_eq!(guest.call("fd_sync", &[1]), Err(Errno::INVAL));
}

#[test]
fn inherited_streams() {
    let mut guest = Guest::with(HostEnv::inherit_stdio);
    for fd in 0..3 {
        guest.call("fd_fdstat_get", &[fd, OUT]).unwrap();
        let rights = guest.u64_at(OUT + 8);
        assert_eq!(rights & right::FD_READ != 0, fd == 0);
        assert_eq!(rights & right::FD_WRITE != 0, fd != 0);
        guest.call("fd_filestat_get", &[fd, 64]).unwrap();
        assert_eq!(guest.memory[64 + 16], guest.memory[OUT as usize]);
        // Closes the guest's alone.
        guest.call("fd_close", &[fd]).unwrap();
    }
    eprintln!("standard error is still open");
}

#[test]
fn open_files_are_limited() {
    let mut guest = Guest::with(|env| env.max_open_files(6));
    for fd in 4..6 {
        assert_eq!(guest.file("file", ""), fd);
    }
    assert_eq!(guest.open("file", 0, FILE), Err(Errno::MFILE));
    guest.call("fd_close", &[1]).unwrap();
    assert_eq!(guest.open("file", 0, FILE), Ok(1));
}

#[test]
fn captured_output_is_limited() {
    let stdout = OutputBuffer::with_limit(5);
    let output = Output::Buffer(stdout.clone());
    let mut guest = Guest::with(|env| env.stdout(output));
    assert_eq!(guest.write(1, b"one"), Ok(3));
    assert_eq!(guest.write(1, b"two"), Ok(2));
    assert_eq!(guest.write(1, b""), Ok(0));
    assert_eq!(guest.write(1, b"three"), Err(Errno::NOSPC));
    assert_eq!(stdout.take(), b"onetw");
    assert_eq!(guest.write(1, b"three"), Ok(5));
}
