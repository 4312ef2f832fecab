//! When to try to connect again: gRPC's connection backoff, 1 s growing by 1.6 to 120 s, each ±20 %.

use std::time::Duration;
use zrpc_core::base::Entropy;

/// How the time between failed connection attempts grows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Backoff {
    /// The pause after the first failure.
    pub initial: Duration,
    /// What each further failure multiplies the pause by.
    pub multiplier: f64,
    /// The longest pause.
    pub max: Duration,
    /// How far a pause strays at random, as a part of it: 0.2 is ±20 %.
    pub jitter: f64,
}

/// The figures of gRPC's connection backoff document.
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

impl Backoff {
    /// The pause after this many failures in a row, of which there was one at least.
    pub(crate) fn pause(&self, failures: u32, entropy: &mut Entropy) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.multiplier.powi(exponent);
        let capped = grown.min(self.max.as_secs_f64());
        let stray = (entropy.below(1 << 32) as f64 / (1u64 << 31) as f64 - 1.0) * self.jitter;
        Duration::try_from_secs_f64((capped * (1.0 + stray)).max(0.0)).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_the_multiplier_up_to_the_maximum_and_stray_within_the_jitter() {
        let backoff = Backoff::default();
        let mut entropy = Entropy::from_seed(7);
        let mut exact = 1.0f64;
        for failures in 1..=40 {
            let pause = backoff.pause(failures, &mut entropy).as_secs_f64();
            assert!((exact * 0.8..=exact * 1.2).contains(&pause), "failure {failures}: {pause} of {exact}");
            exact = (exact * 1.6).min(120.0);
        }
        assert_eq!(exact, 120.0);
        let still = Backoff { jitter: 0.0, ..backoff };
        assert_eq!(still.pause(u32::MAX, &mut entropy), Duration::from_secs(120));
    }
}
