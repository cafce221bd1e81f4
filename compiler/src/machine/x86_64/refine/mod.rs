//! A function's machine code, once more, for what the code generator does not do.
//!
//! The register allocator moves values between registers and slots of the stack where
//! live ranges are cut, whether or not another place still holds the value; copies of
//! the base of memory are made in every block; branches have 32-bit displacements. So code
//! is decoded again, what each register and slot holds is followed through all blocks
//! ([`values`]), what is then not read any more is left out ([`dead`]), jumps to jumps
//! and to short dispatches of interpreters are taken where they begin ([`jumps`]), and
//! the rest is laid out with short branches ([`layout`]).
//!
//! Code that is not understood in every byte stays as it is.

mod dead;
mod decode;
mod jumps;
mod layout;
mod places;
mod registers;
mod stale;
#[cfg(test)]
mod tests;
mod values;

use crate::machine::backend::{Draft, Refined};

/// The code made better; `None` for code that is left as it is.
pub(super) fn refine(draft: &Draft<'_>) -> Option<Refined> {
    let mut function = decode::decode(draft)?;
    let places = places::Places::of(&function, draft.frame);
    let before = function.before();
    values::reuse(&mut function, &before, &places);
    dead::remove(&mut function, &before, &places);
    let stale = draft.is_watched.then(|| stale::after(&function, &places));
    jumps::shorten(&mut function);
    let mut refined = layout::lay_out(draft, &function)?;
    if let Some(stale) = stale {
        let moved = &refined.moved;
        refined.stale = stale::stretches(&function, &places, &stale, draft.frame, moved);
    }
    Some(refined)
}
