//! What libgcc's unwinder asks of glibc alone.

use std::ffi::{c_int, c_void};
use std::ptr;

use libc::{PF_X, PT_GNU_EH_FRAME, PT_LOAD};

use crate::start::{__ehdr_start, own_headers};

/// What is told of the object that contains an address: `struct dl_find_object` of
/// glibc's `<dlfcn.h>`, as it is on machines without a base for data.
#[repr(C)]
pub struct FoundObject {
    flags: u64,
    start: *const c_void,
    end: *const c_void,
    link_map: *const c_void,
    eh_frame: *const c_void,
    reserved: [u64; 7],
}

/// Tells of the loader, which is the only object of its process that the unwinder may
/// ask about: code of wasm modules is unwound by the runtime. Answers 0, or -1 for
/// another address.
///
/// # Safety
/// There is room for the answer.
// SAFETY: the name is no function of musl's.
#[unsafe(no_mangle)]
unsafe extern "C" fn _dl_find_object(address: *const c_void, found: *mut FoundObject) -> c_int {
    let start = &raw const __ehdr_start as usize;
    let mut code = 0..0;
    let mut eh_frame_header = 0;
    // SAFETY: by now the headers are where the auxiliary vector says.
    for header in unsafe { own_headers() } {
        let first = start + header.p_vaddr as usize;
        match header.p_type {
            PT_LOAD if header.p_flags & PF_X != 0 => {
                code = first..first + header.p_memsz as usize;
            }
            PT_GNU_EH_FRAME => eh_frame_header = first,
            _ => {}
        }
    }
    if !code.contains(&(address as usize)) {
        return -1;
    }
    let object = FoundObject {
        flags: 0,
        start: code.start as *const c_void,
        end: code.end as *const c_void,
        link_map: ptr::null(),
        eh_frame: eh_frame_header as *const c_void,
        reserved: [0; 7],
    };
    // SAFETY: the caller's contract.
    unsafe { found.write(object) };
    0
}
