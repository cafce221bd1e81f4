//! Moving and setting of bytes, to which `memory.copy` and `memory.fill` come. musl's own
//! functions move to higher addresses by a byte at a time, and take tens of cycles before
//! the first byte. These are for pieces of all sizes; a register has 16 bytes, as every
//! machine of this kind has, so no feature of the CPU is asked for.

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};

/// From so many bytes on the CPU's own loop is the faster one.
const STRING: usize = 4096;

/// C's `memcpy`, and Rust's.
///
/// # Safety
/// As `memmove`.
// SAFETY: the name is C's for what this does; musl's is left out for it.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn memcpy(_to: *mut c_void, _from: *const c_void, _bytes: usize) -> *mut c_void {
    naked_asm!("jmp {memmove}", memmove = sym memmove)
}

/// C's `memmove`: the pieces may overlap. Up to 128 bytes everything is read before
/// anything is written. A longer piece is moved by 64 bytes to aligned addresses, away
/// from the end that would be overwritten too early; both ends are read before, and
/// written last.
///
/// # Safety
/// So many bytes can be read and written there.
// SAFETY: as above; the registers are those that a function of C may change.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn memmove(_to: *mut c_void, _from: *const c_void, _bytes: usize) -> *mut c_void {
    naked_asm!(
        "mov rax, rdi",
        "cmp rdx, 16",
        "jb 20f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "cmp rdx, 32",
        "ja 30f",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        // Less than 16.
        "20:",
        "cmp edx, 8",
        "jb 21f",
        "mov rcx, [rsi]",
        "mov rsi, [rsi + rdx - 8]",
        "mov [rdi], rcx",
        "mov [rdi + rdx - 8], rsi",
        "ret",
        "21:",
        "cmp edx, 4",
        "jb 22f",
        "mov ecx, [rsi]",
        "mov esi, [rsi + rdx - 4]",
        "mov [rdi], ecx",
        "mov [rdi + rdx - 4], esi",
        "ret",
        "22:",
        "test edx, edx",
        "je 24f",
        "movzx ecx, byte ptr [rsi]",
        "cmp edx, 1",
        "je 23f",
        "movzx esi, word ptr [rsi + rdx - 2]",
        "mov [rdi + rdx - 2], si",
        "23:",
        "mov [rdi], cl",
        "24:",
        "ret",
        // Up to 64, and up to 128.
        "30:",
        "cmp rdx, 128",
        "ja 40f",
        "movups xmm2, [rsi + 16]",
        "movups xmm3, [rsi + rdx - 32]",
        "cmp rdx, 64",
        "jbe 31f",
        "movups xmm4, [rsi + 32]",
        "movups xmm5, [rsi + 48]",
        "movups xmm6, [rsi + rdx - 64]",
        "movups xmm7, [rsi + rdx - 48]",
        "movups [rdi + 32], xmm4",
        "movups [rdi + 48], xmm5",
        "movups [rdi + rdx - 64], xmm6",
        "movups [rdi + rdx - 48], xmm7",
        "31:",
        "movups [rdi], xmm0",
        "movups [rdi + 16], xmm2",
        "movups [rdi + rdx - 32], xmm3",
        "movups [rdi + rdx - 16], xmm1",
        "ret",
        // More: from the start, unless the target begins within the source.
        "40:",
        "mov rcx, rdi",
        "sub rcx, rsi",
        "cmp rcx, rdx",
        "jb 60f",
        "cmp rdx, {string}",
        "jae 70f",
        "41:",
        "movups xmm2, [rsi + rdx - 32]",
        "movups xmm3, [rsi + rdx - 48]",
        "movups xmm4, [rsi + rdx - 64]",
        "lea r8, [rdi + rdx - 64]",
        "mov rcx, rdi",
        "and rcx, 15",
        "sub rcx, 16",
        "sub rsi, rcx",
        "sub rdi, rcx",
        "42:",
        "movups xmm5, [rsi]",
        "movups xmm6, [rsi + 16]",
        "movups xmm7, [rsi + 32]",
        "movups xmm8, [rsi + 48]",
        "add rsi, 64",
        "movaps [rdi], xmm5",
        "movaps [rdi + 16], xmm6",
        "movaps [rdi + 32], xmm7",
        "movaps [rdi + 48], xmm8",
        "add rdi, 64",
        "cmp rdi, r8",
        "jb 42b",
        "movups [r8], xmm4",
        "movups [r8 + 16], xmm3",
        "movups [r8 + 32], xmm2",
        "movups [r8 + 48], xmm1",
        "movups [rax], xmm0",
        "ret",
        // From the end.
        "60:",
        "movups xmm2, [rsi + 16]",
        "movups xmm3, [rsi + 32]",
        "movups xmm4, [rsi + 48]",
        "lea r8, [rdi + 64]",
        "lea r9, [rdi + rdx]",
        "add rsi, rdx",
        "mov rdi, r9",
        "mov rcx, r9",
        "and rcx, 15",
        "sub rsi, rcx",
        "sub rdi, rcx",
        "61:",
        "movups xmm5, [rsi - 16]",
        "movups xmm6, [rsi - 32]",
        "movups xmm7, [rsi - 48]",
        "movups xmm8, [rsi - 64]",
        "sub rsi, 64",
        "movaps [rdi - 16], xmm5",
        "movaps [rdi - 32], xmm6",
        "movaps [rdi - 48], xmm7",
        "movaps [rdi - 64], xmm8",
        "sub rdi, 64",
        "cmp rdi, r8",
        "ja 61b",
        "movups [r9 - 16], xmm1",
        "movups [rax], xmm0",
        "movups [rax + 16], xmm2",
        "movups [rax + 32], xmm3",
        "movups [rax + 48], xmm4",
        "ret",
        // By the CPU, which is slow where the pieces overlap.
        "70:",
        "neg rcx",
        "cmp rcx, rdx",
        "jb 41b",
        "mov rcx, rdx",
        "rep movsb",
        "ret",
        string = const STRING,
    )
}

