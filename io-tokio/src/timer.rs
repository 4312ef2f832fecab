//! A timer that is moved only when it must be: a wake that is later than the one armed leaves it alone, and the
//! early firing costs one poll. Calls whose deadlines all lie ahead so share one arming.

use crate::clock;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;
use zrpc_core::base::Time;

/// At most one instant to be woken at; a box only once it was needed.
#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: Option<Time>,
}

impl Timer {
    /// Sees to it that [`Timer::poll`] is ready no later than `wake`. With nothing to wait for, a timer that has
    /// fired gives its memory back.
    pub(crate) fn arm(&mut self, wake: Option<Time>) {
        let Some(wake) = wake else {
            if self.armed.is_none() {
                self.sleep = None;
            }
            return;
        };
        if self.armed.is_some_and(|armed| armed <= wake) {
            return;
        }
        self.armed = Some(wake);
        let at = clock::instant(wake);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }

    /// When the timer fires, if it is armed.
    pub(crate) fn armed(&self) -> Option<Time> {
        self.armed
    }

    /// Ready once each time the timer fires.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(sleep), Some(_)) = (&mut self.sleep, self.armed) else { return Poll::Pending };
        std::task::ready!(sleep.as_mut().poll(cx));
        self.armed = None;
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_later_wake_leaves_the_timer_and_an_earlier_one_moves_it() {
        let start = clock::now();
        let after = |seconds| Some(start + Duration::from_secs(seconds));
        let mut timer = Timer::default();
        timer.arm(after(5));
        timer.arm(after(9));
        assert_eq!(timer.armed(), after(5));
        timer.arm(after(2));
        timer.arm(None);
        std::future::poll_fn(|cx| timer.poll(cx)).await;
        assert_eq!(clock::now().saturating_since(start).as_secs(), 2);
        assert_eq!(timer.armed(), None);
    }
}
