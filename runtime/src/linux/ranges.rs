//! A set of addresses, kept as ranges that do not touch.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of addresses.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// The ranges, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(|(&start, &end)| start..end)
    }

    /// Whether all of a range is in the set.
    pub(super) fn contains(&self, range: &Range<u64>) -> bool {
        let below = self.0.range(..=range.start).next_back();
        range.is_empty() || below.is_some_and(|(_, &end)| range.end <= end)
    }

    /// Adds a range.
    pub(super) fn insert(&mut self, mut range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // What overlaps or touches becomes one with it.
        while let Some((&start, &end)) = self.0.range(..=range.end).next_back() {
            if end < range.start {
                break;
            }
            self.0.remove(&start);
            range = range.start.min(start)..range.end.max(end);
        }
        self.0.insert(range.start, range.end);
    }

    /// Takes out what is there of a range, and says what that was.
    pub(super) fn remove(&mut self, range: &Range<u64>) -> Vec<Range<u64>> {
        let mut removed = Vec::new();
        while let Some((&start, &end)) = self.0.range(..range.end).next_back() {
            if end <= range.start || range.is_empty() {
                break;
            }
            self.0.remove(&start);
            self.insert(range.end..end.max(range.end));
            removed.push(start.max(range.start)..end.min(range.end));
            if start < range.start {
                self.0.insert(start, range.start);
                break;
            }
        }
        removed.reverse();
        removed
    }
}

#[cfg(test)]
#[allow(
    clippy::single_range_in_vec_init,
    reason = "a list of ranges, of which there may be one"
)]
mod tests {
    use super::*;

    fn set(ranges: &[Range<u64>]) -> Ranges {
        let mut set = Ranges::default();
        ranges.iter().for_each(|range| set.insert(range.clone()));
        set
    }

    fn list(set: &Ranges) -> Vec<Range<u64>> {
        set.iter().collect()
    }

    #[test]
    fn what_touches_becomes_one() {
        assert_eq!(list(&set(&[2..4, 6..8, 4..6])), [2..8]);
        assert_eq!(list(&set(&[6..8, 2..4, 0..9])), [0..9]);
        assert_eq!(list(&set(&[6..8, 2..4, 3..7])), [2..8]);
        assert_eq!(list(&set(&[2..4, 6..8, 5..5])), [2..4, 6..8]);
    }

    #[test]
    fn what_is_taken_out_is_told() {
        let mut all = set(&[2..8, 10..20]);
        assert_eq!(all.remove(&(0..3)), [2..3]);
        assert_eq!(all.remove(&(5..12)), [5..8, 10..12]);
        assert_eq!(list(&all), [3..5, 12..20]);
        assert_eq!(all.remove(&(14..16)), [14..16]);
        assert_eq!(all.remove(&(16..16)), []);
        assert_eq!(all.remove(&(0..100)), [3..5, 12..14, 16..20]);
        assert_eq!(list(&all), []);
    }

    #[test]
    fn contains_takes_one_range_to_hold_all() {
        let all = set(&[2..4, 6..8]);
        assert!(all.contains(&(2..4)) && all.contains(&(3..4)) && all.contains(&(5..5)));
        assert!(!all.contains(&(3..5)) && !all.contains(&(3..7)) && !all.contains(&(0..3)));
    }
}
