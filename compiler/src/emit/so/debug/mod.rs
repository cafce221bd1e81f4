//! Line numbers and function names for debuggers, from the module's DWARF.
//!
//! The module's line tables give source lines for offsets in its code section;
//! the address map gives such offsets for native code. Joined, they make one
//! unit for each of the module's units that has code: its line table, and a
//! subprogram for each function. Variables are not described: their locations
//! are places of an abstract machine that no longer exist. A module whose
//! DWARF is damaged is built without.

mod aranges;
mod code;
mod entries;
mod inlined;
mod place;
mod types;
mod variables;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use gimli::read;
use gimli::write::{
    Address, AttributeValue, Dwarf, FileId, LineProgram, LineString, Range, RangeList, Relocation,
    RelocationTarget, Sections, Unit, UnitEntryId, UnitId, Writer as _,
};
use gimli::{
    DW_AT_comp_dir, DW_AT_external, DW_AT_high_pc, DW_AT_language, DW_AT_low_pc, DW_AT_name,
    DW_AT_producer, DW_AT_ranges, DW_AT_stmt_list, DW_LANG_C11, DW_TAG_subprogram, DwLang,
    Encoding, Format, LineEncoding, SectionId,
};

use wasmaot_abi::maps::debug::{AddressKind, DEBUG_SECTIONS, encode_addresses};
use wasmaot_abi::maps::lines::{Line, decode_stream};

use entries::Shared;

use super::dwarf::{Row, Rows, Slice, Source};
use super::layout::Section;
use super::plan::Plan;
use super::recorder::Recorder;
use crate::build_id::PRODUCER;

/// Debugging sections, before `.text` has an address.
#[derive(Default)]
pub(super) struct Debug {
    sections: Vec<(SectionId, Recorder)>,
}

/// The sections of DWARF 4 that may be made.
pub(super) const SECTIONS: [(SectionId, Section); 7] = [
    (SectionId::DebugAbbrev, Section::DebugAbbrev),
    (SectionId::DebugAranges, Section::DebugAranges),
    (SectionId::DebugInfo, Section::DebugInfo),
    (SectionId::DebugLine, Section::DebugLine),
    (SectionId::DebugLoc, Section::DebugLoc),
    (SectionId::DebugRanges, Section::DebugRanges),
    (SectionId::DebugStr, Section::DebugStr),
];

impl Debug {
    /// Bytes of a section.
    pub fn size(&self, id: SectionId) -> u64 {
        self.get(id).map_or(0, |buffer| buffer.bytes.len() as u64)
    }

    /// A section's content, with `.text` at this address.
    pub fn place(&self, id: SectionId, text: u64) -> Vec<u8> {
        let Some(buffer) = self.get(id) else {
            return Vec::new();
        };
        let mut bytes = buffer.bytes.slice().to_vec();
        for reloc in &buffer.relocs {
            let base = match kind(reloc) {
                Some(AddressKind::Object) => text,
                // Linear addresses are as the module has them, and sections that are
                // not loaded start at 0.
                _ => 0,
            };
            let value = base.wrapping_add(reloc.addend as u64).to_le_bytes();
            let size = usize::from(reloc.size);
            bytes[reloc.offset..reloc.offset + size].copy_from_slice(&value[..size]);
        }
        bytes
    }

    /// The record of the fields that are addresses.
    pub fn addresses(&self) -> Vec<u8> {
        let mut record = Vec::new();
        for (id, buffer) in &self.sections {
            let name = id.name();
            let Some(number) = DEBUG_SECTIONS.iter().position(|&known| known == name) else {
                continue;
            };
            let relocs = buffer.relocs.iter();
            let fields = relocs.filter_map(|reloc| Some((reloc.offset as u64, kind(reloc)?)));
            let mut fields: Vec<_> = fields.collect();
            fields.sort_unstable();
            encode_addresses(&mut record, number as u8, &fields);
        }
        record
    }

    fn get(&self, id: SectionId) -> Option<&Recorder> {
        self.sections
            .iter()
            .find(|(section, _)| *section == id)
            .map(|(_, buffer)| buffer)
    }
}

/// What a field is the address of; `None`: its offset in a section.
fn kind(reloc: &Relocation) -> Option<AddressKind> {
    let RelocationTarget::Symbol(symbol) = reloc.target else {
        return None;
    };
    SYMBOLS.get(symbol).copied()
}

