//! Symbol tables of an object: the dynamic one with its GNU hash table, and
//! `.symtab` for names in backtraces.

use object::LittleEndian as LE;
use object::elf::{self, Sym64};
use object::pod;
use wasmaot_abi::object::{SymbolKind, SymbolRecord};

use std::ops::Range;

use super::versions::Versions;

/// Where a symbol's value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SymbolSection {
    /// In another object.
    Undefined,
    /// In this object.
    Here,
    /// The value is what it says (`SHN_ABS`).
    Absolute,
}

/// A dynamic symbol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Symbol {
    name: u32,
    pub value: u64,
    /// 0 where it is not known.
    pub size: u64,
    pub section: SymbolSection,
    /// Whether it is a thread's own (`STT_TLS`): its value is an offset in the
    /// object's thread-local storage.
    pub thread_local: bool,
    pub record: SymbolRecord,
}

/// A name to look up, with its hash: one for all objects that are searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(super) text: &'a str,
    hash: u32,
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(text: &'a str) -> Self {
        let hash = gnu_hash(text.as_bytes());
        Self { text, hash }
    }
}

/// The dynamic symbol table, read where it is; offsets are into the file.
#[derive(Debug)]
pub(super) struct Symbols {
    table: Range<usize>,
    records: Range<usize>,
    /// Read once: each name by itself would have to be looked at again.
    strings: Box<str>,
    hash: Option<GnuHash>,
    /// Number past the last one that is not defined: imports come first.
    pub defined: usize,
}

impl Symbols {
    /// Checks the table, which begins with `table`. The records run parallel
    /// to it.
    pub fn read(
        file: &[u8],
        strings: Range<usize>,
        table: Range<usize>,
        records: Range<usize>,
        hash: Option<Range<usize>>,
    ) -> Result<Self, String> {
        let end = table.start + records.len() / SymbolRecord::SIZE * Symbol::SIZE;
        if end > table.end {
            return Err("the dynamic symbol table is cut short".to_owned());
        }
        let names = file.get(strings).unwrap_or_default();
        let names = std::str::from_utf8(names).ok();
        let names = names.filter(|names| names.ends_with('\0'));
        // What is text as a whole is so from the start of any character on.
        let is_text = |at: u32| names.is_some_and(|names| names.is_char_boundary(at as usize));
        let mut symbols = Self {
            defined: 0,
            table: table.start..end,
            records,
            strings: names.unwrap_or_default().into(),
            hash: hash.map(|at| GnuHash::read(file, at)).transpose()?,
        };
        let (raw, records) = symbols.tables(file);
        for (i, (raw, record)) in raw.iter().zip(records).enumerate() {
            if SymbolRecord::decode(*record).is_none() {
                return Err(format!("dynamic symbol {i} has an unknown kind"));
            }
            let symbol = Symbol::new(raw, record);
            if symbol.section == SymbolSection::Undefined {
                symbols.defined = i + 1;
            }
            if !is_text(symbol.name) {
                return Err("a dynamic symbol's name is not text in .dynstr".to_owned());
            }
        }
        Ok(symbols)
    }

