//! The registers of a thread in a core file.

use super::{FloatState, Registers};
use crate::arch::core_note;

/// Where DWARF's registers are in the system's order, which begins with r15.
const ORDER: [Option<usize>; 27] = {
    let mut order = [None; 27];
    // r15 to r12, rbp, rbx, r11 to r8, rax, rcx, rdx, rsi, rdi.
    let dwarf = [15, 14, 13, 12, 6, 3, 11, 10, 9, 8, 0, 2, 1, 4, 5];
    let mut at = 0;
    while at < dwarf.len() {
        order[at] = Some(dwarf[at]);
        at += 1;
    }
    // rip, rsp; between them are the code segment and the flags.
    order[16] = Some(16);
    order[19] = Some(7);
    order
};

/// Bytes of the system's `struct elf_prstatus`.
const STATUS: usize = 336;

/// The notes of a thread: its registers, and those of vectors where they are known.
pub(crate) fn core_notes(
    registers: &Registers,
    vectors: Option<&FloatState>,
    signal: i32,
    number: u32,
) -> Vec<u8> {
    let registers = ORDER
        .iter()
        .map(|dwarf| dwarf.map_or(0, |dwarf| registers.0[dwarf]));
    let vectors = vectors.map(|FloatState(words)| &words[..]);
    core_note::of_thread(STATUS, registers, vectors, signal, number)
}
