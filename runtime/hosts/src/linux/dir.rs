//! Listing directories.

use rustix::fs::{FileType, SeekFrom};

use super::call::Call;
use super::error::{Error, Result};
use super::numbers::Abi;
use super::table::Directory;
use crate::listing::{Entry, Listing};
use crate::lock::lock;

/// How entries lie in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Words of 4 or 8 bytes; the type is the last byte.
    Old { word: usize },
    /// 64 bits; the type comes before the name.
    New,
}

/// `getdents`
pub(super) fn getdents(call: &mut Call<'_>) -> Result {
    let word = match call.abi {
        Abi::I386 => 4,
        Abi::X86_64 => 8,
    };
    entries(call, Form::Old { word })
}

/// `getdents64`
pub(super) fn getdents64(call: &mut Call<'_>) -> Result {
    entries(call, Form::New)
}

/// Stores as many entries as fit. A position is an index in a listing taken
/// when the directory is read from its start, so entries that come or go
/// meanwhile shift nothing.
fn entries(call: &mut Call<'_>, form: Form) -> Result {
    let (at, room) = (call.uint(1), call.uint(2) as usize);
    let open = call.file(0)?;
    let directory = open.directory()?;
    let mut listing = lock(&directory.listing);
    if listing.next == 0 {
        listing.listed = None;
    }
    let mut next = listing.next;
    let listed = match &mut listing.listed {
        Some(listed) => listed,
        none => none.insert(Listing::of(&directory.dir, &call.state.room)?),
    };
    let mut bytes = Vec::new();
    while let Some(entry) = listed.entries.get(next) {
        let record = record(entry, next as u64 + 1, form);
        if bytes.len() + record.len() > room {
            break;
        }
        bytes.extend(record);
        next += 1;
    }
    if bytes.is_empty() && next < listed.entries.len() {
        return Err(Error::EINVAL);
    }
    call.write(at, &bytes)?;
    listing.next = next;
    Ok(bytes.len() as u64)
}

fn record(entry: &Entry, next: u64, form: Form) -> Vec<u8> {
    let (word, head) = match form {
        Form::Old { word } => (word, 2 * word + 2),
        Form::New => (8, 19),
    };
    // A zero ends the name; the old form has the type after that.
    let tail = 1 + usize::from(form != Form::New);
    let len = (head + entry.name.len() + tail).next_multiple_of(word);
    let mut record = Vec::with_capacity(len);
    record.extend_from_slice(&entry.ino.to_le_bytes()[..word]);
    record.extend_from_slice(&next.to_le_bytes()[..word]);
    record.extend_from_slice(&(len as u16).to_le_bytes());
    if form == Form::New {
        record.push(type_of(entry.ty));
    }
    record.extend_from_slice(&entry.name);
    record.resize(len, 0);
    if form != Form::New {
        record[len - 1] = type_of(entry.ty);
    }
    record
}

/// The kernel's number of a type: the upper bits of the mode.
fn type_of(ty: FileType) -> u8 {
    match ty {
        FileType::Unknown => 0,
        ty => (ty.as_raw_mode() >> 12) as u8,
    }
}

impl Directory {
    /// Moves to a position that was told, and answers it.
    pub(super) fn seek(&self, to: SeekFrom) -> Result {
        let mut listing = lock(&self.listing);
        let position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::Current(0) => listing.next as u64,
            _ => return Err(Error::EINVAL),
        };
        listing.next = usize::try_from(position).map_err(|_| Error::EINVAL)?;
        Ok(position)
    }
}
