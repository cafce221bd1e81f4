//! Profiles: how often each branch of a module was executed, and how often it was
//! taken. A module is compiled to count; what was counted is read from its
//! memory and kept in a file of text, for several modules and several runs together;
//! and when it is compiled again the counts say which code is cold.

mod count;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wasmaot_abi::info::ModuleHash;
use wasmparser::{FunctionBody, Operator};

pub(crate) use count::count;

/// Name of the memory with the counts: behind this, the hash of the module.
pub const MEMORY: &str = "wasmaot.profile.";
/// Bytes of a branch's counts in that memory: how often it was executed and how often
/// taken, little-endian words of 8 bytes.
const COUNTS: usize = 16;
/// The first line of a file.
const HEAD: &str = "wasmaot profile 1";
/// A branch goes one way if it does so as many times as often as the other: with 50,
/// kernels gained less (ARCHITECTURE.md, "Where gcc is faster still").
const ONE_WAY: u64 = 6;

/// How often a branch was executed and how often it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Branch {
    executed: u64,
    taken: u64,
}

/// What was counted of some modules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The branches of a module, in the order of its code.
    modules: BTreeMap<ModuleHash, Vec<Branch>>,
}

impl Profile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Says which line is none of a profile.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut profile = Self::default();
        let mut lines = (1..).zip(text.lines());
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(format!("it does not begin with `{HEAD}`"));
        }
        let mut branches = None;
        for (number, line) in lines {
            let wrong = || format!("line {number} is none of a profile");
            if let Some(hash) = line.strip_prefix("module ") {
                let hash = unhex(hash).ok_or_else(wrong)?;
                branches = Some(profile.modules.entry(hash).or_default());
                continue;
            }
            let words = line.split_once(' ').zip(branches.as_mut());
            let ((executed, taken), branches) = words.ok_or_else(wrong)?;
            let counts = executed.parse().ok().zip(taken.parse().ok());
            let (executed, taken) = counts.ok_or_else(wrong)?;
            branches.push(Branch { executed, taken });
        }
        Ok(profile)
    }

    /// The text of a file.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (hash, branches) in &self.modules {
            // Writing to a string does not fail.
            let _ = writeln!(text, "module {}", hex(hash));
            for Branch { executed, taken } in branches {
                let _ = writeln!(text, "{executed} {taken}");
            }
        }
        text
    }

    /// Adds what a module has counted: the contents of its exported memory of this
    /// name. Answers whether it is such a memory.
    pub fn add(&mut self, memory: &str, contents: &[u8]) -> bool {
        let Some(hash) = memory.strip_prefix(MEMORY).and_then(unhex) else {
            return false;
        };
        let word = |bytes: &[u8]| u64::from_le_bytes(std::array::from_fn(|i| bytes[i]));
        let counted = contents
            .as_chunks::<COUNTS>()
            .0
            .iter()
            .map(|counts| Branch {
                executed: word(&counts[..8]),
                taken: word(&counts[8..]),
            });
        // What is behind the last branch was never written.
        let mut counted: Vec<Branch> = counted.collect();
        let used = counted.iter().rposition(|counts| counts.executed > 0);
        counted.truncate(used.map_or(0, |last| last + 1));
        let branches = self.modules.entry(hash).or_default();
        branches.resize(branches.len().max(counted.len()), Branch::default());
        for (sum, counted) in branches.iter_mut().zip(counted) {
            sum.executed = sum.executed.saturating_add(counted.executed);
            sum.taken = sum.taken.saturating_add(counted.taken);
        }
        true
    }

    /// Whether there are counts of a module.
    pub fn knows(&self, module: &ModuleHash) -> bool {
        self.modules.contains_key(module)
    }

    /// Which way branches of a module go, of those that nearly always go one: their
    /// offsets in the module, and whether they are taken. `bodies`: all of its functions.
    pub(crate) fn hints<'a>(
        &'a self,
        module: &ModuleHash,
        bodies: impl Iterator<Item = &'a FunctionBody<'a>> + 'a,
    ) -> impl Iterator<Item = (u64, bool)> + 'a {
        let branches = self.modules.get(module).map_or(&[][..], Vec::as_slice);
        let places = bodies.flat_map(places);
        branches.iter().zip(places).filter_map(|(counts, place)| {
            let taken = counts.taken.min(counts.executed);
            let passed = counts.executed - taken;
            let one_way = |often: u64, seldom: u64| often > 0 && often / ONE_WAY >= seldom;
            match () {
                () if one_way(taken, passed) => Some((place, true)),
                () if one_way(passed, taken) => Some((place, false)),
                () => None,
            }
        })
    }
}

/// The offsets in the module of the branches of a function: all that depend on a
/// number.
fn places(body: &FunctionBody<'_>) -> impl Iterator<Item = u64> {
    let operators = body.get_operators_reader().ok();
    let operators = operators
        .into_iter()
        .flat_map(|operators| operators.into_iter_with_offsets());
    operators
        .map_while(Result::ok)
        .filter_map(|(operator, at)| {
            matches!(operator, Operator::BrIf { .. } | Operator::If { .. }).then_some(at)
        })
}

