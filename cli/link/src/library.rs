//! A shared library as the linker sees it: its exports, and where its data are.

use std::collections::{BTreeSet, HashMap};

use super::dylink::soname;
use anyhow::{Context as _, Result};
use wasmaot_abi::name::ENV;
use wasmaot_dylink::data_symbols::{DataSymbol, SECTION_DATA, read_data_symbols};
use wasmaot_dylink::{Linking, own_references};
use wasmparser::{
    CompositeInnerType, ExternalKind, FuncType, KnownCustom, Linking as Part, Operator, Parser,
    Payload, SymbolInfo, TypeRef,
};

/// A library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Name for messages.
    pub name: String,
    /// The name that others need it by, where it says so.
    pub soname: Option<String>,
    /// Names of everything that it defines.
    pub exports: BTreeSet<String>,
    /// Names of what it imports from whatever defines it.
    pub imports: BTreeSet<String>,
    /// Addresses, relative to its memory base, of the data that it defines.
    pub data: HashMap<String, u32>,
    /// Types of the functions that it defines.
    pub functions: HashMap<String, FuncType>,
    /// Types by which it calls functions of others.
    pub calls: Vec<(String, FuncType)>,
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
    types: Vec<Option<FuncType>>,
    /// Numbers of the functions' types, those of the imported first.
    funcs: Vec<u32>,
    functions: HashMap<String, FuncType>,
    calls: Vec<(String, FuncType)>,
    imported_globals: u32,
    /// Values of the defined globals that are constants.
    globals: Vec<Option<u32>>,
    exports: Vec<(String, Option<u32>)>,
    imports: BTreeSet<String>,
    linking: Option<Linking>,
    sizes: HashMap<String, DataSymbol>,
}

