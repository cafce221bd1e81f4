//! The entries of a unit (types, functions, variables), copied with native
//! addresses and places.
//!
//! Two passes: the first makes the entries, leaves out those that no code is left of, and
//! gives functions and blocks their code; the second copies attributes, which refer to
//! entries. What is read is from anywhere: each step is paid for from a budget.

#![allow(
    non_upper_case_globals,
    reason = "names of DWARF's tags and attributes in patterns"
)]

use std::collections::HashMap;
use std::ops::Range;

use gimli::read::{self, AttributeValue as Read};
use gimli::write::{
    Address, AttributeValue, Dwarf, FileId, RangeList, StringId, UnitEntryId, UnitId,
};
use gimli::{
    DW_AT_GNU_all_call_sites, DW_AT_call_all_calls, DW_AT_call_file, DW_AT_data_member_location,
    DW_AT_decl_file, DW_AT_entry_pc, DW_AT_frame_base, DW_AT_high_pc, DW_AT_linkage_name,
    DW_AT_location, DW_AT_low_pc, DW_AT_ranges, DW_AT_sibling, DW_LANG_C, DW_LANG_C11, DW_LANG_C17,
    DW_LANG_C89, DW_LANG_C99, DW_TAG_GNU_call_site, DW_TAG_call_site, DW_TAG_formal_parameter,
    DW_TAG_inlined_subroutine, DW_TAG_label, DW_TAG_lexical_block, DW_TAG_pointer_type,
    DW_TAG_reference_type, DW_TAG_rvalue_reference_type, DW_TAG_subprogram, DW_TAG_variable, DwAt,
    DwLang, DwTag, Reader as _, Section as _, UnitSectionOffset,
};

use super::super::dwarf::{Slice, Source};
use super::super::plan::Plan;
use super::TEXT;
use super::code::{ATTRIBUTE, Budget, FunctionCode};
use super::place::{Bases, Place};
use super::types::Types;
use super::variables::Scope;

/// Attributes of an entry at most: no compiler writes as many.
const MAX_ATTRIBUTES: usize = 40;
/// Bytes of a name at most.
const MAX_TEXT: usize = 4096;
/// Depth of entries at most.
const MAX_DEPTH: usize = 256;

/// Entries by unit and offset.
pub(super) type Made = HashMap<(usize, usize), UnitEntryId>;

/// What the units of a module have in common.
pub(super) struct Shared<'w, 'a> {
    pub plan: &'w Plan<'w>,
    pub source: &'w Source<'a>,
    pub budget: Budget,
    pub made: Made,
    /// By number, the functions that have an entry.
    pub described: HashMap<usize, (usize, UnitEntryId)>,
    /// By number of the body, the entry of each function, whether it has code or not.
    pub(super) subprograms: HashMap<usize, (usize, UnitEntryId)>,
    /// What stands for functions that are inlined.
    pub(super) origins: HashMap<usize, (usize, UnitEntryId)>,
    /// By function, the blocks that it has code of.
    pub(super) scopes: HashMap<usize, Vec<BlockScope>>,
    pub units: Vec<UnitId>,
    strings: HashMap<(u8, usize), StringId>,
    pub(super) types: Types,
    /// The function that was asked for last.
    code: Option<FunctionCode>,
    /// The global with the memory base.
    pub(super) memory_base: Option<u32>,
}

/// A block, or a call that the module's compiler has inlined.
pub(super) struct BlockScope {
    pub wasm: Range<u32>,
    pub depth: isize,
    pub entry: UnitEntryId,
}

/// An entry around the one that is being read.
struct Around {
    depth: isize,
    entry: UnitEntryId,
    /// The function that it is in.
    function: Option<usize>,
    /// Local with its frame base.
    base: Option<u32>,
}

pub(super) type Entry<'a> = read::DebuggingInformationEntry<Slice<'a>>;

