//! Changes to a module's imports: what no linker makes, but a measurement
//! needs. Everything else of the module is copied as it is.

use std::collections::HashMap;

use anyhow::{Context as _, Result};
use wasm_encoder::reencode::{Reencode as _, RoundtripReencoder};
use wasm_encoder::{EntityType, ImportSection, RawSection, RefType, TableType};
use wasmaot_abi::types::{FuncType, ValType};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Import module of functions through the host.
pub const HOST: &str = "through-host";

/// What a module imports and exports of functions.
#[derive(Debug, Default)]
pub struct Facts {
    /// Names of the functions that it imports from `env`.
    pub imports: Vec<String>,
    /// The functions that it exports, of types that a host can pass on.
    pub exports: HashMap<String, FuncType>,
    /// Whether it has a table.
    pub has_table: bool,
}

/// Reads what a module says.
///
/// # Errors
/// It is not a module.
pub fn facts(wasm: &[u8]) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut types: Vec<Option<FuncType>> = Vec::new();
    let mut functions: Vec<u32> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    let group = group?
                        .into_types()
                        .map(|ty| match &ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(ty) => plain(ty),
                            _ => None,
                        });
                    types.extend(group);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(ty) => {
                            functions.push(ty);
                            if import.module == "env" {
                                facts.imports.push(import.name.to_owned());
                            }
                        }
                        TypeRef::Table(_) => facts.has_table = true,
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                functions.extend(section.into_iter().collect::<Result<Vec<_>, _>>()?);
            }
            Payload::TableSection(section) => facts.has_table |= section.count() > 0,
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let ty = functions.get(export.index as usize);
                    let ty = ty.and_then(|&ty| types.get(ty as usize)?.clone());
                    if let (ExternalKind::Func, Some(ty)) = (export.kind, ty) {
                        facts.exports.insert(export.name.to_owned(), ty);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(facts)
}

/// A type of numbers; a reference means nothing outside.
fn plain(ty: &wasmparser::FuncType) -> Option<FuncType> {
    let list = |types: &[wasmparser::ValType]| types.iter().map(value).collect::<Option<Vec<_>>>();
    Some(FuncType::new(list(ty.params())?, list(ty.results())?))
}

fn value(ty: &wasmparser::ValType) -> Option<ValType> {
    Some(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(_) => return None,
    })
}

/// The module with functions of `env` that `moved` says imported from [`HOST`].
///
/// # Errors
/// It is not a module.
pub fn through_host(wasm: &[u8], moved: impl Fn(&str) -> bool) -> Result<Vec<u8>> {
    imports(wasm, |section, import| {
        let function = matches!(import.ty, TypeRef::Func(_));
        let module = match function && import.module == "env" && moved(import.name) {
            true => HOST,
            false => import.module,
        };
        section.import(module, import.name, entity(import.ty)?);
        Ok(())
    })
}

/// The module with the program's table, where it has none.
///
/// # Errors
/// It is not a module.
pub fn with_table(wasm: &[u8]) -> Result<Vec<u8>> {
    if facts(wasm)?.has_table {
        return Ok(wasm.to_vec());
    }
    let table = EntityType::Table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 0,
        maximum: None,
        shared: false,
    });
    let mut missing = true;
    imports(wasm, |section, import| {
        // Before all others: the order of different kinds does not matter.
        if std::mem::take(&mut missing) {
            section.import("env", "__indirect_function_table", table);
        }
        section.import(import.module, import.name, entity(import.ty)?);
        Ok(())
    })
}

fn entity(ty: TypeRef) -> Result<EntityType> {
    let ty = RoundtripReencoder.entity_type(ty);
    ty.context("an import of an unknown type")
}

/// The module with every import written by `write`.
fn imports(
    wasm: &[u8],
    mut write: impl FnMut(&mut ImportSection, wasmparser::Import<'_>) -> Result<()>,
) -> Result<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::ImportSection(section) = payload {
            let mut changed = ImportSection::new();
            for import in section.into_imports() {
                write(&mut changed, import?)?;
            }
            out.section(&changed);
        } else if let Some((id, range)) = payload.as_section() {
            let bytes = wasm.get(range.start as usize..range.end as usize);
            let data = bytes.context("a section beyond the module's end")?;
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(module
        (import "env" "memory" (memory 1))
        (import "env" "f" (func (param i32) (result i64)))
        (import "env" "g" (func))
        (import "wasi" "f" (func))
        (global $x (mut i32) (i32.const 7))
        (func (export "run") (param i32) (result i64) (call 0 (local.get 0)))
        (func (export "of") (param funcref))
        (@custom "note" "text"))"#;

    #[test]
    fn says_what_a_module_imports_and_exports() {
        let facts = facts(&wat::parse_str(MODULE).unwrap()).unwrap();
        assert_eq!(facts.imports, ["f", "g"]);
        let run = FuncType::new([ValType::I32], [ValType::I64]);
        // A reference cannot go through a host.
        assert_eq!(facts.exports, HashMap::from([("run".to_owned(), run)]));
        assert!(!facts.has_table);
    }

    #[test]
    fn moves_imports_and_nothing_else() {
        let wasm = wat::parse_str(MODULE).unwrap();
        let moved = through_host(&wasm, |name| name == "f").unwrap();
        let text = MODULE.replace(r#""env" "f""#, r#""through-host" "f""#);
        assert_eq!(moved, wat::parse_str(text).unwrap());
        assert!(through_host(b"\0asm\x01\0\0\0\x02\x05", |_| true).is_err());
    }

    #[test]
    fn adds_a_table_once() {
        let wasm = wat::parse_str(MODULE).unwrap();
        let with = with_table(&wasm).unwrap();
        assert!(facts(&with).unwrap().has_table);
        wasmparser::validate(&with).unwrap();
        assert_eq!(with_table(&with).unwrap(), with);
    }
}
