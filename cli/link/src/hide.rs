//! Symbols of objects that others are not to see though they were compiled to be
//! seen: what a version script calls local, and what `--exclude-libs` names.
//!
//! Whether a symbol is seen is one bit of its flags in the object. It is set in a
//! copy of the file, which stays as long as it was: the linker then binds what
//! refers to the symbol, as it does where the compiler was told to hide it.

use std::path::Path;

use ::object::read::archive::ArchiveFile;
use anyhow::{Context as _, Result};
use wasmparser::{BinaryReader, Parser, Payload, SymbolFlags};

use super::versions::Versions;

const SYMBOL_TABLE: u8 = 8;
const FUNCTION: u8 = 0;
const DATA: u8 = 1;
const SECTION: u8 = 3;

/// Which symbols are hidden.
pub struct Hidden<'a> {
    /// What version scripts say.
    pub versions: &'a Versions,
    /// Names of archives of which all are; `ALL` is each.
    pub excluded: &'a [String],
}

impl Hidden<'_> {
    /// A copy of an object or archive in which they are, if there are any.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn applied(&self, path: &Path, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let is_excluded = bytes.starts_with(b"!<")
            && self
                .excluded
                .iter()
                .any(|name| name == "ALL" || *name == file);
        if !is_excluded && self.versions.is_empty() {
            return Ok(None);
        }
        let hides = |name: &str| is_excluded || !self.versions.exports(name);
        let malformed = || format!("{}: cannot be read", path.display());
        let mut out = bytes.to_vec();
        let mut hidden = 0;
        for (start, end) in objects(bytes).with_context(malformed)? {
            let object = &bytes[start..end];
            for at in flags(object, hides).with_context(malformed)? {
                out[start + at] |= SymbolFlags::VISIBILITY_HIDDEN.bits() as u8;
                hidden += 1;
            }
        }
        Ok((hidden > 0).then_some(out))
    }
}

/// Where the objects of a file are in it. Members of a thin archive are other
/// files, and stay as they are.
fn objects(bytes: &[u8]) -> Result<Vec<(usize, usize)>> {
    if !bytes.starts_with(b"!<arch>") {
        return Ok(vec![(0, bytes.len())]);
    }
    let archive = ArchiveFile::parse(bytes)?;
    let mut found = Vec::new();
    for member in archive.members() {
        let (start, size) = member?.file_range();
        let range = (start as usize, (start.saturating_add(size)) as usize);
        if bytes.get(range.0..range.1).is_some() {
            found.push(range);
        }
    }
    Ok(found)
}

/// Where the flags of the defined symbols stand that are to be hidden.
fn flags(object: &[u8], hides: impl Fn(&str) -> bool) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    if !object.starts_with(b"\0asm") {
        return Ok(found);
    }
    for payload in Parser::new(0).parse_all(object) {
        let Payload::CustomSection(section) = payload? else {
            continue;
        };
        if section.name() != "linking" {
            continue;
        }
        let mut reader = BinaryReader::new(section.data(), section.data_offset());
        // The version.
        reader.read_var_u32()?;
        while !reader.eof() {
            let id = reader.read_u8()?;
            let len = reader.read_var_u32()? as usize;
            let offset = reader.original_position();
            let content = reader.read_bytes(len)?;
            if id == SYMBOL_TABLE {
                symbols(BinaryReader::new(content, offset), &hides, &mut found)?;
            }
        }
    }
    Ok(found)
}

fn symbols(
    mut reader: BinaryReader<'_>,
    hides: impl Fn(&str) -> bool,
    found: &mut Vec<usize>,
) -> Result<()> {
    for _ in 0..reader.read_var_u32()? {
        let kind = reader.read_u8()?;
        let at = reader.original_position() as usize;
        let flags = SymbolFlags::from_bits_retain(reader.read_var_u32()?);
        let undefined = flags.contains(SymbolFlags::UNDEFINED);
        let name = match kind {
            DATA => {
                let name = reader.read_string()?;
                if !undefined {
                    for _ in 0..3 {
                        reader.read_var_u32()?;
                    }
                }
                Some(name)
            }
            SECTION => {
                reader.read_var_u32()?;
                None
            }
            // Functions, globals, tags and tables.
            _ => {
                reader.read_var_u32()?;
                let has_name = !undefined || flags.contains(SymbolFlags::EXPLICIT_NAME);
                has_name.then(|| reader.read_string()).transpose()?
            }
        };
        let is_kind = kind == FUNCTION || kind == DATA;
        if let Some(name) = name
            && is_kind
            && !undefined
            && !flags.contains(SymbolFlags::BINDING_LOCAL)
            && hides(name)
        {
            found.push(at);
        }
    }
    Ok(())
}
