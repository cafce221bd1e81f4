//! Phase 1: where each function goes in `.text`, and what code refers to.

use std::collections::BTreeSet;

use crate::code::{Code, Target};
use crate::module::Module;
use crate::{Error, Result};

/// What `call rel32` and RIP-relative operands can span.
pub(super) const MAX_SPAN: u64 = 1 << 31;

/// Alignment of functions, at least.
const ALIGN: u64 = 16;

/// The arrangement of `.text`.
pub(super) struct Text {
    /// Offset of each of `Code::functions`, ascending.
    pub offsets: Vec<u32>,
    pub align: u64,
    pub size: u64,
    /// Everything that code and its exception handlers refer to.
    pub targets: BTreeSet<Target>,
}

/// Puts the functions one after another.
pub(super) fn arrange(module: &Module<'_>, code: &Code) -> Result<Text> {
    let mut text = Text {
        offsets: Vec::with_capacity(code.functions.len()),
        align: ALIGN,
        size: 0,
        targets: BTreeSet::new(),
    };
    for function in &code.functions {
        if function.is_left_out() {
            text.offsets.push(text.size as u32);
            continue;
        }
        let align = u64::from(function.align).max(ALIGN);
        let at = text.size.next_multiple_of(align);
        text.size = at + function.bytes.len() as u64;
        if text.size >= MAX_SPAN {
            return Err(Error::TooLarge {
                file: module.source.clone(),
                what: "machine code".into(),
                limit: "2 GiB".into(),
            });
        }
        text.align = text.align.max(align);
        text.offsets.push(at as u32);
        text.targets
            .extend(function.relocs.iter().map(|r| r.target));
        let handlers = function.try_calls.iter().flat_map(|call| &call.handlers);
        text.targets
            .extend(handlers.filter_map(|h| h.tag).map(Target::Tag));
    }
    // By their entries of the PLT the loader sees what they are bound to.
    let imports = code.plain.iter().flat_map(|plain| &plain.imports);
    text.targets.extend(imports.map(|&f| Target::Func(f)));
    Ok(text)
}