impl<'w, 'a> Shared<'w, 'a> {
    pub fn new(plan: &'w Plan<'w>, source: &'w Source<'a>) -> Self {
        Self {
            plan,
            source,
            budget: Budget::new(plan),
            made: HashMap::new(),
            described: HashMap::new(),
            subprograms: HashMap::new(),
            origins: HashMap::new(),
            scopes: HashMap::new(),
            units: Vec::new(),
            strings: HashMap::new(),
            types: Types::default(),
            code: None,
            memory_base: plan.module.memory_base(),
        }
    }

    pub(super) fn unit(&self, number: usize) -> &'w read::Unit<Slice<'a>> {
        &self.source.units[number]
    }

    /// Makes the entries of a unit.
    pub fn make(&mut self, out: &mut Dwarf, number: usize) -> Option<()> {
        let unit = self.unit(number);
        let id = self.units[number];
        let root = out.units.get(id).root();
        let mut around: Vec<Around> = Vec::new();
        let mut dropped: Option<isize> = None;
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().ok()? {
            self.budget.spend(1)?;
            let depth = entry.depth();
            if depth == 0 || dropped.is_some_and(|above| depth > above) {
                continue;
            }
            dropped = None;
            while around.pop_if(|outer| outer.depth >= depth).is_some() {}
            (around.len() < MAX_DEPTH).then_some(())?;
            let outer = around.last();
            let function = outer.and_then(|outer| outer.function);
            let (parent, tag) = (outer.map_or(root, |outer| outer.entry), entry.tag());
            let ranges = self.ranges(number, entry)?;
            if is_left_out(tag, entry) {
                dropped = Some(depth);
                continue;
            }
            let mut here = function;
            let mut body = None;
            let mut block = None;
            match (tag, ranges) {
                (DW_TAG_subprogram, Some(wasm)) => {
                    body = self.body_at(&wasm);
                    let has_code = |f: &usize| !self.plan.code.functions[*f].is_left_out();
                    here = body.filter(has_code);
                    here = here.filter(|f| !self.described.contains_key(f));
                }
                (DW_TAG_subprogram, None) => here = None,
                (DW_TAG_lexical_block | DW_TAG_inlined_subroutine, Some(wasm)) => {
                    let found = match function {
                        Some(function) => self.native(function, &wasm)?,
                        None => Vec::new(),
                    };
                    if found.is_empty() {
                        dropped = Some(depth);
                        continue;
                    }
                    block = Some((wasm, found));
                }
                _ => {}
            }
            let made = out.units.get_mut(id).add(parent, tag);
            self.made.insert((number, entry.offset().0), made);
            if let Some(body) = body {
                self.subprograms.entry(body).or_insert((number, made));
            }
            if let (DW_TAG_subprogram, Some(function)) = (tag, here) {
                self.described.insert(function, (number, made));
                let low = self.address(function, 0);
                let size = self.plan.code.functions[function].bytes.len() as u64;
                let made = out.units.get_mut(id).get_mut(made);
                made.set(DW_AT_low_pc, AttributeValue::Address(low));
                made.set(DW_AT_high_pc, AttributeValue::Udata(size));
            }
            if let (Some((wasm, native)), Some(function)) = (block, function) {
                self.set_ranges(out, id, made, function, &native);
                let scopes = self.scopes.entry(function).or_default();
                scopes.extend(wasm.into_iter().map(|wasm| BlockScope {
                    wasm,
                    depth,
                    entry: made,
                }));
            }
            if entry.has_children() {
                around.push(Around {
                    depth,
                    entry: made,
                    function: here,
                    base: None,
                });
            }
        }
        Some(())
    }

    /// The native code of wasm code of a function.
    pub(super) fn native(
        &mut self,
        function: usize,
        wasm: &[Range<u32>],
    ) -> Option<Vec<Range<u32>>> {
        let code = match self.code.take() {
            Some(code) if code.number == function => code,
            _ => FunctionCode::new(self.plan, function, &mut self.budget)?,
        };
        let mut all = Vec::new();
        for range in wasm {
            all.extend(code.native(range, &mut self.budget)?);
        }
        self.code = Some(code);
        all.sort_unstable_by_key(|range| range.start);
        Some(all)
    }

