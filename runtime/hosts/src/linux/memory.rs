//! The program's memory: `brk`, and mappings, which are copies.

use std::ops::Range;

use super::call::{Call, DONE};
use super::error::{Error, Result};
use super::numbers::Abi;
use super::space::{Linear, PAGE, Space, page_up};
use super::table::Kind;
use crate::lock::lock;
use crate::memory::Span;
use crate::wait::interruptible;
use wasmaot_runtime::Caller;

/// Bytes by which memories grow.
const WASM_PAGE: u64 = 1 << 16;
const MAP_SHARED: u32 = 1;
const MAP_SHARED_VALIDATE: u32 = 3;
const MAP_TYPE: u32 = 15;
const MAP_FIXED: u32 = 0x10;
const MAP_ANONYMOUS: u32 = 0x20;
const MAP_FIXED_NOREPLACE: u32 = 0x0010_0000;
const PROT_WRITE: u32 = 2;
const MREMAP_MAYMOVE: u32 = 1;
const MREMAP_FIXED: u32 = 2;
const MADV_DONTNEED: i32 = 4;

impl Linear for Caller<'_> {
    fn size(&mut self) -> u64 {
        self.view().len()
    }

    fn grow(&mut self, bytes: u64) -> Option<Range<u64>> {
        let bytes = bytes.checked_next_multiple_of(WASM_PAGE)?;
        let old = self.grow_memory(bytes)?;
        Some(old..old + bytes)
    }

    fn zero(&mut self, range: Range<u64>) {
        // What was given lies in memory.
        let len = range.end.saturating_sub(range.start);
        let _ = self.view().fill(range.start, len, 0);
    }
}

/// Works on the addresses of the caller's memory.
fn with_space<T>(call: &mut Call<'_>, work: impl FnOnce(&mut Space, &mut Caller<'_>) -> T) -> T {
    let caller = &mut call.caller;
    let id = caller.memory_id();
    let is_known = lock(&call.state.spaces).contains_key(&id);
    // The process is asked, for which other threads may be waiting: before the lock.
    let heap_base = match is_known {
        true => None,
        false => caller.heap_base(),
    };
    let mut spaces = lock(&call.state.spaces);
    let space = spaces.entry(id);
    let space = space.or_insert_with(|| Space::new(heap_base, caller));
    work(space, caller)
}

/// `brk`
pub(super) fn brk(call: &mut Call<'_>) -> Result {
    let wanted = call.uint(0).into();
    Ok(with_space(call, |space, caller| space.brk(wanted, caller)))
}

/// `mmap`: on i386 its arguments are in memory.
pub(super) fn mmap(call: &mut Call<'_>) -> Result {
    let offset = match call.abi {
        Abi::X86_64 => call.args[5],
        Abi::I386 => {
            let at = call.uint(0);
            let words: [u8; 24] = call.memory().read(at)?;
            for (arg, word) in call.args.iter_mut().zip(words.chunks_exact(4)) {
                *arg = u32::from_le_bytes(word.try_into().map_err(|_| Error::EFAULT)?).into();
            }
            call.args[5]
        }
    };
    map(call, offset)
}

/// `mmap2`: the offset in pages.
pub(super) fn mmap2(call: &mut Call<'_>) -> Result {
    let offset = u64::from(call.uint(5)) * PAGE;
    map(call, offset)
}

