//! Built objects, kept by the hash of what they are made from.
//!
//! An entry is named by its build id, has that id in it, and appears by rename,
//! so any number of processes may use and fill the cache at once: the worst is
//! that two build the same bytes. An entry that does not check is built again.
//!
//! The directory is the user's own: it is made for him alone, and not used if
//! others can write there. All is asked of what has been opened.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{
    OFlags, Stat, StatVfsMountFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat, fstatvfs,
    futimens,
};
use wasmaot_abi::info::ModuleHash;
use wasmaot_abi::prelink::BuildId;
use wasmaot_compiler::{Emit, Options, build_id};
use wasmaot_runtime::Object;

use crate::error::{Error, Result};
use crate::grants::Grants;
use crate::module_file::ModuleFile;
use crate::opened::{Opened, real_path};

mod counts;
mod directory;
mod index;
mod key;
mod sealed;
mod store;
mod upkeep;

use counts::Count;
use directory::is_own;
use store::Fetched;

pub use counts::CacheCounts;
pub use directory::{CacheDirectory, default_directory};
pub use key::SharedKey;
pub use store::{Found, RemoteCache, Store};
pub use upkeep::{CacheEntry, Removed};

/// Environment variable that names the cache's directory.
pub const VARIABLE: &str = "WASMAOT_CACHE_DIR";

/// After which time an object that is used is marked as used again.
const USED_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a module's bytes become an object's: the compiler, or a function around
/// it that shows how far it has come. The first argument is the module's name.
pub type Compile = fn(&str, &[u8], &Options) -> Result<Vec<u8>, wasmaot_compiler::Error>;

/// Compiles a module to a shared object.
///
/// # Errors
/// Of the compiler.
pub fn compile(
    name: &str,
    module: &[u8],
    options: &Options,
) -> Result<Vec<u8>, wasmaot_compiler::Error> {
    wasmaot_compiler::compile(name, module, options, Emit::So)
}

/// Says what the user should know.
pub type Warn = fn(fmt::Arguments<'_>);

/// A cache: a directory of objects to be run.
#[derive(Debug)]
pub(crate) struct Cache(CacheDirectory);

impl Cache {
    /// The cache in a directory, which is made where missing if `make` says so,
    /// for this user alone.
    ///
    /// # Errors
    /// As of [`CacheDirectory::open`]; if the file system allows no code.
    ///
    /// # Safety
    /// What is in the directory is run as native code: no program that this
    /// user runs may be able to write there.
    pub unsafe fn open(path: PathBuf, make: bool) -> Result<Self> {
        let directory = CacheDirectory::open(path, make)?;
        let shown = directory.path.display();
        let system = fstatvfs(&directory).map_err(|error| {
            Error::io(format_args!("cannot look at the cache directory {shown}"))(error.into())
        })?;
        if system.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            return Err(Error::cache(format!(
                "the cache directory {shown} is on a file system that allows no code (noexec): set {VARIABLE} to a directory on another"
            )));
        }
        Ok(Self(directory))
    }

    /// Refuses the cache to a program that can write there.
    pub(crate) fn check_outside(&self, grants: &Grants) -> Result<()> {
        if grants.is_empty() {
            return Ok(());
        }
        let real = real_path(self.0.as_fd());
        match grants.writable_holding(real.as_deref()) {
            Some(grant) => Err(Error::cache(format!(
                "the cache directory {} is in {}, which the program is granted: set {VARIABLE} to one outside",
                self.0.path.display(),
                grant.host.display()
            ))),
            None => Ok(()),
        }
    }

    /// The object of a module: from the cache, or built into it. The module's
    /// path gives the object its name and its `$ORIGIN`.
    ///
    /// # Errors
    /// Of compiling. An object that cannot be kept is one in memory.
    pub fn object(
        &self,
        module: &mut ModuleFile<'_>,
        options: &Options,
        verify: bool,
        compile: Compile,
        remote: Option<&RemoteCache>,
        warn: Warn,
    ) -> Result<Object> {
        let name = module.name();
        let (entry, id) = loop {
            let id = build_id(&name, &self.hash(module)?, options);
            let entry = format!("{}.so", hex(&id));
            if let Ok(object) = self.entry(&entry, &module.path, &id, verify) {
                self.0.count(Count::Hit);
                return Ok(object);
            }
            if module.is_read() {
                break (entry, id);
            }
            // What is read now is what counts, should it have changed meanwhile.
            self.read(module)?;
        };
        let max = store::max_object(module.bytes());
        let shared = remote.and_then(|remote| self.fetch(remote, &module.path, &id, max));
        if let Some(object) = shared {
            return Ok(object);
        }
        let begun = Instant::now();
        let bytes = compile(&name, module.bytes(), options)?;
        self.0.count(Count::Built);
        if let Some(remote) = remote {
            remote.keep(&id, &bytes, max, begun.elapsed());
        }
        let entered = self.0.write(&entry, &bytes);
        let entered = entered.map_err(self.0.cannot_write());
        if let Err(error) = entered.and_then(|()| self.0.keep_limit(&hex(&id))) {
            unusable(&error, warn);
            return of_compiler(&name, &bytes);
        }
        // What enters the cache is checked whole, once. Another process may have
        // removed it already.
        self.entry(&entry, &module.path, &id, true)
            .or_else(|_| of_compiler(&name, &bytes))
    }

    /// An object of a store, which is in this cache then as if it had been built.
    /// `file` is the module's path.
    fn fetch(&self, remote: &RemoteCache, file: &Path, id: &BuildId, max: u64) -> Option<Object> {
        let kind = |fetched: &Fetched| match fetched {
            Fetched::Object(_) => Count::RemoteHit,
            Fetched::Missing => Count::RemoteMiss,
            Fetched::Refused => Count::RemoteRefused,
            Fetched::Failed => Count::RemoteFailed,
        };
        let fetched = remote.fetch(id, max);
        let kind = kind(&fetched);
        let Fetched::Object(bytes) = fetched else {
            self.0.count(kind);
            return None;
        };
        let entry = format!("{}.so", hex(id));
        // Where nothing can be kept, it serves from memory.
        let kept = self.0.write(&entry, &bytes).is_ok() && self.0.keep_limit(&hex(id)).is_ok();
        let object = match kept {
            true => self.entry(&entry, file, id, true).ok(),
            // SAFETY: whoever has made it has the key, and is trusted by the
            // contract of `EngineConfig::remote_cache`.
            false => unsafe { Object::from_bytes(file, &bytes, true) }.ok(),
        };
        let object = object.filter(|object| object.build_id() == id);
        self.0.count(match object {
            Some(_) => kind,
            None => Count::RemoteRefused,
        });
        object
    }

    /// The hash of a module's file that has been read as it is now.
    pub fn known(&self, file: &Opened) -> Option<ModuleHash> {
        index::look_up(self.0.as_fd(), file)
    }

    /// The hash of a module, which is kept if the file has to be read for it.
    ///
    /// # Errors
    /// If the file cannot be read, or is no module.
    pub fn hash(&self, module: &mut ModuleFile<'_>) -> Result<ModuleHash> {
        match module.hash() {
            Some(hash) => Ok(hash),
            None => self.read(module),
        }
    }

    /// Reads a module's file, and keeps the hash.
    fn read(&self, module: &mut ModuleFile<'_>) -> Result<ModuleHash> {
        let (hash, is_binary) = module.read()?;
        if let Some(file) = module.file().filter(|_| is_binary) {
            index::enter(self.0.as_fd(), file, &hash);
        }
        Ok(hash)
    }

    /// Opens an entry as the object of a module's file.
    fn entry(&self, entry: &str, file: &Path, id: &[u8], verify: bool) -> Result<Object> {
        let open = || {
            let opened = self.0.file(entry, OFlags::RDONLY)?;
            let status = fstat(&opened)?;
            Ok((opened, status))
        };
        let path = self.0.path.join(entry);
        let (opened, status) = open().map_err(Error::cannot_read(&path))?;
        if !is_own(&status) {
            return Err(Error::input(entry, "is not a file of ours"));
        }
        mark_used(&opened, &status);
        // SAFETY: what is in the directory of a cache is trusted, by the
        // contract of `Cache::open`; entries are replaced and never changed.
        let object = unsafe { Object::of_file(opened, file, verify) }?;
        match object.build_id() == id {
            true => Ok(object),
            false => Err(Error::input(entry, "is another's object")),
        }
    }
}

