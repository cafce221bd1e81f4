//! Functions of the host that take the place of a program's own.

use wasmaot_abi::info::{Import, ImportKind, LinkingAbi};
use wasmaot_abi::name;

use super::linker::View;
use super::state::{Overrides, Target};
use crate::config::{Category, DlStubs};
use crate::object::Object;

/// Whether what an object of a program defines of [`Overrides::loaders`]
/// can only fail, because the object has no way to reach the loader. What
/// it defines itself is none: a linker may have it imported all the same.
fn has_no_way(overrides: &Overrides, object: &Object) -> bool {
    let reaches = |import: &Import<'_>| {
        let function = matches!(import.kind, ImportKind::Func(_) | ImportKind::GotFunc);
        let module = overrides.way_modules.contains(&import.module);
        let way = function && module && overrides.ways.contains(&import.name);
        way && object.definition(import.name).is_none()
    };
    object.info().abi != LinkingAbi::Core && !object.imports().any(|i| reaches(&i))
}

impl View<'_> {
    /// The host's function for an import of an opened library, where it gets
    /// that in any case.
    pub fn taken_over(self, import: &Import<'_>) -> Option<Target> {
        let overrides = &self.state.overrides;
        let function = matches!(import.kind, ImportKind::Func(_) | ImportKind::GotFunc);
        let wanted = function && overrides.opened.contains(&import.name);
        let number = self.hosts.find(overrides.opened_module, import.name);
        number.filter(|_| wanted).map(Target::Host)
    }

    /// As [`View::instead_of_stub_of`], of a loaded instance.
    pub fn instead_of_stub(self, name: &str, definer: usize) -> Option<Target> {
        let definer = &self.state.instances[definer];
        self.instead_of_stub_of(name, &definer.object, definer.chosen)
    }

    /// What a name means in the place of the definition that was found first:
    /// the loader's own function, where the definition is a stub. `chosen`:
    /// the object is main or was preloaded, and counts whatever it does.
    pub fn instead_of_stub_of(self, name: &str, definer: &Object, chosen: bool) -> Option<Target> {
        let overrides = &self.state.overrides;
        let keep = chosen || self.config.dl_stubs == DlStubs::Keep;
        if !overrides.loaders.contains(&name) || keep {
            return None;
        }
        let host = self.hosts.find(name::ENV, name)?;
        if !has_no_way(overrides, definer) {
            return None;
        }
        self.config.trace(Category::Bindings, || {
            let definer = definer.name();
            format!("{name}: that of {definer} is a stub, the loader's takes its place")
        });
        Some(Target::Host(host))
    }
}
