//! The command line of wasm-ld, and what others pass to linkers, as far as the
//! front end has to understand it: which files are linked, in what order and
//! how, what others may look for, and where the output goes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::Kind;
use super::gnu::{self, Meaning};
use super::search::Wanted;
use super::words::{expand, unwrap};

/// Options of wasm-ld whose value may be an argument of its own.
const WITH_VALUE: &[&str] = &[
    "allow-undefined-file",
    "entry",
    "error-limit",
    "export",
    "export-if-defined",
    "keep-section",
    "Map",
    "mllvm",
    "reproduce",
    "rsp-quoting",
    "thinlto-cache-policy",
    "threads",
    "trace-symbol",
    "undefined",
    "unresolved-symbols",
    "why-extract",
    "wrap",
];

/// The same of those that are ours to carry out.
const OWN_WITH_VALUE: &[&str] = &[
    "exclude-libs",
    "export-dynamic-symbol",
    "library",
    "library-path",
    "output",
    "rpath",
    "soname",
    "version-script",
];

/// The same, of one letter and one dash.
const LETTERS_WITH_VALUE: &[u8] = b"IhRLOelmouyz";
/// Those of them whose value may follow in the same argument.
const LETTERS_JOINED: &[u8] = b"hRLloz";

/// What the arguments say.
#[derive(Debug, Default)]
pub struct Arguments {
    /// What to link, where an argument says so.
    pub kind: Option<Kind>,
    /// Where to, where an argument says so.
    pub output: Option<PathBuf>,
    /// Files in order.
    pub inputs: Vec<Input>,
    /// Symbols that archives are searched for though no object refers to them.
    pub wanted: Vec<String>,
    /// Whether wasm-ld is told to let symbols be undefined.
    pub lenient: bool,
    /// Whether nothing may be undefined in a library either.
    pub strict: bool,
    /// The name that others are to need a library by.
    pub soname: Option<String>,
    /// Directories where its libraries are looked for at run time, in order.
    pub runpath: Vec<String>,
    /// Whether they are looked for after those where they are found now, too.
    pub runpath_inputs: bool,
    /// Files that say what a library exports.
    pub version_scripts: Vec<PathBuf>,
    /// Names of archives whose symbols others are not to see; `ALL` is each.
    pub excluded: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Everything else and the files, in order, for wasm-ld.
    pub rest: Vec<OsString>,
}

/// A file to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its path.
    pub path: PathBuf,
    /// All members of an archive are linked.
    pub whole: bool,
    /// An object is linked only where it is needed, as a member of an archive.
    pub lazy: bool,
    /// Where it is in [`Arguments::rest`].
    pub place: usize,
}

struct Reader {
    out: Arguments,
    directories: Vec<PathBuf>,
    /// `-l` names by the inputs that they stand for, which are looked up when all directories are
    /// known.
    libraries: Vec<(usize, Wanted)>,
    whole: bool,
    lazy: bool,
    dynamic: bool,
}

impl Arguments {
    /// Reads arguments.
    ///
    /// # Errors
    /// If a value is missing, a response file cannot be read, a library is
    /// nowhere, or something is asked for that cannot be had.
    pub fn read(arguments: &[OsString]) -> Result<Self> {
        let mut reader = Reader {
            out: Self::default(),
            directories: Vec::new(),
            libraries: Vec::new(),
            whole: false,
            lazy: false,
            dynamic: true,
        };
        let mut rest = unwrap(expand(arguments)?).into_iter();
        while let Some(argument) = rest.next() {
            reader.argument(&argument, &mut rest)?;
        }
        reader.finish()
    }
}

