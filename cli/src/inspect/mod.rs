//! `wasmaot inspect`: what stands in a module or an object.

mod dyninfo;
mod elf;
mod module;

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};
use wasmaot::input::{self, Kind};
use wasmaot_abi::shebang;
use wasmaot_runtime::Inspected;

use crate::json;
use crate::options::Inspect;

/// Prints the listing of the file.
pub(crate) fn run(args: &Inspect) -> Result<()> {
    let (file, bytes) = input::read(&args.file)?;
    let of_module = |module: &[u8]| match args.dyninfo {
        true => dyninfo::list(&file, module),
        false => Ok(shown(&module::list(&file, module)?, args.json)),
    };
    let text = match input::kind(&file, &bytes)? {
        Kind::Object if args.dyninfo => {
            anyhow::bail!(
                "{file}: is a built object; give --dyninfo the module that it was built from"
            )
        }
        Kind::Object => {
            // The loader's own checks come first: what it refuses, we refuse.
            let object = Inspected::from_bytes(&args.file, &bytes, args.verify)?;
            shown(&elf::list(&object), args.json)
        }
        Kind::Wasm => of_module(shebang::module(&bytes))?,
        #[cfg(feature = "compiler")]
        Kind::Wat => of_module(&input::module(&file, &bytes)?)?,
        #[cfg(not(feature = "compiler"))]
        Kind::Wat => {
            anyhow::bail!("{file}: is text; this build of wasmaot has no compiler to read it")
        }
    };
    wasmaot_launch::report::print(text)
}

fn shown(listing: &Listing, as_json: bool) -> String {
    match as_json {
        true => json::text(&listing.json()),
        false => listing.text(),
    }
}

/// A listing: headings, and rows of cells below them.
#[derive(Default)]
struct Listing {
    sections: Vec<Section>,
}

struct Section {
    heading: String,
    rows: Vec<Vec<String>>,
}

impl Listing {
    fn heading(&mut self, text: &str) {
        self.sections.push(Section {
            heading: text.to_owned(),
            rows: Vec::new(),
        });
    }

    /// A row below the last heading.
    fn row<const N: usize>(&mut self, cells: [String; N]) {
        if let Some(section) = self.sections.last_mut() {
            section.rows.push(cells.into());
        }
    }

    /// This one, and another below it.
    fn with(mut self, other: Self) -> Self {
        self.sections.extend(other.sections);
        self
    }

    /// The columns of a section aligned.
    fn text(&self) -> String {
        let mut text = String::new();
        for section in &self.sections {
            let _ = writeln!(text, "{}", section.heading);
            let columns = section.rows.iter().map(Vec::len).max().unwrap_or(0);
            let width = |column: usize| {
                let cells = section.rows.iter().filter_map(|row| row.get(column));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            };
            let widths: Vec<usize> = (0..columns).map(width).collect();
            for row in &section.rows {
                let mut line = String::from(" ");
                for (cell, width) in row.iter().zip(&widths) {
                    let _ = write!(line, " {cell:width$}");
                }
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
        text
    }

    /// The headings without their colons, each with the cells of its rows.
    fn json(&self) -> Value {
        let sections = self.sections.iter().map(|section| {
            let heading = section.heading.strip_suffix(':');
            let heading = heading.unwrap_or(&section.heading);
            json!({ "heading": heading, "rows": section.rows })
        });
        json!({ "sections": sections.collect::<Vec<_>>() })
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
        assert_eq!(listing.text(), "things:\n  a   bb\n  aaa b\n");
        let rows = r#"{"sections":[{"heading":"things","rows":[["a","bb"],["aaa","b"]]}]}"#;
        assert_eq!(listing.json().to_string(), rows);
    }
}
