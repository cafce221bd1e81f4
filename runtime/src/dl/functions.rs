//! `<dlfcn.h>` and `<link.h>` for wasm programs: host functions of the module
//! `env`, with 32-bit pointers.

use std::sync::Arc;

use super::exit;
use super::open::OpenFlags;
use super::symbol::Scope;
use super::{DlError, MODULE};
use crate::error::Error;
use crate::host::host_entry;
use crate::host::{Caller, HostEntry, HostError, HostLibrary};
use crate::process::{Process, heap};
use wasmaot_abi::name::ENV;

/// `RTLD_DEFAULT` and `RTLD_NEXT`.
const DEFAULT: u32 = 0;
const NEXT: u32 = u32::MAX;

const FUNCTIONS: &[HostEntry<()>] = &[
    host_entry!((), ENV, "dlopen", dlopen),
    host_entry!((), ENV, "dlsym", dlsym),
    host_entry!((), ENV, "dlvsym", dlvsym),
    host_entry!((), ENV, "dlclose", dlclose),
    host_entry!((), ENV, "dlerror", dlerror),
    host_entry!((), ENV, "dladdr", super::info::dladdr),
    host_entry!((), ENV, "dl_iterate_phdr", super::info::dl_iterate_phdr),
    host_entry!((), MODULE, "__cxa_atexit", exit::cxa_atexit),
    host_entry!((), MODULE, "atexit", exit::atexit),
    host_entry!((), MODULE, "at_end", exit::at_end),
    host_entry!((), MODULE, "at_quick_exit", exit::at_quick_exit),
    host_entry!((), MODULE, exit::THREAD_ATEXIT[0], exit::thread_atexit::<0>),
    host_entry!((), MODULE, exit::THREAD_ATEXIT[1], exit::thread_atexit::<1>),
];

/// The functions.
pub(crate) fn functions() -> HostLibrary {
    HostLibrary::new(FUNCTIONS, || ())
}

/// The handle of the instance of a serial number: never a null pointer, -1, or
/// that of another in the same process.
pub(super) const fn handle(serial: u64) -> u32 {
    (serial as u32) << 4
}

impl Process {
    /// The open library of a handle.
    pub(super) fn of_handle(&self, value: u32) -> Result<usize, DlError> {
        let number = self.link.instances.find(|i| handle(i.serial) == value);
        let open = |&n: &usize| {
            let refs = self.link.instances[n].refs;
            refs.opened > 0 || refs.always
        };
        number.filter(open).ok_or(DlError::Handle(value))
    }
}

/// Longest name, as wasm has it: no module exports a longer one.
const MAX_NAME: usize = 100_000;

