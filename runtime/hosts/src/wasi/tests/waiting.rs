//! Waiting, pipes, sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, OFlags};
use wasmaot_runtime::HostState as _;

use super::*;
use crate::memory::Span;
use crate::wasi::fd::fd_fdstat_set_flags;
use crate::wasi::io::fd_read;
use crate::wasi::state::State;
use crate::wasi::table::Descriptor;
use crate::wasi::types::fdflags;

const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

fn clock(userdata: u64, id: u32, timeout: u64, absolute: bool) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[16..20].copy_from_slice(&id.to_le_bytes());
    bytes[24..32].copy_from_slice(&timeout.to_le_bytes());
    bytes[40] = absolute.into();
    bytes
}

fn fd(userdata: u64, tag: u8, fd: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&userdata.to_le_bytes());
    bytes[8] = tag;
    bytes[16..20].copy_from_slice(&(fd as u32).to_le_bytes());
    bytes
}

/// Userdata, error, type, bytes and flags.
type Event = (u64, u16, u8, u64, u16);

fn poll(guest: &mut Guest, list: &[[u8; 48]]) -> Result<Vec<Event>, Errno> {
    let at = guest.put(&list.concat());
    let events = guest.put(&vec![0; list.len() * 32]);
    guest.call("poll_oneoff", &[at, events, list.len() as u64, OUT])?;
    let count = u64::from(guest.u32_at(OUT));
    let event = |i: u64| {
        let at = events + 32 * i;
        let half = |at: u64| (guest.u32_at(at) & 0xffff) as u16;
        (
            guest.u64_at(at),
            half(at + 8),
            guest.bytes(at + 10, 1)[0],
            guest.u64_at(at + 16),
            half(at + 24),
        )
    };
    Ok((0..count).map(event).collect())
}

#[test]
fn clocks_run_out() {
    let mut guest = Guest::new();
    let start = Instant::now();
    let list = [
        clock(7, MONOTONIC, 20_000_000, false),
        clock(8, REALTIME, 3_600_000_000_000, false),
    ];
    assert_eq!(poll(&mut guest, &list), Ok(vec![(7, 0, 0, 0, 0)]));
    assert!(start.elapsed() >= Duration::from_millis(20));
    for id in [REALTIME, MONOTONIC] {
        guest.call("clock_time_get", &[id.into(), 0, OUT]).unwrap();
        let now = guest.u64_at(OUT);
        let list = [
            clock(1, id, now + 10_000_000, true),
            clock(2, id, u64::MAX, true),
            clock(3, id, u64::MAX, false),
        ];
        assert_eq!(poll(&mut guest, &list), Ok(vec![(1, 0, 0, 0, 0)]));
        let past = [clock(1, id, 5, true)];
        assert_eq!(poll(&mut guest, &past), Ok(vec![(1, 0, 0, 0, 0)]));
    }
    let wrong = [clock(1, 2, 0, false), clock(2, 99, 0, false)];
    let events = poll(&mut guest, &wrong).unwrap();
    assert_eq!(events, [(1, 58, 0, 0, 0), (2, 28, 0, 0, 0)]);
}

#[test]
fn files_and_streams_are_ready() {
    let mut guest = Guest::new();
    let file = guest.file("file", "12345");
    guest.seek(file, 2, 0).unwrap();
    let list = [
        fd(1, 1, file),
        fd(2, 2, file),
        fd(3, 1, 0),
        fd(4, 2, 1),
        fd(5, 1, 99),
        fd(6, 1, ROOT),
        fd(7, 2, 0),
        clock(8, MONOTONIC, 3_600_000_000_000, false),
    ];
    let events = poll(&mut guest, &list).unwrap();
    let want = [
        (1, 0, 1, 3, 0),
        (2, 0, 2, 1, 0),
        (3, 0, 1, 5, 0),
        (4, 0, 2, 1, 0),
        (5, 8, 1, 0, 0),
        (6, 8, 1, 0, 0),
        (7, 76, 2, 0, 0),
    ];
    assert_eq!(events, want);
}

