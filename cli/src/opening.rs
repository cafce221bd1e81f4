//! Where objects and libraries come from, and the hosts that programs see.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use wasmaot::{Engine, EngineConfig, LibraryFinder};
use wasmaot_hosts::{HostEnv, linux, wasi};
use wasmaot_runtime::{Object, Process};

#[cfg(feature = "compiler")]
use crate::options::Codegen;
use crate::options::Search;
#[cfg(feature = "compiler")]
use crate::progress;

/// Where libraries come from.
pub(crate) fn finder(
    search: &Search,
    program: &Path,
    #[cfg(feature = "compiler")] codegen: &Codegen,
) -> LibraryFinder {
    let config = EngineConfig::new()
        .library_path(&search.library_path)
        .environment()
        .verify(search.verify);
    #[cfg(feature = "compiler")]
    let config = config
        .compile_options(codegen.options())
        .compile_with(progress::compile);
    // SAFETY: the user trusts what he names, where he has libraries searched,
    // and his cache, as he does executables. `run` grants the directories that
    // the program gets before it opens anything; nobody else runs one.
    let config = unsafe { config.trusting() };
    Engine::new(config).finder(program)
}

/// Opens objects.
pub(crate) fn open_all(library: &mut LibraryFinder, files: &[PathBuf]) -> Result<Vec<Arc<Object>>> {
    files.iter().map(|file| Ok(library.open(file)?)).collect()
}

/// Adds the functions of all hosts.
pub(crate) fn add_hosts(process: &mut Process, env: HostEnv) {
    process.add_host_functions(wasi::functions(env.clone()));
    process.add_host_functions(linux::functions(env));
}
