//! A linked main at fixed addresses, read again: whether its addresses can be
//! right.

use anyhow::{Context as _, Result, bail};
use wasmaot_dylink::data_symbols::{DataSymbol, SECTION_COPY, read_data_symbols};
use wasmparser::{Parser, Payload, TypeRef};

use super::copies::Copies;
use super::forwards::Forward;
use super::library::Library;

/// Checks a linked main. `name` is for the message.
///
/// # Errors
/// If its memory is not its own, a copy has no place in it, the list of
/// copies is not there, or what only forwards would be everybody's.
pub fn check(name: &str, bytes: &[u8], copies: &Copies, forwards: &[Forward]) -> Result<()> {
    let linked = Library::read(name, bytes)?;
    for Forward { name: symbol, .. } in forwards {
        if linked.exports.contains(symbol) {
            bail!(
                "{name}: exports `{symbol}`, which a library defines and of which it takes the address; leave out --export={symbol} and --export-all"
            );
        }
    }
    let (listed, imports_memory) = read(name, bytes)?;
    if imports_memory {
        bail!(
            "{name}: a program at fixed addresses has to define its memory, where no library's data are; leave out --import-memory, or link with --pie"
        );
    }
    for symbol in &copies.list {
        let wrong = |what: &str| {
            format!(
                "the linker made a program in which {what} of `{}`: use wasm-ld of LLVM 19 or later, without options that drop symbols or sections",
                symbol.name
            )
        };
        if !listed.contains(symbol) {
            bail!(wrong("nothing says that it holds a copy"));
        }
        let at = linked.data.get(&symbol.name).copied().unwrap_or(0);
        if at == 0 {
            bail!(wrong("there is no address"));
        }
        if at.trailing_zeros() < symbol.align {
            bail!(wrong("the address is not aligned"));
        }
    }
    let blocks = copies.blocks.iter();
    for (name, offset) in blocks.flat_map(|b| b.names.iter().map(move |(n, o, _)| (n, *o))) {
        let first = linked.data.get(name).and_then(|at| at.checked_sub(offset));
        if first.is_none() {
            bail!("the linker did not export `{name}`; do not give options that drop symbols");
        }
    }
    Ok(())
}

/// The copies that a module lists, and whether it imports its memory.
fn read(name: &str, bytes: &[u8]) -> Result<(Vec<DataSymbol>, bool)> {
    let (mut listed, mut imports_memory) = (Vec::new(), false);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.with_context(|| format!("{name}: not a module that can be read"))?;
        match payload {
            Payload::ImportSection(imports) => {
                let mut imports = imports.into_imports().map_while(Result::ok);
                imports_memory |= imports.any(|i| matches!(i.ty, TypeRef::Memory(_)));
            }
            Payload::CustomSection(section) if section.name() == SECTION_COPY => {
                let offset = section.data_offset() as usize;
                let entries = read_data_symbols(SECTION_COPY, section.data(), offset)?;
                listed.extend(entries);
            }
            _ => {}
        }
    }
    Ok((listed, imports_memory))
}
