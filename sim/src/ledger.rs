//! What must hold of every call, whatever happens to processes and links: one end at each side, no message lost, doubled,
//! out of order or changed, no handler that runs twice for a call made once, no deadline that passes without an end, and
//! no status that nothing explains.
//!
//! The ledger knows only what was handed in and what was reported, and nothing of any protocol.

use crate::call::{CallKey, NewCall};
use crate::transcript::hash_of;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use zrpc_core::base::Time;
use zrpc_core::rpc::{Code, Status};

/// An invariant that did not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(Violation(format!($($what)*)));
        }
    };
}
pub(crate) use ensure;

/// How late an end may come after its deadline, and how early by a clock that goes faster.
const SLACK: Duration = Duration::from_millis(2);

/// One direction of a call.
#[derive(Default, Debug)]
struct Way {
    sent: Vec<u64>,
    received: usize,
    /// No more were sent.
    is_closed: bool,
}

impl Way {
    fn receive(&mut self, message: &[u8]) -> Result<(), Violation> {
        let number = self.received;
        self.received += 1;
        let Some(sent) = self.sent.get(number) else {
            return Err(Violation(format!("message {number} arrived and was never sent")));
        };
        let is_same = *sent == hash_of(message);
        ensure!(
            is_same,
            "message {number} is not the one that was sent: lost, doubled, out of order or changed"
        );
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.received == self.sent.len()
    }
}

/// One attempt of a call.
#[derive(Default, Debug)]
struct Attempt {
    is_idempotent: bool,
    /// By the clock of its client.
    deadline: Option<Time>,
    /// When so much of its time has passed that any clock may call it late, by the world's.
    may_be_late_at: Option<Time>,
    up: Way,
    down: Way,
    is_cancelled: bool,
    has_ended: bool,
    times_opened: u32,
    finished: Option<Status>,
    has_ended_at_server: bool,
}

/// What an end may be put down to besides the handler's word.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Excuses {
    /// The connection broke, drains, or its server came and went.
    pub(crate) is_troubled: bool,
    /// A clock jumped or stood still meanwhile.
    pub(crate) is_untimely: bool,
}

/// All calls of a world.
#[derive(Default, Debug)]
pub(crate) struct Ledger {
    attempts: BTreeMap<CallKey, Attempt>,
    /// Handlers that were started, by the number of the call.
    handlers: BTreeMap<u64, u32>,
    ended: BTreeMap<Code, u64>,
    messages: u64,
}

impl Ledger {
    fn attempt(&mut self, key: CallKey) -> Result<&mut Attempt, Violation> {
        self.attempts.get_mut(&key).ok_or_else(|| Violation(format!("nobody started {key:?}")))
    }

    /// The code of a client started a call.
    pub(crate) fn started(&mut self, key: CallKey, world: Time, now: Time, call: &NewCall) {
        let may_be_late_at = call.deadline.map(|deadline| {
            let left = deadline.saturating_since(now);
            world + left.saturating_sub(left / 100 + SLACK)
        });
        let (deadline, is_idempotent) = (call.deadline, call.is_idempotent);
        let attempt = Attempt { is_idempotent, deadline, may_be_late_at, ..Attempt::default() };
        self.attempts.insert(key, attempt);
    }

    /// A client's session took a message.
    pub(crate) fn client_sent(&mut self, key: CallKey, message: &[u8]) -> Result<(), Violation> {
        let up = &mut self.attempt(key)?.up;
        up.sent.push(hash_of(message));
        Ok(())
    }

    pub(crate) fn client_closed(&mut self, key: CallKey) -> Result<(), Violation> {
        self.attempt(key)?.up.is_closed = true;
        Ok(())
    }

    pub(crate) fn cancelled(&mut self, key: CallKey) -> Result<(), Violation> {
        self.attempt(key)?.is_cancelled = true;
        Ok(())
    }

    pub(crate) fn client_received(&mut self, key: CallKey, message: &[u8]) -> Result<(), Violation> {
        self.messages += 1;
        let attempt = self.attempt(key)?;
        ensure!(!attempt.has_ended, "a message after the call's end");
        attempt.down.receive(message)
    }

