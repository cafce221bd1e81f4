//! The compiler: finding it, and asking it for its version.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// Environment variable that names the compiler.
const VARIABLE: &str = "WASMAOT_CLANG";

/// The first version that makes position-independent code for wasm where it is
/// told to: 16 ignores `-fPIC`.
const FIRST: u32 = 19;

/// What installs a compiler.
const INSTALL: &str =
    "install it (Debian: apt-get install clang-22 lld-22 libclang-rt-22-dev-wasm32)";

/// Where packages of clang have its helpers for wasm.
const BUILTINS: &[&str] = &[
    "wasi/libclang_rt.builtins-wasm32.a",
    "wasm32-unknown-unknown/libclang_rt.builtins.a",
    "wasm32-unknown-wasip1/libclang_rt.builtins.a",
    "wasm32-unknown-wasi/libclang_rt.builtins.a",
    "wasip1/libclang_rt.builtins-wasm32.a",
];

/// clang, of a version that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clang {
    path: PathBuf,
    banner: String,
    major: u32,
}

impl Clang {
    /// Finds the compiler: `$WASMAOT_CLANG`, else the latest of `clang` and
    /// `clang-NN` in `PATH`, where one of them is new enough.
    ///
    /// # Errors
    /// If there is none, or the one that was named is too old or none.
    pub fn find() -> Result<Self> {
        if let Some(named) = std::env::var_os(VARIABLE).filter(|v| !v.is_empty()) {
            let named = Self::at(Path::new(&named))
                .with_context(|| format!("{VARIABLE} names no compiler"))?;
            ensure!(
                named.major >= FIRST,
                "{VARIABLE} names {}: {}",
                named.banner,
                too_old()
            );
            return Ok(named);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let entries =
            std::env::split_paths(&path).filter_map(|directory| directory.read_dir().ok());
        let mut numbered: Vec<(u32, PathBuf)> = entries
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let number = name.to_str()?.strip_prefix("clang-")?.parse().ok()?;
                Some((number, entry.path()))
            })
            .collect();
        // Of two of a version, the one that comes first in PATH.
        numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let plain = std::env::split_paths(&path).map(|directory| directory.join("clang"));
        let plain = plain.filter(|path| path.is_file()).take(1);
        let mut old = None;
        for candidate in plain.chain(numbered.into_iter().map(|(_, path)| path)) {
            match Self::at(&candidate) {
                Ok(clang) if clang.major >= FIRST => return Ok(clang),
                Ok(clang) => old = old.or(Some(clang)),
                Err(_) => {}
            }
        }
        match old {
            Some(old) => bail!(
                "{} is {}: {}; {INSTALL}, or name another with {VARIABLE}",
                old.path.display(),
                old.banner,
                too_old()
            ),
            None => bail!("no clang in PATH; {INSTALL}, or name it with {VARIABLE}"),
        }
    }

    /// The compiler of a path, of whatever version.
    ///
    /// # Errors
    /// If it cannot be run, or is no clang.
    pub fn at(path: &Path) -> Result<Self> {
        let shown = path.display();
        let output = Command::new(path).arg("--version").output();
        let output = output.with_context(|| format!("cannot run {shown}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let banner = text.lines().next().unwrap_or_default().trim();
        let major =
            major(banner).with_context(|| format!("{shown} says `{banner}`, and is no clang"))?;
        Ok(Self {
            path: path.to_owned(),
            banner: banner.to_owned(),
            major,
        })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says of itself: the first line of `--version`.
    #[must_use]
    pub fn banner(&self) -> &str {
        &self.banner
    }

    /// The first number of its version.
    #[must_use]
    pub const fn major(&self) -> u32 {
        self.major
    }

    /// The archive of what it calls for 128-bit numbers and the like, where it is
    /// installed for wasm, on whatever host: it knows of none.
    ///
    /// # Errors
    /// If it is not.
    pub(crate) fn builtins(&self) -> Result<PathBuf> {
        let shown = self.path.display();
        let output = self.command().arg("-print-resource-dir").output();
        let output = output.with_context(|| format!("cannot run {shown}"))?;
        let directory = String::from_utf8_lossy(&output.stdout);
        let directory = Path::new(directory.trim_end()).join("lib");
        let mut places = BUILTINS.iter().map(|name| directory.join(name));
        places.find(|path| path.is_file()).with_context(|| {
            let major = self.major;
            format!("{shown} has no libclang_rt.builtins for wasm; install it (Debian: apt-get install libclang-rt-{major}-dev-wasm32)")
        })
    }

    /// A command that runs it.
    #[must_use]
    pub fn command(&self) -> Command {
        Command::new(&self.path)
    }
}

fn too_old() -> String {
    format!("before {FIRST} it makes no position-independent code for wasm")
}

/// The number in `… clang version 22.1.8 …`.
fn major(banner: &str) -> Option<u32> {
    let (_, version) = banner.split_once("clang version ")?;
    version.split('.').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_clang_says_of_itself() {
        assert_eq!(major("Debian clang version 22.1.8 (1~deb12u1)"), Some(22));
        assert_eq!(major("clang version 19.1.7"), Some(19));
        assert_eq!(major("gcc (Debian 12.2.0-14) 12.2.0"), None);
    }
}
