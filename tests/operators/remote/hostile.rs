//! Stores that lie, are slow, or are down: a run is slower then, and never wrong.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::Duration;

use super::servers::{Server, hostile};
use super::{BUILT_FIRST, Counts, Site, counts, entries, machine, silent, warned};

/// An entry, as a store of one entry has it, is not taken when it has been changed
/// in this way; the machine builds, stores it again, and so the next one has it.
#[track_caller]
fn is_refused(site: &Site, what: &str, change: impl FnOnce()) {
    change();
    let (outcome, counts) = site.on_a_new_machine();
    assert_eq!((counts.built, counts.remote_refused), (1, 1), "{what}");
    warned(outcome, "has been changed: it is not used");
    let (outcome, counts) = site.on_a_new_machine();
    assert_eq!((counts.built, counts.remote_hits), (0, 1), "{what}");
    silent(outcome);
}

/// Changes the bytes of a file.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_changed_entry_of_a_directory_is_not_taken() {
    let site = Site::with_directory();
    let first = machine(2);
    silent(site.run(&first, "1.wat"));
    let other = entries(&site.store()).remove(0);
    silent(site.run(&first, "0.wat"));
    let mut both = entries(&site.store());
    both.retain(|path| *path != other);
    let entry = &both[0];
    is_refused(&site, "a byte of the code", || {
        change(entry, |bytes| bytes[4096] ^= 1)
    });
    is_refused(&site, "another's", || {
        fs::copy(&other, entry).unwrap();
    });
    is_refused(&site, "truncated", || {
        change(entry, |bytes| bytes.truncate(5000))
    });
    is_refused(&site, "empty", || change(entry, Vec::clear));
    is_refused(&site, "longer", || change(entry, |bytes| bytes.push(0)));
    is_refused(&site, "more than an object may have", || {
        File::options()
            .write(true)
            .open(entry)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
    });
}

#[test]
fn a_changed_entry_of_redis_is_not_taken() {
    let server = Server::redis(None);
    let site = Site::new(format!("redis://{}", server.address));
    assert_eq!(site.on_a_new_machine().1, BUILT_FIRST);
    let keys = server.redis_command(&[b"KEYS", b"*"]);
    let keys = String::from_utf8(keys).unwrap();
    let key = keys
        .lines()
        .find(|line| line.ends_with(".wasmaot"))
        .unwrap();
    let set = |at: &[u8], value: &[u8]| {
        server.redis_command(&[b"SETRANGE", key.as_bytes(), at, value]);
    };
    is_refused(&site, "changed", || set(b"4096", b"changed"));
    is_refused(&site, "large", || set(b"80000000", b"x"));
    is_refused(&site, "empty", || {
        server.redis_command(&[b"SET", key.as_bytes(), b""]);
    });
}

#[test]
fn a_changed_entry_of_webdav_is_not_taken() {
    let server = Server::webdav(None);
    let site = Site::new(format!("webdav://{}", server.address));
    assert_eq!(site.on_a_new_machine().1, BUILT_FIRST);
    let entry = &entries(&server.data())[0];
    is_refused(&site, "changed", || change(entry, |bytes| bytes[4096] ^= 1));
    is_refused(&site, "truncated", || {
        change(entry, |bytes| bytes.truncate(5000))
    });
    is_refused(&site, "large", || {
        File::options()
            .write(true)
            .open(entry)
            .unwrap()
            .set_len(80 << 20)
            .unwrap();
    });
}

/// Each of a few modules of one program is built, with one warning in all, and the
/// store is asked once.
#[track_caller]
fn is_given_up(url: &str, words: &str) {
    let site = Site::new(url.to_owned());
    let machine = super::fleet::distribution(5);
    warned(site.run(&machine, "main.wasm"), words);
    let expected = Counts {
        built: 5,
        remote_failed: 5,
        ..Counts::default()
    };
    assert_eq!(counts(&machine), expected, "{url}");
}

#[test]
fn a_store_that_is_down_or_stalled_is_asked_once() {
    let mut redis = Server::redis(None);
    let mut webdav = Server::webdav(None);
    let memcached = Server::memcached();
    let urls = [
        format!("redis://{}", redis.address),
        format!("webdav://{}", webdav.address),
        format!("memcached://{}", memcached.address),
    ];
    for server in [&redis, &webdav, &memcached] {
        server.stop();
    }
    thread::scope(|scope| {
        for url in &urls {
            scope.spawn(|| is_given_up(url, "does not answer in time"));
        }
    });
    redis.kill();
    webdav.kill();
    is_given_up(&urls[0], "the remote cache is not used");
    is_given_up(&urls[1], "Connection refused");
    // No machine of this network is there: packets are lost.
    is_given_up("webdav://192.0.2.1", "the remote cache is not used");
}

