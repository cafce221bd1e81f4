//! The host's stack of a thread: how much of it is left.

use std::cell::OnceCell;
use std::mem::MaybeUninit;
use std::ops::Range;

/// As much of a host's stack has to be left where a host function, or the
/// loader, calls wasm code that may call a host function again; half of it on
/// a thread whose whole stack is not twice as large.
pub(crate) const RESERVE: u64 = 1 << 20;

/// Whether less is left of this thread's stack than a nested call may need.
pub(crate) fn is_low() -> bool {
    thread_local! {
        static STACK: OnceCell<Range<u64>> = const { OnceCell::new() };
    }
    let here = here();
    STACK.with(|stack| {
        let stack = stack.get_or_init(|| bounds().unwrap_or_else(|| assumed(here)));
        let reserve = RESERVE.min((stack.end - stack.start) / 2);
        // On a stack that is not the thread's own nothing is known.
        stack.contains(&here) && here - stack.start < reserve
    })
}

/// An address in the stack that is used now.
#[inline(never)]
fn here() -> u64 {
    let local = 0u8;
    std::hint::black_box(&raw const local).addr() as u64
}

/// What is there at least if the system does not say where the stack is.
fn assumed(here: u64) -> Range<u64> {
    here.saturating_sub(2 * RESERVE)..here + 1
}

/// Where the system has put the stack of this thread. Of the main thread's it
/// reads a list of mappings, which is why nobody asks who does not need to.
fn bounds() -> Option<Range<u64>> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut start = std::ptr::null_mut();
    let mut bytes = 0;
    // SAFETY: `pthread_getattr_np` fills the attributes where it succeeds;
    // they are read then, and destroyed.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let mut attributes = attributes.assume_init();
        let read = libc::pthread_attr_getstack(&attributes, &mut start, &mut bytes);
        libc::pthread_attr_destroy(&mut attributes);
        (read == 0).then_some(())?;
    }
    let start = start.addr() as u64;
    Some(start..start.checked_add(bytes as u64)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep() -> u32 {
        let room = std::hint::black_box([1u8; 4096]);
        match is_low() {
            true => 0,
            false => deep() + u32::from(room[7]),
        }
    }

    #[test]
    fn recursion_ends_in_time_on_stacks_of_any_size() {
        for kib in [64, 256, 2048, 16384] {
            let thread = std::thread::Builder::new().stack_size(kib << 10);
            // It may be larger than it was asked for, by the size of pages.
            let run = || (deep(), bounds().expect("the system says where it is"));
            let (depth, stack) = thread.spawn(run).unwrap().join().unwrap();
            let (depth, bytes) = (u64::from(depth), stack.end - stack.start);
            assert!(depth * 4096 <= bytes, "{depth} of {bytes} bytes");
            assert!(depth > kib as u64 / 32, "{depth} of {kib} KiB");
        }
    }
}