    pub(super) fn set_ranges(
        &self,
        out: &mut Dwarf,
        unit: UnitId,
        made: UnitEntryId,
        function: usize,
        native: &[Range<u32>],
    ) {
        let unit = out.units.get_mut(unit);
        if let [only] = native {
            let low = AttributeValue::Address(self.address(function, only.start));
            unit.get_mut(made).set(DW_AT_low_pc, low);
            let size = AttributeValue::Udata((only.end - only.start).into());
            unit.get_mut(made).set(DW_AT_high_pc, size);
            return;
        }
        let ranges = native.iter().map(|range| gimli::write::Range::StartLength {
            begin: self.address(function, range.start),
            length: (range.end - range.start).into(),
        });
        let ranges = unit.ranges.add(RangeList(ranges.collect()));
        let ranges = AttributeValue::RangeListRef(ranges);
        unit.get_mut(made).set(DW_AT_ranges, ranges);
    }

    pub(super) fn address(&self, function: usize, at: u32) -> Address {
        Address::Symbol {
            symbol: TEXT,
            addend: i64::from(self.plan.text.offsets[function]) + i64::from(at),
        }
    }

    /// The wasm code of an entry, as offsets in the module; `None` if it says of none.
    fn ranges(&mut self, unit: usize, entry: &Entry<'a>) -> Option<Option<Vec<Range<u32>>>> {
        let says = [DW_AT_low_pc, DW_AT_ranges];
        if !says.iter().any(|&name| entry.attr(name).is_some()) {
            return Some(None);
        }
        let mut found = Vec::new();
        let mut ranges = self.source.dwarf.die_ranges(self.unit(unit), entry).ok()?;
        while let Some(range) = ranges.next().ok()? {
            self.budget.spend(1)?;
            // The linker leaves 0 where it has dropped a function.
            if range.begin != 0 {
                found.extend(self.in_module(range.begin..range.end));
            }
        }
        Some(Some(found))
    }

    /// Offsets of the code section as such of the module.
    pub(super) fn in_module(&self, code: Range<u64>) -> Option<Range<u32>> {
        let offset = |at: u64| {
            let offset = at.checked_add(self.plan.module.code_start)?;
            u32::try_from(offset).ok()
        };
        let range = offset(code.start)?..offset(code.end)?;
        (range.start < range.end).then_some(range)
    }

    /// The function with this wasm code.
    fn body_at(&self, wasm: &[Range<u32>]) -> Option<usize> {
        // Where a function begins there may be its size, which is not in the body.
        let last = wasm.first()?.end as usize - 1;
        let bodies = &self.plan.module.bodies;
        let number = bodies.partition_point(|body| body.range.end <= last);
        bodies.get(number)?.range.contains(&last).then_some(number)
    }

    /// Copies the attributes of a unit's entries.
    pub fn fill(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        files: &mut dyn FnMut(&mut Dwarf, u64) -> Option<FileId>,
    ) -> Option<()> {
        let unit = self.unit(number);
        let mut around: Vec<Around> = Vec::new();
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().ok()? {
            let depth = entry.depth();
            while around.pop_if(|outer| outer.depth >= depth).is_some() {}
            let Some(&made) = self.made.get(&(number, entry.offset().0)) else {
                continue;
            };
            let outer = around.last();
            let (mut function, mut base) =
                outer.map_or((None, None), |outer| (outer.function, outer.base));
            let tag = entry.tag();
            if tag == DW_TAG_subprogram {
                function = self.function_of(number, made, entry)?;
                base = match entry.attr_value(DW_AT_frame_base) {
                    Some(Read::Exprloc(expression)) => {
                        Place::read(expression, unit, &self.source.dwarf, Bases::default())
                            .and_then(|place| place.of_local())
                    }
                    _ => None,
                };
            }
            self.copy(out, number, entry, made, files)?;
            if matches!(tag, DW_TAG_variable | DW_TAG_formal_parameter) {
                let scope = Scope {
                    number,
                    function,
                    base,
                };
                self.locate(out, entry, made, scope)?;
            }
            let is_pointer = matches!(
                tag,
                DW_TAG_pointer_type | DW_TAG_reference_type | DW_TAG_rvalue_reference_type
            );
            if is_pointer {
                self.linear_pointer(out, number, entry, made)?;
            }
            if entry.has_children() {
                around.push(Around {
                    depth,
                    entry: made,
                    function,
                    base,
                });
            }
        }
        Some(())
    }

