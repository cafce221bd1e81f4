//! The target `objects`: damaged objects. Without fitting hashes they are
//! refused; with them the loader's reading must survive whatever they say, and
//! code that is as it was built must not get out of its bounds by it.

use std::ops::Range;

use wasmaot_abi::object::{FunctionRecord, Note, SEC_FUNCTIONS};
use wasmaot_runtime::Object;

use crate::{File, Outcome, Random, mutate, native, seeds};

/// A damaged object.
#[derive(Debug)]
pub struct Damaged {
    bytes: Vec<u8>,
    /// Whether its hashes fit.
    resealed: bool,
    /// Whether it differs from what was built.
    differs: bool,
    /// Whether that is so in its code, or in what only code reads.
    code_differs: bool,
}

impl Damaged {
    /// A random one.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let whole = random.pick(seeds::objects());
        let other = random.pick(seeds::objects());
        let mut bytes = whole.clone();
        let loaded = loaded_size(whole).unwrap_or(whole.len());
        for _ in 0..1 + random.below(3) {
            // Mostly what the loader reads, and of that mostly the beginning.
            let reach = *random.pick(&[0x400, loaded, loaded, whole.len()]);
            let reach = reach.min(bytes.len());
            match random.below(8) {
                0 => mutate::bytes(&mut random, &mut bytes, other),
                1 | 2 if reach > 0 => bytes[random.below(reach)] ^= 1 << random.below(8),
                3 => {
                    // Tables of the same kind stand at about the same place.
                    let at = random.below(reach);
                    let len = 8 << random.below(6);
                    for (byte, new) in bytes[at..]
                        .iter_mut()
                        .zip(&other[at.min(other.len())..])
                        .take(len)
                    {
                        *byte = *new;
                    }
                }
                _ => {
                    let at = random.below(reach);
                    mutate::number(&mut random, &mut bytes, at);
                }
            }
        }
        let resealed = !random.once_in(4) && reseal(&mut bytes).is_some();
        let same = |part: Range<usize>| bytes.get(part.clone()) == whole.get(part);
        let code = !sections(whole)
            .filter(|(name, _)| CODE.contains(name))
            .all(|(_, part)| same(part));
        let code = code || has_other_functions(&bytes, whole) || maps_other_code(&bytes, whole);
        Self {
            differs: bytes != *whole,
            code_differs: code,
            bytes,
            resealed,
        }
    }

    /// The object.
    pub fn files(&self) -> Vec<File> {
        vec![("damaged.elf".to_owned(), self.bytes.clone())]
    }

    /// Reads it, asks it everything, and loads it if that runs nothing.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<Outcome, String> {
        let verified = native::object("damaged", &self.bytes, true);
        if verified.is_ok() && self.differs && !self.resealed {
            return Err("taken although its hashes do not fit".to_owned());
        }
        let object = match native::object("damaged", &self.bytes, false) {
            Ok(object) => object,
            Err(error) => {
                let text = error.to_string();
                return match text.contains('\n') {
                    true => Err(format!("a message of more than a line: {text}")),
                    false => Ok(Outcome::Refused),
                };
            }
        };
        ask(&object);
        match seeds::load(object) {
            Some(false) => Ok(Outcome::Refused),
            _ => Ok(Outcome::Passed),
        }
    }

    /// Whether running it says something: its code is the compiler's.
    pub fn runs(&self) -> bool {
        !self.code_differs
    }

    /// Loads it and runs what it exports: for a process of its own, which may
    /// end by it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn run(&self) -> Result<Outcome, String> {
        match native::object("damaged", &self.bytes, false) {
            Ok(object) => seeds::run(object),
            Err(_) => Ok(Outcome::Refused),
        }
    }
}

