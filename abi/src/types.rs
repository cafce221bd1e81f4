//! Value types, function types, their hashes and 32-bit identities.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::context::{MEMORY_LIMIT, WASM_PAGE};

/// A WebAssembly value type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 128-bit vector.
    V128,
    /// Nullable reference to a function: the host address of its
    /// [`FuncRef`](crate::context::FuncRef) record, or 0.
    FuncRef,
    /// Nullable reference to a host value: an opaque non-zero 64-bit word, or 0.
    ExternRef,
    /// Any other reference: not null, to functions of one type, or to
    /// exceptions. Its values are among those of `FuncRef` or `ExternRef`, but
    /// for the last: the host address of an exception, or 0.
    Ref(RefType),
}

/// A reference type that is neither `funcref` nor `externref`; made by
/// [`ValType::reference`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefType {
    /// Whether null is a value of it.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HeapType {
    /// A function of any type.
    Func,
    /// A host value.
    Extern,
    /// An exception; the value of a reference is its host address.
    Exn,
    /// A function of the type of this hash.
    Type(TypeHash),
}

/// What a function type is known by: BLAKE3 over its canonical text, in which
/// references to other function types stand for these by their own hashes. Two
/// types are equal if and only if their hashes are: nobody can find two texts
/// of one hash of 256 bits, so that comparing hashes is comparing structures,
/// at a cost that does not grow with the nesting of types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TypeHash([u8; 32]);

impl TypeHash {
    /// The type's identity: the first four bytes, little-endian. Never 0, which
    /// marks a null table entry: 0 counts as 1. Types of one identity can be
    /// found in a second, so it is equality only among types of which none
    /// share one; the loader sees to it that a process has no others.
    pub const fn id(&self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        match u32::from_le_bytes([a, b, c, d]) {
            0 => 1,
            id => id,
        }
    }
}

impl fmt::Display for TypeHash {
    /// The identity, `1a2b3c4d`; the alternate form has all digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "{:08x}", self.id());
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TypeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeHash({self})")
    }
}

impl ValType {
    /// `exnref`.
    pub const EXN_REF: Self = Self::reference(true, HeapType::Exn);

    /// The reference type to a heap type.
    pub const fn reference(nullable: bool, heap: HeapType) -> Self {
        match (nullable, heap) {
            (true, HeapType::Func) => Self::FuncRef,
            (true, HeapType::Extern) => Self::ExternRef,
            _ => Self::Ref(RefType { nullable, heap }),
        }
    }

    /// Taken apart, if it is a reference type.
    pub const fn as_ref_type(self) -> Option<RefType> {
        let (nullable, heap) = match self {
            Self::FuncRef => (true, HeapType::Func),
            Self::ExternRef => (true, HeapType::Extern),
            Self::Ref(ty) => (ty.nullable, ty.heap),
            _ => return None,
        };
        Some(RefType { nullable, heap })
    }

    /// Whether the values are references to functions.
    pub fn is_function_ref(self) -> bool {
        self.as_ref_type()
            .is_some_and(|ty| matches!(ty.heap, HeapType::Func | HeapType::Type(_)))
    }

    /// Whether every value of the type is one of `other`.
    pub fn is_subtype_of(self, other: Self) -> bool {
        match (self.as_ref_type(), other.as_ref_type()) {
            (Some(sub), Some(sup)) => {
                let narrower = sup.heap == HeapType::Func && self.is_function_ref();
                (sup.nullable || !sub.nullable) && (sub.heap == sup.heap || narrower)
            }
            _ => self == other,
        }
    }

    /// Whether the value travels in a vector register (else in a general one).
    pub const fn is_vector_class(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::V128)
    }

    /// Size in bytes of the value in memory (a global, a table slot).
    pub const fn bytes(self) -> u32 {
        match self {
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::FuncRef | Self::ExternRef | Self::Ref(_) => 8,
            Self::V128 => 16,
        }
    }

    /// Whether the type is a reference type.
    pub const fn is_ref(self) -> bool {
        self.as_ref_type().is_some()
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::FuncRef => "funcref",
            Self::ExternRef => "externref",
            Self::Ref(ty) => return ty.fmt(f),
        };
        f.write_str(text)
    }
}

