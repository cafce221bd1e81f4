//! Definitions of `<dlfcn.h>` that cannot open anything. The C libraries of
//! wasm SDKs define `dlopen` and its like (in `libdl.so`, or in libc) as
//! functions that set an error and fail, so that programs link. The loader's
//! own functions take their place.

use wasmaot_abi::info::{Import, ImportKind, LinkingAbi};
use wasmaot_abi::name;

use super::thinthin;
use crate::config::{Category, DlStubs};
use crate::link::Target;
use crate::object::Object;
use crate::process::Process;

/// What the loader defines of `<dlfcn.h>` and `<link.h>`.
const LOADERS: [&str; 7] = [
    "dlopen",
    "dlsym",
    "dlvsym",
    "dlclose",
    "dlerror",
    "dladdr",
    "dl_iterate_phdr",
];

/// What a library has to import of others to be able to open one, or to hand a
/// call on to whoever can.
const WAYS: [&str; 5] = ["dlopen", "dlsym", "dlvsym", "dlload", "dlinstantiate"];

/// The library whose only content these functions are.
const LIBRARY: &str = "libdl.so";

/// Whether the loader stands in for a needed library of that name where there
/// is none: for `libdl.so`, with a version or without.
pub fn loader_provides(name: &str) -> bool {
    let version = name.strip_prefix(LIBRARY);
    version.is_some_and(|v| v.chars().all(|c| c == '.' || c.is_ascii_digit()))
}

/// Whether what an object of a program defines of these functions can only
/// fail, because the object has no way to reach the loader. What it defines
/// itself is none: a linker may have it imported all the same.
fn has_no_way(object: &Object) -> bool {
    let reaches = |import: &Import<'_>| {
        let function = matches!(import.kind, ImportKind::Func(_) | ImportKind::GotFunc);
        let module = [name::ENV, name::GOT_FUNC, thinthin::MODULE].contains(&import.module);
        let way = function && module && WAYS.contains(&import.name);
        way && object.definition(import.name).is_none()
    };
    object.info().abi != LinkingAbi::Core && !object.imports().any(|i| reaches(&i))
}

impl Process {
    /// As [`Process::instead_of_stub_of`], of a loaded instance.
    pub(crate) fn instead_of_stub(&self, name: &str, definer: usize) -> Option<Target> {
        let definer = &self.link.instances[definer];
        self.instead_of_stub_of(name, &definer.object, definer.chosen)
    }

    /// What a name means in the place of the definition that was found first:
    /// the loader's own function, where the definition is a stub. `chosen`:
    /// the object is main or was preloaded, and counts whatever it does.
    pub(crate) fn instead_of_stub_of(
        &self,
        name: &str,
        definer: &Object,
        chosen: bool,
    ) -> Option<Target> {
        if !LOADERS.contains(&name) || chosen || self.config.dl_stubs == DlStubs::Keep {
            return None;
        }
        let host = self.hosts.find(name::ENV, name)?;
        if !has_no_way(definer) {
            return None;
        }
        self.config.trace(Category::Bindings, || {
            let definer = definer.name();
            format!("{name}: that of {definer} is a stub, the loader's takes its place")
        });
        Some(Target::Host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::loader_provides;

    #[test]
    fn libdl_loader_provides_in_any_version() {
        for name in ["libdl.so", "libdl.so.2", "libdl.so.1.2"] {
            assert!(loader_provides(name), "{name}");
        }
        for name in ["libdl.a", "libdl.so.so", "libdl2.so", "x/libdl.so"] {
            assert!(!loader_provides(name), "{name}");
        }
    }
}
