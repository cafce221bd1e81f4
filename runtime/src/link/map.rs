//! Phase 4: segments into the code area, memory images into linear memory,
//! both copy-on-write from the file.

use std::io;
use std::sync::Arc;

use wasmaot_abi::context::WINDOW_TLS_SIZE;
use wasmaot_abi::types::TypeHash;

use super::group::Group;
use super::linker::{Linker, View};
use super::place::ObjectPlacement;
use super::prelinked;
use super::state::{Bindings, Instance, RefCount};
use crate::config::Category;
use crate::error::{Error, Result};
use crate::object::{MemoryRun, Object, bad};
use crate::sys::{Access, Image, PAGE, SystemError, page_down};

/// As many bytes that are to be written to are copied: on the whole that is
/// less work than to have the system copy their pages at the first write.
const FEW: usize = 2 * PAGE as usize;

/// Maps a group and enters it into the link map.
pub(super) fn map(
    linker: &mut Linker<'_>,
    group: &Group,
    bindings: Vec<Bindings>,
    places: &[ObjectPlacement],
) -> Result<()> {
    let local: Arc<[usize]> = group.local.as_slice().into();
    let images = prelinked::images(linker, group)?;
    let members = group.members.iter().zip(images).zip(bindings);
    for (((member, mut image), bindings), place) in members.zip(places) {
        let object = &member.object;
        // Profilers know names of code in memory without a file alone.
        let named = linker.config.perf_map && object.is_in_memory();
        map_segments(&mut image, object, named)?;
        linker.config.trace(Category::Files, || {
            format!(
                "loaded {} at {:#x}, memory base {:#x}, table base {:#x}",
                object.path().display(),
                image.start(),
                place.memory_base,
                place.table_base
            )
        });
        linker.state.instances.push(Instance {
            object: Arc::clone(object),
            name: member.name.clone(),
            chosen: member.chosen,
            image,
            domain: place.domain,
            memory_base: place.memory_base,
            table_base: place.table_base,
            pc_base: place.pc_base,
            locals: None,
            uses: bindings
                .instances()
                .chain(member.needs.iter().copied())
                .collect(),
            bindings,
            records: 0,
            thunked: false,
            sealed: false,
            serial: 0,
            needs: member.needs.clone(),
            local: Arc::clone(&local),
            deepbind: group.purpose.is_deepbind(),
            refs: RefCount {
                opened: 0,
                starting: None,
                ending: None,
                threads: 0,
                always: !group.purpose.is_opened(),
            },
            room: place.room.clone(),
            registered: None,
        });
        if group.purpose.is_opened() {
            charge(linker.view(), object)?;
        }
        for run in &object.layout().memory {
            map_run(linker, object, place, run)?;
        }
    }
    for number in group.numbers() {
        let object = Arc::clone(&linker.state.instances[number].object);
        linker.state.instances[number].locals = locals(linker, &object)?;
    }
    Ok(())
}

/// Takes thread-local storage for an object that has some: its offset.
fn locals(linker: &mut Linker<'_>, object: &Object) -> Result<Option<u64>> {
    let Some(storage) = &object.layout().threads else {
        return Ok(None);
    };
    let at = linker.space.locals.take(storage.memsz, storage.align);
    at.map(Some).ok_or_else(|| Error::Limit {
        file: object.path().display().to_string(),
        what: format!(
            "needs {} bytes of thread-local storage in each thread, where {} of {WINDOW_TLS_SIZE} \
             are free, and {} of the {} that the process may use are in use",
            storage.memsz,
            linker.space.locals.spare(),
            linker.space.budget.used(),
            linker.space.budget.limit()
        ),
        remedy: "load fewer modules, or such with fewer mutable globals",
    })
}

