//! Opening libraries by the functions of `dyninfo` programs: `dlopen` and
//! `dlsym` on the global scope, and the parts of which a program makes a
//! `dlopen` of its own: modules from bytes in its memory, placed where its own
//! allocator says.

use std::sync::Arc;

use super::functions::{fail, string};
use super::open::OpenFlags;
use super::symbol::Scope;
use super::{DlError, functions};
use crate::arch::IMAGE_ALIGN;
use crate::error::OutOfBounds;
use crate::host::{Caller, HostError};
use crate::link;
use crate::object::Object;
use crate::process::{Given, Process};

/// The import module.
pub(crate) const MODULE: &str = "thinthin";

/// A function of 32-bit words.
pub(crate) type Function = fn(&mut Caller<'_>, &[u32]) -> Result<u32, HostError>;

/// The function of a name and number of parameters.
pub(crate) fn find(name: &str, params: usize) -> Option<Function> {
    Some(match (name, params) {
        ("dlopen", 1) => dlopen,
        ("dlsym", 1) => |caller, args| dlsym(caller, None, args[0]),
        ("dlsym", 2) => |caller, args| dlsym(caller, Some(args[0]), args[1]),
        ("dlload", 3) => dlload,
        ("dlreaddep", 3) => dlreaddep,
        ("dlinstantiate", 2) => dlinstantiate,
        _ => return None,
    })
}

/// The handle of a given module: unlike that of any opened library.
const fn handle(number: usize) -> u32 {
    (number as u32) << 4 | 8
}

fn given(process: &mut Process, module: u32) -> Result<&mut Given, DlError> {
    let number = (module & 15 == 8).then_some(module as usize >> 4);
    let found = number.and_then(|n| process.dl.given.get_mut(n));
    found.ok_or(DlError::Handle(module))
}

const GLOBAL: OpenFlags = OpenFlags {
    global: true,
    no_load: false,
    no_delete: false,
    deepbind: false,
    now: false,
};

/// Opens a library for all: its handle, or 0.
fn dlopen(caller: &mut Caller<'_>, args: &[u32]) -> Result<u32, HostError> {
    let name = string(caller, args[0])?;
    let process = caller.process_mut()?;
    let main = process.main();
    let by = process.caller().map_or(main, Ok);
    let opened = by.and_then(|by| process.open_for(by, &name, GLOBAL));
    let id = fail(process, opened)?;
    let number = id.and_then(|id| process.link.instances.number(id));
    Ok(number.map_or(0, |n| functions::handle(process.link.instances[n].serial)))
}

/// Looks a symbol up, in all that the caller sees or in one module: its value,
/// or 0.
fn dlsym(caller: &mut Caller<'_>, module: Option<u32>, symbol: u32) -> Result<u32, HostError> {
    let symbol = string(caller, symbol)?;
    let process = caller.process_mut()?;
    let found = scope(process, module).and_then(|scope| process.symbol_in(scope, &symbol));
    Ok(fail(process, found)?.unwrap_or(0) as u32)
}

fn scope(process: &mut Process, module: Option<u32>) -> Result<Scope, DlError> {
    let Some(module) = module else {
        let main = process.main();
        return process.caller().map_or(main, Ok).map(Scope::Default);
    };
    let serial = match given(process, module) {
        Ok(given) => given.serial,
        Err(_) => return process.of_handle(module).map(Scope::Library),
    };
    let number = serial.and_then(|s| process.link.instances.of_serial(s));
    number.map(Scope::Library).ok_or(DlError::Handle(module))
}

/// Why bytes of the caller's memory cannot be read or written.
fn outside(OutOfBounds { at, bytes, .. }: OutOfBounds) -> HostError {
    HostError::Message(format!(
        "{bytes} bytes at {at:#x} are outside of the memory"
    ))
}

/// Writes into the caller's memory.
fn write(caller: &mut Caller<'_>, at: u32, bytes: &[u8]) -> Result<(), HostError> {
    caller.view().write(at.into(), bytes).map_err(outside)
}

/// Makes a module of bytes: a handle, or 0; and how much memory it is to be
/// given, with what it takes to align it.
fn dlload(caller: &mut Caller<'_>, args: &[u32]) -> Result<u32, HostError> {
    let (at, len) = (args[0].into(), args[1].into());
    caller.view().check(at, len).map_err(outside)?;
    let process = caller.process_mut()?;
    let name = format!("dlload-{}.wasm", process.dl.given.len());
    let fits = process.space.budget.fits(args[1].into());
    let full = || {
        DlError::Load(crate::Error::MemoryLimit {
            file: name.clone(),
            what: "the module and its object are more than the process may use".to_owned(),
        })
    };
    if fail(process, fits.then_some(()).ok_or_else(full))?.is_none() {
        return Ok(0);
    }
    let wasm = caller.view().read_vec(at, len).map_err(outside)?;
    let process = caller.process_mut()?;
    let object =
        process.with_dl(|process| process.with_finder_alone(|finder| finder.module(&name, &wasm)));
    let object = object.and_then(|made| made);
    let Some(object) = fail(process, object.map_err(DlError::Load))? else {
        return Ok(0);
    };
    // It stays for as long as the process.
    let owner = Arc::as_ptr(&object).addr() as u64;
    let kept = process
        .space
        .budget
        .take(owner, object.bytes().len() as u64);
    if fail(process, kept.then_some(()).ok_or_else(full))?.is_none() {
        return Ok(0);
    }
    let needed = needed_memory(&object) as u32;
    let number = process.dl.given.len();
    process.dl.given.push(Given {
        object,
        serial: None,
    });
    if args[2] != 0 {
        write(caller, args[2], &needed.to_le_bytes())?;
    }
    Ok(handle(number))
}

fn needed_memory(object: &Object) -> u64 {
    let placement = object.info().placement.unwrap_or_default();
    match object.image_end().max(placement.memory_size.into()) {
        0 => 0,
        bytes => bytes + IMAGE_ALIGN - 1,
    }
}

/// Writes the names of the libraries that a module needs, each with a zero at
/// its end, as far as there is room; how many bytes they are.
fn dlreaddep(caller: &mut Caller<'_>, args: &[u32]) -> Result<u32, HostError> {
    let process = caller.process_mut()?;
    let found = given(process, args[0]).map(|g| Arc::clone(&g.object));
    let Some(object) = fail(process, found)? else {
        return Ok(0);
    };
    let names = object.needed().iter();
    let text: Vec<u8> = names.flat_map(|n| n.bytes().chain([0])).collect();
    let room = text.len().min(args[2] as usize);
    write(caller, args[1], &text[..room])?;
    Ok(text.len() as u32)
}

/// Loads a module into memory that the program has for it: 1, or 0. What it
/// needs has to be there, or what refers to it waits.
fn dlinstantiate(caller: &mut Caller<'_>, args: &[u32]) -> Result<u32, HostError> {
    let [module, memory] = [args[0], args[1]];
    let process = caller.process_mut()?;
    let done = instantiate(process, module, memory);
    Ok(fail(process, done)?.map_or(0, |()| 1))
}

fn instantiate(process: &mut Process, module: u32, memory: u32) -> Result<(), DlError> {
    if process.dl.busy {
        return Err(DlError::Busy);
    }
    let given = given(process, module)?;
    if given.serial.is_some() {
        return Err(DlError::Instantiated(module));
    }
    let object = Arc::clone(&given.object);
    let at = u64::from(memory).next_multiple_of(IMAGE_ALIGN);
    process.zero(memory, needed_memory(&object), &object)?;
    let group = link::placed(process.view(), object, at);
    let ready = process.load(group)?;
    let first = ready.first();
    let instance = &mut process.link.instances[first];
    // Nobody can close it.
    instance.refs.always = true;
    let serial = instance.serial;
    if let Some(given) = process.dl.given.get_mut(module as usize >> 4) {
        given.serial = Some(serial);
    }
    process.initialise(&ready, true)?;
    Ok(())
}

impl Process {
    /// Clears memory that a program gives a module: it may have been used.
    fn zero(&mut self, at: u32, bytes: u64, object: &Object) -> Result<(), DlError> {
        let domain = self.link.program.as_ref().ok_or(DlError::NoProgram)?.domain;
        let memory = self.space.domains[domain].view();
        memory.fill(at.into(), bytes, 0).map_err(|_| {
            DlError::Load(crate::Error::Limit {
                file: object.path().display().to_string(),
                what: format!("{bytes} bytes at {at:#x} are outside of the memory"),
                remedy: "give dlinstantiate as much memory as dlload says",
            })
        })
    }
}
