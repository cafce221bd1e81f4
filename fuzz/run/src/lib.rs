//! Differential cases as what runs them sees them: objects, calls, and what can be
//! seen of both from outside. No compiler is part of it, so that it is quickly built
//! for another machine, on which [`serve`] runs what this one has compiled.

#![deny(unsafe_code)]

pub mod case;
pub mod native;
mod random;
mod run;
mod wire;

pub use random::Random;
pub use run::{Refusal, run};
pub use wire::{Answer, Greeting, Job, receive, send, serve};
