//! Whether a definition is what an import asks for: same kind, same type,
//! limits by the rules of the WebAssembly specification (import matching).

use wasmaot_abi::context::{MemoryDesc, TableDesc};
use wasmaot_abi::exception::loader_tag_type;
use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::types::{FuncType, MemoryType, TableType};

use super::instance::Target;
use super::resolve::Resolver;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::process::Process;
use crate::sys::live;

/// What a message calls the kind of an import.
pub(super) const fn kind_name(kind: &ImportKind) -> &'static str {
    match kind {
        ImportKind::Func(_) => "function",
        ImportKind::Global(_) | ImportKind::Context(_) => "global",
        ImportKind::Memory(_) => "memory",
        ImportKind::Table { .. } => "table",
        ImportKind::GotMem => "data symbol",
        ImportKind::GotFunc => "function address",
        ImportKind::Tag(_) => "tag",
    }
}

/// The symbol kind that defines an import.
const fn wanted_kind(kind: &ImportKind) -> SymbolKind {
    match kind {
        ImportKind::Func(_) | ImportKind::GotFunc => SymbolKind::Function,
        ImportKind::Global(_) | ImportKind::Context(_) => SymbolKind::Global,
        ImportKind::Memory(_) => SymbolKind::Memory,
        ImportKind::Table { .. } => SymbolKind::Table,
        ImportKind::GotMem => SymbolKind::Data,
        ImportKind::Tag(_) => SymbolKind::Tag,
    }
}

