//! `wasmaot link`.

use anyhow::Result;

use super::complain;
use super::options::Link;
use crate::link::{Kind, link};

/// Links with wasm-ld, with room for what has to be copied.
pub(super) fn run(args: &Link) -> Result<()> {
    let kind = match (args.pie, args.no_pie, args.shared) {
        (true, ..) => Some(Kind::Pie),
        (_, true, _) => Some(Kind::NoPie),
        (.., true) => Some(Kind::Shared),
        _ => None,
    };
    link(kind, args.output.clone(), &args.arguments, |text| {
        complain("warning", text);
    })
}
