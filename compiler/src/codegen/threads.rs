//! Work on functions in parallel: each thread takes the next one, largest first,
//! and keeps its own working memory; results are put in order afterwards, so that
//! the number of threads does not show in the output.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::worker::{Subject, Worker};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::options::{OptLevel, Options};
use crate::parallel;
use crate::target::Isas;
use crate::translate::Env;

/// What a thread has done: numbered results, or the turn at which it failed.
type Part<T> = std::result::Result<Vec<(usize, T)>, (usize, Error)>;

/// A thread begins with new memory when functions are so many times smaller
/// than what it last began with.
const SHRUNK: usize = 4;

/// Applies `work` to every function; the results in order.
pub(super) fn for_each<T: Send>(
    env: &Env<'_>,
    isas: &Isas,
    options: &Options,
    subjects: &[Subject],
    work: impl Fn(&mut Worker<'_>, Subject) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let order = largest_first(env.module, subjects);
    let next = AtomicUsize::new(0);
    let progress = options.progress.as_deref();
    if let Some(progress) = progress {
        progress.done.store(0, Ordering::Relaxed);
        progress
            .total
            .store(subjects.len() as u32, Ordering::Relaxed);
    }
    let take_all = || {
        let optimises = options.opt_level != OptLevel::None;
        let mut worker = Worker::new(env, isas, optimises);
        let mut room = usize::MAX;
        let mut done = Vec::new();
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(&index) = order.get(turn) else {
                return Ok(done);
            };
            let size = subjects[index].size(env.module);
            if size < room / SHRUNK {
                // What was large once takes its time to clear for each small one.
                worker = Worker::new(env, isas, optimises);
                room = size;
            }
            let result = match progress {
                Some(progress) if progress.is_stopped() => Err(Error::Stopped {
                    file: env.module.source.clone(),
                }),
                _ => work(&mut worker, subjects[index]),
            };
            match result {
                Ok(result) => {
                    done.push((index, result));
                    if let Some(progress) = progress {
                        progress.done.fetch_add(1, Ordering::Relaxed);
                    }
                }
                Err(error) => {
                    // Nobody takes another; what was taken before is finished.
                    next.store(order.len(), Ordering::Relaxed);
                    return Err((turn, error));
                }
            }
        }
    };
    let threads = parallel::threads(options, subjects.len());
    in_order(parallel::on_threads(threads, take_all)?)
}

/// Puts the results of all threads in order. Of several errors, that of the
/// first turn is reported: every number of threads meets it.
fn in_order<T>(parts: Vec<Part<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut first: Option<(usize, Error)> = None;
    for part in parts {
        match part {
            Ok(part) => all.extend(part),
            Err(error) if first.as_ref().is_none_or(|f| error.0 < f.0) => first = Some(error),
            Err(_) => {}
        }
    }
    if let Some((_, error)) = first {
        return Err(error);
    }
    all.sort_unstable_by_key(|&(index, _)| index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// Indices of subjects such that no large function is left for the end.
fn largest_first(module: &Module<'_>, subjects: &[Subject]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    order.sort_by_cached_key(|&index| std::cmp::Reverse(subjects[index].size(module)));
    order
}
