//! The file descriptors of one connection, between its session, which counts them, and its transport, which carries them.

use crate::Exchange;
use bytes::Bytes;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use zrpc_core::base::{Flow, Misuse, Out, Time};
use zrpc_core::rpc::{Attachments, CallId, ClientSession, ServerSession};

/// See the module. Nothing at all on a connection that carries none.
#[derive(Clone, Default, Debug)]
pub struct Descriptors(Option<Arc<Exchange>>);

/// What both sides' sessions have of attachments.
pub trait Counts {
    /// How many came with the message whose event was returned last.
    fn counted(&self) -> u8;
    /// How many came before those with messages that nobody is told of.
    fn take_unclaimed(&mut self) -> u32;
    /// Sends a message with so many.
    ///
    /// # Errors
    /// As the session's `send_with_attachments`.
    fn send_counted(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse>;
    /// Ends the connection at once.
    fn end_connection(&mut self, now: Time);
}

/// The descriptors among what an application attached.
#[must_use]
pub fn descriptors_of(mut attachments: Attachments) -> Vec<OwnedFd> {
    if attachments.is_empty() { Vec::new() } else { attachments.take() }
}

impl Descriptors {
    /// Those that `exchange` carries.
    #[must_use]
    pub fn of(exchange: Option<&Arc<Exchange>>) -> Descriptors {
        Descriptors(exchange.cloned())
    }

    /// What came with the message whose event was returned last. A peer that counts more than it sent loses the
    /// connection.
    pub fn claim(&self, session: &mut (impl Counts + ?Sized), now: Time) -> Attachments {
        let Some(exchange) = &self.0 else { return Attachments::new() };
        let (unclaimed, count) = (session.take_unclaimed(), session.counted());
        if unclaimed == 0 && count == 0 {
            return Attachments::new();
        }
        exchange.claim(unclaimed, count).unwrap_or_else(|error| {
            tracing::warn!(%error, "a connection is closed");
            session.end_connection(now);
            Attachments::new()
        })
    }

    /// Closes those that came with messages that nobody is told of.
    pub fn drop_unclaimed(&self, session: &mut (impl Counts + ?Sized), now: Time) {
        let Some(exchange) = &self.0 else { return };
        let unclaimed = session.take_unclaimed();
        if unclaimed > 0 && exchange.claim(unclaimed, 0).is_err() {
            session.end_connection(now);
        }
    }

    /// Gives the session a message, and keeps what leaves with it until the session says so.
    ///
    /// # Errors
    /// As the session's `send`; `Unsupported` when the connection carries none or not as many.
    pub fn send(
        &self,
        session: &mut (impl Counts + ?Sized),
        call: CallId,
        message: Bytes,
        compress: bool,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Flow, Misuse> {
        const NONE: Misuse = Misuse::Unsupported(
            "this connection carries no attachments; use a native Unix socket, with attachments enabled on both sides",
        );
        if descriptors.is_empty() {
            return session.send_counted(call, message, compress, 0);
        }
        let exchange = self.0.as_ref().ok_or(NONE)?;
        if !exchange.has_room(descriptors.len()) {
            return Err(Misuse::Unsupported(
                "too many attachments wait on this connection; send fewer at once",
            ));
        }
        let count = u8::try_from(descriptors.len())
            .map_err(|_| Misuse::Unsupported("a message carries 64 attachments at the most"))?;
        let flow = session.send_counted(call, message, compress, count)?;
        exchange.keep(call.as_u64(), descriptors);
        Ok(flow)
    }

    /// Has descriptors leave with the next bytes, as the session noted in what it wrote.
    pub fn leave(&self, out: &mut Out) {
        if out.has_attachments() {
            let notes = out.take_attachments();
            self.0.iter().for_each(|exchange| exchange.leave(&notes));
        }
    }

    /// Closes what a call that is over would still have sent.
    pub fn forget(&self, call: CallId) {
        self.0.iter().for_each(|exchange| exchange.forget(call.as_u64()));
    }
}

impl Counts for dyn ClientSession + Send {
    fn counted(&self) -> u8 {
        self.attachments()
    }

    fn take_unclaimed(&mut self) -> u32 {
        self.take_unclaimed_attachments()
    }

    fn send_counted(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        self.send_with_attachments(call, message, compress, count)
    }

    fn end_connection(&mut self, now: Time) {
        self.close(now);
    }
}

impl Counts for dyn ServerSession + Send {
    fn counted(&self) -> u8 {
        self.attachments()
    }

    fn take_unclaimed(&mut self) -> u32 {
        self.take_unclaimed_attachments()
    }

    fn send_counted(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        self.send_with_attachments(call, message, compress, count)
    }

    fn end_connection(&mut self, now: Time) {
        self.close(now);
    }
}
