//! Objects that machines share: the cache's second level.
//!
//! A store keeps bytes by name, and anybody may have written them: what comes from
//! one is an object for those alone who can tell that whoever stored it has the
//! [key](SharedKey) (`sealed.rs`). It is then entered into the cache, as if it had
//! been built here.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wasmaot_abi::prelink::BuildId;

use crate::grants::Grants;

use super::key::SharedKey;
use super::sealed::{self, AROUND};
use super::{Warn, hex};

/// How much longer a process waits, in all, for answers that bring no object than it
/// then takes to build them. A store that has taken more is of no use.
const TO_WAIT: Duration = Duration::from_secs(10);

/// How many entries a process refuses before it asks for no more.
const MAX_REFUSED: u32 = 8;

/// Largest object that is shared, whatever its module is.
const MAX_OBJECT: u64 = 1 << 30;

/// The largest object of a module that is shared: its machine code is limited in
/// proportion to its size (`Options::max_code`), and so are the tables and the
/// debugging sections that belong to it.
pub(super) fn max_object(module: &[u8]) -> u64 {
    let size = (64 << 20) + (module.len() as u64).saturating_mul(64);
    size.min(MAX_OBJECT)
}

/// What a store has by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// These bytes.
    Entry(Vec<u8>),
    /// Nothing.
    Missing,
    /// More than may come.
    TooLarge,
}

/// Keeps bytes by name, for several machines. It may be slow, down, or lie.
pub trait Store: fmt::Debug + Send + Sync {
    /// The bytes of a name, if they are no more than `max`.
    ///
    /// # Errors
    /// One line, if it cannot be asked, or has not answered in the time that it
    /// has. It is not asked again.
    fn get(&self, name: &str, max: u64) -> Result<Found, String>;

    /// Stores bytes by a name, without waiting for it.
    fn put(&self, name: &str, bytes: Vec<u8>);
}

/// A store, and the key to what is in it, for one process.
#[derive(Debug)]
pub struct RemoteCache {
    store: Box<dyn Store>,
    key: SharedKey,
    /// It is not asked any more.
    is_given_up: AtomicBool,
    refused: AtomicU32,
    times: Mutex<Times>,
    warn: Warn,
}

#[derive(Debug, Default)]
struct Times {
    /// For answers that brought no object.
    waited: Duration,
    /// To build objects.
    built: Duration,
}

/// What came of asking for an object.
pub(super) enum Fetched {
    Object(Vec<u8>),
    Missing,
    Refused,
    Failed,
}

impl RemoteCache {
    /// A store with a key. `warn` says, once, that it is not used any more, and
    /// why.
    pub fn new(store: Box<dyn Store>, key: SharedKey, warn: Warn) -> Arc<Self> {
        Arc::new(Self {
            store,
            key,
            is_given_up: AtomicBool::new(false),
            refused: AtomicU32::new(0),
            times: Mutex::default(),
            warn,
        })
    }

    /// Whether it has failed, or has been of no use, and is not asked any more.
    pub fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// Gives the store up where a program with these grants can read the key.
    pub(crate) fn check_outside(&self, grants: &Grants) {
        if let Err(error) = self.key.check_outside(grants) {
            self.give_up(format_args!("{error}"));
        }
    }

    /// Looks for an object, of no more bytes than `max`.
    pub(super) fn fetch(&self, id: &BuildId, max: u64) -> Fetched {
        if self.is_given_up() {
            return Fetched::Failed;
        }
        let begun = Instant::now();
        let found = self.store.get(&name(id), max + AROUND);
        let object = match found {
            Ok(Found::Entry(entry)) => sealed::open(&self.key, id, entry),
            Ok(Found::TooLarge) => None,
            Ok(Found::Missing) => {
                self.has_waited(begun.elapsed());
                return Fetched::Missing;
            }
            Err(reason) => {
                self.give_up(format_args!("{reason}"));
                return Fetched::Failed;
            }
        };
        object.map_or_else(
            || {
                self.refuse(begun.elapsed());
                Fetched::Refused
            },
            Fetched::Object,
        )
    }

    /// Stores an object that has just been built, which took this time.
    pub(super) fn keep(&self, id: &BuildId, object: &[u8], max: u64, took: Duration) {
        self.times().built += took;
        if !self.is_given_up() && object.len() as u64 <= max {
            self.store
                .put(&name(id), sealed::seal(&self.key, id, object));
        }
    }

    /// An entry is not what one who has the key has stored under its name. Once, that
    /// is worth a word: a machine may have another key, or somebody lies.
    pub(super) fn refuse(&self, waited: Duration) {
        match self.refused.fetch_add(1, Ordering::Relaxed) + 1 {
            1 => (self.warn)(format_args!(
                "an entry of the remote cache was made with another key, or has been changed: it is not used"
            )),
            MAX_REFUSED => self.give_up(format_args!("{MAX_REFUSED} of its entries were refused")),
            _ => {}
        }
        self.has_waited(waited);
    }

    fn has_waited(&self, time: Duration) {
        let mut times = self.times();
        times.waited += time;
        if times.waited > TO_WAIT + times.built {
            self.give_up(format_args!(
                "it is slow, and has not had what was looked for"
            ));
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, reason: fmt::Arguments<'_>) {
        if !self.is_given_up.swap(true, Ordering::Relaxed) {
            (self.warn)(format_args!("the remote cache is not used: {reason}"));
        }
    }
}

/// The name of an object in a store.
fn name(id: &BuildId) -> String {
    format!("{}.wasmaot", hex(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that answers always the same, and counts how often.
    #[derive(Debug)]
    struct Fixed(Result<Found, String>, Arc<AtomicU32>);

    impl Store for Fixed {
        fn get(&self, _: &str, _: u64) -> Result<Found, String> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.clone()
        }

        fn put(&self, _: &str, _: Vec<u8>) {
            self.1.fetch_add(1000, Ordering::Relaxed);
        }
    }

    /// How often a store is asked that answers this, of twenty times.
    fn asked(answer: Result<Found, String>) -> u32 {
        let count = Arc::new(AtomicU32::new(0));
        let store = Fixed(answer, Arc::clone(&count));
        let remote = RemoteCache::new(Box::new(store), SharedKey::of(1), |_| ());
        for _ in 0..20 {
            let object = remote.fetch(&[1; 20], 100);
            assert!(!matches!(object, Fetched::Object(_)));
        }
        let asked = count.load(Ordering::Relaxed);
        remote.keep(&[1; 20], b"object", 100, Duration::ZERO);
        remote.keep(&[1; 20], &[0; 101], 100, Duration::ZERO);
        let kept = count.load(Ordering::Relaxed) - asked;
        assert_eq!(kept, if asked == 20 { 1000 } else { 0 });
        asked
    }

    #[test]
    fn a_store_that_fails_is_not_asked_again() {
        assert_eq!(asked(Err("down".to_owned())), 1);
        assert_eq!(asked(Ok(Found::Missing)), 20);
    }

    #[test]
    fn a_store_of_lies_is_asked_a_few_times() {
        assert_eq!(asked(Ok(Found::Entry(vec![0; 80]))), MAX_REFUSED);
        assert_eq!(asked(Ok(Found::TooLarge)), MAX_REFUSED);
    }
}
