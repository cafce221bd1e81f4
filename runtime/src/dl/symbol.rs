//! Looking symbols up while the program runs.

use wasmaot_abi::object::{SymbolKind, SymbolRecord};

use super::{DlError, deferred};
use crate::link::InstanceId;
use crate::link::{Target, breadth_first, data_address, table_index};
use crate::process::{Process, TLS_BASE};
use crate::value::Val;

/// Where `dlsym` looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// What an instance sees: the global scope, and that of the library that
    /// it came with (`RTLD_DEFAULT`).
    Default(usize),
    /// The same, after that instance (`RTLD_NEXT`).
    Next(usize),
    /// An opened library and what it needs.
    Library(usize),
}

impl Scope {
    /// Whose pointers the answer is among, where each object has its own.
    fn caller(self, process: &Process) -> Option<usize> {
        match self {
            Self::Default(caller) | Self::Next(caller) => Some(caller),
            Self::Library(_) => process.caller(),
        }
    }
}

impl Process {
    /// The address of a symbol of an open library and what it needs, as
    /// `dlsym`: of a function its table index, of data its linear address.
    ///
    /// # Errors
    /// [`DlError`].
    pub fn symbol(&mut self, library: InstanceId, name: &str) -> Result<u64, DlError> {
        let number = self.link.instances.number(library);
        let number = number.ok_or(DlError::Handle(0))?;
        self.symbol_in(Scope::Library(number), name)
    }

    pub(super) fn symbol_in(&mut self, scope: Scope, name: &str) -> Result<u64, DlError> {
        deferred::load_all(self)?;
        let target = self
            .find_in(scope, name)
            .ok_or_else(|| DlError::Undefined {
                name: name.to_owned(),
                place: self.place_name(scope),
            })?;
        let kind = match target {
            Target::Symbol { instance, symbol } => {
                let object = &self.link.instances[instance].object;
                object.symbol(symbol).record.kind
            }
            _ => SymbolKind::Function,
        };
        let address = match kind {
            SymbolKind::Function => match scope.caller(self) {
                Some(caller) if self.link.is_flat() => self.flat_index(caller, target)?,
                _ => table_index(&mut self.linker(), target)?,
            },
            SymbolKind::Data => match self.thread_data(target) {
                Some(address) => address.ok_or_else(|| DlError::NoAddress {
                    name: name.to_owned(),
                    kind: "thread-local datum of an object without `__tls_base`",
                })?,
                None => data_address(self.view(), target)?,
            },
            kind => {
                return Err(DlError::NoAddress {
                    name: name.to_owned(),
                    kind: kind.name(),
                });
            }
        };
        if let (Scope::Default(caller), Target::Symbol { instance, .. }) = (scope, target) {
            // It has no handle that it could keep for as long as it uses this.
            self.link.instances[caller].uses.insert(instance);
        }
        self.space.stubs.seal()?;
        Ok(address)
    }

    /// The address of the calling thread's copy of a datum, where each thread has one;
    /// `Some(None)` if nobody knows where that is.
    #[expect(clippy::option_option, reason = "no such datum, and no address of one")]
    fn thread_data(&self, target: Target) -> Option<Option<u64>> {
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let symbol = self.link.instances[instance].object.symbol(symbol);
        if symbol.record.flags & SymbolRecord::TLS == 0 {
            return None;
        }
        let base = self.view().global(instance, TLS_BASE);
        let Some(Val::I32(base)) = base else {
            return Some(None);
        };
        let address = base.cast_unsigned().wrapping_add(symbol.value as u32);
        Some(Some(address.into()))
    }

    fn place_name(&self, scope: Scope) -> String {
        match scope {
            Scope::Library(number) => self.link.instances[number].object.name().to_owned(),
            Scope::Default(_) => "the global scope".to_owned(),
            Scope::Next(number) => {
                format!("what follows {}", self.link.instances[number].object.name())
            }
        }
    }

    pub(super) fn find_in(&self, scope: Scope, name: &str) -> Option<Target> {
        let places = match scope {
            Scope::Library(number) if self.main().ok() == Some(number) => self.link.scope.clone(),
            Scope::Library(number) => breadth_first(number, |n| &self.link.instances[n].needs),
            Scope::Default(caller) => self.link.seen_by(caller),
            Scope::Next(caller) => {
                let all = self.link.seen_by(caller);
                let at = all.iter().position(|&n| n == caller);
                all[at.map_or(0, |at| at + 1)..].to_vec()
            }
        };
        let defined = places.iter().find_map(|&n| {
            let found = self.definition(n, name)?;
            Some(self.view().instead_of_stub(name, n).unwrap_or(found))
        });
        defined.or_else(|| {
            let host = self.hosts.find(wasmaot_abi::name::ENV, name);
            host.map(Target::Host)
                .filter(|_| !matches!(scope, Scope::Library(n) if self.main().ok() != Some(n)))
        })
    }

    /// What an instance exports under a name.
    fn definition(&self, number: usize, name: &str) -> Option<Target> {
        use SymbolKind::{Data, Function, Global, Memory, Table, Tag};
        let kinds = [Function, Data, Global, Tag, Memory, Table];
        kinds
            .into_iter()
            .find_map(|kind| self.view().export(number, name, kind))
    }
}
