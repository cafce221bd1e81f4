//! The same for copies of data.

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::reloc::Standard;

use crate::error::{Error, Result};
use crate::link::linker::View;
use crate::link::state::Instance;
use crate::object::SymbolSection;

/// Checks the copies of data in the instances from `first` on, just made.
pub(crate) fn copies(view: View<'_>, first: usize) -> Result<()> {
    let data = |id: usize| {
        let instance: &Instance = &view.state.instances[id];
        let symbols = instance.object.symbols();
        let own =
            symbols.filter(|s| s.defines(SymbolKind::Data) && s.section == SymbolSection::Here);
        own.map(move |s| {
            let linear = s.value.wrapping_sub(instance.object.layout().memory_bias);
            let linear = instance.memory_base.wrapping_add(linear);
            (instance.object.symbol_name(&s), linear, s.size)
        })
    };
    for (id, instance) in view.state.instances.iter().filter(|(n, _)| *n >= first) {
        let memory = view.space.domains[instance.domain].view();
        let relocs = instance.object.relocs();
        for reloc in relocs.filter(|r| r.kind == Standard::Copy) {
            let symbol = &instance.object.symbol(reloc.symbol);
            let name = instance.object.symbol_name(symbol);
            let own = data(id).find(|(other, ..)| *other == name);
            let others = view.state.scope.iter().filter(|&&other| other != id);
            let sources = others.flat_map(|&other| data(other).map(move |d| (other, d)));
            let found = sources.into_iter().find(|(_, (other, ..))| *other == name);
            let (Some((_, to, size)), Some((definer, (_, from, known)))) = (own, found) else {
                continue;
            };
            // Of unknown size: up to what comes next.
            let next = data(definer)
                .map(|(_, at, _)| at)
                .filter(|&at| at > from)
                .min();
            let most = if known > 0 {
                known
            } else {
                next.map_or(1, |next| next - from)
            };
            let bytes = |at: u64| memory.read_vec(at, size.min(most)).ok();
            let (copy, original) = (bytes(to), bytes(from));
            if copy.is_none() || copy != original {
                return Err(Error::Check {
                    file: instance.object.path().display().to_string(),
                    reason: format!("the copy of `{name}` differs from its original"),
                });
            }
        }
    }
    Ok(())
}
