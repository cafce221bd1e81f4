//! What objects ask of the memory and table that they share or have.

use wasmaot_abi::info::{ImportKind, LinkingAbi, ModuleInfo};
use wasmaot_abi::types::{IndexType, MemoryType, TableType, ValType};

use super::group::Member;

/// The type of a module's own memory 0.
pub(super) fn own_memory(info: &ModuleInfo) -> Option<MemoryType> {
    let own = info.memories.iter().find(|m| m.desc.is_none());
    own.map(|m| m.ty)
}

/// The type of a module's own primary table.
pub(super) fn own_table(info: &ModuleInfo) -> Option<TableType> {
    let own = info.tables.iter().find(|t| t.desc.is_none());
    own.map(|t| t.ty)
}

/// The memory and table that members of a group share, as they declare them;
/// those that are made are at least as large.
pub(super) fn declared(members: &[Member]) -> (MemoryType, TableType) {
    let mut wanted = Wanted::default();
    let shared = members.iter().map(|m| m.object.info());
    let shared = shared.filter(|info| info.abi != LinkingAbi::Core);
    shared.for_each(|info| wanted.of(info));
    let memory = MemoryType {
        min: wanted.min,
        max: wanted.max,
        shared: wanted.shared,
        ..MemoryType::default()
    };
    (memory, wanted.table(wanted.table_min))
}

/// What the objects of a program ask of the shared memory and table.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub min: u64,
    pub max: Option<u64>,
    /// Whether one of them has it shared by threads; then all must.
    pub shared: bool,
    pub table_min: u64,
    pub table_max: Option<u64>,
}

impl Wanted {
    /// The type of the shared table.
    pub const fn table(&self, min: u64) -> TableType {
        TableType {
            elem: ValType::FuncRef,
            min,
            max: self.table_max,
            index: IndexType::I32,
        }
    }

    pub fn of(&mut self, info: &ModuleInfo) {
        let smaller = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let imported = info.import_kinds.iter().filter_map(|kind| match *kind {
            ImportKind::Memory(ty) => Some(ty),
            _ => None,
        });
        for ty in imported.chain(own_memory(info)) {
            self.min = self.min.max(ty.min);
            self.max = smaller(self.max, ty.max);
            self.shared |= ty.shared;
        }
        let imported = info.import_kinds.iter().filter_map(|kind| match *kind {
            ImportKind::Table { ty, primary: true } => Some(ty),
            _ => None,
        });
        for ty in imported.chain(own_table(info)) {
            self.table_min = self.table_min.max(ty.min);
            self.table_max = smaller(self.table_max, ty.max);
        }
    }
}
