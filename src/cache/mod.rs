//! Built objects, kept by the hash of what they are made from.
//!
//! An entry is named by its build id, has that id in it, and appears by rename,
//! so any number of processes may use and fill the cache at once: the worst is
//! that two build the same bytes. An entry that does not check is built again.
//!
//! The directory is the user's own: it is made for him alone, and not used if
//! others can write there. All is asked of what has been opened.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, openat, renameat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use wasmaot_abi::info::ModuleHash;
use wasmaot_compiler::{Emit, Options, build_id};
use wasmaot_runtime::Object;

use crate::error::{Error, Result};
use crate::grants::Grants;
use crate::module_file::ModuleFile;
use crate::opened::{Opened, real_path};

mod index;

/// Environment variable that names the cache's directory.
pub const VARIABLE: &str = "WASMAOT_CACHE_DIR";

/// Others can write: group and all.
const WRITABLE: u32 = 0o022;

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

/// A directory of built objects.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    directory: OwnedFd,
}

/// The directory of the user's cache: `$WASMAOT_CACHE_DIR`, else
/// `$XDG_CACHE_HOME/wasmaot`, else `~/.cache/wasmaot`.
///
/// # Errors
/// If none of these variables nor `HOME` is set.
pub fn default_directory() -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    variable(VARIABLE)
        .or_else(|| variable("XDG_CACHE_HOME").map(|d| d.join("wasmaot")))
        .or_else(|| variable("HOME").map(|d| d.join(".cache/wasmaot")))
        .ok_or_else(|| Error::cache(format!("no directory for built objects: set {VARIABLE}")))
}

impl Cache {
    /// A cache in `directory`, which is made where missing if `make` says so, for
    /// this user alone.
    ///
    /// # Errors
    /// If it is missing or cannot be made; if it is another user's, or others can
    /// write there; if the file system allows no code.
    ///
    /// # Safety
    /// What is in the directory is run as native code: no program that this
    /// user runs may be able to write there.
    pub unsafe fn open(directory: PathBuf, make: bool) -> Result<Self> {
        let path = directory;
        let shown = path.display();
        let open = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let there = || rustix::fs::open(&path, flags, Mode::empty());
            let directory = match there() {
                Err(Errno::NOENT) if make => {
                    DirBuilder::new()
                        .recursive(true)
                        .mode(0o700)
                        .create(&path)?;
                    there()?
                }
                opened => opened?,
            };
            let (status, system) = (fstat(&directory)?, fstatvfs(&directory)?);
            Ok::<_, io::Error>((directory, status, system))
        };
        let (directory, status, system) = open().map_err(Error::io(format_args!(
            "cannot make the cache directory {shown}: set {VARIABLE}"
        )))?;
        let reason = if status.st_uid != geteuid().as_raw() {
            format!(
                "the cache directory {shown} belongs to another user ({}): set {VARIABLE} to one of yours",
                status.st_uid
            )
        } else if status.st_mode & WRITABLE != 0 {
            format!(
                "others can write in the cache directory {shown} (mode {:o}): empty it and `chmod 700` it, or set {VARIABLE} to another",
                status.st_mode & 0o7777
            )
        } else if system.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            format!(
                "the cache directory {shown} is on a file system that allows no code (noexec): set {VARIABLE} to a directory on another"
            )
        } else {
            return Ok(Self { path, directory });
        };
        Err(Error::cache(reason))
    }

    /// Refuses the cache to a program that can write there.
    pub(crate) fn check_outside(&self, grants: &Grants) -> Result<()> {
        if grants.is_empty() {
            return Ok(());
        }
        let real = real_path(self.directory.as_fd());
        match grants.writable_holding(real.as_deref()) {
            Some(grant) => Err(Error::cache(format!(
                "the cache directory {} is in {}, which the program is granted: set {VARIABLE} to one outside",
                self.path.display(),
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
    ) -> Result<Object> {
        let name = module.name();
        let (entry, id) = loop {
            let id = build_id(&name, &self.hash(module)?, options);
            let entry = format!("{}.so", hex(&id));
            if let Ok(object) = self.entry(&entry, &module.path, &id, verify) {
                return Ok(object);
            }
            if module.is_read() {
                break (entry, id);
            }
            // What is read now is what counts, should it have changed meanwhile.
            self.read(module)?;
        };
        let bytes = compile(&name, module.bytes(), options)?;
        if let Err(error) = self.enter(&entry, &bytes) {
            let what = format!(
                "cannot write to {}: set {VARIABLE} to a directory of yours",
                self.path.display()
            );
            unusable(&Error::io(what)(error));
            return of_compiler(&name, &bytes);
        }
        // What enters the cache is checked whole, once. Another process may have
        // removed it already.
        self.entry(&entry, &module.path, &id, true)
            .or_else(|_| of_compiler(&name, &bytes))
    }

    /// The hash of a module's file that has been read as it is now.
    pub fn known(&self, file: &Opened) -> Option<ModuleHash> {
        index::look_up(self.directory.as_fd(), file)
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
            index::enter(self.directory.as_fd(), file, &hash);
        }
        Ok(hash)
    }

    /// Opens an entry as the object of a module's file.
    fn entry(&self, entry: &str, file: &Path, id: &[u8], verify: bool) -> Result<Object> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = || {
            let opened = File::from(openat(&self.directory, entry, flags, Mode::empty())?);
            let metadata = opened.metadata()?;
            Ok((opened, metadata))
        };
        let path = self.path.join(entry);
        let (opened, metadata) = open().map_err(Error::cannot_read(&path))?;
        let own = metadata.is_file()
            && metadata.uid() == geteuid().as_raw()
            && metadata.mode() & WRITABLE == 0
            && metadata.nlink() == 1;
        if !own {
            return Err(Error::input(entry, "is not a file of ours"));
        }
        // SAFETY: what is in the directory of a cache is trusted, by the
        // contract of `Cache::open`; entries are replaced and never changed.
        let object = unsafe { Object::of_file(opened, file, verify) }?;
        match object.build_id() == id {
            true => Ok(object),
            false => Err(Error::input(entry, "is another's object")),
        }
    }

    /// Writes an entry: whole, or not at all.
    fn enter(&self, entry: &str, bytes: &[u8]) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".{entry}.{}.{number}", std::process::id());
        let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        // One of a process that has ended, and whose number is this one's.
        let _ = unlinkat(&self.directory, &name, AtFlags::empty());
        let mut file = File::from(openat(
            &self.directory,
            &name,
            create,
            Mode::RUSR | Mode::WUSR,
        )?);
        let mut written = || {
            file.write_all(bytes)?;
            file.sync_all()?;
            Ok(renameat(&self.directory, &name, &self.directory, entry)?)
        };
        written().inspect_err(|_| {
            let _ = unlinkat(&self.directory, &name, AtFlags::empty());
        })
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

/// What the compiler has just made, as an object.
fn of_compiler(name: &str, bytes: &[u8]) -> Result<Object> {
    // SAFETY: both callers give the compiler's bytes; so their hash fits.
    let object = unsafe { Object::from_bytes(name, bytes, false) };
    Ok(object?)
}

/// Says, once, that there is no cache: a read-only or absent home keeps no
/// program from running.
pub(crate) fn unusable(error: &Error) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let _ = writeln!(io::stderr(), "warning: what is built is not kept: {error}");
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
