//! Where objects and libraries come from, and the hosts that programs see.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use wasmaot::{Engine, EngineConfig, LibraryFinder};
use wasmaot_hosts::{HostEnv, linux, wasi};
use wasmaot_runtime::{Object, Process};

use crate::options::Options;

impl Options {
    /// Where a program and its libraries come from; `config` says how modules
    /// are compiled.
    pub fn finder(&self, program: &Path, config: EngineConfig) -> LibraryFinder {
        let config = config
            .library_path(&self.library_path)
            .environment()
            .verify(self.verify);
        // SAFETY: the user trusts what he names, where he has libraries searched,
        // and his cache, as he does executables. The directories that a program
        // gets are granted right below, before anything is opened.
        let config = unsafe { config.trusting() };
        let mut finder = Engine::new(config).finder(program);
        for grant in &self.grants {
            match grant.read_only {
                true => finder.grant_read_only(&grant.host, &grant.guest),
                false => finder.grant(&grant.host, &grant.guest),
            }
        }
        finder
    }
}

/// Opens objects.
///
/// # Errors
/// Names the file.
pub fn open_all(finder: &mut LibraryFinder, files: &[PathBuf]) -> Result<Vec<Arc<Object>>> {
    files.iter().map(|file| Ok(finder.open(file)?)).collect()
}

/// Adds the functions of all hosts.
pub fn add_hosts(process: &mut Process, host: HostEnv) {
    process.add_host_functions(wasi::functions(host.clone()));
    process.add_host_functions(linux::functions(host));
}
