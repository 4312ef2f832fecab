//! The line: what a streaming call's application and the owner of its connection share.
//!
//! The application puts messages in and takes messages out; the owner moves them from and to its session. Each
//! side rings the other at most once until it was served. The lock is held for a few instructions, never across
//! a system call, a wake-up or user code.
//!
//! ```text
//! application: push / poll_message / hang_up  --ring-->  owner: serve (consume, send, half close, finish, cancel)
//! application  <--wake--  owner: deliver / set_head / end_input / end
//! ```
//!
//! Back-pressure: the outbox holds [`OUTBOX_BYTES_MAX`] plus one message; the inbox holds what the peer's credit
//! allowed, and credit goes back only when the application took a message.

use crate::attached::Message;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use zrpc_core::base::{Flow, Misuse};
use zrpc_core::rpc::local_status::{not_sent, refused};
use zrpc_core::rpc::{CallId, Encoding, Metadata, Status};

/// A sender waits once this many bytes are queued before the session.
pub(crate) const OUTBOX_BYTES_MAX: usize = 64 * 1024;
/// A sender waits once this many messages are queued before the session, however short they are.
pub(crate) const OUTBOX_MESSAGES_MAX: usize = 64;
/// Credit below this is given back together with something else, or when the application waits for more, in bytes.
const CREDIT_MIN: u32 = 8 * 1024;

/// Who can be told that a call's line has work for it.
pub(crate) trait Ring: Send + Sync {
    /// Sees to it that [`Line::serve`] is called soon.
    fn ring(&self, call: CallId);
}

/// What the application asks of the session, in order.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Head { metadata: Metadata, compression: Option<Encoding> },
    Message { message: Message, compress: bool },
    HalfClose,
    Finish(Box<Finish>),
}

/// How a handler ended its call: perhaps a reply, always a status.
#[derive(Debug)]
pub(crate) struct Finish {
    pub(crate) reply: Option<Reply>,
    pub(crate) status: Status,
    pub(crate) trailers: Metadata,
}

/// The one message of a call that answers with one.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) metadata: Metadata,
    pub(crate) compression: Option<Encoding>,
    pub(crate) message: Message,
}

impl Finish {
    pub(crate) fn failed(status: Status) -> Finish {
        Finish { reply: None, status, trailers: Metadata::new() }
    }
}

/// The commands of a session, as far as both sides have them.
pub(crate) trait Session {
    fn consume(&mut self, call: CallId, credit: u32);
    fn send(&mut self, call: CallId, message: Message, compress: bool) -> Result<Flow, Misuse>;
    fn head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse>;
    fn half_close(&mut self, call: CallId) -> Result<(), Misuse>;
    fn finish_with(&mut self, call: CallId, finish: Finish) -> Result<(), Misuse>;
    /// Ends the call from this side because of `status`.
    fn abandon(&mut self, call: CallId, status: &Status);
}

/// See the module.
pub(crate) struct Line {
    call: CallId,
    ring: Arc<dyn Ring>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    inbox: VecDeque<(Message, u32)>,
    /// Credit of messages taken that has not gone back yet.
    credit: u32,
    head: Option<Metadata>,
    /// How the peer's messages ended; OK after a half close.
    input_end: Option<Status>,
    trailers: Metadata,
    reader: Option<Waker>,
    /// Nobody will read what still comes.
    unread: bool,
    outbox: VecDeque<Outgoing>,
    outbox_bytes: usize,
    writer: Option<Waker>,
    /// The session said `Blocked` and has not said `Writable` since.
    blocked: bool,
    /// The application gave the call up, because of this.
    abandoned: Option<Status>,
    /// The session was given the handler's end of the call.
    answered: bool,
    /// The call is over.
    over: Option<Status>,
    rung: bool,
}

