//! musl as a library of wasm, on the system calls of the host: its source, an
//! architecture of our own (`files/musl/arch/wasm32`), and not a line of it
//! changed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::files::{copy, entries, read, write, write_ours};
use crate::work::Unit;

/// The versions that are known to work.
pub(crate) const VERSIONS: [&str; 2] = ["1.2.3", "1.2.5"];

/// What is left out, by the start of its path, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("src/mq/mq_notify.c", "waits at a socket of the kernel's"),
    (
        "src/time/timer_create.c",
        "a thread of its own waits for a signal",
    ),
];

/// What musl's own build says, and warnings off: they are not ours to heed.
const COMPILE: &[&str] = &[
    "-std=c99",
    "-ffreestanding",
    "-nostdinc",
    "-fno-strict-aliasing",
    "-D_XOPEN_SOURCE=700",
    "-w",
];

/// Files that one run of clang compiles: few enough that all processors have
/// something to do at the end.
const MOST_SOURCES: usize = 24;

/// The source of musl.
#[derive(Clone, Debug)]
pub(crate) struct Musl {
    source: PathBuf,
    /// Our architecture.
    arch: PathBuf,
    /// Its version.
    pub version: String,
}

impl Musl {
    /// The source in a directory. `work` is a directory for what it needs beside
    /// that.
    ///
    /// # Errors
    /// If it is of a version that is not known to work.
    pub(crate) fn new(source: &Path, work: &Path) -> Result<Self> {
        let shown = source.display();
        let version = read(&source.join("VERSION"))
            .with_context(|| format!("{shown} is no source of musl"))?;
        let version = version.trim().to_owned();
        ensure!(
            VERSIONS.contains(&version.as_str()),
            "{shown} is musl {version}; the versions that work are {}",
            VERSIONS.join(" and ")
        );
        let arch = work.join("arch/wasm32");
        write_ours("musl/arch/wasm32", &arch)?;
        write(
            &work.join("internal/version.h"),
            format!("#define VERSION \"{version}\"\n"),
        )?;
        Ok(Self {
            source: source.to_owned(),
            arch,
            version,
        })
    }

    /// The file with the start of a program.
    pub(crate) fn start_file(&self) -> PathBuf {
        self.arch.join("crt1.c")
    }

    /// Makes a directory of the headers for programs.
    pub(crate) fn install_headers(&self, include: &Path) -> Result<()> {
        let headers = |path: &Path| path.extension().is_some_and(|e| e == "h");
        let bits = include.join("bits");
        copy(&self.source.join("include"), include, headers)?;
        copy(&self.source.join("arch/generic/bits"), &bits, headers)?;
        copy(&self.arch.join("bits"), &bits, headers)?;
        // What is a macro here has to come after what musl declares.
        let jumps = include.join("setjmp.h");
        write(&jumps, read(&jumps)? + "\n#include <bits/sigsetjmp.h>\n")?;
        let types = read(&self.arch.join("bits/alltypes.h.in"))?
            + &read(&self.source.join("include/alltypes.h.in"))?;
        write(&bits.join("alltypes.h"), all_types(&types))?;
        let numbers = read(&self.arch.join("bits/syscall.h.in"))?;
        write(&bits.join("syscall.h"), system_calls(&numbers))
    }

    /// What is to be compiled of it. `flags` are those of all its programs,
    /// `include` has the headers, and objects come to be below `objects`.
    pub(crate) fn units(
        &self,
        flags: &[OsString],
        include: &Path,
        objects: &Path,
    ) -> Result<Vec<Unit>> {
        let work = self.arch.ancestors().nth(2).expect("it is below");
        let mut flags: Vec<OsString> = flags.to_vec();
        flags.extend(COMPILE.iter().map(Into::into));
        for directory in [
            self.arch.clone(),
            self.source.join("arch/generic"),
            work.join("internal"),
            self.source.join("src/include"),
            self.source.join("src/internal"),
            include.to_owned(),
        ] {
            flags.push("-I".into());
            flags.push(directory.into());
        }
        let mut units = Vec::new();
        for (name, sources) in self.sources()? {
            units.extend(sources.chunks(MOST_SOURCES).map(|sources| Unit {
                directory: objects.join(&name),
                sources: sources.to_vec(),
                flags: flags.clone(),
            }));
        }
        Ok(units)
    }

