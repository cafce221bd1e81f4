//! What stands in for a definition: stubs for what nothing defines or what is
//! of another type, and host functions in another form.

use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::name;
use wasmaot_abi::types::FuncType;

use super::{Resolver, call_of_undefined};
use crate::config::{Category, Unresolved};
use crate::error::{self, Error, Result};
use crate::link::host_table::{Stub, StubKind, Typed};
use crate::link::matching;
use crate::link::state::Target;
use crate::object::Object;

impl Resolver<'_> {
    /// A host function that takes the types of its import.
    pub(super) fn typed_host(&mut self, object: &Object, import: &Import<'_>) -> Option<Target> {
        let ImportKind::Func(ty) = import.kind else {
            return None;
        };
        let ty = object.info().types.get(ty)?;
        Some(
            match self.view.hosts.typed(import.module, import.name, ty)? {
                Typed::There(number) => Target::Host(number),
                Typed::ToMake => Target::Host(self.stub(import, ty.clone(), StubKind::Typed)),
            },
        )
    }

    /// What stands in for an import without a definition. What nothing can
    /// stand in for is noted as missing.
    pub(super) fn undefined(&mut self, object: &Object, import: &Import<'_>) -> Target {
        let unresolved = self.view.config.unresolved;
        let replaced = matches!(
            import.kind,
            ImportKind::Func(_) | ImportKind::GotMem | ImportKind::GotFunc
        );
        let allowed = import.weak || unresolved != Unresolved::Error;
        let unresolved_import = error::Unresolved {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            kind: matching::kind_name(&import.kind),
            by: object.path().display().to_string(),
        };
        if !(replaced && allowed) || self.objects_only {
            self.missing.push(unresolved_import);
            return Target::None;
        }
        if !import.weak && unresolved == Unresolved::Warn {
            self.view.config.trace(Category::Warning, || {
                let error::Unresolved { kind, by, .. } = &unresolved_import;
                let name = unresolved_import.full_name();
                format!("{by}: undefined {kind} `{name}`; a use of it will trap")
            });
        }
        let ty = match import.kind {
            ImportKind::Func(ty) => ty,
            _ if import.weak => return Target::Null,
            ImportKind::GotFunc => {
                let number = self.undefined.function(import.name, object.name());
                return Target::UndefinedFunction(number);
            }
            _ => {
                self.undefined.data(import.name);
                return Target::UndefinedData;
            }
        };
        let ty = object.info().types.get(ty).cloned();
        let trap = StubKind::Trap(call_of_undefined(object, import));
        let host = self.stub(import, ty.unwrap_or_default(), trap);
        if !import.weak && import.module == name::ENV {
            let number = self.undefined.function(import.name, object.name());
            self.undefined.stub(host, number);
        }
        Target::Stub(host)
    }

    /// What stands in for a function whose definition is something else, where
    /// that counts only once it is called.
    pub(super) fn mismatched(
        &mut self,
        object: &Object,
        import: &Import<'_>,
        error: Error,
    ) -> Result<Target> {
        let ImportKind::Func(ty) = import.kind else {
            return Err(error);
        };
        if !self.late_mismatch || matches!(error, Error::TypeCollision { .. }) {
            return Err(error);
        }
        if !self.objects_only && self.view.config.unresolved == Unresolved::Warn {
            let warning = || format!("{error}; a call will trap");
            self.view.config.trace(Category::Warning, warning);
        }
        let trap = StubKind::Trap(error.to_string());
        let ty = object.info().types.get(ty).cloned();
        // Unlike one that is not defined, it has an address.
        Ok(Target::Host(self.stub(
            import,
            ty.unwrap_or_default(),
            trap,
        )))
    }

    /// Whether a host function is to be made for this group, and traps.
    pub(super) fn is_trap(&self, number: usize) -> bool {
        let made = number.checked_sub(self.view.hosts.next());
        let made = made.and_then(|made| self.stubs.get(made));
        made.is_some_and(|stub| matches!(stub.kind, StubKind::Trap(_)))
    }

    /// Number of a host function that is to be made for this group.
    fn stub(&mut self, import: &Import<'_>, ty: FuncType, kind: StubKind) -> usize {
        self.stubs.push(Stub {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            ty,
            kind,
        });
        self.view.hosts.next() + self.stubs.len() - 1
    }

    /// An adapter, where an import wants a host function in another form that
    /// it can be had in: with 64-bit parameters split, as modules made for
    /// JavaScript do, or with other integers.
    pub(super) fn adapted(
        &mut self,
        object: &Object,
        import: &Import<'_>,
        target: Target,
    ) -> Option<Target> {
        let (Target::Host(number), ImportKind::Func(ty)) = (target, import.kind) else {
            return None;
        };
        let types = &object.info().types;
        let own = self.view.hosts.ty(number)?;
        let wanted = types.get(ty).filter(|_| !types.is(ty, &own))?;
        if !self.view.hosts.adapts(number, wanted) {
            return None;
        }
        let adapter = StubKind::Adapter(number);
        Some(Target::Host(self.stub(import, wanted.clone(), adapter)))
    }
}
