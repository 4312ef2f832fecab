//! The task of a connection: it reads, keeps time, and writes what callers left.

use crate::client::connection::Connection;
use crate::client::state::{Left, State, unlock_and_wake};
use crate::timer::Timer;
use crate::{clock, pool};
use bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use zrpc_core::base::{Out, Time};
use zrpc_core::rpc::{Origin, SessionEnd, Status};

/// What the task does before it lets others run.
const TURNS_MAX: usize = 16;

/// See the module.
pub(crate) struct Reader {
    connection: Arc<Connection>,
    stream: Box<dyn AsyncRead + Send + Unpin>,
    timer: Timer,
    input_open: bool,
    held_back: bool,
    stood_back: bool,
    /// The session wants no more input; whoever changes that wakes this task.
    is_sated: bool,
}

impl Future for Reader {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for turn in 0..TURNS_MAX {
            let now = clock::now();
            let input = this.poll_input(cx);
            let fired = this.timer.poll(cx).is_ready();
            if input.is_none() && !fired && !this.held_back {
                if turn > 0 {
                    return Poll::Pending;
                }
                // Woken by a caller, this task often stands in front of others who are about to start calls.
                // Behind them, it writes for all of them at once.
                this.stood_back = !this.stood_back;
                if this.stood_back {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            match this.turn(cx, now, input) {
                Turned::On => {}
                Turned::Stuck => return Poll::Pending,
                Turned::Over => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What a turn of the task came to.
enum Turned {
    /// Everything was written.
    On,
    /// The socket takes no more; the task is woken when it does.
    Stuck,
    /// The connection has ended.
    Over,
}

impl Reader {
    pub(super) fn new(connection: Arc<Connection>, stream: Box<dyn AsyncRead + Send + Unpin>) -> Reader {
        let timer = Timer::default();
        Reader {
            connection,
            stream,
            timer,
            input_open: true,
            held_back: false,
            stood_back: false,
            is_sated: false,
        }
    }

    /// What arrived; empty at the end of the input, `None` when there is nothing.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        if !self.input_open || self.is_sated {
            return None;
        }
        match pool::poll_read(&mut *self.stream, cx) {
            Poll::Pending => None,
            Poll::Ready(Ok(input)) => Some(input),
            // The session hears of a broken connection as of one that ended early.
            Poll::Ready(Err(_)) => Some(Bytes::new()),
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Time, input: Option<Bytes>) -> Turned {
        let connection = Arc::clone(&self.connection);
        let mut state = connection.lock();
        state.woken = false;
        state.dirty = false;
        match &mut state.task {
            Some(task) => task.clone_from(cx.waker()),
            None => state.task = Some(cx.waker().clone()),
        }
        match input {
            Some(input) if !input.is_empty() => state.session.handle_input(now, input),
            Some(_) => self.end_input(&mut state, now),
            None => {}
        }
        let writer = state.writer.take();
        let Some(mut writer) = writer else {
            // A caller writes at this moment; it sees `dirty` when it is done and wakes this task again.
            let left = state.turn(now, &mut Out::with_room(0));
            state.dirty |= left.held_back;
            self.is_sated = state.note_appetite();
            self.arm(&mut state, &left);
            self.held_back = false;
            unlock_and_wake(state, None);
            return Turned::On;
        };
        let mut out = writer.take_out();
        let left = state.turn(now, &mut out);
        self.arm(&mut state, &left);
        self.held_back = left.held_back;
        self.is_sated = state.note_appetite();
        let closed = state.closed.is_some();
        unlock_and_wake(state, None);
        let written = writer.write(cx, out);
        if writer.failure.is_some() && self.input_open {
            let mut state = connection.lock();
            self.end_input(&mut state, now);
            self.held_back = true;
            unlock_and_wake(state, None);
        }
        if closed && (written.is_pending() || !left.held_back) {
            // Every call has ended. A peer that does not read its goodbye is not waited for.
            let _ = Pin::new(&mut writer.stream).poll_shutdown(cx);
            return Turned::Over;
        }
        connection.lock().writer = Some(writer);
        if written.is_ready() { Turned::On } else { Turned::Stuck }
    }

    fn end_input(&mut self, state: &mut State, now: Time) {
        if std::mem::take(&mut self.input_open) {
            state.session.handle_eof(now);
        }
    }

    fn arm(&mut self, state: &mut State, left: &Left) {
        self.timer.arm(left.wake);
        state.armed = self.timer.armed();
    }
}

/// A task that is dropped with its runtime leaves nobody waiting.
impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        if state.closed.is_none() {
            let status = Status::unavailable("the connection's runtime has shut down");
            state.on_closed(SessionEnd::Failed(status.with_origin(Origin::Library)));
        }
        state.over = true;
        let writer = state.writer.take();
        unlock_and_wake(state, None);
        drop(writer);
    }
}
