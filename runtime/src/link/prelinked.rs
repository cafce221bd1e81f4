//! Prelinked objects: their calls of each other already lead to where they
//! end, if the objects are as far from each other as the prelinker had them.
//!
//! So the objects of main's set are placed as its record says. What symbols are
//! bound to is decided as always; a call is right as it stands in the file if
//! its slot has come to hold the very function that the record names. Where it
//! has not (an interposer, another build of a library, another binding), the
//! calls of that entry of the PLT are led back to it, and functions that contain
//! the code of what it was bound to go on in code that does not.

use wasmaot_abi::prelink::{Body, Prelink};

use super::group::{Group, Purpose};
use super::linker::{Linker, View};
use super::state::Instance;
use crate::arch;
use crate::config::{Bind, Category};
use crate::error::Result;
use crate::sys::Image;

/// Takes room for the images of a group's members, each where its set has it.
pub(super) fn images(linker: &mut Linker<'_>, group: &Group) -> Result<Vec<Image>> {
    let offsets = offsets(group);
    let mut places: Vec<(u64, u64)> = Vec::new();
    for (member, offset) in group.members.iter().zip(&offsets) {
        places.extend(offset.map(|at| (at, member.object.layout().end)));
    }
    let mut block = linker.space.code.allocate_block(&places).into_iter();
    let mut images = Vec::with_capacity(group.members.len());
    for (member, offset) in group.members.iter().zip(offsets) {
        let image = match offset.and_then(|_| block.next()) {
            Some(image) => image,
            None => linker.space.code.allocate(member.object.layout().end)?,
        };
        images.push(image);
    }
    Ok(images)
}

/// By member of a group, its offset in main's set.
fn offsets(group: &Group) -> Vec<Option<u64>> {
    let main = group.members.first().map(|m| &m.object);
    let set = main.and_then(|main| main.prelink());
    let mut taken = vec![false; set.map_or(0, |set| set.members.len())];
    let members = group.members.iter();
    let offset = members.map(|member| {
        let set = set.filter(|_| group.purpose == Purpose::Program)?;
        let number = member.object.number_in(set)?;
        let again = std::mem::replace(&mut taken[number], true);
        (!again).then(|| u64::from(set.members[number].offset))
    });
    offset.collect()
}

/// Where the calls of an entry of the PLT lead in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    /// To the entry.
    Entry,
    /// To what the entry is bound to.
    Right,
    /// Elsewhere.
    Wrong,
}

/// By entry of an instance's PLT, whose slots are filled.
pub(crate) fn outcome(view: View<'_>, id: usize) -> Result<Vec<Calls>> {
    let instance = &view.state.instances[id];
    let Some(record) = instance.object.prelink() else {
        let slots = instance.object.plt_slots();
        return Ok(slots.map(|_| Calls::Entry).collect());
    };
    let there = are_there(view, instance, record);
    // What is said of the set holds for a program of its main, which is searched
    // first, and what is loaded with it: others search other places, too.
    let main = view.state.program.as_ref().map(|program| program.main);
    let main = main.and_then(|main| view.state.instances[main].object.number_in(record));
    let of_program = main == Some(0) && there.first() == Some(&true) && instance.refs.always;
    let ignored = !of_program || !matches!(view.config.bind, Bind::Static | Bind::Direct);
    let mut all = Vec::with_capacity(record.calls.len());
    for (call, slot) in record.calls.iter().zip(instance.object.plt_slots()) {
        let Some(to) = call.to else {
            all.push(Calls::Entry);
            continue;
        };
        let target = record.address(to);
        let target = target.map(|at| instance.image.start().wrapping_add(at));
        let bound = u64::from_le_bytes(instance.read(slot.offset)?);
        let right = there[to.member as usize] && target == Some(bound) && !ignored;
        all.push(if right { Calls::Right } else { Calls::Wrong });
    }
    Ok(all)
}

/// The functions of an instance that go on in their uninlined code: the address of
/// each, and the jump that its code is to begin with.
pub(super) fn plain(
    view: View<'_>,
    id: usize,
    calls: &[Calls],
) -> Vec<(u64, [u8; arch::BRANCH_SIZE])> {
    let object = &view.state.instances[id].object;
    let bodies = object.prelink().map_or(&[][..], |record| &record.bodies);
    let right = |need: &u32| calls.get(*need as usize) == Some(&Calls::Right);
    let stays = |body: &Body| view.config.bind == Bind::Static && body.needs.iter().all(right);
    let wrong = bodies.iter().filter(|body| !stays(body));
    let jumps = wrong.filter_map(|body| {
        let (code, uninlined) = (body.code.into(), body.uninlined.into());
        Some((code, arch::jump(code, uninlined)?))
    });
    jumps.collect()
}

/// Which members of an instance's set are loaded, at the distances recorded.
fn are_there(view: View<'_>, instance: &Instance, record: &Prelink) -> Vec<bool> {
    let own = record.members[record.number as usize].offset;
    let set = instance.image.start().wrapping_sub(own.into());
    let members = record.members.iter();
    let there = members.map(|member| {
        let at = set.wrapping_add(member.offset.into());
        let is_it = |i: &Instance| {
            i.image.start() == at && i.object.build_id() == member.build_id.as_slice()
        };
        view.state.instances.values().any(is_it)
    });
    there.collect()
}

/// Tells what became of an object's records.
pub(super) fn report(view: View<'_>, id: usize, calls: &[Calls]) {
    let instance = &view.state.instances[id];
    let (object, config) = (&instance.object, &view.config);
    let Some(record) = object.prelink().filter(|_| config.trace.is_some()) else {
        return;
    };
    let there = are_there(view, instance, record);
    let missing = record.members.iter().zip(there).filter(|(_, is)| !is);
    for (member, _) in missing {
        config.trace(Category::Libs, || {
            let (by, name) = (object.name(), &member.name);
            let named = |i: &Instance| i.object.soname() == Some(name);
            let why = match view.state.instances.values().any(named) {
                true => "which is another build now, or elsewhere",
                false => "which is not in the program",
            };
            format!("{by} was prelinked with {name}, {why}: its calls of it go through the PLT")
        });
    }
    for (calls, slot) in calls.iter().zip(object.plt_slots()) {
        let how = match calls {
            Calls::Entry => continue,
            Calls::Right => "prelinked",
            Calls::Wrong => "not as prelinked",
        };
        config.trace(Category::Bindings, || {
            let symbol = object.symbol(slot.symbol);
            let symbol = object.symbol_name(&symbol);
            format!("calls of `{symbol}` in {}: {how}", object.name())
        });
    }
}