impl Reader {
    fn argument(
        &mut self,
        argument: &OsStr,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<()> {
        let bytes = argument.as_bytes();
        if !bytes.starts_with(b"-") || bytes == b"-" {
            self.input(argument.into());
            return Ok(());
        }
        let mut value = || {
            let missing = || format!("{}: needs a value", argument.display());
            rest.next().with_context(missing)
        };
        let text = argument.to_string_lossy();
        let name = text.trim_start_matches('-');
        let (name, joined) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        if OWN_WITH_VALUE.contains(&name) {
            let value = joined.map_or_else(&mut value, |value| Ok(value.into()))?;
            self.own(name, value);
        } else if let Some((has_value, meaning)) = gnu::meaning(name) {
            if let Meaning::Refused(instead) = meaning {
                bail!("{text}: not for wasm; {instead}");
            }
            if has_value && joined.is_none() {
                value()?;
            }
        } else if let [b'-', letter, after @ ..] = bytes
            && LETTERS_WITH_VALUE.contains(letter)
            && (after.is_empty() || LETTERS_JOINED.contains(letter))
        {
            let value = match after {
                [] => value()?,
                _ => OsStr::from_bytes(after).to_owned(),
            };
            self.letter(*letter, value)?;
        } else if let Some(joined) = joined {
            self.option(name, joined);
            self.out.rest.push(argument.to_owned());
        } else if WITH_VALUE.contains(&name) {
            let value = value()?;
            self.option(name, &value.to_string_lossy());
            self.out.rest.extend([argument.to_owned(), value]);
        } else {
            self.flag(name, argument);
        }
        Ok(())
    }

    fn letter(&mut self, letter: u8, value: OsString) -> Result<()> {
        match letter {
            b'o' => self.own("output", value),
            b'h' => self.own("soname", value),
            b'L' => self.own("library-path", value),
            b'l' => self.own("library", value),
            b'R' => self.own("rpath", value),
            // The dynamic linker of ELF programs.
            b'I' => {}
            b'z' => self.keyword(value),
            b'm' if !value.as_bytes().starts_with(b"wasm") => bail!(
                "-m {}: objects are for wasm32; leave it out",
                value.display()
            ),
            _ => {
                if b"eu".contains(&letter) {
                    self.out.wanted.push(value.to_string_lossy().into_owned());
                }
                let option = format!("-{}", char::from(letter));
                self.out.rest.extend([option.into(), value]);
            }
        }
        Ok(())
    }

    /// `-z`: most of them are about ELF.
    fn keyword(&mut self, value: OsString) {
        match value.as_bytes() {
            b"defs" => self.out.strict = true,
            b"undefs" => self.out.strict = false,
            keyword if keyword.starts_with(b"stack-size=") => {
                self.out.rest.extend(["-z".into(), value]);
            }
            _ => {}
        }
    }

    /// Options with a value that we carry out.
    fn own(&mut self, option: &str, value: OsString) {
        let text = || value.to_string_lossy().into_owned();
        match option {
            "exclude-libs" => {
                let names = text();
                let names = names.split([',', ':']).map(str::to_owned);
                self.out.excluded.extend(names);
            }
            // A pattern is for programs, which export all.
            "export-dynamic-symbol" if !text().contains(['*', '?', '[']) => {
                self.out.wanted.push(text());
                self.out.rest.push(format!("--export={}", text()).into());
            }
            "library-path" => self.directories.push(value.into()),
            "library" => {
                self.libraries.push((
                    self.out.inputs.len(),
                    Wanted {
                        name: value,
                        dynamic: self.dynamic,
                    },
                ));
                self.input(PathBuf::new());
            }
            "output" => self.out.output = Some(value.into()),
            "rpath" => {
                for place in text().split(':').filter(|place| !place.is_empty()) {
                    if !self.out.runpath.iter().any(|known| known == place) {
                        self.out.runpath.push(place.to_owned());
                    }
                }
            }
            "soname" => self.out.soname = Some(text()),
            "version-script" => self.out.version_scripts.push(value.into()),
            _ => {}
        }
    }

    /// Options with a value: those that name a symbol, which an archive may
    /// have to define; those that say what may be undefined.
    fn option(&mut self, option: &str, value: &str) {
        match option {
            "entry" | "export" | "undefined" => self.out.wanted.push(value.to_owned()),
            "allow-undefined-file" => self.out.lenient = true,
            "unresolved-symbols" => self.out.lenient |= value != "report-all",
            _ => {}
        }
    }

    fn flag(&mut self, name: &str, argument: &OsStr) {
        match name {
            "pie" | "pic-executable" => self.out.kind = Some(Kind::Pie),
            "no-pie" => self.out.kind = Some(Kind::NoPie),
            "shared" | "Bshareable" => self.out.kind = Some(Kind::Shared),
            "r" | "i" | "relocatable" => self.out.kind = Some(Kind::Relocatable),
            "no-undefined" => self.out.strict = true,
            "rpath-inputs" => self.out.runpath_inputs = true,
            // A library is taken where it is found: wasm-ld gets its path.
            "Bdynamic" | "call_shared" | "dy" => self.dynamic = true,
            "Bstatic" | "dn" | "non_shared" | "static" => self.dynamic = false,
            _ => {
                match name {
                    "whole-archive" => self.whole = true,
                    "no-whole-archive" => self.whole = false,
                    "start-lib" => self.lazy = true,
                    "end-lib" => self.lazy = false,
                    "allow-undefined"
                    | "import-undefined"
                    | "noinhibit-exec"
                    | "warn-unresolved-symbols" => self.out.lenient = true,
                    _ => {}
                }
                self.out.rest.push(argument.to_owned());
            }
        }
    }

    fn input(&mut self, path: PathBuf) {
        self.out.inputs.push(Input {
            path: path.clone(),
            whole: self.whole,
            lazy: self.lazy,
            place: self.out.rest.len(),
        });
        self.out.rest.push(path.into());
    }

    fn finish(mut self) -> Result<Arguments> {
        for (number, library) in &self.libraries {
            let mut skipped = Vec::new();
            let found = library.find(&self.directories, |text| skipped.push(text.to_owned()));
            let found = found.with_context(|| {
                let before = skipped.iter().map(|text| format!("{text}; "));
                format!(
                    "{}-l{}: no such library; give its directory with -L",
                    before.collect::<String>(),
                    library.name.display()
                )
            })?;
            self.out.warnings.extend(skipped);
            self.out.replace(*number, found);
        }
        if self.out.inputs.is_empty() {
            bail!("nothing to link: give objects");
        }
        Ok(self.out)
    }
}

impl Arguments {
    /// Has another file linked in the place of an input.
    pub fn replace(&mut self, input: usize, path: PathBuf) {
        let input = &mut self.inputs[input];
        self.rest[input.place] = path.clone().into();
        input.path = path;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(line: &str) -> Result<Arguments> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Arguments::read(&words)
    }

