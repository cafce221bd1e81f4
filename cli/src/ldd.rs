//! `wasmaot ldd`.

use anyhow::Result;
use serde_json::{Value, json};
use wasmaot_launch::report::print;
use wasmaot_launch::{Listing, Options, Place, list_file};

use crate::options::{Ldd, Running};
#[cfg(feature = "remote-cache")]
use crate::remote;
use crate::{json, opening};

/// Lists the libraries that a file needs; the exit code says whether all is
/// there.
pub(crate) fn run(args: &Ldd) -> Result<u8> {
    let options = Running::default().options(&args.search);
    let options = options.over(Options::of_environment()?);
    let engine = opening::engine(
        #[cfg(feature = "compiler")]
        args.codegen.options()?,
    );
    #[cfg(feature = "remote-cache")]
    let engine = remote::with_store(engine, &args.remote);
    let listing = list_file(&options, &args.file, engine)?;
    print(match args.json {
        true => json::text(&document(&listing)),
        false => listing.to_string(),
    })?;
    Ok(listing.exit_code())
}

/// The same for other programs.
fn document(listing: &Listing) -> Value {
    let preloaded = listing.preloaded.iter();
    let preloaded = preloaded.map(|(name, path)| json!({ "name": name, "path": path }));
    let needed = listing.needed.iter().map(|library| {
        let (path, note) = match &library.place {
            Place::File(path, note) => (Some(path), *note),
            Place::Loader => (None, "the loader"),
            Place::Missing => (None, "not found"),
        };
        json!({ "name": library.name, "needed_by": library.by, "path": path, "note": note })
    });
    let undefined = listing
        .undefined
        .iter()
        .map(|symbol| json!({ "kind": symbol.kind, "name": symbol.name, "needed_by": symbol.by }));
    json!({
        "preloaded": preloaded.collect::<Vec<_>>(),
        "needed": needed.collect::<Vec<_>>(),
        "undefined": undefined.collect::<Vec<_>>(),
    })
}
