//! Phase 3: the initial image of linear memory, as page-aligned pieces that
//! the loader maps.
//!
//! Static data segments are laid over each other in order; pages of zeros are
//! not stored, except in short gaps. The pieces follow each other without a
//! hole: each has a zero-initialised rest up to the next, so that every data
//! symbol lies in a section.

use std::collections::BTreeMap;
use std::ops::Range;

use wasmaot_abi::context::MEMORY_RESERVE;

use crate::error::{Error, Result};
use crate::module::{DataMode, ExportItem, IMAGE_GAP, Module};

/// More pieces than this would fill the section table.
const MAX_PIECES: usize = 8192;

/// A piece of the image: a segment of the object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Linear address, a multiple of the alignment.
    pub start: u64,
    /// Bytes in the file. In the file, zeros follow up to the page's end.
    pub bytes: Vec<u8>,
    /// Bytes in memory.
    pub size: u64,
}

/// The image.
pub(super) struct Image {
    /// Ascending, each beginning where the one before ends.
    pub pieces: Vec<Piece>,
    /// End of what a module with fixed addresses uses of its memory.
    pub static_end: u64,
    /// What its pieces are aligned to.
    pub align: u64,
}

type Pages = BTreeMap<u64, Vec<u8>>;

/// Makes the image; `align`: what its pieces are aligned to, a page or more.
pub(super) fn image(module: &Module<'_>, align: u64) -> Result<Image> {
    let (pages, data_end) = pages(module, align);
    let runs = runs(&pages, align);
    if runs.len() > MAX_PIECES {
        return Err(Error::TooLarge {
            file: module.source.clone(),
            what: format!("static data in {} far-apart pieces", runs.len()),
            limit: format!("{MAX_PIECES} pieces"),
        });
    }
    let (start, end) = match &module.linking.placement {
        Some(placement) => (0, data_end.max(u64::from(placement.memory_size))),
        None => fixed(module, &runs, data_end, align),
    };
    Ok(Image {
        pieces: pieces(module, &pages, &runs, start..end, align),
        static_end: static_end(module, data_end),
        align,
    })
}

/// Start and end of the image of a module with fixed addresses: its data, and
/// what it holds copies of.
fn fixed(module: &Module<'_>, runs: &[Range<u64>], data_end: u64, align: u64) -> (u64, u64) {
    let copies = module.copies.iter().filter_map(|copy| {
        let start = module.exports.iter().find_map(|e| match e.item {
            ExportItem::Data(address) if e.name == copy.name => Some(u64::from(address)),
            _ => None,
        })?;
        Some((start, start + u64::from(copy.size)))
    });
    let whole = runs.first().map(|run| (run.start * align, data_end));
    let whole = copies
        .chain(whole)
        .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)));
    let (start, end) = whole.unwrap_or((0, data_end));
    (start / align * align, end)
}

/// The pages that are not all zero, by number, and where the data ends.
fn pages(module: &Module<'_>, align: u64) -> (Pages, u64) {
    let mut pages = Pages::new();
    let mut end = 0;
    for data in &module.data {
        let DataMode::Static { offset } = data.mode else {
            continue;
        };
        let mut at = u64::from(offset);
        end = end.max(at + data.bytes.len() as u64);
        let mut rest = data.bytes;
        while !rest.is_empty() {
            let within = (at % align) as usize;
            let (now, later) = rest.split_at(rest.len().min(align as usize - within));
            let page = pages
                .entry(at / align)
                .or_insert_with(|| vec![0; align as usize]);
            page[within..within + now.len()].copy_from_slice(now);
            at += now.len() as u64;
            rest = later;
        }
    }
    pages.retain(|_, page| page.iter().any(|&b| b != 0));
    (pages, end)
}

/// Ranges of page numbers to store, ascending.
fn runs(pages: &Pages, align: u64) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for &page in pages.keys() {
        match runs.last_mut() {
            Some(run) if (page - run.end) * align < IMAGE_GAP => run.end = page + 1,
            _ => runs.push(page..page + 1),
        }
    }
    runs
}