    fn tables<'a>(
        &self,
        file: &'a [u8],
    ) -> (&'a [[u8; Symbol::SIZE]], &'a [[u8; SymbolRecord::SIZE]]) {
        let part = |range: &Range<usize>| file.get(range.clone()).unwrap_or_default();
        let raw = part(&self.table).as_chunks().0;
        (raw, part(&self.records).as_chunks().0)
    }

    /// All symbols, by number.
    pub fn iter<'a>(
        &self,
        file: &'a [u8],
    ) -> impl ExactSizeIterator<Item = Symbol> + DoubleEndedIterator + Clone + use<'a> {
        let (raw, records) = self.tables(file);
        raw.iter().zip(records).map(|(raw, r)| Symbol::new(raw, r))
    }

    /// A symbol by number.
    pub fn get(&self, file: &[u8], number: u32) -> Option<Symbol> {
        let (raw, records) = self.tables(file);
        let number = number as usize;
        Some(Symbol::new(raw.get(number)?, records.get(number)?))
    }

    /// The string table.
    pub fn strings(&self) -> &str {
        &self.strings
    }

    /// Name of a symbol of this table.
    pub fn name_of(&self, symbol: &Symbol) -> &str {
        let rest = self.strings.get(symbol.name as usize..);
        let rest = rest.unwrap_or_default();
        let end = rest.bytes().position(|b| b == 0);
        end.map_or("", |end| &rest[..end])
    }

    /// The versions of what is defined.
    pub fn versions(&self, file: &[u8]) -> Versions {
        if !self.strings.contains('@') {
            return Versions::default();
        }
        let all = (0..).zip(self.iter(file));
        let defined = all.filter(|(_, s)| s.section != SymbolSection::Undefined);
        Versions::of(defined.map(|(n, s)| (self.name_of(&s), n)))
    }

    /// The defined symbol of a name. Without a hash table nothing is exported.
    pub fn find(&self, file: &[u8], name: Name<'_>) -> Option<u32> {
        let strings = self.strings.as_bytes();
        let is_it = |n: u32| {
            let symbol = self.get(file, n);
            symbol.is_some_and(|s| {
                let at = strings.get(s.name as usize..).unwrap_or_default();
                let rest = at.strip_prefix(name.text.as_bytes());
                s.section != SymbolSection::Undefined && rest.is_some_and(|r| r.first() == Some(&0))
            })
        };
        let hash = self.hash.as_ref()?;
        let number = match hash.find(file, name.hash, is_it)? {
            Found::At(number) => return Some(number),
            Found::After(number) => number,
        };
        // A long chain: names were chosen to have one hash. All definitions are
        // in this order.
        let buckets = (hash.buckets.len() / 4) as u32;
        let order = |hash: u32| (hash % buckets, hash & !1);
        let (mut low, mut high) = (number, (self.table.len() / Symbol::SIZE) as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            let symbol = self.get(file, middle)?;
            let other = Name::from(self.name_of(&symbol));
            match (order(other.hash), other.text) < (order(name.hash), name.text) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        is_it(low).then_some(low)
    }
}

impl Symbol {
    /// Bytes of an entry of `.dynsym`.
    pub const SIZE: usize = size_of::<Sym64<LE>>();
    /// Number 0 of every object.
    pub const NULL: Self = Self {
        name: 0,
        value: 0,
        size: 0,
        section: SymbolSection::Undefined,
        thread_local: false,
        record: SymbolRecord::NULL,
    };

    fn new(raw: &[u8; Self::SIZE], record: &[u8; SymbolRecord::SIZE]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| raw[at + i]));
        let section = match (word(0) >> 48) as u16 {
            elf::SHN_UNDEF => SymbolSection::Undefined,
            elf::SHN_ABS => SymbolSection::Absolute,
            _ => SymbolSection::Here,
        };
        Self {
            name: word(0) as u32,
            value: word(8),
            size: word(16),
            section,
            thread_local: (word(0) >> 32) as u8 & 0xf == elf::STT_TLS,
            record: SymbolRecord::decode(*record).unwrap_or(Self::NULL.record),
        }
    }

    /// Whether it is defined here as this kind.
    pub fn defines(&self, kind: SymbolKind) -> bool {
        self.section != SymbolSection::Undefined && self.record.kind == kind
    }
}

/// The text at an offset of a string table.
pub(super) fn text(strings: &[u8], at: u32) -> Option<&str> {
    let rest = strings.get(at as usize..)?;
    let end = rest.iter().position(|&b| b == 0)?;
    std::str::from_utf8(&rest[..end]).ok()
}

/// `DT_GNU_HASH`: a Bloom filter, buckets, and chains of hash values whose
/// lowest bit ends a chain.
#[derive(Debug)]
struct GnuHash {
    first_symbol: u32,
    bloom_shift: u32,
    /// Offsets in the file: of the filter's words, the buckets, the chains.
    bloom: Range<usize>,
    buckets: Range<usize>,
    chains: Range<usize>,
}

/// Links of a chain that are followed one by one: four is usual.
const LONG: usize = 32;

/// Where a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    At(u32),
    /// Not among the first [`LONG`] of its bucket: of this number or a later one.
    After(u32),
}

impl GnuHash {
    fn read(file: &[u8], at: Range<usize>) -> Result<Self, String> {
        let short = || "the symbol hash table is cut short".to_owned();
        let table = file.get(at.clone()).ok_or_else(short)?;
        let word = |n: usize| u32_at(table, 4 * n).ok_or_else(short);
        let (buckets, first_symbol, blooms, bloom_shift) = (word(0)?, word(1)?, word(2)?, word(3)?);
        let bloom = at.start + 16;
        let bucket = bloom + 8 * blooms as usize;
        let chains = bucket + 4 * buckets as usize;
        if !blooms.is_power_of_two() || buckets == 0 || bloom_shift >= 32 || chains > at.end {
            return Err("the symbol hash table is malformed".to_owned());
        }
        Ok(Self {
            first_symbol,
            bloom_shift,
            bloom: bloom..bucket,
            buckets: bucket..chains,
            chains: chains..at.end,
        })
    }

