//! Ranges of numbers that are free to be handed out again.

use std::ops::Range;

/// Free ranges, ascending, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// One free range.
    pub fn from_range(range: Range<u64>) -> Self {
        let mut ranges = Self::default();
        ranges.give(range);
        ranges
    }

    /// Takes `len` numbers in a row, first fit, the first one a multiple of
    /// `align`.
    pub fn take(&mut self, len: u64, align: u64) -> Option<u64> {
        let start = |free: &Range<u64>| free.start.checked_next_multiple_of(align);
        let fits = |free: &Range<u64>| {
            start(free).is_some_and(|at| at <= free.end && free.end - at >= len)
        };
        let at = self.0.iter().position(fits)?;
        let free = self.0.remove(at);
        let start = start(&free)?;
        let rest = [free.start..start, start + len..free.end];
        let rest = rest.into_iter().filter(|r| !r.is_empty());
        self.0.splice(at..at, rest);
        Some(start)
    }

    /// Gives numbers (back) that are not free.
    pub fn give(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let at = self.0.partition_point(|f| f.start < range.start);
        self.0.insert(at, range);
        self.0.dedup_by(|next, last| {
            let touch = last.end == next.start;
            if touch {
                last.end = next.end;
            }
            touch
        });
    }

    /// Forgets what lies beyond a number.
    pub fn cut(&mut self, end: u64) {
        self.0.retain_mut(|free| {
            free.end = free.end.min(end);
            free.start < free.end
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_split_and_merged() {
        let mut free = Ranges::default();
        assert_eq!(free.take(1, 1), None);
        free.give(5..100);
        assert_eq!(free.take(10, 16), Some(16));
        assert_eq!(free, Ranges(vec![5..16, 26..100]));
        assert_eq!(free.take(12, 1), Some(26));
        assert_eq!(free.take(11, 1), Some(5));
        free.give(26..38);
        free.give(5..16);
        free.give(16..26);
        assert_eq!(free.0.first(), Some(&(5..100)));
        assert_eq!(free.take(96, 1), None);
        free.cut(50);
        assert_eq!(free.take(45, 1), Some(5));
        assert_eq!(free, Ranges::default());
    }
}