/// Whether a function is said to begin where none does, by its record or its
/// symbol: an object is trusted to know its own code, as any executable is.
fn has_other_functions(bytes: &[u8], whole: &[u8]) -> bool {
    let part = |wanted: &str| sections(whole).find(|(name, _)| *name == wanted);
    let range = |wanted: &str| part(wanted).map_or(0..0, |(_, range)| range);
    let (records, symbols) = (range(SEC_FUNCTIONS), range(".dynsym"));
    // Up to there, addresses are places in the file.
    let text = range(".text");
    let starts = |bytes: &[u8]| -> Vec<u64> {
        let records = bytes.get(records.clone()).unwrap_or_default();
        let records = records.as_chunks().0.iter();
        let records = records.map(|&record| FunctionRecord::decode(record).value.into());
        let symbols = bytes.get(symbols.clone()).unwrap_or_default();
        let symbols = symbols.as_chunks::<SYMBOL_SIZE>().0.iter();
        let values = symbols.filter_map(|symbol| symbol[8..].first_chunk().copied());
        records.chain(values.map(u64::from_le_bytes)).collect()
    };
    let known = starts(whole);
    let is_code = |&start: &u64| text.contains(&usize::try_from(start).unwrap_or(usize::MAX));
    let mut starts = starts(bytes).into_iter().filter(is_code);
    starts.any(|start| !known.contains(&start))
}

/// Whether what is executable is said to be another part of the file.
fn maps_other_code(bytes: &[u8], whole: &[u8]) -> bool {
    const EXECUTE: u8 = 1;
    let number = |at: usize| usize::from(u16::from_le_bytes([whole[at], whole[at + 1]]));
    let headers = (0..number(0x38)).map(|n| 0x40 + 0x38 * n..0x40 + 0x38 * (n + 1));
    let mut code = headers.filter(|header| whole[header.start + 4] & EXECUTE != 0);
    code.any(|header| bytes.get(header.clone()) != Some(&whole[header]))
}

/// Bytes of an ELF symbol, whose value begins at 8.
const SYMBOL_SIZE: usize = 24;

/// What the machine runs, and constants that nothing but code reads.
const CODE: &[&str] = &[".plt", ".text", ".rodata", ".data.rel.ro", ".data"];

/// Names of an object's sections, and where they are in the file.
fn sections(bytes: &[u8]) -> impl Iterator<Item = (&str, Range<usize>)> {
    let field = |at: usize, size: usize| {
        let bytes = &bytes[at..at + size];
        bytes
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | usize::from(byte))
    };
    let header = move |number: usize| field(0x28, 8) + 64 * number;
    let part = move |at: usize| field(at + 24, 8)..field(at + 24, 8) + field(at + 32, 8);
    let names = part(header(field(0x3e, 2)));
    (0..field(0x3c, 2)).map(move |number| {
        let at = header(number);
        let name = &bytes[names.start + field(at, 4)..names.end];
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        (std::str::from_utf8(name).unwrap_or_default(), part(at))
    })
}

/// Reads all that an object can be asked for.
fn ask(object: &Object) {
    use std::hint::black_box;
    use wasmaot_abi::object::{SEC_INFO, SEC_LINES, SEC_MEMORY, SEC_TRAPS};
    black_box(object.exports().count() + object.relocations().count());
    black_box(object.image_runs().count() + object.build_id().len());
    for name in [SEC_INFO, SEC_LINES, SEC_MEMORY, SEC_TRAPS, ".symtab"] {
        black_box((object.section(name), object.section_address(name)));
    }
    for at in [0, 0x1000, 0x2000, u64::MAX] {
        black_box(object.symbol_at(at));
    }
}

/// Where our note's descriptor begins.
fn note(bytes: &[u8]) -> Option<usize> {
    let name = b"wasmaot\0";
    let at = bytes.windows(name.len()).position(|w| w == name)? + name.len();
    bytes.get(at..at + Note::SIZE).map(|_| at)
}

fn loaded_size(bytes: &[u8]) -> Option<usize> {
    let note = note(bytes)?;
    let size = bytes[note + 16..note + 24].try_into().ok()?;
    usize::try_from(u64::from_le_bytes(size)).ok()
}

/// Gives an object hashes that fit its content, if it still has a note.
fn reseal(bytes: &mut [u8]) -> Option<()> {
    let note = note(bytes)?;
    let whole = note + Note::SIZE..=bytes.len();
    let loaded = loaded_size(bytes).filter(|size| whole.contains(size));
    let loaded = loaded.unwrap_or(bytes.len());
    bytes[note + 16..note + 24].copy_from_slice(&(loaded as u64).to_le_bytes());
    Note::seal(bytes, note);
    Some(())
}
