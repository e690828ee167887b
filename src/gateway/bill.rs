//! What the attempts at one answer have cost together. Attempts that no upstream counted are left out, as in the journal;
//! where none was counted there is no cost, which is not the same as a cost of nothing.

use crate::canonical::usage::Usage;
use crate::catalog::usd::Usd;

/// What the attempts at one answer have cost together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Bill {
    /// None was counted.
    #[default]
    Empty,
    /// So much.
    Known(Usd),
    /// One was counted, and its price is not known.
    Unknown,
}

impl Bill {
    /// Of one attempt: what it used, and what that cost.
    pub(super) fn of(usage: Option<&Usage>, cost: Option<Usd>) -> Self {
        match (usage, cost) {
            (None, _) => Self::Empty,
            (Some(_), Some(cost)) => Self::Known(cost),
            (Some(_), None) => Self::Unknown,
        }
    }

    /// With a further attempt's.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, bill) | (bill, Self::Empty) => bill,
            (Self::Known(one), Self::Known(more)) => Self::Known(one + more),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    /// In dollars, if it is known.
    pub(super) fn dollars(self) -> Option<f64> {
        match self {
            Self::Known(cost) => Some(cost.dollars()),
            Self::Empty | Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_counted_has_no_cost_and_what_has_no_price_spoils_the_sum() {
        let usage = Usage::default();
        let counted = |dollars| Bill::of(Some(&usage), Some(Usd::from_dollars(dollars)));
        let unpriced = Bill::of(Some(&usage), None);
        let uncounted = Bill::of(None, None);
        let check = |bills: &[Bill], expect| {
            let sum = bills
                .iter()
                .fold(Bill::default(), |sum, bill| sum.and(*bill));
            assert_eq!(sum.dollars(), expect, "{bills:?}");
        };
        check(&[], None);
        check(&[uncounted, uncounted], None);
        check(&[counted(0.25), uncounted, counted(0.5)], Some(0.75));
        check(&[uncounted, counted(0.0)], Some(0.0));
        check(&[counted(0.25), unpriced], None);
        check(&[unpriced, uncounted, counted(0.25)], None);
    }
}
