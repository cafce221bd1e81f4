//! Pointers: linear addresses that a debugger is to follow in the host's memory.
//!
//! A debugger takes the value of a pointer for an address. So a variable that is a
//! pointer is shown as one of the host's, of eight bytes, whose value is computed
//! from what memory has. A pointer in memory (a member, an element) stays as it is; what
//! it points to is a type of its own whose data is elsewhere: `DW_AT_data_location` adds
//! the host's address of memory. Debuggers do so for structures, unions, arrays and
//! ranges of integers; what else such a pointer points to they cannot follow.
//!
//! The types that are made for this are in an entry of a function without code, where
//! debuggers find no names: the names are those of the module's own.

#![allow(
    non_upper_case_globals,
    reason = "names of DWARF's tags and attributes in patterns"
)]

use std::collections::HashMap;

use gimli::read::AttributeValue as Read;
use gimli::write::{Address, AttributeValue, Dwarf, Expression, UnitEntryId};
use gimli::{
    DW_AT_abstract_origin, DW_AT_artificial, DW_AT_byte_size, DW_AT_data_location, DW_AT_encoding,
    DW_AT_lower_bound, DW_AT_name, DW_AT_specification, DW_AT_type, DW_AT_upper_bound,
    DW_ATE_signed, DW_ATE_signed_char, DW_ATE_unsigned, DW_ATE_unsigned_char, DW_OP_plus,
    DW_OP_push_object_address, DW_TAG_array_type, DW_TAG_base_type, DW_TAG_class_type,
    DW_TAG_const_type, DW_TAG_enumeration_type, DW_TAG_inheritance, DW_TAG_member,
    DW_TAG_pointer_type, DW_TAG_reference_type, DW_TAG_restrict_type, DW_TAG_rvalue_reference_type,
    DW_TAG_structure_type, DW_TAG_subprogram, DW_TAG_subrange_type, DW_TAG_subroutine_type,
    DW_TAG_typedef, DW_TAG_union_type, DW_TAG_unspecified_type, DW_TAG_volatile_type, DwAt, DwTag,
    UnitOffset,
};

use super::entries::{Entry, Shared, is_c};
use super::{MEMORY, language};

/// Types that a type is made of, one of the other, at most.
const MAX_QUALIFIERS: usize = 16;
/// Bytes of the host's pointers.
const HOST: u64 = 8;
/// Name of what a pointer in memory points to if that is another one to what has no name.
const POINTER: &[u8] = b"pointer";

/// The types that were made, by unit and the entry that they are for.
#[derive(Default)]
pub(super) struct Types {
    /// What stands for types, by how they are seen; `None`: nothing does.
    made: HashMap<(Seen, At), Option<UnitEntryId>>,
    /// What pointers without a type point to, by unit.
    void: HashMap<usize, UnitEntryId>,
    /// The entries that hide them, by unit.
    hidden: HashMap<usize, UnitEntryId>,
}

/// Where a type is: unit and offset.
type At = (usize, usize);

/// How a type is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seen {
    /// By a variable: a pointer to data is one of the host.
    ByVariable,
    /// By a pointer in memory, which leads to it.
    ByPointer,
}

