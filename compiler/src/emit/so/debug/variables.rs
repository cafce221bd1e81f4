//! Where variables are.

use std::ops::Range;

use gimli::read::{self, AttributeValue as Read};
use gimli::write::{AttributeValue, Dwarf, Expression, Location, LocationList, UnitEntryId};
use gimli::{DW_AT_location, DW_AT_type};

use super::super::dwarf::Slice;
use super::code::{PLACE, common};
use super::entries::{Entry, Shared};
use super::place::{Bases, Place, Shown};
use crate::code::{Locals, ValuePlace};

/// Where a variable is declared.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// Number of the unit.
    pub number: usize,
    /// The function with native code that it is in.
    pub function: Option<usize>,
    /// The local with that function's frame base.
    pub base: Option<u32>,
}

/// Places, and the code in which they hold.
type Found = Vec<(Range<u32>, Expression)>;

impl<'a> Shared<'_, 'a> {
    fn bases(&self, scope: Scope) -> Bases {
        Bases {
            frame: scope.base,
            memory: self.memory_base,
        }
    }

    /// Says where a variable is, as far as that is known.
    pub(super) fn locate(
        &mut self,
        out: &mut Dwarf,
        entry: &Entry<'a>,
        made: UnitEntryId,
        scope: Scope,
    ) -> Option<()> {
        let unit = self.unit(scope.number);
        let pointer = self.host_pointer(out, scope.number, entry)?;
        let shown = match pointer {
            Some(_) => Shown::Pointer,
            None => Shown::AsItIs,
        };
        let location = match entry.attr_value(DW_AT_location) {
            Some(Read::Exprloc(expression)) => {
                self.budget.spend(1 + expression.0.len())?;
                let bases = self.bases(scope);
                let place = Place::read(expression, unit, &self.source.dwarf, bases);
                match place {
                    Some(place) => self.everywhere(out, &place, shown, scope)?,
                    None => None,
                }
            }
            Some(value) => self.list(out, value, shown, scope)?,
            None => None,
        };
        let made = out.units.get_mut(self.units[scope.number]).get_mut(made);
        if let Some(location) = location {
            made.set(DW_AT_location, location);
            if let Some(pointer) = pointer {
                made.set(DW_AT_type, AttributeValue::UnitRef(pointer));
            }
        }
        Some(())
    }

    /// A place that holds in all of a function.
    fn everywhere(
        &mut self,
        out: &mut Dwarf,
        place: &Place<'a>,
        shown: Shown,
        scope: Scope,
    ) -> Option<Option<AttributeValue>> {
        let Some(local) = place.local else {
            let written = place.write(None, shown);
            return Some(written.map(AttributeValue::Exprloc));
        };
        let Some(function) = scope.function else {
            return Some(None);
        };
        if let Some(at) = fixed(&self.plan.code.functions[function].locals, local) {
            let written = place.write(Some(at), shown);
            return Some(written.map(AttributeValue::Exprloc));
        }
        let mut found = Vec::new();
        self.places(&mut found, place, 0..u32::MAX, shown, function)?;
        Some(self.add_list(out, scope.number, function, found))
    }

    /// The places of a list.
    fn list(
        &mut self,
        out: &mut Dwarf,
        value: Read<Slice<'a>>,
        shown: Shown,
        scope: Scope,
    ) -> Option<Option<AttributeValue>> {
        let bases = self.bases(scope);
        let (unit, dwarf) = (self.unit(scope.number), &self.source.dwarf);
        let list: Option<read::LocListIter<_>> = dwarf.attr_locations(unit, value).ok()?;
        let (Some(mut list), Some(function)) = (list, scope.function) else {
            return Some(None);
        };
        let mut found = Vec::new();
        while let Some(entry) = list.next().ok()? {
            self.budget.spend(1 + entry.data.0.len())?;
            let Some(wasm) = self.in_module(entry.range.begin..entry.range.end) else {
                continue;
            };
            if let Some(place) = Place::read(entry.data, unit, dwarf, bases) {
                self.places(&mut found, &place, wasm, shown, function)?;
            }
        }
        Some(self.add_list(out, scope.number, function, found))
    }

    /// Native places of a wasm place that holds in a stretch of wasm code.
    fn places(
        &mut self,
        found: &mut Found,
        place: &Place<'a>,
        wasm: Range<u32>,
        shown: Shown,
        function: usize,
    ) -> Option<()> {
        let Some(local) = place.local else {
            if let Some(written) = place.write(None, shown) {
                let native = self.native(function, &[wasm])?;
                self.budget.spend(PLACE * native.len())?;
                found.extend(native.into_iter().map(|range| (range, written.clone())));
            }
            return Some(());
        };
        let locals = &self.plan.code.functions[function].locals;
        let first = locals.known.partition_point(|known| known.local < local);
        let own = locals.known[first..].iter();
        for known in own.take_while(|known| known.local == local) {
            self.budget.spend(1)?;
            let both = wasm.start.max(known.wasm.start)..wasm.end.min(known.wasm.end);
            if both.is_empty() {
                continue;
            }
            let native = self.native(function, &[both])?;
            let values = locals.values.get(known.value as usize);
            for at in values.into_iter().flatten() {
                self.budget.spend(1)?;
                let Some(written) = place.write(Some(at), shown) else {
                    continue;
                };
                for range in common(&native, &at.code) {
                    self.budget.spend(PLACE)?;
                    found.push((range, written.clone()));
                }
            }
        }
        Some(())
    }

    fn add_list(
        &self,
        out: &mut Dwarf,
        number: usize,
        function: usize,
        found: Found,
    ) -> Option<AttributeValue> {
        let joined = joined(found);
        if joined.is_empty() {
            return None;
        }
        let base = Location::BaseAddress {
            address: self.address(function, 0),
        };
        let list = joined
            .into_iter()
            .map(|(range, data)| Location::OffsetPair {
                begin: range.start.into(),
                end: range.end.into(),
                data,
            });
        let list = std::iter::once(base).chain(list).collect();
        let unit = out.units.get_mut(self.units[number]);
        let list = unit.locations.add(LocationList(list));
        Some(AttributeValue::LocationListRef(list))
    }
}

/// Places in ascending order of code, neighbours that are the same joined.
fn joined(mut found: Found) -> Found {
    found.retain(|(range, _)| !range.is_empty());
    found.sort_by_key(|(range, _)| range.start);
    let mut joined: Found = Vec::new();
    for (mut range, place) in found {
        if let Some((last, known)) = joined.last_mut() {
            // What overlaps says the same in other words.
            range.start = range.start.max(last.end);
            if range.start == last.end && *known == place {
                last.end = last.end.max(range.end);
                continue;
            }
        }
        if range.start < range.end {
            joined.push((range, place));
        }
    }
    joined
}

/// Where a local is all the time, if that is one place.
fn fixed(locals: &Locals, local: u32) -> Option<&ValuePlace> {
    let first = locals.known.partition_point(|known| known.local < local);
    let known = locals.known.get(first)?;
    let whole = known.local == local && known.wasm == (0..u32::MAX);
    match &locals.values.get(known.value as usize)?[..] {
        [only] if whole && only.code == (0..u32::MAX) => Some(only),
        _ => None,
    }
}