/// Checks a binding of an import.
pub(super) fn check(
    resolver: &Resolver<'_>,
    importer: &Object,
    import: &Import<'_>,
    target: Target,
) -> Result<()> {
    let (process, types) = (resolver.process(), &importer.info().types);
    let record = match target {
        Target::Symbol { instance, symbol } => resolver.object(instance).symbol(symbol).record,
        // One that is not there yet has been made for this import.
        Target::Host(number) if number >= process.hosts.len() => return Ok(()),
        Target::Host(_) => SymbolRecord {
            kind: SymbolKind::Function,
            flags: 0,
            type_id: 0,
        },
        Target::Tag(_) => loader_tag_record(),
        _ => return Ok(()),
    };
    let definer = || match target {
        Target::Symbol { instance, .. } => resolver.object(instance).path().display().to_string(),
        Target::Host(_) => "the host".to_owned(),
        _ => "the loader".to_owned(),
    };
    let mismatch = |wanted: String, found: String| Error::Mismatch {
        symbol: import.name.to_owned(),
        importer: importer.path().display().to_string(),
        wanted,
        definer: definer(),
        found,
    };
    if record.kind != wanted_kind(&import.kind) {
        let found = record.kind.name().to_owned();
        return Err(mismatch(kind_name(&import.kind).to_owned(), found));
    }
    match import.kind {
        ImportKind::Func(ty) if !is_of_type(process, importer, ty, target, record)? => {
            Err(Error::FunctionType {
                symbol: import.name.to_owned(),
                importer: importer.path().display().to_string(),
                wanted: Box::new(types.get(ty).cloned().unwrap_or_default()),
                found: Box::new(definition_type(resolver, target, record.type_id)),
                definer: definer(),
            })
        }
        ImportKind::Tag(ty) if types.id(ty) != Some(record.type_id) => {
            let wanted = types.get(ty).cloned().unwrap_or_default();
            let found = definition_type(resolver, target, record.type_id).to_string();
            Err(mismatch(format!("tag {wanted}"), format!("tag {found}")))
        }
        ImportKind::Global(wanted) if wanted.id() != record.type_id => {
            let found = match target {
                Target::Symbol { instance, .. } => {
                    resolver.object(instance).global_type(record.type_id)
                }
                _ => None,
            };
            // What nobody sets may be of a narrower type.
            if found.is_some_and(|found| {
                !found.mutable && !wanted.mutable && found.val.is_subtype_of(wanted.val)
            }) {
                return Ok(());
            }
            let found = found.map_or("another type".to_owned(), |ty| ty.to_string());
            Err(mismatch(
                format!("global {wanted}"),
                format!("global {found}"),
            ))
        }
        ImportKind::Memory(wanted) => match memory_type(process, target) {
            Some(found)
                if (found.index, found.shared, found.page())
                    != (wanted.index, wanted.shared, wanted.page())
                    || !limits(found.min, found.max, wanted.min, wanted.max) =>
            {
                Err(mismatch(wanted.to_string(), found.to_string()))
            }
            _ => Ok(()),
        },
        ImportKind::Table { ty: wanted, .. } => match table_type(process, target) {
            Some(found)
                if (found.elem, found.index) != (wanted.elem, wanted.index)
                    || !limits(found.min, found.max, wanted.min, wanted.max) =>
            {
                Err(mismatch(wanted.to_string(), found.to_string()))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether a definition is a function of an importer's type. What objects say
/// are identities; a host function's is not known before it is needed.
fn is_of_type(
    process: &Process,
    importer: &Object,
    ty: u32,
    target: Target,
    record: SymbolRecord,
) -> Result<bool> {
    let types = &importer.info().types;
    let Target::Host(number) = target else {
        return Ok(types.id(ty) == Some(record.type_id));
    };
    let found = process.hosts.get(number).map(|slot| slot.ty());
    match (found, types.id(ty)) {
        (Some(found), _) if types.is(ty, &found) => Ok(true),
        (Some(found), Some(id)) if found.id() == id => Err(Error::TypeCollision {
            file: importer.path().display().to_string(),
            a: Box::new(found.into_owned()),
            b: Box::new(types.get(ty).cloned().unwrap_or_default()),
            id,
        }),
        _ => Ok(false),
    }
}

fn loader_tag_record() -> SymbolRecord {
    SymbolRecord {
        kind: SymbolKind::Tag,
        flags: 0,
        type_id: loader_tag_type().id(),
    }
}

/// The full type of a function's or tag's definition, for a message.
fn definition_type(resolver: &Resolver<'_>, target: Target, id: u32) -> FuncType {
    let found = match target {
        Target::Symbol { instance, .. } => resolver.object(instance).type_of(id).cloned(),
        Target::Host(number) => {
            let slot = resolver.process().hosts.get(number);
            slot.map(|slot| slot.ty().into_owned())
        }
        Target::Tag(_) => Some(loader_tag_type()),
        _ => None,
    };
    found.unwrap_or_default()
}

/// Whether limits of a definition, `min` being its size now, satisfy those of
/// an import.
const fn limits(min: u64, max: Option<u64>, wanted: u64, wanted_max: Option<u64>) -> bool {
    let enough = min >= wanted;
    match (max, wanted_max) {
        (_, None) => enough,
        (Some(max), Some(wanted_max)) => enough && max <= wanted_max,
        (None, Some(_)) => false,
    }
}

/// A memory's type with its size now, of a definition that is loaded.
fn memory_type(process: &Process, target: Target) -> Option<MemoryType> {
    let domain = process.memory_domain(target)?;
    let ty = domain.memory?;
    let now: MemoryDesc = domain.context().memory;
    Some(MemoryType {
        min: now.bytes / ty.page(),
        ..ty
    })
}

/// A table's type with its length now, of a definition that is loaded.
fn table_type(process: &Process, target: Target) -> Option<TableType> {
    let (desc, ty) = process.table(target)?;
    // SAFETY: `Process::table` gives the address of a live descriptor.
    let now: TableDesc = unsafe { live::load(desc) };
    Some(TableType { min: now.len, ..ty })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_match_as_the_specification_says() {
        assert!(limits(2, None, 1, None));
        assert!(limits(2, Some(5), 1, None));
        assert!(limits(2, Some(5), 2, Some(5)));
        assert!(!limits(2, Some(5), 2, Some(4)));
        assert!(!limits(2, None, 2, Some(4)));
        assert!(!limits(2, Some(5), 3, None));
    }
}
