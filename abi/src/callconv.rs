//! Where parameters and results travel in a call of a wasm function.
//!
//! All wasm functions use Cranelift's `tail` convention: that of the machine's
//! C with a few differences. The callee pops its stack arguments, other registers
//! may have arguments and results, and the pinned register holds the linear memory
//! base and is never changed. The upper half of a register that holds an `i32` is undefined.
//!
//! A host function sees the same through [`Layout`], which is the only place
//! outside Cranelift that knows the assignment.

use crate::machine::Register;
use crate::types::{FuncType, ValType};

/// The registers of a machine's convention.
#[derive(Debug)]
pub struct CallConv {
    /// General argument registers in order.
    pub int_args: &'static [Register],
    /// Vector argument registers in order.
    pub vec_args: &'static [Register],
    /// General result registers in order.
    pub int_results: &'static [Register],
    /// Vector result registers in order.
    pub vec_results: &'static [Register],
    /// Holds the address of the return area, where there is one: the first general
    /// argument register, which is none for others then, or one that is not in the list.
    pub return_area: Register,
    /// What the callee preserves.
    pub preserved: &'static [Register],
    /// Vector registers of which the callee preserves the lower 64 bits.
    pub preserved_halves: &'static [Register],
    /// What the loader may change between caller and callee.
    pub scratch: &'static [Register],
}

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
    /// address is in [`CallConv::return_area`]. If that is the first general
    /// argument register, all others move up one.
    pub return_area: u32,
}

impl Layout {
    /// Assigns a location to every parameter and result of `ty`.
    pub fn of(convention: &CallConv, ty: &FuncType) -> Self {
        let mut assigner = Assigner::results(convention);
        let results = ty.results.iter().map(|&ty| assigner.place(ty)).collect();
        let return_area = assigner.bytes();
        let mut assigner = Assigner::params(convention, return_area);
        let params = ty.params.iter().map(|&ty| assigner.place(ty)).collect();
        Self {
            params,
            results,
            stack_args: assigner.bytes(),
            return_area,
        }
    }

    /// The stack arguments of `ty` alone.
    pub fn stack_args(convention: &CallConv, ty: &FuncType) -> u32 {
        let mut results = Assigner::results(convention);
        ty.results.iter().for_each(|&ty| _ = results.place(ty));
        let mut params = Assigner::params(convention, results.bytes());
        ty.params.iter().for_each(|&ty| _ = params.place(ty));
        params.bytes()
    }
}

/// Assigns locations one by one, for who cannot afford a [`Layout`].
#[derive(Clone, Debug)]
pub struct Assigner {
    ints: std::ops::Range<usize>,
    vecs: std::ops::Range<usize>,
    stack: u32,
}

impl Assigner {
    /// Begins with the results, whose return area is then a parameter.
    #[inline]
    pub const fn results(convention: &CallConv) -> Self {
        Self {
            ints: 0..convention.int_results.len(),
            vecs: 0..convention.vec_results.len(),
            stack: 0,
        }
    }

    /// Begins with the parameters of a function with such a return area.
    #[inline]
    pub const fn params(convention: &CallConv, return_area: u32) -> Self {
        let first = convention.int_args[0].dwarf == convention.return_area.dwarf;
        Self {
            ints: (first && return_area != 0) as usize..convention.int_args.len(),
            vecs: 0..convention.vec_args.len(),
            stack: 0,
        }
    }

    /// The location of the next value.
    #[inline]
    pub fn place(&mut self, ty: ValType) -> Loc {
        let vector = ty.is_vector_class();
        let registers = if vector {
            &mut self.vecs
        } else {
            &mut self.ints
        };
        match registers.next() {
            Some(n) if vector => Loc::Vec(n as u8),
            Some(n) => Loc::Int(n as u8),
            None => {
                let size = ty.bytes().max(8);
                let at = self.stack.next_multiple_of(size);
                self.stack = at + size;
                Loc::Stack(at)
            }
        }
    }

