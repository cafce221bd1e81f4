//! What tests run of objects that a process has built which cannot run them: differential
//! cases and scripts. No compiler is part of it, so that it is quickly built for another
//! machine, on which [`serve`] runs what this one has compiled; [`Agent`] is the end here.

#![deny(unsafe_code)]

mod agent;
pub mod case;
pub mod native;
mod random;
mod rounds;
pub mod script;
mod wire;

pub use agent::Agent;
pub use random::Random;
pub use rounds::{Refusal, run};
pub use wire::{CaseAnswer, Greeting, Job, ScriptAnswer, serve};
