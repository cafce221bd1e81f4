//! The interface by which debuggers learn of code that no system loader has
//! mapped: GDB's "JIT compilation interface", which lldb has too.
//!
//! A debugger looks for the two symbols below by their names, puts a breakpoint
//! at the function, and reads the list behind the other when it is called.

use std::ptr;
use std::sync::{Mutex, PoisonError};

/// An entry of the list; the layout is the interface's.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    file: *const u8,
    size: u64,
}

/// The head of the list; the layout is the interface's.
#[repr(C)]
#[allow(missing_docs)]
pub struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

/// What [`Descriptor::action`] says.
const NOTHING: u32 = 0;
const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

/// The list of files for debuggers to read.
// SAFETY: the name is the interface's. A program has one such list: what else
// defines one fails to link.
#[unsafe(no_mangle)]
#[used]
pub static mut __jit_debug_descriptor: Descriptor = Descriptor {
    version: 1,
    action: NOTHING,
    relevant: ptr::null_mut(),
    first: ptr::null_mut(),
};

/// Where debuggers put their breakpoint. It is called when the list has changed.
// SAFETY: as above.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn __jit_debug_register_code() {
    // A function that does something is not left out, nor shared with another.
    std::hint::black_box(&raw const __jit_debug_descriptor);
}

/// Guards the list; debuggers read it while all threads stand.
static LIST: Mutex<()> = Mutex::new(());

/// Whether a debugger has put its breakpoint, which is this instruction.
pub(crate) fn is_debugger_listening<const N: usize>(breakpoint: [u8; N]) -> bool {
    let code = __jit_debug_register_code as *const () as *const [u8; N];
    // SAFETY: the first instruction of a function's code, which is mapped and
    // readable, and has as many bytes.
    unsafe { code.read_volatile() == breakpoint }
}

/// A file that debuggers see, as long as this lives.
#[derive(Debug)]
pub(crate) struct Registered {
    entry: *mut Entry,
    /// What the entry names.
    _file: Box<[u8]>,
}

// SAFETY: the entry is reached under the lock of the list alone.
unsafe impl Send for Registered {}
// SAFETY: as above; a shared reference leads to nothing.
unsafe impl Sync for Registered {}

impl Registered {
    /// Shows a file to debuggers.
    pub fn new(file: Vec<u8>) -> Self {
        let file = file.into_boxed_slice();
        let entry = Box::into_raw(Box::new(Entry {
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
            file: file.as_ptr(),
            size: file.len() as u64,
        }));
        let _guard = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the entry is new, and all others are in the list and so alive; the
        // lock makes this the only access. The file is as long-lived as the entry.
        unsafe {
            let first = __jit_debug_descriptor.first;
            (*entry).next = first;
            if !first.is_null() {
                (*first).previous = entry;
            }
            __jit_debug_descriptor.first = entry;
        }
        tell(REGISTER, entry);
        Self { entry, _file: file }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _guard = LIST.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the entry is in the list, as its neighbours are; the lock makes
        // this the only access.
        unsafe {
            let (next, previous) = ((*self.entry).next, (*self.entry).previous);
            if !next.is_null() {
                (*next).previous = previous;
            }
            match previous.is_null() {
                true => __jit_debug_descriptor.first = next,
                false => (*previous).next = next,
            }
        }
        tell(UNREGISTER, self.entry);
        // SAFETY: made by `Box::into_raw`, and no longer in the list.
        drop(unsafe { Box::from_raw(self.entry) });
    }
}

/// Tells debuggers what has been done with an entry; under the list's lock.
fn tell(action: u32, entry: *mut Entry) {
    // SAFETY: the caller has the lock, so nothing else reaches the descriptor.
    unsafe {
        (&raw mut __jit_debug_descriptor.action).write_volatile(action);
        (&raw mut __jit_debug_descriptor.relevant).write_volatile(entry);
    }
    __jit_debug_register_code();
    // SAFETY: as above.
    unsafe {
        (&raw mut __jit_debug_descriptor.action).write_volatile(NOTHING);
        (&raw mut __jit_debug_descriptor.relevant).write_volatile(ptr::null_mut());
    }
}

/// The memory that debuggers read of the list: address and content of its head, of its
/// entries, and of their files.
pub(crate) fn parts() -> Vec<(u64, Vec<u8>)> {
    let _guard = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::new();
    // SAFETY: the head and what is in the list are alive and whole as long as the lock is
    // held; nothing writes to them.
    unsafe {
        let head = &raw const __jit_debug_descriptor;
        found.push(copy(head.cast(), size_of::<Descriptor>()));
        let mut entry = (*head).first;
        while !entry.is_null() {
            found.push(copy(entry.cast_const().cast(), size_of::<Entry>()));
            found.push(copy((*entry).file, (*entry).size as usize));
            entry = (*entry).next;
        }
    }
    found
}

/// Copies bytes, with their address.
///
/// # Safety
/// They are readable, and nothing writes to them.
unsafe fn copy(from: *const u8, bytes: usize) -> (u64, Vec<u8>) {
    let mut content = vec![0; bytes];
    // SAFETY: the caller's contract; the vector is new and as long.
    unsafe { ptr::copy_nonoverlapping(from, content.as_mut_ptr(), bytes) };
    (from.expose_provenance() as u64, content)
}
