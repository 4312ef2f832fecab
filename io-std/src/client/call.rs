//! A call that this side started, as its caller holds it.

use crate::client::connection::Connection;
use crate::client::slots::Half;
use crate::line::{Incoming, Message, Outgoing};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use zrpc_core::rpc::local_status::{not_sent, refused};
use zrpc_core::rpc::{CallId, Interceptors, Metadata, Method, Side, Single, Status};

/// A started call. Dropping it cancels it, unless it is over.
pub(crate) struct Call {
    connection: Arc<Connection>,
    id: CallId,
    method: Method,
    interceptors: Arc<Interceptors>,
    /// The interceptors know of the end.
    told: AtomicBool,
}

/// What came of a call that answers once.
pub(crate) struct Answer {
    pub(crate) message: Message,
    pub(crate) metadata: Metadata,
    pub(crate) trailers: Metadata,
}

impl Call {
    pub(crate) fn new(
        connection: Arc<Connection>,
        id: CallId,
        method: Method,
        interceptors: Arc<Interceptors>,
    ) -> Call {
        Call { connection, id, method, interceptors, told: AtomicBool::new(false) }
    }

    /// Waits for the whole answer of a method that answers once.
    pub(crate) fn answer(&self) -> Result<Answer, Status> {
        let answered = self.whole_answer().and_then(|mut answer| {
            self.interceptors.response(&self.method, &mut answer.metadata);
            self.interceptors.response_message(Side::Client, &self.method, &mut answer.message.bytes)?;
            Ok(answer)
        });
        self.tell_end(answered.as_ref().err().unwrap_or(&Status::OK));
        answered
    }

    fn whole_answer(&self) -> Result<Answer, Status> {
        let came = self.connection.wait(self.id, Half::Receiver, |slot| {
            let (status, trailers) = match &mut slot.ended {
                Some((status, trailers)) => (status.clone(), std::mem::take(trailers)),
                // One message too many is answer enough: this call cannot succeed any more.
                None if slot.messages.len() > 1 => (Status::OK, Metadata::new()),
                None => return None,
            };
            let only: Single<Message> = slot.messages.drain(..).map(|(message, _)| message).collect();
            Some((only.response(status), slot.head.take().unwrap_or_default(), trailers))
        });
        let (message, metadata, trailers) = came.ok_or_else(gone)?;
        let message = message.map_err(|status| self.connection.explain(status))?;
        Ok(Answer { message, metadata, trailers })
    }

    fn tell_end(&self, status: &Status) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.interceptors.end(&self.method, status);
        }
    }

    fn status_if_over(&self) -> Status {
        let status = self
            .connection
            .wait(self.id, Half::Sender, |slot| slot.ended.as_ref().map(|(status, _)| Some(status.clone())));
        match status.flatten() {
            Some(status) => not_sent(&self.connection.explain(status)),
            None => gone(),
        }
    }
}

enum Came {
    Message(Message, u32),
    End(Status),
}

impl Incoming for Call {
    fn next(&self) -> Result<Option<Message>, Status> {
        let came = self.connection.wait(self.id, Half::Receiver, |slot| match slot.messages.pop_front() {
            Some((message, credit)) => Some(Came::Message(message, credit)),
            None => slot.ended.as_ref().map(|(status, _)| Came::End(status.clone())),
        });
        let next = match came.ok_or_else(gone)? {
            Came::Message(mut message, credit) => {
                self.connection.consume(self.id, credit);
                let shown =
                    self.interceptors.response_message(Side::Client, &self.method, &mut message.bytes);
                shown.map(|()| Some(message)).inspect_err(|status| self.refuse(status))
            }
            Came::End(status) if status.is_ok() => Ok(None),
            Came::End(status) => Err(self.connection.explain(status)),
        };
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.tell_end(&Status::OK),
            Err(status) => self.tell_end(status),
        }
        next
    }

    fn head(&self) -> Metadata {
        let head = self.connection.wait(self.id, Half::Receiver, |slot| match slot.head.take() {
            Some(head) => Some(head),
            None => slot.ended.as_ref().map(|_| Metadata::new()),
        });
        let mut head = head.unwrap_or_default();
        self.interceptors.response(&self.method, &mut head);
        head
    }

    fn trailers(&self) -> Metadata {
        let trailers = self.connection.wait(self.id, Half::Receiver, |slot| {
            Some(slot.ended.as_mut().map(|(_, trailers)| std::mem::take(trailers)).unwrap_or_default())
        });
        trailers.unwrap_or_default()
    }

    fn refuse(&self, status: &Status) {
        self.connection.cancel(self.id);
        self.tell_end(status);
    }

    fn stop(&self) {
        self.connection.cancel(self.id);
    }
}

impl Outgoing for Call {
    fn send(&self, mut message: Message, compress: bool) -> Result<(), Status> {
        let shown = self.interceptors.request_message(Side::Client, &self.method, &mut message.bytes);
        shown.inspect_err(|status| self.refuse(status))?;
        match self.connection.send(self.id, message, compress) {
            Ok(()) => Ok(()),
            Err(None) => Err(self.status_if_over()),
            Err(Some(misuse)) => Err(refused(misuse)),
        }
    }

    fn finish(&self) {
        self.connection.half_close(self.id);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.connection.release(self.id);
        if !self.told.load(Ordering::Relaxed) {
            self.tell_end(&Status::cancelled("the caller dropped the call"));
        }
    }
}

fn gone() -> Status {
    Status::cancelled("the call was given up")
}
