//! The one clock of the process: core time is counted from the first look at it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};
use zrpc_core::base::Time;

/// The present, on the driver's epoch. Deadlines of [`zrpc_core::rpc::Request::with_deadline`] are on it too.
#[must_use]
pub fn now() -> Time {
    Time::START + epoch().elapsed()
}

/// How long it is until `at`; zero when that has passed.
pub(crate) fn until(at: Time) -> Duration {
    at.saturating_since(now())
}

fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}
