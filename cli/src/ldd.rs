//! `wasmaot ldd`.

use anyhow::Result;
use wasmaot_launch::{Options, list, open_all};

use crate::opening;
use crate::options::{Ldd, Running};

/// Lists the libraries that a file needs; the exit code says whether all is
/// there.
pub(crate) fn run(args: &Ldd) -> Result<u8> {
    let options = Running::default().options(&args.search);
    let options = options.over(Options::of_environment()?);
    let engine = opening::engine(
        #[cfg(feature = "compiler")]
        &args.codegen,
    );
    let mut finder = options.finder(&args.file, engine);
    let main = finder.open(&args.file)?;
    let preload = open_all(&mut finder, &options.preload)?;
    list(finder, &main, &preload)
}
