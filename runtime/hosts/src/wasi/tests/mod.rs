//! Calls the functions as a guest does, on a memory of its own and in a
//! temporary directory.

mod files;
mod misc;
mod paths;
mod paths_as_kernel;
mod racing;
mod waiting;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasmaot_abi::types::ValType;

use super::functions;
use super::types::{oflags, right};
use crate::errno::Errno;
use crate::{HostEnv, Input, Output, OutputBuffer};
use wasmaot_runtime::Val;
use wasmaot_runtime::{Caller, HostError, HostFunction};

/// Size of a guest's memory.
const MEMORY: usize = 1 << 20;
/// Where functions are told to store their answers.
const OUT: u64 = 16;
/// The first granted directory.
const ROOT: u64 = 3;
/// Rights as a guest asks for when it opens a file or a directory.
const FILE: u64 = right::FILE;
const READ: u64 = right::FILE & !right::FD_WRITE;
const DIRECTORY: u64 = right::DIRECTORY;

struct Guest {
    functions: HashMap<String, HostFunction>,
    memory: Vec<u8>,
    next: usize,
    stdout: OutputBuffer,
    outer: TempDir,
}

impl Guest {
    /// A guest that is granted the directory `granted` in a temporary one.
    fn new() -> Self {
        Self::with(|env| env)
    }

