//! Time as the core sees it: nanoseconds on an epoch that the driver chose.
//!
//! The core cannot read a clock; each turn is told what time it is. A `Time` is never zero, so that
//! `Option<Time>` takes no more room than `Time`.

use core::num::NonZeroU64;
use core::ops::Add;
use core::time::Duration;

/// An instant, in nanoseconds since the driver's epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(NonZeroU64);

impl Time {
    /// The first instant of every epoch.
    pub const START: Time = Time(NonZeroU64::MIN);
    /// The last instant that can be said, 584 years later.
    pub const MAX: Time = Time(NonZeroU64::MAX);

    /// The instant `nanos` nanoseconds after the epoch; 0 is rounded up to 1.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Time {
        match NonZeroU64::new(nanos) {
            Some(nanos) => Time(nanos),
            None => Time::START,
        }
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.get()
    }

    /// How long ago `earlier` was; zero when it is still to come.
    #[must_use]
    pub const fn saturating_since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }

    /// This instant moved into the future, [`Time::MAX`] at the most.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Time {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Time::from_nanos(self.as_nanos().saturating_add(nanos))
    }
}

/// Saturates at [`Time::MAX`].
impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        self.saturating_add(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optional_time_takes_eight_bytes() {
        assert_eq!(size_of::<Option<Time>>(), 8);
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time::MAX + Duration::from_secs(1), Time::MAX);
        assert_eq!(Time::START + Duration::MAX, Time::MAX);
        assert_eq!(Time::START.saturating_since(Time::MAX), Duration::ZERO);
        assert_eq!(Time::from_nanos(0), Time::START);
    }
}
