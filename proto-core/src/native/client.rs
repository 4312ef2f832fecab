//! A client's connection: calls of the native protocol.

use crate::base::{Flow, Machine, Misuse, Out, Output, Time};
use crate::native::binary::Binary;
use crate::native::codec::Codec;
use crate::native::config::Config;
use crate::native::connection::{Connection, key};
use crate::native::event::Event;
use crate::native::{Priority, Role, Violation};
use crate::rpc::session::{CallId, ClientEvent, ClientSession, StartCall};
use crate::rpc::{Metadata, Status};
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// Calls of the native protocol on one connection, client side.
#[derive(Clone, Debug)]
pub struct NativeClient<C: Codec = Binary> {
    connection: Connection<C>,
}

impl NativeClient {
    /// A connection that was just made, in the binary encoding. Calls may be started at once, before the server's HELLO
    /// arrives.
    #[must_use]
    pub fn new(now: Time, config: Arc<Config>) -> NativeClient {
        NativeClient::encoded(now, config)
    }
}

impl<C: Codec> NativeClient<C> {
    /// A connection that was just made, in any encoding.
    #[must_use]
    pub fn encoded(now: Time, config: Arc<Config>) -> NativeClient<C> {
        NativeClient::with_codec(now, config, C::new(Role::Client))
    }

    /// The same, in an encoding that knows more than its side.
    #[must_use]
    pub fn with_codec(now: Time, config: Arc<Config>, codec: C) -> NativeClient<C> {
        NativeClient { connection: Connection::new(Role::Client, now, config, codec) }
    }

    /// The encoding.
    #[must_use]
    pub fn codec(&self) -> &C {
        &self.connection.codec
    }

    /// What the peer did wrong, where that ended the connection.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.connection.violation
    }

    /// Ends the connection, and all open calls with `status`, because what carries it has ended: nothing more is written.
    pub fn lose(&mut self, now: Time, status: Status) {
        self.connection.now = self.connection.now.max(now);
        self.connection.lose(status);
    }

    /// Changes a call's priority, on this side and at the server. A call starts with the one that its metadata says under
    /// [`Priority::KEY`].
    ///
    /// # Errors
    /// When the call is over.
    pub fn set_priority(&mut self, call: CallId, priority: Priority) -> Result<(), Misuse> {
        self.connection.set_priority(call.0, priority)
    }

    /// Calls that are open, or over and not yet written to their end.
    #[must_use]
    pub fn waiting_to_send(&self) -> usize {
        self.connection.calls.len()
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`NativeClient::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.connection.memory()
    }

    /// The most that [`NativeClient::memory`] says, whatever its server does, in bytes: with so many calls open or waiting
    /// at once.
    #[must_use]
    pub fn memory_max(config: &Config, calls: usize) -> usize {
        config.memory_max_of::<C>(calls)
    }
}

impl<C: Codec> Machine for NativeClient<C> {
    type Event = ClientEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.connection.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.connection.handle_eof(now);
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ClientEvent> {
        loop {
            let event = match self.connection.poll_output(now, out) {
                Output::Event(event) => event,
                Output::Full(wake) => return Output::Full(wake),
                Output::Idle(wake) => return Output::Idle(wake),
            };
            return Output::Event(match event {
                Event::Ready => ClientEvent::Ready,
                Event::Head(call) => ClientEvent::Head { call: CallId(call) },
                Event::Message { call, message, credit, .. } => {
                    ClientEvent::Message { call: CallId(call), message, credit }
                }
                Event::Writable(call) => ClientEvent::Writable { call: CallId(call) },
                Event::Ended { call, status, trailers } => {
                    ClientEvent::Ended { call: CallId(call), status, trailers }
                }
                Event::Draining => ClientEvent::Draining,
                Event::Closed(end) => ClientEvent::Closed(end),
                // What only a server is told, or what the connection turned into an end.
                Event::Opened(_) | Event::HalfClosed(_) | Event::Ending(_) => continue,
            });
        }
    }
}

impl<C: Codec> ClientSession for NativeClient<C> {
    fn start(&mut self, now: Time, head: StartCall<'_>) -> Result<CallId, Misuse> {
        self.connection.start(now, head).map(CallId)
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        self.connection.send(call.0, message, compress, 0)
    }

    fn send_with_attachments(
        &mut self,
        call: CallId,
        message: Bytes,
        compress: bool,
        count: u8,
    ) -> Result<Flow, Misuse> {
        self.connection.send(call.0, message, compress, count)
    }

    fn attachments_max(&self) -> u8 {
        self.connection.attachments_max()
    }

    fn attachments(&self) -> u8 {
        self.connection.attachments
    }

    fn take_unclaimed_attachments(&mut self) -> u32 {
        core::mem::take(&mut self.connection.unclaimed)
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.connection.half_close(call.0)
    }

    fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.connection.cancel(call.0, Status::cancelled("the call was cancelled by its caller"))
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.connection.consume(call.0, credit);
    }

    fn response_metadata(&self, call: CallId) -> Option<&Metadata> {
        self.connection.calls.get(key(call.0)).map(|call| &call.metadata)
    }

    fn drain(&mut self, now: Time) {
        self.connection.now = self.connection.now.max(now);
        self.connection.begin_drain(Duration::MAX);
    }

    fn close(&mut self, now: Time) {
        self.connection.now = self.connection.now.max(now);
        self.connection.close();
    }

    fn open_calls(&self) -> usize {
        self.connection.open
    }

    fn takes_calls(&self) -> bool {
        self.connection.takes_calls()
    }

    fn has_room(&self) -> bool {
        self.connection.has_room()
    }
}
