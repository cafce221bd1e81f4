//! Whether a definition is what an import asks for: same kind, same type,
//! limits by the rules of the WebAssembly specification (import matching).
//!
//! Types are compared as both sides declare them, whether the definer is loaded,
//! in the group that is being loaded, or the importer itself. What is loaded is
//! asked for its size only. Types of functions are compared by their 256-bit
//! hashes or as they are, never by identities.

use std::borrow::Cow;

use wasmaot_abi::context::{MemoryDesc, TableDesc};
use wasmaot_abi::exception::loader_tag_type;
use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::type_list::Types;
use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType, ValType};

use super::group::Member;
use super::host_table::Stub;
use super::linker::View;
use super::state::Target;
use super::wanted;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::sys::live;

/// Where definitions are: in what is loaded, in the group that is to be, and
/// among the host functions to be made for it.
pub(super) struct Definers<'a, 's> {
    pub view: View<'a>,
    pub members: &'a [Member],
    /// The instance that the first member becomes.
    pub first: usize,
    /// Whether the group is part of a flat program.
    pub flat: bool,
    pub stubs: &'s [Stub],
}

impl<'a> Definers<'a, '_> {
    /// Whether an instance is loaded, not of the group that is to be.
    fn is_loaded(&self, instance: usize) -> bool {
        instance < self.first
    }

    fn object(&self, instance: usize) -> &'a Object {
        match instance.checked_sub(self.first) {
            Some(member) => &self.members[member].object,
            None => &self.view.state.instances[instance].object,
        }
    }

    /// The type of a host function, of the process or to be made for the group.
    fn host_type(&self, number: usize) -> Option<Cow<'a, FuncType>> {
        match number.checked_sub(self.view.hosts.next()) {
            None => self.view.hosts.ty(number),
            Some(made) => Some(Cow::Owned(self.stubs.get(made)?.ty.clone())),
        }
    }
}

/// What a message calls the kind of an import.
pub(crate) const fn kind_name(kind: &ImportKind) -> &'static str {
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

/// Checks a binding of an import.
pub(super) fn check(
    definers: &Definers<'_, '_>,
    importer: &Object,
    import: &Import<'_>,
    target: Target,
) -> Result<()> {
    let types = &importer.info().types;
    let found = Definition::of(definers, target);
    let shared = is_shared(definers, importer, import, target);
    if found.fits(types, &import.kind, shared) {
        return Ok(());
    }
    let definer = match target {
        Target::Symbol { instance, .. } => definers.object(instance).path().display().to_string(),
        Target::Host(_) | Target::Stub(_) => "the host".to_owned(),
        _ => "the loader".to_owned(),
    };
    let (symbol, importer) = (
        import.name.to_owned(),
        importer.path().display().to_string(),
    );
    if let (ImportKind::Func(ty), Definition::Func(found)) = (import.kind, &found) {
        let wanted = types.get(ty).cloned().unwrap_or_default();
        let found = found.to_type();
        let id = wanted.id();
        // Their texts may well be the same.
        if id == found.id() {
            return Err(Error::TypeCollision {
                file: importer,
                a: Box::new(found),
                b: Box::new(wanted),
                id,
            });
        }
        return Err(Error::FunctionType {
            symbol,
            importer,
            wanted: Box::new(wanted),
            found: Box::new(found),
            definer,
        });
    }
    let (mut wanted, mut text) = (wanted_text(types, &import.kind, false), found.text(false));
    if wanted == text {
        (wanted, text) = (wanted_text(types, &import.kind, true), found.text(true));
    }
    Err(Error::Mismatch {
        symbol,
        importer,
        wanted,
        definer,
        found: text,
    })
}

/// Whether a memory or table is the one that the objects of a program share by
/// their linking convention. The loader makes it, to suit all that they say of
/// sizes; what an opened library says then comes too late.
fn is_shared(
    definers: &Definers<'_, '_>,
    importer: &Object,
    import: &Import<'_>,
    target: Target,
) -> bool {
    let abi = importer.info().abi;
    match target {
        Target::ProgramMemory => abi.is_shared_memory(import.module, import.name) || definers.flat,
        Target::ProgramTable => abi.is_shared_table(import.module, import.name),
        _ => false,
    }
}

