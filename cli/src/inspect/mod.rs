//! `wasmaot inspect`: what stands in a module or an object.

mod dyninfo;
mod elf;
mod module;

use std::fmt::Write as _;

use anyhow::Result;
use wasmaot::input::{self, Kind};
use wasmaot_abi::shebang;
use wasmaot_runtime::Object;

use crate::options::Inspect;

/// Prints the listing of the file.
pub(crate) fn run(args: &Inspect) -> Result<()> {
    let (file, bytes) = input::read(&args.file)?;
    let of_module = if args.dyninfo {
        dyninfo::list
    } else {
        module::list
    };
    let listing = match input::kind(&file, &bytes)? {
        Kind::Object if args.dyninfo => {
            anyhow::bail!(
                "{file}: is a built object; give --dyninfo the module that it was built from"
            )
        }
        Kind::Object => {
            // The loader's own checks come first: what it refuses, we refuse.
            // SAFETY: nothing of it is run, and the copy of it is ours.
            let object = unsafe { Object::from_bytes(&args.file, &bytes, args.verify) }?;
            elf::list(&object)
        }
        Kind::Wasm => of_module(&file, shebang::module(&bytes))?,
        #[cfg(feature = "compiler")]
        Kind::Wat => of_module(&file, &input::module(&file, &bytes)?)?,
        #[cfg(not(feature = "compiler"))]
        Kind::Wat => {
            anyhow::bail!("{file}: is text; this build of wasmaot has no compiler to read it")
        }
    };
    wasmaot_launch::report::print(listing)
}

/// A listing: headings, and rows in aligned columns below them.
#[derive(Default)]
struct Listing {
    text: String,
    rows: Vec<Vec<String>>,
}

impl Listing {
    fn heading(&mut self, text: &str) {
        self.flush();
        let _ = writeln!(self.text, "{text}");
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    fn flush(&mut self) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::from(" ");
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, " {cell:width$}");
            }
            let _ = writeln!(self.text, "{}", line.trim_end());
        }
        self.rows.clear();
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::Listing;

    #[test]
    fn columns_are_aligned() {
        let mut listing = Listing::default();
        listing.heading("things:");
        listing.row(["a".to_owned(), "bb".to_owned()]);
        listing.row(["aaa".to_owned(), "b".to_owned()]);
        assert_eq!(listing.finish(), "things:\n  a   bb\n  aaa b\n");
    }
}