/// Whether a module is a library: the section that says so comes first.
pub fn is_library(bytes: &[u8]) -> bool {
    let mut payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    // The first is the header.
    match payloads.nth(1) {
        Some(Payload::CustomSection(section)) => section.name().starts_with("dylink"),
        _ => false,
    }
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
        Ok(reader.finish(name, own, soname(bytes)))
    }

    /// A library that defines these names.
    #[cfg(test)]
    pub fn of(name: &str, exports: &[&str]) -> Self {
        let exports: BTreeSet<String> = exports.iter().map(|&e| e.to_owned()).collect();
        let numbered = exports.iter().cloned().zip((0..).step_by(16));
        Self {
            name: name.to_owned(),
            soname: None,
            data: numbered.collect(),
            exports,
            imports: BTreeSet::new(),
            functions: HashMap::new(),
            calls: Vec::new(),
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
            Payload::TypeSection(types) => {
                for group in types {
                    let members = group?.into_types();
                    self.types
                        .extend(members.map(|ty| match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        }));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    if import.module == ENV || import.module.starts_with("GOT.") {
                        self.imports.insert(import.name.to_owned());
                    }
                    match import.ty {
                        TypeRef::Global(_) => self.imported_globals += 1,
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.funcs.push(ty);
                            let known = self.types.get(ty as usize).cloned().flatten();
                            let named = known.filter(|_| import.module == ENV);
                            self.calls
                                .extend(named.map(|ty| (import.name.to_owned(), ty)));
                        }
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(funcs) => {
                for ty in funcs {
                    self.funcs.push(ty?);
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
                    if export.kind == ExternalKind::Func
                        && let Some(ty) = self.func_type(export.index)
                    {
                        self.functions.insert(export.name.to_owned(), ty);
                    }
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

    fn func_type(&self, func: u32) -> Option<FuncType> {
        let ty = *self.funcs.get(func as usize)?;
        self.types.get(ty as usize)?.clone()
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

    fn finish(self, name: &str, own: BTreeSet<u32>, soname: Option<String>) -> Library {
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
            soname,
            exports: self.exports.into_iter().map(|(name, _)| name).collect(),
            imports: self.imports,
            data,
            functions: self.functions,
            calls: self.calls,
            tls,
            sizes,
            memory_size: room.memory_size,
            memory_align: room.memory_align,
            own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library with 64 bytes of memory.
    fn library(fields: &str) -> Library {
        let text = format!(
            r#"(module
              (@custom "dylink.0" (before first) "\01\04\40\04\00\00")
              (import "env" "memory" (memory 1))
              (import "env" "__memory_base" (global $base i32))
              {fields}
              (global (export "a") i32 (i32.const 16))
              (global (export "b") i32 (i32.const 24))
              (global (export "other") (mut i32) (i32.const 3)))"#
        );
        let wasm = wat::parse_str(text).unwrap_or_else(|e| panic!("{fields}: {e}"));
        assert!(is_library(&wasm));
        Library::read("lib.so", &wasm).unwrap()
    }

    #[test]
    fn sizes_are_those_that_are_said_or_reach_to_the_next() {
        let plain = library("");
        let described = |library: &Library, name: &str| {
            let symbol = library.describe(name)?;
            Some((symbol.size, symbol.align, symbol.bound))
        };
        assert_eq!(described(&plain, "a"), Some((8, 4, true)));
        assert_eq!(described(&plain, "b"), Some((40, 3, true)));
        assert_eq!(described(&plain, "other"), None, "no address");
        assert!(plain.exports.contains("other"));
        let said = library(r#"(@custom "wasmaot.data" "\01a\06\01\00")"#);
        assert_eq!(described(&said, "a"), Some((6, 4, false)));
        assert_eq!(described(&said, "b"), Some((40, 3, true)));
    }

    #[test]
    fn functions_have_their_types() {
        let library = library(
            r#"(import "env" "f" (func $f (param i64)))
               (func (export "g") (param i32 f32) (result i32) (local.get 0))
               (export "again" (func $f))"#,
        );
        let types: Vec<_> = ["g", "again", "a"]
            .map(|name| library.functions.get(name).map(|ty| ty.params().len()))
            .into();
        assert_eq!(types, [Some(2), Some(1), None]);
    }

    #[test]
    fn references_to_its_own_data_are_seen() {
        let binds = |fields: &str, name: &str| {
            let library = library(fields);
            let symbol = library.describe(name).unwrap();
            library.binds_itself(&symbol)
        };
        let sum = "(global.get $base) (i32.const 16) (i32.add)";
        let swapped = "(i32.const 16) (global.get $base) (i32.add)";
        let through_locals = "(local $x i32) (local $y i32)
            (local.set $x (global.get $base)) (local.set $y (i32.const 16))
            (nop) (i32.add (local.get $x) (local.get $y))";
        let set_twice = "(local $x i32) (local.set $x (global.get $base))
            (local.set $x (memory.size)) (i32.add (local.get $x) (i32.const 16))";
        let set_later = "(local $x i32) (local.set $x (global.get $base))
            (i32.add (local.get $x) (i32.const 16)) (local.set $x (memory.size))";
        let one_of_two = "(local $x i32) (local $y i32)
            (local.set $x (global.get $base)) (local.set $y (global.get $base))
            (drop (i32.add (local.get $x) (i32.const 9))) (local.set $x (memory.size))
            (i32.add (local.get $y) (i32.const 16))";
        for (body, expected) in [
            (sum, true),
            (swapped, true),
            (through_locals, true),
            (set_twice, false),
            (set_later, false),
            (one_of_two, true),
            ("(i32.add (global.get $base) (i32.const 17))", false),
            ("(i32.const 16)", false),
        ] {
            let function = format!("(func (result i32) {body})");
            assert_eq!(binds(&function, "a"), expected, "{body}");
            assert!(!binds(&function, "b"), "{body}");
        }
        let initialiser = format!("(global i32 {sum})");
        assert!(binds(&initialiser, "a"));
        // With its size known, all of it counts.
        let inside = r#"(@custom "wasmaot.data" "\01a\06\01\00")
            (func (result i32) (i32.add (global.get $base) (i32.const 17)))"#;
        assert!(binds(inside, "a"));
    }

    #[test]
    fn filling_data_is_no_reference() {
        let fill = |place: &str, value: &str| {
            let body = format!("(i32.store {place} {value})");
            let export = format!(r#"(func (export "__wasm_apply_data_relocs") {body})"#);
            let library = library(&export);
            let name = |name| library.binds_itself(&library.describe(name).unwrap());
            (name("a"), name("b"))
        };
        let place = "(i32.add (i32.const 16) (global.get $base))";
        let own = "(i32.add (global.get $base) (i32.const 24))";
        assert_eq!(fill(place, "(i32.const 5)"), (false, false));
        assert_eq!(fill(place, own), (false, true));
        let start = "(start $s) (func $s
            (memory.fill (i32.add (i32.const 16) (global.get $base)) (i32.const 0) (i32.const 8)))";
        let library = library(start);
        assert!(!library.binds_itself(&library.describe("a").unwrap()));
    }
}