/// The type of a function or tag.
enum Signature<'a> {
    /// By its number in an object's list.
    Listed(&'a Types, u32),
    Known(Cow<'a, FuncType>),
}

impl Signature<'_> {
    /// Whether it is the type of a number in a list.
    fn is(&self, types: &Types, ty: u32) -> bool {
        match self {
            Self::Listed(own, number) => {
                let hash = own.hash(*number);
                hash.is_some() && hash == types.hash(ty)
            }
            Self::Known(own) => types.is(ty, own),
        }
    }

    fn to_type(&self) -> FuncType {
        match self {
            Self::Listed(own, number) => own.get(*number).cloned().unwrap_or_default(),
            Self::Known(own) => own.clone().into_owned(),
        }
    }
}

/// A definition as declared, with its size as it is now.
enum Definition<'a> {
    Func(Signature<'a>),
    Tag(Signature<'a>),
    Global(GlobalType),
    Memory(MemoryType),
    Table(TableType),
    /// A linear address.
    Data,
    /// What the loader or the context has, without a symbol.
    Context,
    /// What no import can be bound to.
    Other(&'static str),
}

impl<'a> Definition<'a> {
    fn of(definers: &Definers<'a, '_>, target: Target) -> Self {
        match target {
            Target::Symbol { instance, symbol } => {
                let object = definers.object(instance);
                let found = Self::of_symbol(object, symbol);
                match definers.is_loaded(instance) {
                    true => found.now(definers, target),
                    false => found,
                }
            }
            Target::Host(number) | Target::Stub(number) => match definers.host_type(number) {
                Some(ty) => Self::Func(Signature::Known(ty)),
                None => Self::Other("nothing"),
            },
            Target::Tag(_) => Self::Tag(Signature::Known(Cow::Owned(loader_tag_type()))),
            Target::ProgramMemory | Target::ProgramTable => {
                let (memory, table) = match &definers.view.state.program {
                    Some(program) => {
                        let domain = &definers.view.space.domains[program.domain];
                        (domain.memory, domain.table)
                    }
                    None => {
                        let (memory, table) = wanted::declared(definers.members);
                        (Some(memory), Some(table))
                    }
                };
                let found = match target {
                    Target::ProgramMemory => memory.map(Self::Memory),
                    _ => table.map(Self::Table),
                };
                let found = found.unwrap_or(Self::Other("nothing"));
                found.now(definers, target)
            }
            Target::ThreadsMemory(instance) => {
                let mut imports = definers.object(instance).imports();
                let declared = imports.find_map(|import| match import.kind {
                    ImportKind::Memory(ty) => Some(Self::Memory(ty)),
                    _ => None,
                });
                let found = declared.unwrap_or(Self::Other("nothing"));
                match definers.is_loaded(instance) {
                    true => found.now(definers, target),
                    false => found,
                }
            }
            Target::LinkerSymbol(_) => Self::Data,
            Target::None => Self::Context,
            Target::Null | Target::Lazy | Target::UndefinedData | Target::UndefinedFunction(_) => {
                Self::Other("nothing")
            }
            Target::Builtin(_) => Self::Other(SymbolKind::Builtin.name()),
        }
    }

    /// What an object declares.
    fn of_symbol(object: &'a Object, symbol: u32) -> Self {
        let (info, record) = (object.info(), object.symbol(symbol).record);
        let number = record.ty as usize;
        let found = match record.kind {
            SymbolKind::Function => Some(Self::Func(Signature::Listed(&info.types, record.ty))),
            SymbolKind::Tag => Some(Self::Tag(Signature::Listed(&info.types, record.ty))),
            SymbolKind::Global => info.globals.get(number).copied().map(Self::Global),
            SymbolKind::Memory => info.memories.get(number).map(|m| Self::Memory(m.ty)),
            SymbolKind::Table => info.tables.get(number).map(|t| Self::Table(t.ty)),
            SymbolKind::Data => Some(Self::Data),
            SymbolKind::None | SymbolKind::Builtin => None,
        };
        found.unwrap_or(Self::Other(record.kind.name()))
    }

    /// With its size as it is now, of what is loaded.
    fn now(self, definers: &Definers<'_, '_>, target: Target) -> Self {
        let view = definers.view;
        match self {
            Self::Memory(ty) => {
                let domain = view.memory_domain(target);
                let now = domain.map(|d| -> MemoryDesc { d.context().memory });
                let min = now.map_or(ty.min, |now| now.bytes / ty.page());
                Self::Memory(MemoryType { min, ..ty })
            }
            Self::Table(ty) => {
                let now = view.table_of(target).map(|(desc, _)| {
                    // SAFETY: `View::table_of` gives the address of a live
                    // descriptor.
                    let now: TableDesc = unsafe { live::load(desc) };
                    now.len
                });
                let min = now.unwrap_or(ty.min);
                Self::Table(TableType { min, ..ty })
            }
            other => other,
        }
    }

    /// Whether it is what an import asks for, whose types of functions are in a
    /// list. `shared`: whatever its size.
    fn fits(&self, types: &Types, wanted: &ImportKind, shared: bool) -> bool {
        match (self, wanted) {
            (Self::Func(found), &ImportKind::Func(ty)) => found.is(types, ty),
            // Its code is called by way of the table, which says of what type
            // it is.
            (Self::Func(_), ImportKind::GotFunc) => true,
            (Self::Tag(found), &ImportKind::Tag(ty)) => found.is(types, ty),
            // What nobody sets may be of a narrower type.
            (Self::Global(found), ImportKind::Global(wanted)) => {
                found == wanted
                    || !found.mutable && !wanted.mutable && found.val.is_subtype_of(wanted.val)
            }
            (Self::Memory(found), ImportKind::Memory(wanted)) => {
                // Code that relies on guards must not meet a memory without.
                let alike = (found.index, found.page()) == (wanted.index, wanted.page())
                    && (found.is_guarded() || !wanted.is_guarded());
                let limits = limits(found.min, found.max, wanted.min, wanted.max);
                alike && found.shared == wanted.shared && (shared || limits)
            }
            (Self::Table(found), ImportKind::Table { ty: wanted, .. }) => {
                let alike = (found.elem, found.index) == (wanted.elem, wanted.index);
                alike && (shared || limits(found.min, found.max, wanted.min, wanted.max))
            }
            (Self::Data, ImportKind::GotMem) => true,
            (Self::Context, ImportKind::Context(ty)) => ty.val == ValType::I32,
            _ => false,
        }
    }

    /// For a message; `full`: with whole hashes of types.
    fn text(&self, full: bool) -> String {
        match self {
            Self::Func(ty) => format!("function {}", text(&ty.to_type(), full)),
            Self::Tag(ty) => format!("tag {}", text(&ty.to_type(), full)),
            Self::Global(ty) => format!("global {}", text(ty, full)),
            Self::Memory(ty) => text(ty, full),
            Self::Table(ty) => text(ty, full),
            Self::Data => SymbolKind::Data.name().to_owned(),
            Self::Context => "the loader's own".to_owned(),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

fn wanted_text(types: &Types, kind: &ImportKind, full: bool) -> String {
    let listed = |ty: u32| text(types.get(ty).unwrap_or(&FuncType::EMPTY), full);
    match kind {
        ImportKind::Func(ty) => format!("function {}", listed(*ty)),
        ImportKind::Tag(ty) => format!("tag {}", listed(*ty)),
        ImportKind::Global(ty) | ImportKind::Context(ty) => format!("global {}", text(ty, full)),
        ImportKind::Memory(ty) => text(ty, full),
        ImportKind::Table { ty, .. } => text(ty, full),
        ImportKind::GotMem | ImportKind::GotFunc => kind_name(kind).to_owned(),
    }
}

fn text(ty: &impl std::fmt::Display, full: bool) -> String {
    if full {
        format!("{ty:#}")
    } else {
        ty.to_string()
    }
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
