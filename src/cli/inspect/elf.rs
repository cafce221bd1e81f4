//! Listing of an object.

use wasmaot_abi::cpu;
use wasmaot_abi::info::ImportKind;
use wasmaot_runtime::Object;

use super::Listing;

/// The listing of an object.
pub(super) fn list(object: &Object) -> String {
    let info = object.info();
    let mut out = Listing::default();
    out.heading(&format!("object {}: {}", object.path().display(), info.abi.name()));
    let mut field = |name: &str, value: String| out.row([name.to_owned(), value]);
    field("soname", object.soname().to_owned());
    field("source", info.source.clone());
    field("producer", info.producer.clone());
    field("build id", object.build_id());
    field("CPU", cpu::names(object.cpu()).join(" "));
    if let Some(p) = info.placement {
        field("memory", format!("{} bytes, aligned to {}", p.memory_size, 1u64 << p.memory_align));
        field("table", format!("{} entries, aligned to {}", p.table_size, 1u64 << p.table_align));
    }
    for name in object.needed() {
        field("needed", name.to_owned());
    }
    if let Some(path) = object.runpath() {
        field("runpath", path.to_owned());
    }
    out.heading("imports:");
    for import in &info.imports {
        let kind = match import.kind {
            ImportKind::Func(ty) => info.types[ty as usize].to_string(),
            ImportKind::Global(ty) => format!("global {ty}"),
            ImportKind::Memory(ty) => ty.to_string(),
            ImportKind::Table { ty, .. } => ty.to_string(),
            ImportKind::GotMem => "address of data".to_owned(),
            ImportKind::GotFunc => "table index of a function".to_owned(),
            ImportKind::Context(_) => "from the loader".to_owned(),
        };
        let weak = if import.weak { "weak" } else { "" };
        out.row([format!("{}.{}", import.module, import.name), kind, weak.to_owned()]);
    }
    out.heading("exports:");
    for symbol in object.exports() {
        let ty = object.type_text(symbol.type_id()).unwrap_or_default();
        out.row([symbol.name().to_owned(), symbol.kind().name().to_owned(), ty]);
    }
    for export in &info.reexports {
        let import = &info.imports[export.import as usize];
        out.row([export.name.clone(), "import".to_owned(), format!("{}.{}", import.module, import.name)]);
    }
    out.heading("memory image:");
    for run in object.memory_runs() {
        out.row([
            format!("{:#010x}", run.linear),
            format!("{} bytes", run.memory_size),
            format!("{} in the file at {:#x}", run.file_size, run.file_offset),
        ]);
    }
    out.heading("relocations:");
    for (offset, kind, symbol, addend) in object.relocations() {
        out.row([format!("{offset:#010x}"), kind.to_owned(), symbol, format!("{addend:+#x}")]);
    }
    out.finish()
}
