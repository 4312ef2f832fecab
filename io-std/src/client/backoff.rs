//! When to try again after a connection failed: gRPC's connection backoff.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;
use zrpc_core::base::Entropy;

/// How long a channel leaves a server alone after connections failed. The defaults are those of gRPC's connection
/// backoff document.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Backoff {
    /// The pause after the first failure.
    pub initial: Duration,
    /// What each further failure multiplies the pause by.
    pub multiplier: f64,
    /// The longest pause.
    pub max: Duration,
    /// How far a pause strays at random, as a part of it: 0.2 is 20 % in both directions.
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

impl Backoff {
    /// The pause after this many failures in a row, at least one.
    pub(crate) fn pause(&self, failures: u32, entropy: &mut Entropy) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.multiplier.powi(exponent);
        let bounded = grown.min(self.max.as_secs_f64());
        let unit = entropy.below(1 << 32) as f64 / f64::from(1u32 << 31) - 1.0;
        let strayed = (bounded * (1.0 + self.jitter * unit)).max(0.0);
        Duration::try_from_secs_f64(strayed).unwrap_or(self.max)
    }
}

/// A seed that differs between processes and channels, so that clients do not come back all at once.
pub(crate) fn entropy() -> Entropy {
    Entropy::from_seed(RandomState::new().hash_one("backoff"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_stay_within_the_jitter() {
        let backoff = Backoff::default();
        let mut entropy = Entropy::from_seed(7);
        for (failures, middle) in [(1, 1.0), (2, 1.6), (3, 2.56), (40, 120.0), (u32::MAX, 120.0)] {
            for _ in 0..100 {
                let pause = backoff.pause(failures, &mut entropy).as_secs_f64();
                assert!((middle * 0.8..=middle * 1.2).contains(&pause), "{failures}: {pause}");
            }
        }
    }
}
