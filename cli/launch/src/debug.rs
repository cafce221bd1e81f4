//! What the environment asks for to look at a program: `WASMAOT_DEBUG`, what the
//! loader does, on standard error, as `--verbose` does in part; `WASMAOT_DEBUGGER`; `WASMAOT_PERF`.

use std::collections::HashSet;
use std::io::Write as _;

use anyhow::Result;
use wasmaot_runtime::{Category, Debugger, Trace};

use crate::report::{Verbosity, usage, warn};

/// Environment variable with the categories, separated by commas.
const VARIABLE: &str = "WASMAOT_DEBUG";
/// Environment variable that says whether debuggers are told of objects.
const DEBUGGER: &str = "WASMAOT_DEBUGGER";

/// Environment variable that asks for names for profilers.
const PERF: &str = "WASMAOT_PERF";

/// Whether the environment says that a debugger may attach later.
pub(crate) fn debugger() -> Result<Debugger> {
    match std::env::var(DEBUGGER).as_deref() {
        Err(_) | Ok("") => Ok(Debugger::Listening),
        Ok("always") => Ok(Debugger::Always),
        Ok("never") => Ok(Debugger::Never),
        Ok(other) => Err(usage(format!(
            "{DEBUGGER}: `{other}` is neither always (one may attach later) nor never"
        ))),
    }
}

/// Whether the environment asks for names for profilers.
pub(crate) fn perf_map() -> Result<bool> {
    match std::env::var(PERF).as_deref() {
        Err(_) | Ok("") => Ok(false),
        Ok("map") => Ok(true),
        Ok(other) => Err(usage(format!(
            "{PERF}: `{other}` is not map (/tmp/perf-PID.map)"
        ))),
    }
}

/// The trace that the environment asks for.
pub(crate) fn trace() -> Result<Option<Trace>> {
    let wanted = std::env::var(VARIABLE).ok();
    let verbosity = Verbosity::chosen();
    if wanted.is_none() && verbosity == Verbosity::Normal {
        return Ok(None);
    }
    let wanted = wanted.unwrap_or_default();
    let mut chosen = HashSet::from([Category::Warning]);
    if verbosity == Verbosity::Verbose {
        chosen.insert(Category::Files);
    }
    for word in wanted
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
    {
        if word == "all" {
            chosen.extend(Category::ALL.iter().map(|(category, _)| *category));
            continue;
        }
        let Some((category, _)) = Category::ALL.iter().find(|(_, name)| *name == word) else {
            let names: Vec<_> = Category::ALL.iter().map(|(_, name)| *name).collect();
            return Err(usage(format!(
                "{VARIABLE}: no category `{word}`; there are {}, all",
                names.join(", ")
            )));
        };
        chosen.insert(*category);
    }
    let pid = std::process::id();
    Ok(Some(Box::new(move |category, text| match category {
        Category::Warning => warn(text),
        _ if chosen.contains(&category) => {
            let _ = writeln!(std::io::stderr(), "{pid:>9}:\t{text}");
        }
        _ => {}
    })))
}
