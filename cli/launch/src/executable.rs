//! The objects of an executable that `wasmaot build --exe` has made.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};
use wasmaot_abi::executable::{HEAD, Record, Role};
use wasmaot_runtime::{Error, Finder, Object};

use crate::libraries::Library;
use crate::options::Options;

/// The most that is read of a record.
const MAX_RECORD: u64 = 1 << 24;

/// An executable's file, and what it says that it holds.
pub struct Executable {
    file: Arc<File>,
    path: PathBuf,
    /// Where the segment with the objects begins in the file.
    start: u64,
    record: Record,
    verify: bool,
    opened: Vec<OnceLock<Arc<Object>>>,
}

impl Executable {
    /// Takes an executable; `segment` is its last loaded one, from the record on,
    /// of `size` bytes at an offset in the file. `verify`: check every byte of the
    /// objects.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub fn new(
        file: File,
        path: PathBuf,
        (segment, start, size): (&[u8], u64, u64),
        verify: bool,
    ) -> Result<Self> {
        let record = Record::decode(segment, size);
        let record = record.map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))?;
        Ok(Self {
            file: Arc::new(file),
            path,
            start,
            opened: record.members.iter().map(|_| OnceLock::new()).collect(),
            record,
            verify,
        })
    }

    /// Looks into a file; `None`: it is something else.
    ///
    /// # Errors
    /// Names the file that cannot be read, or is damaged.
    pub fn at(path: &Path, verify: bool) -> Result<Option<Self>> {
        let name = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(name)?;
        let Some((start, size)) = last_segment(&file) else {
            return Ok(None);
        };
        let mut head = [0; HEAD];
        let there = file.read_exact_at(&mut head, start).is_ok();
        let Some(len) = Record::size(&head).filter(|_| there) else {
            return Ok(None);
        };
        if len > size.min(MAX_RECORD) {
            bail!("{}: its record of objects is damaged", path.display());
        }
        let mut segment = vec![0; len as usize];
        file.read_exact_at(&mut segment, start).with_context(name)?;
        Self::new(file, path.to_owned(), (&segment, start, size), verify).map(Some)
    }

    /// The options that it was built with.
    ///
    /// # Errors
    /// Of an executable of another version: that has others.
    pub fn options(&self) -> Result<Options> {
        let words = self.record.options.iter().cloned();
        let place = format!("{}: its options", self.path.display());
        Options::of_words(&place, words.map(OsString::from_vec))
    }

    /// The program.
    ///
    /// # Errors
    /// As of [`Object::open`].
    pub fn main(&self) -> Result<Arc<Object>, Error> {
        self.object(0)
    }

    /// Objects that are loaded with it, whatever it needs.
    ///
    /// # Errors
    /// As of [`Object::open`].
    pub fn libraries(&self) -> Result<Vec<Library>, Error> {
        let members = self.record.members.iter().enumerate();
        let beside = members.filter_map(|(number, member)| match &member.role {
            Role::Beside(module) => Some((number, module.clone())),
            Role::Named => None,
        });
        let open = |(number, module)| {
            let object = self.object(number)?;
            Ok(Library { object, module })
        };
        beside.map(open).collect()
    }

    fn object(&self, number: usize) -> Result<Arc<Object>, Error> {
        let opened = &self.opened[number];
        if let Some(object) = opened.get() {
            return Ok(Arc::clone(object));
        }
        let member = &self.record.members[number];
        let start = self.start.saturating_add(member.offset);
        let part = start..start.saturating_add(member.size);
        // As archives' members are written.
        let path = format!("{}({})", self.path.display(), member.name);
        // SAFETY: what is in an executable is as trusted as the executable is,
        // which the user has started or named; and as that it is not changed.
        let object = unsafe { Object::of_part(Arc::clone(&self.file), part, path, self.verify) }?;
        let object = match self.path.parent() {
            Some(directory) => object.with_origins(vec![directory.to_owned()]),
            None => object,
        };
        Ok(Arc::clone(opened.get_or_init(|| Arc::new(object))))
    }

    fn named(&self, name: &str) -> Option<usize> {
        let mut members = self.record.members.iter();
        members.position(|member| member.stands_for.iter().any(|known| known == name))
    }
}

/// Finds the objects of an executable, then others.
pub struct Members<F> {
    executable: Executable,
    others: F,
}

impl<F: Finder> Members<F> {
    /// Puts an executable before another place.
    pub fn new(executable: Executable, others: F) -> Self {
        Self { executable, others }
    }
}

impl<F: Finder> Finder for Members<F> {
    fn find(&mut self, name: &str, by: &Object) -> Result<Option<Arc<Object>>, Error> {
        match self.executable.named(name) {
            Some(number) => self.executable.object(number).map(Some),
            None => self.others.find(name, by),
        }
    }

    fn module(&mut self, name: &str, bytes: &[u8]) -> Result<Arc<Object>, Error> {
        self.others.module(name, bytes)
    }
}

/// Offset and size in the file of the last segment that is loaded.
fn last_segment(file: &File) -> Option<(u64, u64)> {
    /// Sizes of the file's header and of a program header, and the kind of one.
    const HEADER: usize = 64;
    const SEGMENT: usize = 56;
    const LOAD: u64 = 1;
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, 0).ok()?;
    let word = |bytes: &[u8], at: usize, len: usize| {
        let bytes = &bytes[at..at + len];
        bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte))
    };
    if !Object::is_object(&header) || word(&header, 54, 2) != SEGMENT as u64 {
        return None;
    }
    let mut segments = vec![0; word(&header, 56, 2) as usize * SEGMENT];
    file.read_exact_at(&mut segments, word(&header, 32, 8))
        .ok()?;
    let mut segments = segments.chunks(SEGMENT).rev();
    let last = segments.find(|segment| word(segment, 0, 4) == LOAD)?;
    Some((word(last, 8, 8), word(last, 32, 8)))
}