/// Maps the segments of an object into its image. `copies`: code is copied and not mapped.
fn map_segments(image: &mut Image, object: &Object, copies: bool) -> Result<()> {
    for segment in &object.layout().segments {
        let content = segment.offset as usize..(segment.offset + segment.filesz) as usize;
        let content = object.bytes().get(content);
        let copied = content.filter(|bytes| match segment.executable {
            true => copies && object.runs_here(),
            false => segment.writable && bytes.len() <= FEW,
        });
        if let Some(bytes) = copied {
            image.commit(segment.range())?;
            let written = image.write(segment.vaddr, bytes);
            written.map_err(|_| bad(object.path().display().to_string(), "no room"))?;
            if segment.executable {
                image.make_part_code(segment.range())?;
            }
            continue;
        }
        let access = match (segment.writable, segment.executable) {
            (true, _) => Access::ReadWrite,
            (false, true) if object.runs_here() => Access::ReadExecute,
            // Nobody comes to run the code of another machine.
            (false, _) => Access::Read,
        };
        let (file, start) = object.file();
        let (offset, filesz) = (start + segment.offset, segment.filesz);
        let mapped = image.map(segment.range(), file, offset, filesz, access);
        mapped.map_err(|error| refused(object, access, error))?;
    }
    Ok(())
}

/// Bytes that the loader keeps for an object beside its image, at least.
const BESIDE: u64 = PAGE;

/// Counts the image of the last instance, which a running program has asked
/// for, against what the process may use.
fn charge(view: View<'_>, object: &Object) -> Result<()> {
    let last = &view.state.instances[view.state.instances.next() - 1];
    let range = last.image.range();
    let bytes = range.end - range.start + BESIDE + last.name.len() as u64;
    take(view, object, range.start, bytes)
}

/// Counts the types that an object brings: they stay known when it goes.
pub(super) fn charge_types(view: View<'_>, object: &Object) -> Result<()> {
    /// The owner of these bytes; nothing else has such an address.
    const TYPES: u64 = 3;
    let new = view.state.types.count_new(object.info().types.hashes());
    take(view, object, TYPES, (new * size_of::<TypeHash>()) as u64)
}

/// Counts the functions that stand in for what an opened group lacks: they stay
/// when it goes.
pub(super) fn charge_stubs(view: View<'_>, object: &Object, count: usize) -> Result<()> {
    /// The owner of these bytes; nothing else has such an address.
    const STUBS: u64 = 5;
    /// About what the host keeps of each: names, a type, the text of its trap,
    /// and code.
    const STUB: u64 = 1 << 10;
    take(view, object, STUBS, STUB * count as u64)
}

fn take(view: View<'_>, object: &Object, owner: u64, bytes: u64) -> Result<()> {
    if view.space.budget.take(owner, bytes) {
        return Ok(());
    }
    Err(Error::MemoryLimit {
        file: object.path().display().to_string(),
        what: format!(
            "needs {bytes} bytes, and {} of the {} that the process may use are in use",
            view.space.budget.used(),
            view.space.budget.limit()
        ),
    })
}

/// Maps a run of a memory image. Memory is zero where the file says nothing.
fn map_run(
    linker: &mut Linker<'_>,
    object: &Object,
    place: &ObjectPlacement,
    run: &MemoryRun,
) -> Result<()> {
    let outside = || {
        let reason = format!("its data at {:#x} exceed the memory", run.linear);
        bad(object.path().display().to_string(), reason)
    };
    let domain = &mut linker.space.domains[place.domain];
    let at = place.memory_base + run.linear;
    // Only whole pages are mapped: what follows in the file is not ours.
    let aligned = at.is_multiple_of(PAGE) && run.offset.is_multiple_of(PAGE);
    let whole = if aligned { page_down(run.filesz) } else { 0 };
    let (file, start) = object.file();
    if whole > 0 && !domain.map_memory(at, whole, file, start + run.offset)? {
        return Err(outside());
    }
    let from = (run.offset + whole) as usize..(run.offset + run.filesz) as usize;
    let bytes = object.bytes().get(from).ok_or_else(outside)?;
    let written = domain.view().write(at + whole, bytes);
    written.map_err(|_| outside())
}

/// Why a part of an object cannot be mapped.
fn refused(object: &Object, access: Access, error: SystemError) -> Error {
    let is_code = access == Access::ReadExecute;
    match error.source.kind() {
        io::ErrorKind::PermissionDenied if is_code => Error::Unsupported {
            file: object.path().display().to_string(),
            what: "an object on a file system that allows no code (noexec); move it to another"
                .to_owned(),
        },
        _ => Error::System(error),
    }
}