    #[test]
    fn files_are_told_from_values() {
        let line = "a.o -o out --export f -eg -e start -z stack-size=1 --export=h -shared \
                    --whole-archive b.a --no-whole-archive --start-lib c.o --end-lib";
        let read = read(line).unwrap();
        let inputs = read.inputs.iter();
        let inputs: Vec<_> = inputs
            .map(|i| (i.path.to_str().unwrap(), i.whole, i.lazy))
            .collect();
        let wanted = [
            ("a.o", false, false),
            ("b.a", true, false),
            ("c.o", false, true),
        ];
        assert_eq!(inputs, wanted);
        assert_eq!(read.output.as_deref(), Some(Path::new("out")));
        for line in [
            "a.o --output out",
            "a.o --output=out",
            "-oout a.o",
            "-Wl,-o,out a.o",
        ] {
            let output = self::read(line).unwrap().output;
            assert_eq!(output.as_deref(), Some(Path::new("out")), "{line}");
        }
        assert_eq!(read.wanted, ["f", "start", "h"]);
        assert_eq!(read.kind, Some(Kind::Shared));
        assert!(!read.rest.iter().any(|a| a == "-shared" || a == "out"));
        assert!(read.rest.iter().any(|a| a == "stack-size=1"));
    }

    #[test]
    fn what_is_missing_or_not_for_wasm_is_said() {
        for line in [
            "",
            "-shared",
            "a.o -o",
            "a.o -lnone",
            "a.o -T x.ld",
            "a.o -m elf_x86_64",
            "a.o --defsym=a=b",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    /// What compiler drivers and libtool pass to every linker.
    #[test]
    fn options_for_elf_leave_nothing_for_wasm_ld() {
        let line = "--hash-style=gnu --eh-frame-hdr -dynamic-linker /lib/ld.so -I /x --as-needed \
                    --start-group a.o -( b.o -) --end-group -znow -z relro -z defs -plugin x.so \
                    -plugin-opt=y -rpath-link /z -rpath /a -R/b -h libx.so.1 --no-undefined \
                    -Bsymbolic-functions --sort-common -Wl,--build-id=none -Bstatic -Bdynamic";
        let read = read(line).unwrap();
        assert_eq!(read.rest, ["a.o", "b.o", "--build-id=none"]);
        assert_eq!(read.runpath, ["/a", "/b"]);
        assert_eq!(read.soname.as_deref(), Some("libx.so.1"));
        assert!(read.strict);
    }

    #[test]
    fn libraries_are_found_before_archives() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        for name in ["libx.so", "libx.a", "liby.a"] {
            std::fs::write(at.join(name), "").unwrap();
        }
        let line = format!("-lx -ly -Bstatic -lx -l:libx.so -L{}", at.display());
        let read = read(&line).unwrap();
        let files = ["libx.so", "liby.a", "libx.a", "libx.so"].map(|name| at.join(name));
        let found: Vec<_> = read.inputs.iter().map(|i| i.path.clone()).collect();
        assert_eq!(found, files);
        assert_eq!(read.rest, files.map(PathBuf::into_os_string));
    }
}