impl fmt::Display for RefType {
    /// `(ref func)`, `(ref null $1a2b3c4d)`: a function type by its identity, in
    /// the alternate form by its whole hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let null = if self.nullable { "null " } else { "" };
        match self.heap {
            HeapType::Func => write!(f, "(ref {null}func)"),
            HeapType::Extern => write!(f, "(ref {null}extern)"),
            HeapType::Exn => write!(f, "(ref {null}exn)"),
            HeapType::Type(hash) if f.alternate() => write!(f, "(ref {null}${hash:#})"),
            HeapType::Type(hash) => write!(f, "(ref {null}${hash})"),
        }
    }
}

/// A function type. Types are structural: two with the same canonical text (the
/// alternate form of [`fmt::Display`]) are the same type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FuncType {
    /// Parameter types in order.
    pub params: Vec<ValType>,
    /// Result types in order.
    pub results: Vec<ValType>,
}

impl FuncType {
    /// The type without parameters and results.
    pub const EMPTY: Self = Self {
        params: Vec::new(),
        results: Vec::new(),
    };

    /// Makes a function type from its two lists.
    pub fn new(params: impl Into<Vec<ValType>>, results: impl Into<Vec<ValType>>) -> Self {
        Self {
            params: params.into(),
            results: results.into(),
        }
    }

    /// The type's identity, which is that of its hash.
    pub fn id(&self) -> u32 {
        self.hash().id()
    }

    /// The type's hash.
    pub fn hash(&self) -> TypeHash {
        TypeHash(*blake3::hash(format!("{self:#}").as_bytes()).as_bytes())
    }
}

impl fmt::Display for FuncType {
    /// `(i32, i64) -> (f32)`; the alternate form is the canonical text that
    /// [`FuncType::hash`] hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                f.write_str(if i == 0 { "" } else { ", " })?;
                ty.fmt(f)?;
            }
            f.write_str(")")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// Type of a wasm global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GlobalType {
    /// Type of the value.
    pub val: ValType,
    /// Whether it can be set.
    pub mutable: bool,
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.mutable { "mut " } else { "" })?;
        self.val.fmt(f)
    }
}

/// Type of the addresses of a memory, or of the indices of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndexType {
    /// 32 bits.
    #[default]
    I32,
    /// 64 bits.
    I64,
}

impl IndexType {
    /// Whether it has 64 bits.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::I64)
    }
}

/// Type of a linear memory; sizes in its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryType {
    /// Smallest (initial) size in pages.
    pub min: u64,
    /// Largest size in pages, where one is given.
    pub max: Option<u64>,
    /// Type of addresses.
    pub index: IndexType,
    /// Whether threads may share it.
    pub shared: bool,
    /// The size of a page is a power of two of this exponent.
    pub page_log2: u8,
}

impl Default for MemoryType {
    /// An empty memory of 32-bit addresses and ordinary pages.
    fn default() -> Self {
        Self {
            min: 0,
            max: None,
            index: IndexType::I32,
            shared: false,
            page_log2: WASM_PAGE.trailing_zeros() as u8,
        }
    }
}

impl MemoryType {
    /// Bytes of a page. An exponent that no memory has counts as that of
    /// ordinary pages.
    pub const fn page(&self) -> u64 {
        match 1u64.checked_shl(self.page_log2 as u32) {
            Some(bytes) => bytes,
            None => WASM_PAGE,
        }
    }

    /// Bytes of the smallest size, or as many as a number can say.
    pub const fn min_bytes(&self) -> u64 {
        self.min.saturating_mul(self.page())
    }

