//! What processes have in common: how modules are compiled, where libraries are
//! searched, whose native code is trusted, where built objects are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "compiler")]
use std::sync::OnceLock;

use wasmaot_abi::info::ModuleHash;
use wasmaot_runtime::Object;

#[cfg(feature = "compiler")]
use crate::cache::{self, Cache, Compile, RemoteCache, Warn};
#[cfg(not(feature = "compiler"))]
use crate::error::Error;
use crate::error::Result;
use crate::find::LibraryFinder;
use crate::grants::Grants;
#[cfg(feature = "compiler")]
use crate::input;
use crate::module_file::{Content, ModuleFile};
use crate::opened::Opened;

/// Environment variable with directories to search, separated by `:`.
pub const LIBRARY_PATH: &str = "WASMAOT_LIBRARY_PATH";

/// A program without anything: it shares its memory with what it opens.
#[cfg(feature = "compiler")]
const EMPTY: &str = r#"(module (@dylink.0 (mem-info)) (import "env" "memory" (memory 0)))"#;

/// Compiles modules and opens objects, for any number of processes on any
/// number of threads. A clone is the same engine.
///
/// By default it compiles for every x86-64-v2 machine at `-O2`, keeps nothing
/// on disk, searches no directory, and takes no native code from files.
#[derive(Clone, Debug, Default)]
pub struct Engine(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    config: EngineConfig,
    /// The cache, once it has been asked for; `None` in it if there is none.
    #[cfg(feature = "compiler")]
    cache: OnceLock<Option<Cache>>,
    /// A program without anything, once one has been asked for.
    #[cfg(feature = "compiler")]
    empty: OnceLock<Arc<Object>>,
}

/// Options of an [`Engine`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct EngineConfig {
    #[cfg(feature = "compiler")]
    options: wasmaot_compiler::Options,
    #[cfg(feature = "compiler")]
    compile: Option<Compile>,
    #[cfg(feature = "compiler")]
    warn: Option<Warn>,
    #[cfg(feature = "compiler")]
    cache: Option<PathBuf>,
    #[cfg(feature = "compiler")]
    remote_cache: Option<Arc<RemoteCache>>,
    library_path: Vec<PathBuf>,
    environment: Vec<PathBuf>,
    verify: bool,
    trusting: bool,
}

impl EngineConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How modules are compiled.
    #[cfg(feature = "compiler")]
    pub fn compile_options(mut self, options: wasmaot_compiler::Options) -> Self {
        self.options = options;
        self
    }

    /// Who says what the user should know, such as that the cache cannot be used [default:
    /// standard error].
    #[cfg(feature = "compiler")]
    pub fn warn_with(mut self, warn: Warn) -> Self {
        self.warn = Some(warn);
        self
    }

    /// The function that compiles a module to an object: one around
    /// the compiler's that tells the user how far it has come, for example.
    #[cfg(feature = "compiler")]
    pub fn compile_with(mut self, compile: Compile) -> Self {
        self.compile = Some(compile);
        self
    }

    /// Directories where needed and opened libraries are searched, before the
    /// program's own.
    pub fn library_path(
        mut self,
        directories: impl IntoIterator<Item = impl Into<PathBuf>>,
    ) -> Self {
        self.library_path = directories.into_iter().map(Into::into).collect();
        self
    }

    /// Searches the directories that `WASMAOT_LIBRARY_PATH` names, too.
    pub fn environment(mut self) -> Self {
        let value = std::env::var_os(LIBRARY_PATH).unwrap_or_default();
        let directories = std::env::split_paths(&value);
        self.environment = directories.filter(|d| !d.as_os_str().is_empty()).collect();
        self
    }

    /// Whether the hash over a whole object is checked when it is opened, and
    /// not only the one over what the loader interprets.
    pub fn verify(mut self, verify: bool) -> Self {
        self.verify = verify;
        self
    }

    /// Takes built objects from files, and keeps what is built in the user's
    /// cache.
    ///
    /// # Safety
    /// What is in the directories to be searched, in those that modules name
    /// there, and in the cache, is run as native code, and so is what is
    /// [opened](Engine::open). No program that is run may be able to write
    /// there: each directory that it may write has to be
    /// [granted](LibraryFinder::grant) in its process, before anything is
    /// opened for it.
    pub unsafe fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }

    /// Keeps what is built in a directory, which is made where it is missing.
    ///
    /// # Safety
    /// What is in the directory is run as native code: no
    /// program that this user runs may be able to write there.
    #[cfg(feature = "compiler")]
    pub unsafe fn cache(mut self, directory: impl Into<PathBuf>) -> Self {
        self.cache = Some(directory.into());
        self
    }

    /// Looks in a store for objects that the cache has not, before they are built,
    /// and stores there what has been. Without a cache, it is not used.
    ///
    /// # Safety
    /// An object of it is run as native code if whoever stored it had the key:
    /// nobody may have that who may not run code as this user.
    #[cfg(feature = "compiler")]
    pub unsafe fn remote_cache(mut self, remote: Arc<RemoteCache>) -> Self {
        self.remote_cache = Some(remote);
        self
    }
}

