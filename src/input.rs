//! What a file is, told by its content.

#[cfg(feature = "compiler")]
use std::borrow::Cow;

use std::io::Read as _;
use std::path::Path;

use wasmaot_abi::shebang;

use crate::error::{Error, Result};

/// What stands for standard input in place of a file.
pub const STREAM: &str = "-";

/// Reads a file, or standard input for `-`: its name for messages, and its
/// bytes.
///
/// # Errors
/// If it cannot be read, naming it.
pub fn read(path: &Path) -> Result<(String, Vec<u8>)> {
    if path == Path::new(STREAM) {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(Error::io("cannot read standard input"))?;
        return Ok(("<stdin>".to_owned(), bytes));
    }
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(Error::cannot_read(path))?;
    Ok((file, bytes))
}

/// Kind of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A binary WebAssembly module.
    Wasm,
    /// The text of a module.
    Wat,
    /// An object that `wasmaot build` made, or another ELF file.
    Object,
}

/// Tells the kind of `bytes`, which may begin with a line `#!` if they are a
/// module. `file` is for the message alone.
///
/// # Errors
/// If it is neither a module, nor text, nor an ELF file.
pub fn kind(file: &str, bytes: &[u8]) -> Result<Kind> {
    // Version 1, layer 0: a core module. Layer 1 is a component.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    let has_line = bytes.starts_with(b"#!");
    let bytes = shebang::module(bytes);
    if bytes.starts_with(COMPONENT) {
        let reason = "is a component, not a core module; extract its modules first";
        return Err(Error::input(file, reason));
    }
    if bytes.starts_with(b"\0asm") {
        return Ok(Kind::Wasm);
    }
    if !has_line && bytes.starts_with(b"\x7fELF") {
        return Ok(Kind::Object);
    }
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace());
    let is_text =
        start.is_some_and(|i| bytes[i..].starts_with(b"(") || bytes[i..].starts_with(b";;"));
    if is_text {
        return Ok(Kind::Wat);
    }
    if has_line {
        let most = shebang::MAX_LINE;
        let reason = format!(
            "begins with `#!`, and no wasm module follows that line, which may have {most} bytes"
        );
        return Err(Error::input(file, reason));
    }
    let reason = "is neither a wasm module, nor its text, nor an ELF object; give one of these";
    Err(Error::input(file, reason))
}

/// The binary module of a `.wasm` or `.wat`, without a line `#!` before it.
///
/// # Errors
/// If the text does not parse, with its line and column, or if it is an object.
#[cfg(feature = "compiler")]
pub fn module<'a>(file: &str, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    let kind = kind(file, bytes)?;
    let bytes = shebang::module(bytes);
    match kind {
        Kind::Wasm => Ok(Cow::Borrowed(bytes)),
        Kind::Wat => match wat::parse_bytes(bytes) {
            Ok(module) => Ok(Cow::Owned(module.into_owned())),
            Err(error) => {
                // The parser's own text spans lines; ours is one line.
                let text = error.to_string();
                let line = text
                    .lines()
                    .next()
                    .unwrap_or("malformed text")
                    .trim()
                    .to_owned();
                let place = text.lines().find_map(|l| l.trim().strip_prefix("--> "));
                let place = place.map_or_else(String::new, |p| p.replace("<anon>", ""));
                Err(Error::input(format_args!("{file}{place}"), line))
            }
        },
        Kind::Object => {
            let reason = "is an ELF file, not a wasm module; it needs no building";
            Err(Error::input(file, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        assert_eq!(kind("a", b"\0asm\x01\0\0\0").unwrap(), Kind::Wasm);
        assert_eq!(kind("a", b"\x7fELF").unwrap(), Kind::Object);
        assert_eq!(kind("a", b" ;; x\n(module)").unwrap(), Kind::Wat);
        assert!(kind("a", b"").is_err());
        assert!(kind("a", b"hello").is_err());
        assert!(kind("a", b"\0asm\x0d\0\x01\0").is_err());
        assert_eq!(kind("a", b"#!x\n\0asm\x01\0\0\0").unwrap(), Kind::Wasm);
        assert_eq!(kind("a", b"#!x\n(module)").unwrap(), Kind::Wat);
        // Nobody starts native code by a line.
        assert!(kind("a", b"#!x\n\x7fELF").is_err());
        assert!(kind("a", b"#!/bin/sh\necho").is_err());
    }

    #[cfg(feature = "compiler")]
    #[test]
    fn lines_of_text_are_counted_from_the_first_of_the_file() {
        let error = module("a", b"#!x\n(module\n(what))").unwrap_err();
        assert!(error.to_string().contains("a:3:2"), "{error}");
        let binary = module("a", b"#!x\n\0asm\x01\0\0\0").unwrap();
        assert_eq!(&*binary, b"\0asm\x01\0\0\0");
    }
}
