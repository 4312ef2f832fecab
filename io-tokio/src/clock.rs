//! The driver's clock: one epoch for the whole process, so that a [`Time`] means the same on every connection and
//! a handler can hand its deadline to a call that it makes itself.
//!
//! The clock is tokio's, so a test that pauses or advances tokio's time moves every session with it.

use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::Instant;
use zrpc_core::base::Time;
use zrpc_core::rpc::Request;

/// Clocks that a test paused a little before the first use of the driver still run on this side of the epoch.
const HEAD_START: Duration = Duration::from_secs(3600);

/// What time it is, on the epoch that all connections of this process share.
#[must_use]
pub fn now() -> Time {
    let nanos = Instant::now().saturating_duration_since(epoch()).as_nanos();
    Time::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The instant of tokio's clock that `time` stands for; far in the future when tokio cannot say it.
#[must_use]
pub fn instant(time: Time) -> Instant {
    let since = Duration::from_nanos(time.as_nanos());
    epoch().checked_add(since).unwrap_or_else(|| Instant::now() + FAR)
}

/// Thirty years: how far ahead a timer is set that should never fire.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What is left of the time that a request may take.
pub trait Remaining {
    /// The time until the call's deadline; zero when it has passed, `None` when there is none.
    fn remaining(&self) -> Option<Duration>;
}

impl<T> Remaining for Request<T> {
    fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|deadline| deadline.saturating_since(now()))
    }
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(|| {
        let first = Instant::now();
        first.checked_sub(HEAD_START).unwrap_or(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_virtual_time_and_converts_back() {
        let before = now();
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(now().saturating_since(before), Duration::from_secs(7));
        assert_eq!(instant(now()), Instant::now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_says_how_much_time_is_left() {
        let request = Request::new(()).with_deadline(now() + Duration::from_secs(3));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(request.remaining(), Some(Duration::from_secs(2)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(request.remaining(), Some(Duration::ZERO));
        assert_eq!(Request::new(()).remaining(), None);
    }
}
