//! Plain messages over WebSocket: any stream, either side, without RPC.
//!
//! A [`WebSocket`] is what an application holds: it sends and receives messages, while a task of its own moves bytes and
//! time. What nobody receives stays on the wire: there is room for a MiB of messages, then no more is read. Who wants no
//! task between, such as a proxy, gives [`pump::drive`](crate::pump::drive) a
//! [`Connection`] and answers its events.
//!
//! ```
//! use std::sync::Arc;
//! use zrpc_core::websocket::{CloseCode, Config, Request};
//! use zrpc_tokio::websocket::{Message, WebSocket};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Arc::new(Config::default());
//! let (ours, theirs) = tokio::io::duplex(4096);
//! let accepting = tokio::spawn(WebSocket::accept(theirs, Arc::clone(&config)));
//! let mut client = WebSocket::connect(ours, &Request::new("localhost", "/chat"), config).await?;
//! let mut server = accepting.await??;
//! assert_eq!(server.path(), Some("/chat"));
//! client.send("hello").await?;
//! assert_eq!(server.receive().await?, Some(Message::Text("hello".into())));
//! server.close(CloseCode::NORMAL, "that was all");
//! assert_eq!(client.receive().await?, None);
//! # Ok(())
//! # }
//! ```

use crate::clock;
use crate::pump::{Owner, drive};
use bytes::Bytes;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite};
use zrpc_core::base::{Flow, Time};
use zrpc_core::websocket::{CloseCode, Config, Connection, Credit, End, Event, Head, Kind, Request};
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

/// One side of a connection. Dropping it closes the connection with the code 1001.
#[derive(Debug)]
pub struct WebSocket {
    shared: Arc<Shared>,
    path: Option<String>,
    subprotocol: Option<String>,
}

impl WebSocket {
    /// Accepts a connection: reads the handshake and answers it, as `config.policy` says.
    ///
    /// # Errors
    /// How the connection ended before it was open; the peer has HTTP's own answer.
    pub async fn accept<S>(stream: S, config: Arc<Config>) -> Result<WebSocket, End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection::server(clock::now(), manual(config));
        WebSocket::open(stream, connection).await
    }

    /// Connects over a stream that leads to the server.
    ///
    /// # Errors
    /// How the connection ended before it was open; [`End::Abandoned`] for a request that cannot be sent.
    pub async fn connect<S>(stream: S, request: &Request, config: Arc<Config>) -> Result<WebSocket, End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection =
            Connection::client(clock::now(), manual(config), request, secret()).map_err(|misuse| {
                tracing::warn!(%misuse, "a WebSocket request cannot be sent");
                End::Abandoned
            })?;
        WebSocket::open(stream, connection).await
    }

    async fn open<S>(stream: S, connection: Connection) -> Result<WebSocket, End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = Arc::new(Shared::default());
        let mut socket = WebSocket { shared: Arc::clone(&shared), path: None, subprotocol: None };
        let task = Task { shared: Arc::clone(&shared), sending: VecDeque::new(), blocked: false };
        let pumped = drive(stream, connection, task);
        tokio::spawn(async move {
            let result: io::Result<()> = pumped.await;
            if let Err(error) = result {
                tracing::debug!(%error, "a WebSocket's stream failed");
            }
        });
        poll_fn(|cx| {
            let mut state = shared.lock();
            match (&state.opened, &state.end) {
                (Some(_), _) => Poll::Ready(Ok(())),
                (None, Some(end)) => Poll::Ready(Err(end.clone())),
                (None, None) => state.wait(cx),
            }
        })
        .await?;
        if let Some(opened) = shared.lock().opened.take() {
            (socket.path, socket.subprotocol) = (opened.path, opened.subprotocol);
        }
        Ok(socket)
    }

    /// The path and query that the client asked for; on the server's side only.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// How the connection ended, with the code and the reason of the side that closed first; `None` while it has not.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end.clone()
    }

    /// The next message; `None` once both sides have said close, and [`WebSocket::end`] says with which code.
    ///
    /// # Errors
    /// How the connection ended, when that was no closing handshake.
    pub async fn receive(&mut self) -> Result<Option<Message>, End> {
        let (kind, payload) = match poll_fn(|cx| self.shared.lock().poll_receive(cx)).await? {
            Some(message) => message,
            None => return Ok(None),
        };
        Ok(Some(match kind {
            // It was checked as it arrived.
            Kind::Text => Message::Text(String::from_utf8_lossy(&payload).into_owned()),
            Kind::Binary => Message::Binary(payload),
        }))
    }

    /// Sends a message, compressed where that was agreed on, once there is room for it.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), End> {
        let (kind, payload) = match message.into() {
            Message::Text(text) => (Kind::Text, Bytes::from(text)),
            Message::Binary(bytes) => (Kind::Binary, bytes),
        };
        poll_fn(|cx| self.shared.lock().poll_room(cx)).await?;
        let mut state = self.shared.lock();
        state.queued.push_back((kind, payload));
        state.ring();
        Ok(())
    }

    /// Closes the connection after what was sent. Messages may still be received until the peer's answer.
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        let mut state = self.shared.lock();
        state.closing.get_or_insert_with(|| (code, reason.to_owned()));
        state.ring();
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closing.get_or_insert_with(|| (CloseCode::GOING_AWAY, String::new()));
        // Nobody will take what still comes.
        state.dropped = true;
        state.ring();
    }
}

