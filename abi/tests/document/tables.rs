//! The tables of numbers.

use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::context::{
    self, CONTEXT_SIZE, funcref, memory_desc, offset, table_desc, thread_block,
};
use wasmaot_abi::machine::{Machine, Register, aarch64, x86_64};
use wasmaot_abi::object::*;
use wasmaot_abi::reloc::{Kind, Standard};
use wasmaot_abi::trap::TrapCode;
use wasmaot_abi::types::FuncType;

use crate::{document, number, table};

fn abi() -> String {
    document("ABI.md")
}

#[test]
fn version() {
    let title = format!("# The wasmaot ABI, version {}", wasmaot_abi::ABI_VERSION);
    assert_eq!(abi().lines().next(), Some(&*title));
}

#[test]
fn records_of_memory() {
    let ours = [
        ("FuncRef", funcref::SIZE, funcref::FIELDS),
        ("TableDesc", table_desc::SIZE, table_desc::FIELDS),
        ("MemoryDesc", memory_desc::SIZE, memory_desc::FIELDS),
    ];
    let rows = table(&abi(), &["record", "bytes", "fields"]);
    assert_eq!(rows.len(), ours.len());
    for (row, (name, size, fields)) in rows.iter().zip(ours) {
        assert_eq!((&*row[0], number(&row[1])), (name, size));
        let mut at = 0;
        let stated = row[2].split(", ").map(|field| {
            let (ty, name) = field.split_once(' ').expect("type and name");
            let place = (name, at);
            at += number(ty.trim_start_matches('u')) as i32 / 8;
            place
        });
        assert_eq!(stated.collect::<Vec<_>>(), fields);
        assert_eq!(at as u64, size);
    }
}

#[test]
fn context_and_thread_block() {
    let text = abi();
    let stated = crate::tables(&text, |head| head[..2] == ["at", "field"]);
    let stated = stated.iter().map(|rows| {
        let field = |row: &Vec<String>| (row[1].clone(), row[0].parse().expect("a number"));
        rows.iter().map(field).collect::<Vec<(String, i32)>>()
    });
    let own = |fields: &[(&str, i32)]| -> Vec<(String, i32)> {
        fields
            .iter()
            .map(|&(name, at)| (name.to_owned(), at))
            .collect()
    };
    // The context is read from its end.
    let mut context = own(offset::FIELDS);
    context.reverse();
    let ours = [context, own(thread_block::FIELDS)];
    assert_eq!(stated.collect::<Vec<_>>(), ours);
}

#[test]
fn address_space() {
    let text = abi();
    assert_eq!((CONTEXT_SIZE, context::NULL_PAGE), (4096, 4096));
    assert_eq!(context::MEMORY_RESERVE, 4 << 30);
    assert_eq!(context::MEMORY_GUARD, (4 << 30) + 65536);
    assert_eq!(context::TABLE_RESERVE, 64 << 30);
    assert_eq!(context::HEADROOM, 1 << 24);
    assert_eq!(context::CODE_RESERVE, 2 << 30);
    for stated in [
        "linear memory, 4 GiB │ guard, 4 GiB + 64 KiB",
        "64 GiB reserved             │ 4 KiB ",
        "never larger than 2^32 − 2^24 bytes",
        "`B - 4096 - 16 (i + 1)`",
        "lie in one area of 2 GiB",
    ] {
        assert!(text.contains(stated), "{stated}");
    }
}

/// Names of machines, as heads of columns.
const COLUMNS: [&str; 2] = ["x86-64", "aarch64"];
/// The machines of these columns.
const MACHINES: [&Machine; 2] = [&x86_64::MACHINE, &aarch64::MACHINE];

#[test]
fn every_machine_has_a_column() {
    assert_eq!(MACHINES.len(), Machine::ALL.len());
    let names = MACHINES.map(|machine| machine.name.replace('_', "-"));
    assert_eq!(names, COLUMNS);
}

/// A table with a column for each machine, as rows of the first cell and that machine's.
fn by_machine(first: &str, column: usize) -> Vec<(String, String)> {
    let [a, b] = COLUMNS;
    let rows = table(&abi(), &[first, a, b]);
    let cells = rows.into_iter();
    cells
        .map(|row| (row[0].clone(), row[column + 1].clone()))
        .collect()
}

