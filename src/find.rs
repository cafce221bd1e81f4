//! Paths and names on disk → objects, built through the cache where they are
//! modules.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use wasmaot_runtime::{Error, Finder, Object, SearchPath, beside, candidates};

#[cfg(feature = "compiler")]
use crate::cache::{self, Cache};
use crate::input::{self, Kind};

/// Environment variable with directories to search, separated by `:`.
pub const LIBRARY_PATH: &str = "WASMAOT_LIBRARY_PATH";

/// Opens what a path or a needed name stands for: modules, and built objects
/// where these are [trusted](Library::trusting).
#[derive(Debug)]
pub struct Library {
    path: SearchPath,
    /// Whether native code is taken from files.
    trusting: bool,
    /// Directories that the program has been granted: here, and by its name.
    granted: Vec<(PathBuf, PathBuf)>,
    #[cfg(feature = "compiler")]
    options: wasmaot_compiler::Options,
    #[cfg(feature = "compiler")]
    cache: Option<Cache>,
}

impl Library {
    /// Searches the directories given, those of the environment, and the
    /// program's own, for modules. Each is compiled into memory.
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
            granted: Vec::new(),
            trusting: false,
            #[cfg(feature = "compiler")]
            options,
            #[cfg(feature = "compiler")]
            cache: None,
        }
    }

    /// Takes built objects from files as well, and keeps what is built in the
    /// user's cache.
    ///
    /// # Safety
    /// What is in the directories to be searched, in those that modules name
    /// there, and in the cache, is run as native code, and so is what is
    /// [opened](Library::open). No program that is run may be able to write
    /// there: each directory that it may write has to be
    /// [granted](Library::grant), before anything is opened.
    #[must_use]
    pub unsafe fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }

    /// Lets the program open what is in a directory, by its own name for it.
    pub fn grant(&mut self, host: impl Into<PathBuf>, guest: &str) {
        self.granted.push((host.into(), guest.into()));
    }

    /// Opens an object, or builds one from a module.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn open(&mut self, file: &Path) -> Result<Arc<Object>> {
        let cannot_read = || format!("cannot read {}", file.display());
        let mut opened = File::open(file).with_context(cannot_read)?;
        // An object is not read, but mapped.
        let mut bytes = vec![0; Object::MAGIC.len()];
        let read = opened.read(&mut bytes).with_context(cannot_read)?;
        bytes.truncate(read);
        if Object::is_object(&bytes) {
            ensure!(
                self.trusting,
                "{}: is a built object, and no native code is taken from files here; give the module",
                file.display()
            );
            // SAFETY: files that are opened are trusted, by the contract of
            // `trusting`.
            let object = unsafe { Object::of_file(opened, file, self.path.verify) };
            return Ok(Arc::new(object?));
        }
        opened.read_to_end(&mut bytes).with_context(cannot_read)?;
        let name = file.display().to_string();
        input::kind(&name, &bytes)?;
        self.build(file, &name, &bytes)
    }

    /// Builds an object from a module's bytes, as if they lay at a path.
    ///
    /// # Errors
    /// One line that names the path. Built objects are native code, and refused.
    pub fn open_module(&mut self, file: &Path, bytes: &[u8]) -> Result<Arc<Object>> {
        let name = file.display().to_string();
        if input::kind(&name, bytes)? == Kind::Object {
            bail!("{name}: is a built object, which is native code; give it by its path");
        }
        self.build(file, &name, bytes)
    }

    #[cfg(feature = "compiler")]
    fn build(&mut self, file: &Path, name: &str, bytes: &[u8]) -> Result<Arc<Object>> {
        let module = input::module(name, bytes)?;
        let (options, verify) = (&self.options, self.path.verify);
        if self.trusting && self.cache.is_none() {
            // SAFETY: the user's cache is trusted, by the contract of
            // `trusting`.
            match unsafe { Cache::open_default() } {
                Ok(opened) => self.cache = Some(opened),
                Err(error) => cache::unusable(&error),
            }
        }
        let object = match &self.cache {
            Some(cache) => cache.object(file, &module, options, verify),
            None => cache::build_object(file, &module, options),
        };
        object.map(Arc::new)
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
        let mut places = candidates(name, by, &self.path);
        if name.contains('/') {
            // By the program's name of a granted directory, or by ours.
            let guest = self.granted.iter().filter_map(|(host, guest)| {
                let rest = plain(Path::new(name))
                    .strip_prefix(plain(guest))
                    .ok()?
                    .to_owned();
                Some(host.join(rest))
            });
            let guest: Vec<_> = guest.flat_map(beside).collect();
            places.splice(0..0, guest);
            places.retain(|place| self.is_granted(place, by));
        }
        // Each place is asked for NAME.elf, then for NAME.
        places.chunks(2).find_map(|pair| {
            let [built, module] = pair else { return None };
            let file = |path: &Path| path.metadata().ok().filter(Metadata::is_file);
            match (file(built), file(module)) {
                // A module that has changed since it was built is built again.
                (Some(old), Some(new)) if is_newer(&new, &old) => Some(module.clone()),
                (Some(_), _) => Some(built.clone()),
                (None, Some(_)) => Some(module.clone()),
                (None, None) => None,
            }
        })
    }

    /// Whether a file lies in a directory of the search path or one granted,
    /// links followed.
    fn is_granted(&self, file: &Path, by: &Object) -> bool {
        let real = |path: &Path| {
            let path = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            };
            path.canonicalize().ok()
        };
        let Some(file) = real(file) else {
            // What is not there cannot be opened.
            return true;
        };
        let path = &self.path;
        let own = by.path().parent().map(Path::to_owned);
        let dirs = path.dirs.iter().chain(&path.env).chain(&path.program);
        let dirs = dirs
            .chain(&own)
            .chain(self.granted.iter().map(|(host, _)| host));
        dirs.filter_map(|dir| real(dir))
            .any(|dir| file.starts_with(dir))
    }
}

/// A path without a leading `./`.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

/// Whether a file has changed after another.
fn is_newer(file: &Metadata, other: &Metadata) -> bool {
    matches!((file.modified(), other.modified()), (Ok(file), Ok(other)) if file > other)
}

impl Finder for Library {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>, Error> {
        let Some(file) = self.locate(name, by) else {
            return Ok(None);
        };
        let library = |source: anyhow::Error| Error::Library {
            name: name.to_owned(),
            by: by.path().display().to_string(),
            source: source.reallocate_into_boxed_dyn_error_without_backtrace(),
        };
        self.open(&file).map(Some).map_err(library)
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, Error> {
        // As if it lay with the program: that is all it may open.
        let own = self
            .path
            .program
            .as_deref()
            .unwrap_or(Path::new("/nowhere"));
        let file = own.join(name);
        let built = match input::kind(name, bytes) {
            Ok(Kind::Wasm) => self.build(&file, name, bytes),
            Ok(_) => Err(anyhow::anyhow!("{name}: is not a binary wasm module")),
            Err(error) => Err(error),
        };
        built.map_err(|source| Error::Library {
            name: name.to_owned(),
            by: "dlload".to_owned(),
            source: source.reallocate_into_boxed_dyn_error_without_backtrace(),
        })
    }
}
