//! Sets of numbers, kept as ranges: what is free to be handed out again.

use std::ops::Range;

/// A set of numbers: ranges, ascending, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// One range.
    pub fn from_range(range: Range<u64>) -> Self {
        let mut ranges = Self::default();
        ranges.insert(range);
        ranges
    }

    /// The ranges, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().cloned()
    }

    /// Whether all of a range is in the set.
    pub fn contains(&self, range: &Range<u64>) -> bool {
        let after = self.0.partition_point(|r| r.start <= range.start);
        let below = after.checked_sub(1).map(|at| &self.0[at]);
        range.is_empty() || below.is_some_and(|r| range.end <= r.end)
    }

    /// Adds a range, of which some may be there.
    pub fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // What overlaps or touches becomes one with it.
        let first = self.0.partition_point(|r| r.end < range.start);
        let end = self.0.partition_point(|r| r.start <= range.end);
        let one = match self.0.get(first..end) {
            Some([a, .., b]) => a.start.min(range.start)..b.end.max(range.end),
            Some([a]) => a.start.min(range.start)..a.end.max(range.end),
            _ => range,
        };
        self.0.splice(first..end, [one]);
    }

    /// Takes out what is there of a range, and says what that was.
    pub fn remove(&mut self, range: &Range<u64>) -> Vec<Range<u64>> {
        let first = self.0.partition_point(|r| r.end <= range.start);
        let end = self.0.partition_point(|r| r.start < range.end);
        if first >= end || range.is_empty() {
            return Vec::new();
        }
        let left = self.0[first].start..range.start;
        let right = range.end..self.0[end - 1].end;
        let rest = [left, right].into_iter().filter(|r| !r.is_empty());
        let removed = self.0.splice(first..end, rest);
        removed
            .map(|r| r.start.max(range.start)..r.end.min(range.end))
            .collect()
    }

    /// Takes out `len` numbers in a row, first fit, the first one a multiple
    /// of `align`.
    pub fn take(&mut self, len: u64, align: u64) -> Option<u64> {
        let start = |free: &Range<u64>| {
            let start = free.start.checked_next_multiple_of(align)?;
            (start <= free.end && free.end - start >= len).then_some(start)
        };
        let at = self.0.iter().find_map(start)?;
        self.remove(&(at..at + len));
        Some(at)
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

    #[test]
    fn what_touches_becomes_one() {
        assert_eq!(set(&[2..4, 6..8, 4..6]).0, [2..8]);
        assert_eq!(set(&[6..8, 2..4, 0..9]).0, [0..9]);
        assert_eq!(set(&[6..8, 2..4, 3..7]).0, [2..8]);
        assert_eq!(set(&[2..4, 6..8, 5..5]).0, [2..4, 6..8]);
        assert_eq!(set(&[2..9, 3..4]).0, [2..9]);
    }

    #[test]
    fn what_is_taken_out_is_told() {
        let mut all = set(&[2..8, 10..20]);
        assert_eq!(all.remove(&(0..3)), [2..3]);
        assert_eq!(all.remove(&(5..12)), [5..8, 10..12]);
        assert_eq!(all.0, [3..5, 12..20]);
        assert_eq!(all.remove(&(14..16)), [14..16]);
        assert_eq!(all.remove(&(16..16)), []);
        assert_eq!(all.remove(&(0..100)), [3..5, 12..14, 16..20]);
        assert_eq!(all.0, []);
        assert_eq!(all.remove(&(0..100)), []);
    }

    #[test]
    fn contains_takes_one_range_to_hold_all() {
        let all = set(&[2..4, 6..8]);
        assert!(all.contains(&(2..4)) && all.contains(&(3..4)) && all.contains(&(5..5)));
        assert!(!all.contains(&(3..5)) && !all.contains(&(3..7)) && !all.contains(&(0..3)));
    }

    #[test]
    fn room_is_found_first_fit() {
        let mut free = Ranges::default();
        assert_eq!(free.take(1, 1), None);
        free.insert(5..100);
        assert_eq!(free.take(10, 16), Some(16));
        assert_eq!(free.0, [5..16, 26..100]);
        assert_eq!(free.take(12, 1), Some(26));
        assert_eq!(free.take(11, 1), Some(5));
        free.insert(26..38);
        free.insert(5..16);
        free.insert(16..26);
        assert_eq!(free.0, [5..100]);
        assert_eq!(free.take(96, 1), None);
        free.remove(&(50..u64::MAX));
        assert_eq!(free.take(45, 1), Some(5));
        assert_eq!(free, Ranges::default());
    }
}
