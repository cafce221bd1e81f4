//! A relocatable wasm object (tool-conventions, Linking.md): its symbols, and
//! which of the undefined ones it refers to by address.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use anyhow::{Context as _, Result, bail};
use wasmparser::{
    BinaryReader, DefinedDataSymbol, FunctionBody, KnownCustom, Linking, Operator, Parser, Payload,
    RelocSectionReader, RelocationEntry, RelocationType, SymbolFlags, SymbolInfo, TypeRef,
};

/// An object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Name for messages.
    pub name: String,
    /// Symbols that others see or define.
    pub symbols: Vec<Symbol>,
    /// Whether it must not be in a module with a shared memory: atomic operations
    /// or thread-local data of its source were compiled for one thread.
    pub single_thread: bool,
}

/// A symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub name: String,
    pub weak: bool,
    pub tls: bool,
    /// Whether it is seen in the linked module alone.
    pub hidden: bool,
    pub kind: Kind,
}

/// What a symbol is in its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Defined; not data.
    Defined,
    /// Defined data.
    Data {
        /// Bytes.
        size: u32,
        /// Exponent of the alignment that its place has.
        align: u32,
    },
    /// Undefined; not data.
    Undefined,
    /// An undefined function that is referred to by table index, not through
    /// the GOT.
    FunctionAddress,
    /// Undefined data. `absolute`: it is referred to by address, not through
    /// the GOT; as many bytes from it on are surely used.
    UndefinedData { absolute: Option<u64> },
}

impl Kind {
    /// Whether the object defines it.
    pub const fn is_defined(self) -> bool {
        matches!(self, Self::Defined | Self::Data { .. })
    }
}

/// Names of the imports of each kind that has symbols.
#[derive(Default)]
struct Imports<'a> {
    funcs: Vec<&'a str>,
    globals: Vec<&'a str>,
    tables: Vec<&'a str>,
    tags: Vec<&'a str>,
}

#[derive(Default)]
struct Reader<'a> {
    imports: Imports<'a>,
    /// Number of the section to come.
    section: u32,
    code: Option<(u32, Range<u64>)>,
    data: Option<u32>,
    bodies: Vec<FunctionBody<'a>>,
    linking: bool,
    single_thread: bool,
    symbols: Vec<SymbolInfo<'a>>,
    alignments: Vec<u32>,
    relocs: Vec<(u32, RelocationEntry)>,
}

impl Object {
    /// Reads an object.
    ///
    /// # Errors
    /// If it is none, naming it.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let read = payload.and_then(|payload| reader.payload(payload));
            read.with_context(|| format!("{name}: not a wasm object that can be read"))?;
        }
        if !reader.linking {
            bail!(
                "{name}: is a linked module, neither an object nor a library; give the objects that it was made of, or link it with -shared"
            );
        }
        let extents = reader.extents(bytes);
        let symbols = (0..).zip(&reader.symbols);
        let pointers = reader.pointers();
        let symbols = symbols.filter_map(|(i, info)| {
            reader.symbol(info, extents.get(&i).copied(), pointers.contains(&i))
        });
        Ok(Self {
            name: name.to_owned(),
            symbols: symbols.collect(),
            single_thread: reader.single_thread,
        })
    }
}

/// Whether the section of features forbids one.
fn forbids(features: &[u8], name: &str) -> wasmparser::Result<bool> {
    let mut reader = BinaryReader::new(features, 0);
    let mut found = false;
    for _ in 0..reader.read_var_u32()? {
        let prefix = reader.read_u8()?;
        found |= reader.read_string()? == name && prefix == b'-';
    }
    Ok(found)
}

