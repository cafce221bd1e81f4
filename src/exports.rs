//! What objects export: names, kinds and types.

use std::borrow::Cow;
use std::fmt;

use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType};
use wasmaot_runtime::Object;

/// An export of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it is.
    pub ty: ExportType,
}

/// Kind and type of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportType {
    /// A function.
    Function(FuncType),
    /// A global variable of wasm.
    Global(GlobalType),
    /// A linear memory.
    Memory(MemoryType),
    /// A table.
    Table(TableType),
    /// An exception tag, with the types of what it carries as parameters.
    Tag(FuncType),
    /// Data at an address of linear memory: a variable of C, for example.
    Data,
}

impl ExportType {
    /// The function's type, if it is a function.
    pub const fn function(&self) -> Option<&FuncType> {
        match self {
            Self::Function(ty) => Some(ty),
            _ => None,
        }
    }

    /// Name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Function(_) => "function",
            Self::Global(_) => "global",
            Self::Memory(_) => "memory",
            Self::Table(_) => "table",
            Self::Tag(_) => "tag",
            Self::Data => "data",
        }
    }

    /// Of a definition, by its symbol's record.
    fn defined(object: &Object, record: SymbolRecord) -> Option<Self> {
        let info = object.info();
        let number = record.ty as usize;
        Some(match record.kind {
            SymbolKind::Function => Self::Function(info.types.get(record.ty)?.clone()),
            SymbolKind::Tag => Self::Tag(info.types.get(record.ty)?.clone()),
            SymbolKind::Global => Self::Global(*info.globals.get(number)?),
            SymbolKind::Memory => Self::Memory(info.memories.get(number)?.ty),
            SymbolKind::Table => Self::Table(info.tables.get(number)?.ty),
            SymbolKind::Data => Self::Data,
            SymbolKind::None | SymbolKind::Builtin => return None,
        })
    }

    /// Of an import that is exported again.
    fn imported(object: &Object, import: &Import<'_>) -> Option<Self> {
        let types = &object.info().types;
        Some(match import.kind {
            ImportKind::Func(number) => Self::Function(types.get(number)?.clone()),
            ImportKind::Tag(number) => Self::Tag(types.get(number)?.clone()),
            ImportKind::Global(ty) | ImportKind::Context(ty) => Self::Global(ty),
            ImportKind::Memory(ty) => Self::Memory(ty),
            ImportKind::Table { ty, .. } => Self::Table(ty),
            ImportKind::GotMem | ImportKind::GotFunc => return None,
        })
    }
}

impl fmt::Display for ExportType {
    /// The kind, then the type as listings have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Function(ty) | Self::Tag(ty) => write!(f, "{kind} {ty}"),
            Self::Global(ty) => write!(f, "{kind} {ty}"),
            // These texts begin with the kind.
            Self::Memory(ty) => ty.fmt(f),
            Self::Table(ty) => ty.fmt(f),
            Self::Data => f.write_str(kind),
        }
    }
}

/// The exports of an object: what it defines, then the imports that it exports
/// again.
pub fn exports(object: &Object) -> impl Iterator<Item = Export<'_>> {
    let defined = object.exports().filter_map(|(name, record)| {
        Some(Export {
            name: unescape(name),
            ty: ExportType::defined(object, record)?,
        })
    });
    let again = object.info().reexports.iter().filter_map(|export| {
        let import = object.imports().nth(export.import as usize)?;
        Some(Export {
            name: Cow::Borrowed(&*export.name),
            ty: ExportType::imported(object, &import)?,
        })
    });
    defined.chain(again)
}

/// The wasm name of an ELF symbol (`wasmaot_abi::name::escape`).
fn unescape(name: &str) -> Cow<'_, str> {
    match name.contains('%') {
        true => Cow::Owned(name.replace("%00", "\0").replace("%25", "%")),
        false => Cow::Borrowed(name),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_those_of_the_module() {
        for name in ["plain", "a%b", "a\0b", "%00", "%25", "\0%\0"] {
            let escaped = wasmaot_abi::name::escape(name);
            assert_eq!(super::unescape(&escaped), name);
        }
    }
}