    fn find(&self, file: &[u8], hash: u32, same: impl Fn(u32) -> bool) -> Option<Found> {
        let bloom = file.get(self.bloom.clone())?;
        let word = (hash as usize / 64) % (bloom.len() / 8);
        let bits = (1u64 << (hash % 64)) | (1 << ((hash >> self.bloom_shift) % 64));
        if u64_at(bloom, 8 * word)? & bits != bits {
            return None;
        }
        let buckets = file.get(self.buckets.clone())?;
        let bucket = hash as usize % (buckets.len() / 4);
        let mut n = u32_at(buckets, 4 * bucket)?;
        let chains = file.get(self.chains.clone())?;
        for _ in 0..LONG {
            let link = u32_at(chains, 4 * n.checked_sub(self.first_symbol)? as usize)?;
            if link | 1 == hash | 1 && same(n) {
                return Some(Found::At(n));
            }
            if link & 1 == 1 {
                return None;
            }
            n += 1;
        }
        Some(Found::After(n))
    }
}

fn gnu_hash(name: &[u8]) -> u32 {
    name.iter().fold(5381, |hash: u32, &byte| {
        hash.wrapping_mul(33).wrapping_add(u32::from(byte))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let (word, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u64::from_le_bytes(*word))
}

/// `.symtab`: functions by address.
#[derive(Debug)]
pub(super) struct NativeSymbols {
    /// (address, size, name), ascending.
    functions: Vec<(u64, u64, String)>,
}

impl NativeSymbols {
    /// Reads the table; what cannot be read is left out, since only messages
    /// depend on it.
    pub fn read(symbols: &[u8], strings: &[u8]) -> Self {
        let count = symbols.len() / size_of::<Sym64<LE>>();
        let raw = pod::slice_from_bytes::<Sym64<LE>>(symbols, count).map_or(&[][..], |(s, _)| s);
        let mut functions: Vec<_> = raw
            .iter()
            .filter(|s| s.st_type() == elf::STT_FUNC && s.st_shndx.get(LE) != elf::SHN_UNDEF)
            .filter_map(|s| {
                let name = text(strings, s.st_name.get(LE))?;
                Some((s.st_value.get(LE), s.st_size.get(LE), name.to_owned()))
            })
            .collect();
        // Of several names of a function the first counts: a local symbol, from
        // the module's name section, comes before exports.
        functions.sort_by_key(|f| f.0);
        functions.dedup_by_key(|f| f.0);
        Self { functions }
    }

    /// All of them.
    pub fn functions(&self) -> &[(u64, u64, String)] {
        &self.functions
    }

    /// Name of the function that the address lies in.
    pub fn at(&self, vaddr: u64) -> Option<&str> {
        let after = self.functions.partition_point(|f| f.0 <= vaddr);
        let (start, size, name) = self.functions.get(after.checked_sub(1)?)?;
        (vaddr - start < (*size).max(1)).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_the_gnu_table() {
        assert_eq!(gnu_hash(b""), 5381);
        assert_eq!(gnu_hash(b"printf"), 0x156b_2bb8);
    }

    /// A table with one symbol, number 1, in one bucket.
    fn table(name: &[u8]) -> Vec<u8> {
        let hash = gnu_hash(name);
        let bloom: u64 = (1 << (hash % 64)) | (1 << ((hash >> 6) % 64));
        let mut out = Vec::new();
        for word in [1u32, 1, 1, 6] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bloom.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend((hash | 1).to_le_bytes());
        out
    }

    #[test]
    fn finds_what_is_there_alone() {
        let bytes = table(b"puts");
        let hash = GnuHash::read(&bytes, 0..bytes.len()).unwrap();
        let found = hash.find(&bytes, gnu_hash(b"puts"), |n| n == 1);
        assert_eq!(found, Some(Found::At(1)));
        assert_eq!(hash.find(&bytes, gnu_hash(b"puts"), |_| false), None);
        assert_eq!(hash.find(&bytes, gnu_hash(b"gets"), |_| true), None);
    }

    #[test]
    fn damaged_tables_find_nothing() {
        let bytes = table(b"puts");
        for len in 0..28 {
            assert!(GnuHash::read(&bytes, 0..len).is_err(), "{len}");
        }
        let hash = GnuHash::read(&bytes, 0..28).unwrap();
        assert_eq!(hash.find(&bytes[..28], gnu_hash(b"puts"), |_| true), None);
    }
}
