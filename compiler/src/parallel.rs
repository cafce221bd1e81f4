//! Work on several threads, whose number does not show in the results.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::options::Options;

/// Items that a thread takes at once, where each is little work.
const CHUNK: usize = 256;

/// Threads to do so many things with.
pub(crate) fn threads(options: &Options, work: usize) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    options
        .threads
        .unwrap_or_else(available)
        .clamp(1, work.max(1))
}

/// Runs `task` once on each of so many threads.
pub(crate) fn on_threads<T: Send>(threads: usize, task: impl Fn() -> T + Sync) -> Result<Vec<T>> {
    if threads == 1 {
        return Ok(vec![task()]);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| {
            Error::Options(format!(
                "cannot start {threads} threads: {e}; ask for fewer"
            ))
        })?;
    Ok(pool.broadcast(|_| task()))
}

/// Applies `work`, of which each is little, to all items, with something that
/// each thread keeps; the results in order.
pub(crate) fn map<T: Sync, S: Default, R: Send>(
    options: &Options,
    items: &[T],
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let parts = on_threads(threads(options, items.len() / CHUNK), || {
        let mut kept = S::default();
        let mut done = Vec::new();
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = items.chunks(CHUNK).nth(chunk) else {
                return done;
            };
            let results: Vec<R> = part.iter().map(|item| work(&mut kept, item)).collect();
            done.push((chunk, results));
        }
    })?;
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.sort_unstable_by_key(|&(chunk, _)| chunk);
    Ok(parts.into_iter().flat_map(|(_, part)| part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order() {
        let items: Vec<usize> = (0..3000).collect();
        for threads in [1, 2, 5] {
            let options = Options {
                threads: Some(threads),
                ..Options::default()
            };
            let doubled = map(&options, &items, |(), &item| 2 * item).unwrap();
            assert!(doubled.iter().copied().eq((0..6000).step_by(2)));
        }
    }
}
