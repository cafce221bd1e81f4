//! Paths and names on disk → objects, built through the cache where they are
//! modules.
//!
//! Native code comes from the user alone. What lies in a granted directory the
//! program can write: there a file is a module, or it is refused.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use wasmaot_runtime::{FileId, Finder, Object, SearchPath, Way, candidates, runpath_directories};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::grants::Grants;
use crate::input::{self, Kind};
use crate::module_file::{Content, ModuleFile};
use crate::opened::Opened;

/// Opens what a path or a needed name stands for: modules, and built objects
/// where the engine is [trusting](crate::EngineConfig::trusting).
#[derive(Debug)]
pub struct LibraryFinder {
    engine: Engine,
    path: SearchPath,
    grants: Grants,
    /// Where modules that the user names have their libraries searched: modules
    /// are taken from there, wherever the ones lie that ask for them.
    named: Vec<PathBuf>,
    /// What has been made of modules and is still in use, by their files; the
    /// latest of a file comes last.
    made: Vec<(FileId, Weak<Object>)>,
}

impl LibraryFinder {
    /// Searches the engine's directories and that of a program's file.
    pub(crate) fn new(engine: Engine, program: &Path) -> Self {
        let own = program.parent().map(|dir| directory(dir).to_owned());
        Self {
            path: SearchPath {
                dirs: engine.library_path().to_vec(),
                env: engine.environment().to_vec(),
                program: own,
                verify: engine.verifies(),
            },
            engine,
            grants: Grants::default(),
            named: Vec::new(),
            made: Vec::new(),
        }
    }

    /// Lets the program open what is in a directory, by its own name for it.
    /// No native code is taken from there.
    pub fn grant(&mut self, host: impl AsRef<Path>, guest: impl AsRef<Path>) {
        self.grants.add(host.as_ref(), guest.as_ref(), true);
    }

    /// The same for a directory in which the program can change nothing.
    pub fn grant_read_only(&mut self, host: impl AsRef<Path>, guest: impl AsRef<Path>) {
        self.grants.add(host.as_ref(), guest.as_ref(), false);
    }

