//! Which data main holds copies of, and how large they are.
//!
//! Names of a library that stand for the same bytes (`environ`, `__environ`)
//! have to mean the same copy: they become one block, in which every exported
//! name of the library has its place.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use wasmaot_dylink::data_symbols::DataSymbol;

use super::library::Library;
use super::resolve::{File, Reference, Symbols};

/// More than this is no room that anybody means to copy.
const MAX_SIZE: u64 = 1 << 30;

/// A block of main's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Bytes.
    pub size: u32,
    /// Exponent of the alignment.
    pub align: u32,
    /// Names in it, with their offsets and sizes.
    pub names: Vec<(String, u32, u32)>,
}

/// The copies of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Room for them.
    pub blocks: Vec<Block>,
    /// What the loader copies.
    pub list: Vec<DataSymbol>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Names that the linker defines itself.
const LINKERS: &[&str] = &[
    "__data_end",
    "__dso_handle",
    "__global_base",
    "__heap_base",
    "__heap_end",
    "__memory_base",
    "__rodata_end",
    "__rodata_start",
    "__stack_high",
    "__stack_low",
    "__table_base",
    "__wasm_first_page_end",
];

fn is_linkers(name: &str) -> bool {
    LINKERS.contains(&name) || name.starts_with("__start_") || name.starts_with("__stop_")
}

/// Data of one library that main refers to by address.
#[derive(Debug)]
struct Wanted {
    at: u32,
    symbol: DataSymbol,
    room: u32,
}

/// Decides on the copies. `lenient`: wasm-ld will not complain of what nothing
/// defines. Otherwise it does, if the reference is used at all.
///
/// # Errors
/// Where an address that main contains could not be right.
pub fn plan(symbols: &Symbols<'_>, files: &[File], lenient: bool) -> Result<Copies> {
    let mut copies = Copies::default();
    let mut by_library: BTreeMap<usize, Vec<Wanted>> = BTreeMap::new();
    for reference in symbols.references() {
        if let Some((number, library)) = definer(&reference, files, lenient)? {
            let wanted = wanted(&reference, library, &mut copies.warnings)?;
            copies.list.push(wanted.symbol.clone());
            by_library.entry(number).or_default().push(wanted);
        }
    }
    for (number, wanted) in by_library {
        if let File::Library(library) = &files[number] {
            copies.blocks.extend(blocks(library, wanted, symbols));
        }
    }
    Ok(copies)
}

/// The library that defines what is referred to; `None` where nothing is to
/// be copied.
fn definer<'a>(
    reference: &Reference,
    files: &'a [File],
    lenient: bool,
) -> Result<Option<(usize, &'a Library)>> {
    let Reference { name, by, .. } = reference;
    match reference.library {
        Some(number) => match files.get(number) {
            Some(File::Library(library)) => Ok(Some((number, library))),
            _ => Ok(None),
        },
        None if !lenient || reference.weak || is_linkers(name) => Ok(None),
        None => bail!(
            "{by}: refers to data `{name}` by address, and nothing on the command line defines it; add the library that does"
        ),
    }
}

fn wanted(reference: &Reference, library: &Library, warnings: &mut Vec<String>) -> Result<Wanted> {
    let (name, by) = (&reference.name, &reference.by);
    let remedy = "compile the program with -fPIC and link it with --pie";
    if library.tls.contains(name) {
        bail!(
            "{by}: refers to `{name}` by address, of which each thread has its own in {}; {remedy}",
            library.name
        );
    }
    let (Some(mut symbol), Some(&at)) = (library.describe(name), library.data.get(name)) else {
        bail!(
            "{by}: refers to `{name}` as data by address, but in {} it is not data; {remedy}",
            library.name
        );
    };
    if library.binds_itself(&symbol) {
        bail!(
            "{by}: refers to `{name}` by address, but {} refers to its own `{name}` whatever the program defines: it was linked with -Bsymbolic, or the symbol is hidden in it; rebuild the library without, or {remedy}",
            library.name,
        );
    }
    let used = u32::try_from(reference.used).unwrap_or(u32::MAX);
    if symbol.size == 0 {
        symbol.size = used;
        symbol.bound = true;
    }
    if used > symbol.size {
        warnings.push(format!(
            "{by}: uses {used} bytes of `{name}`, but in {} it has {}; {} are copied at load; compile both with the same headers",
            library.name, symbol.size, symbol.size
        ));
    }
    let room = symbol.size.max(used).max(1);
    if u64::from(room) > MAX_SIZE {
        bail!(
            "{by}: refers to `{name}` by address, of which {} has {room} bytes: too many to copy; {remedy}",
            library.name
        );
    }
    Ok(Wanted { at, symbol, room })
}

