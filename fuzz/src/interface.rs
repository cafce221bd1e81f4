//! What a module exports, with types; and modules that import it, as text.

use std::fmt::Write as _;

use wasmaot_abi::types::{FuncType, GlobalType, IndexType, MemoryType, TableType, ValType};
use wasmaot_test_agent::case::{Export, Type};
use wasmparser::types::EntityType;
use wasmparser::{Parser, RefType, Validator, WasmFeatures};

/// The exports of a valid module.
///
/// # Errors
/// The validator's words.
pub fn exports(wasm: &[u8]) -> Result<Vec<Export>, String> {
    let text = |e: wasmparser::Error| e.to_string();
    let types = Validator::new_with_features(WasmFeatures::all())
        .validate_all(wasm)
        .map_err(text)?;
    let types = types.as_ref();
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let wasmparser::Payload::ExportSection(section) = payload.map_err(text)? else {
            continue;
        };
        for export in section {
            let export = export.map_err(text)?;
            let ty = match types.entity_type_from_export(&export) {
                Some(EntityType::Func(id) | EntityType::FuncExact(id)) => {
                    function(types[id].unwrap_func()).map(Type::Func)
                }
                Some(EntityType::Tag(id)) => function(types[id].unwrap_func()).map(Type::Tag),
                Some(EntityType::Global(ty)) => value(&ty.content_type).map(|val| {
                    let mutable = ty.mutable;
                    Type::Global(GlobalType { val, mutable })
                }),
                Some(EntityType::Memory(ty)) => Some(Type::Memory(MemoryType {
                    min: ty.initial,
                    max: ty.maximum,
                    index: index(ty.memory64),
                    shared: ty.shared,
                    page_log2: ty.page_size_log2.unwrap_or(16) as u8,
                })),
                Some(EntityType::Table(ty)) => reference(ty.element_type).map(|elem| {
                    Type::Table(TableType {
                        elem,
                        min: ty.initial,
                        max: ty.maximum,
                        index: index(ty.table64),
                    })
                }),
                _ => None,
            };
            found.push(Export {
                name: export.name.to_owned(),
                ty: ty.ok_or("an export of a type that wasmaot has not")?,
            });
        }
    }
    Ok(found)
}

fn index(wide: bool) -> IndexType {
    if wide { IndexType::I64 } else { IndexType::I32 }
}

fn function(ty: &wasmparser::FuncType) -> Option<FuncType> {
    let list = |list: &[wasmparser::ValType]| list.iter().map(value).collect::<Option<Vec<_>>>();
    Some(FuncType::new(list(ty.params())?, list(ty.results())?))
}

fn value(ty: &wasmparser::ValType) -> Option<ValType> {
    Some(match *ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => return reference(ty),
    })
}

fn reference(ty: RefType) -> Option<ValType> {
    match ty {
        RefType::FUNCREF => Some(ValType::FuncRef),
        RefType::EXTERNREF => Some(ValType::ExternRef),
        RefType::EXNREF => Some(ValType::EXN_REF),
        _ => None,
    }
}

/// The import of an export, as text of a module.
pub fn import(module: &str, export: &Export) -> String {
    let limits = |min: u64, max: Option<u64>| {
        max.map_or_else(|| min.to_string(), |max| format!("{min} {max}"))
    };
    let signature = |word: &str, ty: &FuncType| {
        let mut text = format!("({word}");
        for (word, list) in [("param", &ty.params), ("result", &ty.results)] {
            list.iter()
                .for_each(|ty| write!(text, " ({word} {ty})").expect("memory"));
        }
        text + ")"
    };
    let ty = match &export.ty {
        Type::Func(ty) => signature("func", ty),
        Type::Tag(ty) => signature("tag", ty),
        Type::Global(ty) if ty.mutable => format!("(global (mut {}))", ty.val),
        Type::Global(ty) => format!("(global {})", ty.val),
        Type::Memory(ty) => format!(
            "(memory {} {}{}{})",
            word(ty.index),
            limits(ty.min, ty.max),
            if ty.shared { " shared" } else { "" },
            match ty.page() {
                0x1_0000 => String::new(),
                bytes => format!(" (pagesize {bytes})"),
            },
        ),
        Type::Table(ty) => format!(
            "(table {} {} {})",
            word(ty.index),
            limits(ty.min, ty.max),
            ty.elem
        ),
    };
    format!(
        "(import {} {} {ty})\n",
        quoted(module),
        quoted(&export.name)
    )
}

fn word(index: IndexType) -> &'static str {
    if index.is_wide() { "i64" } else { "i32" }
}

/// A string of a module's text.
pub fn quoted(name: &str) -> String {
    let mut text = "\"".to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => text.push(byte.into()),
            byte => write!(text, "\\{byte:02x}").expect("memory"),
        }
    }
    text + "\""
}

/// Name of the function of a probe that answers for all it sees.
pub const PROBE: &str = "probe";

/// A module that imports the memories and tables of an instance, and whose
/// function [`PROBE`] answers with their sizes and a hash of their content (of
/// tables: which entries are null). `None` if there are none.
pub fn probe(module: &str, exports: &[Export]) -> Option<String> {
    let (mut imports, mut code) = (String::new(), String::new());
    let (mut memories, mut tables) = (0, 0);
    for export in exports {
        let index = match &export.ty {
            Type::Memory(ty) => ty.index,
            Type::Table(ty) => ty.index,
            _ => continue,
        };
        let (at, widen) = if index.is_wide() {
            ("(local.get $i)", "")
        } else {
            ("(i32.wrap_i64 (local.get $i))", "i64.extend_i32_u")
        };
        let (size, read, unit, step) = match export.ty {
            Type::Memory(ty) => {
                memories += 1;
                let m = memories - 1;
                let read = format!("(i64.load {m} {at})");
                (format!("memory.size {m}"), read, ty.page(), 8)
            }
            _ => {
                tables += 1;
                let t = tables - 1;
                let read = format!("(i64.extend_i32_u (ref.is_null (table.get {t} {at})))");
                (format!("table.size {t}"), read, 1, 1)
            }
        };
        imports += &import(module, export);
        write!(
            code,
            "{size} {widen} local.set $end
             (local.set $i (i64.const 0))
             (local.set $hash (i64.add (i64.mul (local.get $hash) (i64.const 31)) (local.get $end)))
             (local.set $end (i64.and (i64.mul (local.get $end) (i64.const {unit})) (i64.const -{step})))
             (block $done (loop $next
               (br_if $done (i64.ge_u (local.get $i) (local.get $end)))
               (local.set $hash (i64.add (i64.mul (local.get $hash) (i64.const 0x9e3779b97f4a7c15)) {read}))
               (local.set $i (i64.add (local.get $i) (i64.const {step})))
               (br $next)))\n"
        )
        .expect("memory");
    }
    let function = format!(
        "(func (export {}) (result i64) (local $i i64) (local $end i64) (local $hash i64)\n{code}(local.get $hash))",
        quoted(PROBE)
    );
    (memories + tables > 0).then(|| format!("(module {imports} {function})"))
}
