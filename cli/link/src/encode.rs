//! The binary format of modules: names and sections.

use wasmaot_dylink::data_symbols::leb;

/// The number of custom sections.
const CUSTOM: u8 = 0;

/// A section, or a part of one that is written in the same way.
pub(crate) fn section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    leb(out, content.len() as u32);
    out.extend(content);
}

/// A custom section.
pub(crate) fn custom(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut named = Vec::new();
    text(&mut named, name);
    named.extend(content);
    section(out, CUSTOM, &named);
}

/// A name.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    leb(out, text.len() as u32);
    out.extend(text.as_bytes());
}
