//! `wasmaot ldd`.

use anyhow::Result;
use wasmaot_launch::{Options, list_file};

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
    list_file(&options, &args.file, engine)
}
