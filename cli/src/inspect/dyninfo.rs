//! A module's linking as the JSON object of section `dyninfo`, whatever
//! convention it is of.
//!
//! What other conventions import as a wasm global, the address of data or of
//! a function, `dyninfo` has in a word of memory: these words are counted on
//! behind the module's data. A function that is called directly has an entry
//! of the table there: these are counted on behind the module's elements, as
//! are exported functions that are in none.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, anyhow};
use wasmaot_abi::name::ENV;
use wasmaot_dylink::data_symbols::{SECTION_COPY, read_data_symbols};
use wasmaot_dylink::dyninfo::{BIAS, SECTION, Section};
use wasmaot_dylink::{Class, ImportRole, Linking};
use wasmparser::{
    ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload,
    TypeRef,
};

const START: &str = "_start";
const WORD: u32 = 4;
/// Marks of where the data of a module at fixed addresses end.
const ENDS: [&str; 2] = ["__data_end", "__heap_base"];

/// The text of the section, of a binary module that is valid.
pub(crate) fn list(file: &str, bytes: &[u8]) -> Result<String> {
    let fail = |e: wasmparser::Error| {
        let (what, offset) = (e.message(), e.offset());
        anyhow!("{file}: not a valid wasm module: {what} (at offset {offset:#x})")
    };
    let features = wasmparser::WasmFeatures::all();
    wasmparser::Validator::new_with_features(features)
        .validate_all(bytes)
        .map_err(fail)?;
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(fail)?;
        if let Payload::CustomSection(custom) = &payload {
            let offset = custom.data_offset() as usize;
            let read = Linking::read(custom.name(), custom.data(), offset);
            module.linking = read.map_err(|e| anyhow!("{file}: {e}"))?.or(module.linking);
            if custom.name() == SECTION_COPY {
                let copies = read_data_symbols(SECTION_COPY, custom.data(), offset);
                let copies = copies.map_err(|e| anyhow!("{file}: {e}"))?.into_iter();
                module.copies.extend(copies.map(|c| (c.name, c.size)));
            }
            if custom.name() == SECTION {
                let section = Section::parse(custom.data());
                return Ok(section.map_err(|e| anyhow!("{file}: {e}"))?.to_json());
            }
        }
        module.read(&payload).map_err(fail)?;
    }
    Ok(module.section().to_json())
}

/// What there is to say of a module.
#[derive(Default)]
struct Module {
    linking: Option<Linking>,
    /// `env` functions that are called directly.
    called: Vec<String>,
    /// Names whose address is imported.
    addresses: Vec<String>,
    imported_globals: u32,
    /// Values of constant globals.
    constants: HashMap<u32, u32>,
    /// Exported functions and constants.
    functions: Vec<(String, u32)>,
    exported: Vec<(String, u32)>,
    /// Sizes of the data that it holds copies of.
    copies: HashMap<String, u32>,
    /// Numbers of functions that are elements.
    numbers: BTreeMap<u32, u32>,
    elements_end: u32,
    data_end: u32,
}