#[test]
fn bad_polls() {
    let mut guest = Guest::new();
    let end = MEMORY as u64;
    let mut call = |args: [u64; 4]| guest.call("poll_oneoff", &args);
    assert_eq!(call([64, 512, 0, OUT]), Err(Errno::INVAL));
    assert_eq!(call([64, 512, u64::MAX, OUT]), Err(Errno::INVAL));
    assert_eq!(call([end - 47, 512, 1, OUT]), Err(Errno::FAULT));
    assert_eq!(call([64, end - 31, 1, OUT]), Err(Errno::FAULT));
    assert_eq!(call([64, 512, 1, end - 3]), Err(Errno::FAULT));
    assert_eq!(call([64, 512, 1 << 16, OUT]), Err(Errno::FAULT));
    assert_eq!(poll(&mut guest, &[fd(1, 3, 0)]), Err(Errno::INVAL));
}

/// A guest with a fifo, open for reading and for writing.
fn with_fifo() -> (Guest, u64, u64) {
    let mut guest = Guest::new();
    let path = guest.host("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).unwrap();
    let nonblock = fdflags::NONBLOCK;
    let reader = guest.open_with(ROOT, 0, "fifo", 0, READ, nonblock);
    let write = right::FILE & !right::FD_READ;
    let writer = guest.open_with(ROOT, 0, "fifo", 0, write, nonblock);
    (guest, reader.unwrap(), writer.unwrap())
}

#[test]
fn pipes() {
    let (mut guest, reader, writer) = with_fifo();
    assert_eq!(guest.read(reader, 9), Err(Errno::AGAIN));
    let list = [
        fd(1, 1, reader),
        fd(2, 2, writer),
        clock(3, MONOTONIC, 0, false),
    ];
    let events = poll(&mut guest, &list).unwrap();
    assert_eq!(events, [(2, 0, 2, 1, 0), (3, 0, 0, 0, 0)]);
    guest.write(writer, b"four").unwrap();
    let events = poll(&mut guest, &list[..1]).unwrap();
    assert_eq!(events, [(1, 0, 1, 4, 0)]);
    assert_eq!(guest.seek(reader, 0, 1), Err(Errno::SPIPE));
    guest.call("fd_fdstat_get", &[reader, OUT]).unwrap();
    assert_eq!(guest.u64_at(OUT + 8) & (right::FD_SEEK | right::FD_TELL), 0);
    assert_eq!(guest.read(reader, 9).unwrap(), b"four");
    guest.call("fd_close", &[writer]).unwrap();
    let events = poll(&mut guest, &list[..1]).unwrap();
    assert_eq!(events, [(1, 0, 1, 0, 1)]);
    assert_eq!(guest.read(reader, 9).unwrap(), b"");
}

/// The host's end of a stream stays blocking, and the guest does not wait.
#[test]
fn shared_streams_keep_their_flags() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let state = State::new(HostEnv::new());
    let file = reader.try_clone().unwrap().into();
    let shared = Descriptor::shared(file, right::ALL).unwrap();
    let fd = state.add(shared).unwrap();
    let mut bytes = [0; 64];
    bytes[4] = 8;
    let mut caller = Caller::of_memory(&mut bytes);
    let mut cx = state.context(&mut caller);
    fd_fdstat_set_flags(&mut cx, fd, fdflags::NONBLOCK).unwrap();
    let list = Span { ptr: 0, len: 1 };
    assert_eq!(fd_read(&mut cx, fd, list, 16), Err(Errno::AGAIN));
    writer.write_all(b"x").unwrap();
    assert_eq!(fd_read(&mut cx, fd, list, 16), Ok(()));
    let status = rustix::fs::fcntl_getfl(&reader).unwrap();
    assert!(!status.contains(OFlags::NONBLOCK));
}

