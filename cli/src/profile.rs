//! `wasmaot run --profile` and `wasmaot build --profile-use`: the file with what was
//! counted.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use wasmaot::input;
use wasmaot_abi::info::ModuleInfo;
use wasmaot_compiler::profile::{MEMORY, Profile};
use wasmaot_launch::report::warn;
use wasmaot_runtime::Process;

use crate::output;

/// The most that a module may count in: 16 million branches.
const MOST: u64 = 256 << 20;

/// Reads a profile to compile these inputs by.
pub(crate) fn of(path: &Path, inputs: &[PathBuf]) -> Result<Profile> {
    let profile = read(path)?;
    let is_stream = |input: &Path| input == Path::new(input::STREAM);
    for input in inputs {
        if !is_stream(input) {
            let (file, bytes) = input::read(input)?;
            let module = input::module(&file, &bytes)?;
            if profile.knows(&ModuleInfo::module_hash(&module)) {
                return Ok(profile);
            }
        }
    }
    if inputs.iter().any(|input| is_stream(input)) {
        return Ok(profile);
    }
    bail!(
        "{}: has no counts of any input; they are of the modules as they were then: run them \
         with --profile again",
        path.display()
    )
}

fn read(path: &Path) -> Result<Profile> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let profile = Profile::read(&text);
    profile.map_err(|why| anyhow!("{}: is no profile: {why}", path.display()))
}

/// Adds what the objects of a process have counted to a file, which is made where it
/// is missing. That it cannot is told, and does not change how the program ended.
pub(crate) fn add(process: &Process, path: &Path) {
    // What was never loaded has nothing to tell.
    if process.link_map().next().is_none() {
        return;
    }
    if let Err(error) = try_add(process, path) {
        warn(format_args!("no profile: {error:#}"));
    }
}

fn try_add(process: &Process, path: &Path) -> Result<()> {
    let mut profile = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Profile::default(),
        _ => read(path)?,
    };
    let mut counts = false;
    for entry in process.link_map() {
        for (name, _) in entry
            .object
            .exports()
            .filter(|(name, _)| name.starts_with(MEMORY))
        {
            let Some(memory) = process.memory(entry.id, name) else {
                continue;
            };
            let bytes = memory.size(process)?;
            if bytes > MOST {
                bail!(
                    "{}: counts in {bytes} bytes, and no module has so many branches",
                    entry.name
                );
            }
            let mut contents = vec![0; bytes as usize];
            memory.read(process, 0, &mut contents)?;
            counts |= profile.add(name, &contents);
        }
    }
    if !counts {
        bail!(
            "no object of the program counts its branches; build objects with \
             --profile-generate, or name the module"
        );
    }
    output::write(path, profile.text().as_bytes())
}
