//! Calls in whose place this compiler has put the callee: entries by which debuggers
//! show frames of them, and find functions that have no code of their own.
//!
//! What the callee's variables are in is not known there.

use std::ops::Range;

use gimli::write::{AttributeValue, DebugInfoRef, Dwarf, FileId, UnitEntryId};
use gimli::{
    DW_AT_abstract_origin, DW_AT_call_column, DW_AT_call_file, DW_AT_call_line, DW_AT_inline,
    DW_AT_name, DW_INL_inlined, DW_TAG_inlined_subroutine, DW_TAG_subprogram,
};
use wasmaot_abi::maps::lines::decode_stream;

use super::super::dwarf::Row;
use super::entries::Shared;

/// A function's entry: unit and entry.
type Made = (usize, UnitEntryId);

/// Finds the file of a row for a unit.
pub(super) type FileOf<'f> = &'f mut dyn FnMut(&mut Dwarf, &Row) -> Option<FileId>;

impl Shared<'_, '_> {
    /// Adds the calls that are inlined into a function, whose entry is `made`.
    pub fn add_inlined(
        &mut self,
        out: &mut Dwarf,
        function: usize,
        made: Made,
        file: FileOf<'_>,
    ) -> Option<()> {
        let (sites, lines) = decode_stream(&self.plan.code.functions[function].lines)?;
        if sites.is_empty() {
            return Some(());
        }
        let end = self.plan.code.functions[function].bytes.len() as u32;
        let mut code: Vec<Vec<Range<u32>>> = vec![Vec::new(); sites.len()];
        let mut lines = lines.peekable();
        while let Some(line) = lines.next() {
            let next = lines.peek().map_or(end, |next| next.code);
            let mut site = line.site;
            while let Some(number) = site.checked_sub(1) {
                self.budget.spend(1)?;
                let ranges = code.get_mut(number as usize)?;
                match ranges.last_mut() {
                    Some(last) if last.end == line.code => last.end = next,
                    _ => ranges.push(line.code..next),
                }
                site = sites.get(number as usize)?.caller;
            }
        }
        // Entries by site; where nothing is known of the callee, that around.
        let mut entries: Vec<UnitEntryId> = Vec::with_capacity(sites.len());
        for (site, mut code) in sites.iter().zip(code) {
            let around = match site.caller.checked_sub(1) {
                Some(caller) => *entries.get(caller as usize)?,
                None => self.scope_at(function, site.offset, made.1)?,
            };
            code.retain(|range| !range.is_empty());
            let callee = match code.is_empty() {
                true => None,
                false => self.origin(out, site.function),
            };
            let Some(origin) = callee else {
                entries.push(around);
                continue;
            };
            let unit = self.units[made.0];
            let id = out
                .units
                .get_mut(unit)
                .add(around, DW_TAG_inlined_subroutine);
            entries.push(id);
            self.set_ranges(out, unit, id, function, &code);
            let origin = match origin.0 == made.0 {
                true => AttributeValue::UnitRef(origin.1),
                false => {
                    let unit = self.units[origin.0];
                    AttributeValue::DebugInfoRef(DebugInfoRef::Entry(unit, origin.1))
                }
            };
            // Debuggers show no frame of a call that has no line.
            let rows = &self.source.rows;
            let row = rows.at(self.plan.module, site.offset);
            let row = row.or_else(|| self.unknown_line(made.0));
            let called = row.and_then(|row| Some((file(out, &row)?, row)));
            let entry = out.units.get_mut(unit).get_mut(id);
            entry.set(DW_AT_abstract_origin, origin);
            if let Some((file, row)) = called {
                entry.set(DW_AT_call_file, AttributeValue::FileIndex(Some(file)));
                entry.set(DW_AT_call_line, AttributeValue::Udata(row.line));
                entry.set(DW_AT_call_column, AttributeValue::Udata(row.column));
            }
        }
        Some(())
    }

    /// Line 0 of some file of a unit.
    fn unknown_line(&self, unit: usize) -> Option<Row> {
        let mut rows = self.source.rows.0.iter();
        let row = *rows.find(|row| row.unit == unit)?;
        Some(Row { line: 0, ..row })
    }

    /// The innermost block of a function around an offset in the module.
    fn scope_at(
        &mut self,
        function: usize,
        offset: u32,
        whole: UnitEntryId,
    ) -> Option<UnitEntryId> {
        let scopes = self.scopes.get(&function).map_or(&[][..], Vec::as_slice);
        self.budget.spend(1 + scopes.len())?;
        let around = scopes.iter().filter(|scope| scope.wasm.contains(&offset));
        let innermost = around.max_by_key(|scope| scope.depth);
        Some(innermost.map_or(whole, |scope| scope.entry))
    }

    /// What says of a function that it is inlined.
    fn origin(&mut self, out: &mut Dwarf, callee: u32) -> Option<Made> {
        let number = callee.checked_sub(self.plan.imported_funcs)? as usize;
        if let Some(&known) = self.origins.get(&number) {
            return Some(known);
        }
        let own = *self.subprograms.get(&number)?;
        let has_code = self.described.get(&number) == Some(&own);
        let unit = out.units.get_mut(self.units[own.0]);
        let origin = match has_code {
            // Debuggers take what is said of an instance for what is said of all.
            true => {
                let name = unit.get(own.1).get(DW_AT_name).cloned()?;
                let made = unit.add(unit.root(), DW_TAG_subprogram);
                unit.get_mut(made).set(DW_AT_name, name);
                made
            }
            false => own.1,
        };
        let inlined = AttributeValue::Inline(DW_INL_inlined);
        unit.get_mut(origin).set(DW_AT_inline, inlined);
        self.origins.insert(number, (own.0, origin));
        Some((own.0, origin))
    }
}