impl<'a> Reader<'a> {
    fn payload(&mut self, payload: Payload<'a>) -> wasmparser::Result<()> {
        let number = self.section;
        if payload.as_section().is_some() {
            self.section += 1;
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let names = match import.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => &mut self.imports.funcs,
                        TypeRef::Global(_) => &mut self.imports.globals,
                        TypeRef::Table(_) => &mut self.imports.tables,
                        TypeRef::Tag(_) => &mut self.imports.tags,
                        TypeRef::Memory(_) => continue,
                    };
                    names.push(import.name);
                }
            }
            Payload::CodeSectionStart {
                unchecked_range, ..
            } => self.code = Some((number, unchecked_range)),
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::DataSection(_) => self.data = Some(number),
            Payload::CustomSection(section) if section.name() == "target_features" => {
                self.single_thread = forbids(section.data(), "shared-mem")?;
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Linking(linking) => {
                    self.linking = true;
                    for part in linking {
                        self.linking(part?)?;
                    }
                }
                KnownCustom::Reloc(relocs) => self.relocs(&relocs)?,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn linking(&mut self, part: Linking<'a>) -> wasmparser::Result<()> {
        match part {
            Linking::SymbolTable(symbols) => {
                self.symbols = symbols.into_iter().collect::<Result<_, _>>()?;
            }
            Linking::SegmentInfo(segments) => {
                for segment in segments {
                    self.alignments.push(segment?.alignment);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn relocs(&mut self, relocs: &RelocSectionReader<'a>) -> wasmparser::Result<()> {
        let section = relocs.section_index();
        for entry in relocs.entries() {
            self.relocs.push((section, entry?));
        }
        Ok(())
    }

    /// A symbol, whose address is taken as far as code and data say.
    fn symbol(
        &self,
        info: &SymbolInfo<'a>,
        absolute: Option<u64>,
        pointer: bool,
    ) -> Option<Symbol> {
        let imported = |names: &[&'a str], index: u32| names.get(index as usize).copied();
        let (flags, name) = match *info {
            SymbolInfo::Data { flags, name, .. } => (flags, Some(name)),
            SymbolInfo::Func { flags, index, name } => {
                (flags, name.or_else(|| imported(&self.imports.funcs, index)))
            }
            SymbolInfo::Global { flags, index, name } => (
                flags,
                name.or_else(|| imported(&self.imports.globals, index)),
            ),
            SymbolInfo::Event { flags, index, name } => {
                (flags, name.or_else(|| imported(&self.imports.tags, index)))
            }
            SymbolInfo::Table { flags, index, name } => (
                flags,
                name.or_else(|| imported(&self.imports.tables, index)),
            ),
            SymbolInfo::Section { .. } => return None,
        };
        if flags.contains(SymbolFlags::BINDING_LOCAL) {
            return None;
        }
        let undefined = flags.contains(SymbolFlags::UNDEFINED);
        let kind = match *info {
            SymbolInfo::Data {
                symbol: Some(symbol),
                ..
            } => self.data(symbol),
            SymbolInfo::Data { .. } if undefined => Kind::UndefinedData { absolute },
            SymbolInfo::Func { .. } if undefined && pointer => Kind::FunctionAddress,
            _ if undefined => Kind::Undefined,
            _ => Kind::Defined,
        };
        Some(Symbol {
            name: name?.to_owned(),
            weak: flags.contains(SymbolFlags::BINDING_WEAK),
            tls: flags.contains(SymbolFlags::TLS),
            hidden: flags.contains(SymbolFlags::VISIBILITY_HIDDEN),
            kind,
        })
    }

    fn data(&self, symbol: DefinedDataSymbol) -> Kind {
        let segment = self.alignments.get(symbol.index as usize);
        // In its segment it may be aligned less.
        let place = match symbol.offset {
            0 => u32::MAX,
            offset => offset.trailing_zeros(),
        };
        Kind::Data {
            size: symbol.size,
            align: segment.copied().unwrap_or(0).min(place),
        }
    }

    /// The undefined data that code and data refer to by address, by symbol;
    /// how many bytes of them are used.
    fn extents(&self, bytes: &[u8]) -> HashMap<u32, u64> {
        let code = self.code.as_ref();
        let mut extents = HashMap::new();
        for (section, entry) in &self.relocs {
            let in_code = code.is_some_and(|(number, _)| number == section);
            // Debugging information refers by address too.
            if !(in_code || self.data == Some(*section))
                || !is_absolute(entry.ty)
                || !self.is_undefined_data(entry.index)
            {
                continue;
            }
            let at = code.filter(|_| in_code).map(|(_, range)| range.start);
            let width = at.map_or(0, |start| {
                self.width(bytes, start + u64::from(entry.offset))
            });
            let used = entry.addend.max(0).unsigned_abs().saturating_add(width);
            let extent = extents.entry(entry.index).or_insert(0);
            *extent = used.max(*extent);
        }
        extents
    }

    /// The symbols that code and data refer to by table index.
    fn pointers(&self) -> HashSet<u32> {
        let relocs = self.relocs.iter();
        let relocs = relocs.filter(|(section, entry)| {
            let in_code = self.code.as_ref().is_some_and(|(n, _)| n == section);
            (in_code || self.data == Some(*section)) && is_table_index(entry.ty)
        });
        relocs.map(|(_, entry)| entry.index).collect()
    }

    fn is_undefined_data(&self, symbol: u32) -> bool {
        let info = self.symbols.get(symbol as usize);
        matches!(info, Some(SymbolInfo::Data { symbol: None, .. }))
    }

    /// Bytes that are used from an address on whose place in code is `at`: by
    /// the operator around it; 0 where that only takes the address.
    fn width(&self, bytes: &[u8], at: u64) -> u64 {
        let body = self.bodies.iter().find(|body| body.range().contains(&at));
        let Some(Ok(reader)) = body.map(FunctionBody::get_operators_reader) else {
            return 0;
        };
        let (mut constant, mut start) = (None, 0);
        let operators = reader.into_iter_with_offsets().map_while(Result::ok);
        let mut before = None;
        for (operator, offset) in operators.take_while(|&(_, offset)| offset < at) {
            (constant, start) = (before, offset);
            before = match operator {
                Operator::I32Const { value } => Some(value),
                _ => None,
            };
        }
        let code = usize::try_from(start).ok().and_then(|at| bytes.get(at..));
        let code = code.unwrap_or_default();
        let width = access(code);
        // A load from a place behind the symbol: the distance is its operand.
        let distance = constant.filter(|_| width > 0 && is_load(code));
        width + u64::try_from(distance.unwrap_or(0)).unwrap_or(0)
    }
}

/// Whether a relocation is a data symbol's address, as the linker has to know
/// it.
const fn is_absolute(ty: RelocationType) -> bool {
    use RelocationType::{
        MemoryAddrI32, MemoryAddrI64, MemoryAddrLeb, MemoryAddrLeb64, MemoryAddrLocrelI32,
        MemoryAddrSleb, MemoryAddrSleb64,
    };
    matches!(
        ty,
        MemoryAddrI32
            | MemoryAddrI64
            | MemoryAddrLeb
            | MemoryAddrLeb64
            | MemoryAddrLocrelI32
            | MemoryAddrSleb
            | MemoryAddrSleb64
    )
}

/// Whether a relocation is a function's table index, as the linker has to know
/// it.
const fn is_table_index(ty: RelocationType) -> bool {
    use RelocationType::{TableIndexI32, TableIndexI64, TableIndexSleb, TableIndexSleb64};
    matches!(
        ty,
        TableIndexI32 | TableIndexI64 | TableIndexSleb | TableIndexSleb64
    )
}

/// Bytes that an instruction loads or stores, as far as it is a common one.
fn access(code: &[u8]) -> u64 {
    /// Of the operators from `i32.load` to `i64.store32`.
    const WIDTHS: [u8; 23] = [
        4, 8, 4, 8, 1, 1, 2, 2, 1, 1, 2, 2, 4, 4, 4, 8, 4, 8, 1, 2, 1, 2, 4,
    ];
    const FIRST: u8 = 0x28;
    match *code {
        // `v128.load`, `v128.store`
        [0xfd, 0x00 | 0x0b, ..] => 16,
        [opcode, ..] => {
            let width = WIDTHS.get(usize::from(opcode.wrapping_sub(FIRST)));
            width.copied().unwrap_or(0).into()
        }
        [] => 0,
    }
}

/// Whether an instruction is a load whose one operand is an address.
fn is_load(code: &[u8]) -> bool {
    matches!(code, [0x28..=0x35, ..] | [0xfd, 0x00, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_is_told_from_what_is_used() {
        let features = b"\x02+\x07atomics-\x0ashared-mem";
        assert_eq!(forbids(features, "shared-mem").ok(), Some(true));
        assert_eq!(forbids(features, "atomics").ok(), Some(false));
        assert!(forbids(b"\x02+", "atomics").is_err());
    }

    #[test]
    fn widths_of_accesses() {
        let widths = [
            (0x27, 0),
            (0x28, 4),
            (0x37, 8),
            (0x3a, 1),
            (0x3d, 2),
            (0x3e, 4),
            (0x3f, 0),
        ];
        for (opcode, width) in widths {
            assert_eq!(access(&[opcode, 2]), width, "{opcode:#x}");
        }
        assert_eq!(access(&[0xfd, 0x0b]), 16);
        assert_eq!(access(&[]), 0);
    }
}
