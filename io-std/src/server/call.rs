//! A call that a handler works at.

use crate::line::{Incoming, Message, Outgoing};
use crate::server::connection::{Connection, ConnectionGuard};
use crate::server::routes::Route;
use crate::server::slots::Slot;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use zrpc_core::base::{Flow, Misuse};
use zrpc_core::rpc::local_status::{not_sent, panicked, refused};
use zrpc_core::rpc::{CallId, Encoding, Interceptors, Metadata, Origin, Response, Side, Status};
use zrpc_unix::descriptors_of;

/// A call at its handler. Dropped without an answer, it ends as INTERNAL.
pub(crate) struct ServerCall {
    connection: Arc<Connection>,
    id: CallId,
    pub(crate) route: Arc<Route>,
    /// The handler runs on the reader's thread, which writes after it.
    is_here: bool,
    answered: AtomicBool,
    trailers: Mutex<Metadata>,
}

impl ServerCall {
    pub(crate) fn new(
        connection: Arc<Connection>,
        id: CallId,
        route: Arc<Route>,
        is_here: bool,
    ) -> ServerCall {
        let trailers = Mutex::new(Metadata::new());
        ServerCall { connection, id, route, is_here, answered: AtomicBool::new(false), trailers }
    }

    pub(crate) fn interceptors(&self) -> &Interceptors {
        &self.connection.server().routes.interceptors
    }

    /// Sends the response's metadata.
    pub(crate) fn send_head(&self, mut metadata: Metadata, compression: Option<Encoding>) {
        self.interceptors().response(self.route.method, &mut metadata);
        let mut guard = self.connection.link.lock();
        // A call that is over needs no head.
        let _ = guard.pump.machine().send_head(self.id, &metadata, compression);
        self.flush(guard);
    }

    /// Answers with one response.
    pub(crate) fn reply(&self, mut response: Response<Bytes>) {
        let descriptors = descriptors_of(response.take_attachments());
        let compression = response.compression();
        let (mut message, mut metadata, trailers) = response.into_parts();
        self.interceptors().response(self.route.method, &mut metadata);
        let shown = self.interceptors().response_message(Side::Server, self.route.method, &mut message);
        if let Err(status) = shown {
            return self.end(&status, &Metadata::new());
        }
        if self.answered.swap(true, Ordering::SeqCst) {
            return;
        }
        let mut guard = self.connection.link.lock();
        let shared = &mut *guard;
        let ended = shared.calls.note_answer(self.id);
        let session = &mut **shared.pump.machine();
        let compress = compression.is_some();
        let sent = session.send_head(self.id, &metadata, compression).and_then(|()| {
            shared.calls.descriptors.send(session, self.id, message, compress, descriptors).map(drop)
        });
        let status = sent.map_or_else(unsendable, |()| Status::OK);
        // A call that the client gave up is over already.
        let _ = session.finish(self.id, &status, &trailers);
        self.flush(guard);
        self.interceptors().end(self.route.method, &ended.unwrap_or(status));
    }

    /// Ends the call, with the trailers that were set by [`ServerCall::set_trailers`].
    pub(crate) fn end_stream(&self, status: &Status) {
        let trailers = std::mem::take(&mut *self.trailers.lock().unwrap_or_else(PoisonError::into_inner));
        self.end(status, &trailers);
    }

    pub(crate) fn set_trailers(&self, trailers: Metadata) {
        *self.trailers.lock().unwrap_or_else(PoisonError::into_inner) = trailers;
    }

    /// Whether the call ended while it waited for its handler; nothing is to be answered then.
    pub(crate) fn is_over(&self) -> bool {
        let guard = self.connection.link.lock();
        let is_over = guard.calls.calls.get(&self.id).is_none_or(|slot| slot.ended.is_some());
        self.answered.fetch_or(is_over, Ordering::SeqCst);
        is_over
    }

    /// Ends the call; the first end counts.
    pub(crate) fn end(&self, status: &Status, trailers: &Metadata) {
        if let Some(status) = self.finish_once(status, trailers) {
            self.interceptors().end(self.route.method, &status);
        }
    }

    /// Ends a call that an interceptor refused; those that let it through know.
    pub(crate) fn end_untold(&self, status: &Status) {
        self.finish_once(status, &Metadata::new());
    }

    /// Says how the call really ended, if this was its end.
    fn finish_once(&self, status: &Status, trailers: &Metadata) -> Option<Status> {
        if self.answered.swap(true, Ordering::SeqCst) {
            return None;
        }
        let mut guard = self.connection.link.lock();
        let ended = guard.calls.note_answer(self.id);
        // A call that the client gave up is over already.
        let _ = guard.pump.machine().finish(self.id, status, trailers);
        self.flush(guard);
        Some(ended.unwrap_or_else(|| status.clone()))
    }

