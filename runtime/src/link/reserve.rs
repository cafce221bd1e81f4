//! Room of opened objects in the program's memory, table and code addresses.

use std::ops::Range;

use wasmaot_abi::context::FuncRef;

use super::group::Member;
use super::linker::Linker;
use super::state::Room;
use super::wanted::own_memory;
use crate::arch::IMAGE_ALIGN;
use crate::error::{Error, Result};

/// Alignment that the C ABI gives the stack and `malloc`'s blocks.
pub(super) const STACK_ALIGN: u64 = 16;

/// The file of a member, for messages.
pub(super) fn file(member: &Member) -> String {
    member.object.path().display().to_string()
}

/// Refuses a library that defines a memory: it is to share the program's.
pub(super) fn no_memory_of_its_own(member: &Member) -> Result<()> {
    match own_memory(member.object.info()) {
        None => Ok(()),
        Some(_) => Err(Error::Unsupported {
            file: file(member),
            what: "a library with a memory of its own; link it with -shared".to_owned(),
        }),
    }
}

/// Takes the entries of the program's table and the code addresses that a
/// member of an opened group wants. Its memory is the caller's affair:
/// [`wanted_memory`].
pub(crate) fn reserve(linker: &mut Linker<'_>, member: &Member) -> Result<Room> {
    let unsupported = |what: &str| Error::Unsupported {
        file: file(member),
        what: what.to_owned(),
    };
    if linker.state.program.is_none() {
        return Err(unsupported(
            "being opened without a dynamically linked program",
        ));
    }
    let Some(placement) = member.object.info().placement else {
        return Err(unsupported(
            "being opened at fixed addresses; link it with -shared",
        ));
    };
    no_memory_of_its_own(member)?;
    let size = u64::from(placement.table_size);
    let table = table_room(linker, size, 1 << placement.table_align)?;
    let mut room = Room {
        memory: None,
        table: table..table + size,
        codes: 0..0,
    };
    match pc_room(linker, member) {
        Ok(codes) => {
            room.codes = codes;
            Ok(room)
        }
        Err(error) => {
            release(linker, &room);
            Err(error)
        }
    }
}

/// Bytes of linear memory that a member of an opened group wants, and their
/// alignment; `None` if it wants none, or has been given some.
pub(crate) fn wanted_memory(member: &Member) -> Option<(u64, u64)> {
    let placement = member.object.info().placement.unwrap_or_default();
    let bytes = member.object.image_end().max(placement.memory_size.into());
    let align = STACK_ALIGN.max(1 << placement.memory_align);
    (bytes > 0 && member.memory.is_none()).then_some((bytes, align))
}

/// Gives the table entries and code addresses of a room back.
pub(crate) fn release(linker: &mut Linker<'_>, room: &Room) {
    release_table(linker, room.table.clone());
    if let Some(program) = &mut linker.state.program {
        program.spare_codes.insert(room.codes.clone());
    }
}

/// Takes the room that a member wants in the code-address space, where a
/// module's code has addresses that no function's table index is.
pub(super) fn pc_room(linker: &mut Linker<'_>, member: &Member) -> Result<Range<u64>> {
    let size = u64::from(member.object.info().fixups.pc_size);
    let program = linker.state.program.as_mut().filter(|_| size > 0);
    let Some(program) = program else {
        return Ok(0..0);
    };
    let start = program.spare_codes.take(size, IMAGE_ALIGN);
    let start = start.ok_or_else(|| Error::Limit {
        file: file(member),
        what: format!("no {size:#x} code addresses in a row are left of 2^32"),
        remedy: "close libraries",
    })?;
    Ok(start..start + size)
}

/// Takes entries of the program's table in a row.
pub(crate) fn table_room(linker: &mut Linker<'_>, len: u64, align: u64) -> Result<u64> {
    let full = || Error::Limit {
        file: "the program".to_owned(),
        what: "no more room in its table of functions".to_owned(),
        remedy: "raise the limit of the process, or link main with wasm-ld's --growable-table",
    };
    let program = linker.state.program.as_mut().ok_or_else(full)?;
    if let Some(at) = program.spare_entries.take(len, align) {
        return Ok(at);
    }
    let domain = &linker.space.domains[program.domain];
    // Where the table ends, another thread may change at any time.
    let more = len.checked_add(align - 1).ok_or_else(full)?;
    let end = domain
        .grow_table(more, FuncRef::default())
        .ok_or_else(full)?;
    let start = end.next_multiple_of(align);
    for spare in [end..start, start + len..end + more] {
        if !spare.is_empty() {
            program.spare_entries.insert(spare);
        }
    }
    Ok(start)
}

/// Clears entries of the program's table and gives them back.
pub(crate) fn release_table(linker: &mut Linker<'_>, range: Range<u64>) {
    if let Some(program) = &mut linker.state.program {
        for index in range.clone() {
            linker.space.domains[program.domain].set_entry(index, FuncRef::default());
        }
        program.spare_entries.insert(range);
    }
}
