//! The operators of wasm, as enumerations that a match can be exhaustive over.
//!
//! wasmparser's own may grow with any of its versions, so a match over it needs an
//! arm for all others, which then takes a new operator for something else. These are
//! made from wasmparser's list: with an operator more, every match that has no such
//! arm is an error of compilation.

use wasmparser::{OperatorsReader, VisitOperator, VisitSimdOperator};

macro_rules! scalar {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        /// An operator.
        #[derive(Clone, Debug)]
        #[expect(dead_code, reason = "of operators that are refused, fields are shown and not read")]
        pub(crate) enum Operator<'a> {
            $($op $({ $($arg: $ty),* })?,)*
            Simd(SimdOperator),
        }

        impl<'a> VisitOperator<'a> for Factory {
            type Output = Operator<'a>;

            fn simd_visitor(
                &mut self,
            ) -> Option<&mut dyn VisitSimdOperator<'a, Output = Operator<'a>>> {
                Some(self)
            }

            $(
                fn $visit(&mut self $($(, $arg: $ty)*)?) -> Operator<'a> {
                    Operator::$op $({ $($arg),* })?
                }
            )*
        }

        /// Names of the operators with what wasmparser says of their operands and
        /// results.
        const ARITIES: &[(&str, &str)] = &[$((stringify!($op), stringify!($($arity)*)),)*];
    };
}

macro_rules! simd {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        /// An operator on vectors.
        #[derive(Clone, Debug)]
        pub(crate) enum SimdOperator {
            $($op $({ $($arg: $ty),* })?,)*
        }

        impl<'a> VisitSimdOperator<'a> for Factory {
            $(
                fn $visit(&mut self $($(, $arg: $ty)*)?) -> Operator<'a> {
                    Operator::Simd(SimdOperator::$op $({ $($arg),* })?)
                }
            )*
        }
    };
}

/// Makes operators of what a reader finds.
struct Factory;

wasmparser::for_each_visit_operator!(scalar);
wasmparser::for_each_visit_simd_operator!(simd);

/// What an operator does to the open frames of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameStep {
    /// Nothing.
    Stays,
    Opens,
    /// Ends a part of the innermost frame, and begins another.
    Divides,
    Closes,
}

impl<'a> Operator<'a> {
    /// Reads the next operator; and where it is in the module.
    pub fn read(reader: &mut OperatorsReader<'a>) -> wasmparser::Result<(Self, u64)> {
        let offset = reader.original_position();
        Ok((reader.visit_operator(&mut Factory)?, offset))
    }

    /// The operators that a reader finds, up to an error.
    pub fn all(
        mut reader: OperatorsReader<'a>,
    ) -> impl Iterator<Item = wasmparser::Result<(Self, u64)>> {
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed || reader.eof() {
                return None;
            }
            let read = Self::read(&mut reader);
            failed = read.is_err();
            Some(read)
        })
    }

    /// What it does to the open frames.
    pub fn frame_step(&self) -> FrameStep {
        match self {
            Self::Block { .. }
            | Self::Loop { .. }
            | Self::If { .. }
            | Self::Try { .. }
            | Self::TryTable { .. } => FrameStep::Opens,
            Self::Else | Self::Catch { .. } | Self::CatchAll => FrameStep::Divides,
            Self::End | Self::Delegate { .. } => FrameStep::Closes,
            // None of the rest of `NO_FIXED_ARITY`, and nothing that is not in it.
            _ => FrameStep::Stays,
        }
    }
}

/// Operators that take and leave what depends on more than the operator. Those
/// that step from frame to frame are among them; so where wasmparser has one more,
/// [`Operator::frame_step`] is to be looked at again.
const NO_FIXED_ARITY: &[&str] = &[
    "Block",
    "Loop",
    "If",
    "Else",
    "End",
    "Br",
    "BrIf",
    "BrTable",
    "Return",
    "Call",
    "CallIndirect",
    "StructNew",
    "ArrayNewFixed",
    "BrOnCast",
    "BrOnCastFail",
    "StructNewDesc",
    "BrOnCastDescEq",
    "BrOnCastDescEqFail",
    "TypedSelectMulti",
    "ReturnCall",
    "ReturnCallIndirect",
    "TryTable",
    "Throw",
    "Try",
    "Catch",
    "Delegate",
    "CatchAll",
    "CallRef",
    "ReturnCallRef",
    "BrOnNull",
    "BrOnNonNull",
    "ContBind",
    "Suspend",
    "Resume",
    "ResumeThrow",
    "ResumeThrowRef",
    "Switch",
];

const _: () = {
    let mut known = 0;
    let mut i = 0;
    while i < ARITIES.len() {
        let (name, arity) = ARITIES[i];
        if is_same(arity, "arity custom") {
            assert!(
                known < NO_FIXED_ARITY.len() && is_same(name, NO_FIXED_ARITY[known]),
                "wasmparser has another operator of control: see `frame_step`"
            );
            known += 1;
        }
        i += 1;
    }
    assert!(known == NO_FIXED_ARITY.len());
};

/// Whether two texts are the same, for constants.
const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}
