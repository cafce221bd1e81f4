//! A module that may have to be compiled, of which nothing is read before it is
//! asked for.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use wasmaot_abi::info::{ModuleHash, ModuleInfo};
#[cfg(not(feature = "compiler"))]
use wasmaot_abi::shebang;
use wasmaot_runtime::Object;

#[cfg(not(feature = "compiler"))]
use crate::error::Error;
use crate::error::Result;
use crate::input::{self, Kind};
use crate::opened::Opened;

/// What a file is.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// A module, or what is refused as one.
    Module(ModuleFile<'a>),
    /// A built object, and what has been read of it.
    Object(Opened, Vec<u8>),
}

impl Content<'_> {
    /// Looks at how a file begins.
    pub fn of(mut opened: Opened) -> Result<Self> {
        let head = opened.head()?;
        Ok(match Object::is_object(&head) {
            true => Self::Object(opened, head),
            false => Self::Module(ModuleFile {
                path: opened.path.clone(),
                begun: Some(head),
                opened: Some(opened),
                binary: None,
                hash: None,
            }),
        })
    }
}

/// A module's file, or a module in memory.
#[derive(Debug)]
pub(crate) struct ModuleFile<'a> {
    /// The path that it is known by.
    pub path: PathBuf,
    opened: Option<Opened>,
    /// What has been read of the file so far; `None` if that is all of it.
    begun: Option<Vec<u8>>,
    /// The binary module, once all has been read.
    binary: Option<Cow<'a, [u8]>>,
    hash: Option<ModuleHash>,
}

impl<'a> ModuleFile<'a> {
    /// A module in memory, as if it lay at a path.
    ///
    /// # Errors
    /// If it is none.
    pub fn of_bytes(path: &Path, bytes: &'a [u8]) -> Result<Self> {
        let binary = binary(&path.display().to_string(), Cow::Borrowed(bytes))?;
        Ok(Self {
            path: path.to_owned(),
            opened: None,
            begun: None,
            hash: Some(ModuleInfo::module_hash(&binary)),
            binary: Some(binary),
        })
    }

    /// A module's file that has been read before and is as it was.
    #[cfg(feature = "compiler")]
    pub fn known(opened: Opened, hash: ModuleHash) -> Self {
        Self {
            path: opened.path.clone(),
            opened: Some(opened),
            begun: Some(Vec::new()),
            binary: None,
            hash: Some(hash),
        }
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The file; `None` of a module in memory.
    pub fn file(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// The hash of the binary module, if it has been read or is known.
    pub fn hash(&self) -> Option<ModuleHash> {
        self.hash
    }

    /// Reads what has not been read; answers the hash of it, and whether the
    /// file is that binary module, and not its text.
    ///
    /// # Errors
    /// If the file cannot be read, or is no module.
    pub fn read(&mut self) -> Result<(ModuleHash, bool)> {
        let mut is_binary = false;
        if let (Some(opened), Some(begun)) = (&mut self.opened, self.begun.take()) {
            let bytes = opened.rest(begun)?;
            let name = opened.path.display().to_string();
            is_binary = input::kind(&name, &bytes)? == Kind::Wasm;
            self.binary = Some(binary(&name, Cow::Owned(bytes))?);
        }
        let hash = ModuleInfo::module_hash(self.bytes());
        self.hash = Some(hash);
        Ok((hash, is_binary))
    }

    /// Whether its bytes are there.
    #[cfg(feature = "compiler")]
    pub fn is_read(&self) -> bool {
        self.binary.is_some()
    }

    /// The binary module, once it has been read.
    pub fn bytes(&self) -> &[u8] {
        self.binary.as_deref().unwrap_or_default()
    }
}

/// The binary module of what has been read.
#[cfg(feature = "compiler")]
fn binary<'a>(name: &str, bytes: Cow<'a, [u8]>) -> Result<Cow<'a, [u8]>> {
    let read = bytes.len();
    let module = match input::module(name, &bytes)? {
        Cow::Borrowed(module) => module.len(),
        Cow::Owned(parsed) => return Ok(Cow::Owned(parsed)),
    };
    Ok(without_line(bytes, read - module))
}

#[cfg(not(feature = "compiler"))]
fn binary<'a>(name: &str, bytes: Cow<'a, [u8]>) -> Result<Cow<'a, [u8]>> {
    if input::kind(name, &bytes)? == Kind::Wasm {
        let line = bytes.len() - shebang::module(&bytes).len();
        return Ok(without_line(bytes, line));
    }
    Err(Error::NoCompiler {
        file: name.to_owned(),
    })
}

/// What has been read, without as many bytes of a line `#!` before the module.
fn without_line(bytes: Cow<'_, [u8]>, line: usize) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[line..]),
        Cow::Owned(mut bytes) => {
            bytes.drain(..line);
            Cow::Owned(bytes)
        }
    }
}