impl CacheDirectory {
    /// The name of the library that an entry is the object of; `None` if it is
    /// gone or damaged.
    pub fn soname(&self, entry: &CacheEntry) -> Option<String> {
        let name = format!("{}.so", entry.build_id);
        let file = self.file(&name, OFlags::RDONLY).ok()?;
        // SAFETY: the directory is this user's alone, where entries are replaced
        // and never changed. Nothing of it is run.
        let object = unsafe { Object::of_file(file, self.path.join(name), false) }.ok()?;
        object.soname().map(str::to_owned)
    }
}

/// The object of a module, built into memory. `file` is the module's path.
///
/// # Errors
/// Of compiling.
pub fn build_object(
    file: &Path,
    module: &[u8],
    options: &Options,
    compile: Compile,
) -> Result<Object> {
    let name = file.display().to_string();
    of_compiler(&name, &compile(&name, module, options)?)
}

/// Marks an object as used, by its mtime: which is not written each time, and
/// not at all in a directory that cannot be written to.
fn mark_used(object: &File, status: &Stat) {
    let age = SystemTime::now().duration_since(upkeep::modified(status));
    if age.is_ok_and(|age| age >= USED_EVERY) {
        let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
        let times = Timestamps {
            last_access: time(UTIME_OMIT),
            last_modification: time(UTIME_NOW),
        };
        let _ = futimens(object, &times);
    }
}

/// What the compiler has just made, as an object.
fn of_compiler(name: &str, bytes: &[u8]) -> Result<Object> {
    // SAFETY: both callers give the compiler's bytes; so their hash fits.
    let object = unsafe { Object::from_bytes(name, bytes, false) };
    Ok(object?)
}

/// Says, once, that there is no cache: a read-only or absent home keeps no
/// program from running.
pub(crate) fn unusable(error: &Error, warn: Warn) {
    static SAID: Once = Once::new();
    SAID.call_once(|| warn(format_args!("what is built is not kept: {error}")));
}

/// Says what the user should know on standard error, if anybody reads it.
pub(crate) fn warn(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "warning: {text}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
