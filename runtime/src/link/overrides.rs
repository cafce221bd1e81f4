//! Functions of the host that take the place of a program's own. Which they
//! are is said by whoever makes the process.

use wasmaot_abi::info::{Import, ImportKind, LinkingAbi};
use wasmaot_abi::name;

use super::instance::Target;
use super::linker::View;
use crate::config::{Category, DlStubs};
use crate::object::Object;

/// The host's functions that come before definitions of objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overrides {
    /// Names of which opened libraries get the host's function, of the module
    /// `opened_module`, whoever defines them.
    pub opened: &'static [&'static str],
    pub opened_module: &'static str,
    /// Names whose definitions in libraries are replaced by the host's
    /// functions of `env`, where the library can only fail.
    pub loaders: &'static [&'static str],
    /// What a library has to import of others so that it need not fail, and
    /// the modules from which it does.
    pub ways: &'static [&'static str],
    pub way_modules: &'static [&'static str],
    /// Whether a needed library of a name may be missing, because the host
    /// defines what it would.
    pub provides: fn(&str) -> bool,
}

impl Default for Overrides {
    /// None.
    fn default() -> Self {
        Self {
            opened: &[],
            opened_module: "",
            loaders: &[],
            ways: &[],
            way_modules: &[],
            provides: |_| false,
        }
    }
}

impl Overrides {
    /// Whether what an object of a program defines of [`Overrides::loaders`]
    /// can only fail, because the object has no way to reach the loader. What
    /// it defines itself is none: a linker may have it imported all the same.
    fn has_no_way(&self, object: &Object) -> bool {
        let reaches = |import: &Import<'_>| {
            let function = matches!(import.kind, ImportKind::Func(_) | ImportKind::GotFunc);
            let module = self.way_modules.contains(&import.module);
            let way = function && module && self.ways.contains(&import.name);
            way && object.definition(import.name).is_none()
        };
        object.info().abi != LinkingAbi::Core && !object.imports().any(|i| reaches(&i))
    }
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
        if !overrides.has_no_way(definer) {
            return None;
        }
        self.config.trace(Category::Bindings, || {
            let definer = definer.name();
            format!("{name}: that of {definer} is a stub, the loader's takes its place")
        });
        Some(Target::Host(host))
    }
}
