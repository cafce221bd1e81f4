//! Where a thread's own state is found: what it costs compiled code.

use std::arch::asm;
use std::ptr;

use anyhow::{Result, ensure};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect};
use wasmaot_lab::interleave::{Contestant, Series, compete, timed};

use super::kernels::{BEFORE, GLOBALS, PLACES, STACK_POINTER, WHAT, WINDOW, enter};

/// The places, in the order of [`PLACES`].
pub const NAMES: [&str; 5] = [
    "one thread: r15-8, globals in .data",
    "(a) behind the stack pointer",
    "(a) globals by base and index",
    "(b) behind %gs",
    "(c) a view of memory per thread",
];

/// Bytes of the memory, and the shadow stack pointer: not at the end of a page, where the context's word is.
const MEMORY: usize = 1 << 16;
const SHADOW_STACK: u32 = 0xf800;

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// What all kernels run in; never given back.
#[derive(Clone, Copy)]
struct Ground {
    stack: *mut u8,
    memory: *mut u8,
    view: *mut u8,
}

/// A window with a stack and a state, a state for `%gs`, and a memory with a second view of it.
fn ground() -> Result<Ground> {
    let window = WINDOW as usize;
    let reserve = |len| {
        // SAFETY: new addresses, of which nothing is accessible yet.
        unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE) }
    };
    let open = |at: *mut u8, len| {
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: within a reservation that `reserve` made and nobody else has.
        unsafe { mprotect(at.cast(), len, access) }
    };
    let start = reserve(2 * window)?.cast::<u8>();
    let block = start.map_addr(|at| at.next_multiple_of(window));
    let (below, of_stack) = (2 * GLOBALS as usize, 1 << 20);
    let end = block.wrapping_add(window);
    open(block, below)?;
    open(end.wrapping_sub(of_stack), of_stack)?;
    let segment = reserve(below)?.cast::<u8>();
    open(segment, below)?;
    let before = BEFORE as usize;
    let file = memfd_create("memory", MemfdFlags::CLOEXEC)?;
    ftruncate(&file, MEMORY as u64)?;
    let view = || -> Result<*mut u8> {
        let memory = reserve(before + MEMORY)?.cast::<u8>().wrapping_add(before);
        open(memory.wrapping_sub(before), before)?;
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: replaces pages of the reservation just made.
        unsafe { mmap(memory.cast(), MEMORY, READ_WRITE, flags, &file, 0)? };
        Ok(memory)
    };
    let (memory, view) = (view()?, view()?);
    let states = [
        block.wrapping_add(STACK_POINTER as usize),
        segment.wrapping_add(STACK_POINTER as usize),
        memory.wrapping_sub(8),
        view.wrapping_sub(before - STACK_POINTER as usize),
    ];
    for state in states {
        // SAFETY: an aligned word of the pages made accessible above.
        unsafe { state.cast::<u32>().write(SHADOW_STACK) };
    }
    set_segment(segment)?;
    Ok(Ground {
        stack: end,
        memory,
        view,
    })
}

/// Makes an address the base of `%gs` in this thread: `arch_prctl(ARCH_SET_GS)`.
fn set_segment(base: *mut u8) -> Result<()> {
    let mut result: isize = 158;
    // SAFETY: the system call changes the base of %gs alone, which neither Rust nor the C library uses.
    unsafe {
        asm!("syscall", inout("rax") result, in("rdi") 0x1001, in("rsi") base,
             out("rcx") _, out("r11") _, options(nostack));
    }
    ensure!(result == 0, "arch_prctl: error {}", -result);
    Ok(())
}

/// Of each kernel the series of all places, in turn.
pub fn measure(rounds: usize, n: u32) -> Result<Vec<Vec<Series>>> {
    let ground = ground()?;
    let series = WHAT.iter().enumerate().map(|(what, name)| {
        let mut contestants: Vec<Contestant> = NAMES
            .iter()
            .zip(PLACES)
            .map(|(place, kernels)| {
                let kernel = kernels[what];
                let memory = match place.starts_with("(c)") {
                    true => ground.view,
                    false => ground.memory,
                };
                let run = move |n| {
                    // SAFETY: `ground` made the memory, the stack and the states of all places.
                    Ok(unsafe { enter(kernel, n, memory, ground.stack) }.cast_signed())
                };
                Contestant::new(*place, Ok(timed(run)))
            })
            .collect();
        compete(&mut contestants, n, rounds, &mut |place| {
            crate::progress(&format!("{name}: {place}"));
        })
    });
    let series = series.collect();
    crate::progress("");
    Ok(series)
}
