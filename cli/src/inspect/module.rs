//! Listing of a binary module.

use anyhow::{Result, anyhow};
use wasmaot_dylink::Linking;
use wasmaot_dylink::data_symbols::{DataSymbol, SECTION_COPY, SECTION_DATA, read_data_symbols};
use wasmaot_dylink::forward::{SECTION_FORWARD, read_forwards};
use wasmparser::{ConstExpr, DataKind, ElementKind, Operator, Parser, Payload, TypeRef};

use super::Listing;

/// The listing of a module.
pub(super) fn list(file: &str, bytes: &[u8]) -> Result<Listing> {
    let fail = |e: wasmparser::BinaryReaderError| {
        anyhow!(
            "{file}: not a valid wasm module: {} (at offset {:#x})",
            e.message(),
            e.offset()
        )
    };
    let features = wasmparser::WasmFeatures::all();
    wasmparser::Validator::new_with_features(features)
        .validate_all(bytes)
        .map_err(fail)?;
    let mut out = Listing::default();
    let mut linking = Linking::core();
    let mut types: Vec<String> = Vec::new();
    let mut sections = Listing::default();
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(fail)? {
            Payload::TypeSection(reader) => {
                for ty in reader.into_iter_err_on_gc_types() {
                    types.push(ty.map_err(fail)?.to_string());
                }
            }
            Payload::ImportSection(reader) => {
                sections.heading("imports:");
                for import in reader.into_imports() {
                    let import = import.map_err(fail)?;
                    if let TypeRef::Func(ty) = import.ty {
                        functions.push(ty);
                    }
                    let weak = linking.weak_import(import.module, import.name);
                    sections.row([
                        format!("{}.{}", import.module, import.name),
                        describe(import.ty, &types),
                        if weak {
                            "weak".to_owned()
                        } else {
                            String::new()
                        },
                    ]);
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    functions.push(ty.map_err(fail)?);
                }
            }
            Payload::ExportSection(reader) => {
                sections.heading("exports:");
                for export in reader {
                    let export = export.map_err(fail)?;
                    let what = match export.kind {
                        wasmparser::ExternalKind::Func => functions
                            .get(export.index as usize)
                            .map_or_else(String::new, |&ty| describe(TypeRef::Func(ty), &types)),
                        kind => format!("{kind:?}").to_lowercase(),
                    };
                    sections.row([export.name.to_owned(), what]);
                }
            }
            Payload::DataSection(reader) => {
                sections.heading("data segments:");
                for segment in reader {
                    let segment = segment.map_err(fail)?;
                    let place = match segment.kind {
                        DataKind::Passive => "passive".to_owned(),
                        DataKind::Active {
                            memory_index,
                            offset_expr,
                        } => {
                            format!("memory {memory_index} at {}", constant(&offset_expr))
                        }
                    };
                    sections.row([place, format!("{} bytes", segment.data.len())]);
                }
            }
            Payload::ElementSection(reader) => {
                sections.heading("element segments:");
                for segment in reader {
                    let segment = segment.map_err(fail)?;
                    let place = match segment.kind {
                        ElementKind::Passive => "passive".to_owned(),
                        ElementKind::Declared => "declared".to_owned(),
                        ElementKind::Active {
                            table_index,
                            offset_expr,
                        } => {
                            format!(
                                "table {} at {}",
                                table_index.unwrap_or(0),
                                constant(&offset_expr)
                            )
                        }
                    };
                    let count = match segment.items {
                        wasmparser::ElementItems::Functions(items) => items.count(),
                        wasmparser::ElementItems::Expressions(_, items) => items.count(),
                    };
                    sections.row([place, format!("{count} items")]);
                }
            }
            Payload::CustomSection(section) => {
                let offset = section.data_offset() as usize;
                let read = Linking::read(section.name(), section.data(), offset);
                if let Some(found) = read.map_err(|e| anyhow!("{file}: {e}"))? {
                    linking = found;
                }
                if section.name() == SECTION_FORWARD {
                    let names = read_forwards(section.data(), offset);
                    sections.heading("forwards:");
                    for name in names.map_err(|e| anyhow!("{file}: {e}"))? {
                        sections.row([name.to_owned()]);
                    }
                }
                let described = [(SECTION_COPY, "copies:"), (SECTION_DATA, "sizes of data:")];
                for (name, heading) in described {
                    if section.name() == name {
                        let symbols = read_data_symbols(name, section.data(), offset);
                        sections.heading(heading);
                        for symbol in symbols.map_err(|e| anyhow!("{file}: {e}"))? {
                            sections.row(data_symbol(symbol));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    out.heading(&format!("module {file}: {}", linking.abi.name()));
    if let Some(p) = linking.placement {
        out.row([
            "memory".to_owned(),
            format!(
                "{} bytes, aligned to {}",
                p.memory_size,
                1u32 << p.memory_align
            ),
        ]);
        out.row([
            "table".to_owned(),
            format!(
                "{} entries, aligned to {}",
                p.table_size,
                1u32 << p.table_align
            ),
        ]);
    }
    for name in &linking.needed {
        out.row(["needed".to_owned(), name.clone()]);
    }
    for path in &linking.runpath {
        out.row(["runpath".to_owned(), path.clone()]);
    }
    Ok(out.with(sections))
}

fn describe(ty: TypeRef, types: &[String]) -> String {
    match ty {
        TypeRef::Func(n) | TypeRef::FuncExact(n) => {
            let text = types.get(n as usize).map_or("function", String::as_str);
            text.to_owned()
        }
        TypeRef::Global(g) => format!("{}{}", if g.mutable { "mut " } else { "" }, g.content_type),
        TypeRef::Memory(m) => limits("memory", m.initial, m.maximum),
        TypeRef::Table(t) => limits(
            &format!("table of {}", t.element_type),
            t.initial,
            t.maximum,
        ),
        TypeRef::Tag(t) => format!("tag {}", t.func_type_idx),
    }
}

fn data_symbol(symbol: DataSymbol) -> [String; 3] {
    let at_most = if symbol.bound { "at most " } else { "" };
    [
        symbol.name,
        format!("{at_most}{} bytes", symbol.size),
        format!("aligned to {}", 1u64 << symbol.align),
    ]
}

fn limits(what: &str, min: u64, max: Option<u64>) -> String {
    max.map_or_else(
        || format!("{what} {min}.."),
        |max| format!("{what} {min}..={max}"),
    )
}

/// The text of a constant expression.
fn constant(expr: &ConstExpr<'_>) -> String {
    let word = |op: Operator<'_>| match op {
        Operator::I32Const { value } => format!("{:#x}", value as u32),
        Operator::I64Const { value } => format!("{value:#x}"),
        Operator::GlobalGet { global_index } => format!("global[{global_index}]"),
        Operator::I32Add | Operator::I64Add => "+".to_owned(),
        other => format!("{other:?}"),
    };
    let ops = expr.get_operators_reader().into_iter();
    let words = ops
        .map_while(Result::ok)
        .filter(|op| !matches!(op, Operator::End))
        .map(word);
    words.collect::<Vec<_>>().join(" ")
}