/// A zero-terminated string of the program.
pub(super) fn string(caller: &mut Caller<'_>, at: u32) -> Result<String, HostError> {
    let text = caller.view().read_text(at.into(), MAX_NAME + 1);
    let text = text.map_err(|looked_at| {
        let what = match looked_at {
            0..=MAX_NAME => "has no end in memory".to_owned(),
            _ => format!("is longer than {MAX_NAME} bytes"),
        };
        HostError::Message(format!("a string at {at:#x} that {what}"))
    })?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Keeps an error for `dlerror`.
pub(super) fn fail<T>(
    process: &mut Process,
    result: Result<T, DlError>,
) -> Result<Option<T>, HostError> {
    match result {
        Ok(value) => Ok(Some(value)),
        // A constructor that stopped has stopped the program.
        Err(DlError::Load(error @ Error::Init { .. })) => Err(error.into()),
        Err(error) => {
            let thread = process.thread_number();
            process.dl.errors.entry(thread).or_default().next = Some(error.to_string());
            Ok(None)
        }
    }
}

fn dlopen(caller: &mut Caller<'_>, name: u32, mode: u32) -> Result<u32, HostError> {
    let name = match name {
        0 => None,
        at => Some(string(caller, at)?),
    };
    let process = caller.process_mut()?;
    let opened = open(process, name, mode);
    // That a library is not there is no error when asked whether it is.
    if let (Err(DlError::NotLoaded(_)), true) = (&opened, mode & 4 != 0) {
        return Ok(0);
    }
    Ok(fail(process, opened)?.map_or(0, handle))
}

/// Opens a library for the program: its serial number.
fn open(process: &mut Process, name: Option<String>, mode: u32) -> Result<u64, DlError> {
    let flags = OpenFlags::from_mode(mode)?;
    let main = process.main()?;
    let id = match name {
        Some(name) if !name.is_empty() => {
            let by = process.caller().unwrap_or(main);
            process.open_for(by, &name, flags)?
        }
        _ => process.link.instances.id(main),
    };
    let number = process.link.instances.number(id).ok_or(DlError::Closed)?;
    Ok(process.link.instances[number].serial)
}

fn dlsym(caller: &mut Caller<'_>, library: u32, name: u32) -> Result<u32, HostError> {
    let name = string(caller, name)?;
    find_symbol(caller, library, &name)
}

fn dlvsym(
    caller: &mut Caller<'_>,
    library: u32,
    name: u32,
    version: u32,
) -> Result<u32, HostError> {
    let name = format!("{}@{}", string(caller, name)?, string(caller, version)?);
    find_symbol(caller, library, &name)
}

fn find_symbol(caller: &mut Caller<'_>, library: u32, name: &str) -> Result<u32, HostError> {
    let process = caller.process_mut()?;
    let found = process.with_dl(|process| {
        let scope = scope(process, library)?;
        process.symbol_in(scope, name)
    });
    let found = found.map_err(DlError::Load).flatten();
    Ok(fail(process, found)?.unwrap_or(0) as u32)
}

fn scope(process: &Process, library: u32) -> Result<Scope, DlError> {
    let caller = || match process.caller() {
        Some(number) => Ok(number),
        None => process.main(),
    };
    match library {
        DEFAULT => caller().map(Scope::Default),
        NEXT => caller().map(Scope::Next),
        library => process.of_handle(library).map(Scope::Library),
    }
}

fn dlclose(caller: &mut Caller<'_>, library: u32) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    let closed = process.with_dl(|process| match process.of_handle(library) {
        // The program itself is always open.
        Ok(number) if process.link.instances[number].refs.opened == 0 => Ok(Ok(())),
        Ok(number) => process.close_number(number),
        Err(error) => Ok(Err(error)),
    })?;
    let closed = closed.map_err(HostError::from)?;
    Ok(match fail(process, closed)? {
        Some(()) => 0,
        None => -1,
    })
}

fn dlerror(caller: &mut Caller<'_>) -> Result<u32, HostError> {
    let process = caller.process_mut()?;
    let thread = process.thread_number();
    let gone: Vec<u32> = process.dl.errors.keys().copied().collect();
    let gone = gone
        .into_iter()
        .filter(|&n| !process.shared.threads.is_running(n));
    for thread in gone.chain([thread]).collect::<Vec<_>>() {
        let errors = process.dl.errors.get_mut(&thread);
        if let Some(block) = errors.and_then(|errors| errors.told.take()) {
            heap::release(process, block);
        }
    }
    let running = Arc::clone(&process.shared);
    process
        .dl
        .errors
        .retain(|&n, _| running.threads.is_running(n));
    let errors = process.dl.errors.get_mut(&thread);
    let Some(error) = errors.and_then(|errors| errors.next.take()) else {
        return Ok(0);
    };
    let domain = (process.caller()).map(|caller| process.link.instances[caller].domain);
    let domain = domain.or_else(|| process.link.program.as_ref().map(|p| p.domain));
    let block = match domain.map(|domain| process.place_text(domain, &error)) {
        Some(Ok(block)) => block,
        // An allocator that stopped has stopped the program.
        Some(Err(error @ Error::Init { .. })) => return Err(error.into()),
        // A program whose memory is full gets no text; that is no reason to
        // end it.
        Some(Err(_)) | None => return Ok(0),
    };
    let at = block.at as u32;
    process.dl.errors.entry(thread).or_default().told = Some(block);
    Ok(at)
}
