//! Listing of an object.

use std::fmt::Write as _;

use wasmaot_abi::info::ImportKind;
use wasmaot_abi::machine::Machine;
use wasmaot_runtime::Object;

use super::Listing;

/// The listing of an object.
pub(super) fn list(object: &Object) -> Listing {
    let mut out = Listing::default();
    header(object, &mut out);
    symbols(object, &mut out);
    prelinked(object, &mut out);
    out.heading("memory image:");
    for run in object.image_runs() {
        out.row([
            format!("{:#010x}", run.linear),
            format!("{} bytes", run.memory_size),
            format!("{} in the file at {:#x}", run.file_size, run.file_offset),
        ]);
    }
    out.heading("relocations:");
    for r in object.relocations() {
        let addend = if r.addend == 0 {
            String::new()
        } else {
            format!("{:+#x}", r.addend)
        };
        out.row([
            format!("{:#010x}", r.offset),
            r.kind.to_owned(),
            r.symbol.to_owned(),
            addend,
        ]);
    }
    out
}

fn header(object: &Object, out: &mut Listing) {
    let info = object.info();
    out.heading(&format!(
        "object {}: {}",
        object.path().display(),
        info.abi.name()
    ));
    let mut field = |name: &str, value: String| out.row([name.to_owned(), value]);
    field("soname", object.soname().unwrap_or_default().to_owned());
    field("producer", info.producer.clone());
    field("build id", hex(object.build_id()));
    if let Some(machine) = Machine::of_elf_number(object.note().machine) {
        field("machine", machine.name.replace('_', "-"));
        field("CPU", machine.cpu.names(object.note().cpu).join(" "));
    }
    let threads = if info.threads { "any number" } else { "one" };
    field("threads", threads.to_owned());
    if let Some(p) = info.placement {
        field(
            "memory",
            format!(
                "{} bytes, aligned to {}",
                p.memory_size,
                1u64 << p.memory_align
            ),
        );
        field(
            "table",
            format!(
                "{} entries, aligned to {}",
                p.table_size,
                1u64 << p.table_align
            ),
        );
    }
    for name in object.needed() {
        field("needed", name.clone());
    }
    for path in object.runpath() {
        field("runpath", path.clone());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The set that the object is prelinked with, and where its calls lead.
fn prelinked(object: &Object, out: &mut Listing) {
    let Some(record) = object.prelink() else {
        return;
    };
    out.heading("prelinked with:");
    for (number, member) in (0..).zip(&record.members) {
        out.row([
            member.name.clone(),
            hex(&member.build_id),
            format!("{:#010x}", member.offset),
            if number == record.number { "this" } else { "" }.to_owned(),
        ]);
    }
    out.heading("prelinked calls:");
    for call in object.prelinked_calls() {
        let member = record.members.get(call.member as usize);
        out.row([
            call.symbol.to_owned(),
            member.map_or_else(String::new, |m| m.name.clone()),
            format!("{:#x}", call.address),
        ]);
    }
    out.heading("functions inlined from other objects:");
    for (name, inlined) in object.prelinked_bodies() {
        out.row([name, inlined.join(" ")]);
    }
}

fn symbols(object: &Object, out: &mut Listing) {
    let info = object.info();
    out.heading("imports:");
    let text = |ty: u32| {
        let ty = info.types.get(ty);
        ty.map_or_else(String::new, |t| t.to_string())
    };
    for import in object.imports() {
        let kind = match import.kind {
            ImportKind::Func(ty) => text(ty),
            ImportKind::Tag(ty) => format!("tag {}", text(ty)),
            ImportKind::Global(ty) => format!("global {ty}"),
            ImportKind::Memory(ty) => ty.to_string(),
            ImportKind::Table { ty, .. } => ty.to_string(),
            ImportKind::GotMem => "address of data".to_owned(),
            ImportKind::GotFunc => "table index of a function".to_owned(),
            ImportKind::Context(_) => "from the loader".to_owned(),
        };
        let weak = if import.weak { "weak" } else { "" };
        out.row([
            format!("{}.{}", import.module, import.name),
            kind,
            weak.to_owned(),
        ]);
    }
    out.heading("exports:");
    for (name, record) in object.exports() {
        let ty = object.type_text(record).unwrap_or_default();
        out.row([name.to_owned(), record.kind.name().to_owned(), ty]);
    }
    for export in &info.reexports {
        let from = object.imports().nth(export.import as usize);
        let from = from.map_or_else(String::new, |i| format!("{}.{}", i.module, i.name));
        out.row([export.name.clone(), "import".to_owned(), from]);
    }
}
