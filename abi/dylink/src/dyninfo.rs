//! Section `dyninfo`: one JSON object, of the GCC/binutils backend of 2016.
//!
//! [`Section`] is the object as it stands in the module; [`Dyninfo`] is what
//! it means: addresses relative to the module's memory, checked against its
//! room. Keys that are not known are skipped.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::data_symbols::DataSymbol;
use crate::error::LinkingError;
use crate::linking::Linking;
use wasmaot_abi::info::{Fixup, Fixups, LinkingAbi, Placement};

/// Name of the section.
pub const SECTION: &str = "dyninfo";
/// What the section's addresses of data exceed those in the module's room by.
pub const BIAS: u32 = 0x4000;
/// Exponent of the alignment of the module's memory.
const ALIGN: u32 = 12;
/// Bytes of a word of the module.
const WORD: u32 = 4;

/// The JSON object. Addresses of data are biased by [`BIAS`], numbers of
/// functions relative to the module's part of the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// `[at, to]`: the word at `at` holds the address `to`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixup: Vec<(u32, i64)>,
    /// `[at, fn]`: the word at `at` holds the table index of a function.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixupfun: Vec<(u32, u32)>,
    /// `[symbol, at]`: data that the module defines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub def: Vec<(String, u32)>,
    /// `[symbol, fn]`: a function that the module defines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub defun: Vec<(String, u32)>,
    /// `[symbol, at]`: the word at `at` holds the value of a symbol.
    #[serde(default, rename = "ref", skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<(String, u32)>,
    /// `[symbol, fn]`: the table entry `fn` holds the function of a symbol.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refun: Vec<(String, u32)>,
    /// `[symbol, at, size]`: the module holds a copy of data of a library.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copy: Vec<(String, u32, u32)>,
    /// Needed libraries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libs: Vec<String>,
    /// `[symbol, fn, library]`: the library is loaded at the first call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lazy: Vec<(String, u32, String)>,
    /// First entry of the module's part of the table.
    #[serde(default)]
    pub plt_bias: u32,
    /// End of it: as many entries are reserved.
    pub plt_end: u32,
    /// Start of the data.
    pub data: u32,
    /// End of the data.
    pub data_end: u32,
    /// Size of the code-address space.
    #[serde(default)]
    pub pc_end: u32,
    /// Number of the function to start with, or -1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<i64>,
}

/// What the section says beyond what all conventions do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dyninfo {
    /// Data that the module defines, its copies among them: names and
    /// addresses relative to the memory base, each name once.
    pub data: Vec<(String, u32)>,
    /// What it holds copies of.
    pub copies: Vec<DataSymbol>,
    /// Functions that it defines: names and numbers, each name once.
    pub functions: Vec<(String, u32)>,
    /// Functions of libraries that are loaded at the first call.
    pub lazy: Vec<Lazy>,
    /// What the loader does in the module's memory and part of the table.
    pub fixups: Fixups,
}

/// A function whose library is loaded at the first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lazy {
    /// Name of the function.
    pub symbol: String,
    /// Table entry that is to hold it; the one before forwards to it.
    pub function: u32,
    /// Name of the library.
    pub library: String,
}

impl Section {
    /// Reads the section's bytes; what a linker pads sections with is skipped.
    ///
    /// # Errors
    /// The reason, with line and column.
    pub fn parse(data: &[u8]) -> Result<Self, String> {
        let end = data.iter().rposition(|&b| b != 0).map_or(0, |at| at + 1);
        serde_json::from_slice(&data[..end]).map_err(|e| e.to_string())
    }

