//! `.wasmaot.info`, read by what records.md says of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use wasmaot_abi::info::*;
use wasmaot_abi::type_list::Types;
use wasmaot_abi::types::*;

use crate::{document, number, table, tables};

/// What records.md says a type is.
enum Shape {
    /// Another name for a type.
    Alias(String),
    /// Names and types of fields.
    Record(Vec<(String, String)>),
    /// By number: name, and what it has.
    OneOf(Vec<(String, Option<Box<Shape>>)>),
}

/// The types that records.md describes.
fn shapes() -> BTreeMap<String, Shape> {
    let text = document("records.md");
    let mut shapes = BTreeMap::new();
    for row in table(&text, &["record", "fields"]) {
        let shape = match row[1].contains(": ") {
            true => Shape::Record(fields(&row[1])),
            false => Shape::Alias(row[1].clone()),
        };
        shapes.insert(row[0].clone(), shape);
    }
    for row in table(&text, &["one of", ""]) {
        let mut variants = Vec::new();
        let mut rest = row[1].as_str();
        while !rest.is_empty() {
            let (number_text, after) = rest.split_once(' ').expect("number and name");
            assert_eq!(number(number_text), variants.len() as u64, "{row:?}");
            let end = after
                .find(|c: char| !c.is_alphanumeric())
                .unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            let (shape, after) = match after.trim_start().chars().next() {
                Some('(') => {
                    let (ty, after) = after[1..].split_once(')').expect("closed");
                    (Some(Shape::Alias(ty.to_owned())), after)
                }
                Some('{') => {
                    let (list, after) = after.trim_start()[1..].split_once('}').expect("closed");
                    (Some(Shape::Record(fields(list.trim()))), after)
                }
                _ => (None, after),
            };
            variants.push((name.to_owned(), shape.map(Box::new)));
            rest = after.trim_start_matches(", ");
        }
        shapes.insert(row[0].clone(), Shape::OneOf(variants));
    }
    let info = tables(&text, |head| head[0] == "ModuleInfo");
    let info = info[0].iter().map(|row| (row[0].clone(), row[1].clone()));
    shapes.insert("ModuleInfo".to_owned(), Shape::Record(info.collect()));
    shapes
}

fn fields(text: &str) -> Vec<(String, String)> {
    let fields = text.split(", ").map(|field| {
        let (name, ty) = field.split_once(": ").expect("name and type");
        (name.to_owned(), ty.to_owned())
    });
    fields.collect()
}

/// Reads values of described types.
struct Reader<'a> {
    shapes: &'a BTreeMap<String, Shape>,
    bytes: Vec<u8>,
    /// Of each type, the variants that were met.
    met: BTreeSet<(String, String)>,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        assert!(count <= self.bytes.len(), "{count} bytes are wanted");
        self.bytes.drain(..count).collect()
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn number(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        panic!("a number that is too long");
    }

    /// A value, as JSON has it.
    fn read(&mut self, ty: &str) -> Value {
        if let Some(item) = ty.strip_suffix('?') {
            return match self.byte() {
                0 => Value::Null,
                1 => self.read(item),
                other => panic!("{other} for {ty}"),
            };
        }
        if let Some(list) = ty.strip_prefix('[') {
            let list = list.strip_suffix(']').expect("closed");
            let (item, count) = match list.split_once("; ") {
                Some((item, count)) => (item, number(count)),
                None => (list, self.number()),
            };
            return (0..count).map(|_| self.read(item)).collect();
        }
        if let Some(pair) = ty.strip_prefix('(') {
            let items = pair.strip_suffix(')').expect("closed").split(", ");
            return items.map(|item| self.read(item)).collect();
        }
        match ty {
            "u8" => json!(self.byte()),
            "bool" => match self.byte() {
                0 => json!(false),
                1 => json!(true),
                other => panic!("{other} for a bool"),
            },
            "u32" | "u64" => json!(self.number()),
            "text" => {
                let length = self.number() as usize;
                json!(String::from_utf8(self.take(length)).expect("UTF-8"))
            }
            _ => {
                let shape = self.shapes.get(ty);
                self.shaped(ty, shape.unwrap_or_else(|| panic!("no type {ty}")))
            }
        }
    }

    fn shaped(&mut self, name: &str, shape: &Shape) -> Value {
        match shape {
            Shape::Alias(ty) => self.read(ty),
            Shape::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, ty)| (name.clone(), self.read(ty)));
                Value::Object(fields.collect())
            }
            Shape::OneOf(variants) => {
                let number = self.number() as usize;
                let (variant, shape) = &variants[number];
                self.met.insert((name.to_owned(), variant.clone()));
                match shape {
                    None => json!(variant),
                    Some(shape) => {
                        let value = self.shaped(variant, shape);
                        Value::Object(Map::from_iter([(variant.clone(), value)]))
                    }
                }
            }
        }
    }
}