    /// The function that an entry was made for.
    fn function_of(
        &mut self,
        unit: usize,
        made: UnitEntryId,
        entry: &Entry<'a>,
    ) -> Option<Option<usize>> {
        let Some(wasm) = self.ranges(unit, entry)? else {
            return Some(None);
        };
        let function = self.body_at(&wasm);
        let own = |f: &usize| self.described.get(f) == Some(&(unit, made));
        Some(function.filter(own))
    }

    pub(super) fn copy(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        made: UnitEntryId,
        files: &mut dyn FnMut(&mut Dwarf, u64) -> Option<FileId>,
    ) -> Option<()> {
        // Clang gives `main` another in C, which debuggers would show.
        let is_c = is_c(super::language(self.unit(number)));
        for attribute in entry.attrs().iter().take(MAX_ATTRIBUTES) {
            self.budget.spend(ATTRIBUTE)?;
            let name = attribute.name();
            if is_own(name) || (name == DW_AT_linkage_name && is_c) {
                continue;
            }
            let value = match (name, attribute.value()) {
                (DW_AT_decl_file | DW_AT_call_file, Read::FileIndex(index)) => {
                    AttributeValue::FileIndex(files(out, index))
                }
                (_, value) => match self.value(out, number, value)? {
                    Some(value) => value,
                    None => continue,
                },
            };
            let id = self.units[number];
            out.units.get_mut(id).get_mut(made).set(name, value);
        }
        Some(())
    }

    /// The value of an attribute that means here what it means there. `None` inside: it
    /// has no meaning here.
    pub(super) fn value(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        value: Read<Slice<'a>>,
    ) -> Option<Option<AttributeValue>> {
        Some(Some(match value {
            Read::Block(bytes) => {
                self.budget.spend(bytes.len())?;
                AttributeValue::Block(bytes.slice().to_vec())
            }
            Read::Data1(value) => AttributeValue::Data1(value),
            Read::Data2(value) => AttributeValue::Data2(value),
            Read::Data4(value) => AttributeValue::Data4(value),
            Read::Data8(value) => AttributeValue::Data8(value),
            Read::Data16(value) => AttributeValue::Block(value.to_le_bytes().to_vec()),
            Read::Sdata(value) => AttributeValue::Sdata(value),
            Read::Udata(value) => AttributeValue::Udata(value),
            Read::Flag(value) => AttributeValue::Flag(value),
            Read::Encoding(value) => AttributeValue::Encoding(value),
            Read::DecimalSign(value) => AttributeValue::DecimalSign(value),
            Read::Endianity(value) => AttributeValue::Endianity(value),
            Read::Accessibility(value) => AttributeValue::Accessibility(value),
            Read::Visibility(value) => AttributeValue::Visibility(value),
            Read::Virtuality(value) => AttributeValue::Virtuality(value),
            Read::IdentifierCase(value) => AttributeValue::IdentifierCase(value),
            Read::Inline(value) => AttributeValue::Inline(value),
            Read::Ordering(value) => AttributeValue::Ordering(value),
            Read::UnitRef(_) | Read::DebugInfoRef(_) => {
                return Some(self.reference(number, value));
            }
            Read::String(_)
            | Read::DebugStrRef(_)
            | Read::DebugLineStrRef(_)
            | Read::DebugStrOffsetsIndex(_) => {
                return Some(
                    self.text(out, number, value)?
                        .map(AttributeValue::StringRef),
                );
            }
            _ => return Some(None),
        }))
    }

