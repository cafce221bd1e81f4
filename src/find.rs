//! Paths and names on disk → objects, built through the cache where they are
//! modules.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wasmaot_runtime::{Error, Finder, Object, SearchPath, candidates};

#[cfg(feature = "compiler")]
use crate::cache::{self, Cache};
use crate::input::{self, Kind};

/// Environment variable with directories to search, separated by `:`.
pub const LIBRARY_PATH: &str = "WASMAOT_LIBRARY_PATH";

/// Opens what a path or a needed name stands for.
#[derive(Debug)]
pub struct Library {
    path: SearchPath,
    #[cfg(feature = "compiler")]
    options: wasmaot_compiler::Options,
    #[cfg(feature = "compiler")]
    cache: Option<Cache>,
}

impl Library {
    /// Searches the directories given, those of the environment, and the
    /// program's own.
    pub fn new(
        directories: &[PathBuf],
        program: &Path,
        verify: bool,
        #[cfg(feature = "compiler")] options: wasmaot_compiler::Options,
    ) -> Self {
        let env = std::env::var_os(LIBRARY_PATH).unwrap_or_default();
        let env = std::env::split_paths(&env)
            .filter(|d| !d.as_os_str().is_empty())
            .collect();
        let own = program.parent().map(|d| {
            if d.as_os_str().is_empty() {
                ".".into()
            } else {
                d.to_owned()
            }
        });
        Self {
            path: SearchPath {
                dirs: directories.to_vec(),
                env,
                program: own,
                verify,
            },
            #[cfg(feature = "compiler")]
            options,
            #[cfg(feature = "compiler")]
            cache: None,
        }
    }

    /// Opens an object, or builds one from a module.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn open(&mut self, file: &Path) -> Result<Arc<Object>> {
        let name = file.display().to_string();
        let mut bytes = std::fs::read(file).with_context(|| format!("cannot read {name}"))?;
        match input::kind(&name, &bytes)? {
            Kind::Object => {
                bytes.clear();
                Ok(Arc::new(Object::open(file, self.path.verify)?))
            }
            Kind::Wasm | Kind::Wat => self.build(file, &name, &bytes),
        }
    }

    #[cfg(feature = "compiler")]
    fn build(&mut self, file: &Path, name: &str, bytes: &[u8]) -> Result<Arc<Object>> {
        let module = input::module(name, bytes)?;
        let (options, verify) = (&self.options, self.path.verify);
        cache::object_of(&mut self.cache, file, &module, options, verify).map(Arc::new)
    }

    #[cfg(not(feature = "compiler"))]
    #[expect(clippy::unused_self, reason = "as the other, which compiles")]
    fn build(&mut self, _: &Path, name: &str, _: &[u8]) -> Result<Arc<Object>> {
        anyhow::bail!(
            "{name}: is a module, and this wasmaot has no compiler; build it first with `wasmaot build`"
        )
    }

    /// The file that a needed name stands for.
    pub fn locate(&self, name: &str, by: &Object) -> Option<PathBuf> {
        let places = candidates(name, by, &self.path);
        // Each place is asked for NAME.elf, then for NAME.
        places.chunks(2).find_map(|pair| match pair {
            [built, module] if built.is_file() && !is_newer(module, built) => Some(built.clone()),
            [_, module] if module.is_file() => Some(module.clone()),
            _ => None,
        })
    }
}

/// Whether a module has changed since it was built.
fn is_newer(module: &Path, built: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|m| m.modified());
    matches!((time(module), time(built)), (Ok(module), Ok(built)) if module > built)
}

impl Finder for Library {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>, Error> {
        let Some(file) = self.locate(name, by) else {
            return Ok(None);
        };
        let library = |source: anyhow::Error| Error::Library {
            name: name.to_owned(),
            by: by.path().display().to_string(),
            source: source.into(),
        };
        self.open(&file).map(Some).map_err(library)
    }
}