impl Engine {
    /// Makes an engine.
    pub fn new(config: EngineConfig) -> Self {
        Self(Arc::new(Inner {
            config,
            #[cfg(feature = "compiler")]
            cache: OnceLock::new(),
            #[cfg(feature = "compiler")]
            empty: OnceLock::new(),
        }))
    }

    /// Compiles a module, binary or text, to an object that any number of
    /// processes can load. `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input): it is no module. [`Error::Compile`](crate::Error::Compile).
    #[cfg(feature = "compiler")]
    pub fn compile(&self, name: &str, module: &[u8]) -> Result<Arc<Object>> {
        let module = input::module(name, module)?;
        let config = &self.0.config;
        let object =
            cache::build_object(Path::new(name), &module, &config.options, self.compiler());
        object.map(Arc::new)
    }

    /// Compiles a module, binary or text, to the bytes of an object, for
    /// [`Engine::load_object`] in another process.
    ///
    /// # Errors
    /// As of [`Engine::compile`].
    #[cfg(feature = "compiler")]
    pub fn compile_to_bytes(&self, name: &str, module: &[u8]) -> Result<Vec<u8>> {
        let module = input::module(name, module)?;
        Ok(self.compiler()(name, &module, &self.0.config.options)?)
    }

    /// Opens a file: a module, which is compiled or taken from the cache; or an
    /// object, if the engine is [trusting](EngineConfig::trusting).
    ///
    /// # Errors
    /// [`Error`](crate::Error); an object that is not trusted is [`Error::Untrusted`](crate::Error::Untrusted).
    pub fn open(&self, file: impl AsRef<Path>) -> Result<Arc<Object>> {
        let file = file.as_ref();
        self.finder(file).open(file)
    }

    /// Maps a built object.
    ///
    /// # Errors
    /// [`Error::Load`](crate::Error::Load).
    ///
    /// # Safety
    /// The file is native code, and is run: it has to be what the compiler made,
    /// or be trusted as an executable is that is about to be started. Nobody
    /// changes it for as long as the object exists.
    pub unsafe fn load_object(&self, file: impl AsRef<Path>) -> Result<Arc<Object>> {
        // SAFETY: the caller's contract.
        let object = unsafe { Object::open(file, self.0.config.verify) };
        Ok(Arc::new(object?))
    }

    /// Takes a built object from memory; `name` is what messages call it.
    ///
    /// # Errors
    /// [`Error::Load`](crate::Error::Load).
    ///
    /// # Safety
    /// The bytes are native code, and are run: they have to be what the
    /// compiler made, or be trusted as an executable is.
    pub unsafe fn load_object_bytes(&self, name: &str, bytes: &[u8]) -> Result<Arc<Object>> {
        // SAFETY: the caller's contract.
        let object = unsafe { Object::from_bytes(name, bytes, self.0.config.verify) };
        Ok(Arc::new(object?))
    }

    /// Finds the libraries of a program, in the engine's directories and in
    /// that of the program's file.
    pub fn finder(&self, program: &Path) -> LibraryFinder {
        LibraryFinder::new(self.clone(), program)
    }

    pub(crate) fn library_path(&self) -> &[PathBuf] {
        &self.0.config.library_path
    }

    pub(crate) fn environment(&self) -> &[PathBuf] {
        &self.0.config.environment
    }

    pub(crate) fn verifies(&self) -> bool {
        self.0.config.verify
    }

    pub(crate) fn is_trusting(&self) -> bool {
        self.0.config.trusting
    }

    /// A program without anything, to open libraries in.
    #[cfg(feature = "compiler")]
    pub(crate) fn empty_program(&self) -> Result<Arc<Object>> {
        if let Some(made) = self.0.empty.get() {
            return Ok(Arc::clone(made));
        }
        let made = self.compile("program", EMPTY.as_bytes())?;
        Ok(Arc::clone(self.0.empty.get_or_init(|| made)))
    }