    /// Opens an object that the user names, or builds one from a module. An
    /// object in a granted directory is read whole, so that nothing that the
    /// program does to the file changes it.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn open(&mut self, file: &Path) -> Result<Arc<Object>> {
        self.open_named(file, true)
    }

    /// Opens a program, whose directory is searched for its libraries from then
    /// on.
    pub(crate) fn open_program(&mut self, file: &Path) -> Result<Arc<Object>> {
        self.path.program = file.parent().map(|dir| directory(dir).to_owned());
        self.open(file)
    }

    /// A program without anything, to open libraries in.
    pub(crate) fn empty_program(&self) -> Result<Arc<Object>> {
        self.engine.empty_program()
    }

    /// Opens what the user names, but perhaps for the program and not as code:
    /// an object in a granted directory is refused.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn open_argument(&mut self, file: &Path) -> Result<Arc<Object>> {
        self.open_named(file, false)
    }

    /// The same for a file that is open already; `path` is where it is, as far as
    /// that is known.
    ///
    /// # Errors
    /// As of [`LibraryFinder::open`].
    pub fn open_file(&mut self, file: File, path: &Path) -> Result<Arc<Object>> {
        // When it was opened is not known: what is, is not taken for unchanged.
        let opened = Opened::at(file, SystemTime::UNIX_EPOCH, path);
        self.take_named(opened, path, true)
    }

    fn open_named(&mut self, file: &Path, as_code: bool) -> Result<Arc<Object>> {
        self.take_named(Opened::named(file)?, file, as_code)
    }

    fn take_named(&mut self, opened: Opened, file: &Path, as_code: bool) -> Result<Arc<Object>> {
        // As the kernel has it, by which link a program was started says
        // nothing of where it is.
        let real = opened.real_path();
        let origin = real.as_deref().unwrap_or(file).parent();
        let origins = origin.map(Path::to_owned).into_iter().collect();
        let (mut opened, head) = match self.engine.content(opened, &self.grants)? {
            Content::Module(mut module) => {
                let object = self.build(&mut module, |_| origins)?;
                if as_code {
                    let places = runpath_directories(&object).into_iter();
                    let real = places.filter_map(|dir| directory(&dir).canonicalize().ok());
                    self.named.extend(real);
                }
                return Ok(object);
            }
            Content::Object(opened, head) => (opened, head),
        };
        if !self.engine.is_trusting() {
            return Err(untrusted(file, UNTRUSTED));
        }
        let object = match self.distrust(&opened) {
            None => self.map(opened)?,
            Some(reason) => {
                if !as_code {
                    return Err(untrusted(file, reason));
                }
                let id = opened.id()?;
                let bytes = opened.rest(head)?;
                // SAFETY: files that are opened are trusted, by the contract of
                // `trusting`, and this is a copy.
                let copy = unsafe { Object::from_bytes(file, &bytes, self.path.verify) };
                copy?.identified_by(id)
            }
        };
        Ok(Arc::new(object.with_origins(origins)))
    }

    /// Builds an object from a module's bytes, as if they lay at a path.
    ///
    /// # Errors
    /// One line that names the path. Built objects are native code, and refused.
    pub fn open_module(&mut self, file: &Path, bytes: &[u8]) -> Result<Arc<Object>> {
        let name = file.display().to_string();
        if input::kind(&name, bytes)? == Kind::Object {
            let reason = "is a built object, which is native code; give it by its path";
            return Err(untrusted(file, reason));
        }
        let mut module = ModuleFile::of_bytes(file, bytes)?;
        self.compile(&mut module).map(Arc::new)
    }

    /// Maps a built object.
    fn map(&self, opened: Opened) -> Result<Object> {
        // SAFETY: files that are found or named are trusted, by the contract of
        // `trusting`, and the program can write none that `distrust` has
        // nothing against.
        let object = unsafe { Object::of_file(opened.file, &opened.path, self.path.verify) };
        Ok(object?)
    }

    /// Why a file that the search has found in a way is not taken for native
    /// code.
    fn distrust_found(&self, opened: &Opened, way: Way, by: &Object) -> Option<String> {
        // A path that a program gives and a `RUNPATH` that a module has are
        // chosen by whoever wrote them, and may lead to what another run of the
        // program was allowed to write.
        let is_foreign = match way {
            Way::Path => true,
            Way::Object => self.is_made(by),
            Way::Directory => false,
        };
        let distrusted = self.distrust(opened);
        if distrusted.is_none() && is_foreign && !self.is_searched(opened) {
            return Some(
                "is native code outside of the directories that are searched for libraries; only modules are taken from where a program says".to_owned(),
            );
        }
        distrusted
    }

    /// Whether an object has been made of a module, and not been taken from a
    /// file.
    fn is_made(&self, object: &Object) -> bool {
        let mut made = self.made.iter();
        object.origins().is_empty() || made.any(|(_, made)| std::ptr::eq(made.as_ptr(), object))
    }

    /// Whether a file lies in a directory that the user has searched, or in the
    /// program's own; not below one.
    fn is_searched(&self, opened: &Opened) -> bool {
        let real = opened.real_path();
        let parent = real.as_deref().and_then(Path::parent);
        let path = &self.path;
        let dirs = path.dirs.iter().chain(&path.env).chain(&path.program);
        let mut dirs = dirs.filter_map(|dir| directory(dir).canonicalize().ok());
        parent.is_some_and(|parent| dirs.any(|dir| dir == parent))
    }

    /// Why a file is not taken for native code.
    fn distrust(&self, opened: &Opened) -> Option<String> {
        if !self.engine.is_trusting() {
            return Some(UNTRUSTED.to_owned());
        }
        if self.grants.is_empty() {
            return None;
        }
        if let Some(grant) = self.grants.holding(opened.real_path().as_deref()) {
            return Some(format!(
                "is native code in {}, which the program is granted; only modules are taken from there",
                grant.host.display()
            ));
        }
        // Asked now: another name may have been made since it was opened.
        let is_single = opened.file.metadata().is_ok_and(|m| m.nlink() == 1);
        (!is_single).then(|| {
            "is native code in a file with several names (hard links), of which one may be in a granted directory; only a copy is taken".to_owned()
        })
    }

    /// The library that a name or path stands for.
    fn search(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>> {
        let mut refused = None;
        for place in candidates(name, by, &self.path) {
            let module = self.open_at(&place.file, place.way, by);
            let built = self.open_at(&place.built, place.way, by);
            let distrust = |found: &Opened| self.distrust_found(found, place.way, by);
            let built = built.filter(|built| match distrust(built) {
                None => true,
                Some(reason) => {
                    refused.get_or_insert((place.built.clone(), reason));
                    false
                }
            });
            let reason = module.as_ref().and_then(distrust);
            if let Some(found) = self.take(built, module, reason)? {
                return Ok(Some(found));
            }
        }
        match refused {
            Some((file, reason)) => Err(untrusted(&file, reason)),
            None => Ok(None),
        }
    }

    /// Opens a module, or the object that was built from it. `distrusted`: why
    /// the file is not taken if it is no module.
    fn take(
        &mut self,
        built: Option<Opened>,
        module: Option<Opened>,
        distrusted: Option<String>,
    ) -> Result<Option<Arc<Object>>> {
        let Some(module) = module else {
            let object = built.map(|built| self.map(built)).transpose()?;
            return Ok(object.map(|object| Arc::new(found(object))));
        };
        let id = module.id()?;
        let mut module = match self.engine.content(module, &self.grants)? {
            Content::Module(module) => module,
            Content::Object(file, _) => match distrusted {
                Some(reason) => return Err(untrusted(&file.path, reason)),
                None => return Ok(Some(Arc::new(found(self.map(file)?)))),
            },
        };
        if let Some(built) = built {
            let object = self.map(built)?;
            if object.info().module == self.engine.hash(&mut module, &self.grants)? {
                let object = found(object).identified_by(id);
                return Ok(Some(Arc::new(object)));
            }
        }
        let path = module.path.clone();
        let origins = |object: &Object| origins(object, &path);
        self.build(&mut module, origins).map(Some)
    }

    /// Opens the file at a place, if there is one that may be looked at.
    fn open_at(&self, path: &Path, way: Way, by: &Object) -> Option<Opened> {
        let is_allowed = |real: &Path| self.is_allowed(real, by);
        match way {
            Way::Directory => Opened::found(path),
            // A program that could write the module could have it look
            // anywhere.
            Way::Object if self.is_granted(by) => Opened::allowed(path, is_allowed),
            Way::Object => Opened::found(path),
            Way::Path => match self.grants.open(path) {
                Ok(Some(opened)) => Some(opened),
                // What is not there by the program's path is not somewhere
                // else by ours.
                Ok(None) if path.is_relative() => None,
                _ => Opened::allowed(path, is_allowed),
            },
        }
    }

    /// Whether the program may have written what an object was made of.
    fn is_granted(&self, object: &Object) -> bool {
        let mut origins = object.origins().iter();
        object.origins().is_empty()
            || origins.any(|origin| {
                let real = directory(origin).canonicalize().ok();
                self.grants.holding(real.as_deref()).is_some()
            })
    }

    /// Whether a file lies in a directory to be searched, in that of the object
    /// that asks for it, in one granted, or in one where a module that the user
    /// names has its libraries searched.
    fn is_allowed(&self, real: &Path, by: &Object) -> bool {
        let path = &self.path;
        let dirs = path.dirs.iter().chain(&path.env).chain(&path.program);
        let dirs = dirs.chain(by.origins());
        let mut dirs = dirs.filter_map(|dir| directory(dir).canonicalize().ok());
        let is_named = |parent: &Path| self.named.iter().any(|dir| dir == parent);
        dirs.any(|dir| real.starts_with(dir))
            || real.parent().is_some_and(is_named)
            || self.grants.holding(Some(real)).is_some()
    }

    /// The object of a module's file, built if it is not that of one in use.
    fn build(
        &mut self,
        module: &mut ModuleFile<'_>,
        origins: impl FnOnce(&Object) -> Vec<PathBuf>,
    ) -> Result<Arc<Object>> {
        let Some(id) = module.file().map(Opened::id).transpose()? else {
            return self.compile(module).map(Arc::new);
        };
        let mut made = self.made.iter().rev();
        let latest = made.find(|(file, _)| *file == id);
        if let Some(object) = latest.and_then(|(_, made)| made.upgrade())
            && object.info().module == self.engine.hash(module, &self.grants)?
        {
            return Ok(object);
        }
        let object = self.compile(module)?.identified_by(id);
        let origins = origins(&object);
        let object = Arc::new(object.with_origins(origins));
        // A program may have any number of modules opened, one after another.
        self.made.retain(|(_, made)| made.strong_count() > 0);
        self.made.push((id, Arc::downgrade(&object)));
        Ok(object)
    }

    fn compile(&self, module: &mut ModuleFile<'_>) -> Result<Object> {
        self.engine.build(module, &self.grants)
    }
}