    /// The object as text, an entry a line.
    pub fn to_json(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut lines = Vec::new();
        for (key, value) in value.as_object().into_iter().flatten() {
            match value.as_array() {
                Some(list) => {
                    let list = list.iter().map(|entry| format!("\n  {entry}"));
                    let list: Vec<_> = list.collect();
                    lines.push(format!("\"{key}\": [{}]", list.join(",")));
                }
                None => lines.push(format!("\"{key}\": {value}")),
            }
        }
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Bytes of the module's memory.
    fn memory_size(&self) -> Result<u32, String> {
        let starts = self.data >= BIAS && self.data <= self.data_end;
        let size = self.data_end.checked_sub(BIAS).filter(|_| starts);
        size.ok_or_else(|| {
            format!(
                "data from {:#x} to {:#x}: an end before its start, or a start below {BIAS:#x}",
                self.data, self.data_end
            )
        })
    }

    /// What the object means.
    fn meaning(self) -> Result<(Placement, Vec<String>, Dyninfo), String> {
        let room = Room {
            memory: self.memory_size()?,
            table: self.plt_end,
        };
        if self.plt_bias > self.plt_end {
            let (bias, end) = (self.plt_bias, self.plt_end);
            return Err(format!("`plt_bias` {bias} exceeds `plt_end` {end}"));
        }
        let mut info = Dyninfo {
            fixups: Fixups {
                entry: self.entry(&room)?,
                pc_size: self.pc_end,
                list: Vec::new(),
            },
            ..Dyninfo::default()
        };
        info.fixups.list = self.fixups(&room)?;
        let mut known = HashSet::new();
        let mut is_new = |name: &str| known.insert(name.to_owned());
        for (name, at) in &self.def {
            let at = room.data("def", *at, 0)?;
            let name = symbol("def", name)?;
            info.data.extend(is_new(&name).then_some((name, at)));
        }
        for (name, at, size) in &self.copy {
            let at = room.data("copy", *at, *size)?;
            let name = symbol("copy", name)?;
            let known = info.copies.iter().any(|c| c.name == name);
            info.copies.extend((!known).then(|| DataSymbol {
                name: name.clone(),
                size: *size,
                align: 0,
                bound: false,
            }));
            info.data.extend(is_new(&name).then_some((name, at)));
        }
        for (name, function) in &self.defun {
            let function = room.function("defun", *function)?;
            let name = symbol("defun", name)?;
            info.functions
                .extend(is_new(&name).then_some((name, function)));
        }
        for (name, function, library) in self.lazy {
            if function == 0 {
                return Err("`lazy` of function 0, which has no entry before it".to_owned());
            }
            info.lazy.push(Lazy {
                function: room.function("lazy", function)?,
                symbol: symbol("lazy", &name)?,
                library,
            });
        }
        let placement = Placement {
            memory_size: room.memory,
            memory_align: ALIGN,
            table_size: room.table,
            table_align: 0,
        };
        Ok((placement, self.libs, info))
    }

    fn entry(&self, room: &Room) -> Result<Option<u32>, String> {
        match self.entry {
            None | Some(-1) => Ok(None),
            Some(entry) => {
                let number = u32::try_from(entry).map_err(|_| format!("`entry` is {entry}"))?;
                room.function("entry", number).map(Some)
            }
        }
    }

    fn fixups(&self, room: &Room) -> Result<Vec<Fixup>, String> {
        let mut list = Vec::new();
        for &(at, to) in &self.fixup {
            if !(i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(&to) {
                return Err(format!("`fixup` to {to}, which is no address"));
            }
            list.push(Fixup::Address {
                at: room.data("fixup", at, WORD)?,
                to: (to as u32).wrapping_sub(BIAS),
            });
        }
        for &(at, function) in &self.fixupfun {
            list.push(Fixup::Index {
                at: room.data("fixupfun", at, WORD)?,
                function: room.function("fixupfun", function)?,
            });
        }
        for (name, at) in &self.refs {
            list.push(Fixup::Symbol {
                at: room.data("ref", *at, WORD)?,
                symbol: symbol("ref", name)?,
            });
        }
        for (name, function) in &self.refun {
            list.push(Fixup::Entry {
                function: room.function("refun", *function)?,
                symbol: symbol("refun", name)?,
            });
        }
        Ok(list)
    }
}

/// The module's parts of memory and table.
struct Room {
    memory: u32,
    table: u32,
}

impl Room {
    /// A biased address of `bytes` of the module's data, without the bias.
    fn data(&self, key: &str, at: u32, bytes: u32) -> Result<u32, String> {
        let offset = at.checked_sub(BIAS);
        let inside = |&offset: &u32| u64::from(offset) + u64::from(bytes) <= self.memory.into();
        offset.filter(inside).ok_or_else(|| {
            let end = u64::from(self.memory) + u64::from(BIAS);
            format!("`{key}` at {at:#x}, outside of the data, which end at {end:#x}")
        })
    }

    fn function(&self, key: &str, number: u32) -> Result<u32, String> {
        if number < self.table {
            return Ok(number);
        }
        let end = self.table;
        Err(format!(
            "`{key}` of function {number}, beyond `plt_end`, {end}"
        ))
    }
}

/// A symbol's name without its version.
fn symbol(key: &str, name: &str) -> Result<String, String> {
    match name.split('@').next() {
        None | Some("") => Err(format!("`{key}` of `{name}`, which names no symbol")),
        Some(name) => Ok(name.to_owned()),
    }
}

/// The number in the name of an exported function: `f_` and hexadecimal
/// digits, padded with blanks.
pub fn function_number(export: &str) -> Option<u32> {
    let digits = export.strip_prefix("f_")?.trim_matches(' ');
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| hex)
}

/// Reads the section; `offset` is where `data` begins in the module.
pub(super) fn read(data: &[u8], offset: usize) -> Result<Linking, LinkingError> {
    let fail = |reason| LinkingError {
        section: SECTION,
        offset,
        reason,
    };
    let section = Section::parse(data).map_err(fail)?;
    let (placement, needed, info) = section.meaning().map_err(fail)?;
    Ok(Linking {
        abi: LinkingAbi::Dyninfo,
        placement: Some(placement),
        needed,
        dyninfo: Some(Box::new(info)),
        ..Linking::core()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"{"fixup": [[16384, 16392]], "fixupfun": [[16388, 1]],
        "def": [["x@@V1", 16392], ["x@V0", 16384]], "defun": [["f", 1]],
        "ref": [["y@V", 16396]], "refun": [["g", 2]], "copy": [["c", 16400, 8]],
        "libs": ["liba.so"], "lazy": [["h", 3, "libh.so"]],
        "plt_bias": 1, "plt_end": 4, "data": 16384, "data_end": 16408,
        "pc_end": 4096, "entry": 1, "unknown": {}}"#;

    #[test]
    fn reads_all_keys() {
        let linking = read(ALL.as_bytes(), 0).unwrap();
        let placement = linking.placement.unwrap();
        assert_eq!((placement.memory_size, placement.table_size), (24, 4));
        assert_eq!(linking.needed, ["liba.so"]);
        let info = *linking.dyninfo.unwrap();
        assert_eq!(info.data, [("x".to_owned(), 8), ("c".to_owned(), 16)]);
        assert_eq!(info.functions, [("f".to_owned(), 1)]);
        assert_eq!(info.lazy[0].library, "libh.so");
        assert_eq!((&*info.copies[0].name, info.copies[0].size), ("c", 8));
        let symbol = |name: &str| name.to_owned();
        let (x, g) = (symbol("y"), symbol("g"));
        let want = [
            Fixup::Address { at: 0, to: 8 },
            Fixup::Index { at: 4, function: 1 },
            Fixup::Symbol { at: 12, symbol: x },
            Fixup::Entry {
                function: 2,
                symbol: g,
            },
        ];
        assert_eq!(info.fixups.list, want);
        assert_eq!((info.fixups.entry, info.fixups.pc_size), (Some(1), 4096));
    }

    #[test]
    fn of_several_definitions_of_a_name_the_first_counts() {
        let text = r#"{"def": [["x", 16384], ["x@V", 16388]], "defun": [["f", 1], ["f", 2]],
            "copy": [["x", 16388, 4], ["c", 16392, 4], ["c@V", 16396, 8]],
            "plt_end": 4, "data": 16384, "data_end": 16408}"#;
        let info = read(text.as_bytes(), 0).unwrap().dyninfo.unwrap();
        assert_eq!(info.data, [("x".to_owned(), 0), ("c".to_owned(), 8)]);
        let copies = info.copies.iter().map(|c| (&*c.name, c.size));
        assert_eq!(copies.collect::<Vec<_>>(), [("x", 4), ("c", 4)]);
        assert_eq!(
            info.functions,
            [("f".to_owned(), 1), ("f".to_owned(), 2)][..1]
        );
    }

    #[test]
    fn text_round_trips_and_may_be_padded() {
        let section = Section::parse(ALL.as_bytes()).unwrap();
        let text = section.to_json() + "\0\0";
        assert_eq!(Section::parse(text.as_bytes()).unwrap(), section);
        let least = br#"{"plt_end": 0, "data": 16384, "data_end": 16384}"#;
        assert_eq!(read(least, 0).unwrap().placement.unwrap().memory_size, 0);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with =
            |entry: &str| format!(r#"{{{entry} "plt_end": 4, "data": 16384, "data_end": 16392}}"#);
        for (bad, reason) in [
            ("{", "EOF"),
            ("[]", "expected struct"),
            ("{}", "missing field"),
            (&with(r#""libs": [1],"#), "expected a string"),
            (&with(r#""ref": [["x"]],"#), "expected a tuple"),
            (&with(r#""ref": [["x", 16390]],"#), "`ref` at 0x4006"),
            (&with(r#""ref": [["x", -1]],"#), "expected u32"),
            (&with(r#""ref": [["@V", 16384]],"#), "names no symbol"),
            (&with(r#""def": [["x", 4]],"#), "`def` at 0x4"),
            (&with(r#""fixup": [[16384, 4294967296]],"#), "no address"),
            (&with(r#""fixupfun": [[16384, 4]],"#), "function 4"),
            (&with(r#""copy": [["x", 16388, 5]],"#), "`copy` at"),
            (&with(r#""lazy": [["x", 0, "l"]],"#), "function 0"),
            (&with(r#""entry": -2,"#), "`entry` is -2"),
            (&with(r#""entry": 4,"#), "function 4"),
            (&with(r#""plt_bias": 5,"#), "`plt_bias` 5"),
            (r#"{"plt_end":0,"data":0,"data_end":16384}"#, "data from"),
            (
                r#"{"plt_end":0,"data":16385,"data_end":16384}"#,
                "data from",
            ),
        ] {
            let error = read(bad.as_bytes(), 7).expect_err(bad).to_string();
            assert!(error.contains(reason), "{bad}: {error}");
            assert!(error.contains("`dyninfo` at offset 0x7"), "{error}");
        }
    }

    #[test]
    fn functions_are_named_by_number() {
        assert_eq!(function_number("f_1f            "), Some(31));
        assert_eq!(function_number("f_               0"), Some(0));
        for name in ["f_", "f_g", "f_+1", "f", "g_1", "f_123456789"] {
            assert_eq!(function_number(name), None, "{name}");
        }
    }
}
