//! Loading the libraries that were left for later
//! ([`Config::lazy_load`](crate::Config::lazy_load)).

use std::sync::Arc;

use super::DlError;
use crate::error::Result;
use crate::link::{self, Deferred, Instance};
use crate::process::Process;

/// Loads the next library that was left for later, and initialises it.
pub(super) fn load_next(process: &mut Process) -> Result<(), DlError> {
    process.with_dl(load_next_alone)?
}

fn load_next_alone(process: &mut Process) -> Result<(), DlError> {
    if process.dl.busy {
        return Err(DlError::Busy);
    }
    // Initialisers may come back here.
    let Some(next) = process.link.deferred.pop_front() else {
        return Ok(());
    };
    let loaded = load_needed(process, &next);
    process.forget_found();
    match loaded {
        Ok(number) => {
            let by = &mut process.link.instances[next.by];
            by.needs.extend(number);
            by.uses.extend(number);
            Ok(())
        }
        Err(error) => {
            process.link.deferred.push_front(next);
            Err(error.into())
        }
    }
}

/// Loads all libraries that were left for later.
pub(super) fn load_all(process: &mut Process) -> Result<(), DlError> {
    while !process.link.deferred.is_empty() {
        load_next(process)?;
    }
    Ok(())
}

/// Number of the instance of a needed library, loaded if it is not there;
/// `None`: the loader stands in for it.
fn load_needed(process: &mut Process, next: &Deferred) -> Result<Option<usize>> {
    let named = |i: &Instance| link::is_named(i, &next.name);
    if let Some(number) = process.link.instances.find(named) {
        return Ok(Some(number));
    }
    let by = Arc::clone(&process.link.instances[next.by].object);
    process.find_ahead(&next.name, &by);
    let object = process.with_finder(|view, finder| link::find_deferred(view, next, finder))?;
    let Some(object) = object else {
        return Ok(None);
    };
    let is_it = |i: &Instance| i.object.id() == object.id();
    if let Some(number) = process.link.instances.find(is_it) {
        return Ok(Some(number));
    }
    let group = process.with_finder(|view, finder| link::late(view, &next.name, object, finder))?;
    let numbers = group.numbers();
    let ready = process.load(group)?;
    for number in numbers {
        // As what was there from the start.
        process.link.instances[number].refs.always = true;
    }
    process.initialise(&ready, true)?;
    Ok(Some(ready.first()))
}
