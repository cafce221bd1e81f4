//! The record of a prelinked object: read with its bounds checked, and written
//! by the prelinker.

use std::ops::Range;

use wasmaot_abi::context::CODE_RESERVE;
use wasmaot_abi::machine::Machine;
use wasmaot_abi::object::{Note, SEC_PRELINK};
use wasmaot_abi::prelink::{Body, BuildId, Call, Prelink};

use super::{Layout, Object, bad, parse};
use crate::error::Result;

/// Reads the record of an object with so many entries of the PLT.
pub(super) fn read(
    bytes: &[u8],
    entries: usize,
    layout: &Layout,
    machine: &Machine,
) -> Result<Prelink, String> {
    let record = Prelink::decode(bytes).ok_or("its prelink record cannot be read")?;
    let members = record.members.len();
    let member = |number: u32| (number as usize) < members;
    let inside = |offset: u32| {
        u64::from(offset).is_multiple_of(machine.image_align) && u64::from(offset) < CODE_RESERVE
    };
    let code = |at: u32| {
        let mut segments = layout.segments.iter().filter(|s| s.executable);
        let end = u64::from(at) + machine.branch.size;
        segments.any(|s| s.range().contains(&at.into()) && end <= s.range().end)
    };
    let call = |call: &Call| call.to.is_none_or(|to| member(to.member));
    let body = |body: &Body| {
        let needs = body.needs.iter().all(|&n| (n as usize) < entries);
        needs && code(body.code) && code(body.uninlined)
    };
    let right = member(record.number)
        && record.members.iter().all(|m| inside(m.offset))
        && record.calls.len() == entries
        && record.calls.iter().all(call)
        && record.bodies.iter().all(body)
        && record.bodies.is_sorted_by_key(|body| body.code);
    right
        .then_some(record)
        .ok_or_else(|| "its prelink record is of another object".to_owned())
}

impl Object {
    /// The set that the object was linked with before, and where its calls lead.
    pub fn prelink(&self) -> Option<&Prelink> {
        self.prelink.as_ref()
    }

    /// Which member of a set the object is.
    pub fn number_in(&self, set: &Prelink) -> Option<usize> {
        let id = BuildId::try_from(self.build_id()).ok()?;
        set.members.iter().position(|m| m.build_id == id)
    }

    /// Where calls of a PLT entry lead in the file, in the object's own
    /// addresses; `None`: to the entry.
    pub(crate) fn prelinked_target(&self, entry: u32) -> Option<u64> {
        let record = self.prelink()?;
        record.address(record.calls.get(entry as usize)?.to?)
    }

    /// The file's bytes with another record of the same size and other code at
    /// some places, by address.
    pub(crate) fn rewritten(
        &self,
        record: &Prelink,
        edits: &[(u64, impl AsRef<[u8]>)],
    ) -> Result<Vec<u8>> {
        let damaged = || bad(self.path.display().to_string(), "not built to be prelinked");
        let mut file = self.bytes().to_vec();
        let mut put = |at: Range<usize>, bytes: &[u8]| {
            let place = file.get_mut(at).filter(|place| place.len() == bytes.len());
            place.map(|place| place.copy_from_slice(bytes))
        };
        let section = self.sections().get(SEC_PRELINK).ok_or_else(damaged)?;
        put(section.bytes.clone(), &record.encode()).ok_or_else(damaged)?;
        for (vaddr, bytes) in edits {
            let bytes = bytes.as_ref();
            let code = self.place_of_code(*vaddr);
            let at = code.map(|code| code.start..code.end.min(code.start + bytes.len()));
            at.and_then(|at| put(at, bytes)).ok_or_else(damaged)?;
        }
        let note = parse::note_at(&file).ok_or_else(damaged)?;
        Note::seal(&mut file, note);
        Ok(file)
    }
}
