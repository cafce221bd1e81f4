//! Words of a command line: response files, and what drivers wrap.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// How deep response files may name others.
const MAX_DEPTH: usize = 16;

/// Replaces `@FILE` by the arguments in the file, which may name files too. As
/// elsewhere, one that is not there stays as it is.
///
/// # Errors
/// If a file cannot be read, or files name each other without end.
pub fn expand(arguments: &[OsString]) -> Result<Vec<OsString>> {
    let mut expanded = Vec::new();
    add(arguments, &mut expanded, 0)?;
    Ok(expanded)
}

fn add(arguments: &[OsString], expanded: &mut Vec<OsString>, depth: usize) -> Result<()> {
    for argument in arguments {
        match argument.as_bytes().strip_prefix(b"@") {
            Some(path) if Path::new(OsStr::from_bytes(path)).is_file() => {
                let path = Path::new(OsStr::from_bytes(path));
                if depth == MAX_DEPTH {
                    bail!("{}: response files lead to each other", path.display());
                }
                let text = std::fs::read(path);
                let text = text.with_context(|| format!("cannot read {}", path.display()))?;
                add(&words(&text), expanded, depth + 1)?;
            }
            _ => expanded.push(argument.clone()),
        }
    }
    Ok(())
}

/// Words as a shell takes them: quotes, and a backslash before any character.
fn words(text: &[u8]) -> Vec<OsString> {
    let (mut words, mut word) = (Vec::new(), None::<Vec<u8>>);
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', None | Some(b'"')) => word.get_or_insert_default().extend(bytes.next()),
            (byte, Some(open)) if byte == open => quote = None,
            (b'"' | b'\'', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (byte, None) if byte.is_ascii_whitespace() => words.extend(word.take()),
            (byte, _) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

/// Unwraps what compiler drivers take for the linker: `-Wl,A,B` and
/// `-Xlinker A`.
pub fn unwrap(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut unwrapped = Vec::new();
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        if let Some(list) = argument.as_bytes().strip_prefix(b"-Wl,") {
            let parts = list.split(|&byte| byte == b',');
            unwrapped.extend(parts.map(|part| OsStr::from_bytes(part).to_owned()));
        } else if argument == "-Xlinker" {
            unwrapped.extend(rest.next());
        } else {
            unwrapped.push(argument);
        }
    }
    unwrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_files_are_read_as_by_a_shell() {
        assert_eq!(
            words(b"a 'b c' \"d\\\"e\"\n\\f ''"),
            ["a", "b c", "d\"e", "f", ""]
        );
    }

    #[test]
    fn response_files_name_others_and_come_to_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let argument = |name: &str| OsString::from(format!("@{}", at(name).display()));
        std::fs::write(at("one"), format!("a @{} c", at("two").display())).unwrap();
        std::fs::write(at("two"), "b").unwrap();
        std::fs::write(at("loop"), argument("loop").as_bytes()).unwrap();
        assert_eq!(expand(&[argument("one")]).unwrap(), ["a", "b", "c"]);
        let error = expand(&[argument("loop")]).unwrap_err().to_string();
        assert!(
            error.contains("response files lead to each other"),
            "{error}"
        );
        assert_eq!(expand(&[argument("none")]).unwrap(), [argument("none")]);
    }

    #[test]
    fn what_drivers_wrap_is_unwrapped() {
        let wrapped = ["a.o", "-Wl,-soname,libx.so", "-Xlinker", "-z", "-Wl,"];
        let unwrapped = unwrap(wrapped.map(OsString::from).to_vec());
        assert_eq!(unwrapped, ["a.o", "-soname", "libx.so", "-z", ""]);
    }
}
