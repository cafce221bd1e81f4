//! Whether the objects of a process can run in several threads, which all of them
//! must where one may have several.

use super::group::Group;
use super::linker::{Linker, View};
use crate::error::{Error, Result};
use crate::object::Object;

/// Refuses a group of which an object is not for threads, where one of the process
/// or the group has a memory that threads share; and a group with such a memory where
/// an object is not for threads.
pub(super) fn check(view: View<'_>, group: &Group) -> Result<()> {
    if view.config.max_threads <= 1 {
        return Ok(());
    }
    // What is unloaded may run still.
    let retired = view.state.retired.iter().map(|retired| &retired.object);
    let loaded = view.state.instances.values().map(|i| &i.object);
    let new = group.members.iter().map(|member| &member.object);
    let all: Vec<_> = loaded.chain(retired).chain(new).collect();
    let shares = all.iter().find(|object| object.shares_memory());
    let name = |object: &Object| object.path().display().to_string();
    let shares = match (&view.state.for_threads, shares) {
        (Some(first), _) => first.clone(),
        (None, Some(first)) => name(first),
        (None, None) => return Ok(()),
    };
    match all.iter().find(|object| !object.info().threads) {
        None => Ok(()),
        Some(object) => Err(Error::NotForThreads {
            file: name(object),
            other: shares,
        }),
    }
}

/// Prepares a process for threads with the first group that has a memory for them to
/// share: the first page of the code area reads as zeros then, where calls through
/// empty entries of tables look for a function.
pub(super) fn prepare(linker: &mut Linker<'_>, group: &Group) -> Result<()> {
    let mut members = group.members.iter().map(|member| &member.object);
    if linker.state.for_threads.is_none()
        && let Some(first) = members.find(|object| object.shares_memory())
    {
        linker.space.code.make_null_record()?;
        linker.state.for_threads = Some(first.path().display().to_string());
    }
    Ok(())
}
