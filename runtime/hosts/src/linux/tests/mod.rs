//! Calls the functions as a program does, on a memory of its own and in a
//! temporary directory.

mod files;
mod hostile;
mod misc;
mod racing;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU8;

use tempfile::TempDir;

use super::error::Error;
use super::functions;
use super::numbers::{Abi, Sys};
use crate::{HostEnv, Input, Output, OutputBuffer};
use wasmaot_runtime::Val;
use wasmaot_runtime::{Caller, HostError, HostFunction};

/// Size of a program's memory.
const MEMORY: usize = 1 << 18;
/// Where calls are told to store their answers.
const OUT: u64 = 64;
/// `AT_FDCWD`.
const HERE: u64 = super::mount::AT_FDCWD as u64;

struct Program {
    functions: HashMap<String, HostFunction>,
    abi: Abi,
    memory: Vec<u8>,
    next: usize,
    stdout: OutputBuffer,
    outer: TempDir,
}

impl Program {
    /// A program that is granted the directory `granted` in a temporary one,
    /// as `/data`.
    fn new(abi: Abi) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let granted = outer.path().join("granted");
        std::fs::create_dir(&granted).unwrap();
        std::fs::write(outer.path().join("secret"), "secret").unwrap();
        let stdout = OutputBuffer::new();
        let env = HostEnv::new()
            .args(["program", "-x"])
            .env("HOME", "/")
            .stdin(Input::Bytes(b"given".to_vec()))
            .stdout(Output::Buffer(stdout.clone()))
            .preopen(&granted, "/data")
            .unwrap();
        Self::of(abi, outer, stdout, env)
    }

    /// A program that is granted a directory as `/`.
    fn in_directory(abi: Abi, granted: &std::path::Path) -> Self {
        let env = HostEnv::new().preopen(granted, "/").unwrap();
        let outer = tempfile::tempdir().unwrap();
        let mut program = Self::of(abi, outer, OutputBuffer::new(), env);
        program.memory.truncate(1 << 14);
        program
    }

    fn of(abi: Abi, outer: TempDir, stdout: OutputBuffer, env: HostEnv) -> Self {
        let functions = functions(env);
        Self {
            functions: functions.iter().map(|f| (f.name.clone(), f)).collect(),
            abi,
            memory: vec![0; MEMORY],
            next: 4096,
            stdout,
            outer,
        }
    }

    /// Another thread of the same program, with a memory of its own.
    fn thread(&self) -> Self {
        Self {
            functions: self.functions.clone(),
            abi: self.abi,
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

    /// Makes a call by its number in the program's table.
    fn run(&mut self, sys: Sys, args: &[u64]) -> Result<i64, HostError> {
        let (functions, abi) = (&self.functions, self.abi);
        run(
            functions,
            abi,
            Caller::of_memory(&mut self.memory),
            sys,
            args,
        )
    }

    /// Makes a call with a memory that other threads use: its answer, or the
    /// error number.
    fn run_shared(&self, memory: &[AtomicU8], sys: Sys, args: &[u64]) -> Result<u64, i32> {
        let caller = Caller::of_shared_memory(memory);
        let answer = run(&self.functions, self.abi, caller, sys, args).unwrap();
        u64::try_from(answer).map_err(|_| -answer as i32)
    }

    /// Makes a call and gives its answer, or the error number.
    fn call(&mut self, sys: Sys, args: &[u64]) -> Result<u64, i32> {
        let answer = self.run(sys, args).unwrap();
        u64::try_from(answer).map_err(|_| -answer as i32)
    }

    /// Puts bytes into fresh memory.
    fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.next;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        self.next = (at + bytes.len()).next_multiple_of(8);
        at as u64
    }

    /// Puts a text with its zero.
    fn text(&mut self, text: &str) -> u64 {
        self.put(&[text.as_bytes(), &[0]].concat())
    }

    fn bytes(&self, at: u64, len: u64) -> &[u8] {
        &self.memory[at as usize..(at + len) as usize]
    }

    fn u32_at(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    fn u64_at(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    /// Opens a path.
    fn open(&mut self, path: &str, flags: u32) -> Result<u64, i32> {
        let path = self.text(path);
        self.call(Sys::openat, &[HERE, path, flags.into(), 0o644])
    }

    /// Reads up to so many bytes.
    fn read(&mut self, fd: u64, len: u64) -> Result<Vec<u8>, i32> {
        let done = self.call(Sys::read, &[fd, OUT, len])?;
        Ok(self.bytes(OUT, done).to_vec())
    }

    /// Writes bytes.
    fn write(&mut self, fd: u64, bytes: &[u8]) -> Result<u64, i32> {
        let at = self.put(bytes);
        self.call(Sys::write, &[fd, at, bytes.len() as u64])
    }
}

/// Makes a call by its number in a table.
fn run(
    functions: &HashMap<String, HostFunction>,
    abi: Abi,
    mut caller: Caller<'_>,
    sys: Sys,
    args: &[u64],
) -> Result<i64, HostError> {
    let mut words = [0; 7];
    words[0] = sys.number(abi).unwrap().into();
    words[1..=args.len()].copy_from_slice(args);
    let (name, value): (_, fn(u64) -> Val) = match abi {
        Abi::I386 => ("__syscall6", |word| Val::I32(word as u32 as i32)),
        Abi::X86_64 => ("__wasm_syscall", |word| Val::I64(word as i64)),
    };
    let mut results = [value(0)];
    functions[name].call(&mut caller, &words.map(value), &mut results)?;
    Ok(match results[0] {
        Val::I32(answer) => answer.into(),
        Val::I64(answer) => answer,
        _ => panic!("no integer"),
    })
}

/// Programs that use one table and the other.
fn each() -> impl Iterator<Item = Program> {
    [Abi::I386, Abi::X86_64].into_iter().map(Program::new)
}

/// The number of an error.
fn number(error: Error) -> i32 {
    match error {
        Error::Number(number) => number,
        Error::End(_) => panic!("no number"),
    }
}
