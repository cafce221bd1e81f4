//! Functions that `dyninfo` modules call lazily: the library of one is opened
//! at its first call.

use wasmaot_abi::name::SYS;
use wasmaot_abi::types::FuncType;

use super::{DlError, OpenFlags};
use crate::error::{CallError, Error};
use crate::host::{Caller, HostError, HostFunction};
use crate::link::LazyFunction;
use crate::link::dyninfo::{function_entry, set_entry};
use crate::process::Process;
use crate::value::Val;

/// The host function that is called in the place of what a forwarder stands
/// for.
pub(crate) fn function(forwarder: usize, ty: FuncType) -> HostFunction {
    let body = move |caller: &mut Caller<'_>, args: &[Val], results: &mut [Val]| {
        let process = caller.process_mut()?;
        let forwarders = &process.link.fixups.lazy;
        let lazy = forwarders.get(forwarder).and_then(|f| f.to.clone());
        let gone = || HostError::Message("a call of a function that is unloaded".to_owned());
        let values = call(process, &lazy.ok_or_else(gone)?, args)?;
        results.copy_from_slice(&values);
        Ok(())
    };
    HostFunction::new(SYS, "lazy", ty, body)
}

/// The first call of a lazy function.
fn call(process: &mut Process, lazy: &LazyFunction, args: &[Val]) -> Result<Vec<Val>, HostError> {
    let number = process.link.instances.of_serial(lazy.serial);
    let undefined = |reason: String| {
        HostError::unresolved(format!("`{}` of {}{reason}", lazy.symbol, lazy.library))
    };
    let number = number.ok_or_else(|| undefined(String::new()))?;
    let domain = process.link.instances[number].domain;
    let held = |process: &Process| {
        let entry = process.space.domains[domain].entry(lazy.index);
        entry.filter(|e| e.code != 0)
    };
    let entry = match held(process) {
        Some(entry) => entry,
        None => {
            let global = OpenFlags {
                global: true,
                ..OpenFlags::default()
            };
            let opened = process.open_for(number, &lazy.library, global);
            opened.map_err(|error| match error {
                DlError::Load(error @ Error::Init { .. }) => error.into(),
                error => undefined(format!(": {error}")),
            })?;
            let entry = match held(process) {
                Some(entry) => Some(entry),
                None => function_entry(&mut process.linker(), number, &lazy.symbol)?,
            };
            let entry = entry.ok_or_else(|| undefined(" is not defined in it".to_owned()))?;
            process.space.stubs.seal().map_err(HostError::from)?;
            set_entry(process.view(), number, lazy.index, entry)?;
            entry
        }
    };
    if !process.link.types.is(entry.type_id, &lazy.ty) {
        return Err(undefined(" is of another type than the call's".to_owned()));
    }
    set_entry(process.view(), number, lazy.index - 1, entry)?;
    let called = process.call_index(lazy.index as u32, &lazy.ty, args);
    called.map_err(|trap| CallError::Trap(trap).into())
}
