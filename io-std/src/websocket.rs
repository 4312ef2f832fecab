//! Plain messages over WebSocket: any transport, either side, without RPC and without a thread.
//!
//! A [`WebSocket`] does its work on the thread that calls it: [`WebSocket::receive`] reads, answers pings and waits. What
//! nobody receives stays on the wire. Who wants events instead gives [`pump::drive`](crate::pump::drive) a
//! [`Connection`].
//!
//! ```
//! use std::sync::Arc;
//! use zrpc_core::websocket::{CloseCode, Config, Request};
//! use zrpc_std::memory;
//! use zrpc_std::websocket::{Message, WebSocket};
//!
//! let (ours, theirs) = memory::pair();
//! let config = Arc::new(Config::default());
//! let server = {
//!     let config = Arc::clone(&config);
//!     std::thread::spawn(move || {
//!         let mut server = WebSocket::accept(theirs, config)?;
//!         while let Some(message) = server.receive()? {
//!             server.send(message)?;
//!         }
//!         Ok::<(), std::io::Error>(())
//!     })
//! };
//! let mut client = WebSocket::connect(ours, &Request::new("localhost", "/chat"), config)?;
//! client.send("hello")?;
//! assert_eq!(client.receive()?, Some(Message::Text("hello".into())));
//! client.close(CloseCode::NORMAL, "that was all")?;
//! server.join().unwrap()?;
//! # Ok::<(), std::io::Error>(())
//! ```

use crate::clock;
use crate::pump::{LINGER, Pump, ReadBuffer, linger};
use crate::transport::{Transport, is_not_ready};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use zrpc_core::base::Machine;
use zrpc_core::websocket::{CloseCode, Config, Connection, End, Event, Kind, Request};
use zrpc_system::secret;

/// A message of either kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Binary(Bytes),
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message::Binary(bytes)
    }
}

/// One side of a connection. Dropping it ends the transport without a closing handshake.
#[derive(Debug)]
pub struct WebSocket<T: Transport> {
    transport: T,
    pump: Pump<Connection>,
    buffer: ReadBuffer,
    path: Option<String>,
    /// Events that came while something else was waited for.
    early: VecDeque<Event>,
    end: Option<End>,
}

impl<T: Transport> WebSocket<T> {
    /// Accepts a connection: reads the handshake and answers it, as `config.policy` says.
    ///
    /// # Errors
    /// When the transport fails, or with the [`End`] of a connection that did not open.
    pub fn accept(transport: T, config: Arc<Config>) -> io::Result<WebSocket<T>> {
        WebSocket::open(transport, Connection::server(clock::now(), config))
    }

    /// Connects over a transport that leads to the server.
    ///
    /// # Errors
    /// As [`WebSocket::accept`]; `InvalidInput` for a request that cannot be sent.
    pub fn connect(transport: T, request: &Request, config: Arc<Config>) -> io::Result<WebSocket<T>> {
        let connection = Connection::client(clock::now(), config, request, secret());
        let connection = connection.map_err(|misuse| io::Error::new(io::ErrorKind::InvalidInput, misuse))?;
        WebSocket::open(transport, connection)
    }

    fn open(transport: T, connection: Connection) -> io::Result<WebSocket<T>> {
        let mut socket = WebSocket {
            transport,
            pump: Pump::new(connection),
            buffer: ReadBuffer::default(),
            path: None,
            early: VecDeque::new(),
            end: None,
        };
        loop {
            match socket.next_event()? {
                Some(Event::Opened) => {
                    socket.path = socket.pump.machine().path().map(str::to_owned);
                    socket.pump_out()?;
                    return Ok(socket);
                }
                Some(Event::Closed(end)) => {
                    tracing::warn!(%end, "a WebSocket did not open");
                    socket.leave();
                    return Err(io::Error::new(io::ErrorKind::ConnectionRefused, end));
                }
                _ => {}
            }
        }
    }

