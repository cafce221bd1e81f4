//! Functions of any kind: where their code is, and of which type they are.

use wasmaot_abi::callconv::Layout;
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::FuncType;

use super::linker::{Linker, View};
use super::state::Target;
use crate::arch;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::space::Key;

/// A function and how to call it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    pub code: u64,
    /// The domain it runs in; `None`: its caller's.
    pub domain: Option<usize>,
    /// Of a host function, nobody has asked for it.
    pub type_id: Option<u32>,
}

impl Linker<'_> {
    /// The function of a target, if it is one. Makes the stub of a host
    /// function.
    pub fn function(&mut self, target: Target) -> Result<Option<Function>> {
        Ok(match target {
            Target::Symbol { instance, symbol } => {
                let definer = &self.state.instances[instance];
                let symbol = definer.object.symbol(symbol);
                symbol.defines(SymbolKind::Function).then(|| Function {
                    code: definer.address(symbol.value),
                    domain: Some(definer.domain),
                    type_id: definer.object.type_id(symbol.record),
                })
            }
            Target::Host(number) | Target::Stub(number) => {
                let found = self.hosts.address(number).zip(self.hosts.ty(number));
                let Some((address, ty)) = found else {
                    return Ok(None);
                };
                let stub = self
                    .space
                    .stub(Key::Host(number), |_| arch::host_stub(address, &ty))?;
                Some(Function {
                    code: stub,
                    domain: None,
                    type_id: None,
                })
            }
            _ => None,
        })
    }

    /// Enters the types of an object's functions.
    pub fn enter_types(&mut self, object: &Object) -> Result<()> {
        let entered = self.state.types.add(object.info().types.hashes());
        entered.map_err(|id| {
            let other = object.type_of(id).cloned();
            let file = object.path().display().to_string();
            self.view().collision(id, other, file)
        })
    }

    /// Identity of a host function's type, by which it is to be called.
    pub fn host_type(&mut self, number: usize) -> Result<u32> {
        let ty = self.hosts.ty(number).unwrap_or_default().into_owned();
        let hash = ty.hash();
        let entered = self.state.types.add(&[hash]);
        entered.map_err(|id| {
            let file = "the host".to_owned();
            self.view().collision(id, Some(ty), file)
        })?;
        Ok(hash.id())
    }
}

impl<'a> View<'a> {
    /// The error of a type that has the identity of another.
    pub fn collision(self, id: u32, ty: Option<FuncType>, file: String) -> Error {
        Error::TypeCollision {
            file,
            a: Box::new(self.any_type(id).cloned().unwrap_or_default()),
            b: Box::new(ty.unwrap_or_default()),
            id,
        }
    }

    /// The function type of an identity.
    pub fn any_type(self, id: u32) -> Option<&'a FuncType> {
        let mut objects = self.state.instances.values().map(|i| &i.object);
        let found = objects.find_map(|object| object.type_of(id));
        found.or_else(|| self.hosts.made_type(id))
    }

    /// Bytes of stack arguments of a function type.
    pub fn stack_args(self, type_id: u32) -> u32 {
        let ty = self.any_type(type_id);
        ty.map_or(0, |ty| Layout::stack_args(&arch::HOST.calls, ty))
    }
}

/// Address by which code of a domain, or of any (`None`), calls a function.
pub(super) fn callable(
    linker: &mut Linker<'_>,
    function: Function,
    from: Option<usize>,
) -> Result<u64> {
    let Some(domain) = function.domain else {
        return Ok(function.code);
    };
    let same = match from {
        Some(from) => from == domain,
        None => !linker.state.many_domains(),
    };
    if same {
        return Ok(function.code);
    }
    let (target, base) = (function.code, linker.space.domains[domain].base());
    let stack_args = function
        .type_id
        .map_or(0, |id| linker.view().stack_args(id));
    linker.space.stub(Key::Thunk { target, base }, |at| {
        arch::domain_thunk(at, target, base, stack_args)
    })
}