    /// Bytes of the area in memory so far, a multiple of 16.
    #[inline]
    pub const fn bytes(&self) -> u32 {
        self.stack.next_multiple_of(16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::x86_64::MACHINE;
    use ValType::{F32, F64, I32, I64, V128};

    #[test]
    fn registers_then_stack() {
        let ty = FuncType::new([I32, F64, I64, I64, I64, I64, I64, I32, V128], [I64, F64]);
        let layout = Layout::of(&MACHINE.calls, &ty);
        assert_eq!(layout.params[1], Loc::Vec(0));
        assert_eq!(layout.params[6], Loc::Int(5));
        assert_eq!(layout.params[7], Loc::Stack(0));
        assert_eq!(layout.params[8], Loc::Vec(1));
        assert_eq!(layout.results, [Loc::Int(0), Loc::Vec(0)]);
        assert_eq!((layout.stack_args, layout.return_area), (16, 0));
    }

    /// The locations of parameters that have no register.
    fn on_stack(types: &[ValType]) -> (Vec<u32>, u32) {
        let registers = [I64; 6].into_iter().chain([F64; 8]);
        let params: Vec<_> = registers.chain(types.iter().copied()).collect();
        let layout = Layout::of(&MACHINE.calls, &FuncType::new(params, []));
        let offsets = layout.params[14..].iter().map(|loc| match *loc {
            Loc::Stack(at) => at,
            loc => panic!("{loc:?}"),
        });
        (offsets.collect(), layout.stack_args)
    }

    #[test]
    fn stack_arguments_are_aligned_by_their_size() {
        assert_eq!(on_stack(&[]), (vec![], 0));
        assert_eq!(on_stack(&[I32]), (vec![0], 16));
        assert_eq!(on_stack(&[I32, F32, I64]), (vec![0, 8, 16], 32));
        assert_eq!(on_stack(&[I32, V128, F32]), (vec![0, 16, 32], 48));
        assert_eq!(on_stack(&[V128, I64, I64, V128]), (vec![0, 16, 24, 32], 48));
        assert_eq!(
            on_stack(&[ValType::FuncRef, ValType::EXN_REF]),
            (vec![0, 8], 16)
        );
    }

    #[test]
    fn the_return_area_is_laid_out_likewise() {
        let vectors = FuncType::new([], [vec![V128; 8], vec![F32, V128]].concat());
        let layout = Layout::of(&MACHINE.calls, &vectors);
        assert_eq!(
            layout.results[7..],
            [Loc::Vec(7), Loc::Stack(0), Loc::Stack(16)]
        );
        assert_eq!(layout.return_area, 32);
    }

    #[test]
    fn stack_arguments_alone_are_those_of_the_layout() {
        let kinds = [I32, I64, F32, F64, V128];
        for params in 0..24 {
            for results in [0, 1, 8, 9, 20] {
                let list = |n: usize, step: usize| -> Vec<_> {
                    (0..n).map(|i| kinds[i * step % 5]).collect()
                };
                let ty = FuncType::new(list(params, 2), list(results, 3));
                let layout = Layout::of(&MACHINE.calls, &ty);
                let alone = Layout::stack_args(&MACHINE.calls, &ty);
                assert_eq!(alone, layout.stack_args, "{ty}");
            }
        }
        // The hidden argument takes the last register of an integer.
        let ty = FuncType::new([I64; 6], [I64; 9]);
        assert_eq!(Layout::stack_args(&MACHINE.calls, &ty), 16);
    }

    #[test]
    fn a_return_area_may_have_a_register_of_its_own() {
        let calls = &crate::machine::aarch64::MACHINE.calls;
        let layout = Layout::of(calls, &FuncType::new([I32; 7], [I64; 8]));
        assert_eq!(layout.params[0], Loc::Int(0));
        assert_eq!(layout.params[5..], [Loc::Int(5), Loc::Stack(0)]);
        assert_eq!(
            layout.results[5..],
            [Loc::Int(5), Loc::Stack(0), Loc::Stack(8)]
        );
        assert_eq!((layout.stack_args, layout.return_area), (16, 16));
    }

    #[test]
    fn many_results_take_a_hidden_argument() {
        let layout = Layout::of(&MACHINE.calls, &FuncType::new([I32], [I64; 10]));
        assert_eq!(layout.params, [Loc::Int(1)]);
        assert_eq!(
            layout.results[7..],
            [Loc::Int(7), Loc::Stack(0), Loc::Stack(8)]
        );
        assert_eq!(layout.return_area, 16);
    }
}