#[test]
fn registers_of_calls() {
    for (column, machine) in MACHINES.iter().enumerate() {
        let (calls, roles) = (&machine.calls, &machine.registers);
        let list = |registers: &[Register]| {
            let names = registers.iter().map(|register| register.name);
            names.collect::<Vec<_>>().join(" ")
        };
        let first_to_last = |registers: &[Register]| match registers {
            [first, .., last] => format!("{} – {}", first.name, last.name),
            other => list(other),
        };
        let ours = [
            ("general parameters", list(calls.int_args)),
            (
                "vector parameters (f32 f64 v128)",
                first_to_last(calls.vec_args),
            ),
            ("general results", list(calls.int_results)),
            ("vector results", first_to_last(calls.vec_results)),
            ("address of the return area", list(&[calls.return_area])),
            ("preserved by the callee", list(calls.preserved)),
            (
                "preserved in their lower 64 bits",
                first_to_last(calls.preserved_halves),
            ),
            ("memory base", list(&[roles.pinned])),
            ("frame pointer", list(&[roles.frame])),
            (
                "changed by what the loader puts between caller and callee",
                list(calls.scratch),
            ),
        ];
        let ours = ours.map(|(what, registers)| (what.to_owned(), registers));
        assert_eq!(by_machine("", column), ours);
    }
}

#[test]
fn builtins() {
    let rows = table(&abi(), &["name", "type", "parameters", "result"]);
    let stated = rows.iter().map(|row| {
        let result = !row[3].is_empty() && row[3] != "does not return";
        let named = (row[2].split(", ").count(), result);
        (row[0].as_str(), row[1].clone(), named)
    });
    let ours = Builtin::ALL.iter().map(|builtin| {
        let results: Vec<_> = builtin.result().into_iter().collect();
        let named = (builtin.params().len(), !results.is_empty());
        let ty = FuncType::new(builtin.params(), results);
        (builtin.name(), ty.to_string(), named)
    });
    assert_eq!(stated.collect::<Vec<_>>(), ours.collect::<Vec<_>>());
}

#[test]
fn traps() {
    let rows = table(&abi(), &["code", "name", "how"]);
    let stated = rows.iter().map(|row| (number(&row[0]), row[1].as_str()));
    let ours = TrapCode::ALL.iter().map(|&code| (code as u64, code.name()));
    assert_eq!(stated.collect::<Vec<_>>(), ours.collect::<Vec<_>>());
}

#[test]
fn relocations() {
    let rows = table(
        &abi(),
        &["kind", "on aarch64", "formula", "S is a", "where"],
    );
    let names = |symbols: &[SymbolKind]| {
        let names = symbols.iter().map(|kind| kind.name());
        names.collect::<Vec<_>>().join(", ")
    };
    let numbered = |cell: &str| {
        let (name, rest) = cell.split_once(" (").expect("name and number");
        (name.to_owned(), number(rest.trim_end_matches(')')) as u32)
    };
    for (column, machine) in MACHINES.iter().enumerate() {
        let mut stated: Vec<_> = rows
            .iter()
            .map(|row| {
                let mut words = row[2].split(|c: char| !c.is_alphanumeric());
                assert_eq!(words.any(|word| word == "S"), !row[3].is_empty(), "{row:?}");
                // What is ours has one number.
                let own = &row[column.min(usize::from(!row[1].is_empty()))];
                (row[4].as_str(), numbered(own), row[3].clone())
            })
            .collect();
        let standard = machine.relocations.iter().map(|relocation| {
            let section = match relocation.kind {
                Standard::JumpSlot => ".rela.plt",
                _ => ".rela.dyn",
            };
            let own = (relocation.name.to_owned(), relocation.number);
            (section, own, names(relocation.kind.symbols()))
        });
        let ours = Kind::ALL.iter().map(|&kind| {
            let own = (kind.name().to_owned(), kind as u32);
            (SEC_RELA, own, names(kind.symbols()))
        });
        let mut ours: Vec<_> = standard.chain(ours).collect();
        stated.sort_unstable();
        ours.sort_unstable();
        assert_eq!(stated, ours);
    }
}

#[test]
fn machines() {
    for (column, machine) in MACHINES.iter().enumerate() {
        let Machine { branch, plt, .. } = machine;
        let elf = machine.name.to_uppercase();
        let ours = [
            ("ELF machine", format!("EM_{elf} ({})", machine.elf_number)),
            (
                "alignment of segments",
                format!("{} bytes", machine.image_align),
            ),
            (
                "entries of .plt",
                format!("{} bytes, after a head of {}", plt.entry, plt.header),
            ),
            (
                "direct call, direct jump",
                format!("{} bytes, ±{} MiB", branch.size, branch.reach >> 20),
            ),
            (
                "CPU features that are always there",
                machine.cpu.baseline.name.to_owned(),
            ),
        ];
        let ours = ours.map(|(what, value)| (what.to_owned(), value));
        assert_eq!(by_machine("machine", column), ours);
        let baseline = &machine.cpu.baseline;
        let stated = match machine.cpu.names(baseline.features).join(", ") {
            none if none.is_empty() => format!("`{}` is none of them:", baseline.name),
            names => format!("`{}` is {names}.", baseline.name),
        };
        assert!(document("records.md").contains(&stated), "{stated}");
    }
}