/// Why no object is taken.
const UNTRUSTED: &str =
    "is a built object, and no native code is taken from files here; give the module";

/// The error of native code that is not taken.
fn untrusted(file: &Path, reason: impl Into<String>) -> Error {
    Error::Untrusted {
        file: file.to_owned(),
        reason: reason.into(),
    }
}

/// A directory's path that can be opened.
fn directory(path: &Path) -> &Path {
    match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    }
}

/// An object that the search has found.
fn found(object: Object) -> Object {
    let origins = origins(&object, object.path());
    object.with_origins(origins)
}

/// Where the libraries of one that was found are: in the directory by which it
/// was, as `ld.so` has it, or where the file itself is.
fn origins(object: &Object, path: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| path.parent().map(Path::to_owned);
    let mut origins: Vec<PathBuf> = parent(path).into_iter().collect();
    if !object.runpath().is_empty()
        && let Some(real) = path.canonicalize().ok().as_deref().and_then(parent)
    {
        origins.push(real);
    }
    origins
}

impl Finder for LibraryFinder {
    fn find(
        &mut self,
        name: &str,
        by: &Object,
    ) -> Result<Option<Arc<Object>>, wasmaot_runtime::Error> {
        let found = self.search(name, by);
        found.map_err(|source| wasmaot_runtime::Error::Library {
            name: name.to_owned(),
            by: by.path().display().to_string(),
            source: source.into(),
        })
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, wasmaot_runtime::Error> {
        let built = match input::kind(name, bytes) {
            Ok(Kind::Wasm) => ModuleFile::of_bytes(name.as_ref(), bytes)
                .and_then(|mut module| self.compile(&mut module)),
            Ok(_) => Err(Error::input(name, "is not a binary wasm module")),
            Err(error) => Err(error),
        };
        // It is in no directory: what it needs is searched where libraries are.
        let built = built.map(|object| Arc::new(object.with_origins(Vec::new())));
        built.map_err(|source| wasmaot_runtime::Error::Library {
            name: name.to_owned(),
            by: "dlload".to_owned(),
            source: source.into(),
        })
    }
}
