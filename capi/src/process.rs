//! Processes.

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_int};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use wasmaot::{Config, Engine, EngineConfig, HostEnv, Process, wasi};

use crate::border::{self, Text, text};

/// `wasmaot_process`.
pub struct wasmaot_process {
    /// Whether somebody has it.
    busy: AtomicBool,
    inner: UnsafeCell<Process>,
    engine: Engine,
}

/// `wasmaot_options`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wasmaot_options {
    size: usize,
    library_path: *const *const c_char,
    library_paths: usize,
    max_memory: u64,
    max_table: u64,
    stack_size: u64,
    wasi: u32,
    max_threads: u32,
}

/// Makes a process; `wasmaot_process_new`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_process_new(
    options: *const wasmaot_options,
) -> *mut wasmaot_process {
    border::new(|| {
        let mut config = Config {
            // Callbacks in C are for one thread, unless it is said that they are not.
            max_threads: 1,
            ..Config::default()
        };
        let mut engine = EngineConfig::new();
        let mut env = None;
        // SAFETY: options that are not null are whole.
        if let Ok(options) = unsafe { border::reference(options, "options") } {
            if options.size != size_of::<wasmaot_options>() {
                return Err("options.size is not sizeof(wasmaot_options)".to_owned());
            }
            // SAFETY: an array of as many strings as is said, all zero-terminated.
            engine = engine.library_path(unsafe { paths(options) }?);
            let given = [
                (options.max_memory, &mut config.max_memory),
                (options.max_table, &mut config.max_table),
                (options.stack_size, &mut config.stack_size),
            ];
            for (given, option) in given.into_iter().filter(|(given, _)| *given != 0) {
                *option = given;
            }
            config.max_threads = options.max_threads.max(1);
            env = match options.wasi {
                0 => None,
                1 => Some(HostEnv::new()),
                2 => Some(HostEnv::new().inherit_stdio()),
                other => return Err(format!("{other} is no value of options.wasi")),
            };
        }
        let engine = Engine::new(engine);
        let mut process = Process::new(&engine, config, ()).map_err(text)?;
        if let Some(env) = env {
            process.add_functions(wasi::functions(env));
        }
        Ok(wasmaot_process {
            busy: AtomicBool::new(false),
            inner: UnsafeCell::new(process),
            engine,
        })
    })
}

/// The directories of options.
///
/// # Safety
/// They are an array of as many strings as they say.
unsafe fn paths(options: &wasmaot_options) -> Result<Vec<PathBuf>, Text> {
    const WHAT: &str = "options.library_path";
    // SAFETY: the caller's contract.
    let paths = unsafe { border::slice(options.library_path, options.library_paths, WHAT) }?;
    let mut found = Vec::new();
    for &path in paths {
        // SAFETY: the caller's contract.
        found.push(unsafe { border::string(path, WHAT) }?.into());
    }
    Ok(found)
}

/// Gives a process back; `wasmaot_process_free`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_process_free(process: *mut wasmaot_process) {
    if process.is_null() {
        return;
    }
    // SAFETY: the header: not freed yet.
    let idle = border::status(|| unsafe { with(process, |_, _| Ok(())) });
    if idle == 0 {
        // SAFETY: the header: made by `wasmaot_process_new`, and given up now.
        // Nobody else has it: it was idle, and no other thread may use it.
        unsafe { border::free(process) };
    }
}

/// Runs `f` with a process and its engine, if nobody has it.
///
/// # Safety
/// The process is null or alive.
pub(crate) unsafe fn with<R>(
    process: *mut wasmaot_process,
    f: impl FnOnce(&mut Process, &Engine) -> Result<R, Text>,
) -> Result<R, Text> {
    /// Gives the process back, also after a panic.
    struct Release<'a>(&'a AtomicBool);
    impl Drop for Release<'_> {
        fn drop(&mut self) {
            self.0.store(false, Ordering::Release);
        }
    }
    // SAFETY: the caller's contract; what is in the cell is not referred to.
    let process = unsafe { border::reference(process, "process") }?;
    if process.busy.swap(true, Ordering::Acquire) {
        return Err(
            "the process is in use: by another thread, or by the call that led here".to_owned(),
        );
    }
    let _release = Release(&process.busy);
    // SAFETY: whoever has the process has set `busy`, and only then refers to
    // what is in the cell; it was not set, and is until the reference is gone.
    let inner = unsafe { &mut *process.inner.get() };
    f(inner, &process.engine)
}

/// The same for a function that answers 0 or -1.
///
/// # Safety
/// As of [`with`].
pub(crate) unsafe fn status(
    process: *mut wasmaot_process,
    f: impl FnOnce(&mut Process) -> Result<(), Text>,
) -> c_int {
    // SAFETY: the caller's contract.
    border::status(|| unsafe { with(process, |process, _| f(process)) })
}
