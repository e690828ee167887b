//! Money as a whole number, so that sums agree to the last digit in whatever order they are made.

use std::fmt::{self, Write as _};
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Millionths of a millionth of a dollar: the price of one token at a list price of `0.000001` per million.
const PER_DOLLAR: u64 = 1_000_000_000_000;

/// US dollars, exact to 10⁻¹² of one. Up to 18 million dollars; beyond that it stays there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Usd(u64);

impl Usd {
    /// So many 10⁻¹² dollars.
    pub fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// Rounded to 10⁻¹² dollars; what is negative or no number is nothing.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the cast saturates, which is what is wanted"
    )]
    pub fn from_dollars(dollars: f64) -> Self {
        Self((dollars * PER_DOLLAR as f64).round() as u64)
    }

    /// The number of 10⁻¹² dollars.
    pub fn pico(self) -> u64 {
        self.0
    }

    /// The nearest floating-point number of dollars.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest is what is asked for"
    )]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / PER_DOLLAR as f64
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// All its digits and no more: `0.00006`, `12.5`, `0`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / PER_DOLLAR, self.0 % PER_DOLLAR);
        write!(f, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        f.write_char('.')?;
        let (mut rest, mut place) = (rest, PER_DOLLAR / 10);
        while rest > 0 {
            let digit = u32::try_from(rest / place).unwrap_or(0);
            f.write_char(char::from_digit(digit, 10).unwrap_or('0'))?;
            (rest, place) = (rest % place, place / 10);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_with_all_its_digits_and_no_more() {
        let check = |dollars: f64, expect: &str| {
            assert_eq!(Usd::from_dollars(dollars).to_string(), expect);
        };
        check(0.0, "0");
        check(12.5, "12.5");
        check(0.000_06, "0.00006");
        check(0.1 + 0.2, "0.3");
        check(0.000_000_000_001, "0.000000000001");
        check(-1.0, "0");
        check(f64::NAN, "0");
        assert_eq!(Usd::from_pico(PER_DOLLAR).dollars().to_string(), "1");
    }

    #[test]
    fn sums_agree_in_any_order() {
        let prices = [0.1, 0.2, 0.3, 1e-9, 7.7].map(Usd::from_dollars);
        let forth: Usd = prices.iter().copied().sum();
        let back: Usd = prices.iter().rev().copied().sum();
        assert_eq!(forth, back);
        assert_eq!(forth.to_string(), "8.300000001");
    }
}
