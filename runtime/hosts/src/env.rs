//! What a program is given: arguments, environment, streams, directories.

use std::fmt;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use wasmaot_runtime::GuestBuffers;

use crate::lock::lock;

/// Where standard input comes from.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Input {
    /// It is at its end.
    #[default]
    Empty,
    /// The host's own.
    Inherit,
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Where standard output or error goes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Output {
    /// Nowhere.
    #[default]
    Discard,
    /// The host's own.
    Inherit,
    /// Into a buffer.
    Buffer(OutputBuffer),
}

/// Captured output. Clones share the bytes, so keep one to read them.
#[derive(Clone)]
pub struct OutputBuffer {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Default for OutputBuffer {
    fn default() -> Self {
        Self::with_limit(256 << 20)
    }
}

impl OutputBuffer {
    /// An empty buffer of at most 256 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer that holds so many bytes: to a program that writes more
    /// before they are [taken](Self::take), it is a device that is full.
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            bytes: Arc::default(),
            limit: bytes,
        }
    }

    /// What has been written since the last time this was asked.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.bytes))
    }

    /// Adds what there is room for, and says how many bytes that are; nothing
    /// where there is no room for any.
    pub(crate) fn append(&self, buffers: &GuestBuffers<'_>) -> Option<usize> {
        let mut bytes = lock(&self.bytes);
        let room = self.limit.saturating_sub(bytes.len());
        let full = room == 0 && buffers.bytes() != 0;
        (!full).then(|| buffers.append_to(&mut bytes, room))
    }
}

impl fmt::Debug for OutputBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputBuffer({} bytes)", lock(&self.bytes).len())
    }
}

/// A directory that is granted.
#[derive(Clone, Debug)]
pub(crate) struct Preopen {
    pub(crate) dir: Arc<Dir>,
    /// The program's name for it.
    pub(crate) guest: String,
    /// Nothing beneath it can be changed by paths that lead through it.
    pub(crate) read_only: bool,
}

/// A directory that a [`HostEnv`] grants.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'a> {
    /// The directory.
    pub dir: BorrowedFd<'a>,
    /// The program's name for it.
    pub guest: &'a str,
    /// Nothing in it can be changed by paths that lead through it.
    pub read_only: bool,
}

/// What a program is given of its host. To begin with that is nothing: no
/// argument, no variable, no directory, and empty streams. Clones share what is
/// granted.
#[derive(Clone, Debug)]
pub struct HostEnv {
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) env: Vec<Vec<u8>>,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) preopens: Vec<Preopen>,
    pub(crate) sockets: Vec<Arc<OwnedFd>>,
    pub(crate) max_open_files: usize,
}

impl Default for HostEnv {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Input::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            preopens: Vec::new(),
            sockets: Vec::new(),
            max_open_files: 1024,
        }
    }
}

impl HostEnv {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds arguments; the first of all is the program's name.
    #[must_use]
    pub fn args<A: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.env
            .push([name.as_ref(), b"=", value.as_ref()].concat());
        self
    }

    /// Sets standard input.
    #[must_use]
    pub fn stdin(mut self, stdin: Input) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets standard output.
    #[must_use]
    pub fn stdout(mut self, stdout: Output) -> Self {
        self.stdout = stdout;
        self
    }

    /// Sets standard error.
    #[must_use]
    pub fn stderr(mut self, stderr: Output) -> Self {
        self.stderr = stderr;
        self
    }

    /// Limits how many files, directories and sockets the program may have open
    /// at once, streams and what is granted among them: 1024 unless said here.
    /// Each that it opens counts against the host's own limit, too.
    #[must_use]
    pub const fn max_open_files(mut self, files: usize) -> Self {
        self.max_open_files = files;
        self
    }

    /// Passes the host's three streams on.
    #[must_use]
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Input::Inherit)
            .stdout(Output::Inherit)
            .stderr(Output::Inherit)
    }

    /// Grants a directory of the host's, with all below it, under a name that
    /// the program's paths start with: descriptor 3 and up, in this order.
    ///
    /// # Errors
    /// Where the directory cannot be opened.
    pub fn preopen(self, host: impl AsRef<Path>, guest: impl Into<String>) -> io::Result<Self> {
        Ok(self.preopen_dir(granted(host.as_ref())?, guest))
    }

    /// Grants a directory as [`HostEnv::preopen`] does, to be read alone: what
    /// would change anything beneath it fails with `EROFS`. This is about paths
    /// that lead through this grant; another grant may lead to the same files.
    ///
    /// # Errors
    /// Where the directory cannot be opened.
    pub fn preopen_read_only(
        mut self,
        host: impl AsRef<Path>,
        guest: impl Into<String>,
    ) -> io::Result<Self> {
        self.preopens.push(Preopen {
            dir: Arc::new(granted(host.as_ref())?),
            guest: guest.into(),
            read_only: true,
        });
        Ok(self)
    }

    /// Grants a directory that is open already.
    #[must_use]
    pub fn preopen_dir(mut self, dir: impl Into<OwnedFd>, guest: impl Into<String>) -> Self {
        self.preopens.push(Preopen {
            dir: Arc::new(Dir::from(dir.into())),
            guest: guest.into(),
            read_only: false,
        });
        self
    }

    /// The directories that are granted.
    pub fn granted(&self) -> impl Iterator<Item = Granted<'_>> {
        self.preopens.iter().map(|preopen| Granted {
            dir: preopen.dir.as_fd(),
            guest: &preopen.guest,
            read_only: preopen.read_only,
        })
    }

    /// Grants a listening socket: a descriptor after those of the directories.
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.sockets.push(Arc::new(listener.into()));
        self
    }

    /// Grants a connected socket: a descriptor after those of the directories.
    #[must_use]
    pub fn connection(mut self, stream: TcpStream) -> Self {
        self.sockets.push(Arc::new(stream.into()));
        self
    }
}

/// Opens a directory to be granted, such that it can be synchronised and have its
/// times set, too; where the host may not read it, for resolving paths alone.
fn granted(path: &Path) -> io::Result<Dir> {
    let dir = Dir::open_ambient_dir(path, ambient_authority())?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::openat(&dir, ".", flags, Mode::empty()) {
        Ok(readable) => Ok(Dir::from(readable)),
        Err(Errno::ACCESS) => Ok(dir),
        Err(error) => Err(error.into()),
    }
}
