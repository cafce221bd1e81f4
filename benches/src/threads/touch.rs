//! The first touch of a memory by several threads, with one view of it and with one for each.

use std::fs;
use std::ptr;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use wasmaot_lab::interleave::cpu_time_of_all_threads;

/// Threads that touch the memory.
pub const THREADS: usize = 8;
const PAGE: usize = 4096;

/// Who touches what.
pub const WHO: [&str; 2] = ["each thread an eighth", "each thread all of it"];
/// How the memory is mapped.
pub const HOW: [&str; 3] = [
    "one view, no file",
    "one view of a memfd",
    "eight views of a memfd",
];

/// What one touch of all the memory took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Touch {
    /// Wall time, in milliseconds.
    pub wall: f64,
    /// CPU time of all threads, in milliseconds.
    pub cpu: f64,
    /// Page faults.
    pub faults: f64,
    /// Kilobytes of page tables.
    pub tables: f64,
}

/// Touches `len` bytes that nobody touched before.
pub fn touch(who: usize, how: usize, len: usize) -> Result<Touch> {
    let file = memfd_create("memory", MemfdFlags::CLOEXEC)?;
    ftruncate(&file, len as u64)?;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    let map = || {
        match how {
            // SAFETY: new addresses.
            0 => unsafe { mmap_anonymous(ptr::null_mut(), len, access, MapFlags::PRIVATE) },
            // SAFETY: new addresses, of a file that nobody makes shorter.
            _ => unsafe { mmap(ptr::null_mut(), len, access, MapFlags::SHARED, &file, 0) },
        }
    };
    let views = if how == 2 { THREADS } else { 1 };
    let views: Vec<usize> = (0..views)
        .map(|_| Ok(map()?.expose_provenance()))
        .collect::<Result<_>>()?;
    let barrier = Barrier::new(THREADS + 1);
    let (before, faults) = (of_this_process("VmPTE:")?, faults()?);
    let (wall, cpu) = thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, view) = (&barrier, views[thread % views.len()]);
            let part = len / THREADS;
            let range = match who {
                0 => thread * part..(thread + 1) * part,
                _ => 0..len,
            };
            scope.spawn(move || {
                barrier.wait();
                for at in range.step_by(PAGE) {
                    let byte = ptr::with_exposed_provenance_mut::<u8>(view + at + thread);
                    // SAFETY: in the view, and each thread has a byte of its own in every page.
                    unsafe { byte.write_volatile(1) };
                }
                barrier.wait();
            });
        }
        barrier.wait();
        let (wall, cpu) = (Instant::now(), cpu_time_of_all_threads());
        barrier.wait();
        (wall.elapsed(), cpu_time_of_all_threads() - cpu)
    });
    let touched = Touch {
        wall: wall.as_secs_f64() * 1e3,
        cpu: cpu.as_secs_f64() * 1e3,
        faults: (self::faults()? - faults) as f64,
        tables: (of_this_process("VmPTE:")? - before) as f64,
    };
    for view in views {
        // SAFETY: made above, and nothing refers to it any more.
        unsafe { munmap(ptr::with_exposed_provenance_mut(view), len)? };
    }
    Ok(touched)
}

/// A number of /proc/self/status.
fn of_this_process(name: &str) -> Result<i64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.with_context(|| format!("no {name}"))?.parse()?)
}

/// Page faults of this process that read nothing from a disk.
fn faults() -> Result<i64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // What follows the name in parentheses begins with the third field; the tenth is wanted.
    let rest = stat.rsplit(") ").next().unwrap_or_default();
    Ok(rest.split(' ').nth(7).context("no minor faults")?.parse()?)
}
