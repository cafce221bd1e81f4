//! What a store may take: the one place where these numbers stand.

use std::time::Duration;

/// How long a store may take to begin its answer, the connection included.
pub(crate) const TO_ANSWER: Duration = Duration::from_secs(2);

/// How long the end of the process waits for what is still being stored.
pub(crate) const TO_FINISH: Duration = Duration::from_secs(10);

/// How much longer than its own limits the server is waited for.
pub(crate) const SLACK: Duration = Duration::from_secs(1);

/// How long so many bytes may take on their way: 5 seconds, and one for each
/// MiB. What comes slower than that is built as fast.
pub(crate) fn to_send(bytes: u64) -> Duration {
    Duration::from_secs(5) + Duration::from_secs(bytes >> 20)
}

/// Most bytes that wait to be stored at a time; what is more is not stored.
pub(crate) const MAX_WAITING: u64 = 256 << 20;

/// How many things are stored at a time.
pub(crate) const MAX_PUTS: usize = 8;

/// After how many that could not be stored no more is tried.
pub(crate) const MAX_FAILED_PUTS: u64 = 3;

/// Address space of the server: room for the largest entry, as it comes and as a
/// whole, for all that waits, and for the program itself.
pub(crate) const SERVER_MEMORY: u64 = 4 << 30;

/// Longest reason that a server gives, and longest URL.
pub(crate) const MAX_TEXT: u64 = 4096;
