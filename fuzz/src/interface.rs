//! What a module exports, with types; and modules that import it, as text.

use std::fmt::Write as _;

use wasmaot_abi::types::{FuncType, GlobalType, MemoryType, TableType, ValType};
use wasmparser::types::EntityType;
use wasmparser::{Parser, RefType, Validator, WasmFeatures};

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// The type of an export.
#[derive(Clone, Debug)]
pub enum Type {
    /// A function.
    Func(FuncType),
    /// A global.
    Global(GlobalType),
    /// A memory.
    Memory(MemoryType),
    /// A table.
    Table(TableType),
}

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
                    let ty = types[id].unwrap_func();
                    let list = |list: &[wasmparser::ValType]| list.iter().map(value).collect();
                    let (params, results): (Option<Vec<_>>, Option<Vec<_>>) =
                        (list(ty.params()), list(ty.results()));
                    params
                        .zip(results)
                        .map(|(p, r)| Type::Func(FuncType::new(p, r)))
                }
                Some(EntityType::Global(ty)) => value(&ty.content_type).map(|val| {
                    let mutable = ty.mutable;
                    Type::Global(GlobalType { val, mutable })
                }),
                Some(EntityType::Memory(ty)) => Some(Type::Memory(MemoryType {
                    min: ty.initial,
                    max: ty.maximum,
                })),
                Some(EntityType::Table(ty)) => reference(ty.element_type).map(|elem| {
                    let (min, max) = (ty.initial, ty.maximum);
                    Type::Table(TableType { elem, min, max })
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
        _ => None,
    }
}

/// The import of an export, as text of a module.
pub fn import(module: &str, export: &Export) -> String {
    let limits = |min: u64, max: Option<u64>| {
        max.map_or_else(|| min.to_string(), |max| format!("{min} {max}"))
    };
    let ty = match &export.ty {
        Type::Func(ty) => {
            let mut text = "(func".to_owned();
            for (word, list) in [("param", &ty.params), ("result", &ty.results)] {
                list.iter()
                    .for_each(|ty| write!(text, " ({word} {ty})").expect("memory"));
            }
            text + ")"
        }
        Type::Global(ty) if ty.mutable => format!("(global (mut {}))", ty.val),
        Type::Global(ty) => format!("(global {})", ty.val),
        Type::Memory(ty) => format!("(memory {})", limits(ty.min, ty.max)),
        Type::Table(ty) => format!("(table {} {})", limits(ty.min, ty.max), ty.elem),
    };
    format!(
        "(import {} {} {ty})\n",
        quoted(module),
        quoted(&export.name)
    )
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
        let (size, read, unit, step) = match export.ty {
            Type::Memory(_) => {
                memories += 1;
                let m = memories - 1;
                let read = format!("(i64.load {m} (local.get $i))");
                (format!("(memory.size {m})"), read, 65536, 8)
            }
            Type::Table(_) => {
                tables += 1;
                let t = tables - 1;
                let read =
                    format!("(i64.extend_i32_u (ref.is_null (table.get {t} (local.get $i))))");
                (format!("(table.size {t})"), read, 1, 1)
            }
            _ => continue,
        };
        imports += &import(module, export);
        write!(
            code,
            "(local.set $i (i32.const 0))
             (local.set $end (i32.mul {size} (i32.const {unit})))
             (local.set $hash (i64.add (i64.mul (local.get $hash) (i64.const 31)) (i64.extend_i32_u {size})))
             (block $done (loop $next
               (br_if $done (i32.ge_u (local.get $i) (local.get $end)))
               (local.set $hash (i64.add (i64.mul (local.get $hash) (i64.const 0x9e3779b97f4a7c15)) {read}))
               (local.set $i (i32.add (local.get $i) (i32.const {step})))
               (br $next)))\n"
        )
        .expect("memory");
    }
    let function = format!(
        "(func (export {}) (result i64) (local $i i32) (local $end i32) (local $hash i64)\n{code}(local.get $hash))",
        quoted(PROBE)
    );
    (memories + tables > 0).then(|| format!("(module {imports} {function})"))
}