#[test]
fn symbols() {
    let text = abi();
    let rows = table(&text, &["number", "kind", "ELF type", "value"]);
    let stated = rows.iter().map(|row| (number(&row[0]), row[1].as_str()));
    let ours = (0..=u8::MAX).filter_map(SymbolKind::from_byte);
    let ours = ours.map(|kind| (kind as u64, kind.name()));
    assert_eq!(stated.collect::<Vec<_>>(), ours.collect::<Vec<_>>());

    let rows = table(&text, &["flag", "of", ""]);
    let stated = rows
        .iter()
        .map(|row| (number(&row[0]) as u8, row[1].as_str()));
    let ours = [
        (SymbolRecord::PRIMARY, "memories, tables"),
        (SymbolRecord::STACK_POINTER, "globals"),
        (SymbolRecord::OWN, "data"),
        (SymbolRecord::BOUND, "data"),
        (SymbolRecord::TLS, "data"),
    ];
    assert_eq!(stated.collect::<Vec<_>>(), ours);
}

#[test]
fn sections_segments_and_tags() {
    let text = abi();
    let ours = [
        SEC_NOTE,
        SEC_INFO,
        SEC_IMPORTS,
        SEC_SYMBOLS,
        SEC_RELA,
        SEC_FUNCTIONS,
        SEC_ELEMENTS,
        SEC_FUNCREFS,
        SEC_MEMORY,
        SEC_HANDLERS,
        SEC_CALLS,
        SEC_PRELINK,
        SEC_START,
        SEC_TRAPS,
        SEC_LINES,
        SEC_MODULE,
        SEC_SOURCE,
        SEC_DEBUG,
    ];
    let rows = table(&text, &["section", "content"]);
    let stated: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(stated, ours);

    let segments = table(&text, &["segment", "sections"]);
    let all: String = segments.iter().map(|row| row[1].clone() + " ").collect();
    let named: Vec<&str> = all.split([' ', ',', ':', ';']).collect();
    for section in ours.iter().chain([&SEC_MEMORY_BSS]) {
        let count = named.iter().filter(|name| *name == section).count();
        assert_eq!(count, 1, "{section}");
    }
    let memory = format!("PT_WASMAOT_MEMORY ({PT_WASMAOT_MEMORY:#x})");
    assert!(segments.iter().any(|row| row[0] == memory), "{segments:?}");

    let rows = table(&text, &["address", "size", "section"]);
    let tag = |text: &str| (!text.is_empty()).then(|| number(text));
    let stated = rows
        .iter()
        .map(|row| (tag(&row[0]), tag(&row[1]), row[2].as_str()));
    let ours = [
        (DT_WASMAOT_INFO, Some(DT_WASMAOT_INFOSZ), SEC_INFO),
        (DT_WASMAOT_SYMBOLS, Some(DT_WASMAOT_SYMBOLSSZ), SEC_SYMBOLS),
        (DT_WASMAOT_RELA, Some(DT_WASMAOT_RELASZ), SEC_RELA),
        (
            DT_WASMAOT_FUNCTIONS,
            Some(DT_WASMAOT_FUNCTIONSSZ),
            SEC_FUNCTIONS,
        ),
        (
            DT_WASMAOT_ELEMENTS,
            Some(DT_WASMAOT_ELEMENTSSZ),
            SEC_ELEMENTS,
        ),
        (DT_WASMAOT_FUNCREFS, None, SEC_FUNCREFS),
        (
            DT_WASMAOT_HANDLERS,
            Some(DT_WASMAOT_HANDLERSSZ),
            SEC_HANDLERS,
        ),
        (DT_WASMAOT_CALLS, Some(DT_WASMAOT_CALLSSZ), SEC_CALLS),
        (DT_WASMAOT_PRELINK, Some(DT_WASMAOT_PRELINKSZ), SEC_PRELINK),
        (DT_WASMAOT_IMPORTS, Some(DT_WASMAOT_IMPORTSSZ), SEC_IMPORTS),
        (DT_WASMAOT_MEMORY, None, "linear address 0, in no section"),
    ];
    let ours = ours.map(|(address, size, section)| (Some(address), size, section));
    assert_eq!(stated.collect::<Vec<_>>(), ours);
}

