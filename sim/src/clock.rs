//! The clock of one process: virtual, and not quite that of the others.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use zrpc_core::base::Time;

/// How far a process's clock is off.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Skew {
    /// What it is ahead of the world.
    pub ahead: Duration,
    /// How much faster than the world it goes, in parts of a million; negative for slower.
    pub drift_ppm: i32,
}

impl Skew {
    /// What this clock shows at this moment of the world.
    pub(crate) fn local(self, world: Time) -> Time {
        let nanos = world.as_nanos();
        let drift = i128::from(nanos) * i128::from(self.drift_ppm) / 1_000_000;
        let local = i128::from(nanos) + drift + self.ahead.as_nanos() as i128;
        Time::from_nanos(u64::try_from(local).unwrap_or(u64::MAX))
    }

    /// The first moment of the world at which this clock shows `local` or more.
    pub(crate) fn world(self, local: Time) -> Time {
        let ahead = u64::try_from(self.ahead.as_nanos()).unwrap_or(u64::MAX);
        let since = i128::from(local.as_nanos().saturating_sub(ahead));
        let guess = since * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm));
        let mut world = Time::from_nanos(u64::try_from(guess).unwrap_or(u64::MAX));
        while world < Time::MAX && self.local(world) < local {
            world = world + Duration::from_nanos(1);
        }
        world
    }
}

/// What a process's code is told of time. Cloning it gives another hand of the same clock.
#[derive(Clone, Default)]
pub struct Clock(Rc<Inner>);

struct Inner {
    now: Cell<Time>,
    sleepers: RefCell<BTreeMap<(Time, u64), Waker>>,
    count: Cell<u64>,
}

impl Default for Inner {
    fn default() -> Inner {
        Inner { now: Cell::new(Time::START), sleepers: RefCell::default(), count: Cell::new(0) }
    }
}

impl Clock {
    /// What time it is in this process.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.now.get()
    }

    /// Waits so long, by this clock.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep_until(self.now() + duration).await;
    }

    /// Waits until this clock shows `at`.
    pub async fn sleep_until(&self, at: Time) {
        let mut sleeper = Sleeper { clock: self, key: None };
        poll_fn(|cx| {
            if self.now() >= at {
                return Poll::Ready(());
            }
            let key = *sleeper.key.get_or_insert_with(|| {
                self.0.count.set(self.0.count.get() + 1);
                (at, self.0.count.get())
            });
            self.0.sleepers.borrow_mut().insert(key, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// When the first sleeper is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.0.sleepers.borrow().keys().next().map(|(at, _)| *at)
    }

    /// Sets the clock and wakes who is due.
    pub(crate) fn set(&self, now: Time) {
        self.0.now.set(now);
        while let Some(sleeper) = {
            let mut sleepers = self.0.sleepers.borrow_mut();
            let is_due = sleepers.first_entry().is_some_and(|first| first.key().0 <= now);
            is_due.then(|| sleepers.pop_first()).flatten()
        } {
            sleeper.1.wake();
        }
    }
}

/// Takes a sleeper that is dropped off the list.
struct Sleeper<'a> {
    clock: &'a Clock,
    key: Option<(Time, u64)>,
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.0.sleepers.borrow_mut().remove(&key);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skewed_clock_converts_there_and_back() {
        for drift_ppm in [-500, -1, 0, 1, 333, 100_000] {
            let skew = Skew { ahead: Duration::from_millis(37), drift_ppm };
            for nanos in [1, 2, 999, 1_000_003, 60_000_000_007] {
                let local = skew.local(Time::from_nanos(nanos));
                let world = skew.world(local);
                assert!(skew.local(world) >= local && world.as_nanos() <= nanos, "{skew:?} at {nanos}");
            }
        }
    }
}
