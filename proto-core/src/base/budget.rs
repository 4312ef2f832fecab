//! A budget that abuse drains and work refills.
//!
//! A limit on bytes or on count alone is how floods get through. Each frame that carries no work is charged here; time
//! and useful frames earn it back, so that a busy honest peer never runs out and an idle hostile one soon does.

use crate::base::Time;

/// How much a budget holds and how fast it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// What it holds at the most.
    pub burst: u32,
    /// What comes back in a second.
    pub per_second: u32,
}

/// A budget in the making of [`Rate`].
#[derive(Clone, Debug)]
pub struct Budget {
    left: u32,
    refilled_at: Time,
}

impl Budget {
    /// A full budget.
    #[must_use]
    pub const fn new(rate: Rate, now: Time) -> Budget {
        Budget { left: rate.burst, refilled_at: now }
    }

    /// Takes `cost`; false when that is more than there is.
    #[must_use]
    pub fn charge(&mut self, rate: Rate, now: Time, cost: u32) -> bool {
        self.refill(rate, now);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Gives `amount` back for useful work.
    pub fn earn(&mut self, rate: Rate, amount: u32) {
        self.left = self.left.saturating_add(amount).min(rate.burst);
    }

    fn refill(&mut self, rate: Rate, now: Time) {
        if self.left >= rate.burst {
            self.refilled_at = now;
            return;
        }
        let nanos = now.saturating_since(self.refilled_at).as_nanos();
        let earned = nanos * u128::from(rate.per_second) / 1_000_000_000;
        if earned == 0 {
            return;
        }
        self.earn(rate, u32::try_from(earned).unwrap_or(u32::MAX));
        self.refilled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn a_burst_passes_then_only_what_time_gives_back() {
        let rate = Rate { burst: 10, per_second: 2 };
        let mut now = Time::START;
        let mut budget = Budget::new(rate, now);
        for _ in 0..10 {
            assert!(budget.charge(rate, now, 1));
        }
        assert!(!budget.charge(rate, now, 1));
        now = now + Duration::from_millis(500);
        assert!(budget.charge(rate, now, 1));
        assert!(!budget.charge(rate, now, 1));
        now = now + Duration::from_secs(1_000_000);
        assert!(budget.charge(rate, now, 10));
        assert!(!budget.charge(rate, now, 1));
        budget.earn(rate, 3);
        assert!(budget.charge(rate, now, 3));
    }
}