    /// Where a reference leads, as unit and offset.
    pub(super) fn target(&self, number: usize, value: Read<Slice<'a>>) -> Option<(usize, usize)> {
        match value {
            Read::UnitRef(at) => Some((number, at.0)),
            Read::DebugInfoRef(at) => {
                let units = &self.source.units;
                let starts = |unit: &read::Unit<_>| unit.header.offset().0 <= at.0;
                let unit = units.partition_point(starts).checked_sub(1)?;
                let at = UnitSectionOffset(at.0).to_unit_offset(&units[unit].header)?;
                Some((unit, at.0))
            }
            _ => None,
        }
    }

    pub(super) fn reference(
        &self,
        number: usize,
        value: Read<Slice<'a>>,
    ) -> Option<AttributeValue> {
        let target = self.target(number, value)?;
        let made = *self.made.get(&target)?;
        Some(if target.0 == number {
            AttributeValue::UnitRef(made)
        } else {
            let unit = self.units[target.0];
            AttributeValue::DebugInfoRef(gimli::write::DebugInfoRef::Entry(unit, made))
        })
    }

    /// A text; `None` inside for one that is too long.
    pub(super) fn text(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        value: Read<Slice<'a>>,
    ) -> Option<Option<StringId>> {
        let dwarf = &self.source.dwarf;
        let (section, mut bytes) = match value {
            Read::String(text) => {
                self.budget.spend(text.len())?;
                return Some(Some(out.strings.add(text.slice())));
            }
            Read::DebugLineStrRef(at) => (1, (at.0, *dwarf.debug_line_str.reader())),
            Read::DebugStrRef(at) => (0, (at.0, *dwarf.debug_str.reader())),
            Read::DebugStrOffsetsIndex(index) => {
                let offset = dwarf.string_offset(self.unit(number), index).ok()?;
                (0, (offset.0, *dwarf.debug_str.reader()))
            }
            _ => return Some(None),
        };
        if let Some(&known) = self.strings.get(&(section, bytes.0)) {
            return Some(Some(known));
        }
        bytes.1.skip(bytes.0).ok()?;
        let text = bytes.1.slice();
        let text = &text[..text.len().min(MAX_TEXT)];
        let Some(end) = text.iter().position(|&byte| byte == 0) else {
            self.budget.spend(text.len())?;
            return Some(None);
        };
        self.budget.spend(end)?;
        let id = out.strings.add(&text[..end]);
        self.strings.insert((section, bytes.0), id);
        Some(Some(id))
    }
}

/// Entries without a meaning here, or with one that takes wasm code to compute.
fn is_left_out(tag: DwTag, entry: &Entry<'_>) -> bool {
    let member = entry.attr_value(DW_AT_data_member_location);
    matches!(tag, DW_TAG_call_site | DW_TAG_GNU_call_site | DW_TAG_label)
        || matches!(member, Some(Read::Exprloc(_)))
}

pub(super) fn is_c(language: DwLang) -> bool {
    matches!(
        language,
        DW_LANG_C | DW_LANG_C89 | DW_LANG_C99 | DW_LANG_C11 | DW_LANG_C17
    )
}

/// Attributes that are made anew, or say what holds of the module alone.
fn is_own(name: DwAt) -> bool {
    matches!(
        name,
        DW_AT_low_pc
            | DW_AT_high_pc
            | DW_AT_ranges
            | DW_AT_entry_pc
            | DW_AT_location
            | DW_AT_frame_base
            | DW_AT_sibling
            | DW_AT_call_all_calls
            | DW_AT_GNU_all_call_sites
    )
}
