//! Which calls inside a module are inlined, and which functions need no code.
//!
//! A direct call of a function that the module defines means that function and
//! no other, whatever the linker does. Decided from what the bodies say before
//! anything is translated, so that nothing depends on the order of compilation:
//!
//! - one that is hardly larger than a call of it is inlined wherever it is
//!   called;
//! - a *small* one where it is called in a small loop, or by a function that is
//!   itself called in one: what is called once costs more code than it saves;
//! - one that is called in one place alone, and by nothing else, is *moved*
//!   there, up to a larger size;
//! - what calls itself through such functions alone is not inlined.
//!
//! Sizes count what is inlined in turn, so a chain of small functions becomes
//! one as long as the whole is small. Beside their weight, the number of their
//! operators is limited, of which many weigh nothing; and where all that is to be
//! inlined into a function is out of proportion to it, nothing is. Where all calls
//! of a function are inlined, and nothing else refers to it, it has no code of its
//! own.

pub(crate) mod cross_module;
mod cycles;
mod plan;
mod summary;

pub(crate) use self::plan::Plan;
pub(crate) use self::summary::Summary;