    fn with(change: impl FnOnce(HostEnv) -> HostEnv) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let granted = outer.path().join("granted");
        std::fs::create_dir(&granted).unwrap();
        std::fs::write(outer.path().join("secret"), "secret").unwrap();
        let stdout = OutputBuffer::new();
        let env = HostEnv::new()
            .args(["program", "-x"])
            .env("HOME", "/")
            .env("EMPTY", "")
            .stdin(Input::Bytes(b"given".to_vec()))
            .stdout(Output::Buffer(stdout.clone()))
            .preopen(&granted, "/data")
            .unwrap();
        let functions = functions(change(env));
        Self {
            functions: functions.iter().map(|f| (f.name.clone(), f)).collect(),
            memory: vec![0; MEMORY],
            next: 4096,
            stdout,
            outer,
        }
    }

    /// A guest that is granted a directory and no streams.
    fn in_directory(granted: &Path) -> Self {
        let env = HostEnv::new().preopen(granted, "/data").unwrap();
        Self {
            functions: functions(env).iter().map(|f| (f.name.clone(), f)).collect(),
            memory: vec![0; 1 << 14],
            next: 4096,
            stdout: OutputBuffer::new(),
            outer: tempfile::tempdir().unwrap(),
        }
    }

    /// Another thread of the same program, with a memory of its own.
    fn thread(&self) -> Self {
        Self {
            functions: self.functions.clone(),
            memory: vec![0; MEMORY],
            next: 4096,
            stdout: self.stdout.clone(),
            outer: tempfile::tempdir().unwrap(),
        }
    }

    /// Path of a file on the host.
    fn host(&self, name: &str) -> PathBuf {
        self.outer.path().join("granted").join(name)
    }

    /// A directory that is not granted.
    fn outside(&self) -> &Path {
        self.outer.path()
    }

    fn call_raw(&mut self, name: &str, args: &[u64]) -> Result<Vec<Val>, HostError> {
        let function = &self.functions[name];
        assert_eq!(args.len(), function.ty().params.len(), "{name}");
        let types = function.ty().params.iter();
        let args: Vec<Val> = types
            .zip(args)
            .map(|(&ty, &arg)| Val::from_bits(ty, arg.into()))
            .collect();
        let zero = |&ty: &ValType| Val::from_bits(ty, 0);
        let mut results: Vec<Val> = function.ty().results.iter().map(zero).collect();
        let mut caller = Caller::of_memory(&mut self.memory);
        function.call(&mut caller, &args, &mut results)?;
        Ok(results)
    }

    /// Calls a function that answers an error number.
    fn call(&mut self, name: &str, args: &[u64]) -> Result<(), Errno> {
        match self.call_raw(name, args).unwrap()[..] {
            [Val::I32(0)] => Ok(()),
            [Val::I32(number)] => Err(Errno(number.try_into().unwrap())),
            _ => panic!("{name} has other results"),
        }
    }

    /// Puts bytes into fresh memory.
    fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.next;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        self.next = (at + bytes.len()).next_multiple_of(8);
        at as u64
    }

    /// Pointer and length of a text.
    fn text(&mut self, text: &str) -> [u64; 2] {
        [self.put(text.as_bytes()), text.len() as u64]
    }

    /// A list of iovecs.
    fn iovecs(&mut self, list: &[(u64, u64)]) -> [u64; 2] {
        let words = list.iter().flat_map(|&(ptr, len)| [ptr as u32, len as u32]);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        [self.put(&bytes), list.len() as u64]
    }

    fn u32_at(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    fn u64_at(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    fn bytes(&self, at: u64, len: u64) -> &[u8] {
        &self.memory[at as usize..(at + len) as usize]
    }

    /// Opens without following a link at the end, with full inheriting rights.
    fn open(&mut self, path: &str, how: u32, base: u64) -> Result<u64, Errno> {
        self.open_with(ROOT, 0, path, how, base, 0)
    }

    fn open_with(
        &mut self,
        fd: u64,
        lookup: u64,
        path: &str,
        how: u32,
        base: u64,
        flags: u32,
    ) -> Result<u64, Errno> {
        let [ptr, len] = self.text(path);
        let inheriting = if base == DIRECTORY { right::ALL } else { 0 };
        let args = [
            fd,
            lookup,
            ptr,
            len,
            how.into(),
            base,
            inheriting,
            flags.into(),
            OUT,
        ];
        self.call("path_open", &args)?;
        Ok(self.u32_at(OUT).into())
    }

    /// Makes a file with contents and gives a descriptor at its start.
    fn file(&mut self, name: &str, contents: &str) -> u64 {
        std::fs::write(self.host(name), contents).unwrap();
        self.open(name, 0, FILE).unwrap()
    }

    fn write(&mut self, fd: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let ptr = self.put(bytes);
        let [list, count] = self.iovecs(&[(ptr, bytes.len() as u64)]);
        self.call("fd_write", &[fd, list, count, OUT])?;
        Ok(self.u32_at(OUT))
    }

    fn read(&mut self, fd: u64, len: u64) -> Result<Vec<u8>, Errno> {
        let ptr = self.put(&vec![0; len as usize]);
        let [list, count] = self.iovecs(&[(ptr, len)]);
        self.call("fd_read", &[fd, list, count, OUT])?;
        let done = self.u32_at(OUT).into();
        Ok(self.bytes(ptr, done).to_vec())
    }

    fn seek(&mut self, fd: u64, offset: i64, whence: u64) -> Result<u64, Errno> {
        self.call("fd_seek", &[fd, offset.cast_unsigned(), whence, OUT])?;
        Ok(self.u64_at(OUT))
    }

    /// Calls a function of a descriptor and a path.
    fn at(&mut self, name: &str, path: &str) -> Result<(), Errno> {
        let [ptr, len] = self.text(path);
        self.call(name, &[ROOT, ptr, len])
    }
}

/// The wasm types by the witx definition, spelt out: `i`, `I` for 32 and 64 bits.
const TYPES: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("sched_yield", ""),
    ("random_get", "ii"),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

#[test]
fn every_function_has_its_type() {
    let functions: Vec<_> = functions(HostEnv::new()).iter().collect();
    // Beside them, the one of another proposal.
    let (functions, others): (Vec<_>, Vec<_>) = functions
        .into_iter()
        .partition(|f| f.module == "wasi_snapshot_preview1");
    let others = others
        .iter()
        .map(|f| format!("{}.{} {}", f.module, f.name, f.ty()));
    assert_eq!(
        others.collect::<Vec<_>>(),
        ["wasi.thread-spawn (i32) -> (i32)"]
    );
    assert_eq!(functions.len(), TYPES.len());
    for (name, params) in TYPES {
        let function = functions.iter().find(|f| f.name == *name);
        let function = function.unwrap_or_else(|| panic!("{name} is missing"));
        let spelt: String = function
            .ty()
            .params
            .iter()
            .map(|ty| if *ty == ValType::I32 { 'i' } else { 'I' })
            .collect();
        assert_eq!(spelt, *params, "{name}");
        let results = if *name == "proc_exit" { 0 } else { 1 };
        assert_eq!(function.ty().results, vec![ValType::I32; results], "{name}");
    }
}

/// Calls every function with pointers that lead out of memory or just to its
/// end, and with small and huge numbers: each has to answer, whatever it is.
#[test]
fn no_argument_makes_a_function_panic() {
    const VALUES: [u64; 8] = [
        0,
        1,
        ROOT,
        4,
        MEMORY as u64 - 1,
        MEMORY as u64,
        u32::MAX as u64,
        u64::MAX,
    ];
    let mut state = 1_u64;
    for (name, params) in TYPES {
        // Waiting for what never comes is no panic either, but takes long.
        if *name == "poll_oneoff" {
            continue;
        }
        for fill in [0, b'a', 0xff] {
            let mut guest = Guest::new();
            guest.memory.fill(fill);
            std::fs::write(guest.host("file"), "contents").unwrap();
            guest.open("file", 0, READ).unwrap();
            for _ in 0..500 {
                let args = params.chars().map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                    VALUES[(state >> 60) as usize % VALUES.len()]
                });
                let args: Vec<u64> = args.collect();
                let _ = guest.call_raw(name, &args);
            }
        }
    }
}

#[test]
fn values_of_other_types_are_refused() {
    let guest = Guest::new();
    let close = &guest.functions["fd_close"];
    let mut memory = [];
    let mut caller = Caller::of_memory(&mut memory);
    for args in [&[][..], &[Val::I64(3)], &[Val::I32(3), Val::I32(3)]] {
        let mut results = [Val::I32(0)];
        let refused = close.call(&mut caller, args, &mut results);
        assert!(matches!(refused, Err(HostError::Message(_))));
    }
    let refused = close.call(&mut caller, &[Val::I32(99)], &mut []);
    assert!(matches!(refused, Err(HostError::Message(_))));
}

/// Creating, with nothing else.
const CREAT: u32 = oflags::CREAT;
