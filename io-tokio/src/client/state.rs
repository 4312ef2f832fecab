//! What the callers and the task of a connection share, under one lock: the session, the calls on it, and the
//! writer while nobody writes.

use crate::attached::{Descriptors, Message, Wired, descriptors_of};
use crate::client::unary::Slot;
use crate::line::{Finish, Line, Session};
use crate::pool;
use crate::pump::write_out;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::io;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::io::AsyncWrite;
use zrpc_core::base::{Flow, Misuse, Out, Output, Time};
use zrpc_core::rpc::{
    CallId, CallIdHasher, ClientEvent, ClientSession, Encoding, Metadata, Origin, SessionEnd, Status,
};

/// A session of any carrier.
pub(crate) type BoxedSession = Box<dyn ClientSession + Send>;

/// See the module.
pub(crate) struct State {
    pub(super) session: BoxedSession,
    pub(super) descriptors: Descriptors,
    pub(super) calls: HashMap<CallId, Entry, BuildHasherDefault<CallIdHasher>>,
    /// Taken out by whoever writes.
    pub(super) writer: Option<Writer>,
    pub(super) task: Option<Waker>,
    /// The task was woken and has not looked yet.
    pub(super) woken: bool,
    /// Someone left frames while the writer was out.
    pub(super) dirty: bool,
    /// The session wanted no more input when the task looked last, which therefore reads nothing.
    pub(super) is_sated: bool,
    /// When the task's timer fires.
    pub(super) armed: Option<Time>,
    /// Wakers to be woken once the lock is free.
    pub(super) wakes: Vec<Waker>,
    pub(super) ready: bool,
    pub(super) waiting_ready: Option<Waker>,
    pub(super) closed: Option<Status>,
    /// The task has ended: the writer is dropped, and with it the socket.
    pub(super) over: bool,
}

pub(super) struct Writer {
    pub(super) stream: Box<dyn AsyncWrite + Send + Unpin>,
    /// What the stream has not taken yet.
    pub(super) out: Option<Box<Out>>,
    pub(super) unflushed: bool,
    pub(super) failure: Option<io::Error>,
}

pub(super) enum Entry {
    Unary(Arc<Slot>),
    Streaming(Arc<Line>),
}

/// What a turn left to do.
pub(super) struct Left {
    pub(super) wake: Option<Time>,
    pub(super) held_back: bool,
}

impl State {
    pub(super) fn new(
        session: BoxedSession,
        stream: Box<dyn AsyncWrite + Send + Unpin>,
        descriptors: Descriptors,
    ) -> State {
        State {
            session,
            descriptors,
            calls: HashMap::default(),
            writer: Some(Writer { stream, out: None, unflushed: false, failure: None }),
            task: None,
            woken: false,
            dirty: false,
            is_sated: false,
            armed: None,
            wakes: Vec::new(),
            ready: false,
            waiting_ready: None,
            closed: None,
            over: false,
        }
    }

    /// Notes whether the session wants no more input, and says so.
    pub(super) fn note_appetite(&mut self) -> bool {
        self.is_sated = !self.session.wants_input();
        self.is_sated
    }

    pub(super) fn send_only(&mut self, call: CallId, message: Message, compress: bool) -> Result<(), Misuse> {
        let mut wired = Wired { session: &mut *self.session, descriptors: &self.descriptors };
        // One message is taken whole, whatever the peer's window is: there is none after it to be held back.
        let _ = wired.send(call, message, compress)?;
        self.session.half_close(call)
    }

    pub(super) fn serve(&mut self, call: CallId) {
        if let Some(Entry::Streaming(line)) = self.calls.get(&call) {
            let mut wired = Wired { session: &mut *self.session, descriptors: &self.descriptors };
            self.wakes.extend(line.serve(&mut wired));
        }
    }

    /// The task's waker, unless it was woken already.
    pub(super) fn wake_task(&mut self) -> Option<Waker> {
        self.dirty = true;
        if std::mem::replace(&mut self.woken, true) {
            return None;
        }
        self.task.clone()
    }

    /// Handles every event and takes what the session writes, as far as there is room.
    pub(super) fn turn(&mut self, now: Time, out: &mut Out) -> Left {
        let left = loop {
            match self.session.poll_output(now, out) {
                Output::Event(event) => self.on_event(event, now),
                Output::Full(wake) => break Left { wake: wake.map(|wake| wake.at), held_back: true },
                Output::Idle(wake) => break Left { wake: wake.map(|wake| wake.at), held_back: false },
            }
        };
        self.descriptors.drop_unclaimed(&mut *self.session, now);
        self.descriptors.leave(out);
        left
    }

