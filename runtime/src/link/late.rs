//! Lazy binding: a function is looked up when it is first called.
//!
//! Its slot leads to a stub until then. What the name means is decided at the
//! call, by the scope of the object that calls, as it is then.

use super::check;
use super::functions::callable;
use super::linker::Linker;
use super::resolve::Late;
use super::state::{Bindings, LazySlot, Target};
use crate::error::Result;
use crate::object::bad;

/// Binds a slot of an instance to a target; the address that it holds then.
/// `made`: host functions that were asked for with the target.
pub(crate) fn fill(
    linker: &mut Linker<'_>,
    id: usize,
    slot: LazySlot,
    (target, made): Late,
) -> Result<u64> {
    made.into_iter().for_each(|stub| linker.hosts.add(stub));
    let domain = linker.state.instances[id].domain;
    let function = linker.function(target)?.ok_or_else(|| {
        let file = linker.state.instances[id]
            .object
            .path()
            .display()
            .to_string();
        bad(file, "a call of what is no function")
    })?;
    let code = callable(linker, function, Some(domain))?;
    linker.space.stubs.seal()?;
    let instance = &mut linker.state.instances[id];
    let Bindings {
        imports, symbols, ..
    } = &mut instance.bindings;
    for (number, _) in instance.object.imports_of(slot.symbol) {
        imports[number] = target;
    }
    if let Some(bound) = symbols.get_mut(slot.symbol as usize) {
        *bound = target;
    }
    if let Target::Symbol {
        instance: definer, ..
    } = target
    {
        instance.uses.insert(definer);
    }
    let vaddr = slot.address - instance.image.start();
    instance.write(vaddr, code)?;
    if linker.config.check {
        check::slot(linker.view(), id, vaddr)?;
    }
    Ok(code)
}
