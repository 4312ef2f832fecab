//! One connection of a channel: a session that callers and the task that reads share.
//!
//! Callers start calls on their own thread. While nobody else has a call open, they also write on their own
//! thread, so that a lone call costs no wake-up of another task on its way out. When others are at it, they leave
//! their frames in the session and wake the task, which writes the frames of all in one system call.
//!
//! The lock is held while the session is asked and never across a system call: whoever writes takes the writer
//! out of the shared state first and puts it back afterwards. A session that is polled while the writer is out
//! gets an output without room, so that frames stay in the session and in order.

use crate::attached::Message;
use crate::client::connector::Transport;
use crate::client::reader::Reader;
use crate::client::state::{BoxedSession, Entry, State, unlock_and_wake};
use crate::client::unary::Slot;
use crate::clock;
use crate::line::{Line, Ring};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use zrpc_core::base::Misuse;
use zrpc_core::rpc::local_status::check_request_stream;
use zrpc_core::rpc::{CallId, StartCall, Status};

/// See the module.
pub(crate) struct Connection {
    state: Mutex<State>,
}

impl Connection {
    /// A connection and its task, which is to be spawned.
    pub(crate) fn new(session: BoxedSession, transport: Transport) -> (Arc<Connection>, Reader) {
        let Transport { reader, writer, descriptors, .. } = transport;
        let connection = Arc::new(Connection { state: Mutex::new(State::new(session, writer, descriptors)) });
        let reader = Reader::new(Arc::clone(&connection), reader);
        (connection, reader)
    }

    /// Ready once the server's settings came, or the connection ended before.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let mut state = self.lock();
        if state.ready {
            return Poll::Ready(Ok(()));
        }
        if let Some(status) = &state.closed {
            return Poll::Ready(Err(status.clone()));
        }
        state.waiting_ready = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Starts a call with one request message, all of which is sent.
    pub(crate) fn start_unary(
        &self,
        head: StartCall<'_>,
        message: impl FnOnce() -> Message,
        slot: &Arc<Slot>,
    ) -> Result<CallId, Misuse> {
        let mut state = self.lock();
        let call = state.session.start(clock::now(), head)?;
        if let Err(misuse) = state.send_only(call, message(), head.compression.is_some()) {
            let _ = state.session.cancel(call);
            self.push_out(state);
            return Err(misuse);
        }
        state.calls.insert(call, Entry::Unary(Arc::clone(slot)));
        self.push_out(state);
        Ok(call)
    }

    /// Starts a call that streams; with `message`, that is all it sends.
    pub(crate) fn start_streaming(
        self: &Arc<Self>,
        head: StartCall<'_>,
        message: Option<impl FnOnce() -> Message>,
    ) -> Result<Arc<Line>, Misuse> {
        let mut state = self.lock();
        check_request_stream(message.is_some() || state.session.takes_request_streams())?;
        let call = state.session.start(clock::now(), head)?;
        if let Some(message) = message
            && let Err(misuse) = state.send_only(call, message(), head.compression.is_some())
        {
            let _ = state.session.cancel(call);
            self.push_out(state);
            return Err(misuse);
        }
        let line = Line::new(call, Arc::clone(self) as Arc<dyn Ring>);
        state.calls.insert(call, Entry::Streaming(Arc::clone(&line)));
        self.push_out(state);
        Ok(line)
    }

    /// Gives a unary call up.
    pub(crate) fn cancel(&self, call: CallId) {
        let mut state = self.lock();
        // Refused only when the call is over, which is what was wanted.
        let _ = state.session.cancel(call);
        self.push_out(state);
    }

    /// Whether a new call may be started.
    pub(crate) fn takes_calls(&self) -> bool {
        let state = self.lock();
        state.closed.is_none() && state.session.takes_calls()
    }

    /// Whether a call started now would begin at once; also when the next call needs another connection anyway.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.lock();
        state.closed.is_some() || !state.session.takes_calls() || state.session.has_room()
    }

    /// Starts no more calls and closes when the open ones are over.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        state.session.drain(clock::now());
        self.push_out(state);
    }

    /// Ends the connection and whatever is open on it.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.session.close(clock::now());
        self.push_out(state);
    }

    /// Sees to it that what was given to the session goes out: here, when nobody else is at it; by the task
    /// otherwise.
    fn push_out(&self, mut state: MutexGuard<'_, State>) {
        let alone = state.calls.len() <= 1 && !state.woken && state.task.is_some();
        let idle = state.writer.as_ref().is_some_and(|writer| writer.out.is_none());
        if !alone || !idle {
            let task = state.wake_task();
            return unlock_and_wake(state, task);
        }
        let Some(mut writer) = state.writer.take() else { return };
        let now = clock::now();
        let mut out = writer.take_out();
        let left = state.turn(now, &mut out);
        let earlier = left.wake.is_some_and(|wake| state.armed.is_none_or(|armed| wake < armed));
        unlock_and_wake(state, None);
        let written = writer.write(&mut Context::from_waker(Waker::noop()), out);
        let mut state = self.lock();
        let is_hungry = state.is_sated && state.session.wants_input();
        let again = is_hungry
            || written.is_pending()
            || left.held_back
            || earlier
            || state.dirty
            || writer.failure.is_some();
        state.writer = (!state.over).then_some(writer);
        let task = if again || state.closed.is_some() { state.wake_task() } else { None };
        unlock_and_wake(state, task);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring for Connection {
    fn ring(&self, call: CallId) {
        let mut state = self.lock();
        state.serve(call);
        self.push_out(state);
    }
}
