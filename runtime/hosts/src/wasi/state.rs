//! What the functions of one program share, made of what it is given.

use std::io::Cursor;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::stdio;

use super::call::Rights;
use super::table::{Descriptor, Kind, Table};
use super::types::right;
use crate::env::{HostEnv, Input, Output};
use crate::errno::Result;
use crate::file::HostFile;
use crate::listing::Room;
use crate::lock::lock;

/// What all functions of one program share.
pub(super) struct State {
    pub(super) args: Vec<Vec<u8>>,
    /// As `name=value`.
    pub(super) env: Vec<Vec<u8>>,
    pub(super) table: Mutex<Table>,
    /// For listings of directories.
    pub(super) room: Room,
}

impl State {
    /// What a program is given, as the functions start from it.
    pub(super) fn new(env: HostEnv) -> Self {
        let mut table = Table::new(env.max_open_files);
        let streams = [
            input(env.stdin),
            output(env.stdout, stdio::stdout()),
            output(env.stderr, stdio::stderr()),
        ];
        // What is known of an open file cannot fail to be asked.
        let sockets = env
            .sockets
            .into_iter()
            .map(|fd| Descriptor::file(HostFile::Granted(fd), right::ALL, 0).ok());
        let directories = env.preopens.into_iter().map(|preopen| {
            let all = Rights {
                base: right::ALL,
                inheriting: right::ALL,
            };
            let name = Some(preopen.guest);
            let directory = Descriptor::directory(preopen.dir, name, all, 0);
            Some(match preopen.read_only {
                true => directory.read_only(),
                false => directory,
            })
        });
        // The host may have closed a stream: then it is closed here as well.
        for descriptor in streams.into_iter().chain(directories).chain(sockets) {
            match descriptor {
                Some(descriptor) => table.push(descriptor),
                None => table.skip(),
            }
        }
        Self {
            args: env.args,
            env: env.env,
            table: Mutex::new(table),
            room: Room::default(),
        }
    }

    /// The table, for as short as possible: never while a call may block.
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }

    /// Gives a descriptor the lowest free number. One that finds no number is
    /// closed when the table is unlocked.
    pub(super) fn add(&self, descriptor: Descriptor) -> Result<u32> {
        let descriptor = Arc::new(descriptor);
        self.table().insert(Arc::clone(&descriptor))
    }

    /// An open descriptor.
    pub(super) fn get(&self, fd: u32) -> Result<Arc<Descriptor>> {
        self.table().get(fd)
    }
}

const READ: u64 = right::ALL & !right::FD_WRITE;
const WRITE: u64 = right::ALL & !right::FD_READ;

fn input(input: Input) -> Option<Descriptor> {
    let bytes = match input {
        Input::Empty => Vec::new(),
        Input::Bytes(bytes) => bytes,
        Input::Inherit => return inherit(stdio::stdin(), READ),
    };
    let kind = Kind::Input(Mutex::new(Cursor::new(bytes)));
    Some(Descriptor::stream(kind, READ))
}

fn output(output: Output, host: BorrowedFd<'static>) -> Option<Descriptor> {
    let buffer = match output {
        Output::Discard => None,
        Output::Buffer(buffer) => Some(buffer),
        Output::Inherit => return inherit(host, WRITE),
    };
    Some(Descriptor::stream(Kind::Output(buffer), WRITE))
}

fn inherit(stream: BorrowedFd<'static>, base: u64) -> Option<Descriptor> {
    Descriptor::shared(HostFile::inherited(stream)?, base).ok()
}
