//! The registers of a thread in a core file.

use super::{FloatState, Registers};
use crate::arch::core_note;

/// Bytes of the system's `struct elf_prstatus`.
const STATUS: usize = 392;

/// The notes of a thread: its registers, and those of vectors where they are known.
pub(crate) fn core_notes(
    registers: &Registers,
    vectors: Option<&FloatState>,
    signal: i32,
    number: u32,
) -> Vec<u8> {
    // The system's order is DWARF's: x0 to x30, sp, pc.
    let registers = registers.0.iter().copied();
    let vectors = vectors.map(|FloatState(words)| &words[..]);
    core_note::of_thread(STATUS, registers, vectors, signal, number)
}
