//! `wasmaot cache`: looks after the directory of built objects.

use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde_json::{Value, json};
use wasmaot::cache::{CacheDirectory, CacheEntry, default_directory};
use wasmaot_launch::Size;
use wasmaot_launch::report::print;

use crate::json;
use crate::options::{Cache, CacheAction, Limit};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// Carries out what is to be done.
pub(crate) fn run(args: &Cache) -> Result<()> {
    let path = default_directory()?;
    if matches!(args.action, CacheAction::Path) {
        return print([path.as_os_str().as_bytes(), b"\n"].concat());
    }
    // A limit may be set before anything is built.
    let directory = CacheDirectory::open(path, true)?;
    match &args.action {
        CacheAction::Path => Ok(()),
        CacheAction::List { json } => list(&directory, *json),
        CacheAction::Size { json } => size(&directory, *json),
        CacheAction::Clean {
            unused_for,
            max_size,
        } => {
            let days = unused_for
                .map(u64::from)
                .or(max_size.is_none().then_some(0));
            let unused_for = days.map(|days| Duration::from_secs(days * DAY));
            clean(&directory, unused_for, max_size.map(|size| size.0))
        }
        CacheAction::Limit { size: None } => print(format!("{}\n", shown(directory.limit()))),
        CacheAction::Limit {
            size: Some(Limit(limit)),
        } => {
            directory.set_limit(*limit)?;
            match limit {
                Some(_) => clean(&directory, None, *limit),
                None => Ok(()),
            }
        }
    }
}

fn list(directory: &CacheDirectory, as_json: bool) -> Result<()> {
    let entries = directory.entries()?;
    if as_json {
        let entries: Vec<Value> = entries
            .iter()
            .map(|entry| {
                json!({
                    "build_id": entry.build_id,
                    "bytes": entry.bytes,
                    "used": seconds(entry),
                    "name": directory.soname(entry),
                })
            })
            .collect();
        return print(json::text(&json!({ "objects": entries })));
    }
    let now = SystemTime::now();
    let lines = entries.iter().map(|entry| {
        let age = now.duration_since(entry.used).unwrap_or_default();
        let days = age.as_secs() / DAY;
        let name = directory.soname(entry);
        let name = name.as_deref().unwrap_or("(damaged)");
        format!("{:>12} {days:>5} {} {name}\n", entry.bytes, entry.build_id)
    });
    print(lines.collect::<String>())
}

fn size(directory: &CacheDirectory, as_json: bool) -> Result<()> {
    let entries = directory.entries()?;
    let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let limit = directory.limit();
    let counts = directory.counts();
    let counted = [
        ("hits", counts.hits),
        ("built", counts.built),
        ("remote_hits", counts.remote_hits),
        ("remote_misses", counts.remote_misses),
        ("remote_refused", counts.remote_refused),
        ("remote_failed", counts.remote_failed),
        ("remote_stored", counts.remote_stored),
    ];
    if as_json {
        let mut document = json!({
            "path": directory.path().to_string_lossy(),
            "objects": entries.len(),
            "bytes": bytes,
            "limit": limit,
        });
        for (name, count) in counted {
            document[name] = count.into();
        }
        return print(json::text(&document));
    }
    let mut text = format!(
        "path {}\nobjects {}\nbytes {bytes}\nlimit {}\n",
        directory.path().display(),
        entries.len(),
        shown(limit)
    );
    for (name, count) in counted {
        text += &format!("{name} {count}\n");
    }
    print(text)
}

fn clean(
    directory: &CacheDirectory,
    unused_for: Option<Duration>,
    max_bytes: Option<u64>,
) -> Result<()> {
    let removed = directory.clean(unused_for, max_bytes)?;
    let (objects, bytes) = (removed.objects, removed.bytes);
    print(format!("removed {objects} objects, {bytes} bytes\n"))
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |bytes| Size(bytes).to_string())
}

/// When an object was last used, in seconds since 1970.
fn seconds(entry: &CacheEntry) -> u64 {
    let time = entry.used.duration_since(UNIX_EPOCH);
    time.map_or(0, |time| time.as_secs())
}
