//! The module's DWARF, as far as it says where code comes from: line tables, and
//! the calls that its compiler inlined.
//!
//! It comes with the module, from anywhere. So it is read in time and memory in
//! proportion to its size: tables that lie in one another would be read once for
//! each, and are damage. What is damaged is as if it were not there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use gimli::read::{self, Abbreviations, Attribute, AttributeValue, UnitHeader};
use gimli::{
    DW_AT_abstract_origin, DW_AT_call_column, DW_AT_call_file, DW_AT_call_line, DW_AT_low_pc,
    DW_AT_name, DW_AT_specification, DW_AT_stmt_list, DW_FORM_implicit_const,
    DW_TAG_inlined_subroutine, DW_TAG_subprogram, DebugAbbrevOffset, EndianSlice, LittleEndian,
    Reader as _, Section as _, SectionId, UnitOffset, UnitSectionOffset,
};

use wasmaot_abi::maps::source::MAX_INLINED;

use crate::module::Module;

pub(super) type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Attributes of an entry at most: an entry may take a byte, and its
/// abbreviation lists all of them.
const MAX_ATTRIBUTES: usize = 256;
/// References that lead to an inlined function's name at most.
const MAX_REFERENCES: usize = 8;

/// What was read.
pub(super) struct Source<'a> {
    pub dwarf: read::Dwarf<Slice<'a>>,
    pub units: Vec<read::Unit<Slice<'a>>>,
    pub rows: Rows,
}

impl<'a> Source<'a> {
    /// None for a module without line tables.
    pub fn read(module: &Module<'a>) -> Option<Self> {
        module.debug.get(".debug_line")?;
        let load = |id: SectionId| -> Result<_, read::Error> {
            let bytes = module.debug.get(id.name()).copied();
            Ok(EndianSlice::new(bytes.unwrap_or_default(), LittleEndian))
        };
        let dwarf = read::Dwarf::load(load).ok()?;
        let units = units(&dwarf)?;
        let rows = Rows::read(&units).ok()?;
        Some(Self { dwarf, units, rows })
    }
}

fn units<'a>(dwarf: &read::Dwarf<Slice<'a>>) -> Option<Vec<read::Unit<Slice<'a>>>> {
    let mut headers = Vec::new();
    let mut all = dwarf.units();
    while let Some(header) = all.next().ok()? {
        if header.type_() == gimli::UnitType::Compilation {
            headers.push(header);
        }
    }
    let tables = abbreviations(dwarf, &headers)?;
    let table = |header: &UnitHeader<Slice<'a>>| tables.get(&header.debug_abbrev_offset().0);
    let mut programs = BTreeSet::new();
    for header in &headers {
        let mut entries = header.entries(table(header)?);
        let root = entries.next_dfs().ok()??;
        if let Some(AttributeValue::DebugLineRef(at)) = root.attr_value(DW_AT_stmt_list) {
            // One table for two units would be read twice.
            programs.insert(at.0).then_some(())?;
        }
    }
    let mut end = 0;
    for at in programs {
        let mut section = *dwarf.debug_line.reader();
        section.skip(at).ok()?;
        let (length, format) = section.read_initial_length().ok()?;
        (at >= end).then_some(())?;
        let head = usize::from(format.initial_length_size());
        end = (at + head).checked_add(length)?;
    }
    let unit = |header: UnitHeader<Slice<'a>>| {
        let table = Arc::clone(table(&header)?);
        read::Unit::new_with_abbreviations(dwarf, header, table).ok()
    };
    headers.into_iter().map(unit).collect()
}