/// A server that is killed when it has served for a while.
#[test]
fn a_store_that_is_killed_in_between_is_given_up() {
    const MODULES: usize = 60;
    let mut server = Server::webdav(None);
    let site = Site::new(format!("webdav://{}", server.address));
    let machine = super::fleet::distribution(MODULES);
    let run = site.command(&machine, &["run", "main.wasm"]);
    let data = server.data();
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| {
            let mut run = run;
            run.output().unwrap()
        });
        while entries(&data).len() < 5 {
            sleep(Duration::from_millis(1));
        }
        server.kill();
        running.join().unwrap()
    });
    let outcome: crate::common::Outcome = outcome.into();
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    outcome.success();
    let counts = counts(&machine);
    let asked = counts.remote_misses + counts.remote_failed;
    assert_eq!((counts.built, asked), (MODULES as u64, MODULES as u64));
}

/// Answers to HTTP requests, whatever they are.
fn answered(mut connection: TcpStream, answer: &[u8]) -> io::Result<TcpStream> {
    let mut request = [0; 4096];
    let _ = connection.read(&mut request)?;
    connection.write_all(answer)?;
    Ok(connection)
}

const BEGINNING: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nwasmaot";
const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n";

#[test]
fn what_a_lying_server_sends_is_bounded() {
    let webdav = |serve| format!("webdav://{}", hostile(serve));
    let redis = |serve| format!("redis://{}", hostile(serve));
    let broken = webdav(|connection| answered(connection, BEGINNING).map(drop));
    let silent = webdav(|connection| {
        let _connection = answered(connection, BEGINNING)?;
        loop {
            thread::park();
        }
    });
    let slow = webdav(|connection| {
        let mut connection = answered(connection, BEGINNING)?;
        loop {
            connection.write_all(b"x")?;
            sleep(Duration::from_millis(100));
        }
    });
    let nonsense = webdav(|connection| answered(connection, &[0xff; 10_000]).map(drop));
    let array = redis(|connection| {
        answered(connection, b"*1000000000000000000\r\n").and_then(|mut c| c.write_all(b":1\r\n"))
    });
    let deep = redis(|connection| {
        let mut connection = answered(connection, b"")?;
        loop {
            connection.write_all(&b"*1\r\n".repeat(1000))?;
        }
    });
    let flood = redis(|connection| {
        let mut connection = answered(connection, b"$9000000000000\r\n")?;
        loop {
            connection.write_all(&[b'x'; 65536])?;
        }
    });
    // A binary answer of memcached that ends before it begins.
    let memcached = format!(
        "memcached://{}",
        hostile(|connection| {
            let mut head = [0; 24];
            head[..5].copy_from_slice(&[0x81, 0, 0xff, 0xff, 0xff]);
            answered(connection, &head).map(drop)
        })
    );
    let huge = format!(
        "memcached://{}",
        hostile(|connection| {
            let mut head = [0; 24];
            head[0] = 0x81;
            head[8..12].copy_from_slice(&[0xff; 4]);
            let _connection = answered(connection, &head)?;
            loop {
                thread::park();
            }
        })
    );
    let urls = [
        broken, silent, slow, nonsense, array, deep, flood, memcached, huge,
    ];
    thread::scope(|scope| {
        for url in &urls {
            scope.spawn(|| is_given_up(url, "the remote cache is not used: "));
        }
    });
}

/// One that never ends is more than an object may have: as an entry it is refused,
/// and the store after some of these.
#[test]
fn a_stream_without_end_is_refused() {
    let address = hostile(|connection| {
        let mut connection = answered(connection, ENDLESS)?;
        loop {
            connection.write_all(&[b'x'; 65536])?;
        }
    });
    let (outcome, counts) = Site::new(format!("webdav://{address}")).on_a_new_machine();
    assert_eq!((counts.built, counts.remote_refused), (1, 1));
    // Neither can anything be stored there.
    let (first, _) = outcome.stderr.split_once('\n').unwrap();
    assert!(first.contains("it is not used"), "{outcome:?}");
    outcome.success();
}

/// What it does not take is not waited for without end.
#[test]
fn a_store_that_takes_nothing_ends_with_a_warning() {
    let address = hostile(|mut connection| {
        let mut request = [0; 4096];
        loop {
            let length = connection.read(&mut request)?;
            if request[..length].starts_with(b"GET") {
                connection.write_all(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")?;
            }
        }
    });
    let (outcome, counts) = Site::new(format!("webdav://{address}")).on_a_new_machine();
    warned(outcome, "not all is in the remote cache: ");
    let expected = Counts {
        remote_stored: 0,
        ..BUILT_FIRST
    };
    assert_eq!(counts, expected);
}
