//! When to connect again after a connection failed: gRPC's connection backoff document.
//!
//! ```text
//! attempt --failed--> pause (1 s) --> attempt --failed--> pause (1.6 s) --> … up to 120 s, each ±20 %
//!        \--the peer's settings arrived--> the next failure begins at 1 s again
//! ```
//!
//! A connection counts as made once the peer's settings arrived, not when it was accepted: something that accepts
//! and then speaks no protocol must not be asked in a tight loop. Pauses count from the failure, so that an attempt
//! that ran into its own time limit is followed by one as well.

use crate::base::{Entropy, Time};
use core::time::Duration;

/// How long a client leaves a server alone after connections failed. The defaults are those of gRPC's connection
/// backoff document.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Backoff {
    /// The pause after the first failure.
    pub initial: Duration,
    /// What each further failure multiplies the pause by.
    pub multiplier: f64,
    /// The longest pause, before it strays.
    pub max: Duration,
    /// How far a pause strays at random, as a part of it from 0 to 1: 0.2 is 20 % in both directions. So clients that
    /// lost a server at once do not come back at once.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            initial: Duration::from_secs(1),
            multiplier: 1.6,
            max: Duration::from_secs(120),
            jitter: 0.2,
        }
    }
}

/// How long an attempt to connect may take: the minimum connect timeout of gRPC's connection backoff document.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The attempts to connect to one endpoint: how they went, and when the next may begin.
///
/// ```
/// use core::time::Duration;
/// use zrpc_core::base::{Entropy, Time};
/// use zrpc_core::policy::{Attempts, Backoff};
///
/// let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
/// let mut attempts = Attempts::new(backoff, Entropy::from_seed(1));
/// assert_eq!(attempts.pause_left(Time::START), None);
///
/// attempts.on_failure(Time::START);
/// assert_eq!(attempts.pause_left(Time::START), Some(Duration::from_secs(1)));
/// assert_eq!(attempts.pause_left(Time::START + Duration::from_secs(1)), None);
/// ```
#[derive(Clone, Debug)]
pub struct Attempts {
    backoff: Backoff,
    entropy: Entropy,
    /// Failures since an attempt last succeeded.
    failures: u32,
    /// The last pause, before it strayed.
    pause: Duration,
    not_before: Option<Time>,
}

impl Attempts {
    /// No attempt yet: the first may begin at once. The entropy decides how pauses stray; two clients should not
    /// have the same.
    #[must_use]
    pub fn new(backoff: Backoff, entropy: Entropy) -> Attempts {
        Attempts { backoff, entropy, failures: 0, pause: Duration::ZERO, not_before: None }
    }

    /// An attempt failed, or its connection ended before the peer's settings arrived. Answers how long to pause.
    pub fn on_failure(&mut self, now: Time) -> Duration {
        self.pause = match self.failures {
            0 => self.backoff.initial.min(self.backoff.max),
            _ => self.backoff.grow(self.pause),
        };
        self.failures = self.failures.saturating_add(1);
        let pause = self.backoff.stray(self.pause, &mut self.entropy);
        self.not_before = Some(now + pause);
        pause
    }

    /// The peer's settings arrived: what failed before no longer counts.
    pub fn on_ready(&mut self) {
        self.failures = 0;
        self.not_before = None;
    }

    /// How long the next attempt has to wait; `None` when it may begin.
    #[must_use]
    pub fn pause_left(&self, now: Time) -> Option<Duration> {
        self.not_before.filter(|at| *at > now).map(|at| at.saturating_since(now))
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

impl Backoff {
    fn grow(&self, pause: Duration) -> Duration {
        self.scale(pause, self.multiplier).min(self.max)
    }

    fn stray(&self, pause: Duration, entropy: &mut Entropy) -> Duration {
        let unit = entropy.below(1 << 32) as f64 / (1u64 << 31) as f64 - 1.0;
        self.scale(pause, 1.0 + self.jitter.clamp(0.0, 1.0) * unit)
    }

    /// The longest pause where the product is no duration, as with a factor that is negative or no number.
    fn scale(&self, pause: Duration, factor: f64) -> Duration {
        Duration::try_from_secs_f64(pause.as_secs_f64() * factor).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::START;

    fn attempts(backoff: Backoff) -> Attempts {
        Attempts::new(backoff, Entropy::from_seed(7))
    }

    #[test]
    fn pauses_grow_by_the_multiplier_to_the_longest_and_stray_within_the_jitter() {
        let mut attempts = attempts(Backoff::default());
        let mut exact = 1.0f64;
        for failure in 1..=40 {
            let pause = attempts.on_failure(NOW).as_secs_f64();
            assert!((exact * 0.8..=exact * 1.2).contains(&pause), "failure {failure}: {pause} of {exact}");
            exact = (exact * 1.6).min(120.0);
        }
        assert_eq!((exact, attempts.failures()), (120.0, 40));
    }

    #[test]
    fn pauses_stray_in_both_directions() {
        let still = Duration::from_secs(1);
        let first = |seed| Attempts::new(Backoff::default(), Entropy::from_seed(seed)).on_failure(NOW);
        let pauses: alloc::vec::Vec<Duration> = (0..100).map(first).collect();
        assert!(pauses.iter().any(|pause| *pause < still) && pauses.iter().any(|pause| *pause > still));
    }

    #[test]
    fn the_next_attempt_waits_for_the_end_of_the_pause_and_not_longer() {
        let mut attempts = attempts(Backoff { jitter: 0.0, ..Backoff::default() });
        assert_eq!(attempts.pause_left(NOW), None);
        assert_eq!(attempts.on_failure(NOW), Duration::from_secs(1));
        let end = NOW + Duration::from_secs(1);
        assert_eq!(attempts.pause_left(Time::from_nanos(end.as_nanos() - 1)), Some(Duration::from_nanos(1)));
        assert_eq!(attempts.pause_left(end), None);
    }

    #[test]
    fn a_connection_that_became_ready_lets_pauses_begin_anew() {
        let mut attempts = attempts(Backoff { jitter: 0.0, ..Backoff::default() });
        attempts.on_failure(NOW);
        assert_eq!(attempts.on_failure(NOW), Duration::from_millis(1600));
        attempts.on_ready();
        assert_eq!((attempts.failures(), attempts.pause_left(NOW)), (0, None));
        assert_eq!(attempts.on_failure(NOW), Duration::from_secs(1));
    }

    #[test]
    fn figures_that_make_no_sense_give_a_pause_all_the_same() {
        let max = Duration::from_secs(120);
        for multiplier in [f64::NAN, f64::INFINITY, f64::MAX, -1.0] {
            let mut attempts = attempts(Backoff { multiplier, jitter: 0.0, ..Backoff::default() });
            attempts.on_failure(NOW);
            assert_eq!(attempts.on_failure(NOW), max, "multiplier {multiplier}");
        }
        for jitter in [f64::NAN, f64::INFINITY, -3.0] {
            let backoff = Backoff { jitter, initial: Duration::MAX, ..Backoff::default() };
            assert!(attempts(backoff).on_failure(NOW) <= 2 * max, "jitter {jitter}");
        }
        let mut none = attempts(Backoff { initial: Duration::ZERO, ..Backoff::default() });
        assert_eq!((none.on_failure(NOW), none.on_failure(NOW)), (Duration::ZERO, Duration::ZERO));
        assert_eq!(none.pause_left(NOW), None);
    }
}
