//! Stores: real servers on this machine, and some that do wrong.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use wasmaot_testkit::tools;

/// A server of a Debian package, with a directory of its own. It ends with the
/// value.
pub struct Server {
    process: Child,
    directory: tempfile::TempDir,
    pub address: SocketAddr,
}

/// The password of servers that have one.
pub const PASSWORD: &str = "s3cr:t@/?#";
/// The same in an URL.
pub const ENCODED: &str = "s3cr%3At%40%2F%3F%23";

/// What is started again with another port if that is taken meanwhile.
const TRIES: usize = 5;

impl Server {
    /// Starts a server, to which this command, made for a port, gives the rest.
    fn start(command: impl Fn(&PathBuf, u16) -> Command) -> Self {
        for _ in 0..TRIES {
            let directory = tempfile::tempdir().unwrap();
            let log = File::create(directory.path().join("log")).unwrap();
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap();
            drop(free);
            let data = directory.path().join("data");
            fs::create_dir(&data).unwrap();
            let mut command = command(&data, address.port());
            command
                .stdin(Stdio::null())
                .stderr(log.try_clone().unwrap());
            let mut process = command.stdout(log).spawn().unwrap();
            while process.try_wait().unwrap().is_none() {
                // A connection to a port that nobody has can be one to itself.
                let is_other = |c: TcpStream| c.local_addr().ok() != Some(address);
                if TcpStream::connect(address).is_ok_and(is_other) {
                    return Self {
                        process,
                        directory,
                        address,
                    };
                }
                thread::sleep(Duration::from_millis(10));
            }
            eprintln!(
                "{}",
                fs::read_to_string(directory.path().join("log")).unwrap()
            );
        }
        panic!("the server does not start");
    }

    /// Redis, with a password if it is to have one.
    pub fn redis(password: Option<&str>) -> Self {
        Self::start(|data, port| {
            let mut command = tools().redis.command();
            command.args(["--bind", "127.0.0.1", "--save", "", "--port"]);
            command.arg(port.to_string()).arg("--dir").arg(data);
            if let Some(password) = password {
                command.args(["--requirepass", password]);
            }
            command
        })
    }

    /// WebDAV, by rclone, with a user's password if it is to have one.
    pub fn webdav(password: Option<&str>) -> Self {
        match password {
            Some(password) => Self::webdav_with(&["--user", "user", "--pass", password]),
            None => Self::webdav_with(&[]),
        }
    }

    /// WebDAV with TLS: this certificate and its key.
    pub fn webdavs(certificate: &Path, key: &Path) -> Self {
        let [certificate, key] = [certificate, key].map(|path| path.to_str().unwrap());
        Self::webdav_with(&["--cert", certificate, "--key", key])
    }

    fn webdav_with(options: &[&str]) -> Self {
        Self::start(|data, port| {
            let mut command = tools().rclone.command();
            // What is put into the directory beside it is seen at once.
            command.args(["serve", "webdav", "--dir-cache-time", "0s", "--config", ""]);
            command.arg(format!("--addr=127.0.0.1:{port}")).arg(data);
            command.args(options);
            command
        })
    }

    /// memcached.
    pub fn memcached() -> Self {
        Self::start(|_, port| {
            let mut command = tools().memcached.command();
            command.args(["-u", "root", "-l", "127.0.0.1", "-U", "0", "-p"]);
            command.arg(port.to_string());
            command
        })
    }

    /// What WebDAV serves.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.process.id()).unwrap();
        kill(Pid::from_raw(process), signal).unwrap();
    }

    /// Has it answer nothing more, while its connections stay.
    pub fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let tasks = format!("/proc/{}/task", self.process.id());
        let is_stopped = |task: fs::DirEntry| {
            let status = fs::read_to_string(task.path().join("status"));
            status.is_ok_and(|status| status.contains("State:\tT"))
        };
        // All of its threads, some of which may be at work.
        while !fs::read_dir(&tasks).unwrap().flatten().all(is_stopped) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Has Redis carry out a command, and answers what it says first.
    pub fn redis_command(&self, words: &[&[u8]]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend([word, &b"\r\n"[..]].concat());
        }
        let mut connection = TcpStream::connect(self.address).unwrap();
        connection.write_all(&request).unwrap();
        let mut answer = vec![0; 1 << 20];
        let length = connection.read(&mut answer).unwrap();
        answer.truncate(length);
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A server that does something with each connection, until the test ends.
pub fn hostile(serve: fn(TcpStream) -> std::io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            thread::spawn(move || serve(connection.unwrap()));
        }
    });
    address
}
