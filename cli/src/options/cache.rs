//! Options of `wasmaot cache`.

use clap::{Args, Subcommand};
use wasmaot_launch::Size;

/// `wasmaot cache`.
#[derive(Debug, Args)]
pub struct Cache {
    /// What to do.
    #[command(subcommand)]
    pub action: CacheAction,
}

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub enum CacheAction {
    /// Print the cache's directory
    Path,
    /// List the objects, those used last first: bytes, days since the last use, build id, name
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print how many objects there are, their bytes, the limit, and how often they were found
    Size {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Remove all objects, or some; programs that run them are not disturbed
    Clean {
        /// Only those that have not been used for so many days
        #[arg(long, value_name = "DAYS")]
        unused_for: Option<u32>,
        /// Only those unused for longest, until the rest takes no more than this, in bytes
        /// (suffixes K, M, G)
        #[arg(long, value_name = "SIZE")]
        max_size: Option<Size>,
    },
    /// Print the limit, or set it: whoever adds an object removes those unused for longest
    Limit {
        /// What all objects may take together, in bytes (suffixes K, M, G), or `none`
        #[arg(value_name = "SIZE", value_parser = limit)]
        size: Option<Limit>,
    },
}

/// A limit, or none.
#[derive(Clone, Copy, Debug)]
pub struct Limit(pub Option<u64>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    let size: Size = text
        .parse()
        .map_err(|error| format!("{error}, nor `none`"))?;
    Ok(Limit(Some(size.0)))
}
