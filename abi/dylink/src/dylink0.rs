//! Section `dylink.0` (tool-conventions, DynamicLinking.md).

use std::collections::HashMap;

use wasmparser::{BinaryReader, Dylink0SectionReader, Dylink0Subsection, MemInfo};

use crate::error::LinkingError;
use crate::linking::{Linking, SymbolFlags};
use wasmaot_abi::info::{LinkingAbi, Placement};

pub(super) const SECTION: &str = "dylink.0";

/// Reads the section; `offset` is where `data` begins in the module.
pub(super) fn read(data: &[u8], offset: usize) -> Result<Linking, LinkingError> {
    let mut linking = Linking {
        abi: LinkingAbi::Dylink0,
        ..Linking::core()
    };
    let fail = |offset, reason: String| LinkingError {
        section: SECTION,
        offset,
        reason,
    };
    let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();

    for subsection in Dylink0SectionReader::new(BinaryReader::new(data, offset as u64)) {
        let subsection =
            subsection.map_err(|e| fail(e.offset() as usize, e.message().to_owned()))?;
        match subsection {
            Dylink0Subsection::MemInfo(info) => {
                linking.placement = Some(placement(info).map_err(|reason| fail(offset, reason))?);
            }
            Dylink0Subsection::Needed(names) => linking.needed.extend(own(names)),
            Dylink0Subsection::RuntimePath(names) => linking.runpath.extend(own(names)),
            Dylink0Subsection::ExportInfo(exports) => {
                linking.exports = exports
                    .iter()
                    .map(|e| (e.name.to_owned(), SymbolFlags(e.flags.bits())))
                    .collect();
            }
            Dylink0Subsection::ImportInfo(imports) => {
                let key = |module: &str, field: &str| (module.to_owned(), field.to_owned());
                linking.imports = imports
                    .iter()
                    .map(|i| (key(i.module, i.field), SymbolFlags(i.flags.bits())))
                    .collect::<HashMap<_, _>>();
            }
            Dylink0Subsection::TargetArch(arch) if arch != "wasm32" => {
                return Err(fail(
                    offset,
                    format!("target architecture `{arch}` is not wasm32"),
                ));
            }
            // The convention asks consumers to skip what they do not know.
            Dylink0Subsection::TargetArch(_) | Dylink0Subsection::Unknown { .. } => {}
        }
    }
    Ok(linking)
}

/// Checks a placement; shared with the older section.
pub(super) fn placement(info: MemInfo) -> Result<Placement, String> {
    /// A gigabyte: beyond this no alignment is meant in earnest.
    const MAX_ALIGN: u32 = 30;
    for (what, exponent) in [
        ("memory", info.memory_alignment),
        ("table", info.table_alignment),
    ] {
        if exponent > MAX_ALIGN {
            return Err(format!(
                "{what} alignment 2^{exponent} exceeds 2^{MAX_ALIGN}"
            ));
        }
    }
    Ok(Placement {
        memory_size: info.memory_size,
        memory_align: info.memory_alignment,
        table_size: info.table_size,
        table_align: info.table_alignment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_subsections() {
        let mut data = vec![1, 4, 16, 2, 3, 0];
        data.extend([2, 6, 1, 4, b'a', b'.', b's', b'o']);
        data.extend([3, 4, 1, 1, b'x', 1]);
        data.extend([4, 8, 1, 3, b'e', b'n', b'v', 1, b'f', 1]);
        data.extend([5, 3, 1, 1, b'/']);
        let linking = read(&data, 0).unwrap();
        let want = Placement {
            memory_size: 16,
            memory_align: 2,
            table_size: 3,
            table_align: 0,
        };
        assert_eq!(linking.placement, Some(want));
        assert_eq!(linking.needed, ["a.so"]);
        assert_eq!(linking.runpath, ["/"]);
        assert!(linking.exports["x"].weak());
        assert!(linking.weak_import("env", "f"));
        assert!(!linking.weak_import("env", "g"));
    }

    #[test]
    fn every_truncation_is_an_error_or_whole_subsections() {
        let data = [1, 4, 16, 2, 3, 0, 2, 6, 1, 4, b'a', b'.', b's', b'o'];
        for len in 0..data.len() {
            assert_eq!(read(&data[..len], 0).is_ok(), len == 0 || len == 6, "{len}");
        }
        for (absurd, what) in [([0, 31, 0, 0], "memory"), ([0, 0, 0, 31], "table")] {
            let data = [&[1, 4][..], &absurd].concat();
            let error = read(&data, 0).unwrap_err().to_string();
            assert!(error.contains(&format!("{what} alignment 2^31")), "{error}");
        }
        assert!(read(&[1, 4, 0, 30, 0, 30], 0).is_ok());
    }

    #[test]
    fn the_target_has_addresses_of_32_bits() {
        let of = |arch: &str| {
            let name = [&[arch.len() as u8], arch.as_bytes()].concat();
            read(&[&[6, name.len() as u8][..], &name].concat(), 0)
        };
        assert!(of("wasm32").is_ok());
        let error = of("wasm64").unwrap_err().to_string();
        assert!(error.contains("`wasm64` is not wasm32"), "{error}");
        // What is not known is skipped.
        assert!(read(&[99, 1, 0], 0).is_ok());
    }
}
