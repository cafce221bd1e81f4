//! Where parameters and results travel in a call of a wasm function.
//!
//! All wasm functions use Cranelift's `tail` convention, which on x86-64 is
//! System V with three differences: the callee pops its stack arguments,
//! results use more registers, and r15 holds the linear memory base and is
//! never changed. rbx, rbp and r12–r14 are preserved by the callee. The upper
//! half of a register that holds an `i32` is undefined.
//!
//! A host function sees the same through [`Layout`], which is the only place
//! outside Cranelift that knows the assignment.

use crate::types::{FuncType, ValType};

/// General argument registers in order: rdi, rsi, rdx, rcx, r8, r9.
pub const INT_ARGS: usize = 6;
/// Vector argument registers: xmm0 to xmm7.
pub const VEC_ARGS: usize = 8;
/// General result registers in order: rax, rcx, rdx, rsi, rdi, r8, r9, r10.
pub const INT_RESULTS: usize = 8;
/// Vector result registers: xmm0 to xmm7.
pub const VEC_RESULTS: usize = 8;

/// Where one value travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loc {
    /// The n-th general register of the list for arguments or results.
    Int(u8),
    /// The n-th vector register.
    Vec(u8),
    /// Byte offset into the stack argument area (for a parameter) or into the
    /// return area (for a result).
    Stack(u32),
}

/// The assignment of one function type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Location of each parameter.
    pub params: Vec<Loc>,
    /// Location of each result.
    pub results: Vec<Loc>,
    /// Bytes of stack arguments, a multiple of 16; popped by the callee.
    pub stack_args: u32,
    /// Bytes of the return area, a multiple of 16. Where it is not 0, its
    /// address is a hidden first general argument and all others move up one.
    pub return_area: u32,
}

impl Layout {
    /// Assigns a location to every parameter and result of `ty`.
    pub fn of(ty: &FuncType) -> Self {
        let (results, return_area) = assign(&ty.results, 0, INT_RESULTS, VEC_RESULTS);
        let hidden = usize::from(return_area != 0);
        let (params, stack_args) = assign(&ty.params, hidden, INT_ARGS, VEC_ARGS);
        Self {
            params,
            results,
            stack_args,
            return_area,
        }
    }
}

fn assign(types: &[ValType], first_int: usize, ints: usize, vecs: usize) -> (Vec<Loc>, u32) {
    let (mut int, mut vec, mut stack) = (first_int, 0, 0u32);
    let locs = types.iter().map(|ty| {
        let (next, limit) = if ty.is_vector_class() {
            (&mut vec, vecs)
        } else {
            (&mut int, ints)
        };
        if *next < limit {
            *next += 1;
            let n = (*next - 1) as u8;
            return if ty.is_vector_class() {
                Loc::Vec(n)
            } else {
                Loc::Int(n)
            };
        }
        let size = ty.bytes().max(8);
        let at = stack.next_multiple_of(size);
        stack = at + size;
        Loc::Stack(at)
    });
    let locs = locs.collect();
    (locs, stack.next_multiple_of(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValType::{F64, I32, I64, V128};

    #[test]
    fn registers_then_stack() {
        let ty = FuncType::new([I32, F64, I64, I64, I64, I64, I64, I32, V128], [I64, F64]);
        let layout = Layout::of(&ty);
        assert_eq!(layout.params[1], Loc::Vec(0));
        assert_eq!(layout.params[6], Loc::Int(5));
        assert_eq!(layout.params[7], Loc::Stack(0));
        assert_eq!(layout.params[8], Loc::Vec(1));
        assert_eq!(layout.results, [Loc::Int(0), Loc::Vec(0)]);
        assert_eq!((layout.stack_args, layout.return_area), (16, 0));
    }

    #[test]
    fn many_results_take_a_hidden_argument() {
        let layout = Layout::of(&FuncType::new([I32], [I64; 10]));
        assert_eq!(layout.params, [Loc::Int(1)]);
        assert_eq!(
            layout.results[7..],
            [Loc::Int(7), Loc::Stack(0), Loc::Stack(8)]
        );
        assert_eq!(layout.return_area, 16);
    }
}
