//! The target `inputs`: damaged modules. The compiler refuses or compiles
//! them, and what it makes of them is an object that the loader takes.

use wasmaot_compiler::{Emit, Error, OptLevel, compile};

use crate::{File, Outcome, Random, mutate, native, seeds, smith};

/// A damaged module.
#[derive(Debug)]
pub struct Input {
    wasm: Vec<u8>,
    level: OptLevel,
    emit: Emit,
}

impl Input {
    /// A random one.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let other = random.pick(seeds::modules()).clone();
        let mut wasm = if random.once_in(4) {
            smith::module(&mut random, &[])
        } else {
            random.pick(seeds::modules()).clone()
        };
        for _ in 0..1 + random.below(4) {
            mutate::module(&mut random, &mut wasm, &other);
        }
        Self {
            wasm,
            level: *random.pick(&[OptLevel::None, OptLevel::None, OptLevel::Speed]),
            emit: *random.pick(&[
                Emit::So,
                Emit::So,
                Emit::So,
                Emit::So,
                Emit::Obj,
                Emit::Clif,
            ]),
        }
    }

    /// The module.
    pub fn files(&self) -> Vec<File> {
        vec![("input.wasm".to_owned(), self.wasm.clone())]
    }

    /// Compiles it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Outcome, String> {
        let bytes = match compile("input", &self.wasm, &seeds::options(self.level), self.emit) {
            Ok(bytes) => bytes,
            Err(error @ Error::Codegen { .. }) => return Err(error.to_string()),
            Err(error) => {
                let text = error.to_string();
                return match text.contains('\n') {
                    true => Err(format!("a message of more than a line: {text}")),
                    false => Ok(Outcome::Refused),
                };
            }
        };
        if self.emit == Emit::So {
            let object = native::object("input", &bytes, true).map_err(|e| e.to_string())?;
            seeds::load(object);
        }
        Ok(Outcome::Passed)
    }
}
