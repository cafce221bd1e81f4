//! The host functions of a process, as linking sees them; and those that
//! linking asks for.

use std::borrow::Cow;

use wasmaot_abi::types::FuncType;

use crate::host::{Caller, HostError, HostFunction, Hosts, Slot};
use crate::link::{HostSymbol, HostTable, Stub, StubKind, Typed};
use crate::value::Val;

fn symbol(function: &HostFunction) -> HostSymbol<'_> {
    HostSymbol {
        module: &function.module,
        name: &function.name,
        ty: function.ty(),
    }
}

impl HostTable for Hosts {
    fn next(&self) -> usize {
        self.len()
    }

    fn find(&self, module: &str, name: &str) -> Option<usize> {
        self.find(module, name)
    }

    fn ty(&self, number: usize) -> Option<Cow<'_, FuncType>> {
        self.get(number).map(|slot| Cow::Borrowed(slot.ty()))
    }

    fn function(&self, number: usize) -> Option<HostSymbol<'_>> {
        self.get(number).map(Slot::function).map(symbol)
    }

    fn made(&self, number: usize) -> Option<HostSymbol<'_>> {
        self.get(number).and_then(Slot::made).map(symbol)
    }

    fn made_type(&self, id: u32) -> Option<&FuncType> {
        self.made_type(id)
    }

    fn address(&self, number: usize) -> Option<u64> {
        let slot = self.get(number)?;
        Some((&raw const *slot).expose_provenance() as u64)
    }

    fn adapts(&self, number: usize, wanted: &FuncType) -> bool {
        let slot = self.get(number);
        slot.is_some_and(|slot| slot.function().adapted(wanted).is_some())
    }

    fn typed(&self, module: &str, name: &str, ty: &FuncType) -> Option<Typed> {
        let function = (self.hooks.typed)(module, name, ty)?;
        Some(match self.same(&function) {
            Some(number) => Typed::There(number),
            None => Typed::ToMake,
        })
    }

    fn add(&mut self, stub: Stub) {
        let function = make(self, stub);
        self.add_stub(function);
    }

    fn truncate(&mut self, first: usize) {
        self.truncate(first);
    }
}

/// The function that linking asks for.
fn make(hosts: &Hosts, stub: Stub) -> HostFunction {
    let Stub {
        module,
        name,
        ty,
        kind,
    } = stub;
    let made = match &kind {
        StubKind::Trap(_) => None,
        StubKind::Adapter(number) => {
            let slot = hosts.get(*number);
            slot.and_then(|slot| slot.function().adapted(&ty))
        }
        StubKind::Typed => (hosts.hooks.typed)(&module, &name, &ty),
        StubKind::Forward(forwarder) => Some((hosts.hooks.forward)(*forwarder, ty.clone())),
    };
    let text = match kind {
        StubKind::Trap(text) => text,
        // Linking has asked before whether there is such a function.
        _ => format!("`{name}`"),
    };
    made.unwrap_or_else(|| {
        let body = move |_: &mut Caller<'_>, _: &[Val], _: &mut [Val]| {
            Err(HostError::unresolved(text.clone()))
        };
        HostFunction::new(module, name, ty, body)
    })
}
