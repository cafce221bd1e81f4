//! The older section `dylink`: what `dylink.0` says in `MEM_INFO` and
//! `NEEDED`, without subsections (Emscripten up to 2).

use wasmparser::{BinaryReader, BinaryReaderError, MemInfo};

use crate::dylink0;
use crate::error::LinkingError;
use crate::linking::Linking;
use wasmaot_abi::info::LinkingAbi;

pub(super) const SECTION: &str = "dylink";

/// Reads the section; `offset` is where `data` begins in the module.
pub(super) fn read(data: &[u8], offset: usize) -> Result<Linking, LinkingError> {
    let fail = |offset, reason: String| LinkingError {
        section: SECTION,
        offset,
        reason,
    };
    let mut reader = BinaryReader::new(data, offset as u64);
    let (info, needed) =
        fields(&mut reader).map_err(|e| fail(e.offset() as usize, e.message().to_owned()))?;
    let placement = dylink0::placement(info).map_err(|reason| fail(offset, reason))?;
    Ok(Linking {
        abi: LinkingAbi::Dylink,
        placement: Some(placement),
        needed,
        ..Linking::core()
    })
}

fn fields(reader: &mut BinaryReader<'_>) -> Result<(MemInfo, Vec<String>), BinaryReaderError> {
    let info = MemInfo {
        memory_size: reader.read_var_u32()?,
        memory_alignment: reader.read_var_u32()?,
        table_size: reader.read_var_u32()?,
        table_alignment: reader.read_var_u32()?,
    };
    let count = reader.read_var_u32()?;
    let needed = (0..count)
        .map(|_| reader.read_unlimited_string().map(str::to_owned))
        .collect::<Result<_, _>>()?;
    Ok((info, needed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmaot_abi::info::Placement;

    #[test]
    fn reads_and_refuses() {
        let data = [16, 2, 3, 0, 1, 1, b'c'];
        let linking = read(&data, 0).unwrap();
        let want = Placement {
            memory_size: 16,
            memory_align: 2,
            table_size: 3,
            table_align: 0,
        };
        assert_eq!(linking.placement, Some(want));
        assert_eq!(linking.needed, ["c"]);
        for len in 0..data.len() {
            assert!(read(&data[..len], 0).is_err(), "{len}");
        }
    }
}