    /// Bytes of the largest size, where one is given.
    pub fn max_bytes(&self) -> Option<u64> {
        Some(self.max?.saturating_mul(self.page()))
    }

    /// Whether the pages around the memory stop every access out of bounds: no
    /// address reaches beyond the guard, and the end is that of a page of any
    /// system. It never comes to more than [`MEMORY_LIMIT`] then, so one that
    /// begins with more is none of these: code checks its bounds.
    pub const fn is_guarded(&self) -> bool {
        !self.index.is_wide()
            && self.page().is_multiple_of(WASM_PAGE)
            && self.min_bytes() <= MEMORY_LIMIT
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.shared, self.index) {
            (false, IndexType::I32) => "memory",
            (false, IndexType::I64) => "64-bit memory",
            (true, IndexType::I32) => "shared memory",
            (true, IndexType::I64) => "shared 64-bit memory",
        };
        limits(f, kind, self.min, self.max, "pages")?;
        match self.page() {
            WASM_PAGE => Ok(()),
            bytes => write!(f, " of {bytes} bytes"),
        }
    }
}

/// Type of a table; sizes in entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableType {
    /// Type of the entries: a reference type.
    pub elem: ValType,
    /// Smallest (initial) length.
    pub min: u64,
    /// Largest length, where one is given.
    pub max: Option<u64>,
    /// Type of indices.
    pub index: IndexType,
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.index {
            IndexType::I32 => "table of",
            IndexType::I64 => "64-bit table of",
        };
        limits(f, kind, self.min, self.max, "")?;
        self.elem.fmt(f)
    }
}

