//! The answer to a unary call, as its caller waits for it.

use crate::attached::Message;
use crate::client::connection::Connection;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use zrpc_core::rpc::{CallId, Metadata, Single, Status};

/// Where the connection leaves what comes back for a unary call.
#[derive(Default)]
pub(crate) struct Slot {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    head: Metadata,
    message: Single<Message>,
    end: Option<(Status, Metadata)>,
    caller: Option<Waker>,
}

impl Slot {
    pub(crate) fn set_head(&self, head: Metadata) {
        self.lock().head = head;
    }

    pub(crate) fn deliver(&self, message: Message) {
        self.lock().message.put(message);
    }

    /// The call is over; the caller is woken with no lock held.
    pub(crate) fn end(&self, status: Status, trailers: Metadata) -> Option<Waker> {
        let mut state = self.lock();
        state.end = Some((status, trailers));
        state.caller.take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a unary call came back with.
pub(crate) struct Answer {
    pub(crate) head: Metadata,
    pub(crate) message: Message,
    pub(crate) trailers: Metadata,
}

/// A unary call under way. Dropping it cancels the call.
pub(crate) struct UnaryCall {
    pub(crate) connection: Arc<Connection>,
    pub(crate) call: CallId,
    pub(crate) slot: Arc<Slot>,
    pub(crate) over: bool,
}

impl Future for UnaryCall {
    type Output = Result<Answer, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Answer, Status>> {
        let mut state = self.slot.lock();
        let Some((status, trailers)) = state.end.take() else {
            match &mut state.caller {
                Some(caller) => caller.clone_from(cx.waker()),
                None => state.caller = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        };
        let (head, message) = (std::mem::take(&mut state.head), std::mem::take(&mut state.message));
        drop(state);
        self.over = true;
        Poll::Ready(message.response(status).map(|message| Answer { head, message, trailers }))
    }
}

impl Drop for UnaryCall {
    fn drop(&mut self) {
        if !self.over {
            self.connection.cancel(self.call);
        }
    }
}
