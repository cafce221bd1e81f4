//! Medians, spreads, means of ratios, and how sure they are.

use fastrand::Rng;

/// The middle of some numbers and how far they are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub low: f64,
    /// A quarter is below it.
    pub quarter: f64,
    /// Half is below it.
    pub median: f64,
    /// Three quarters are below it.
    pub three_quarters: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    /// `None` of no numbers.
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        // Between the two numbers that are nearest.
        let at = |part: f64| {
            let place = part * (sorted.len() - 1) as f64;
            let (below, above) = (
                sorted[place.floor() as usize],
                sorted[place.ceil() as usize],
            );
            below + (above - below) * place.fract()
        };
        Some(Self {
            low,
            quarter: at(0.25),
            median: at(0.5),
            three_quarters: at(0.75),
            high,
        })
    }

    /// Half of what lies between the quarters, as a part of the median.
    pub fn noise(&self) -> f64 {
        (self.three_quarters - self.quarter) / 2.0 / self.median
    }
}

/// Ratios of two series, round by round, so that a slow round slows both.
pub fn ratios(series: &[f64], base: &[f64]) -> Vec<f64> {
    series.iter().zip(base).map(|(a, b)| a / b).collect()
}

/// The geometric mean; `None` of no numbers.
pub fn geometric_mean(numbers: &[f64]) -> Option<f64> {
    let sum: f64 = numbers.iter().map(|x| x.ln()).sum();
    (!numbers.is_empty()).then(|| (sum / numbers.len() as f64).exp())
}

/// Of how many drawn samples an interval is taken.
const DRAWN: usize = 2000;
/// What every interval is drawn with, so that a report can be computed again from its
/// samples.
pub const SEED: u64 = 1;
/// Of fewer rounds no difference is called one: each of five differs to the same side
/// by chance once in sixteen times.
pub const FEWEST: usize = 6;

/// A number, and the interval in which it lies with a confidence of 95 %: the
/// percentile bootstrap over rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The lower end.
    pub low: f64,
    /// The median of the samples, or the geometric mean of such medians.
    pub value: f64,
    /// The upper end.
    pub high: f64,
    /// Rounds that it is of, of the samples that have fewest.
    pub rounds: usize,
}

impl Estimate {
    /// The median of some numbers; `None` of no numbers.
    pub fn median(numbers: &[f64]) -> Option<Self> {
        Self::mean(&[numbers])
    }

    /// The geometric mean of the medians of several series, each of which is drawn by
    /// itself; `None` of no numbers.
    pub fn mean<S: AsRef<[f64]>>(series: &[S]) -> Option<Self> {
        let series: Vec<&[f64]> = series.iter().map(AsRef::as_ref).collect();
        let rounds = series.iter().map(|numbers| numbers.len()).min()?;
        if rounds == 0 {
            return None;
        }
        let mut rng = Rng::with_seed(SEED);
        let mut drawn = Vec::new();
        let mut once = |rng: &mut Rng| {
            let medians = series.iter().map(|numbers| {
                drawn.clear();
                let any = (0..numbers.len()).map(|_| numbers[rng.usize(..numbers.len())]);
                drawn.extend(any);
                middle(&mut drawn)
            });
            geometric_mean(&medians.collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let mut all: Vec<f64> = (0..DRAWN).map(|_| once(&mut rng)).collect();
        all.sort_by(f64::total_cmp);
        let medians = series.iter().map(|numbers| middle(&mut numbers.to_vec()));
        let value = geometric_mean(&medians.collect::<Vec<_>>())?;
        Some(Self {
            low: all[DRAWN * 25 / 1000].min(value),
            value,
            high: all[DRAWN * 975 / 1000].max(value),
            rounds,
        })
    }

    /// Whether a ratio is one of different things, and not of equal ones by chance.
    pub fn is_difference(&self) -> bool {
        self.rounds >= FEWEST && (self.high < 1.0 || self.low > 1.0)
    }
}

fn middle(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() % 2 {
        1 => numbers[half],
        _ => f64::midpoint(numbers[half - 1], numbers[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_hold_what_is_there() {
        // As many numbers as rounds, around 2, within a tenth.
        let mut rng = Rng::with_seed(7);
        let mut missed = 0;
        for _ in 0..200 {
            let numbers: Vec<f64> = (0..11).map(|_| 1.9 + 0.2 * rng.f64()).collect();
            let found = Estimate::median(&numbers).unwrap();
            assert!(found.low <= found.value && found.value <= found.high);
            missed += u32::from(!(found.low..=found.high).contains(&2.0));
        }
        // 5 % is 10 of them.
        assert!(missed <= 25, "{missed} of 200 intervals miss the median");
    }

    #[test]
    fn equal_and_few_rounds_are_no_difference() {
        let is_difference = |ratios: &[f64]| Estimate::median(ratios).unwrap().is_difference();
        assert!(is_difference(&[1.1, 1.2, 1.1, 1.3, 1.1, 1.2]));
        assert!(is_difference(&[0.5; 6]));
        assert!(!is_difference(&[1.1, 1.2, 1.1, 1.3, 1.1]), "few");
        assert!(!is_difference(&[0.9, 1.2, 0.8, 1.3, 0.9, 1.2]), "apart");
        assert!(!is_difference(&[1.0; 11]), "the same");
        assert_eq!(Estimate::median(&[]), None);
        let mean = Estimate::mean(&[vec![0.5; 8], vec![8.0; 8]]).unwrap();
        assert!((mean.value - 2.0).abs() < 1e-12 && mean.is_difference());
        assert_eq!(Estimate::mean::<Vec<f64>>(&[]), None);
        assert_eq!(Estimate::mean(&[vec![0.5], vec![]]), None);
    }

    #[test]
    fn quarters() {
        let spread = Spread::of(&[5.0, 1.0, 2.0, 4.0, 3.0]).unwrap();
        let want = Spread {
            low: 1.0,
            quarter: 2.0,
            median: 3.0,
            three_quarters: 4.0,
            high: 5.0,
        };
        assert_eq!(spread, want);
        assert!((spread.noise() - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(Spread::of(&[1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn means() {
        assert_eq!(geometric_mean(&[]), None);
        assert!((geometric_mean(&[0.5, 8.0]).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(ratios(&[2.0, 6.0], &[1.0, 2.0]), [2.0, 3.0]);
    }
}
