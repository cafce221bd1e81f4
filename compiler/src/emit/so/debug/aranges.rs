//! `.debug_aranges`: which unit the code at an address is of. Debuggers look here
//! before they look at units; without it, gdb 13 counts the addresses of a unit's variables
//! as code of it.

use gimli::LittleEndian;
use gimli::write::{EndianVec, Relocation, RelocationTarget, Writer as _};

use super::super::recorder::Recorder;
use super::TEXT;

/// Bytes of an address.
const ADDRESS: u8 = 8;
const VERSION: u16 = 2;
/// Bytes of a unit's head here, without its length; up to the first address.
const HEAD: u32 = 12;

/// Writes the section. `units`: the stretches of `.text` of each, in the order of
/// `.debug_info`, which is `info`. `None` if that has not as many units.
pub(super) fn write(info: &[u8], units: &[Vec<(u64, u64)>]) -> Option<Recorder> {
    let mut out = Recorder::default();
    let mut unit = 0usize;
    for stretches in units {
        let length = info.get(unit..unit.checked_add(4)?)?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        let bytes = HEAD + 2 * u32::from(ADDRESS) * (stretches.len() as u32 + 1);
        head(&mut out.bytes, bytes, u32::try_from(unit).ok()?).ok()?;
        for &(offset, size) in stretches {
            out.relocs.push(Relocation {
                offset: out.bytes.len(),
                size: ADDRESS,
                target: RelocationTarget::Symbol(TEXT),
                addend: i64::try_from(offset).ok()?,
                eh_pe: None,
            });
            out.bytes.write_u64(0).ok()?;
            out.bytes.write_u64(size).ok()?;
        }
        out.bytes.write_u64(0).ok()?;
        out.bytes.write_u64(0).ok()?;
        unit = unit.checked_add(length as usize + 4)?;
    }
    Some(out)
}

fn head(out: &mut EndianVec<LittleEndian>, bytes: u32, unit: u32) -> gimli::write::Result<()> {
    out.write_u32(bytes)?;
    out.write_u16(VERSION)?;
    out.write_u32(unit)?;
    out.write_u8(ADDRESS)?;
    out.write_u8(0)?;
    // Addresses are aligned to twice their size.
    out.write_u32(0)
}