#[test]
fn fixed_size_records() {
    let text = abi();
    let rows = table(&text, &["section", "content"]);
    let content = |section| &rows.iter().find(|row| row[0] == section).expect("listed")[1];
    for (section, size, stated) in [
        (SEC_IMPORTS, ImportRecord::SIZE, "24 bytes each"),
        (SEC_RELA, wasmaot_abi::reloc::Rela::SIZE, "24 bytes each"),
    ] {
        assert_eq!(format!("{size} bytes each"), stated);
        assert!(content(section).contains(stated), "{section}");
    }
    let import = ImportRecord {
        module: (1, 2),
        name: (3, 4),
        symbol: 5,
        kind: 6,
        weak: true,
    };
    let words = [1, 2, 3, 4, 5, 6 | 1 << 31u32].map(u32::to_le_bytes);
    assert_eq!(import.encode(), words.concat()[..]);
    let symbol = SymbolRecord {
        kind: SymbolKind::Global,
        flags: 2,
        ty: 0x0807_0605,
    };
    assert_eq!(symbol.encode(), [3, 2, 0, 0, 5, 6, 7, 8]);
    assert_eq!(SymbolRecord::NO_TYPE, u32::MAX);
    let function = FunctionRecord {
        value: 1,
        type_id: 2,
    };
    assert_eq!(function.encode(), [1, 0, 0, 0, 2, 0, 0, 0]);
    let call = PltCall { place: 1, entry: 2 };
    assert_eq!(call.encode(), [1, 0, 0, 0, 2, 0, 0, 0]);
    let rela = wasmaot_abi::reloc::Rela {
        offset: 1,
        kind: Kind::Func32,
        symbol: 3,
        addend: -1,
    };
    let bytes = [
        &1u64.to_le_bytes()[..],
        &[2, 0, 0, 0, 3, 0, 0, 0],
        &[0xff; 8],
    ];
    assert_eq!(rela.encode(), bytes.concat()[..]);
    assert_eq!(wasmaot_abi::info::NULL_ELEMENT, u32::MAX);
}

#[test]
fn the_note() {
    let text = abi();
    assert_eq!((NOTE_NAME, NT_WASMAOT), ("wasmaot", 1));
    assert!(
        text.contains("**The note** has owner `wasmaot` and type 1. Its descriptor, 64 bytes:")
    );
    let note = Note {
        loaded_sum: 0x0505_0505_0505_0505,
        file_hash: [6; 32],
        ..Note::new(0x0202_0202, 0x0303_0303_0303_0303, 0x0404_0404_0404_0404)
    };
    let bytes = note.encode();
    assert_eq!(bytes.len(), 64);
    let rows = table(&text, &["at", "", ""]);
    let mut at = 0;
    for (row, value) in rows.iter().zip(1..) {
        let size = match &*row[1] {
            "u32" => 4,
            "u64" => 8,
            bytes => number(bytes.trim_end_matches(" bytes")) as usize,
        };
        assert_eq!(number(&row[0]), at as u64);
        let field = &bytes[at..at + size];
        match value {
            1 => assert_eq!(field, wasmaot_abi::ABI_VERSION.to_le_bytes()),
            _ => assert!(field.iter().all(|&byte| byte == value), "{row:?}"),
        }
        at += size;
    }
    assert_eq!((rows.len(), at), (6, 64));
    assert_eq!(Note::HASHES, 24);
    assert!(text.contains("(24 to 63 of the descriptor)"));
}

#[test]
fn cpu_features() {
    let text = document("records.md");
    let head = ["bit", "feature", "bit", "feature", "bit", "feature"];
    for (machine, head) in MACHINES.iter().zip([&head[..], &head[..2]]) {
        let rows = table(&text, head);
        let cells = rows.iter().flat_map(|row| row.chunks_exact(2));
        let cells = cells.filter(|pair| !pair[0].is_empty());
        let mut stated: Vec<_> = cells
            .map(|p| (number(&p[0]) as u32, p[1].as_str()))
            .collect();
        stated.sort_unstable();
        let ours = machine.cpu.features.iter().map(|f| (f.bit, f.name));
        assert_eq!(stated, ours.collect::<Vec<_>>());
    }
}