    fn flush(&self, guard: ConnectionGuard<'_>) {
        if !self.is_here {
            drop(self.connection.link.turn(guard));
        }
    }

    /// Waits on the call's slot; its reader says when there is something new.
    fn wait<'a, T>(
        &'a self,
        mut ready: impl FnMut(&mut Slot) -> Option<T>,
        park_as: impl Fn(&mut Slot) -> &mut Option<thread::Thread>,
    ) -> (ConnectionGuard<'a>, Option<T>) {
        loop {
            let mut guard = self.connection.link.lock();
            let Some(slot) = guard.calls.calls.get_mut(&self.id) else { return (guard, None) };
            if let Some(found) = ready(slot) {
                return (guard, Some(found));
            }
            *park_as(slot) = Some(thread::current());
            drop(guard);
            thread::park();
        }
    }
}

enum Came {
    Message(Message, u32),
    HalfClosed,
    Ended(Status),
}

impl Incoming for ServerCall {
    fn next(&self) -> Result<Option<Message>, Status> {
        let (mut guard, came) = self.wait(
            |slot| match (slot.messages.pop_front(), &slot.ended) {
                (Some((message, credit)), _) => Some(Came::Message(message, credit)),
                (None, _) if slot.half_closed => Some(Came::HalfClosed),
                (None, Some(status)) => Some(Came::Ended(status.clone())),
                (None, None) => None,
            },
            |slot| &mut slot.receiver,
        );
        match came {
            Some(Came::Message(mut message, credit)) => {
                guard.pump.machine().consume(self.id, credit);
                drop(self.connection.link.turn(guard));
                self.interceptors().request_message(Side::Server, self.route.method, &mut message.bytes)?;
                Ok(Some(message))
            }
            Some(Came::HalfClosed) => Ok(None),
            Some(Came::Ended(status)) => Err(ended(status)),
            None => Err(over()),
        }
    }

    fn head(&self) -> Metadata {
        Metadata::new()
    }

    fn trailers(&self) -> Metadata {
        Metadata::new()
    }

    /// The handler decides what the call ends with; it gets the status from its stream.
    fn refuse(&self, _: &Status) {}

    fn stop(&self) {
        let mut guard = self.connection.link.lock();
        let Some(slot) = guard.calls.calls.get_mut(&self.id) else { return };
        slot.deaf = true;
        let untaken = std::mem::take(&mut slot.messages);
        for (_, credit) in &untaken {
            guard.pump.machine().consume(self.id, *credit);
        }
        if !untaken.is_empty() {
            self.flush(guard);
        }
    }
}

impl Outgoing for ServerCall {
    fn send(&self, mut message: Message, compress: bool) -> Result<(), Status> {
        self.interceptors().response_message(Side::Server, self.route.method, &mut message.bytes)?;
        let (mut guard, status) = self.wait(
            |slot| match (&slot.ended, slot.blocked) {
                (Some(status), _) => Some(Some(status.clone())),
                (None, false) => Some(None),
                (None, true) => None,
            },
            |slot| &mut slot.sender,
        );
        match status {
            Some(None) => {}
            Some(Some(status)) => return Err(not_sent(&status)),
            None => return Err(over()),
        }
        let Message { bytes, attachments } = message;
        let descriptors = descriptors_of(attachments);
        let shared = &mut *guard;
        let session = &mut **shared.pump.machine();
        let sent = shared.calls.descriptors.send(session, self.id, bytes, compress, descriptors);
        let flow = sent.map_err(unsendable)?;
        if let Some(slot) = guard.calls.calls.get_mut(&self.id) {
            slot.blocked = flow == Flow::Blocked;
        }
        drop(self.connection.link.turn(guard));
        Ok(())
    }

    fn finish(&self) {}
}

impl Drop for ServerCall {
    fn drop(&mut self) {
        if !self.answered.load(Ordering::SeqCst) {
            let status = if thread::panicking() {
                panicked()
            } else {
                Status::internal("the handler returned without an answer")
            };
            self.end(&status.with_origin(Origin::Caller), &Metadata::new());
        }
        let mut guard = self.connection.link.lock();
        let Some(slot) = guard.calls.calls.remove(&self.id) else { return };
        for (_, credit) in &slot.messages {
            guard.pump.machine().consume(self.id, *credit);
        }
    }
}

/// A call that ended well for the client before the handler was done is over for the handler all the same.
fn ended(status: Status) -> Status {
    if status.is_ok() { over() } else { status }
}

fn over() -> Status {
    Status::cancelled("the call is over")
}

fn unsendable(misuse: Misuse) -> Status {
    match misuse {
        Misuse::Gone | Misuse::Closed => over(),
        misuse => refused(misuse),
    }
}
