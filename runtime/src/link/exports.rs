//! What the objects of a process define: exports, their types and values.

use wasmaot_abi::context::thread_block;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::types::{FuncType, GlobalType, TableType};

use super::linker::View;
use super::state::Target;
use crate::object::SymbolSection;
use crate::space::Domain;
use crate::value::Val;

impl<'a> View<'a> {
    /// What an instance exports under a name, if it is of a kind.
    pub fn export(self, id: usize, name: &str, kind: SymbolKind) -> Option<Target> {
        let instance = self.state.instances.get(id)?;
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
            Target::Symbol { instance, symbol } => self.state.instances[instance]
                .object
                .symbol(symbol)
                .defines(kind),
            Target::Host(_) | Target::Stub(_) => kind == SymbolKind::Function,
            _ => false,
        };
        same.then_some(target)
    }

    /// The memory or table of the program that an instance exports under a name,
    /// having imported it.
    pub fn shared_export(self, id: usize, name: &str, kind: SymbolKind) -> Option<Target> {
        let instance = self.state.instances.get(id)?;
        let reexports = &instance.object.info().reexports;
        let import = reexports.iter().find(|r| r.name == name)?.import;
        let target = *instance.bindings.imports.get(import as usize)?;
        let is_kind = match target {
            Target::ProgramMemory | Target::ThreadsMemory(_) => kind == SymbolKind::Memory,
            Target::ProgramTable => kind == SymbolKind::Table,
            _ => false,
        };
        is_kind.then_some(target)
    }

    /// What a message calls a function.
    pub fn name_of(self, target: Target) -> String {
        match target {
            Target::Symbol { instance, symbol } => self
                .state
                .instances
                .get(instance)
                .map(|i| i.object.symbol_name(&i.object.symbol(symbol)).to_owned())
                .unwrap_or_default(),
            Target::Host(number) | Target::Stub(number) => {
                let function = self.hosts.function(number);
                function.map_or_else(String::new, |f| f.name.to_owned())
            }
            _ => String::new(),
        }
    }

    /// Number of entries of a table.
    pub fn table_size(self, target: Target) -> Option<u64> {
        let (desc, _) = self.table_of(target)?;
        let mut extra = self.space.tables.iter();
        match extra.find(|table| table.desc == desc) {
            Some(table) => Some(table.size()),
            None => Some(self.domain_of_table(desc)?.context().table.len),
        }
    }

    /// An entry of a table as a reference's value; `None` if out of bounds.
    pub fn table_entry(self, target: Target, index: u64) -> Option<u64> {
        let (desc, ty) = self.table_of(target)?;
        let mut extra = self.space.tables.iter();
        let entry = match extra.find(|table| table.desc == desc) {
            Some(table) => table.entry(index)?,
            None => self.domain_of_table(desc)?.entry(index)?,
        };
        Some(match ty.elem.is_function_ref() {
            true if entry.record == 0 => 0,
            true => self.space.code.range().start + u64::from(entry.record),
            false => entry.code,
        })
    }

    fn domain_of_table(self, desc: u64) -> Option<&'a Domain> {
        self.space.domains.iter().find(|d| d.table_desc() == desc)
    }

    pub fn type_of(self, target: Target) -> Option<&'a FuncType> {
        match target {
            Target::Symbol { instance, symbol } => {
                let object = &self.state.instances.get(instance)?.object;
                object.func_type(object.symbol(symbol).record)
            }
            Target::Host(number) | Target::Stub(number) => Some(self.hosts.function(number)?.ty),
            _ => None,
        }
    }

    /// The domain whose memory 0 a memory is.
    pub fn memory_domain_number(self, target: Target) -> Option<usize> {
        match target {
            Target::ProgramMemory => Some(self.state.program.as_ref()?.domain),
            Target::ThreadsMemory(instance) => Some(self.state.instances.get(instance)?.domain),
            Target::Symbol { instance, symbol } => {
                let definer = self.state.instances.get(instance)?;
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

    pub fn memory_domain(self, target: Target) -> Option<&'a Domain> {
        self.space.domains.get(self.memory_domain_number(target)?)
    }

    /// A table's descriptor and declared type.
    pub fn table_of(self, target: Target) -> Option<(u64, TableType)> {
        let primary = |domain: &Domain| Some((domain.table_desc(), domain.table?));
        match target {
            Target::ProgramTable => {
                primary(&self.space.domains[self.state.program.as_ref()?.domain])
            }
            Target::Symbol { instance, symbol } => {
                let definer = self.state.instances.get(instance)?;
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

    /// Value of a global that an instance exports.
    pub fn global(self, number: usize, name: &str) -> Option<Val> {
        self.global_value(self.export(number, name, SymbolKind::Global)?)
    }

    /// The offset from the thread pointer of a global that each thread has for
    /// itself.
    pub fn thread_offset_of(self, target: Target) -> Option<u64> {
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let definer = self.state.instances.get(instance)?;
        let symbol = definer.object.symbol(symbol);
        if symbol.record.flags & SymbolRecord::STACK_POINTER != 0 {
            let is_own = definer.object.info().threads;
            return is_own.then_some(thread_block::STACK_POINTER as u64);
        }
        let own = symbol.thread_local && symbol.section == SymbolSection::Here;
        definer.locals.filter(|_| own)?.checked_add(symbol.value)
    }

    /// Value of a global; of one that each thread has for itself, in the thread that
    /// uses the process.
    pub fn global_value(self, target: Target) -> Option<Val> {
        let Target::Symbol { instance, symbol } = target else {
            return None;
        };
        let definer = self.state.instances.get(instance)?;
        let symbol = definer.object.symbol(symbol);
        let GlobalType { val, .. } = definer.object.global_type(symbol.record)?;
        if let Some(at) = self.thread_offset_of(target) {
            let bits = match symbol.record.flags & SymbolRecord::STACK_POINTER {
                0 => self.space.locals.read(at, val.bytes())?,
                _ => self.space.locals.stack_pointer().into(),
            };
            return Some(Val::from_bits(val, bits));
        }
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

    /// The latest memory that a module of a flat program exports.
    pub fn adopted_memory(self) -> Option<Target> {
        let mut scope = self.state.scope.iter();
        scope.find_map(|&n| self.export(n, "memory", SymbolKind::Memory))
    }
}
