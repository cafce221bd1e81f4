//! What compiled code, the code between it and the host, and the runtime hand to each
//! other: the same on each machine, but for the registers.

use std::sync::atomic::{AtomicPtr, Ordering};

use wasmaot_abi::types::{FuncType, ValType};

/// The part of vector registers that travels.
#[repr(u64)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// No vector register holds a value.
    None = 0,
    /// Their lower halves: `f32`, `f64`.
    Scalars = 1,
    /// All of them: `v128`.
    Whole = 2,
}

/// An entry into wasm code: what `enter` is given and gives back, with the machine's own
/// registers.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry<R> {
    /// Arguments, then results.
    pub regs: R,
    /// Address of the function.
    pub code: u64,
    /// Value of the pinned register.
    pub base: u64,
    /// Top of the wasm stack to use, a multiple of 16.
    pub wasm_sp: u64,
    /// The stack arguments' words.
    pub stack_args: *const u64,
    /// Number of them, even.
    pub stack_words: u64,
    /// Address of the process's head, whose `host_sp` is set.
    pub head: u64,
    /// Set by `enter`: the host stack pointer that `leave` starts from.
    pub host_sp: u64,
    /// What of the vector registers holds arguments.
    pub vec_args: Vectors,
    /// What of them holds results.
    pub vec_results: Vectors,
}

/// What a stub calls of a host function: the first of what it refers to.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct HostEntries {
    /// Takes the arguments as they are, then base and the address of the slot.
    pub(super) direct: AtomicPtr<()>,
    /// Takes base, slot, registers and stack arguments; 0, or 1 for an error.
    pub(super) spilled: AtomicPtr<()>,
}

impl HostEntries {
    /// Two functions.
    pub const fn new(direct: *const (), spilled: *const ()) -> Self {
        Self {
            direct: AtomicPtr::new(direct.cast_mut()),
            spilled: AtomicPtr::new(spilled.cast_mut()),
        }
    }

    /// Puts others in their place.
    pub fn set(&self, direct: *const (), spilled: *const ()) {
        self.spilled.store(spilled.cast_mut(), Ordering::Release);
        self.direct.store(direct.cast_mut(), Ordering::Release);
    }

    /// The second one.
    pub fn spilled(&self) -> *const () {
        self.spilled.load(Ordering::Acquire)
    }
}

/// Where code goes on after a throw.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resume {
    /// The handler.
    pub code: u64,
    /// Its frame pointer.
    pub bp: u64,
    /// Its stack pointer.
    pub sp: u64,
    /// Its pinned register.
    pub base: u64,
    /// The exception.
    pub exception: u64,
}

/// Number of general parameters of a function whose host function takes the
/// arguments as they are; `None` if it takes them from memory. `ints`: how many general
/// ones C has in registers, less two for base and slot.
pub(super) fn direct_ints(ty: &FuncType, ints: usize) -> Option<usize> {
    const VECS: usize = 8;
    let count = |vector: bool| {
        let of_class = |ty: &&ValType| ty.is_vector_class() == vector;
        ty.params.iter().filter(of_class).count()
    };
    let mut all = ty.params.iter().chain(&ty.results);
    let fits = count(false) <= ints
        && count(true) <= VECS
        && ty.results.len() <= 1
        // A vector is passed as two integers in C.
        && !all.any(|&ty| ty == ValType::V128);
    fits.then(|| count(false))
}