    fn on_event(&mut self, event: ClientEvent, now: Time) {
        match event {
            ClientEvent::Ready => {
                self.ready = true;
                self.wakes.extend(self.waiting_ready.take());
            }
            ClientEvent::Head { call } => self.on_head(call),
            ClientEvent::Message { call, message, credit } => {
                let attachments = self.descriptors.claim(&mut *self.session, now);
                self.on_message(call, Message { bytes: message, attachments }, credit);
            }
            ClientEvent::Writable { call } => {
                if let Some(Entry::Streaming(line)) = self.calls.get(&call) {
                    line.set_writable();
                    self.serve(call);
                }
            }
            ClientEvent::Ended { call, status, trailers } => {
                self.descriptors.forget(call);
                match self.calls.remove(&call) {
                    Some(Entry::Unary(slot)) => self.wakes.extend(slot.end(status, trailers)),
                    Some(Entry::Streaming(line)) => {
                        self.wakes.extend(line.end(status, trailers).into_iter().flatten());
                    }
                    None => {}
                }
            }
            ClientEvent::Closed(end) => self.on_closed(end),
            _ => {}
        }
    }

    fn on_head(&mut self, call: CallId) {
        let Some(entry) = self.calls.get(&call) else { return };
        let metadata = self.session.response_metadata(call);
        match entry {
            Entry::Unary(slot) => {
                if let Some(metadata) = metadata.filter(|metadata| !metadata.is_empty()) {
                    slot.set_head(metadata.clone());
                }
            }
            Entry::Streaming(line) => {
                self.wakes.extend(line.set_head(metadata.cloned().unwrap_or_default()));
            }
        }
    }

    fn on_message(&mut self, call: CallId, message: Message, credit: u32) {
        let unread = match self.calls.get(&call) {
            Some(Entry::Streaming(line)) => match line.deliver(message, credit) {
                Ok(reader) => return self.wakes.extend(reader),
                Err(credit) => credit,
            },
            Some(Entry::Unary(slot)) => {
                slot.deliver(message);
                credit
            }
            None => credit,
        };
        self.session.consume(call, unread);
    }

    pub(super) fn on_closed(&mut self, end: SessionEnd) {
        let status = match end {
            SessionEnd::Failed(status) => status,
            _ => Status::unavailable("the server closed the connection").with_origin(Origin::Transport),
        };
        self.closed = Some(status.clone());
        self.wakes.extend(self.waiting_ready.take());
        for (_, entry) in self.calls.drain() {
            match entry {
                Entry::Unary(slot) => self.wakes.extend(slot.end(status.clone(), Metadata::new())),
                Entry::Streaming(line) => {
                    self.wakes.extend(line.end(status.clone(), Metadata::new()).into_iter().flatten());
                }
            }
        }
    }
}

impl Writer {
    /// An output to write to: the one that still waits, or an empty one.
    pub(super) fn take_out(&mut self) -> Box<Out> {
        self.out.take().unwrap_or_else(pool::take_out)
    }

    /// Writes `out`; keeps what could not be written now, and forgets what never can be.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, mut out: Box<Out>) -> Poll<()> {
        let written = write_out(&mut *self.stream, cx, &mut out, &mut self.unflushed);
        if let Poll::Ready(Err(error)) = written {
            out.clear();
            self.unflushed = false;
            self.failure.get_or_insert(error);
            self.out = pool::give_out(out);
            return Poll::Ready(());
        }
        self.out = pool::give_out(out);
        written.map(|_| ())
    }
}

/// Wakes whoever is to be woken, with the lock free.
pub(super) fn unlock_and_wake(mut state: MutexGuard<'_, State>, task: Option<Waker>) {
    let mut wakes = std::mem::replace(&mut state.wakes, pool::take_wakers());
    drop(state);
    wakes.drain(..).for_each(Waker::wake);
    pool::give_wakers(wakes);
    if let Some(task) = task {
        task.wake();
    }
}

impl Session for Wired<'_, dyn ClientSession + Send> {
    fn consume(&mut self, call: CallId, credit: u32) {
        self.session.consume(call, credit);
    }

    fn send(&mut self, call: CallId, message: Message, compress: bool) -> Result<Flow, Misuse> {
        let Message { bytes, attachments } = message;
        self.descriptors.send(self.session, call, bytes, compress, descriptors_of(attachments))
    }

    fn head(&mut self, _: CallId, _: &Metadata, _: Option<Encoding>) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a client sends its head when it starts the call"))
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.session.half_close(call)
    }

    fn finish_with(&mut self, _: CallId, _: Finish) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a client does not end a call with a status"))
    }

    fn abandon(&mut self, call: CallId, _: &Status) {
        // Refused only when the call is over, which is what was wanted.
        let _ = self.session.cancel(call);
    }
}
