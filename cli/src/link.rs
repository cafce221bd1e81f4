//! `wasmaot link`.

use anyhow::Result;

use wasmaot_link::{Kind, link};

use crate::options::Link;
use crate::output;
use wasmaot_launch::report::complain;

/// Links with wasm-ld, with room for what has to be copied.
pub(crate) fn run(args: &Link) -> Result<()> {
    let kind = match (args.pie, args.no_pie, args.shared) {
        (true, ..) => Some(Kind::Pie),
        (_, true, _) => Some(Kind::NoPie),
        (.., true) => Some(Kind::Shared),
        _ => None,
    };
    let linked = link(kind, args.output.clone(), &args.arguments, |text| {
        complain("warning", text);
    })?;
    output::write(&linked.output, &linked.module)
}