/// One thread waits for input; another, of the same program, writes, opens, and
/// closes the descriptor meanwhile.
#[test]
fn a_thread_that_waits_keeps_no_other_waiting() {
    let mut guest = Guest::new();
    let fifo = guest.host("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .unwrap();
    let fd = guest.open("fifo", 0, FILE).unwrap();
    let mut waiting = guest.thread();
    let waiting = std::thread::spawn(move || waiting.read(fd, 9));
    let mut writer = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    // Until it is in the call.
    std::thread::sleep(Duration::from_millis(100));
    guest.write(1, b"meanwhile").unwrap();
    let other = guest.file("other", "other");
    let third = guest.file("third", "third");
    // What it waits for is closed, and its number another file's.
    guest.call("fd_renumber", &[other, fd]).unwrap();
    assert_eq!(guest.read(fd, 9).unwrap(), b"other");
    guest.call("fd_close", &[fd]).unwrap();
    assert_eq!(guest.read(fd, 1), Err(Errno::BADF));
    guest.call("fd_close", &[third]).unwrap();
    assert_eq!(guest.file("again", "again"), fd);
    assert!(!waiting.is_finished());
    writer.write_all(b"at last").unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), b"at last");
    assert_eq!(guest.stdout.take(), b"meanwhile");
}

#[test]
fn sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::with(|env| env.listener(listener));
    let listening = ROOT + 1;
    let mut peer = TcpStream::connect(address).unwrap();
    guest.call("sock_accept", &[listening, 0, OUT]).unwrap();
    let socket = u64::from(guest.u32_at(OUT));
    assert_eq!(socket, listening + 1);
    guest.call("fd_fdstat_get", &[socket, OUT]).unwrap();
    assert_eq!(guest.memory[OUT as usize], 6);

    peer.write_all(b"hello").unwrap();
    let [list, count] = guest.iovecs(&[(64, 2), (128, 3)]);
    const PEEK_WAITALL: u64 = 3;
    for flags in [PEEK_WAITALL, 0] {
        let args = [socket, list, count, flags, OUT, OUT + 8];
        guest.call("sock_recv", &args).unwrap();
        assert_eq!(guest.u32_at(OUT), 5);
        assert_eq!(
            (guest.bytes(64, 2), guest.bytes(128, 3)),
            (&b"he"[..], &b"llo"[..])
        );
    }
    guest
        .call("sock_send", &[socket, list, count, 0, OUT])
        .unwrap();
    let mut back = [0; 5];
    peer.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
    guest.write(socket, b"!").unwrap();
    peer.read_exact(&mut back[..1]).unwrap();
    guest.call("sock_shutdown", &[socket, 2]).unwrap();
    assert_eq!(peer.read(&mut back).unwrap(), 0);
    let broken = guest.call("sock_send", &[socket, list, count, 0, OUT]);
    assert_eq!(broken, Err(Errno::PIPE));
    for how in [0, 4] {
        let bad = guest.call("sock_shutdown", &[socket, how]);
        assert_eq!(bad, Err(Errno::INVAL));
    }
    let nonblock = u64::from(fdflags::NONBLOCK);
    guest
        .call("fd_fdstat_set_flags", &[listening, nonblock])
        .unwrap();
    let none = guest.call("sock_accept", &[listening, 0, OUT]);
    assert_eq!(none, Err(Errno::AGAIN));
}

#[test]
fn a_connection_is_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let mut guest = Guest::with(|env| env.connection(stream));
    peer.write_all(b"hi").unwrap();
    assert_eq!(guest.read(ROOT + 1, 9).unwrap(), b"hi");
}

#[test]
fn what_is_no_socket() {
    let mut guest = Guest::new();
    let file = guest.file("file", "");
    for (fd, errno) in [
        (99, Errno::BADF),
        (file, Errno::NOTSOCK),
        (ROOT, Errno::NOTSOCK),
    ] {
        let answers = [
            guest.call("sock_accept", &[fd, 0, OUT]),
            guest.call("sock_recv", &[fd, 64, 0, 0, OUT, OUT]),
            guest.call("sock_send", &[fd, 64, 0, 0, OUT]),
            guest.call("sock_shutdown", &[fd, 1]),
        ];
        assert_eq!(answers, [Err(errno); 4]);
    }
}
