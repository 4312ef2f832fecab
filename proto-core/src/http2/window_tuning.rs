//! How large the receive windows should be: measured, not guessed.
//!
//! While much arrives, a PING marks the start of a sample and its answer the end. What arrived meanwhile is about what
//! the path holds (bandwidth × round trip). When that fills most of the window, the window is what limits the sender,
//! so it is doubled. A connection that carries little never sends such a PING.

use crate::base::Time;
use core::time::Duration;

/// Samples the path.
#[derive(Clone, Debug)]
pub struct WindowTuning {
    phase: Phase,
    /// Bytes received since the last sample ended.
    quiet_bytes: u32,
}

#[derive(Clone, Debug)]
enum Phase {
    Waiting,
    Sampling { since: Time, bytes: u32 },
}

impl WindowTuning {
    /// Nothing measured yet.
    #[must_use]
    pub const fn new() -> WindowTuning {
        WindowTuning { phase: Phase::Waiting, quiet_bytes: 0 }
    }

    /// Notes that `count` bytes of DATA arrived; true when a PING should start a sample.
    #[must_use]
    pub fn receive(&mut self, now: Time, count: u32, window: u32, window_max: u32) -> bool {
        match &mut self.phase {
            Phase::Sampling { bytes, .. } => {
                *bytes = bytes.saturating_add(count);
                false
            }
            Phase::Waiting => {
                self.quiet_bytes = self.quiet_bytes.saturating_add(count);
                if window >= window_max || self.quiet_bytes < window / 4 {
                    return false;
                }
                self.quiet_bytes = 0;
                self.phase = Phase::Sampling { since: now, bytes: count };
                true
            }
        }
    }

    /// The PING was answered: the round trip, and the size that the window should grow to.
    pub fn finish(&mut self, now: Time, window: u32, window_max: u32) -> Option<(Duration, Option<u32>)> {
        let Phase::Sampling { since, bytes } = self.phase else { return None };
        self.phase = Phase::Waiting;
        let limits = u64::from(bytes) * 3 >= u64::from(window) * 2;
        let grown =
            limits.then(|| bytes.max(window).saturating_mul(2).min(window_max)).filter(|size| *size > window);
        Some((now.saturating_since(since), grown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_window_doubles_up_to_the_limit_and_a_quiet_one_never_pings() {
        let mut tuning = WindowTuning::new();
        let now = Time::START;
        assert!(!tuning.receive(now, 1000, 65_536, 1 << 20));
        assert!(tuning.receive(now, 20_000, 65_536, 1 << 20));
        assert!(!tuning.receive(now, 40_000, 65_536, 1 << 20));
        let later = now + Duration::from_millis(5);
        let (round_trip, grown) = tuning.finish(later, 65_536, 1 << 20).unwrap();
        assert_eq!((round_trip, grown), (Duration::from_millis(5), Some(131_072)));
        assert!(!tuning.receive(now, u32::MAX, 1 << 20, 1 << 20));
        assert_eq!(tuning.finish(later, 65_536, 1 << 20), None);
    }
}