/// The tables of abbreviations by where they begin.
fn abbreviations(
    dwarf: &read::Dwarf<Slice<'_>>,
    headers: &[UnitHeader<Slice<'_>>],
) -> Option<BTreeMap<usize, Arc<Abbreviations>>> {
    let mut tables = BTreeMap::new();
    for header in headers {
        tables.insert(header.debug_abbrev_offset().0, Arc::default());
    }
    let section = *dwarf.debug_abbrev.reader();
    let mut end = 0;
    for (&at, table) in &mut tables {
        (at >= end).then_some(())?;
        let mut rest = section;
        rest.skip(at).ok()?;
        skip_table(&mut rest)?;
        end = section.len() - rest.len();
        let read = dwarf.debug_abbrev.abbreviations(DebugAbbrevOffset(at));
        *table = Arc::new(read.ok()?);
    }
    Some(tables)
}

/// Goes to the end of a table of abbreviations.
fn skip_table(rest: &mut Slice<'_>) -> Option<()> {
    while rest.read_uleb128().ok()? != 0 {
        rest.read_uleb128().ok()?;
        rest.read_u8().ok()?;
        let mut attributes = 0;
        loop {
            let name = rest.read_uleb128().ok()?;
            let form = rest.read_uleb128().ok()?;
            if form == u64::from(DW_FORM_implicit_const.0) {
                rest.read_sleb128().ok()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
            attributes += 1;
            (attributes <= MAX_ATTRIBUTES).then_some(())?;
        }
    }
    Some(())
}

/// A row of a line table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Offset from the start of the code section's content.
    pub address: u64,
    pub unit: usize,
    pub file: u64,
    pub line: u64,
    pub column: u64,
    /// Ends a sequence: no code from here to the next row.
    pub end: bool,
}

/// The rows of all line tables, by address. Of two at one address, the later
/// one counts.
pub(super) struct Rows(pub Vec<Row>);

impl Rows {
    fn read(units: &[read::Unit<Slice<'_>>]) -> read::Result<Self> {
        let mut rows = Vec::new();
        for (unit, parsed) in units.iter().enumerate() {
            let Some(program) = parsed.line_program.clone() else {
                continue;
            };
            let mut reader = program.rows();
            let mut sequence: Vec<Row> = Vec::new();
            while let Some((_, row)) = reader.next_row()? {
                sequence.push(Row {
                    address: row.address(),
                    unit,
                    file: row.file_index(),
                    line: row.line().map_or(0, |line| line.get()),
                    column: match row.column() {
                        read::ColumnType::LeftEdge => 0,
                        read::ColumnType::Column(column) => column.get(),
                    },
                    end: row.end_sequence(),
                });
                if row.end_sequence() {
                    // Sequences of functions that the linker dropped start at
                    // 0, where no function's code can start.
                    if sequence[0].address != 0 {
                        rows.append(&mut sequence);
                    }
                    sequence.clear();
                }
            }
        }
        // Where one sequence ends and the next begins, the beginning counts.
        rows.sort_by_key(|row| (row.address, !row.end));
        Ok(Self(rows))
    }

    /// The row of an offset in the module.
    pub fn at(&self, module: &Module<'_>, wasm: u32) -> Option<Row> {
        let address = u64::from(wasm).checked_sub(module.code_start)?;
        let after = self.0.partition_point(|row| row.address <= address);
        let row = *self.0.get(after.checked_sub(1)?)?;
        (!row.end && row.line != 0).then_some(row)
    }
}

/// A stretch of code that is of an inlined call.
pub(super) struct Inlined<'a> {
    pub unit: usize,
    /// Offsets from the start of the code section's content.
    pub begin: u64,
    pub end: u64,
    /// How many inlined calls it is in.
    pub depth: usize,
    /// Name of the callee; empty where none is known.
    pub name: &'a [u8],
    /// Where the call is.
    pub file: u64,
    pub line: u64,
    pub column: u64,
}

impl<'a> Source<'a> {
    /// The inlined calls' stretches of code.
    pub fn inlined(&self) -> Option<Vec<Inlined<'a>>> {
        let mut found = Vec::new();
        let mut names = HashMap::new();
        // A list of ranges may be that of many entries.
        let mut budget = [
            self.dwarf.debug_info.reader().len(),
            self.dwarf.ranges.debug_ranges().reader().len(),
            self.dwarf.ranges.debug_rnglists().reader().len(),
        ]
        .iter()
        .sum::<usize>();
        for (number, unit) in self.units.iter().enumerate() {
            // Depths, in the tree of entries, of the inlined calls around.
            let mut around: Vec<isize> = Vec::new();
            let mut dropped = None;
            let mut entries = unit.entries();
            while let Some(entry) = entries.next_dfs().ok()? {
                let depth = entry.depth();
                if dropped.is_some_and(|function| depth > function) {
                    continue;
                }
                // Where the linker dropped a function, it may have left 0 for
                // its address: what is in it seems to lie in another.
                let address = entry.attr_value(DW_AT_low_pc);
                let of = entry.tag() == DW_TAG_subprogram;
                dropped = (of && address == Some(AttributeValue::Addr(0))).then_some(depth);
                while around.pop_if(|&mut outer| outer >= depth).is_some() {}
                if entry.tag() != DW_TAG_inlined_subroutine || around.len() >= MAX_INLINED {
                    continue;
                }
                let inside = around.len();
                around.push(depth);
                let number_of = |name| entry.attr(name).and_then(Attribute::udata_value);
                let file = match entry.attr_value(DW_AT_call_file) {
                    Some(AttributeValue::FileIndex(file)) => file,
                    _ => continue,
                };
                let origin = entry.attr_value(DW_AT_abstract_origin);
                let at = origin.and_then(|at| self.entry_of(number, at));
                let name = at.map(|at| *names.entry(at).or_insert_with(|| self.name(at)));
                let mut ranges = self.dwarf.die_ranges(unit, entry).ok()?;
                while let Some(range) = ranges.next().ok()? {
                    budget = budget.checked_sub(1)?;
                    found.push(Inlined {
                        unit: number,
                        begin: range.begin,
                        end: range.end,
                        depth: inside,
                        name: name.flatten().unwrap_or_default(),
                        file,
                        line: number_of(DW_AT_call_line).unwrap_or(0),
                        column: number_of(DW_AT_call_column).unwrap_or(0),
                    });
                }
            }
        }
        Some(found)
    }

    /// The entry that an attribute of a unit refers to, as unit and offset.
    fn entry_of(&self, unit: usize, value: AttributeValue<Slice<'a>>) -> Option<(usize, usize)> {
        match value {
            AttributeValue::UnitRef(at) => Some((unit, at.0)),
            AttributeValue::DebugInfoRef(at) => {
                let starts = |unit: &read::Unit<_>| unit.header.offset().0 <= at.0;
                let unit = self.units.partition_point(starts).checked_sub(1)?;
                let at = UnitSectionOffset(at.0).to_unit_offset(&self.units[unit].header)?;
                Some((unit, at.0))
            }
            _ => None,
        }
    }

    /// The name of a function, or of what it refers to.
    fn name(&self, (mut unit, mut at): (usize, usize)) -> Option<&'a [u8]> {
        for _ in 0..MAX_REFERENCES {
            let of = self.units.get(unit)?;
            let entry = of.entry(UnitOffset(at)).ok()?;
            if let Some(name) = entry.attr_value(DW_AT_name) {
                return Some(self.dwarf.attr_string(of, name).ok()?.slice());
            }
            let mut further = [DW_AT_abstract_origin, DW_AT_specification].into_iter();
            let further = further.find_map(|name| entry.attr_value(name))?;
            (unit, at) = self.entry_of(unit, further)?;
        }
        None
    }
}
