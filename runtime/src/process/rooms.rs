//! Room for the objects that a running program opens. Their memory comes from
//! the program's own allocator, so wasm code runs before the loader has decided
//! anything.

use super::Process;
use super::heap;
use crate::error::Result;
use crate::link::{self, Block, Group, Member, Room};

/// Takes room for the members of a group that a running program opens; runs
/// the program's allocator. None for other groups.
pub(super) fn take(process: &mut Process, group: &Group) -> Result<Vec<Room>> {
    let mut rooms = Vec::new();
    let members = group.members.iter().filter(|_| group.purpose.is_opened());
    for member in members {
        match one(process, member) {
            Ok(room) => rooms.push(room),
            Err(error) => {
                give_back(process, rooms);
                return Err(error);
            }
        }
    }
    Ok(rooms)
}

fn one(process: &mut Process, member: &Member) -> Result<Room> {
    let mut room = link::reserve(&mut process.linker(), member)?;
    let who = member.object.path().display().to_string();
    let memory = match (member.memory, link::wanted_memory(member)) {
        (Some(at), _) => Ok(Some(Block::of_program(at))),
        (None, Some((bytes, align))) => heap::allocate(process, bytes, align, &who).map(Some),
        (None, None) => Ok(None),
    };
    match memory {
        Ok(memory) => {
            room.memory = memory;
            Ok(room)
        }
        Err(error) => {
            give_back(process, [room]);
            Err(error)
        }
    }
}

/// Gives rooms back; runs the program's `free`.
pub(crate) fn give_back(process: &mut Process, rooms: impl IntoIterator<Item = Room>) {
    for room in rooms {
        link::release(&mut process.linker(), &room);
        if let Some(block) = room.memory {
            heap::release(process, block);
        }
    }
}
