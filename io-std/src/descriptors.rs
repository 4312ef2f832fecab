//! The file descriptors of one connection, between its session, which counts them, and its transport, which carries them.

use crate::transport::Transport;
use bytes::Bytes;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use zrpc_core::base::{Flow, Misuse, Time};
use zrpc_core::rpc::{Attachments, CallId, ClientSession, ServerSession};
use zrpc_unix::Exchange;

/// Nothing at all on a connection that carries none.
#[derive(Default)]
pub(crate) struct Descriptors(Option<Arc<Exchange>>);

/// What both sides' sessions have of attachments.
pub(crate) trait Counts {
    fn counted(&self) -> u8;
    fn take_unclaimed(&mut self) -> u32;
    fn send_counted(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse>;
    fn end_connection(&mut self, now: Time);
}

/// The descriptors among what an application attached.
pub(crate) fn descriptors_of(mut attachments: Attachments) -> Vec<OwnedFd> {
    if attachments.is_empty() { Vec::new() } else { attachments.take() }
}

impl Descriptors {
    pub(crate) fn of(transport: &dyn Transport) -> Descriptors {
        Descriptors(transport.exchange().cloned())
    }

    /// What came with the message whose event was returned last. A peer that counts more than it sent loses the
    /// connection.
    pub(crate) fn claim(&self, session: &mut (impl Counts + ?Sized), now: Time) -> Attachments {
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
    pub(crate) fn drop_unclaimed(&self, session: &mut (impl Counts + ?Sized), now: Time) {
        let Some(exchange) = &self.0 else { return };
        let unclaimed = session.take_unclaimed();
        if unclaimed > 0 && exchange.claim(unclaimed, 0).is_err() {
            session.end_connection(now);
        }
    }

    /// Gives the session a message, and keeps what leaves with it until the session says so.
    pub(crate) fn send(
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

    /// Closes what a call that is over would still have sent.
    pub(crate) fn forget(&self, call: CallId) {
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