/// Messages that wait in the application's outbox before a send waits too.
const QUEUED_MAX: usize = 32;

/// The same settings, but the application says when it took a message.
fn manual(config: Arc<Config>) -> Arc<Config> {
    if config.credit == Credit::Manual {
        config
    } else {
        Arc::new(Config { credit: Credit::Manual, ..Config::clone(&config) })
    }
}

/// What the application and the connection's task share. The lock is held for a few instructions.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct Opened {
    path: Option<String>,
    subprotocol: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    opened: Option<Opened>,
    received: VecDeque<(Kind, Bytes, usize)>,
    /// Credit of messages that the application took.
    taken: usize,
    queued: VecDeque<(Kind, Bytes)>,
    closing: Option<(CloseCode, String)>,
    dropped: bool,
    end: Option<End>,
    application: Option<Waker>,
    task: Option<Waker>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<(Kind, Bytes)>, End>> {
        if let Some((kind, payload, credit)) = self.received.pop_front() {
            self.taken += credit;
            self.ring();
            return Poll::Ready(Ok(Some((kind, payload))));
        }
        match &self.end {
            Some(End::Closed { .. }) => Poll::Ready(Ok(None)),
            Some(end) => Poll::Ready(Err(end.clone())),
            None => self.wait(cx),
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        match &self.end {
            Some(end) => Poll::Ready(Err(end.clone())),
            None if self.queued.len() < QUEUED_MAX => Poll::Ready(Ok(())),
            None => self.wait(cx),
        }
    }

    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.application = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Wakes the connection's task.
    fn ring(&mut self) {
        if let Some(waker) = self.task.take() {
            waker.wake();
        }
    }

    /// Wakes the application.
    fn tell(&mut self) {
        if let Some(waker) = self.application.take() {
            waker.wake();
        }
    }
}

/// The connection's task: it moves messages between the shared state and the machine.
struct Task {
    shared: Arc<Shared>,
    /// Messages that the machine had no room for.
    sending: VecDeque<(Kind, Bytes)>,
    blocked: bool,
}

impl Task {
    fn send(&mut self, connection: &mut Connection) {
        while !self.blocked {
            if self.sending.is_empty() {
                let mut state = self.shared.lock();
                std::mem::swap(&mut self.sending, &mut state.queued);
                state.tell();
            }
            let Some((kind, payload)) = self.sending.pop_front() else { return };
            match connection.send(kind, payload, true) {
                Ok(flow) => self.blocked = flow == Flow::Blocked,
                Err(misuse) => tracing::debug!(%misuse, "a message came too late for its WebSocket"),
            }
        }
    }
}

impl Owner<Connection> for Task {
    fn on_event(&mut self, connection: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        let mut state = self.shared.lock();
        match event {
            Event::Opened => {
                let path = match connection.head() {
                    Some(Head::Request(_)) => connection.path().map(str::to_owned),
                    _ => None,
                };
                state.opened =
                    Some(Opened { path, subprotocol: connection.subprotocol().map(str::to_owned) });
            }
            Event::Message { credit, .. } if state.dropped => connection.consume(credit),
            Event::Message { kind, payload, credit } => state.received.push_back((kind, payload, credit)),
            Event::Writable => {
                self.blocked = false;
                drop(state);
                self.send(connection);
                return ControlFlow::Continue(());
            }
            Event::Closed(end) => {
                if let End::Refused(refusal) = &end {
                    tracing::warn!(%refusal, "a WebSocket handshake failed");
                }
                state.end = Some(end);
                state.tell();
                return ControlFlow::Break(());
            }
            _ => return ControlFlow::Continue(()),
        }
        state.tell();
        ControlFlow::Continue(())
    }

