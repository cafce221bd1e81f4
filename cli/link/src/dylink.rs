//! What a linked module says of the libraries that it needs: by which names,
//! and where they are looked for. wasm-ld names them by their files, and only
//! its latest versions know where to look.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use wasmaot_dylink::data_symbols::leb;
use wasmparser::{BinaryReader, KnownCustom, Name, Parser, Payload};

use super::encode;

const SECTION: &str = "dylink.0";
/// `WASM_DYLINK_NEEDED`
const NEEDED: u8 = 2;
/// `WASM_DYLINK_RUNTIME_PATH`
const RUNTIME_PATH: u8 = 5;
/// Of section `name`.
const MODULE_NAME: u8 = 0;
const HEADER: usize = 8;

/// The name that a library is to be needed by, as `--soname` has it written:
/// the module's name, where it is that of a shared library.
pub fn soname(bytes: &[u8]) -> Option<String> {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let names = payloads.filter_map(|payload| match payload {
        Payload::CustomSection(section) => match section.as_known() {
            KnownCustom::Name(names) => Some(names),
            _ => None,
        },
        _ => None,
    });
    let name = names.flatten().find_map(|name| match name {
        Ok(Name::Module { name, .. }) => Some(name.to_owned()),
        _ => None,
    })?;
    let is_library = name.ends_with(".so") || name.contains(".so.");
    (is_library && !name.contains('/')).then_some(name)
}

/// Writes names and places into a linked module: `renamed` are the sonames of
/// libraries by the names of their files, `runpath` is where they are looked
/// for, `soname` the module's own.
///
/// # Errors
/// If wasm-ld wrote no section that can be read.
pub fn finish(
    module: &[u8],
    renamed: &HashMap<String, String>,
    runpath: &[String],
    soname: Option<&str>,
) -> Result<Vec<u8>> {
    let mut out = module.to_vec();
    if !renamed.is_empty() || !runpath.is_empty() {
        let (start, end, data) = section(module)?;
        let content = rewritten(data, renamed, runpath)
            .context("wasm-ld wrote a section dylink.0 that cannot be read")?;
        out.truncate(start);
        encode::custom(&mut out, SECTION, &content);
        out.extend(&module[end..]);
    }
    // What is stripped has no names left.
    if let Some(name) = soname
        && self::soname(module).as_deref() != Some(name)
    {
        let (mut text, mut names) = (Vec::new(), Vec::new());
        encode::text(&mut text, name);
        encode::section(&mut names, MODULE_NAME, &text);
        encode::custom(&mut out, "name", &names);
    }
    Ok(out)
}

/// Where the first section starts and ends, and what is in it.
fn section(module: &[u8]) -> Result<(usize, usize, &[u8])> {
    let mut payloads = Parser::new(0).parse_all(module);
    if let (Some(Ok(_)), Some(Ok(Payload::CustomSection(section)))) =
        (payloads.next(), payloads.next())
        && section.name() == SECTION
    {
        return Ok((HEADER, section.range().end as usize, section.data()));
    }
    bail!("wasm-ld wrote no section dylink.0; use wasm-ld of LLVM 19 or later");
}

/// The section's content with other names and places.
fn rewritten(
    data: &[u8],
    renamed: &HashMap<String, String>,
    runpath: &[String],
) -> Result<Vec<u8>> {
    let mut reader = BinaryReader::new(data, 0);
    let mut out = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let len = reader.read_var_u32()? as usize;
        let content = reader.read_bytes(len)?;
        match id {
            RUNTIME_PATH => {}
            NEEDED => encode::section(&mut out, id, &needed(content, renamed)?),
            _ => encode::section(&mut out, id, content),
        }
    }
    if !runpath.is_empty() {
        // Each directory is one string, as the loader reads them.
        let mut content = Vec::new();
        leb(&mut content, runpath.len() as u32);
        runpath
            .iter()
            .for_each(|place| encode::text(&mut content, place));
        encode::section(&mut out, RUNTIME_PATH, &content);
    }
    Ok(out)
}

fn needed(content: &[u8], renamed: &HashMap<String, String>) -> Result<Vec<u8>> {
    let mut reader = BinaryReader::new(content, 0);
    let mut out = Vec::new();
    let count = reader.read_var_u32()?;
    leb(&mut out, count);
    for _ in 0..count {
        let name = reader.read_string()?;
        encode::text(&mut out, renamed.get(name).map_or(name, |name| name));
    }
    Ok(out)
}
