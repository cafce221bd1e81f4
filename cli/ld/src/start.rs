//! How the loader was started, which the kernel says in the auxiliary vector.
//!
//! For a program that names the loader as its interpreter, the vector describes
//! that program. The C library of a static program takes what it reads there for
//! its own, thread-local storage among it; so the vector is changed before the C
//! library reads it ([`arch`](crate::arch)), and what the kernel has said is kept.

use std::ffi::{CStr, OsStr, c_char};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::slice;
use std::sync::atomic::Ordering;

use libc::{
    AT_EXECFN, AT_PHDR, AT_PHNUM, AT_SECURE, Elf64_Ehdr, Elf64_Phdr, PF_R, PF_X, PT_INTERP,
    PT_LOAD, getauxval,
};

use crate::arch::PROGRAM;

unsafe extern "C" {
    /// The loader's own header, which the linker names.
    pub safe static __ehdr_start: Elf64_Ehdr;
}

/// Whether the process has rights that whoever started it has not: by a file that
/// is set-uid or set-gid or has capabilities.
pub fn is_privileged() -> bool {
    // SAFETY: it reads what the kernel has left.
    unsafe { getauxval(AT_SECURE) != 0 }
}

/// The path by which the process was started.
pub fn path() -> &'static Path {
    // SAFETY: the kernel leaves a text there, for as long as the process is.
    let text = unsafe {
        match getauxval(AT_EXECFN) as *const c_char {
            text if text.is_null() => c"",
            text => CStr::from_ptr(text),
        }
    };
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

/// A program whose interpreter the loader is, as the kernel has mapped it.
pub struct Program {
    /// The first bytes of its file.
    pub head: &'static [u8],
    /// The path by which it names the loader.
    pub interpreter: &'static Path,
}

/// The program whose interpreter the loader is.
pub fn program() -> Option<Program> {
    /// As many bytes are there in any case.
    const PAGE: usize = 4096;
    let [headers, count] = PROGRAM.each_ref().map(|word| word.load(Ordering::Relaxed));
    if headers == 0 {
        return None;
    }
    // SAFETY: the kernel has read the headers there, and mapped what they say: of a
    // file's first page all, and the path to its end.
    unsafe {
        let headers = slice::from_raw_parts(headers as *const Elf64_Phdr, count);
        let first = headers
            .iter()
            .find(|h| h.p_type == PT_LOAD && h.p_offset == 0)?;
        let start = headers.as_ptr() as usize & !(PAGE - 1);
        let interpreter = headers.iter().find(|h| h.p_type == PT_INTERP)?;
        let path = (start + (interpreter.p_vaddr - first.p_vaddr) as usize) as *const u8;
        let path = slice::from_raw_parts(path, interpreter.p_filesz as usize);
        let path = path.strip_suffix(b"\0").unwrap_or(path);
        Some(Program {
            head: slice::from_raw_parts(start as *const u8, PAGE.min(first.p_filesz as usize)),
            interpreter: Path::new(OsStr::from_bytes(path)),
        })
    }
}

/// Has the kernel map the loader's code at once, which is spread over more pages than
/// it would map at each fault, and give glibc's heap the pages that loading a program
/// takes; musl has no heap yet. A kernel that knows neither says so, and faults are as
/// they are.
pub fn touch() {
    const PAGE: usize = 4096;
    // SAFETY: the pages are the loader's own, and stay as they are: the kernel maps
    // what an access would have it map.
    unsafe {
        let start = &raw const __ehdr_start as usize;
        for header in own_headers() {
            if header.p_type == PT_LOAD && header.p_flags & PF_X != 0 {
                let first = (start + header.p_vaddr as usize) & !(PAGE - 1);
                let end = start + (header.p_vaddr + header.p_memsz) as usize;
                libc::madvise(first as *mut _, end - first, libc::MADV_POPULATE_READ);
            }
        }
    }
    #[cfg(not(musl))]
    {
        /// What a small program has the loader allocate.
        const HEAP: usize = 128 << 10;
        // SAFETY: as above. The heap ends where the break is.
        unsafe {
            let end = libc::sbrk(0) as usize & !(PAGE - 1);
            let _ = libc::madvise((end - HEAP) as *mut _, HEAP, libc::MADV_POPULATE_WRITE);
        }
    }
}

/// The loader's program headers.
///
/// # Safety
/// The kernel, or the first instructions, have left them where they say.
pub unsafe fn own_headers() -> &'static [Elf64_Phdr] {
    // SAFETY: the caller's contract.
    unsafe {
        let headers = getauxval(AT_PHDR) as *const Elf64_Phdr;
        slice::from_raw_parts(headers, getauxval(AT_PHNUM) as usize)
    }
}

/// A segment of the loader's own file.
pub struct Segment {
    /// Its bytes.
    pub bytes: &'static [u8],
    /// Where they are in the file.
    pub offset: u64,
}

/// The last one that is loaded, if it is read-only: objects are there.
pub fn last_segment() -> Option<Segment> {
    // SAFETY: the headers are the loader's own, and the kernel has mapped what they
    // say; nobody writes to what is read-only.
    unsafe {
        let headers = own_headers();
        let loaded = |header: &&Elf64_Phdr| header.p_type == PT_LOAD;
        let last = headers.iter().rev().find(loaded)?;
        if last.p_flags != PF_R {
            return None;
        }
        let start = &raw const __ehdr_start as usize + last.p_vaddr as usize;
        Some(Segment {
            bytes: slice::from_raw_parts(start as *const u8, last.p_filesz as usize),
            offset: last.p_offset,
        })
    }
}
