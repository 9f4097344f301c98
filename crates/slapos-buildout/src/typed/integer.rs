//! Integers of any size, as their decimal digits: nothing here computes with the large ones.

use std::cmp::Ordering;
use std::fmt;

/// An integer of any size.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Integer {
    // Invariant: canonical decimal digits, `-` in front of a negative one, no leading zeros, no `-0`.
    digits: String,
}

impl Integer {
    /// From decimal digits as Python accepts them: no sign, no leading zero unless all are zero.
    pub(crate) fn from_digits(digits: &str) -> Option<Integer> {
        let is_zero = digits.bytes().all(|b| b == b'0');
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number || (digits.starts_with('0') && !is_zero) {
            return None;
        }
        let digits = if is_zero { "0" } else { digits };
        Some(Integer {
            digits: digits.to_owned(),
        })
    }

    /// The value if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        self.digits.parse().ok()
    }

    pub(crate) fn to_i128(&self) -> Option<i128> {
        self.digits.parse().ok()
    }

    /// The nearest float; infinite beyond its range.
    pub(crate) fn to_f64(&self) -> f64 {
        self.digits.parse().unwrap_or(f64::NAN)
    }

    pub(crate) fn negated(&self) -> Integer {
        let digits = match self.digits.strip_prefix('-') {
            Some(positive) => positive.to_owned(),
            None if self.digits == "0" => "0".to_owned(),
            None => format!("-{}", self.digits),
        };
        Integer { digits }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    fn is_negative(&self) -> bool {
        self.digits.starts_with('-')
    }
}

impl From<i128> for Integer {
    fn from(n: i128) -> Integer {
        Integer {
            digits: n.to_string(),
        }
    }
}

impl From<i64> for Integer {
    fn from(n: i64) -> Integer {
        Integer {
            digits: n.to_string(),
        }
    }
}

impl From<i32> for Integer {
    fn from(n: i32) -> Integer {
        Integer {
            digits: n.to_string(),
        }
    }
}

impl From<u32> for Integer {
    fn from(n: u32) -> Integer {
        Integer {
            digits: n.to_string(),
        }
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.digits)
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Integer) -> Ordering {
        let larger_digits = || {
            let length = self.digits.len().cmp(&other.digits.len());
            length.then_with(|| self.digits.cmp(&other.digits))
        };
        match (self.is_negative(), other.is_negative()) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => larger_digits(),
            (true, true) => larger_digits().reverse(),
        }
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Integer) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_digits_accepts_what_python_does() {
        assert_eq!(Integer::from_digits("00").unwrap().to_string(), "0");
        assert_eq!(Integer::from_digits("01"), None);
        assert_eq!(Integer::from_digits(""), None);
        let large = "9".repeat(50);
        assert_eq!(Integer::from_digits(&large).unwrap().to_string(), large);
    }

    #[test]
    fn cmp_goes_by_value_and_not_by_text() {
        let sorted = [-10, -9, 0, 9, 10];
        for pair in sorted.windows(2) {
            assert!(Integer::from(pair[0]) < Integer::from(pair[1]), "{pair:?}");
        }
    }
}