/// What the symbols stand for by which addresses are written. Of addresses in the
/// object, that is the start of `.text`.
const TEXT: usize = 0;
const DATA: usize = 1;
const MEMORY: usize = 2;
const SYMBOLS: [AddressKind; 3] = [AddressKind::Object, AddressKind::Data, AddressKind::Memory];

/// Makes the sections; empty for a module without DWARF.
pub(super) fn build(plan: &Plan<'_>, source: Option<&Source<'_>>) -> Debug {
    let debug = source.map(|source| translate(plan, source));
    debug.and_then(Result::ok).unwrap_or_default()
}

/// Where a function's code comes from, as far as that is in this module.
fn lines(plan: &Plan<'_>, number: usize) -> impl Iterator<Item = Line> {
    let stream = decode_stream(&plan.code.functions[number].lines);
    let cross_module = plan.code.cross_module.first().map(|&(first, _)| first);
    stream.into_iter().flat_map(move |(inlined, lines)| {
        lines.filter(move |line| {
            let site = (line.site as usize).checked_sub(1);
            let callee = site.and_then(|at| inlined.get(at)).map(|c| c.function);
            cross_module.is_none() || callee < cross_module
        })
    })
}

/// Translates with variables; where the DWARF is damaged as far as it says of them, or
/// there would be too much of them, without.
fn translate(plan: &Plan<'_>, source: &Source<'_>) -> read::Result<Debug> {
    let functions = by_unit(plan, source);
    match with_variables(plan, source, &functions) {
        Some(debug) => Ok(debug),
        None => {
            let units: Vec<_> = functions.values().map(Vec::as_slice).collect();
            Ok(finish(plan, lines_alone(plan, source, &functions)?, &units).unwrap_or_default())
        }
    }
}

/// Functions by unit, in order of their code.
fn by_unit(plan: &Plan<'_>, source: &Source<'_>) -> BTreeMap<usize, Vec<usize>> {
    let mut by_unit: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for number in 0..plan.code.functions.len() {
        // Of its own lines if it has any: what is inlined may be of another unit.
        let mut own = lines(plan, number).filter(|line| line.site == 0);
        let row = own.find_map(|line| source.rows.at(plan.module, line.wasm));
        let mut all = lines(plan, number);
        if let Some(row) =
            row.or_else(|| all.find_map(|line| source.rows.at(plan.module, line.wasm)))
        {
            by_unit.entry(row.unit).or_default().push(number);
        }
    }
    by_unit
}

/// Lines, and names of functions.
fn lines_alone(
    plan: &Plan<'_>,
    source: &Source<'_>,
    functions: &BTreeMap<usize, Vec<usize>>,
) -> read::Result<Dwarf> {
    let mut out = Dwarf::new();
    for (&unit, functions) in functions {
        let writer = UnitWriter::new(plan, source, unit);
        let id = writer.write(&mut out, functions)?;
        for &function in functions {
            writer.name(&mut out, id, function);
        }
    }
    Ok(out)
}

/// The same, and all that the units say of types and variables.
fn with_variables(
    plan: &Plan<'_>,
    source: &Source<'_>,
    functions: &BTreeMap<usize, Vec<usize>>,
) -> Option<Debug> {
    let mut out = Dwarf::new();
    let mut shared = Shared::new(plan, source);
    for unit in 0..source.units.len() {
        let own = functions.get(&unit).map_or(&[][..], Vec::as_slice);
        let writer = UnitWriter::new(plan, source, unit);
        shared.units.push(writer.write(&mut out, own).ok()?);
    }
    for unit in 0..source.units.len() {
        shared.make(&mut out, unit)?;
    }
    for unit in 0..source.units.len() {
        let writer = UnitWriter::new(plan, source, unit);
        let id = shared.units[unit];
        shared.fill(&mut out, unit, &mut |out, index| {
            let program = &mut out.units.get_mut(id).line_program;
            writer.file(program, index).ok()
        })?;
        for &function in functions.get(&unit).into_iter().flatten() {
            let made = match shared.described.get(&function) {
                Some(&made) => made,
                None => (unit, writer.name(&mut out, id, function)),
            };
            shared.add_inlined(&mut out, function, made, &mut |out, row| {
                let program = &mut out.units.get_mut(id).line_program;
                writer.file_of(program, row).ok()
            })?;
        }
    }
    let own = |unit| functions.get(&unit).map_or(&[][..], Vec::as_slice);
    let units: Vec<_> = (0..source.units.len()).map(own).collect();
    finish(plan, out, &units)
}