impl<'a> Shared<'_, 'a> {
    /// The type by which a variable that is a pointer is shown: as the host's pointer.
    /// `None` inside: it is none, or has a type that is not of this unit.
    pub(super) fn host_pointer(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
    ) -> Option<Option<UnitEntryId>> {
        match self.type_of(number, entry)? {
            Some((unit, ty)) if unit == number => self.seen(out, Seen::ByVariable, (unit, ty), 0),
            _ => Some(None),
        }
    }

    /// Gives a pointer its size, and what it points to.
    pub(super) fn linear_pointer(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        made: UnitEntryId,
    ) -> Option<()> {
        let size = self.unit(number).encoding().address_size;
        let of = entry.attr_value(DW_AT_type);
        let behind = match of.map(|of| self.target(number, of)) {
            None => Some(self.void(out, number)),
            Some(Some(at)) if at.0 == number => self.seen(out, Seen::ByPointer, at, 0)?,
            Some(_) => None,
        };
        let made = out.units.get_mut(self.units[number]).get_mut(made);
        if made.get(DW_AT_byte_size).is_none() {
            made.set(DW_AT_byte_size, AttributeValue::Udata(size.into()));
        }
        if let Some(behind) = behind {
            made.set(DW_AT_type, AttributeValue::UnitRef(behind));
        }
        Some(())
    }

    /// The type of an entry, or of what it is an instance of.
    fn type_of(&mut self, number: usize, entry: &Entry<'a>) -> Option<Option<At>> {
        if let Some(value) = entry.attr_value(DW_AT_type) {
            return Some(self.target(number, value));
        }
        let mut names = [DW_AT_abstract_origin, DW_AT_specification].into_iter();
        let origin = names.find_map(|name| entry.attr_value(name));
        let Some((unit, at)) = origin.and_then(|origin| self.target(number, origin)) else {
            return Some(None);
        };
        let origin = self.entry(unit, at)?;
        let value = origin.and_then(|origin| origin.attr_value(DW_AT_type));
        Some(value.and_then(|value| self.target(unit, value)))
    }

    /// An entry; `None` inside if there is none at that offset.
    fn entry(&mut self, unit: usize, at: usize) -> Option<Option<Entry<'a>>> {
        self.budget.spend(1)?;
        Some(self.unit(unit).entry(UnitOffset(at)).ok())
    }

    /// What stands for a type; `None` inside: nothing but itself.
    fn seen(
        &mut self,
        out: &mut Dwarf,
        how: Seen,
        at: At,
        depth: usize,
    ) -> Option<Option<UnitEntryId>> {
        if let Some(&known) = self.types.made.get(&(how, at)) {
            return Some(known);
        }
        let made = match (self.entry(at.0, at.1)?, how) {
            (Some(entry), Seen::ByVariable) if depth < MAX_QUALIFIERS => {
                self.make_host(out, at.0, &entry, depth)?
            }
            (Some(entry), Seen::ByPointer) if depth < MAX_QUALIFIERS => {
                self.make_behind(out, at.0, &entry, depth)?
            }
            _ => None,
        };
        self.types.made.insert((how, at), made);
        Some(made)
    }

    fn make_host(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        depth: usize,
    ) -> Option<Option<UnitEntryId>> {
        let tag = entry.tag();
        let of = entry.attr_value(DW_AT_type);
        let inner = of.and_then(|of| self.target(number, of));
        if is_pointer(tag) {
            if let Some((unit, at)) = inner
                && let Some(target) = self.entry(unit, at)?
                && target.tag() == DW_TAG_subroutine_type
            {
                // The address of a function is no address of memory.
                return Some(None);
            }
            let made = self.hide(out, number, tag);
            self.set(
                out,
                number,
                made,
                DW_AT_byte_size,
                AttributeValue::Udata(HOST),
            );
            if let Some(of) = of.and_then(|of| self.reference(number, of)) {
                self.set(out, number, made, DW_AT_type, of);
            }
            return Some(Some(made));
        }
        match inner {
            Some(inner) if is_qualifier(tag) && inner.0 == number => {
                let Some(inner) = self.seen(out, Seen::ByVariable, inner, depth + 1)? else {
                    return Some(None);
                };
                self.qualify(out, number, entry, inner).map(Some)
            }
            _ => Some(None),
        }
    }

    /// Makes the same name or qualifier of another type.
    fn qualify(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        inner: UnitEntryId,
    ) -> Option<UnitEntryId> {
        let made = self.hide(out, number, entry.tag());
        self.copy_some(out, number, entry, made, &[DW_AT_name])?;
        let inner = AttributeValue::UnitRef(inner);
        self.set(out, number, made, DW_AT_type, inner);
        Some(made)
    }

    fn make_behind(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        depth: usize,
    ) -> Option<Option<UnitEntryId>> {
        let tag = entry.tag();
        let of = entry.attr_value(DW_AT_type);
        let made = match tag {
            DW_TAG_structure_type | DW_TAG_class_type | DW_TAG_union_type | DW_TAG_array_type => {
                self.copy_whole(out, number, entry)?
            }
            DW_TAG_base_type => self.number_type(out, number, entry)?,
            _ if is_qualifier(tag) => {
                let inner = match of.map(|of| self.target(number, of)) {
                    None => Some(self.void(out, number)),
                    Some(Some(inner)) if inner.0 == number => {
                        self.seen(out, Seen::ByPointer, inner, depth + 1)?
                    }
                    Some(_) => None,
                };
                match inner {
                    Some(inner) => self.qualify(out, number, entry, inner)?,
                    None => return Some(None),
                }
            }
            DW_TAG_subroutine_type => return Some(None),
            _ => {
                let made = self.hide(out, number, DW_TAG_typedef);
                let name = self.written(number, entry)?;
                let name = out.strings.add(name);
                self.set(
                    out,
                    number,
                    made,
                    DW_AT_name,
                    AttributeValue::StringRef(name),
                );
                let own = Read::UnitRef(entry.offset());
                if let Some(own) = self.reference(number, own) {
                    self.set(out, number, made, DW_AT_type, own);
                }
                made
            }
        };
        Some(Some(made))
    }

    /// Copies a type of several parts, with its data elsewhere.
    fn copy_whole(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
    ) -> Option<UnitEntryId> {
        // Debuggers read parts only of what is not hidden. Without a name it cannot be
        // found either; a hidden type has its name.
        let made = {
            let unit = out.units.get_mut(self.units[number]);
            unit.add(unit.root(), entry.tag())
        };
        self.copy_some(out, number, entry, made, &[DW_AT_byte_size])?;
        self.elsewhere(out, number, made);
        let unit = self.unit(number);
        let mut parts = unit.entries_at_offset(entry.offset()).ok()?;
        let depth = parts.next_dfs().ok()??.depth();
        while let Some(part) = parts.next_dfs().ok()? {
            self.budget.spend(1)?;
            if part.depth() <= depth {
                break;
            }
            let is_part = matches!(
                part.tag(),
                DW_TAG_member | DW_TAG_inheritance | DW_TAG_subrange_type
            );
            let known = self.made.contains_key(&(number, part.offset().0));
            if part.depth() == depth + 1 && is_part && known {
                let id = out.units.get_mut(self.units[number]).add(made, part.tag());
                self.copy_all(out, number, part, id)?;
            }
        }
        if entry.tag() == DW_TAG_array_type {
            let of = entry.attr_value(DW_AT_type);
            if let Some(of) = of.and_then(|of| self.reference(number, of)) {
                self.set(out, number, made, DW_AT_type, of);
            }
            return Some(made);
        }
        let named = self.hide(out, number, DW_TAG_typedef);
        self.copy_some(out, number, entry, named, &[DW_AT_name])?;
        self.name_with_tag(out, number, entry.tag(), named);
        self.set(
            out,
            number,
            named,
            DW_AT_type,
            AttributeValue::UnitRef(made),
        );
        Some(named)
    }

    /// A type as C writes it, if that is a name and stars.
    fn written(&mut self, number: usize, entry: &Entry<'a>) -> Option<Vec<u8>> {
        let (mut stars, mut words) = (Vec::new(), Vec::new());
        let mut entry = entry.clone();
        for _ in 0..MAX_QUALIFIERS {
            self.budget.spend(1)?;
            match entry.tag() {
                DW_TAG_pointer_type => {
                    // What was in front of it is of the pointer, and left out.
                    stars.push(b'*');
                    words.clear();
                }
                DW_TAG_const_type => words.extend(b"const "),
                DW_TAG_volatile_type => words.extend(b"volatile "),
                tag => {
                    let Some(name) = entry.attr_value(DW_AT_name) else {
                        break;
                    };
                    let (unit, dwarf) = (self.unit(number), &self.source.dwarf);
                    let Ok(name) = dwarf.attr_string(unit, name) else {
                        break;
                    };
                    let name = name.slice();
                    self.budget.spend(name.len())?;
                    if is_c(language(unit)) {
                        words.extend(tag_word(tag).bytes());
                    }
                    words.extend(name);
                    return Some(with_stars(words, &stars));
                }
            }
            let Some(of) = entry.attr_value(DW_AT_type) else {
                words.extend(b"void");
                return Some(with_stars(words, &stars));
            };
            let Some((unit, at)) = self.target(number, of).filter(|at| at.0 == number) else {
                break;
            };
            match self.entry(unit, at)? {
                Some(of) => entry = of,
                None => break,
            }
        }
        Some(POINTER.to_vec())
    }

    /// In C, the name of a structure is that of its tag.
    fn name_with_tag(&self, out: &mut Dwarf, number: usize, tag: DwTag, named: UnitEntryId) {
        let word = tag_word(tag);
        if word.is_empty() || !is_c(language(self.unit(number))) {
            return;
        }
        let unit = out.units.get_mut(self.units[number]);
        let named = unit.get_mut(named);
        if let Some(&AttributeValue::StringRef(name)) = named.get(DW_AT_name) {
            let name = [word.as_bytes(), out.strings.get(name)].concat();
            let name = AttributeValue::StringRef(out.strings.add(name));
            named.set(DW_AT_name, name);
        }
    }

    /// A number with its data elsewhere, where debuggers can have it so: an integer as a
    /// range of its type.
    fn number_type(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
    ) -> Option<UnitEntryId> {
        let size = entry
            .attr(DW_AT_byte_size)
            .and_then(|size| size.udata_value());
        let bounds = match (entry.attr_value(DW_AT_encoding), size) {
            (Some(Read::Encoding(DW_ATE_signed | DW_ATE_signed_char)), Some(1..=8)) => {
                Some((i64::MIN, i64::MAX))
            }
            (Some(Read::Encoding(DW_ATE_unsigned | DW_ATE_unsigned_char)), Some(1..=8)) => {
                Some((0, i64::MAX))
            }
            _ => None,
        };
        let Some((lower, upper)) = bounds else {
            let made = self.hide(out, number, entry.tag());
            self.copy_all(out, number, entry, made)?;
            return Some(made);
        };
        let made = self.hide(out, number, DW_TAG_subrange_type);
        self.copy_some(out, number, entry, made, &[DW_AT_name, DW_AT_byte_size])?;
        if let Some(own) = self.reference(number, Read::UnitRef(entry.offset())) {
            self.set(out, number, made, DW_AT_type, own);
        }
        self.set(
            out,
            number,
            made,
            DW_AT_lower_bound,
            AttributeValue::Sdata(lower),
        );
        self.set(
            out,
            number,
            made,
            DW_AT_upper_bound,
            AttributeValue::Sdata(upper),
        );
        self.elsewhere(out, number, made);
        Some(made)
    }

    /// Says that data is where memory is in the host, and as far on as the linear
    /// address says.
    fn elsewhere(&self, out: &mut Dwarf, number: usize, made: UnitEntryId) {
        let mut place = Expression::new();
        place.op(DW_OP_push_object_address);
        place.op_addr(Address::Symbol {
            symbol: MEMORY,
            addend: 0,
        });
        place.op(DW_OP_plus);
        let place = AttributeValue::Exprloc(place);
        self.set(out, number, made, DW_AT_data_location, place);
    }

    fn void(&mut self, out: &mut Dwarf, number: usize) -> UnitEntryId {
        if let Some(&known) = self.types.void.get(&number) {
            return known;
        }
        let made = self.hide(out, number, DW_TAG_unspecified_type);
        let name = AttributeValue::StringRef(out.strings.add("void"));
        self.set(out, number, made, DW_AT_name, name);
        self.types.void.insert(number, made);
        made
    }

    /// Makes an entry where debuggers find no names.
    fn hide(&mut self, out: &mut Dwarf, number: usize, tag: DwTag) -> UnitEntryId {
        let unit = out.units.get_mut(self.units[number]);
        let hidden = self.types.hidden.entry(number).or_insert_with(|| {
            let made = unit.add(unit.root(), DW_TAG_subprogram);
            let flag = AttributeValue::Flag(true);
            unit.get_mut(made).set(DW_AT_artificial, flag);
            made
        });
        unit.add(*hidden, tag)
    }

    fn set(
        &self,
        out: &mut Dwarf,
        number: usize,
        made: UnitEntryId,
        name: DwAt,
        value: AttributeValue,
    ) {
        let unit = out.units.get_mut(self.units[number]);
        unit.get_mut(made).set(name, value);
    }

    /// Copies all attributes but those of sources.
    fn copy_all(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        made: UnitEntryId,
    ) -> Option<()> {
        self.copy(out, number, entry, made, &mut |_, _| None)
    }

    fn copy_some(
        &mut self,
        out: &mut Dwarf,
        number: usize,
        entry: &Entry<'a>,
        made: UnitEntryId,
        names: &[DwAt],
    ) -> Option<()> {
        for &name in names {
            let Some(value) = entry.attr_value(name) else {
                continue;
            };
            if let Some(value) = self.value(out, number, value)? {
                self.set(out, number, made, name, value);
            }
        }
        Some(())
    }
}

/// The word that C has in front of a tag's name.
fn tag_word(tag: DwTag) -> &'static str {
    match tag {
        DW_TAG_structure_type => "struct ",
        DW_TAG_union_type => "union ",
        DW_TAG_enumeration_type => "enum ",
        _ => "",
    }
}

fn with_stars(mut words: Vec<u8>, stars: &[u8]) -> Vec<u8> {
    if !stars.is_empty() {
        words.push(b' ');
        words.extend(stars);
    }
    words
}

fn is_pointer(tag: DwTag) -> bool {
    matches!(
        tag,
        DW_TAG_pointer_type | DW_TAG_reference_type | DW_TAG_rvalue_reference_type
    )
}

fn is_qualifier(tag: DwTag) -> bool {
    matches!(
        tag,
        DW_TAG_typedef | DW_TAG_const_type | DW_TAG_volatile_type | DW_TAG_restrict_type
    )
}