    /// The C files that are built, by directory; those of the architecture stand
    /// in for the ones of the same name.
    fn sources(&self) -> Result<Vec<(String, Vec<PathBuf>)>> {
        let mut directories = entries(&self.source.join("src"))?;
        directories.push(self.source.join("src/malloc/mallocng"));
        let mut left_out = vec![0; LEFT_OUT.len()];
        let mut found = Vec::new();
        for directory in directories.iter().filter(|path| path.is_dir()) {
            let mut sources = Vec::new();
            for path in entries(directory)? {
                let name = path.strip_prefix(&self.source).expect("it is below");
                let shown = name.to_string_lossy();
                if path.extension().is_none_or(|e| e != "c") {
                    continue;
                }
                match LEFT_OUT
                    .iter()
                    .position(|(start, _)| shown.starts_with(start))
                {
                    Some(reason) => left_out[reason] += 1,
                    None if self.arch.join(name).is_file() => sources.push(self.arch.join(name)),
                    None => sources.push(path),
                }
            }
            let name = directory.strip_prefix(&self.source).expect("it is below");
            found.push((name.to_string_lossy().replace('/', "-"), sources));
        }
        for ((start, _), count) in LEFT_OUT.iter().zip(left_out) {
            ensure!(
                count > 0,
                "{} has no {start}: it is not whole",
                self.source.display()
            );
        }
        Ok(found)
    }
}

/// `bits/alltypes.h`: types that headers have by asking for them.
fn all_types(text: &str) -> String {
    let line = |line: &str| -> Option<String> {
        let (kind, rest) = line.split_once(' ')?;
        let rest = rest.trim_start().strip_suffix(';')?;
        let (name, tag, definition) = match kind {
            "TYPEDEF" => {
                let (_, name) = rest.rsplit_once(' ')?;
                (name, "", format!("typedef {rest};"))
            }
            "STRUCT" => {
                let (name, _) = rest.split_once(' ')?;
                (name, "struct_", format!("struct {rest};"))
            }
            "UNION" => {
                let (name, _) = rest.split_once(' ')?;
                (name, "union_", format!("union {rest};"))
            }
            _ => return None,
        };
        Some(format!(
            "#if defined(__NEED_{tag}{name}) && !defined(__DEFINED_{tag}{name})\n{definition}\n\
             #define __DEFINED_{tag}{name}\n#endif\n"
        ))
    };
    let lines = text.lines();
    lines
        .map(|text| line(text).unwrap_or_else(|| text.to_owned()) + "\n")
        .collect()
}

/// `bits/syscall.h`: the numbers by both of their names.
fn system_calls(numbers: &str) -> String {
    let ours = numbers.lines().filter(|line| line.contains("__NR_"));
    let synonyms = ours.map(|line| line.replacen("__NR_", "SYS_", 1) + "\n");
    numbers.to_owned() + &synonyms.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_defined_where_they_are_asked_for() {
        let text = "#define _Addr int\nTYPEDEF unsigned _Addr size_t;\n\
                    STRUCT iovec { void *iov_base; size_t iov_len; };\n";
        assert_eq!(
            all_types(text),
            "#define _Addr int\n\
             #if defined(__NEED_size_t) && !defined(__DEFINED_size_t)\n\
             typedef unsigned _Addr size_t;\n#define __DEFINED_size_t\n#endif\n\n\
             #if defined(__NEED_struct_iovec) && !defined(__DEFINED_struct_iovec)\n\
             struct iovec { void *iov_base; size_t iov_len; };\n\
             #define __DEFINED_struct_iovec\n#endif\n\n"
        );
    }

    #[test]
    fn system_calls_have_both_names() {
        assert_eq!(
            system_calls("#define __NR_read 0\n"),
            "#define __NR_read 0\n#define SYS_read 0\n"
        );
    }
}
