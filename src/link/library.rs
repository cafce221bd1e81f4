//! A shared library as the linker sees it: its exports, and where its data are.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, Result};
use wasmaot_abi::linking::data::{DataSymbol, SECTION_DATA, read_data_symbols};
use wasmaot_abi::linking::{Linking, own_references};
use wasmparser::{
    ExternalKind, KnownCustom, Linking as Part, Operator, Parser, Payload, SymbolInfo, TypeRef,
};

/// A library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Name for messages.
    pub name: String,
    /// Names of everything that it defines.
    pub exports: BTreeSet<String>,
    /// Addresses, relative to its memory base, of the data that it defines.
    pub data: HashMap<String, u32>,
    /// Names of data that each thread has its own of.
    pub tls: BTreeSet<String>,
    /// Sizes, of what knows them.
    sizes: HashMap<String, DataSymbol>,
    memory_size: u32,
    memory_align: u32,
    own: BTreeSet<u32>,
}

#[derive(Default)]
struct Reader {
    imported_globals: u32,
    /// Values of the defined globals that are constants.
    globals: Vec<Option<u32>>,
    exports: Vec<(String, Option<u32>)>,
    linking: Option<Linking>,
    sizes: HashMap<String, DataSymbol>,
}

/// Whether a module is a library: the section that says so comes first.
pub fn is_library(bytes: &[u8]) -> bool {
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let first = payloads.skip(1).find_map(|payload| match payload {
        Payload::CustomSection(section) => Some(section.name().starts_with("dylink")),
        _ => Some(false),
    });
    first.unwrap_or(false)
}

impl Library {
    /// Reads a library.
    ///
    /// # Errors
    /// If it cannot be read, naming it.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let read = payload
                .map_err(anyhow::Error::from)
                .and_then(|payload| reader.payload(payload));
            read.with_context(|| format!("{name}: not a library that can be read"))?;
        }
        let own = own_references(bytes)
            .with_context(|| format!("{name}: not a library that can be read"))?;
        Ok(reader.finish(name, own))
    }

    /// A library that defines these names.
    #[cfg(test)]
    pub fn of(name: &str, exports: &[&str]) -> Self {
        let exports: BTreeSet<String> = exports.iter().map(|&e| e.to_owned()).collect();
        let numbered = exports.iter().cloned().zip((0..).step_by(16));
        Self {
            name: name.to_owned(),
            data: numbered.collect(),
            exports,
            tls: BTreeSet::new(),
            sizes: HashMap::new(),
            memory_size: 1 << 16,
            memory_align: 4,
            own: BTreeSet::new(),
        }
    }

    /// Size and alignment of data that it defines.
    pub fn describe(&self, symbol: &str) -> Option<DataSymbol> {
        let at = *self.data.get(symbol)?;
        if let Some(known) = self.sizes.get(symbol) {
            return Some(known.clone());
        }
        let others = self.data.values().filter(|&&other| other > at).min();
        let end = others.copied().unwrap_or(self.memory_size);
        Some(DataSymbol {
            name: symbol.to_owned(),
            size: end.saturating_sub(at),
            align: at.trailing_zeros().min(self.memory_align),
            bound: true,
        })
    }

    /// Whether the library surely refers to its own data of a symbol, whatever
    /// others define.
    pub fn binds_itself(&self, symbol: &DataSymbol) -> bool {
        let Some(&at) = self.data.get(&symbol.name) else {
            return false;
        };
        let sure = if symbol.bound { 1 } else { symbol.size.max(1) };
        let range = at..at.saturating_add(sure);
        self.own.range(range).next().is_some()
    }
}

impl Reader {
    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if let TypeRef::Global(_) = import?.ty {
                        self.imported_globals += 1;
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    let mut operators = global.init_expr.get_operators_reader();
                    let constant = match operators.read()? {
                        Operator::I32Const { value } if !global.ty.mutable => Some(value as u32),
                        _ => None,
                    };
                    let alone = matches!(operators.read()?, Operator::End);
                    self.globals.push(constant.filter(|_| alone));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    let is_global = export.kind == ExternalKind::Global;
                    let own = export.index.checked_sub(self.imported_globals);
                    let value = own
                        .filter(|_| is_global)
                        .and_then(|own| *self.globals.get(own as usize)?);
                    self.exports.push((export.name.to_owned(), value));
                }
            }
            Payload::CustomSection(section) => {
                let (name, data) = (section.name(), section.data());
                let offset = section.data_offset() as usize;
                if let Some(linking) = Linking::read(name, data, offset)? {
                    self.linking = Some(linking);
                } else if name == SECTION_DATA {
                    let symbols = read_data_symbols(SECTION_DATA, data, offset)?;
                    self.sizes
                        .extend(symbols.into_iter().map(|s| (s.name.clone(), s)));
                } else if let KnownCustom::Linking(parts) = section.as_known() {
                    self.linked_with_relocs(parts)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What `--emit-relocs` leaves: the sizes of symbols.
    fn linked_with_relocs(&mut self, parts: wasmparser::LinkingSectionReader<'_>) -> Result<()> {
        for part in parts {
            let Part::SymbolTable(symbols) = part? else {
                continue;
            };
            for symbol in symbols {
                if let SymbolInfo::Data {
                    name,
                    symbol: Some(defined),
                    ..
                } = symbol?
                {
                    let known = DataSymbol {
                        name: name.to_owned(),
                        size: defined.size,
                        align: 0,
                        bound: false,
                    };
                    self.sizes.entry(name.to_owned()).or_insert(known);
                }
            }
        }
        Ok(())
    }

    fn finish(self, name: &str, own: BTreeSet<u32>) -> Library {
        let linking = self.linking.unwrap_or_else(Linking::core);
        let room = linking.placement.unwrap_or_default();
        let tls = linking.exports.iter().filter(|(_, flags)| flags.tls());
        let tls = tls.map(|(name, _)| name.clone()).collect();
        let data: HashMap<String, u32> = self
            .exports
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), (*value)?)))
            .collect();
        let mut sizes = self.sizes;
        for (name, symbol) in &mut sizes {
            // Objects with relocations do not say how symbols are aligned.
            let place = data.get(name).map_or(0, |at| at.trailing_zeros());
            symbol.align = symbol.align.max(place.min(room.memory_align));
        }
        Library {
            name: name.to_owned(),
            exports: self.exports.into_iter().map(|(name, _)| name).collect(),
            data,
            tls,
            sizes,
            memory_size: room.memory_size,
            memory_align: room.memory_align,
            own,
        }
    }
}