/// Covers `whole` with pieces, one for each run and one before the first run
/// where the range starts earlier.
fn pieces(
    module: &Module<'_>,
    pages: &Pages,
    runs: &[Range<u64>],
    whole: Range<u64>,
    align: u64,
) -> Vec<Piece> {
    let mut starts: Vec<u64> = runs.iter().map(|run| run.start * align).collect();
    let lead = starts.first() != Some(&whole.start);
    // A relocatable module without memory may still export addresses: they
    // need a piece to be relative to.
    let anchor = module.is_relocatable() && exports_data(module);
    if lead && (!whole.is_empty() || anchor) {
        starts.insert(0, whole.start);
    }
    let ends = starts.iter().skip(1).copied().chain([whole.end]);
    let mut runs = runs.iter().peekable();
    let pieces = starts.iter().zip(ends).map(|(&start, end)| {
        let run = runs.next_if(|run| run.start * align == start);
        let mut bytes = Vec::new();
        for page in run.cloned().into_iter().flatten() {
            match pages.get(&page) {
                Some(page) => bytes.extend(page),
                None => bytes.resize(bytes.len() + align as usize, 0),
            }
        }
        bytes.truncate((end - start) as usize);
        Piece {
            start,
            bytes,
            size: end - start,
        }
    });
    pieces.collect()
}

fn exports_data(module: &Module<'_>) -> bool {
    let is_data = |item| matches!(item, ExportItem::Data(_));
    module.exports.iter().any(|e| is_data(e.item))
}

fn static_end(module: &Module<'_>, data_end: u64) -> u64 {
    if module.is_relocatable() {
        return 0;
    }
    let marks = module
        .exports
        .iter()
        .filter(|e| matches!(&*e.name, "__heap_base" | "__data_end"));
    let ends = marks.filter_map(|e| match e.item {
        ExportItem::Data(address) => Some(u64::from(address)),
        ExportItem::Item(item) => module.constant_address(item),
    });
    // Without the mark, all of the memory that the module starts with may be
    // its data, stack or heap.
    let marked = module.exports.iter().any(|e| e.name == "__heap_base");
    let memory = module.memories.first().filter(|_| !marked);
    let whole = memory.map_or(0, |m| m.ty.min_bytes().min(MEMORY_RESERVE));
    ends.fold(data_end.max(whole), u64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::so::tests::module;
    use crate::module::Data;
    use wasmaot_abi::info::Placement;

    fn with(segments: &[(u32, &'static [u8])], room: Option<u32>) -> Image {
        let mut module = module();
        module.linking.placement = room.map(|memory_size| Placement {
            memory_size,
            ..Placement::default()
        });
        module.data = segments
            .iter()
            .map(|&(offset, bytes)| Data {
                bytes,
                mode: DataMode::Static { offset },
            })
            .collect();
        image(&module, 4096).unwrap()
    }

    fn shape(image: &Image) -> Vec<(u64, usize, u64)> {
        let shape = |p: &Piece| (p.start, p.bytes.len(), p.size);
        image.pieces.iter().map(shape).collect()
    }

    #[test]
    fn later_segments_overwrite_and_zero_pages_are_not_stored() {
        let image = with(&[(1024, b"abc"), (1025, b"\0"), (9000, &[0; 10000])], None);
        assert_eq!(shape(&image), [(0, 4096, 19000)]);
        assert_eq!(image.pieces[0].bytes[1024..1027], *b"a\0c");
        assert_eq!(image.static_end, 19000);
    }

    #[test]
    fn far_data_is_a_piece_of_its_own_and_pieces_touch() {
        let image = with(&[(5000, b"a"), (30000, b"b"), (200_001, b"c")], None);
        assert_eq!(
            shape(&image),
            [(4096, 28672, 192_512), (196_608, 3394, 3394)]
        );
    }

    #[test]
    fn a_relocatable_image_covers_its_whole_room() {
        assert_eq!(shape(&with(&[], Some(100))), [(0, 0, 100)]);
        assert_eq!(shape(&with(&[], Some(0))), []);
        assert_eq!(
            shape(&with(&[(8192, b"x")], Some(8193))),
            [(0, 0, 8192), (8192, 1, 1)]
        );
        assert_eq!(shape(&with(&[(0, b"x")], Some(10000))), [(0, 4096, 10000)]);
        assert_eq!(with(&[(0, b"x")], Some(10000)).static_end, 0);
    }
}
