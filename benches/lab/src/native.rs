//! Contestants that are native programs, and how these are linked. They print a check-sum,
//! nanoseconds, and what the processor has counted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::counters::COUNTERS;
use crate::interleave::{Runner, Sample, warm_up};

/// How a native program is linked. Each is called after what it is of `gcc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Native {
    /// One program at fixed addresses, without a dynamic linker: the baseline.
    Static,
    /// A library, bound at first calls, through the PLT.
    Plt,
    /// A library, bound at the start, through the PLT.
    Now,
    /// A library, called through the GOT (`-fno-plt`).
    NoPlt,
    /// A library whose own symbols are its own (`-Bsymbolic`). Main cannot
    /// have copies of its variables then, and is `-fPIC`.
    Symbolic,
    /// A library, and thread-local variables at distances from the thread pointer that are
    /// known from the start (initial-exec).
    InitialExec,
    /// The same, by calls of `__tls_get_addr` (general-dynamic).
    GeneralDynamic,
    /// The same, by calls of what the dynamic linker finds best (TLSDESC).
    TlsDesc,
    /// The same, by calls of a function of the module that has the variable.
    TlsCall,
}

impl Native {
    /// All that differ in how functions and plain variables are reached.
    pub const ALL: [Self; 5] = [
        Self::Static,
        Self::Plt,
        Self::Now,
        Self::NoPlt,
        Self::Symbolic,
    ];

    /// Those that differ in how thread-local variables are reached. In one static program
    /// they are at constant distances from the thread pointer (local-exec).
    pub const THREAD_LOCAL: [Self; 5] = [
        Self::Static,
        Self::InitialExec,
        Self::GeneralDynamic,
        Self::TlsDesc,
        Self::TlsCall,
    ];

    /// Its name in reports, and of its directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "native",
            Self::Plt => "so",
            Self::Now => "so-now",
            Self::NoPlt => "so-noplt",
            Self::Symbolic => "so-symbolic",
            Self::InitialExec => "so-tls-ie",
            Self::GeneralDynamic => "so-tls-gd",
            Self::TlsDesc => "so-tls-desc",
            Self::TlsCall => "so-tls-call",
        }
    }

    /// What it is, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Static => "gcc, one static program at fixed addresses",
            Self::Plt => "gcc, a library called through the PLT, bound at the first call",
            Self::Now => "gcc, a library called through the PLT, bound at the start",
            Self::NoPlt => "gcc -fno-plt, a library called through the GOT",
            Self::Symbolic => "gcc, a library linked with -Bsymbolic",
            Self::InitialExec => "gcc, thread-local variables by -ftls-model=initial-exec",
            Self::GeneralDynamic => {
                "gcc, thread-local variables by -ftls-model=global-dynamic, __tls_get_addr"
            }
            Self::TlsDesc => "gcc, thread-local variables by -mtls-dialect=gnu2, TLSDESC",
            Self::TlsCall => "gcc, thread-local variables of others by a function of theirs",
        }
    }

    /// Flags of compiling and of linking main; flags of linking the library.
    pub(crate) const fn flags(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Static => (&["-static", "-fno-pie", "-no-pie"], &[]),
            Self::Plt => (&["-Wl,-z,lazy"], &["-Wl,-z,lazy"]),
            Self::Now => (&["-Wl,-z,now"], &["-Wl,-z,now"]),
            Self::NoPlt => (&["-fno-plt", "-Wl,-z,now"], &["-fno-plt", "-Wl,-z,now"]),
            Self::Symbolic => (
                &["-fPIC", "-Wl,-z,lazy"],
                &["-Wl,-z,lazy", "-Wl,-Bsymbolic"],
            ),
            Self::InitialExec => (&["-Wl,-z,now"], &["-Wl,-z,now", "-ftls-model=initial-exec"]),
            Self::GeneralDynamic => (
                &["-Wl,-z,now"],
                &["-Wl,-z,now", "-ftls-model=global-dynamic"],
            ),
            Self::TlsDesc => (
                &["-Wl,-z,now"],
                &[
                    "-Wl,-z,now",
                    "-ftls-model=global-dynamic",
                    "-mtls-dialect=gnu2",
                ],
            ),
            Self::TlsCall => (
                &["-Wl,-z,now", "-DBY_CALL"],
                &["-Wl,-z,now", "-ftls-model=initial-exec", "-DBY_CALL"],
            ),
        }
    }
}

/// A contestant that is a program which is given the units of its warm-up and
/// those that it measures.
pub fn program(path: &Path) -> Runner {
    let path = path.to_owned();
    command(move |n| {
        let mut command = Command::new(&path);
        command.args([warm_up(n).to_string(), n.to_string(), "count".to_owned()]);
        command
    })
}

/// The same of any command that prints what such a program does.
pub fn command(mut make: impl FnMut(u32) -> Command + 'static) -> Runner {
    Box::new(move |n| {
        let mut command = make(n);
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let (out, err) = (output.stdout, output.stderr);
        ensure!(
            output.status.success(),
            "{command:?} ends with {}: {}",
            output.status,
            String::from_utf8_lossy(&err).lines().next().unwrap_or("")
        );
        sample(&String::from_utf8_lossy(&out))
    })
}

/// A line: check-sum, nanoseconds, and perhaps what each of [`COUNTERS`] counted.
fn sample(text: &str) -> Result<Sample> {
    let mut words = text.split_whitespace();
    let sum = words.next().and_then(|sum| sum.parse().ok());
    let time = words.next().and_then(|time| time.parse().ok());
    let (checksum, nanoseconds) = sum
        .zip(time)
        .with_context(|| format!("it prints {text:?}, not a check-sum and nanoseconds"))?;
    let counted = COUNTERS.into_iter().zip(words);
    let counted = counted.filter_map(|(name, count)| Some((name, count.parse().ok()?)));
    Ok(Sample {
        checksum,
        nanoseconds,
        extra: counted.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_are_not_there_are_left_out() {
        let extra = |text| sample(text).unwrap().extra;
        let want = [("instructions", 90.0), ("branch misses", 3.0)];
        assert_eq!(extra("-7 55 90 - 3 - - - -\n"), want);
        assert_eq!(extra("-7 55"), []);
        assert!(sample("hello").is_err());
    }
}