    fn poll_commands(&mut self, connection: &mut Connection, cx: &mut Context<'_>, now: Time) -> bool {
        let mut state = self.shared.lock();
        let taken = std::mem::take(&mut state.taken);
        let has_messages = connection.is_open() && !self.blocked && !state.queued.is_empty();
        let closes = connection.is_open()
            && state.closing.is_some()
            && state.queued.is_empty()
            && self.sending.is_empty();
        if taken == 0 && !has_messages && !closes {
            state.task = Some(cx.waker().clone());
            return false;
        }
        let closing = if closes && !has_messages { state.closing.clone() } else { None };
        drop(state);
        connection.consume(taken);
        if has_messages {
            self.send(connection);
        }
        if let Some((code, reason)) = closing {
            // It closes already, and that is as good.
            let _ = connection.close(now, code, &reason);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use zrpc_core::websocket::{Policy, Refusal};

    async fn pair(config: Config) -> (WebSocket, WebSocket) {
        let config = Arc::new(config);
        let (ours, theirs) = duplex(1 << 16);
        let accepting = tokio::spawn(WebSocket::accept(theirs, Arc::clone(&config)));
        let client = WebSocket::connect(ours, &Request::new("localhost", "/a?b"), config).await.unwrap();
        (client, accepting.await.unwrap().unwrap())
    }

    #[tokio::test]
    async fn messages_cross_in_order_and_a_close_comes_after_them() {
        let (mut client, mut server) = pair(Config::default()).await;
        assert_eq!(server.path(), Some("/a?b"));
        let echo = tokio::spawn(async move {
            while let Some(message) = server.receive().await? {
                server.send(message).await?;
            }
            Ok::<(), End>(())
        });
        for size in [0, 10, 1_000, 100_000, 1_000_000] {
            client.send("x".repeat(size)).await.unwrap();
            client.send(Bytes::from(vec![7; size])).await.unwrap();
            assert_eq!(client.receive().await.unwrap(), Some(Message::Text("x".repeat(size))));
            assert_eq!(client.receive().await.unwrap(), Some(Message::Binary(vec![7; size].into())));
        }
        assert_eq!(client.end(), None);
        client.close(CloseCode::NORMAL, "done");
        assert_eq!(client.receive().await.unwrap(), None);
        let (code, reason) = (Some(CloseCode::NORMAL), "done".to_owned());
        assert_eq!(client.end(), Some(End::Closed { code, reason, by_peer: false }));
        echo.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_receiver_that_is_slow_holds_its_sender_back() {
        let (mut client, mut server) = pair(Config { unread_bytes_max: 10_000, ..Config::default() }).await;
        let sent = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let sending = tokio::spawn(async move {
            for _ in 0..2_000 {
                client.send(Bytes::from(vec![1; 5_000])).await?;
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            client.close(CloseCode::NORMAL, "");
            while client.receive().await?.is_some() {}
            Ok::<(), End>(())
        });
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert!(sent.load(std::sync::atomic::Ordering::Relaxed) < 500, "ten megabytes are not under way");
        let mut received = 0;
        while server.receive().await.unwrap().is_some() {
            received += 1;
        }
        assert_eq!(received, 2_000);
        sending.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_dropped_side_closes_and_a_stream_that_breaks_says_so() {
        let (client, mut server) = pair(Config::default()).await;
        drop(client);
        assert_eq!(server.receive().await.unwrap(), None);
        let (mut ours, theirs) = duplex(1 << 16);
        let accepting = tokio::spawn(WebSocket::accept(theirs, Arc::new(Config::default())));
        ours.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        drop(ours);
        assert_eq!(accepting.await.unwrap().unwrap_err(), End::TransportClosed);
    }

    #[tokio::test]
    async fn a_refused_client_reads_http_s_answer_and_both_sides_know_why() {
        let policy = Policy { subprotocols: vec!["mcp".into()], ..Policy::default() };
        let config = Arc::new(Config { policy, ..Config::default() });
        let (mut ours, theirs) = duplex(1 << 16);
        let accepting = tokio::spawn(WebSocket::accept(theirs, Arc::clone(&config)));
        ours.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 426 "), "{}", String::from_utf8_lossy(&answer));
        assert_eq!(accepting.await.unwrap().unwrap_err(), End::Refused(Refusal::NoUpgrade));

        let (ours, theirs) = duplex(1 << 16);
        let accepting = tokio::spawn(WebSocket::accept(theirs, Arc::clone(&config)));
        let refused = WebSocket::connect(ours, &Request::new("localhost", "/"), Arc::default()).await;
        assert_eq!(refused.unwrap_err(), End::Refused(Refusal::Status(400)));
        assert_eq!(accepting.await.unwrap().unwrap_err(), End::Refused(Refusal::Subprotocol));
    }
}
