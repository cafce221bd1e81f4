//! A call between two memories, as components make it: what is passed is copied into the
//! callee's memory, and its answer back, by an adapter that sees both. Beside it is the same
//! work in one memory, where a pointer is passed.

use anyhow::{Context as _, Result};
use wasmaot::{Engine, EngineConfig};
use wasmaot_compiler::Options;
use wasmaot_runtime::{Bind, Config, InstanceId, Process, Val};

use crate::interleave::{Contestant, timed};

/// Bytes that are passed and answered.
pub(crate) const SIZES: [u32; 3] = [16, 256, 4096];
/// Calls that take some 100 ms where messages are small.
pub(crate) const CALLS: u32 = 4_000_000;

/// A way to pass a message: its name, what it is, and its modules in the order in which
/// they are instantiated, the caller last.
struct Way {
    name: &'static str,
    about: &'static str,
    modules: &'static [(&'static str, &'static str)],
}

/// Of the caller: it imports it, so that the adapter can, too.
const STATE: &str = r#"(module (memory (export "memory") 1))"#;

/// Changes the first and the last word of a message. `$memory` stands in both ways.
macro_rules! callee {
    ($memory:literal, $more:literal) => {
        concat!(
            "(module ",
            $memory,
            r#"
            (func (export "handle") (param $at i32) (param $len i32) (result i32)
              (local $last i32) (local $sum i32)
              (local.set $last
                (i32.sub (i32.add (local.get $at) (local.get $len)) (i32.const 4)))
              (local.set $sum
                (i32.add (i32.load (local.get $at)) (i32.load (local.get $last))))
              (i32.store (local.get $at) (local.get $sum))
              (i32.store (local.get $last) (i32.xor (local.get $sum) (i32.const 0x5bd1e995)))
              (local.get $sum))"#,
            $more,
            ")"
        )
    };
}

const CALLEE_OF_ONE_MEMORY: &str = callee!(r#"(import "state" "memory" (memory 1))"#, "");

/// With a memory of its own, and what the canonical ABI wants of it: room for what comes
/// in, and word when its answer has been read.
const CALLEE: &str = callee!(
    r#"(memory (export "memory") 1) (global $free (mut i32) (i32.const 1024))"#,
    r#"
    (func (export "realloc") (param $len i32) (result i32) (local $at i32)
      (local.set $at (global.get $free))
      (global.set $free
        (i32.and (i32.add (i32.add (local.get $at) (local.get $len)) (i32.const 15))
          (i32.const -16)))
      (local.get $at))
    (func (export "post-return") (global.set $free (i32.const 1024)))"#
);

const ADAPTER: &str = r#"(module
    (import "state" "memory" (memory $caller 1))
    (import "callee" "memory" (memory $callee 1))
    (import "callee" "realloc" (func $realloc (param i32) (result i32)))
    (import "callee" "handle" (func $handle (param i32 i32) (result i32)))
    (import "callee" "post-return" (func $post_return))
    (func (export "handle") (param $at i32) (param $len i32) (result i32)
      (local $there i32) (local $answer i32)
      (local.set $there (call $realloc (local.get $len)))
      (memory.copy $callee $caller (local.get $there) (local.get $at) (local.get $len))
      (local.set $answer (call $handle (local.get $there) (local.get $len)))
      (memory.copy $caller $callee (local.get $at) (local.get $there) (local.get $len))
      (call $post_return)
      (local.get $answer)))"#;

/// Passes a message of so many bytes again and again.
const CALLER: &str = r#"(module
    (import "state" "memory" (memory 1))
    (import "link" "handle" (func $handle (param i32 i32) (result i32)))
    (func (export "run") (param $n i32) (param $len i32) (result i32) (local $sum i32)
      (memory.fill (i32.const 1024) (i32.const 0) (i32.const 8192))
      (loop $again
        (i32.store (i32.const 1024) (local.get $n))
        (local.set $sum
          (i32.add (local.get $sum) (call $handle (i32.const 1024) (local.get $len))))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))"#;

const WAYS: [Way; 2] = [
    Way {
        name: "pointer",
        about: "plain modules with one memory: a pointer is passed",
        modules: &[
            ("state", STATE),
            ("link", CALLEE_OF_ONE_MEMORY),
            ("caller", CALLER),
        ],
    },
    Way {
        name: "copies",
        about: "plain modules with a memory each: an adapter copies the message in and the \
                answer out",
        modules: &[
            ("state", STATE),
            ("callee", CALLEE),
            ("link", ADAPTER),
            ("caller", CALLER),
        ],
    },
];

/// Names of the ways, and what they are.
pub(crate) fn ways() -> impl Iterator<Item = (&'static str, &'static str)> {
    WAYS.iter().map(|way| (way.name, way.about))
}

/// The contestants for messages of a size.
pub(crate) fn contestants(size: u32, options: &Options) -> Vec<Contestant> {
    let contestant = |way: &Way| {
        let loaded = Program::load(way, options);
        let runner = loaded.map(|mut program| timed(move |n| program.run(n, size)));
        Contestant::new(way.name, runner)
    };
    WAYS.iter().map(contestant).collect()
}

struct Program {
    process: Process,
    caller: InstanceId,
}

impl Program {
    fn load(way: &Way, options: &Options) -> Result<Self> {
        let engine = Engine::new(EngineConfig::new().compile_options(options.clone()));
        let mut process = Process::new(Config {
            bind: Bind::Now,
            check: cfg!(debug_assertions),
            ..Config::default()
        })?;
        let mut caller = None;
        for &(name, text) in way.modules {
            let object = engine.compile(name, text.as_bytes())?;
            caller = Some(process.instantiate(object, Some(name))?);
        }
        Ok(Self {
            process,
            caller: caller.context("no module")?,
        })
    }

    fn run(&mut self, n: u32, size: u32) -> Result<i32> {
        let arguments = [n, size].map(|number| Val::I32(number.cast_signed()));
        let results = self.process.invoke(self.caller, "run", &arguments)?;
        match results[..] {
            [Val::I32(sum)] => Ok(sum),
            _ => anyhow::bail!("run answers {results:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interleave::compete;

    #[test]
    fn copies_and_pointers_compute_the_same() {
        for size in SIZES {
            let mut contestants = contestants(size, &Options::default());
            for series in compete(&mut contestants, 100, 2, &mut |_| {}) {
                assert_eq!(series.error, None, "{}, {size} bytes", series.contestant);
                assert_eq!(series.samples.len(), 2);
            }
        }
    }
}
