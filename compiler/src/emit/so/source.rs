//! Phase 8: the source map, from the module's DWARF.
//!
//! It is one of offsets in the module rather than of native code: so it says
//! where a call came from that this compiler inlined, of which there is no code,
//! and other modules' objects can ask it about what was inlined into them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use wasmaot_abi::maps::source::{MAX_INLINED, NONE, PlaceRecord, encode_source};

use super::dwarf::{Inlined, Row, Source};
use crate::module::Module;

/// Bytes of a path or a name at most.
const MAX_TEXT: usize = 4096;
/// Bytes of texts at most, for each byte of the DWARF that names them: a path
/// is put together of parts that many have in common.
const TEXT_SHARE: usize = 16;

/// Makes the map; empty where nothing is known.
pub(super) fn build<'a>(module: &Module<'a>, source: Option<&Source<'a>>) -> Vec<u8> {
    source
        .and_then(|source| Writer::new(module, source).write())
        .unwrap_or_default()
}

struct Writer<'w, 'a> {
    module: &'w Module<'a>,
    source: &'w Source<'a>,
    rows: Vec<(u32, u32)>,
    places: Vec<PlaceRecord>,
    numbers: HashMap<PlaceRecord, u32>,
    texts: Vec<String>,
    text_numbers: HashMap<String, u32>,
    /// Bytes that texts may still take.
    text_left: usize,
    /// Texts of paths, by unit and file.
    files: HashMap<(usize, u64), u32>,
}

impl<'w, 'a> Writer<'w, 'a> {
    fn new(module: &'w Module<'a>, source: &'w Source<'a>) -> Self {
        let size: usize = module.debug.values().map(|bytes| bytes.len()).sum();
        Self {
            module,
            source,
            rows: Vec::new(),
            places: Vec::new(),
            numbers: HashMap::new(),
            texts: Vec::new(),
            text_numbers: HashMap::new(),
            text_left: size.saturating_mul(TEXT_SHARE),
            files: HashMap::new(),
        }
    }

    fn write(mut self) -> Option<Vec<u8>> {
        let rows = &self.source.rows.0;
        let inlined = self.source.inlined()?;
        // What changes where: rows, and the ends and beginnings of inlined code.
        let mut edges: Vec<(u64, bool, usize)> = Vec::new();
        for (number, stretch) in inlined.iter().enumerate() {
            if stretch.begin < stretch.end {
                edges.push((stretch.end, false, number));
                edges.push((stretch.begin, true, number));
            }
        }
        edges.sort_unstable();
        let (mut rows, mut edges) = (rows.iter().peekable(), edges.into_iter().peekable());
        let mut row: Option<&Row> = None;
        // By depth, and number.
        let mut open: BTreeSet<(usize, usize)> = BTreeSet::new();
        loop {
            let next = [rows.peek().map(|r| r.address), edges.peek().map(|e| e.0)];
            let Some(at) = next.into_iter().flatten().min() else {
                break;
            };
            while let Some(next) = rows.next_if(|row| row.address == at) {
                row = Some(next);
            }
            while let Some((_, begins, number)) = edges.next_if(|edge| edge.0 == at) {
                let key = (inlined[number].depth, number);
                match begins {
                    true => open.insert(key),
                    false => open.remove(&key),
                };
            }
            let offset = at.checked_add(self.module.code_start);
            let Some(offset) = offset.and_then(|offset| u32::try_from(offset).ok()) else {
                break;
            };
            let place = match row.filter(|row| !row.end) {
                Some(row) => self.place(row, open.iter().map(|key| &inlined[key.1]))?,
                None => NONE,
            };
            if self.rows.last().map_or(NONE, |last| last.1) != place {
                self.rows.push((offset, place));
            }
        }
        if self.rows.is_empty() {
            return None;
        }
        let texts: Vec<&str> = self.texts.iter().map(String::as_str).collect();
        Some(encode_source(&self.rows, &self.places, &texts))
    }

    /// Number of the place of a row, in calls that are inlined, outermost first.
    fn place<'i>(
        &mut self,
        row: &Row,
        inlined: impl Iterator<Item = &'i Inlined<'i>>,
    ) -> Option<u32> {
        let (mut function, mut caller) = (NONE, NONE);
        for call in inlined.take(MAX_INLINED) {
            caller = self.add(
                function,
                caller,
                call.unit,
                call.file,
                [call.line, call.column],
            )?;
            function = self.text(&readable(call.name))?;
        }
        self.add(function, caller, row.unit, row.file, [row.line, row.column])
    }

    fn add(
        &mut self,
        function: u32,
        caller: u32,
        unit: usize,
        file: u64,
        [line, column]: [u64; 2],
    ) -> Option<u32> {
        let place = PlaceRecord {
            function,
            file: self.file(unit, file)?,
            line: u32::try_from(line).unwrap_or(0),
            column: u32::try_from(column).unwrap_or(0),
            caller,
        };
        let number = *self
            .numbers
            .entry(place)
            .or_insert(self.places.len() as u32);
        if number as usize == self.places.len() {
            self.places.push(place);
        }
        Some(number)
    }

    /// Text of a file's path.
    fn file(&mut self, unit: usize, file: u64) -> Option<u32> {
        if let Some(&text) = self.files.get(&(unit, file)) {
            return Some(text);
        }
        let path = self.path(unit, file).unwrap_or_default();
        let text = self.text(&path)?;
        self.files.insert((unit, file), text);
        Some(text)
    }

    /// The path of a file, as absolute as it is known.
    fn path(&self, unit: usize, file: u64) -> Option<String> {
        let (dwarf, unit) = (&self.source.dwarf, &self.source.units[unit]);
        let header = unit.line_program.as_ref()?.header();
        let file = header.file(file)?;
        let text = |value| Some(readable(dwarf.attr_string(unit, value).ok()?.slice()));
        let mut path = text(file.path_name())?.into_owned();
        let directory = file.directory(header).and_then(text);
        let unit_directory = unit.comp_dir.map(|directory| readable(directory.slice()));
        for directory in [directory, unit_directory].into_iter().flatten() {
            if path.starts_with(['/', '\\']) || path.get(1..2) == Some(":") {
                break;
            }
            if !directory.is_empty() {
                path = format!("{}/{path}", directory.trim_end_matches('/'));
            }
        }
        Some(path)
    }

    /// Number of a text; none when there are too many.
    fn text(&mut self, text: &str) -> Option<u32> {
        let text = match text {
            "" => "?",
            _ => &text[..text.floor_char_boundary(MAX_TEXT)],
        };
        if let Some(&number) = self.text_numbers.get(text) {
            return Some(number);
        }
        self.text_left = self.text_left.checked_sub(text.len())?;
        let number = self.texts.len() as u32;
        self.texts.push(text.to_owned());
        self.text_numbers.insert(text.to_owned(), number);
        Some(number)
    }
}

/// A text without what a terminal would act on, of no more than
/// [`MAX_TEXT`] bytes read.
fn readable(text: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_TEXT)]);
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "?").into(),
        false => text,
    }
}
