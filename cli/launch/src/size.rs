//! Sizes as given on a command line.

use std::fmt;
use std::str::FromStr;

/// Bytes, with a suffix of K, M or G for powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// Suffixes, and by how many bits each shifts.
const SUFFIXES: [(char, u32); 3] = [('G', 30), ('M', 20), ('K', 10)];

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let last = text.chars().last().unwrap_or_default();
        let suffix = SUFFIXES
            .iter()
            .find(|(suffix, _)| last.eq_ignore_ascii_case(suffix));
        let (digits, shift) = match suffix {
            Some((_, shift)) => (&text[..text.len() - 1], *shift),
            None => (text, 0),
        };
        let number: u64 = digits
            .parse()
            .map_err(|_| "not a size such as 65536, 64K or 1G")?;
        let bytes = number.checked_mul(1 << shift).ok_or("too large")?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, shift): &&(char, u32)| self.0 != 0 && self.0.is_multiple_of(1 << shift);
        match SUFFIXES.iter().find(whole) {
            Some((suffix, shift)) => write!(f, "{}{suffix}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let size = |text: &str| text.parse().map(|Size(bytes)| bytes);
        assert_eq!(size("64K"), Ok(65536));
        assert_eq!(size("64k"), Ok(65536));
        assert_eq!(size("12"), Ok(12));
        assert!(size("G").is_err());
        assert!(size("").is_err());
        assert!(size("1é").is_err());
        assert!(size("99999999999999G").is_err());
        for text in ["0", "12", "1025", "64K", "8M", "8G", "1023G"] {
            assert_eq!(Size(size(text).unwrap()).to_string(), text);
        }
    }
}
