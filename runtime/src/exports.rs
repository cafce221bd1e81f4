//! What the objects of a process define: exports, their types and values.

use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::types::{FuncType, GlobalType, TableType};

use crate::link::InstanceId;
use crate::link::Target;
use crate::process::Process;
use crate::space::Domain;
use crate::value::Val;

impl Process {
    /// Value of an exported global.
    pub fn global_get(&self, id: InstanceId, name: &str) -> Option<Val> {
        let number = self.link.instances.number(id)?;
        let target = self.export(number, name, SymbolKind::Global)?;
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let definer = &self.link.instances[instance];
        let symbol = definer.object.symbol(symbol);
        let GlobalType { val, .. } = definer.object.global_type(symbol.record)?;
        if symbol.record.flags & SymbolRecord::STACK_POINTER != 0 {
            let context = self.space.domains[definer.domain].context();
            return Some(Val::from_bits(val, context.stack_pointer.into()));
        }
        let mut bits = 0;
        for (i, at) in (symbol.value..).take(val.bytes() as usize).enumerate() {
            let [byte] = definer.read(at).ok()?;
            bits |= u128::from(byte) << (8 * i);
        }
        Some(Val::from_bits(val, bits))
    }

    /// What an instance exports under a name, if it is of a kind.
    pub(crate) fn export(&self, id: usize, name: &str, kind: SymbolKind) -> Option<Target> {
        let instance = self.link.instances.get(id)?;
        let object = &instance.object;
        if let Some(symbol) = object.definition(&*wasmaot_abi::name::escape(name)) {
            let record = object.symbol(symbol).record;
            return (record.kind == kind).then_some(Target::Symbol {
                instance: id,
                symbol,
            });
        }
        let reexports = &object.info().reexports;
        let import = reexports.iter().find(|r| r.name == name)?.import;
        let target = *instance.bindings.imports.get(import as usize)?;
        let same = match target {
            Target::Symbol { instance, symbol } => self.link.instances[instance]
                .object
                .symbol(symbol)
                .defines(kind),
            Target::Host(_) | Target::Stub(_) => kind == SymbolKind::Function,
            _ => false,
        };
        same.then_some(target)
    }

    pub(crate) fn type_of(&self, target: Target) -> Option<&FuncType> {
        match target {
            Target::Symbol { instance, symbol } => {
                let object = &self.link.instances.get(instance)?.object;
                object.func_type(object.symbol(symbol).record)
            }
            Target::Host(number) | Target::Stub(number) => {
                Some(&self.hosts.get(number)?.function().ty)
            }
            _ => None,
        }
    }

    /// The domain whose memory 0 a memory is.
    pub(crate) fn memory_domain_number(&self, target: Target) -> Option<usize> {
        match target {
            Target::ProgramMemory => Some(self.link.program.as_ref()?.domain),
            Target::Symbol { instance, symbol } => {
                let definer = self.link.instances.get(instance)?;
                let symbol = definer.object.symbol(symbol);
                if symbol.record.flags & SymbolRecord::PRIMARY != 0 {
                    return Some(definer.domain);
                }
                self.space
                    .memories
                    .get(&definer.address(symbol.value))
                    .copied()
            }
            _ => None,
        }
    }

    pub(crate) fn memory_domain(&self, target: Target) -> Option<&Domain> {
        self.space.domains.get(self.memory_domain_number(target)?)
    }

    /// A table's descriptor and declared type.
    pub(crate) fn table(&self, target: Target) -> Option<(u64, TableType)> {
        let primary = |domain: &Domain| Some((domain.table_desc(), domain.table?));
        match target {
            Target::ProgramTable => {
                primary(&self.space.domains[self.link.program.as_ref()?.domain])
            }
            Target::Symbol { instance, symbol } => {
                let definer = self.link.instances.get(instance)?;
                let symbol = definer.object.symbol(symbol);
                if symbol.record.flags & SymbolRecord::PRIMARY != 0 {
                    return primary(&self.space.domains[definer.domain]);
                }
                let desc = definer.address(symbol.value);
                let extra = self.space.tables.iter().find(|t| t.desc == desc)?;
                Some((desc, extra.ty))
            }
            _ => None,
        }
    }

    /// Descriptors of all tables of functions.
    pub(crate) fn function_tables(&self) -> impl Iterator<Item = u64> {
        let primary = self.space.domains.iter().filter(|d| d.table.is_some());
        let extra = self
            .space
            .tables
            .iter()
            .filter(|t| t.ty.elem.is_function_ref());
        primary.map(Domain::table_desc).chain(extra.map(|t| t.desc))
    }
}