/// Room for the data of one library: what overlaps is in one block.
fn blocks(library: &Library, mut wanted: Vec<Wanted>, symbols: &Symbols<'_>) -> Vec<Block> {
    wanted.sort_by_key(|w| (w.at, w.symbol.name.clone()));
    let mut places: Vec<(u32, u32, u32)> = Vec::new();
    for Wanted { at, symbol, room } in &wanted {
        let end = at.saturating_add(*room);
        match places.last_mut() {
            Some((start, last, align)) if *at == *start || at < last => {
                *last = end.max(*last);
                *align = symbol.align.max(*align);
            }
            _ => places.push((*at, end, symbol.align)),
        }
    }
    let places = places.into_iter();
    places
        .map(|(start, end, align)| {
            let inside = library
                .data
                .iter()
                .filter(|&(_, at)| (start..end).contains(at));
            let known = |name: &String| wanted.iter().find(|w| w.symbol.name == *name);
            // What an object defines by itself has nothing to do with it.
            let free = inside.filter(|(name, _)| !symbols.is_defined(name));
            let mut names: Vec<_> = free
                .map(|(name, &at)| {
                    let size = match known(name) {
                        Some(wanted) => wanted.symbol.size,
                        None => library.describe(name).map_or(0, |s| s.size),
                    };
                    (name.clone(), at - start, size.min(end - at))
                })
                .collect();
            names.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
            Block {
                size: end - start,
                align,
                names,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::object::{Kind, Object, Symbol};
    use super::*;

    fn main_file(used: &[(&str, u64)], defined: &[&str]) -> File {
        let symbol = |name: &str, kind| Symbol {
            name: name.to_owned(),
            weak: false,
            tls: false,
            hidden: false,
            kind,
        };
        let undefined = used.iter().map(|&(name, bytes)| {
            let absolute = Some(bytes);
            symbol(name, Kind::UndefinedData { absolute })
        });
        let data = Kind::Data { size: 4, align: 2 };
        let defined = defined.iter().map(|name| symbol(name, data));
        File::Object(Object {
            name: "main.o".to_owned(),
            single_thread: false,
            symbols: undefined.chain(defined).collect(),
        })
    }

    fn planned(main: File, library: Library, lenient: bool) -> Result<Copies> {
        let files = [main, File::Library(Box::new(library))];
        plan(&Symbols::resolve(&files, &[]), &files, lenient)
    }

    fn places(block: &Block) -> Vec<(&str, u32)> {
        let names = block.names.iter();
        names
            .map(|(name, offset, _)| (name.as_str(), *offset))
            .collect()
    }

    fn names(copies: &Copies) -> Vec<Vec<(&str, u32)>> {
        copies.blocks.iter().map(places).collect()
    }

    #[test]
    fn names_of_the_same_bytes_share_a_block() {
        let mut library = Library::of("lib.so", &["a", "alias", "b", "other"]);
        library.data.insert("alias".to_owned(), 0);
        let main = main_file(&[("a", 4), ("b", 0)], &[]);
        let copies = planned(main, library.clone(), false).unwrap();
        assert_eq!(
            names(&copies),
            [vec![("a", 0), ("alias", 0)], vec![("b", 0)]]
        );
        let list: Vec<_> = copies.list.iter().map(|s| (&*s.name, s.size)).collect();
        assert_eq!(list, [("a", 32), ("b", 16)], "up to the next symbol");
        assert!(copies.warnings.is_empty() && copies.list.iter().all(|s| s.bound));

        // Both names are referred to; or the other is main's own.
        let both = main_file(&[("alias", 1), ("a", 1)], &[]);
        let copies = planned(both, library.clone(), false).unwrap();
        assert_eq!(names(&copies), [vec![("a", 0), ("alias", 0)]]);
        let own = main_file(&[("a", 1)], &["alias"]);
        let copies = planned(own, library, false).unwrap();
        assert_eq!(names(&copies), [vec![("a", 0)]]);
    }

    #[test]
    fn more_than_there_is_gets_room_and_a_warning() {
        let library = Library::of("lib.so", &["a", "b"]);
        let main = main_file(&[("a", 40)], &[]);
        let copies = planned(main, library, false).unwrap();
        assert_eq!((copies.blocks[0].size, copies.list[0].size), (40, 16));
        assert!(
            copies.warnings[0].contains("uses 40 bytes of `a`"),
            "{copies:?}"
        );
    }

    #[test]
    fn what_nothing_defines_is_refused_where_the_linker_would_not() {
        let main = || main_file(&[("none", 4), ("__heap_base", 0), ("__start_list", 0)], &[]);
        let library = || Library::of("lib.so", &["a"]);
        assert!(
            planned(main(), library(), false).is_ok(),
            "the linker says so"
        );
        let error = planned(main(), library(), true).unwrap_err().to_string();
        assert!(
            error.contains("main.o") && error.contains("`none`"),
            "{error}"
        );
    }

    #[test]
    fn functions_and_data_of_threads_are_refused() {
        let mut library = Library::of("lib.so", &["f", "t"]);
        library.data.remove("f");
        library.tls.insert("t".to_owned());
        for (name, words) in [("f", "not data"), ("t", "each thread")] {
            let main = main_file(&[(name, 4)], &[]);
            let error = planned(main, library.clone(), false)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words) && error.contains("lib.so"), "{error}");
        }
    }
}