impl Module {
    fn read(&mut self, payload: &Payload<'_>) -> Result<(), wasmparser::Error> {
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    self.import(&import?);
                }
            }
            Payload::GlobalSection(globals) => {
                for (number, global) in (self.imported_globals..).zip(globals.clone()) {
                    let global = global?;
                    let constant = constant(&global.init_expr);
                    let address = global.ty.content_type == wasmparser::ValType::I32;
                    if let (Some(value), true, false) = (constant, address, global.ty.mutable) {
                        self.constants.insert(number, value);
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    let name = export.name.to_owned();
                    match export.kind {
                        ExternalKind::Func => self.functions.push((name, export.index)),
                        ExternalKind::Global => {
                            let value = self.constants.get(&export.index);
                            self.exported.extend(value.map(|&value| (name, value)));
                        }
                        _ => {}
                    }
                }
            }
            Payload::ElementSection(segments) => {
                for segment in segments.clone() {
                    self.elements(&segment?)?;
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments.clone() {
                    let segment = segment?;
                    if let DataKind::Active { offset_expr, .. } = &segment.kind
                        && let Some(offset) = constant(offset_expr)
                    {
                        let end = offset.saturating_add(segment.data.len() as u32);
                        self.data_end = self.data_end.max(end);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) {
        let class = match import.ty {
            TypeRef::Func(_) => Class::Func,
            TypeRef::Global(ty) if ty.content_type == wasmparser::ValType::I32 => Class::GlobalI32,
            _ => Class::Global,
        };
        let name = import.name.to_owned();
        let core = Linking::core();
        let linking = self.linking.as_ref().unwrap_or(&core);
        match (linking.role(import.module, import.name, class), class) {
            (ImportRole::GotMem | ImportRole::GotFunc, _) if !self.addresses.contains(&name) => {
                self.addresses.push(name);
            }
            (ImportRole::Plain, Class::Func)
                if import.module == ENV && !self.called.contains(&name) =>
            {
                self.called.push(name);
            }
            _ => {}
        }
        self.imported_globals += u32::from(matches!(import.ty, TypeRef::Global(_)));
    }

    fn elements(&mut self, segment: &wasmparser::Element<'_>) -> Result<(), wasmparser::Error> {
        let (ElementKind::Active { offset_expr, .. }, ElementItems::Functions(items)) =
            (&segment.kind, &segment.items)
        else {
            return Ok(());
        };
        let Some(first) = constant(offset_expr) else {
            return Ok(());
        };
        for (number, function) in items.clone().into_iter().enumerate() {
            let number = first.saturating_add(number as u32);
            self.numbers.entry(function?).or_insert(number);
            self.elements_end = self.elements_end.max(number.saturating_add(1));
        }
        Ok(())
    }

    fn section(mut self) -> Section {
        let linking = self.linking.take().unwrap_or_else(Linking::core);
        let marks = self.exported.iter().filter(|(n, _)| ENDS.contains(&&**n));
        let copies = self.exported.iter().filter_map(|(name, at)| {
            let size = self.copies.get(name)?;
            Some(at.saturating_add(*size))
        });
        let ends = marks.map(|&(_, at)| at).chain(copies);
        let fixed = ends.fold(self.data_end, u32::max);
        let (memory, table) = match linking.placement {
            Some(placement) => (
                placement.memory_size.max(self.data_end),
                placement.table_size,
            ),
            None => (fixed, 0),
        };
        let mut numbers = Numbers {
            known: self.numbers,
            next: table.max(self.elements_end),
        };
        let functions = self.functions.into_iter();
        let defun: Vec<_> = functions.map(|(n, f)| (n, numbers.of(f))).collect();
        let called = self.called.into_iter();
        let refun = called.map(|name| (name, numbers.new_one())).collect();
        let data_end = BIAS.saturating_add(memory);
        let words = data_end.checked_next_multiple_of(WORD).unwrap_or(u32::MAX);
        let refs: Vec<_> = self
            .addresses
            .into_iter()
            .enumerate()
            .map(|(i, name)| (name, words.saturating_add(WORD * i as u32)))
            .collect();
        let end = refs
            .last()
            .map_or(data_end, |(_, at)| at.saturating_add(WORD));
        let start = defun.iter().find(|(name, _)| name == START);
        let biased = |at: u32| at.saturating_add(BIAS);
        let (mut def, mut copy) = (Vec::new(), Vec::new());
        for (name, at) in self.exported {
            match self.copies.get(&name) {
                Some(&size) => copy.push((name, biased(at), size)),
                None => def.push((name, biased(at))),
            }
        }
        Section {
            def,
            copy,
            entry: Some(start.map_or(-1, |&(_, number)| number.into())),
            defun,
            refs,
            refun,
            libs: linking.needed,
            plt_end: numbers.next,
            data: BIAS,
            data_end: end,
            ..Section::default()
        }
    }
}

/// The numbers of functions in the module's part of the table.
struct Numbers {
    known: BTreeMap<u32, u32>,
    next: u32,
}

impl Numbers {
    fn of(&mut self, function: u32) -> u32 {
        match self.known.get(&function) {
            Some(&number) => number,
            None => {
                let number = self.new_one();
                self.known.insert(function, number);
                number
            }
        }
    }

    fn new_one(&mut self) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }
}

/// The value of a constant, or what is added to a base.
fn constant(expr: &ConstExpr<'_>) -> Option<u32> {
    let ops: Result<Vec<_>, _> = expr.get_operators_reader().into_iter().collect();
    let number = |op: &Operator<'_>| match op {
        Operator::I32Const { value } => Some(value.cast_unsigned()),
        _ => None,
    };
    match &ops.ok()?[..] {
        [Operator::GlobalGet { .. }, Operator::End] => Some(0),
        [op, Operator::End] => number(op),
        [
            Operator::GlobalGet { .. },
            op,
            Operator::I32Add,
            Operator::End,
        ]
        | [
            op,
            Operator::GlobalGet { .. },
            Operator::I32Add,
            Operator::End,
        ] => number(op),
        _ => None,
    }
}
