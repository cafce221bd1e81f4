//! Libraries: opening and closing, exports, memories.

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::Arc;

use wasmaot::abi::info::LinkingAbi;
use wasmaot::{Engine, ExportType, Instance, Library, Object, OpenFlags, Process};

use crate::border::{self, Text, text};
use crate::process::{self, wasmaot_process};

/// `wasmaot_library`.
pub struct wasmaot_library {
    pub(crate) instance: Instance,
    /// `None` of a module that stays until the process ends.
    handle: Option<Library>,
}

/// Opens what `object` gives.
///
/// # Safety
/// The process is null or alive.
unsafe fn open(
    process: *mut wasmaot_process,
    mode: c_int,
    object: impl FnOnce(&Engine) -> Result<Arc<Object>, Text>,
) -> *mut wasmaot_library {
    border::new(|| {
        let mode = u32::try_from(mode).map_err(|_| format!("{mode} is no mode"))?;
        let flags = OpenFlags::from_mode(mode).map_err(text)?;
        let open = |process: &mut Process, engine: &Engine| {
            let object = object(engine)?;
            if object.info().abi == LinkingAbi::Core {
                let instance = process.instantiate(&object, None).map_err(text)?;
                let handle = None;
                return Ok(wasmaot_library { instance, handle });
            }
            let library = process.open_object(&object, flags).map_err(text)?;
            Ok(wasmaot_library {
                instance: *library,
                handle: Some(library),
            })
        };
        // SAFETY: the caller's contract.
        unsafe { process::with(process, open) }
    })
}

/// Opens a module; `wasmaot_open`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_open(
    process: *mut wasmaot_process,
    file: *const c_char,
    mode: c_int,
) -> *mut wasmaot_library {
    let object = |engine: &Engine| {
        // SAFETY: the header: a string.
        let file = unsafe { border::string(file, "file") }?;
        engine.open(file).map_err(text)
    };
    // SAFETY: the header: the process is alive.
    unsafe { open(process, mode, object) }
}

/// Opens a module in memory; `wasmaot_open_bytes`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_open_bytes(
    process: *mut wasmaot_process,
    name: *const c_char,
    module: *const c_void,
    bytes: usize,
    mode: c_int,
) -> *mut wasmaot_library {
    let object = |engine: &Engine| {
        // SAFETY: the header: a string.
        let name = unsafe { border::string(name, "name") }?;
        // SAFETY: the header: so many bytes.
        let module = unsafe { border::slice(module.cast::<u8>(), bytes, "module") }?;
        engine.compile(name, module).map_err(text)
    };
    // SAFETY: the header: the process is alive.
    unsafe { open(process, mode, object) }
}

/// Opens a built object; `wasmaot_open_native`.
///
/// # Safety
/// As the header says: the file is trusted native code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_open_native(
    process: *mut wasmaot_process,
    file: *const c_char,
    mode: c_int,
) -> *mut wasmaot_library {
    let object = |engine: &Engine| {
        // SAFETY: the header: a string.
        let file = unsafe { border::string(file, "file") }?;
        // SAFETY: the header: whoever calls this trusts the file as an executable.
        unsafe { engine.load_object(file) }.map_err(text)
    };
    // SAFETY: the header: the process is alive.
    unsafe { open(process, mode, object) }
}

/// Closes a library; `wasmaot_close`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_close(
    process: *mut wasmaot_process,
    library: *mut wasmaot_library,
) -> c_int {
    if library.is_null() {
        return 0;
    }
    // SAFETY: the header: it was opened and is given up now.
    let library = unsafe { Box::from_raw(library) };
    let close = |process: &mut Process| match library.handle {
        Some(handle) => handle.close(process).map_err(text),
        None => Ok(()),
    };
    // SAFETY: the header: the process is alive.
    unsafe { process::status(process, close) }
}

/// Does something with an open library: 0, or -1 with the error kept.
///
/// # Safety
/// Both are null or alive.
unsafe fn on_library(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    action: impl FnOnce(&mut Process, Instance) -> Result<(), Text>,
) -> c_int {
    let action = |process: &mut Process| {
        // SAFETY: the caller's contract.
        let library = unsafe { border::reference(library, "library") }?;
        action(process, library.instance)
    };
    // SAFETY: the caller's contract.
    unsafe { process::status(process, action) }
}

