//! Options of the remote cache.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// A store that machines share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Remote {
    /// Look for objects that other machines have built in this store, before they are built, and
    /// store what is: s3://BUCKET/PREFIX, redis:// or rediss://HOST:PORT, memcached://HOST:PORT,
    /// webdav:// or webdavs://HOST:PORT/PATH, fs:///DIRECTORY. It takes a key
    #[arg(long, value_name = "URL")]
    pub cache_remote: Option<String>,
    /// The key of the remote cache, 32 bytes or more in a file of ours that nobody else can read:
    /// whoever has it can have native code run here
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cache_key: Option<PathBuf>,
}
