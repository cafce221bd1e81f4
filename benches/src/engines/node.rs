//! V8 in node, with its optimising compiler alone: what it compiles in the
//! background would be measured with the code.

use std::fs;
use std::path::Path;

use anyhow::Result;
use wasmaot_lab::interleave::{Runner, warm_up};
use wasmaot_lab::native;
use wasmaot_lab::tools::{Tool, Wanted};

use super::plan::Plan;

/// The program.
pub const NODE: Wanted = Wanted {
    programs: &["node", "nodejs"],
    hint: "apt-get install nodejs",
};

const LOADER: &str = include_str!("node.mjs");

/// `run` of modules of a builds, one or two.
pub fn runner(directory: &Path) -> Result<Runner> {
    let node = Tool::find(NODE)?;
    let plan = Plan::new(directory)?;
    let (loader, path) = (directory.join("node.mjs"), directory.join("plan.json"));
    fs::write(&loader, LOADER)?;
    fs::write(&path, serde_json::to_string_pretty(&plan)?)?;
    Ok(native::command(move |n| {
        let mut command = node.command();
        command.args(["--no-liftoff", "--no-wasm-lazy-compilation"]);
        command.args([&loader, &path]);
        command.args([warm_up(n).to_string(), n.to_string()]);
        command
    }))
}
