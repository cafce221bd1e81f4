//! The command line of wasm-ld, as far as the front end has to understand it:
//! which files are linked, in what order and how, and where the output goes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Kind;

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
    "rpath",
    "rsp-quoting",
    "soname",
    "thinlto-cache-policy",
    "threads",
    "trace-symbol",
    "undefined",
    "unresolved-symbols",
    "why-extract",
    "wrap",
];

/// The same, of one letter and one dash.
const LETTERS_WITH_VALUE: &[u8] = b"LOelmouyz";

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
}

struct Reader {
    out: Arguments,
    directories: Vec<PathBuf>,
    /// `-l` names, which are looked up when all directories are known.
    libraries: Vec<(usize, Library)>,
    whole: bool,
    lazy: bool,
    dynamic: bool,
}

struct Library {
    name: OsString,
    dynamic: bool,
}

impl Arguments {
    /// Reads arguments.
    ///
    /// # Errors
    /// If a value is missing, a response file cannot be read, or a library is
    /// nowhere.
    pub fn read(arguments: &[OsString]) -> Result<Self> {
        let mut reader = Reader {
            out: Self::default(),
            directories: Vec::new(),
            libraries: Vec::new(),
            whole: false,
            lazy: false,
            dynamic: true,
        };
        let arguments = expand(arguments)?;
        let mut rest = arguments.into_iter();
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
            self.out.rest.push(argument.to_owned());
            self.input(argument.into());
            return Ok(());
        }
        let mut value = || {
            let missing = || format!("{}: needs a value", argument.display());
            rest.next().with_context(missing)
        };
        if let [b'-', letter, joined @ ..] = bytes
            && LETTERS_WITH_VALUE.contains(letter)
            && (joined.is_empty() || b"Llo".contains(letter))
        {
            let value = match joined {
                [] => value()?,
                _ => OsStr::from_bytes(joined).to_owned(),
            };
            self.letter(*letter, value);
            return Ok(());
        }
        let text = argument.to_string_lossy();
        let name = text.trim_start_matches('-');
        match name.split_once('=') {
            // Ours: wasm-ld has the letter alone.
            Some(("output", value)) => self.out.output = Some(value.into()),
            None if name == "output" => self.out.output = Some(value()?.into()),
            Some((name, value)) => {
                self.option(name, value);
                self.out.rest.push(argument.to_owned());
            }
            None if WITH_VALUE.contains(&name) => {
                let value = value()?;
                self.option(name, &value.to_string_lossy());
                self.out.rest.extend([argument.to_owned(), value]);
            }
            None => self.flag(name, argument),
        }
        Ok(())
    }

    fn letter(&mut self, letter: u8, value: OsString) {
        match letter {
            b'o' => {
                self.out.output = Some(value.into());
                return;
            }
            b'L' => self.directories.push((&value).into()),
            b'l' => {
                let place = self.out.inputs.len();
                self.input(PathBuf::new());
                let library = Library {
                    name: value.clone(),
                    dynamic: self.dynamic,
                };
                self.libraries.push((place, library));
            }
            b'e' | b'u' => self.out.wanted.push(value.to_string_lossy().into_owned()),
            _ => {}
        }
        let option = OsString::from_vec(vec![b'-', letter]);
        self.out.rest.extend([option, value]);
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
            "pie" => self.out.kind = Some(Kind::Pie),
            "no-pie" => self.out.kind = Some(Kind::NoPie),
            "shared" => self.out.kind = Some(Kind::Shared),
            _ => {
                match name {
                    "Bdynamic" | "call_shared" | "dy" => self.dynamic = true,
                    "Bstatic" | "dn" | "non_shared" | "static" => self.dynamic = false,
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
            path,
            whole: self.whole,
            lazy: self.lazy,
        });
    }

    fn finish(mut self) -> Result<Arguments> {
        for (place, library) in &self.libraries {
            let found = library.find(&self.directories).with_context(|| {
                format!(
                    "-l{}: no such library; give its directory with -L",
                    library.name.display()
                )
            })?;
            self.out.inputs[*place].path = found;
        }
        if self.out.inputs.is_empty() {
            bail!("nothing to link: give objects");
        }
        Ok(self.out)
    }
}

impl Library {
    /// As wasm-ld: in each directory the library, then the archive; `:NAME` is
    /// the file's own name.
    fn find(&self, directories: &[PathBuf]) -> Option<PathBuf> {
        let name = self.name.to_string_lossy();
        let names = match name.strip_prefix(':') {
            Some(file) => vec![file.to_owned()],
            None if self.dynamic => vec![format!("lib{name}.so"), format!("lib{name}.a")],
            None => vec![format!("lib{name}.a")],
        };
        let mut places = directories
            .iter()
            .flat_map(|directory| names.iter().map(|name| directory.join(name)));
        places.find(|path| path.is_file())
    }
}

/// Replaces `@FILE` by the arguments in the file.
fn expand(arguments: &[OsString]) -> Result<Vec<OsString>> {
    let mut expanded = Vec::new();
    for argument in arguments {
        match argument.as_bytes().strip_prefix(b"@") {
            Some(path) if !path.is_empty() => {
                let path = Path::new(OsStr::from_bytes(path));
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("cannot read {}", path.display()))?;
                expanded.extend(words(&text).into_iter().map(OsString::from));
            }
            _ => expanded.push(argument.clone()),
        }
    }
    Ok(expanded)
}

/// Words as a shell takes them: quotes, and a backslash before any character.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments> {
        let words: Vec<OsString> = words(line).into_iter().map(OsString::from).collect();
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
        for line in ["a.o --output out", "a.o --output=out", "-oout a.o"] {
            let output = self::read(line).unwrap().output;
            assert_eq!(output.as_deref(), Some(Path::new("out")), "{line}");
        }
        assert_eq!(read.wanted, ["f", "start", "h"]);
        assert_eq!(read.kind, Some(Kind::Shared));
        assert!(!read.rest.iter().any(|a| a == "-shared" || a == "out"));
        assert!(read.rest.iter().any(|a| a == "stack-size=1"));
    }

    #[test]
    fn what_is_missing_is_said() {
        for line in ["", "-shared", "a.o -o", "a.o -lnone", "@/does/not/exist"] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn libraries_are_found_before_archives() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        for name in ["libx.so", "libx.a", "liby.a"] {
            std::fs::write(at.join(name), "").unwrap();
        }
        let line = format!("-lx -ly -Bstatic -lx -l:libx.so -L{}", at.display());
        let found = read(&line).unwrap().inputs;
        let names: Vec<_> = found.iter().map(|i| i.path.file_name().unwrap()).collect();
        assert_eq!(names, ["libx.so", "liby.a", "libx.a", "libx.so"]);
    }

    #[test]
    fn response_files_are_read_as_by_a_shell() {
        assert_eq!(
            words("a 'b c' \"d\\\"e\"\n\\f ''"),
            ["a", "b c", "d\"e", "f", ""]
        );
    }
}