impl Line {
    pub(crate) fn new(call: CallId, ring: Arc<dyn Ring>) -> Arc<Line> {
        Arc::new(Line { call, ring, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The application's side.
impl Line {
    /// The next message; `None` at the end. A status other than OK comes once, as the error.
    pub(crate) fn poll_message(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Status>> {
        let mut state = self.lock();
        if let Some((message, credit)) = state.inbox.pop_front() {
            state.credit = state.credit.saturating_add(credit);
            let due = state.credit >= CREDIT_MIN && state.over.is_none();
            self.ring_if(state, due);
            return Poll::Ready(Ok(Some(message)));
        }
        match &mut state.input_end {
            Some(status) if status.is_ok() => Poll::Ready(Ok(None)),
            Some(status) => Poll::Ready(Err(std::mem::replace(status, Status::OK))),
            None => {
                keep_waker(&mut state.reader, cx);
                // The peer may need what was held back to go on: a message can be larger than the window.
                let due = state.credit > 0;
                self.ring_if(state, due);
                Poll::Pending
            }
        }
    }

    /// Ready once the peer's head arrived, or the call ended without one.
    pub(crate) fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Option<Metadata>> {
        let mut state = self.lock();
        if let Some(head) = state.head.take() {
            return Poll::Ready(Some(head));
        }
        if state.input_end.is_some() {
            return Poll::Ready(None);
        }
        keep_waker(&mut state.reader, cx);
        Poll::Pending
    }

    /// The metadata that came with the status; nothing before the end.
    pub(crate) fn take_trailers(&self) -> Metadata {
        std::mem::take(&mut self.lock().trailers)
    }

    /// Ready when a message may be pushed.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let mut state = self.lock();
        if let Some(status) = &state.over {
            return Poll::Ready(Err(not_sent(status)));
        }
        if !state.has_room() {
            keep_waker(&mut state.writer, cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Queues something for the session; nothing once the call is over.
    pub(crate) fn push(&self, outgoing: Outgoing) {
        let mut state = self.lock();
        if state.over.is_some() {
            return;
        }
        if let Outgoing::Message { message, .. } = &outgoing {
            state.outbox_bytes += message.bytes.len();
        }
        state.outbox.push_back(outgoing);
        let due = !state.blocked;
        self.ring_if(state, due);
    }

    /// Keeps the trailers that the handler set, for its end.
    pub(crate) fn set_last_words(&self, trailers: Metadata) {
        self.lock().trailers = trailers;
    }

    /// The trailers that the handler set.
    pub(crate) fn take_last_words(&self) -> Metadata {
        self.take_trailers()
    }

    /// Nobody reads any more: what still comes is dropped and its credit given back.
    pub(crate) fn stop_reading(&self) {
        let mut state = self.lock();
        state.unread = true;
        let unread: u32 = state.inbox.drain(..).fold(0, |sum, (_, credit)| sum.saturating_add(credit));
        state.credit = state.credit.saturating_add(unread);
        let due = state.credit > 0 && state.over.is_none();
        self.ring_if(state, due);
    }

    /// Gives the call up.
    pub(crate) fn abandon(&self, status: Status) {
        let mut state = self.lock();
        if state.over.is_some() || state.abandoned.is_some() {
            return;
        }
        state.abandoned = Some(status);
        self.ring_if(state, true);
    }

    fn ring_if(&self, mut state: MutexGuard<'_, State>, due: bool) {
        if due && !std::mem::replace(&mut state.rung, true) {
            drop(state);
            self.ring.ring(self.call);
        }
    }
}

/// The owner's side. Wakers are handed back, to be woken when no lock is held.
impl Line {
    /// A message arrived. `Err` when nobody reads it: the credit to give back at once.
    pub(crate) fn deliver(&self, message: Message, credit: u32) -> Result<Option<Waker>, u32> {
        let mut state = self.lock();
        if state.unread {
            return Err(credit);
        }
        state.inbox.push_back((message, credit));
        Ok(state.reader.take())
    }

    /// The peer's head arrived.
    pub(crate) fn set_head(&self, metadata: Metadata) -> Option<Waker> {
        let mut state = self.lock();
        state.head = Some(metadata);
        state.reader.take()
    }

    /// The peer sends no more messages.
    pub(crate) fn end_input(&self) -> Option<Waker> {
        let mut state = self.lock();
        state.input_end.get_or_insert(Status::OK);
        state.reader.take()
    }

    /// The call is over. Whoever abandoned it hears why they did.
    pub(crate) fn end(&self, status: Status, trailers: Metadata) -> [Option<Waker>; 2] {
        let mut state = self.lock();
        let status = state.abandoned.take().unwrap_or(status);
        state.input_end.get_or_insert_with(|| status.clone());
        state.over = Some(status);
        state.trailers = trailers;
        state.outbox.clear();
        state.outbox_bytes = 0;
        [state.reader.take(), state.writer.take()]
    }

    /// Whether the session was given the handler's end of the call: what the handler said before still leaves.
    pub(crate) fn is_answered(&self) -> bool {
        self.lock().answered
    }

    /// The session has room again.
    pub(crate) fn set_writable(&self) {
        self.lock().blocked = false;
    }

    /// Gives the session all that it takes.
    pub(crate) fn serve<S: Session + ?Sized>(&self, session: &mut S) -> Option<Waker> {
        let mut state = self.lock();
        state.rung = false;
        if state.over.is_some() {
            return None;
        }
        if state.credit > 0 {
            session.consume(self.call, std::mem::take(&mut state.credit));
        }
        if let Some(status) = &state.abandoned {
            session.abandon(self.call, status);
            return None;
        }
        while !state.blocked {
            let Some(outgoing) = state.outbox.pop_front() else { break };
            if let Err(status) = self.hand_over(&mut state, session, outgoing) {
                session.abandon(self.call, &status);
                state.abandoned = Some(status);
                state.outbox.clear();
            }
        }
        if state.has_room() { state.writer.take() } else { None }
    }

    fn hand_over<S: Session + ?Sized>(
        &self,
        state: &mut State,
        session: &mut S,
        outgoing: Outgoing,
    ) -> Result<(), Status> {
        let done = match outgoing {
            Outgoing::Head { metadata, compression } => session.head(self.call, &metadata, compression),
            Outgoing::HalfClose => session.half_close(self.call),
            Outgoing::Finish(finish) => {
                state.answered = true;
                session.finish_with(self.call, *finish)
            }
            Outgoing::Message { message, compress } => {
                state.outbox_bytes = state.outbox_bytes.saturating_sub(message.bytes.len());
                session.send(self.call, message, compress).map(|flow| state.blocked = flow == Flow::Blocked)
            }
        };
        done.or_else(|misuse| status_of_misuse(misuse).map_or(Ok(()), Err))
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.outbox_bytes < OUTBOX_BYTES_MAX && self.outbox.len() < OUTBOX_MESSAGES_MAX
    }
}

/// What the caller hears of a command that the session refused; `None` when the call is over anyway, and its
/// end says more.
pub(crate) fn status_of_misuse(misuse: Misuse) -> Option<Status> {
    match misuse {
        Misuse::Closed | Misuse::Gone | Misuse::Unknown => None,
        misuse => Some(refused(misuse)),
    }
}

fn keep_waker(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

#[cfg(test)]
mod tests;