fn limits(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    min: u64,
    max: Option<u64>,
    unit: &str,
) -> fmt::Result {
    match max {
        Some(max) => write!(f, "{what} {min}..={max} {unit}"),
        None => write!(f, "{what} {min}.. {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_ordered_by_their_values() {
        use HeapType::{Extern, Func, Type};
        let ty = ValType::reference;
        let [one, other] = [ValType::I32, ValType::I64].map(|p| FuncType::new([p], []).hash());
        assert_eq!(ty(true, Func), ValType::FuncRef);
        assert_eq!(ty(true, Extern), ValType::ExternRef);
        let text = ty(true, Type(one)).to_string();
        assert_eq!(text, format!("(ref null ${:08x})", one.id()));
        assert_eq!(ty(false, Extern).to_string(), "(ref extern)");
        assert!(ty(false, Type(one)).is_subtype_of(ty(true, Type(one))));
        assert!(ty(false, Type(one)).is_subtype_of(ty(false, Func)));
        assert!(ty(true, Type(one)).is_subtype_of(ValType::FuncRef));
        assert!(!ty(true, Type(one)).is_subtype_of(ty(false, Func)));
        assert!(!ty(false, Type(one)).is_subtype_of(ty(false, Type(other))));
        assert!(!ty(false, Func).is_subtype_of(ty(false, Type(one))));
        assert!(!ty(false, Extern).is_subtype_of(ty(false, Func)));
        assert!(!ValType::I32.is_subtype_of(ValType::I64));
        assert!(ValType::I32.is_subtype_of(ValType::I32));
    }

    #[test]
    fn identity_is_structural_and_never_null() {
        let a = FuncType::new([ValType::I32, ValType::F64], [ValType::I64]);
        assert_eq!(a.to_string(), "(i32, f64) -> (i64)");
        assert_eq!(a.id(), a.clone().id());
        assert_ne!(a.id(), FuncType::default().id());
        assert_ne!(a.id(), 0);
        assert_eq!(TypeHash([0; 32]).id(), 1);
    }

    #[test]
    fn a_memory_is_guarded_where_pages_stop_every_access() {
        let of_pages = |page_log2, min| MemoryType {
            page_log2,
            min,
            ..MemoryType::default()
        };
        assert!(MemoryType::default().is_guarded());
        assert_eq!(MemoryType::default().page(), 65536);
        // Of small pages it may end within a page of the system.
        assert!(!of_pages(0, 1).is_guarded() && !of_pages(15, 0).is_guarded());
        assert!(of_pages(17, 1).is_guarded());
        // 16 MiB below 2^32 no memory is.
        assert!(of_pages(16, 65280).is_guarded() && !of_pages(16, 65281).is_guarded());
        assert!(!of_pages(16, u64::MAX).is_guarded());
        let wide = MemoryType {
            index: IndexType::I64,
            ..MemoryType::default()
        };
        assert!(!wide.is_guarded());
        let shared = MemoryType {
            shared: true,
            max: Some(65536),
            ..MemoryType::default()
        };
        assert!(shared.is_guarded(), "a limit alone is no size");
    }

    #[test]
    fn sizes_of_memories_are_bytes_or_as_many_as_can_be_said() {
        let ty = MemoryType {
            min: 2,
            max: Some(3),
            page_log2: 4,
            ..MemoryType::default()
        };
        assert_eq!(
            (ty.page(), ty.min_bytes(), ty.max_bytes()),
            (16, 32, Some(48))
        );
        let absurd = MemoryType {
            min: 1 << 62,
            max: Some(u64::MAX),
            page_log2: 64,
            ..ty
        };
        assert_eq!(absurd.page(), 65536);
        assert_eq!(
            (absurd.min_bytes(), absurd.max_bytes()),
            (u64::MAX, Some(u64::MAX))
        );
        assert_eq!(MemoryType::default().max_bytes(), None);
    }

    #[test]
    fn types_are_shown_as_people_write_them() {
        let memory = MemoryType {
            min: 1,
            max: Some(2),
            shared: true,
            ..MemoryType::default()
        };
        assert_eq!(memory.to_string(), "shared memory 1..=2 pages");
        let memory = MemoryType {
            index: IndexType::I64,
            page_log2: 0,
            ..MemoryType::default()
        };
        assert_eq!(memory.to_string(), "64-bit memory 0.. pages of 1 bytes");
        let table = TableType {
            elem: ValType::ExternRef,
            min: 3,
            max: None,
            index: IndexType::I32,
        };
        assert_eq!(table.to_string(), "table of 3.. externref");
        let global = GlobalType {
            val: ValType::V128,
            mutable: true,
        };
        assert_eq!(global.to_string(), "mut v128");
    }

    #[test]
    fn values_have_a_size_and_a_class_of_register() {
        use ValType::{ExternRef, F32, F64, FuncRef, I32, I64, V128};
        let sizes = [(I32, 4), (F32, 4), (I64, 8), (F64, 8), (V128, 16)];
        let references = [FuncRef, ExternRef, ValType::EXN_REF];
        for (ty, size) in sizes.into_iter().chain(references.map(|ty| (ty, 8))) {
            assert_eq!(ty.bytes(), size, "{ty}");
            assert_eq!(ty.is_vector_class(), [F32, F64, V128].contains(&ty), "{ty}");
            assert_eq!(ty.is_ref(), references.contains(&ty), "{ty}");
        }
        assert!(FuncRef.is_function_ref());
        assert!(!ExternRef.is_function_ref() && !ValType::EXN_REF.is_function_ref());
    }

    #[test]
    fn types_of_one_identity_are_told_apart_however_deep_they_are() {
        let mut other = [7; 32];
        other[31] = 8;
        let of = |hash| ValType::reference(true, HeapType::Type(TypeHash(hash)));
        let [a, b] = [[7; 32], other].map(|hash| FuncType::new([of(hash)], []));
        assert_eq!(a.to_string(), b.to_string(), "messages show identities");
        assert_ne!(a, b);
        assert_ne!(a.hash(), b.hash());
        assert_ne!(format!("{a:#}"), format!("{b:#}"));
    }
}
