//! Exceptions: how one is laid out, and the table by which a throw finds who
//! catches it.
//!
//! A reference to an exception is its host address, or 0. An exception begins
//! with its tag's identity (an address: two tags are the same if their
//! identities are); its values follow from [`HEADER`] on.
//!
//! The handler table ([`SEC_HANDLERS`](crate::object::SEC_HANDLERS)) lists the
//! calls that stand in a `try`: `u64` [`checksum`] of what follows, `u32 count`, then by ascending return address
//! `{u32 return address, u32 frame, u32 first handler, u32 handlers}`, then the
//! handlers `{u32 tag, u32 code}`. All addresses are the object's own
//! (`p_vaddr`). `frame` is the distance from the frame pointer down to the
//! stack pointer at the call, which is that of the handler's code too. The
//! checksum is the table's own, since it grows with the code: it is looked at
//! when an exception first passes the object, and not at every start.

use crate::checksum::checksum;
use crate::types::{FuncType, ValType};

/// Offset of the tag's identity in an exception.
pub const TAG: i32 = 0;
/// Bytes before an exception's first value.
pub const HEADER: u32 = 16;

/// Tags that the loader defines where no object does: `env` imports of C and
/// C++ programs, each with one `i32` parameter.
pub const LOADER_TAGS: [&str; 2] = ["__cpp_exception", "__c_longjmp"];

/// Type of the tags of [`LOADER_TAGS`].
pub fn loader_tag_type() -> FuncType {
    FuncType::new([ValType::I32], [])
}

/// Offsets of an exception's values, and bytes of the whole.
pub fn layout(params: &[ValType]) -> (Vec<u32>, u32) {
    let mut end = HEADER;
    let offsets = params.iter().map(|ty| {
        let at = end;
        end += ty.bytes().next_multiple_of(8);
        at
    });
    (offsets.collect(), end)
}

/// A call that handlers stand around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// The call's return address.
    pub return_address: u32,
    /// Frame pointer less stack pointer.
    pub frame: u32,
    /// Its handlers: the first that takes an exception has it.
    pub handlers: Vec<Handler>,
}

/// A handler of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// What it takes.
    pub tag: Tag,
    /// Whether a reference to the exception outlives the handler's start.
    pub keeps: bool,
    /// Address of its code.
    pub code: u32,
}

/// What a handler takes; the addresses are multiples of 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Every exception.
    Any,
    /// The tag whose identity is the address of this datum of the object.
    Own(u32),
    /// The tag whose identity this slot of the object holds.
    Slot(u32),
}

/// Bit of a tag's word: the address is the identity, not a slot that holds it.
const OWN: u32 = 1;
/// Bit of a tag's word: [`Handler::keeps`].
const KEEPS: u32 = 2;
/// Bytes of the checksum.
const SUM: usize = 8;
const SITE: usize = 16;
const HANDLER: usize = 8;

/// Bytes of a table.
pub fn table_size(sites: usize, handlers: usize) -> u64 {
    match sites {
        0 => 0,
        _ => (SUM + 4 + SITE * sites + HANDLER * handlers) as u64,
    }
}

/// Writes a table of call sites in ascending order; nothing for none.
pub fn encode(sites: &[CallSite]) -> Vec<u8> {
    if sites.is_empty() {
        return Vec::new();
    }
    let mut words = vec![sites.len() as u32];
    let mut handlers = Vec::new();
    for site in sites {
        let (first, count) = (handlers.len() as u32, site.handlers.len() as u32);
        words.extend([site.return_address, site.frame, first, count]);
        handlers.extend_from_slice(&site.handlers);
    }
    for handler in handlers {
        let tag = match handler.tag {
            Tag::Any => 0,
            Tag::Own(at) => at | OWN,
            Tag::Slot(at) => at,
        };
        let keeps = if handler.keeps { KEEPS } else { 0 };
        words.extend([tag | keeps, handler.code]);
    }
    let table: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    [&checksum(&[&table]).to_le_bytes()[..], &table].concat()
}

/// Whether a table is as it was written; one of no bytes is.
pub fn is_sound(table: &[u8]) -> bool {
    match table.split_first_chunk::<SUM>() {
        Some((sum, rest)) => u64::from_le_bytes(*sum) == checksum(&[rest]),
        None => table.is_empty(),
    }
}

/// Frame and handlers of the call with a return address, if it has any, by a
/// table that is [sound](is_sound).
pub fn find(table: &[u8], address: u32) -> Option<(u32, impl Iterator<Item = Handler> + '_)> {
    let table = table.get(SUM..)?;
    let count = u32_at(table, 0)? as usize;
    let sites = table.get(4..)?.get(..SITE.checked_mul(count)?)?;
    let handlers = &table[4 + sites.len()..];
    let (sites, _) = sites.as_chunks::<SITE>();
    let key = |site: &[u8; SITE]| u32_at(site, 0).unwrap_or(0);
    let site = &sites[sites.binary_search_by_key(&address, key).ok()?];
    let first = u32_at(site, 8)? as usize;
    let (all, _) = handlers.as_chunks::<HANDLER>();
    let own = all.get(first..first.checked_add(u32_at(site, 12)? as usize)?)?;
    Some((u32_at(site, 4)?, own.iter().map(decode)))
}

fn decode(bytes: &[u8; HANDLER]) -> Handler {
    let [tag, code] = [0, 4].map(|at| u32_at(bytes, at).unwrap_or(0));
    let at = tag & !(OWN | KEEPS);
    Handler {
        tag: match at {
            0 => Tag::Any,
            at if tag & OWN != 0 => Tag::Own(at),
            at => Tag::Slot(at),
        },
        keeps: tag & KEEPS != 0,
        code,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let (word, _) = bytes.get(at..)?.split_first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_round_trip() {
        let handler = |tag, keeps, code| Handler { tag, keeps, code };
        let sites = [
            CallSite {
                return_address: 0x1005,
                frame: 48,
                handlers: vec![
                    handler(Tag::Own(0x3000), false, 0x1010),
                    handler(Tag::Any, true, 0x1020),
                ],
            },
            CallSite {
                return_address: 0x1030,
                frame: 64,
                handlers: vec![handler(Tag::Slot(0x3008), true, 0x1040)],
            },
        ];
        let table = encode(&sites);
        assert_eq!(table.len() as u64, table_size(2, 3));
        for site in &sites {
            let (frame, handlers) = find(&table, site.return_address).unwrap();
            assert_eq!(frame, site.frame);
            assert_eq!(handlers.collect::<Vec<_>>(), site.handlers);
        }
        assert!(find(&table, 0x1006).is_none());
        assert!(encode(&[]).is_empty());
        assert!(is_sound(&table) && is_sound(&[]));
        for bit in 0..8 * table.len() {
            let mut damaged = table.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_sound(&damaged), "bit {bit}");
        }
        for len in 0..table.len() {
            // Whatever is left of it, there is no panic.
            if let Some((_, handlers)) = find(&table[..len], 0x1030) {
                handlers.for_each(drop);
            }
        }
    }

    #[test]
    fn tags_of_c_take_a_pointer() {
        assert_eq!(loader_tag_type().to_string(), "(i32) -> ()");
        assert_eq!(LOADER_TAGS, ["__cpp_exception", "__c_longjmp"]);
    }

    #[test]
    fn values_follow_the_header() {
        let (offsets, bytes) = layout(&[ValType::I32, ValType::V128, ValType::F64]);
        assert_eq!((offsets, bytes), (vec![16, 24, 40], 48));
    }
}