    #[cfg(not(feature = "compiler"))]
    pub(crate) fn empty_program(&self) -> Result<Arc<Object>> {
        Err(wasmaot_runtime::DlError::NoProgram.into())
    }

    #[cfg(feature = "compiler")]
    fn warn(&self) -> Warn {
        self.0.config.warn.unwrap_or(cache::warn)
    }

    #[cfg(feature = "compiler")]
    fn compiler(&self) -> Compile {
        self.0.config.compile.unwrap_or(cache::compile)
    }

    /// What a file is: read, if the cache does not know it for a module that has
    /// not changed.
    pub(crate) fn content(&self, opened: Opened, grants: &Grants) -> Result<Content<'static>> {
        #[cfg(feature = "compiler")]
        if !self.0.config.verify
            && let Some(hash) = self.known(&opened, grants)
        {
            return Ok(Content::Module(ModuleFile::known(opened, hash)));
        }
        #[cfg(not(feature = "compiler"))]
        let _ = grants;
        Content::of(opened)
    }

    /// The hash of a module, as its object has it.
    pub(crate) fn hash(&self, module: &mut ModuleFile<'_>, grants: &Grants) -> Result<ModuleHash> {
        #[cfg(feature = "compiler")]
        if let Some(cache) = self.cache(grants) {
            return cache.hash(module);
        }
        #[cfg(not(feature = "compiler"))]
        let _ = grants;
        match module.hash() {
            Some(hash) => Ok(hash),
            None => Ok(module.read()?.0),
        }
    }

    /// The object of a module's file, from the cache where there is one that no
    /// program with these grants can write.
    #[cfg(feature = "compiler")]
    pub(crate) fn build(&self, module: &mut ModuleFile<'_>, grants: &Grants) -> Result<Object> {
        let (config, compile) = (&self.0.config, self.compiler());
        match self.cache(grants) {
            Some(cache) => {
                let remote = config.remote_cache.as_deref();
                if let Some(remote) = remote {
                    remote.check_outside(grants);
                }
                cache.object(
                    module,
                    &config.options,
                    config.verify,
                    compile,
                    remote,
                    self.warn(),
                )
            }
            None => {
                module.read()?;
                cache::build_object(&module.path, module.bytes(), &config.options, compile)
            }
        }
    }

    #[cfg(not(feature = "compiler"))]
    pub(crate) fn build(&self, module: &mut ModuleFile<'_>, _: &Grants) -> Result<Object> {
        module.read()?;
        Err(Error::NoCompiler {
            file: module.name(),
        })
    }

    /// The hash of a module's file that the cache knows as it is. No cache is
    /// made to ask it, nor said to be unusable: the file may be an object.
    #[cfg(feature = "compiler")]
    fn known(&self, file: &Opened, grants: &Grants) -> Option<ModuleHash> {
        // As objects are called. What it is, is told by how it begins.
        if file.path.extension() == Some("elf".as_ref()) {
            return None;
        }
        let cache = match self.0.cache.get() {
            Some(cache) => cache,
            None => {
                let cache = self.open_cache(false)?.ok()?;
                self.0.cache.get_or_init(|| Some(cache))
            }
        };
        let cache = cache.as_ref()?;
        cache.check_outside(grants).ok()?;
        cache.known(file)
    }

    #[cfg(feature = "compiler")]
    fn cache(&self, grants: &Grants) -> Option<&Cache> {
        let open = || {
            let cache = self.open_cache(true)?;
            cache
                .inspect_err(|error| cache::unusable(error, self.warn()))
                .ok()
        };
        let cache = self.0.cache.get_or_init(open).as_ref()?;
        let outside = cache.check_outside(grants);
        outside
            .inspect_err(|error| cache::unusable(error, self.warn()))
            .ok()
            .map(|()| cache)
    }

    /// Opens the cache, if there is to be one.
    #[cfg(feature = "compiler")]
    fn open_cache(&self, make: bool) -> Option<Result<Cache>> {
        let config = &self.0.config;
        let directory = match &config.cache {
            Some(directory) => Ok(directory.clone()),
            None if config.trusting => cache::default_directory(),
            None => return None,
        };
        // SAFETY: the contract of `EngineConfig::cache`; the user's cache is
        // trusted, by that of `EngineConfig::trusting`.
        Some(directory.and_then(|directory| unsafe { Cache::open(directory, make) }))
    }
}