/// The sections; `units`: the functions of each unit.
fn finish(plan: &Plan<'_>, mut out: Dwarf, units: &[&[usize]]) -> Option<Debug> {
    let mut sections = Sections::new(Recorder::default());
    out.write(&mut sections).ok()?;
    let stretch = |&function: &usize| {
        let size = plan.code.functions[function].bytes.len() as u64;
        (u64::from(plan.text.offsets[function]), size)
    };
    let units: Vec<Vec<_>> = units
        .iter()
        .map(|functions| functions.iter().map(stretch).collect())
        .collect();
    let info = sections.get(SectionId::DebugInfo)?;
    let aranges = aranges::write(info.bytes.slice(), &units)?;
    let taken = SECTIONS
        .iter()
        .filter_map(|&(id, _)| Some((id, sections.get(id)?.clone())));
    let mut sections: Vec<_> = taken.collect();
    sections.push((SectionId::DebugAranges, aranges));
    Some(Debug { sections })
}

/// The language of a unit.
fn language(unit: &read::Unit<Slice<'_>>) -> DwLang {
    let root = unit.entry(unit.header.root_offset());
    let value = root.ok().and_then(|root| root.attr_value(DW_AT_language));
    match value {
        Some(read::AttributeValue::Language(language)) => language,
        _ => DW_LANG_C11,
    }
}

/// Writes one unit.
struct UnitWriter<'w, 's> {
    plan: &'w Plan<'w>,
    rows: &'w Rows,
    dwarf: &'w read::Dwarf<Slice<'s>>,
    units: &'w [read::Unit<Slice<'s>>],
    unit: &'w read::Unit<Slice<'s>>,
    number: usize,
    /// The files that the unit has got, by those of the module.
    files: RefCell<HashMap<(usize, u64), FileId>>,
}

const ENCODING: Encoding = Encoding {
    format: Format::Dwarf32,
    version: 4,
    address_size: 8,
};

impl<'w, 's> UnitWriter<'w, 's> {
    fn new(plan: &'w Plan<'w>, source: &'w Source<'s>, number: usize) -> Self {
        Self {
            plan,
            rows: &source.rows,
            dwarf: &source.dwarf,
            units: &source.units,
            unit: &source.units[number],
            number,
            files: RefCell::default(),
        }
    }