/// A record in which everything is that can be.
fn sample() -> ModuleInfo {
    let empty = FuncType::default().hash();
    let heaps = [
        HeapType::Func,
        HeapType::Extern,
        HeapType::Exn,
        HeapType::Type(empty),
    ];
    let mut values = vec![
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
    ];
    values.extend([ValType::FuncRef, ValType::ExternRef]);
    values.extend(heaps.map(|heap| ValType::reference(false, heap)));
    let global = |val| GlobalType {
        val,
        mutable: val == ValType::I64,
    };
    let memory = |index| MemoryType {
        min: 1 << 40,
        max: Some(u64::MAX),
        index,
        shared: true,
        page_log2: 16,
    };
    let table = TableType {
        elem: ValType::FuncRef,
        min: 300,
        max: None,
        index: IndexType::I32,
    };
    let text = str::to_owned;
    ModuleInfo {
        abi: LinkingAbi::Dyninfo,
        source: text("a source.wasm"),
        module: std::array::from_fn(|i| i as u8),
        producer: text("ü"),
        types: Types::new(&[
            FuncType::default(),
            FuncType::new([ValType::I32, ValType::F64], [ValType::V128]),
        ]),
        globals: values.iter().map(|&val| global(val)).collect(),
        threads: true,
        import_kinds: vec![
            ImportKind::Func(1),
            ImportKind::Global(global(ValType::F32)),
            ImportKind::Memory(memory(IndexType::I64)),
            ImportKind::Table {
                ty: table,
                primary: true,
            },
            ImportKind::GotMem,
            ImportKind::GotFunc,
            ImportKind::Context(global(ValType::I64)),
            ImportKind::Tag(u32::MAX),
        ],
        reexports: vec![Reexport {
            name: text("again"),
            import: 130,
        }],
        memories: vec![Memory {
            ty: memory(IndexType::I32),
            desc: None,
        }],
        tables: vec![Table {
            ty: table,
            desc: Some(0x4000),
        }],
        placement: Some(Placement {
            memory_size: 1,
            memory_align: 2,
            table_size: 3,
            table_align: 4,
        }),
        elements: vec![Elements {
            offset: 5,
            first: 6,
            count: 7,
        }],
        imported_funcrefs: 8,
        needed_funcrefs: 9,
        stack_pointer: Some(66560),
        data: vec![(1024, 17), (4096, 1)],
        static_end: 1 << 32,
        fixups: Fixups {
            entry: Some(3),
            pc_size: 200,
            list: vec![
                Fixup::Address { at: 1, to: 2 },
                Fixup::Index { at: 3, function: 4 },
                Fixup::Symbol {
                    at: 5,
                    symbol: text("data"),
                },
                Fixup::Entry {
                    function: 6,
                    symbol: text("f"),
                },
                Fixup::Lazy {
                    function: 7,
                    symbol: text("g"),
                    library: text("libg.so"),
                    ty: 1,
                },
            ],
        },
    }
}

#[test]
fn records_are_as_they_are_described() {
    let shapes = shapes();
    let mut reader = Reader {
        shapes: &shapes,
        bytes: Vec::new(),
        met: BTreeSet::new(),
    };
    let sample = sample();
    for abi in [
        LinkingAbi::Dylink0,
        LinkingAbi::Dylink,
        LinkingAbi::Dyninfo,
        LinkingAbi::Core,
    ] {
        let info = ModuleInfo {
            abi,
            ..sample.clone()
        };
        reader.bytes = info.encode();
        let read = reader.read("ModuleInfo");
        assert!(
            reader.bytes.is_empty(),
            "{} bytes follow",
            reader.bytes.len()
        );
        assert_eq!(read, serde_json::to_value(&info).unwrap());
    }
    // Each function type by itself.
    let types = serde_json::to_value(&sample.types).unwrap();
    let ends = types["ends"].as_array().unwrap().iter();
    let ends: Vec<usize> = ends.map(|end| end.as_u64().unwrap() as usize).collect();
    let encoded = types["encoded"].as_array().unwrap().iter();
    let encoded: Vec<u8> = encoded.map(|byte| byte.as_u64().unwrap() as u8).collect();
    let mut start = 0;
    for (ty, end) in sample.types.iter().zip(ends) {
        reader.bytes = encoded[start..end].to_vec();
        assert_eq!(reader.read("FuncType"), serde_json::to_value(ty).unwrap());
        assert!(reader.bytes.is_empty());
        start = end;
    }
    assert_eq!(start, encoded.len());

    // Everything that the document lists was there.
    for (name, shape) in &shapes {
        let Shape::OneOf(variants) = shape else {
            continue;
        };
        for (variant, _) in variants {
            let met = reader.met.contains(&(name.clone(), variant.clone()));
            assert!(met, "no {name}::{variant}: is it still there?");
        }
    }
}

/// Whoever adds a kind learns here that it has to be described, and to be in
/// the sample.
#[allow(dead_code, reason = "it is its being compiled that tells")]
fn all_kinds(abi: LinkingAbi, value: ValType, heap: HeapType, index: IndexType) {
    match abi {
        LinkingAbi::Dylink0 | LinkingAbi::Dylink | LinkingAbi::Dyninfo | LinkingAbi::Core => {}
    }
    match value {
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 | ValType::V128 => {}
        ValType::FuncRef | ValType::ExternRef | ValType::Ref(_) => {}
    }
    match heap {
        HeapType::Func | HeapType::Extern | HeapType::Exn | HeapType::Type(_) => {}
    }
    match index {
        IndexType::I32 | IndexType::I64 => {}
    }
}

#[allow(dead_code, reason = "it is its being compiled that tells")]
fn all_imports_and_fixups(import: ImportKind, fixup: Fixup) {
    match import {
        ImportKind::Func(_) | ImportKind::Global(_) | ImportKind::Memory(_) => {}
        ImportKind::Table { .. } | ImportKind::GotMem | ImportKind::GotFunc => {}
        ImportKind::Context(_) | ImportKind::Tag(_) => {}
    }
    match fixup {
        Fixup::Address { .. } | Fixup::Index { .. } | Fixup::Symbol { .. } => {}
        Fixup::Entry { .. } | Fixup::Lazy { .. } => {}
    }
}