/// Maps memory or a copy of a file's.
fn map(call: &mut Call<'_>, offset: u64) -> Result {
    let (address, len) = (u64::from(call.uint(0)), u64::from(call.uint(1)));
    let (protection, flags) = (call.uint(2), call.uint(3));
    if len == 0 || !offset.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    let file = if flags & MAP_ANONYMOUS != 0 {
        None
    } else {
        let shared = matches!(flags & MAP_TYPE, MAP_SHARED | MAP_SHARED_VALIDATE);
        if shared && protection & PROT_WRITE != 0 {
            // What the program writes could not reach the file.
            return Err(Error::ENODEV);
        }
        Some(call.open_file(call.int(4))?)
    };
    let bytes = page_up(len).ok_or(Error::ENOMEM)?;
    let fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0;
    let range = address..address.saturating_add(bytes);
    if fixed && !address.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    let replace = flags & MAP_FIXED_NOREPLACE == 0;
    let at = with_space(call, |space, caller| {
        if !fixed {
            space.map(bytes, caller).ok_or(Error::ENOMEM)
        } else if !replace && space.meets_mapped(&range) {
            Err(Error::EEXIST)
        } else if space.map_at(range, caller) {
            Ok(address)
        } else {
            Err(Error::ENOMEM)
        }
    })?;
    let Some(open) = file else {
        return Ok(at);
    };
    let span = Span {
        // Pages that are given lie below 4 GiB, and so does their end.
        ptr: at as u32,
        len: len as u32,
    };
    match read_in(call, &open.kind, span, offset) {
        Ok(()) => Ok(at),
        Err(error) => {
            with_space(call, |space, caller| space.unmap(&(at..at + bytes), caller));
            Err(error)
        }
    }
}

/// Reads a part of a file, as much of it as there is.
fn read_in(call: &mut Call<'_>, kind: &Kind, mut span: Span, mut offset: u64) -> Result<()> {
    let Kind::File { file, .. } = kind else {
        return Err(Error::ENODEV);
    };
    while span.len != 0 {
        let buffer = call.memory().buffer(span)?;
        let done = interruptible(|| buffer.read_from(file, Some(offset)))?;
        if done == 0 {
            break;
        }
        offset += done as u64;
        // No more than the buffer, which lies in memory.
        span.ptr += done as u32;
        span.len -= done as u32;
    }
    Ok(())
}

/// Whole pages from an argument, of the length that the next one is.
fn pages(call: &Call<'_>) -> Result<Range<u64>> {
    let (start, len) = (u64::from(call.uint(0)), u64::from(call.uint(1)));
    let bytes = page_up(len).ok_or(Error::EINVAL)?;
    if !start.is_multiple_of(PAGE) {
        return Err(Error::EINVAL);
    }
    Ok(start..start + bytes)
}

/// `munmap`
pub(super) fn munmap(call: &mut Call<'_>) -> Result {
    let range = pages(call)?;
    if range.is_empty() {
        return Err(Error::EINVAL);
    }
    with_space(call, |space, caller| space.unmap(&range, caller));
    DONE
}

/// `mremap`
pub(super) fn mremap(call: &mut Call<'_>) -> Result {
    let old = pages(call)?;
    let (bytes, flags) = (u64::from(call.uint(2)), call.uint(3));
    if bytes == 0 || old.is_empty() || flags & MREMAP_FIXED != 0 {
        return Err(Error::EINVAL);
    }
    let may_move = flags & MREMAP_MAYMOVE != 0;
    with_space(call, |space, caller| {
        if !space.is_mapped(&old) {
            return Err(Error::EFAULT);
        }
        let new = space.remap(&old, bytes, may_move, caller);
        let new = new.ok_or(Error::ENOMEM)?;
        if new != old.start {
            let view = caller.view();
            let copied = view.copy_within(old.start, new, old.end - old.start);
            copied.map_err(|_| Error::EFAULT)?;
            space.unmap(&old, caller);
        }
        Ok(new)
    })
}

/// `madvise`: advice is not taken, except for what promises zeros.
pub(super) fn madvise(call: &mut Call<'_>) -> Result {
    let range = pages(call)?;
    if call.int(2) == MADV_DONTNEED {
        with_space(call, |space, caller| {
            if space.is_mapped(&range) {
                caller.zero(range);
                DONE
            } else {
                Err(Error::ENOMEM)
            }
        })
    } else {
        DONE
    }
}