    fn write(&self, out: &mut Dwarf, functions: &[usize]) -> read::Result<UnitId> {
        let text = |slice: Option<Slice<'_>>, default: &str| match slice {
            Some(slice) if !slice.is_empty() => slice.slice().to_vec(),
            _ => default.as_bytes().to_vec(),
        };
        let name = text(self.unit.name, "unknown");
        let directory = text(self.unit.comp_dir, ".");
        let mut program = LineProgram::new(
            ENCODING,
            LineEncoding::default(),
            LineString::String(directory.clone()),
            None,
            LineString::String(name.clone()),
            None,
        );
        for &function in functions {
            self.sequence(&mut program, function)?;
        }
        let id = out.units.add(Unit::new(ENCODING, program));
        let strings = &mut out.strings;
        let unit = out.units.get_mut(id);
        let root = unit.root();
        let ranges = functions.iter().map(|&function| Range::StartLength {
            begin: self.address(function),
            length: self.size(function),
        });
        let ranges = unit.ranges.add(RangeList(ranges.collect()));
        let entry = unit.get_mut(root);
        for (at, value) in [
            (
                DW_AT_producer,
                AttributeValue::StringRef(strings.add(PRODUCER)),
            ),
            (
                DW_AT_language,
                AttributeValue::Language(language(self.unit)),
            ),
            (DW_AT_name, AttributeValue::StringRef(strings.add(name))),
            (
                DW_AT_comp_dir,
                AttributeValue::StringRef(strings.add(directory)),
            ),
            (DW_AT_stmt_list, AttributeValue::LineProgramRef),
            (DW_AT_low_pc, AttributeValue::Address(Address::Constant(0))),
            (DW_AT_ranges, AttributeValue::RangeListRef(ranges)),
        ] {
            entry.set(at, value);
        }
        Ok(id)
    }

    /// Adds a function that nothing else is known of.
    fn name(&self, out: &mut Dwarf, unit: UnitId, function: usize) -> UnitEntryId {
        let imported = self.plan.module.imported_funcs();
        let number = self.plan.code.function_of(function);
        let name = self.plan.module.func_name(imported + number as u32);
        let name = out.strings.add(name.replace('\0', "?"));
        let unit = out.units.get_mut(unit);
        let child = unit.add(unit.root(), DW_TAG_subprogram);
        let entry = unit.get_mut(child);
        for (at, value) in [
            (DW_AT_name, AttributeValue::StringRef(name)),
            (DW_AT_external, AttributeValue::Flag(true)),
            (
                DW_AT_low_pc,
                AttributeValue::Address(self.address(function)),
            ),
            (DW_AT_high_pc, AttributeValue::Udata(self.size(function))),
        ] {
            entry.set(at, value);
        }
        child
    }

    /// The rows of one function.
    fn sequence(&self, program: &mut LineProgram, function: usize) -> read::Result<()> {
        program.begin_sequence(Some(self.address(function)));
        let mut last = None;
        for line in lines(self.plan, function) {
            let Some(row) = self.rows.at(self.plan.module, line.wasm) else {
                continue;
            };
            let key = (row.unit, row.file, row.line, row.column);
            let first = last.is_none();
            if last.replace(key) == Some(key) {
                continue;
            }
            let file = self.file_of(program, &row)?;
            let out = program.row();
            // The prologue belongs to the first line: debuggers ask for the
            // line of a function's own address.
            out.address_offset = if first { 0 } else { u64::from(line.code) };
            out.file = file;
            out.line = row.line;
            out.column = row.column;
            program.generate_row();
        }
        program.end_sequence(self.size(function));
        Ok(())
    }

    /// A file of the unit.
    fn file(&self, program: &mut LineProgram, index: u64) -> read::Result<FileId> {
        self.add_file(program, self.number, index)
    }

    /// The file of a row, which may be of another unit.
    fn file_of(&self, program: &mut LineProgram, row: &Row) -> read::Result<FileId> {
        self.add_file(program, row.unit, row.file)
    }

    /// Adds a file; once, as its path may be long and its rows many.
    fn add_file(&self, program: &mut LineProgram, unit: usize, index: u64) -> read::Result<FileId> {
        if let Some(&known) = self.files.borrow().get(&(unit, index)) {
            return Ok(known);
        }
        let file = self.make_file(program, unit, index)?;
        self.files.borrow_mut().insert((unit, index), file);
        Ok(file)
    }

    fn make_file(
        &self,
        program: &mut LineProgram,
        unit: usize,
        index: u64,
    ) -> read::Result<FileId> {
        let of = &self.units[unit];
        let mut name = b"unknown".to_vec();
        let mut directory = program.default_directory();
        // Where paths of that unit begin, if that is elsewhere.
        let start = of.comp_dir.map(|start| start.slice().to_vec());
        let start = start.filter(|start| unit != self.number && !start.is_empty());
        let header = of.line_program.as_ref().map(|p| p.header());
        let file = header.and_then(|h| Some((h, h.file(index)?)));
        if let Some((header, file)) = file {
            let text = |value| -> read::Result<Vec<u8>> {
                Ok(self.dwarf.attr_string(of, value)?.slice().to_vec())
            };
            name = text(file.path_name())?;
            let in_unit = file.directory_index() == 0;
            let named = match file.directory(header).filter(|_| !in_unit) {
                Some(value) => text(value)?,
                None => Vec::new(),
            };
            let whole = match start {
                Some(start) if named.is_empty() => start,
                Some(start) if !named.starts_with(b"/") => [&start[..], b"/", &named[..]].concat(),
                _ => named,
            };
            if !whole.is_empty() && !whole.contains(&0) {
                directory = program.add_directory(LineString::String(whole));
            }
        }
        if name.is_empty() || name.contains(&0) {
            name = b"unknown".to_vec();
        }
        Ok(program.add_file(LineString::String(name), directory, None))
    }

    fn address(&self, function: usize) -> Address {
        let addend = i64::from(self.plan.text.offsets[function]);
        Address::Symbol { symbol: 0, addend }
    }

    fn size(&self, function: usize) -> u64 {
        self.plan.code.functions[function].bytes.len() as u64
    }
}