    /// A client was told how its call ended.
    pub(crate) fn client_ended(
        &mut self,
        key: CallKey,
        world: Time,
        status: &Status,
        excuses: Excuses,
    ) -> Result<(), Violation> {
        *self.ended.entry(status.code()).or_default() += 1;
        let runs = self.handlers.get(&key.number).copied().unwrap_or_default();
        let attempt = self.attempt(key)?;
        ensure!(!std::mem::replace(&mut attempt.has_ended, true), "a second end, {status}");
        ensure!(
            !(status.safe_to_retry() && attempt.times_opened > 0),
            "{status} is said to be safe to retry, and its handler was started ({runs} in all)"
        );
        let said = attempt.finished.as_ref();
        if status.is_ok() {
            ensure!(said.is_some_and(Status::is_ok), "OK, and the handler said {said:?}");
            let (received, sent) = (attempt.down.received, attempt.down.sent.len());
            ensure!(received == sent, "OK after {received} of {sent} messages");
            return Ok(());
        }
        let is_explained = said.is_some_and(|said| said.code() == status.code())
            || match status.code() {
                Code::Cancelled => attempt.is_cancelled,
                Code::DeadlineExceeded => attempt.may_be_late(world, excuses),
                Code::Unavailable => excuses.is_troubled || status.safe_to_retry(),
                _ => false,
            };
        ensure!(is_explained, "nothing explains {status}; the handler said {said:?}, {excuses:?}");
        Ok(())
    }

    /// A server started a handler.
    pub(crate) fn opened(&mut self, key: CallKey) -> Result<(), Violation> {
        let attempt = self.attempt(key)?;
        attempt.times_opened += 1;
        ensure!(attempt.times_opened == 1, "opened twice");
        let is_idempotent = attempt.is_idempotent;
        let handlers = self.handlers.entry(key.number).or_default();
        *handlers += 1;
        ensure!(
            is_idempotent || *handlers == 1,
            "its handler runs {handlers} times, and it is not idempotent"
        );
        Ok(())
    }

    pub(crate) fn server_received(&mut self, key: CallKey, message: &[u8]) -> Result<(), Violation> {
        self.messages += 1;
        if key == CallKey::UNKNOWN {
            return Ok(());
        }
        let attempt = self.attempt(key)?;
        ensure!(attempt.times_opened == 1, "a message of a call that was not opened");
        ensure!(!attempt.has_ended_at_server, "a message after the call's end");
        attempt.up.receive(message)
    }

    pub(crate) fn client_half_closed(&mut self, key: CallKey) -> Result<(), Violation> {
        if key == CallKey::UNKNOWN {
            return Ok(());
        }
        let up = &self.attempt(key)?.up;
        let (received, sent) = (up.received, up.sent.len());
        ensure!(up.is_closed && up.is_whole(), "half closed after {received} of {sent} messages");
        Ok(())
    }

    pub(crate) fn server_sent(&mut self, key: CallKey, message: &[u8]) -> Result<(), Violation> {
        let down = &mut self.attempt(key)?.down;
        down.sent.push(hash_of(message));
        Ok(())
    }

    pub(crate) fn finished(&mut self, key: CallKey, status: &Status) -> Result<(), Violation> {
        self.attempt(key)?.finished = Some(status.clone());
        Ok(())
    }

    /// A server was told that a call is over.
    pub(crate) fn server_ended(
        &mut self,
        key: CallKey,
        world: Time,
        status: &Status,
        excuses: Excuses,
    ) -> Result<(), Violation> {
        if key == CallKey::UNKNOWN {
            return Ok(());
        }
        let attempt = self.attempt(key)?;
        ensure!(attempt.times_opened == 1, "ended and was not opened");
        ensure!(!std::mem::replace(&mut attempt.has_ended_at_server, true), "a second end, {status}");
        if let Some(said) = &attempt.finished {
            ensure!(said.code() == status.code(), "ended as {status}, and the handler said {said}");
            return Ok(());
        }
        let is_late = attempt.may_be_late(world, excuses);
        let is_explained = match status.code() {
            Code::Cancelled => attempt.is_cancelled || is_late || excuses.is_troubled,
            Code::DeadlineExceeded => is_late,
            Code::Unavailable => excuses.is_troubled,
            _ => false,
        };
        ensure!(is_explained, "nothing explains {status}, which no handler said; {excuses:?}");
        Ok(())
    }

    /// No deadline of this call has passed by so much that it should have ended.
    pub(crate) fn check_deadline(&self, key: CallKey, now: Time) -> Result<(), Violation> {
        let Some(attempt) = self.attempts.get(&key) else { return Ok(()) };
        let is_late = attempt.deadline.is_some_and(|deadline| deadline + SLACK < now);
        ensure!(attempt.has_ended || !is_late, "its deadline has passed and it goes on");
        Ok(())
    }

    /// Calls whose end was not told yet.
    pub(crate) fn open(&self) -> impl Iterator<Item = CallKey> {
        self.attempts.iter().filter(|(_, attempt)| !attempt.has_ended).map(|(key, _)| *key)
    }

    /// Ends of calls as their clients were told, by code.
    pub(crate) fn ends(&self) -> &BTreeMap<Code, u64> {
        &self.ended
    }

    /// Messages that arrived at either side.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }
}

impl Attempt {
    /// Whether its deadline may have passed somewhere: the other side's clock may go a little faster than ours.
    fn may_be_late(&self, world: Time, excuses: Excuses) -> bool {
        self.may_be_late_at.is_some_and(|at| excuses.is_untimely || world >= at)
    }
}
