//! The remote cache: objects that other machines have built.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use wasmaot::EngineConfig;
use wasmaot::cache::{self, CacheDirectory, RemoteCache, SharedKey, default_directory};
use wasmaot_launch::report;
use wasmaot_remote::{Found, Store, Url};

use crate::options::Remote;

/// Environment variable with the URL of the store.
const URL: &str = "WASMAOT_CACHE_REMOTE";
/// Environment variable with the path of the key.
const KEY: &str = "WASMAOT_CACHE_KEY";

/// The store of this process.
static STORE: OnceLock<(Arc<Store>, Arc<RemoteCache>)> = OnceLock::new();

/// The store as the library uses it.
#[derive(Debug)]
struct Shared(Arc<Store>);

impl cache::Store for Shared {
    fn get(&self, name: &str, max: u64) -> Result<cache::Found, String> {
        self.0.get(name, max).map(|found| match found {
            Found::Entry(bytes) => cache::Found::Entry(bytes),
            Found::Missing => cache::Found::Missing,
            Found::TooLarge => cache::Found::TooLarge,
        })
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.0.put(name, &bytes);
    }
}

/// Has objects looked for in the store that the user names, if there is one. One
/// that cannot be used is a warning: what it would have is built.
pub(crate) fn with_store(config: EngineConfig, options: &Remote) -> EngineConfig {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let url = options.cache_remote.clone();
    let url = url.or_else(|| Some(variable(URL)?.to_string_lossy().into_owned()));
    let Some(url) = url else { return config };
    let key = options.cache_key.clone();
    let key = key.or_else(|| variable(KEY).map(PathBuf::from));
    match open(&url, key) {
        Ok((store, remote)) => {
            let (_, remote) = STORE.get_or_init(|| (store, remote));
            // SAFETY: whoever has the key is trusted by the user who names it.
            unsafe { config.remote_cache(Arc::clone(remote)) }
        }
        Err(reason) => {
            warn(format_args!("the remote cache is not used: {reason}"));
            config
        }
    }
}

fn open(url: &str, key: Option<PathBuf>) -> Result<(Arc<Store>, Arc<RemoteCache>), String> {
    let url = Url::parse(url)?;
    let key = key.ok_or_else(|| {
        format!("what it has is native code, which takes a key: give --cache-key FILE or set {KEY}")
    })?;
    let key = SharedKey::read(&key).map_err(|error| error.to_string())?;
    let store = Arc::new(Store::new(url));
    let remote = RemoteCache::new(Box::new(Shared(Arc::clone(&store))), key, warn);
    Ok((store, remote))
}

fn warn(text: fmt::Arguments<'_>) {
    report::warn(text);
}

/// Waits, for a limited time, until what has been built is stored.
pub(crate) fn finish() {
    let Some((store, remote)) = STORE.get() else {
        return;
    };
    let is_given_up = remote.is_given_up();
    let finished = store.finish();
    if let Some(problem) = finished.problem.filter(|_| !is_given_up) {
        warn(format_args!("not all is in the remote cache: {problem}"));
    }
    let directory = || CacheDirectory::open(default_directory()?, false);
    if finished.stored > 0
        && let Ok(directory) = directory()
    {
        directory.count_stored(finished.stored);
    }
}
