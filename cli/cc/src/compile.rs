//! Sources to objects, by clang.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use wasmaot_sysroot::{Clang, Language, Target};

use crate::line::{Item, Line, Stage};
use crate::tools::{code, shown};

/// A compiler for a command line.
pub struct Compiler<'a> {
    /// clang.
    pub clang: &'a Clang,
    /// What is compiled for.
    pub target: Target<'a>,
    /// Which driver it is: that for C++ takes C for C++.
    pub driver: Language,
    /// The command line.
    pub line: &'a Line,
}

/// How a step ended.
pub enum Ended<T> {
    /// As it should.
    Well(T),
    /// clang has said what went wrong; its exit code.
    Badly(u8),
}

impl Compiler<'_> {
    /// Compiles each source to what the command line asks for.
    ///
    /// # Errors
    /// If clang cannot be run, or one output is for several sources.
    pub fn only(&self, stage: &str) -> Result<u8> {
        let sources: Vec<_> = self.line.sources().collect();
        if let (Some(output), [_, _, ..]) = (&self.line.output, &sources[..]) {
            bail!(
                "-o {} is one file, and there are several sources for {stage}; compile one at a time",
                output.display()
            );
        }
        for (path, language) in sources {
            let mut last: Vec<OsString> = vec![stage.into()];
            if let Some(output) = &self.line.output {
                last.extend(["-o".into(), output.into()]);
            }
            let code = self.clang(path, language, &last)?;
            if code != 0 {
                return Ok(code);
            }
        }
        Ok(0)
    }

    /// Compiles each source to an object in a directory; answers what the linker
    /// gets, in order.
    ///
    /// # Errors
    /// If clang cannot be run.
    pub fn objects(&self, directory: &Path) -> Result<Ended<Vec<OsString>>> {
        let mut words = Vec::new();
        for (number, item) in self.line.items.iter().enumerate() {
            let (path, language) = match item {
                Item::Link(word) => {
                    words.push(word.clone());
                    continue;
                }
                Item::Source { path, language } => (path, language),
            };
            let stem = Path::new(path).file_stem().unwrap_or(OsStr::new("stdin"));
            let mut name = OsString::from(format!("{number}-"));
            name.push(stem);
            name.push(".o");
            let object = directory.join(name);
            let mut last: Vec<OsString> = vec!["-c".into(), "-o".into(), object.clone().into()];
            last.extend(self.dependencies(Path::new(path)));
            let code = self.clang(path, language, &last)?;
            if code != 0 {
                return Ok(Ended::Badly(code));
            }
            words.push(object.into());
        }
        Ok(Ended::Well(words))
    }

    fn clang(&self, path: &OsStr, language: &str, last: &[OsString]) -> Result<u8> {
        // A driver for C++ takes C for C++, as others do.
        let language = match (self.driver, language) {
            (Language::Cxx, "c") => "c++",
            _ => language,
        };
        let mut arguments = self.flags(language)?;
        arguments.extend(self.line.compile.iter().cloned());
        arguments.extend(last.iter().cloned());
        arguments.extend(["-x".into(), language.into(), path.to_owned()]);
        let program = self.clang.path();
        if self.line.verbose || self.line.dry_run {
            eprintln!("{}", shown(program.as_os_str(), &arguments));
        }
        if self.line.dry_run {
            return Ok(0);
        }
        code(Command::new(program).args(&arguments), program)
    }

    /// What clang is told of dependencies where it compiles to an object that is
    /// linked and gone: they are those of what is linked, as gcc has it.
    fn dependencies(&self, source: &Path) -> Vec<OsString> {
        let asked = self.line.dependencies;
        if !asked.wanted {
            return Vec::new();
        }
        let several = self.line.sources().nth(1).is_some();
        let (file, target) = dependencies(source, self.line.output.as_deref(), several);
        let mut words: Vec<OsString> = Vec::new();
        if !asked.file_named {
            words.extend(["-MF".into(), file.into()]);
        }
        if !asked.target_named {
            words.extend(["-MQ".into(), target.into()]);
        }
        words
    }

    /// What clang is told before what the user tells it.
    fn flags(&self, language: &str) -> Result<Vec<OsString>> {
        let is_cxx = language.contains("c++");
        let needs = if is_cxx { Language::Cxx } else { Language::C };
        let mut flags = self.target.compile_flags(needs)?;
        if !self.line.fixed {
            flags.push("-fPIC".into());
        }
        if self.line.no_exceptions {
            flags.retain(|flag| flag != "-fwasm-exceptions");
        }
        // Assembly and the preprocessor have no use for some.
        flags.push("-Wno-unused-command-line-argument".into());
        Ok(flags)
    }
}

/// Where the dependencies of a source are written that is compiled and linked in
/// one step, and of what they are: those of several sources are not in one file.
fn dependencies(source: &Path, output: Option<&Path>, several: bool) -> (PathBuf, PathBuf) {
    let stem = source.file_stem().unwrap_or(OsStr::new("stdin"));
    let linked = output.unwrap_or(Path::new("a.out"));
    let file = match (output, several) {
        (_, true) => {
            let mut name = linked.file_stem().unwrap_or_default().to_owned();
            name.push("-");
            name.push(stem);
            name.push(".d");
            linked.with_file_name(name)
        }
        (Some(output), false) => output.with_extension("d"),
        (None, false) => Path::new(stem).with_added_extension("d"),
    };
    let target = output.map_or_else(|| Path::new(stem).with_added_extension("o"), Path::to_owned);
    (file, target)
}

impl Line {
    /// Whether there is nothing to compile or link.
    pub fn is_empty(&self) -> bool {
        match self.stage {
            Stage::Link => self.items.is_empty(),
            Stage::Clang(_) => self.sources().next().is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As gcc 12 says it, but that gcc writes those of several sources for one
    /// output over each other.
    #[test]
    fn dependencies_are_those_of_what_is_linked() {
        for (source, output, several, file, target) in [
            ("a.c", None, false, "a.d", "a.o"),
            ("dir/a.b.c", None, false, "a.b.d", "a.b.o"),
            ("a.c", None, true, "a-a.d", "a.o"),
            ("a.c", Some("prog"), false, "prog.d", "prog"),
            (
                "a.c",
                Some("out/prog.exe"),
                false,
                "out/prog.d",
                "out/prog.exe",
            ),
            ("a.c", Some("liba.so.1"), false, "liba.so.d", "liba.so.1"),
            ("a.c", Some("out/prog"), true, "out/prog-a.d", "out/prog"),
        ] {
            assert_eq!(
                dependencies(source.as_ref(), output.map(Path::new), several),
                (file.into(), target.into()),
                "{source} {output:?}"
            );
        }
    }
}
