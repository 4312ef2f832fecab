//! How other tasks reach the task that owns a connection. Only handlers that were spawned, streams and a drain
//! come this way; a call that is answered at once never does.

use crate::line::Ring;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;
use zrpc_core::rpc::CallId;

/// Commands for one connection.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rung: Vec<CallId>,
    drain: Option<Duration>,
    task: Option<Waker>,
    /// The task looks in again before it sleeps; it need not be woken.
    awake: bool,
}

impl Mailbox {
    /// Moves the calls that rang to `rung`, which is empty, and says whether the connection is to drain.
    /// When there was nothing, the task is woken for what comes next.
    pub(crate) fn take(&self, rung: &mut Vec<CallId>, cx: &Context<'_>) -> Option<Duration> {
        let mut state = self.lock();
        std::mem::swap(&mut state.rung, rung);
        let drain = state.drain.take();
        state.awake = drain.is_some() || !rung.is_empty();
        if !state.awake {
            match &mut state.task {
                Some(task) => task.clone_from(cx.waker()),
                None => state.task = Some(cx.waker().clone()),
            }
        }
        drain
    }

    /// The task that owns the connection is at work and will [`take`](Mailbox::take) again.
    pub(crate) fn stay_awake(&self) {
        self.lock().awake = true;
    }

    /// Asks the connection to drain.
    pub(crate) fn drain(&self, grace: Duration) {
        self.leave(|state| state.drain = Some(grace));
    }

    fn leave(&self, command: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        command(&mut state);
        if std::mem::replace(&mut state.awake, true) {
            return;
        }
        let task = state.task.clone();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring for Mailbox {
    fn ring(&self, call: CallId) {
        self.leave(|state| state.rung.push(call));
    }
}
