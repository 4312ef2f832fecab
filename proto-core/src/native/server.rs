//! A server's connection: calls of the native protocol.
//!
//! ```
//! use bytes::Bytes;
//! use zrpc_core::base::{Machine, Out, Output, Time};
//! use zrpc_core::native::{Config, NativeServer};
//! use zrpc_core::rpc::{Metadata, ServerEvent, ServerSession, Status};
//!
//! /// One turn of any event loop: answers each message with itself.
//! fn turn(server: &mut NativeServer, now: Time, received: Bytes, out: &mut Out) {
//!     server.handle_input(now, received);
//!     while let Output::Event(event) = server.poll_output(now, out) {
//!         match event {
//!             ServerEvent::Message { call, message, credit } => {
//!                 server.consume(call, credit);
//!                 let _ = server.send(call, message, false);
//!             }
//!             ServerEvent::HalfClosed { call } => {
//!                 let _ = server.finish(call, &Status::OK, &Metadata::new());
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//!
//! let mut server = NativeServer::new(Time::START, Config::default().shared());
//! let mut out = Out::with_room(64 * 1024);
//! turn(&mut server, Time::START, Bytes::from_static(b"\xfazRPC\x01\0\0\x01\x01"), &mut out);
//! assert!(!out.is_empty(), "preface and HELLO are answered with the server's own");
//! ```

use crate::base::{Flow, Machine, Misuse, Out, Output, Time};
use crate::native::binary::Binary;
use crate::native::codec::{Codec, Path};
use crate::native::config::Config;
use crate::native::connection::{Connection, key};
use crate::native::event::Event;
use crate::native::{Priority, Role, Violation};
use crate::rpc::session::{CallId, RequestHead, ServerEvent, ServerSession};
use crate::rpc::{Encoding, Metadata, Status};
use alloc::sync::Arc;
use bytes::Bytes;
use core::time::Duration;

/// Calls of the native protocol on one connection, server side.
#[derive(Clone, Debug)]
pub struct NativeServer<C: Codec = Binary> {
    connection: Connection<C>,
}

impl NativeServer {
    /// A connection that was just accepted, in the binary encoding.
    #[must_use]
    pub fn new(now: Time, config: Arc<Config>) -> NativeServer {
        NativeServer::encoded(now, config)
    }
}

impl<C: Codec> NativeServer<C> {
    /// A connection that was just accepted, in any encoding.
    #[must_use]
    pub fn encoded(now: Time, config: Arc<Config>) -> NativeServer<C> {
        NativeServer::with_codec(now, config, C::new(Role::Server))
    }

    /// The same, in an encoding that knows more than its side.
    #[must_use]
    pub fn with_codec(now: Time, config: Arc<Config>, codec: C) -> NativeServer<C> {
        NativeServer { connection: Connection::new(Role::Server, now, config, codec) }
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

    /// Changes the order in which this side's frames leave; the client said one when it started the call.
    ///
    /// # Errors
    /// When the call is over.
    pub fn set_priority(&mut self, call: CallId, priority: Priority) -> Result<(), Misuse> {
        self.connection.set_priority(call.0, priority)
    }

    /// The priority of an open call.
    #[must_use]
    pub fn priority(&self, call: CallId) -> Option<Priority> {
        self.connection.calls.get(key(call.0)).map(|call| call.priority)
    }

    /// Calls that are open, or over and not yet written to their end.
    #[must_use]
    pub fn waiting_to_send(&self) -> usize {
        self.connection.calls.len()
    }

    /// Bytes of heap memory held, without payloads that the application or the input own; at most
    /// [`NativeServer::memory_max`].
    #[must_use]
    pub fn memory(&self) -> usize {
        self.connection.memory()
    }

    /// The most that [`NativeServer::memory`] says, whatever its client does, in bytes.
    #[must_use]
    pub fn memory_max(config: &Config) -> usize {
        config.memory_max_of::<C>(config.max_calls as usize)
    }
}

impl<C: Codec> Machine for NativeServer<C> {
    type Event = ServerEvent;

    fn handle_input(&mut self, now: Time, input: Bytes) {
        self.connection.handle_input(now, input);
    }

    fn handle_eof(&mut self, now: Time) {
        self.connection.handle_eof(now);
    }

    fn poll_output(&mut self, now: Time, out: &mut Out) -> Output<ServerEvent> {
        loop {
            let event = match self.connection.poll_output(now, out) {
                Output::Event(event) => event,
                Output::Full(wake) => return Output::Full(wake),
                Output::Idle(wake) => return Output::Idle(wake),
            };
            return Output::Event(match event {
                Event::Opened(call) => ServerEvent::Opened { call: CallId(call) },
                Event::Message { call, message, credit, .. } => {
                    ServerEvent::Message { call: CallId(call), message, credit }
                }
                Event::HalfClosed(call) => ServerEvent::HalfClosed { call: CallId(call) },
                Event::Writable(call) => ServerEvent::Writable { call: CallId(call) },
                Event::Ended { call, status, .. } => ServerEvent::Ended { call: CallId(call), status },
                Event::Closed(end) => ServerEvent::Closed(end),
                // What only a client is told.
                Event::Ready | Event::Head(_) | Event::Ending(_) | Event::Draining => continue,
            });
        }
    }
}

impl<C: Codec> ServerSession for NativeServer<C> {
    fn request(&self, call: CallId) -> Option<RequestHead<'_>> {
        let Connection { calls, codec, .. } = &self.connection;
        let call = calls.get(key(call.0)).filter(|call| call.is_told())?;
        Some(RequestHead {
            path: match call.path {
                Path::Entry(number) => codec.path(number),
                Path::Text | Path::None => &call.path_text,
            },
            authority: codec.authority(),
            metadata: &call.metadata,
            deadline: call.deadline,
            encoding: call.inbound.encoding,
        })
    }

    fn send_head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.connection.send_head(call.0, metadata, compression)
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

    fn finish(&mut self, call: CallId, status: &Status, trailers: &Metadata) -> Result<(), Misuse> {
        self.connection.finish(call.0, status, trailers)
    }

    fn consume(&mut self, call: CallId, credit: u32) {
        self.connection.consume(call.0, credit);
    }

    fn drain(&mut self, now: Time, grace: Duration) {
        self.connection.now = self.connection.now.max(now);
        self.connection.begin_drain(grace);
    }

    fn close(&mut self, now: Time) {
        self.connection.now = self.connection.now.max(now);
        self.connection.close();
    }

    fn open_calls(&self) -> usize {
        self.connection.open
    }
}