    /// The path and query that the client asked for; on the server's side only.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&mut self) -> Option<&str> {
        self.pump.machine().subprotocol()
    }

    /// How the connection ended, with the code and the reason of the side that closed first; `None` until
    /// [`WebSocket::receive`] came upon it.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Waits for the next message; `None` once both sides have said close, and [`WebSocket::end`] says with which code.
    ///
    /// # Errors
    /// When the transport fails, or with the [`End`] of a connection that was not closed cleanly.
    pub fn receive(&mut self) -> io::Result<Option<Message>> {
        loop {
            match self.next_event()? {
                Some(Event::Message { kind, payload, .. }) => {
                    return Ok(Some(match kind {
                        // It was checked as it arrived.
                        Kind::Text => Message::Text(String::from_utf8_lossy(&payload).into_owned()),
                        Kind::Binary => Message::Binary(payload),
                    }));
                }
                Some(Event::Closed(end)) => {
                    self.leave();
                    self.end = Some(end);
                }
                Some(_) => {}
                None => {
                    return match &self.end {
                        Some(End::Closed { .. }) | None => Ok(None),
                        Some(end) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, end.clone())),
                    };
                }
            }
        }
    }

    /// Sends a message, compressed where that was agreed on, and waits until it is written.
    ///
    /// # Errors
    /// When the transport fails, or the connection closes or is over.
    pub fn send(&mut self, message: impl Into<Message>) -> io::Result<()> {
        let (kind, payload) = match message.into() {
            Message::Text(text) => (Kind::Text, Bytes::from(text)),
            Message::Binary(bytes) => (Kind::Binary, bytes),
        };
        let sent = self.pump.machine().send(kind, payload, true);
        // What is blocked is so only until it is written, which is waited for here.
        let _flow = sent.map_err(|misuse| io::Error::new(io::ErrorKind::NotConnected, misuse))?;
        self.pump_out()
    }

    /// Says close after what was sent, and waits for the peer's answer; messages that still come are dropped.
    ///
    /// # Errors
    /// As [`WebSocket::receive`].
    pub fn close(mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        // It closes already, and that is as good.
        let _ = self.pump.machine().close(clock::now(), code, reason);
        while self.receive()?.is_some() {}
        Ok(())
    }

    /// Waits for the next event; `None` when there is none any more.
    fn next_event(&mut self) -> io::Result<Option<Event>> {
        if let Some(event) = self.early.pop_front() {
            return Ok(Some(event));
        }
        if self.end.is_some() {
            return Ok(None);
        }
        loop {
            if let Some(event) = self.pump.poll_event(clock::now()) {
                return Ok(Some(event));
            }
            if self.pump.flush(&self.transport)? && self.pump.has_more() {
                continue;
            }
            let wake = self.pump.wake().map(|wake| clock::until(wake.at));
            let transport = &self.transport;
            let read = if self.pump.is_stuck() {
                transport.wait(true, wake).and_then(|()| self.buffer.fill(|room| transport.read(room)))
            } else {
                self.buffer.fill(|room| transport.read_waiting(room, wake))
            };
            self.pump.retry();
            match read {
                Ok(bytes) if bytes.is_empty() => self.pump.machine().handle_eof(clock::now()),
                Ok(bytes) => self.pump.machine().handle_input(clock::now(), bytes),
                Err(error) if is_not_ready(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes all that is queued. A peer that does not read holds this up; what it sends meanwhile waits on the wire.
    fn pump_out(&mut self) -> io::Result<()> {
        loop {
            while let Some(event) = self.pump.poll_event(clock::now()) {
                self.early.push_back(event);
            }
            if self.pump.flush(&self.transport)? {
                if !self.pump.has_more() {
                    return Ok(());
                }
                continue;
            }
            self.transport.wait_for_room(None)?;
            self.pump.retry();
        }
    }

    /// Writes the last words and ends the transport.
    fn leave(&mut self) {
        let (pump, transport) = (&mut self.pump, &self.transport);
        linger(transport, &mut self.buffer, LINGER, || {
            loop {
                // No event follows the last one; polling writes what was queued before it.
                while pump.poll_event(clock::now()).is_some() {}
                match pump.flush(transport) {
                    Ok(true) if pump.has_more() => {}
                    Ok(is_written) => return is_written,
                    Err(_) => return true,
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory;

    #[test]
    fn messages_cross_and_both_sides_end_cleanly() {
        let (ours, theirs) = memory::pair();
        let config = Arc::new(Config::default());
        std::thread::scope(|scope| {
            let server = scope.spawn(|| {
                let mut server = WebSocket::accept(theirs, Arc::clone(&config)).unwrap();
                assert_eq!(server.path(), Some("/chat"));
                while let Some(message) = server.receive().unwrap() {
                    server.send(message).unwrap();
                }
                let (code, reason) = (Some(CloseCode::NORMAL), "done".to_owned());
                assert_eq!(server.end(), Some(&End::Closed { code, reason, by_peer: true }));
            });
            let request = Request::new("localhost", "/chat");
            let mut client = WebSocket::connect(ours, &request, Arc::clone(&config)).unwrap();
            for size in [0, 10, 1_000, 30_000] {
                client.send("x".repeat(size)).unwrap();
                assert_eq!(client.receive().unwrap(), Some(Message::Text("x".repeat(size))));
                client.send(Bytes::from(vec![7; size])).unwrap();
                assert_eq!(client.receive().unwrap(), Some(Message::Binary(vec![7; size].into())));
            }
            client.close(CloseCode::NORMAL, "done").unwrap();
            server.join().unwrap();
        });
    }

    #[test]
    fn a_refused_client_is_told_why() {
        let (ours, theirs) = memory::pair();
        let policy = zrpc_core::websocket::Policy { paths: vec!["/here".into()], ..Default::default() };
        let config = Arc::new(Config { policy, ..Config::default() });
        let server = std::thread::spawn(move || WebSocket::accept(theirs, config).map(drop));
        let refused = WebSocket::connect(ours, &Request::new("localhost", "/there"), Arc::default());
        assert!(refused.unwrap_err().to_string().contains("404"));
        assert!(server.join().unwrap().unwrap_err().to_string().contains("path"));
    }
}