fn hex(hash: &ModuleHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<ModuleHash> {
    let mut hash = ModuleHash::default();
    let digits = text.as_bytes().as_chunks::<2>();
    if digits.0.len() != hash.len() || !digits.1.is_empty() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(digits.0) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = (digit(digits[0])? << 4 | digit(digits[1])?) as u8;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Emit, Options, Profiling, compile};

    const HASH: ModuleHash = [7; 32];

    /// What a memory has after some branches have counted.
    fn memory(counts: &[(u64, u64)]) -> Vec<u8> {
        let words = counts
            .iter()
            .flat_map(|&(executed, taken)| [executed, taken]);
        let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        bytes.resize(1 << 16, 0);
        bytes
    }

    #[test]
    fn what_is_counted_is_added_up_and_comes_back() {
        let name = format!("{MEMORY}{}", hex(&HASH));
        let mut profile = Profile::default();
        assert!(profile.add(&name, &memory(&[(10, 1), (0, 0), (u64::MAX, 3)])));
        assert!(profile.add(&name, &memory(&[(5, 5)])));
        assert!(profile.knows(&HASH) && !profile.knows(&[8; 32]));
        let text = profile.text();
        let lines: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(lines, ["15 6", "0 0", "18446744073709551615 3"]);
        assert!(
            profile.add(&name, &memory(&[(0, 0), (0, 0), (1, 1)])),
            "no overflow"
        );
        assert_eq!(Profile::read(&profile.text()), Ok(profile.clone()));
        for other in [
            "memory",
            MEMORY,
            "wasmaot.profile.07",
            &name[1..],
            &format!("{name}0"),
        ] {
            assert!(!profile.add(other, &[]), "{other}");
        }
    }

    #[test]
    fn what_is_no_profile_is_refused() {
        let module = format!("module {}", hex(&HASH));
        for (text, why) in [
            (String::new(), "begin"),
            ("wasmaot profile 2\n".to_owned(), "begin"),
            (format!("{HEAD}\n1 2\n"), "line 2"),
            (format!("{HEAD}\n{module}\n1\n"), "line 3"),
            (format!("{HEAD}\n{module}\n1 -1\n"), "line 3"),
            (format!("{HEAD}\n{module}\n1 1\nmodule 12\n"), "line 4"),
        ] {
            let error = Profile::read(&text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    /// A library and a module of its own, each with all kinds of branches.
    fn modules() -> [Vec<u8>; 3] {
        let code = r#"
            (func $f (export "f") (param i32) (result i32)
              (block $out (br_if $out (local.get 0))
                (loop $l (br_if $l (i32.const 0)))
                (if (i32.eqz (local.get 0)) (then (br $out)) (else unreachable)))
              (block (block (br_table 0 1 (local.get 0))))
              (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
            (func (export "none"))"#;
        let with = |rest: &str| wat::parse_str(format!("(module {rest} {code})")).unwrap();
        [
            with("(memory 1) (data (i32.const 0) \"a\") (global i32 (i32.const 1))"),
            with(
                r#"(@custom "dylink.0" (before first) "\01\04\40\00\04\00")
                   (import "env" "memory" (memory 1)) (import "env" "g" (func $g (param f64)))
                   (import "env" "__indirect_function_table" (table 1 funcref))
                   (tag (param i32)) (elem (i32.const 0) func $f)"#,
            ),
            with("(memory 1 1 shared)"),
        ]
    }

    #[test]
    fn a_module_that_counts_is_a_module() {
        for wasm in modules() {
            let counting = count(&wasm, &HASH).unwrap();
            let features = wasmparser::WasmFeatures::all();
            let mut validator = wasmparser::Validator::new_with_features(features);
            validator.validate_all(&counting).unwrap();
            let options = Options {
                profiling: Profiling::Count,
                ..Options::default()
            };
            let object = compile("m.wasm", &wasm, &options, Emit::So).unwrap();
            let name = format!(
                "{MEMORY}{}",
                hex(&wasmaot_abi::info::ModuleInfo::module_hash(&wasm))
            );
            let mut windows = object.windows(name.len());
            assert!(windows.any(|window| window == name.as_bytes()), "no {name}");
        }
        // Nothing to count, and nowhere to.
        for wat in [
            "(module (memory 1) (func))",
            "(module (func (if (i32.const 0) (then))))",
        ] {
            let wasm = wat::parse_str(wat).unwrap();
            assert_eq!(count(&wasm, &HASH).unwrap(), wasm, "{wat}");
        }
    }

    #[test]
    fn counts_say_what_is_cold() {
        let [wasm, ..] = modules();
        let hash = wasmaot_abi::info::ModuleInfo::module_hash(&wasm);
        let cold = |counts: &[(u64, u64)]| {
            let mut profile = Profile::default();
            profile.add(&format!("{MEMORY}{}", hex(&hash)), &memory(counts));
            let options = Options {
                profiling: Profiling::Use(Arc::new(profile)),
                ..Options::default()
            };
            let text = compile("m.wasm", &wasm, &options, Emit::Clif).unwrap();
            let text = String::from_utf8(text).unwrap();
            text.lines().filter(|line| line.ends_with(" cold:")).count()
        };
        assert_eq!(cold(&[]), 0);
        assert_eq!(cold(&[(9, 5), (9, 5), (9, 5), (9, 5)]), 0, "either way");
        assert_eq!(cold(&[(9, 5), (9, 5), (9, 5), (60, 0)]), 1);
        assert_eq!(cold(&[(9, 5), (9, 5), (9, 5), (60, 60)]), 1);
        // Damage does no harm: more taken than executed, more than there are.
        assert_eq!(cold(&[(9, 5), (9, 5), (9, 5), (60, 70), (1, 1), (1, 1)]), 1);
    }
}
