//! libc++ with exceptions, as one library: libc++, libc++abi, and of libunwind
//! what there is for wasm. The sources are those that `ziglang` carries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::files::{all, copy_file, entries, read, write, write_ours};
use crate::layout::{Language, Target};
use crate::work::{Unit, Work, flags, link_arguments};

/// What stands in the headers where upstream has the line below.
const INSTEAD_OF_SITE: &str =
    "/* zig patch: instead of including __config_site, zig adds -D flags when compiling */";
const SITE: &str = "#include <__config_site>";

/// What code in C++ is compiled with, ours and that of programs.
pub(crate) const EXCEPTIONS: &str = "-fwasm-exceptions";

/// Directories whose files are built, and what is visible of them that does not
/// say so itself: libc++abi does not say it of the personality function. What is
/// experimental is not built.
const DIRECTORIES: [(&str, &str); 4] = [
    ("libcxx/src", "-fvisibility=hidden"),
    ("libcxx/src/filesystem", "-fvisibility=hidden"),
    ("libcxx/src/ryu", "-fvisibility=hidden"),
    ("libcxxabi/src", "-fvisibility=default"),
];

/// What is left out, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("libcxx/src/new.cpp", "libc++abi has the same"),
    ("libcxxabi/src/cxa_noexception.cpp", "there are exceptions"),
];

const COMPILE: &[&str] = &[
    "-std=c++23",
    "-fvisibility-inlines-hidden",
    "-DNDEBUG",
    "-D_LIBCPP_BUILDING_LIBRARY",
    "-DLIBCXX_BUILDING_LIBCXXABI",
    "-D_LIBCXXABI_BUILDING_LIBRARY",
    "-w",
];

/// A landing pad and the function that it calls share a thread-local variable,
/// and no module can refer to one of another module: so each has both.
const COMPILE_UNWIND: &[&str] = &[
    EXCEPTIONS,
    "-fvisibility=hidden",
    "-D_LIBUNWIND_HIDE_SYMBOLS",
    "-DNDEBUG",
    "-w",
];

/// The file of that, and its object.
const UNWIND: &str = "libunwind/src/Unwind-wasm.c";
const UNWIND_OBJECT: &str = "Unwind-wasm.o";

/// Directories of objects: those of the library, and that one.
const LIBRARY: &str = "libc++";
const UNWINDING: &str = "unwind";

/// The sources.
#[derive(Clone, Debug)]
pub(crate) struct Cxx {
    source: PathBuf,
    /// Their version.
    pub version: String,
}

impl Cxx {
    /// The parts of what others publish that are sources of it.
    pub(crate) const PARTS: [&str; 3] = ["libcxx", "libcxxabi", "libunwind"];

    /// The sources in a directory.
    pub(crate) fn new(source: &Path) -> Result<Self> {
        let config = read(&source.join("libcxx/include/__config"))?;
        let version = version(&config)
            .with_context(|| format!("{} has no libc++ of a known version", source.display()))?;
        Ok(Self {
            source: source.to_owned(),
            version,
        })
    }

    /// Makes a directory of the headers for programs.
    pub(crate) fn install_headers(&self, include: &Path) -> Result<()> {
        for part in ["libcxx/include", "libcxxabi/include"] {
            let part = self.source.join(part);
            for path in all(&part)? {
                let to = include.join(path.strip_prefix(&part).expect("it is below"));
                let text = read(&path)?;
                write(&to, text.replace(INSTEAD_OF_SITE, SITE))?;
            }
        }
        write_ours("cxx", include)
    }

    /// What is to be compiled of it for a target; objects come to be below
    /// `objects`. `more` are flags for this library alone.
    pub(crate) fn units(
        &self,
        target: &Target<'_>,
        more: &[OsString],
        objects: &Path,
    ) -> Result<Vec<Unit>> {
        let mut cxx = flags(target, Language::Cxx)?;
        cxx.extend_from_slice(more);
        let mut units = self.library(&cxx, &objects.join(LIBRARY))?;
        let c = flags(target, Language::C)?;
        units.push(self.unwind(c, &objects.join(UNWINDING)));
        Ok(units)
    }

    /// The library. `flags` are those of programs in C++.
    fn library(&self, flags: &[OsString], objects: &Path) -> Result<Vec<Unit>> {
        let mut flags: Vec<OsString> = flags.to_vec();
        flags.extend(COMPILE.iter().map(Into::into));
        for directory in [
            "libcxx/src",
            "libcxx/libc",
            "libcxxabi/src",
            "libunwind/include",
        ] {
            flags.push("-I".into());
            flags.push(self.source.join(directory).into());
        }
        let mut units = Vec::new();
        for (directory, visibility) in DIRECTORIES {
            let mut flags = flags.clone();
            flags.push(visibility.into());
            for path in entries(&self.source.join(directory))? {
                let name = path.strip_prefix(&self.source).expect("it is below");
                let left_out = LEFT_OUT
                    .iter()
                    .any(|(left_out, _)| name == Path::new(left_out));
                if path.extension().is_some_and(|e| e == "cpp") && !left_out {
                    units.push(Unit {
                        directory: objects.join(directory),
                        sources: vec![path],
                        flags: flags.clone(),
                    });
                }
            }
        }
        Ok(units)
    }

    /// What each module in C++ has of its own. `flags` are those of programs in C.
    fn unwind(&self, mut flags: Vec<OsString>, objects: &Path) -> Unit {
        flags.extend(COMPILE_UNWIND.iter().map(Into::into));
        for directory in ["libunwind/include", "libunwind/src"] {
            flags.push("-I".into());
            flags.push(self.source.join(directory).into());
        }
        Unit {
            directory: objects.to_owned(),
            sources: vec![self.source.join(UNWIND)],
            flags,
        }
    }
}

/// Makes the library of what was compiled below `objects`, beside libc and the
/// compiler's helpers.
pub(crate) fn link(work: &Work<'_>, target: &Target<'_>, objects: &Path) -> Result<()> {
    let lib = target.library_directory();
    let unwind = lib.join("unwind.o");
    copy_file(&objects.join(UNWINDING).join(UNWIND_OBJECT), &unwind)?;
    let helpers = lib.join("libclang_rt.builtins.a");
    let mut arguments = link_arguments(target.link_flags(), &objects.join(LIBRARY), &helpers)?;
    arguments.extend([unwind.into(), lib.join("libc.so").into()]);
    work.link(&arguments, &lib.join("libc++.so"))
}

/// The version in `#define _LIBCPP_VERSION 220108`, as one that people read.
fn version(config: &str) -> Option<String> {
    let line = config
        .lines()
        .find(|line| line.contains("define _LIBCPP_VERSION "))?;
    let number: u32 = line.split_whitespace().last()?.parse().ok()?;
    let (major, minor, patch) = (number / 10000, number / 100 % 100, number % 100);
    Some(format!("{major}.{minor}.{patch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_headers() {
        let config = "#  define _LIBCPP_VERSION 220108\n";
        assert_eq!(version(config).as_deref(), Some("22.1.8"));
    }
}
