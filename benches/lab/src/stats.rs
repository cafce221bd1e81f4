//! Medians, spreads, means of ratios.

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

#[cfg(test)]
mod tests {
    use super::*;

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