/// The address of data; `wasmaot_sym_data`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_sym_data(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    name: *const c_char,
    address: *mut u64,
) -> c_int {
    let find = |process: &mut Process, library: Instance| {
        // SAFETY: the header: a string.
        let name = unsafe { border::string(name, "name") }?;
        // SAFETY: the header: room for the result.
        let address = unsafe { border::place(address, "address") }?;
        let kind = process
            .exports(library)
            .map_err(text)?
            .find(|export| export.name == name)
            .map(|export| export.ty.kind());
        if let Some(kind) = kind.filter(|&kind| kind != ExportType::Data.kind()) {
            return Err(format!("{name}: is a {kind}, which has no address here"));
        }
        *address = process.symbol(library, name).map_err(text)?;
        Ok(())
    };
    // SAFETY: the header: an open library of a living process.
    unsafe { on_library(process, library, find) }
}

/// The type of an export in a listing; of data there is none.
fn type_text(ty: &ExportType) -> String {
    let text = ty.to_string();
    let rest = text.strip_prefix(ty.kind()).unwrap_or_default();
    rest.trim_start().to_owned()
}

/// Called with each export: its name, kind and type.
type Visit =
    unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, *const c_char) -> c_int;

/// Visits the exports; `wasmaot_exports`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_exports(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    visit: Option<Visit>,
    data: *mut c_void,
) -> c_int {
    let collect = |process: &mut Process, _: &Engine| {
        // SAFETY: the header: an open library.
        let library = unsafe { border::reference(library, "library") }?;
        let exports = process.exports(library.instance).map_err(text)?;
        let texts = exports.map(|export| {
            let ty = type_text(&export.ty);
            [&*export.name, export.ty.kind(), &ty].map(|text| {
                // A name with a zero in it ends there, for C.
                let end = text.find('\0').unwrap_or(text.len());
                CString::new(&text[..end]).unwrap_or_default()
            })
        });
        Ok(texts.collect::<Vec<_>>())
    };
    border::run(-1, || {
        let visit = visit.ok_or_else(|| border::null("visit"))?;
        // The process is free again while C has the exports.
        // SAFETY: the header: the process is alive.
        for [name, kind, ty] in unsafe { process::with(process, collect) }? {
            // SAFETY: the header: a function that takes strings.
            let answer = unsafe { visit(data, name.as_ptr(), kind.as_ptr(), ty.as_ptr()) };
            if answer != 0 {
                return Ok(answer);
            }
        }
        Ok(0)
    })
}

/// Size of a memory; `wasmaot_memory_size`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_memory_size(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    bytes: *mut u64,
) -> c_int {
    let ask = |process: &mut Process, library: Instance| {
        // SAFETY: the header: room for the result.
        let bytes = unsafe { border::place(bytes, "bytes") }?;
        *bytes = process.memory(library).map_err(text)?.len() as u64;
        Ok(())
    };
    // SAFETY: the header: an open library of a living process.
    unsafe { on_library(process, library, ask) }
}

/// Reads from a memory; `wasmaot_read`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_read(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    address: u64,
    to: *mut c_void,
    bytes: usize,
) -> c_int {
    let read = |process: &mut Process, library: Instance| {
        // SAFETY: the header: room for so many bytes, which are written whole.
        let to = unsafe { border::slice_mut(to.cast::<u8>(), bytes, "to") }?;
        let from = process.read(library, address, bytes as u64);
        to.copy_from_slice(&from.map_err(text)?);
        Ok(())
    };
    // SAFETY: the header: an open library of a living process.
    unsafe { on_library(process, library, read) }
}

/// Writes into a memory; `wasmaot_write`.
///
/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasmaot_write(
    process: *mut wasmaot_process,
    library: *const wasmaot_library,
    address: u64,
    from: *const c_void,
    bytes: usize,
) -> c_int {
    let write = |process: &mut Process, library: Instance| {
        // SAFETY: the header: so many bytes.
        let from = unsafe { border::slice(from.cast::<u8>(), bytes, "from") }?;
        process.write(library, address, from).map_err(text)
    };
    // SAFETY: the header: an open library of a living process.
    unsafe { on_library(process, library, write) }
}