/// C's `memset`.
///
/// # Safety
/// So many bytes can be written there.
// SAFETY: as above.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn memset(_to: *mut c_void, _byte: c_int, _bytes: usize) -> *mut c_void {
    naked_asm!(
        "mov rax, rdi",
        "movzx esi, sil",
        "mov rcx, 0x0101010101010101",
        "imul rsi, rcx",
        "cmp rdx, 16",
        "jb 20f",
        "movq xmm0, rsi",
        "punpcklqdq xmm0, xmm0",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm0",
        "cmp rdx, 32",
        "jbe 24f",
        "movups [rdi + 16], xmm0",
        "movups [rdi + rdx - 32], xmm0",
        "cmp rdx, 64",
        "jbe 24f",
        "cmp rdx, {string}",
        "jae 40f",
        "movups [rdi + 32], xmm0",
        "movups [rdi + 48], xmm0",
        "movups [rdi + rdx - 64], xmm0",
        "movups [rdi + rdx - 48], xmm0",
        "cmp rdx, 128",
        "jbe 24f",
        "lea r8, [rdi + rdx - 64]",
        "add rdi, 64",
        "and rdi, -16",
        "30:",
        "movaps [rdi], xmm0",
        "movaps [rdi + 16], xmm0",
        "movaps [rdi + 32], xmm0",
        "movaps [rdi + 48], xmm0",
        "add rdi, 64",
        "cmp rdi, r8",
        "jb 30b",
        "ret",
        // Less than 16.
        "20:",
        "cmp edx, 8",
        "jb 21f",
        "mov [rdi], rsi",
        "mov [rdi + rdx - 8], rsi",
        "ret",
        "21:",
        "cmp edx, 4",
        "jb 22f",
        "mov [rdi], esi",
        "mov [rdi + rdx - 4], esi",
        "ret",
        "22:",
        "test edx, edx",
        "je 24f",
        "mov [rdi], sil",
        "mov [rdi + rdx - 1], sil",
        "cmp edx, 3",
        "jne 24f",
        "mov [rdi + 1], sil",
        "24:",
        "ret",
        // By the CPU.
        "40:",
        "mov r8, rax",
        "mov eax, esi",
        "mov rcx, rdx",
        "rep stosb",
        "mov rax, r8",
        "ret",
        string = const STRING,
    )
}
