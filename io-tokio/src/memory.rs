//! A transport through memory: a server and its channel in one process, without a port. For unit tests.

use crate::client::connector::{Connecting, Connector, Transport};
use crate::server::listener::{Accepted, Listener};
use std::fmt;
use std::io;
use std::task::{Context, Poll};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use zrpc_core::rpc::Peer;

/// Bytes that one direction of a pipe holds before its writer waits.
const PIPE_BYTES: usize = 64 * 1024;

/// A listener and a connector that reach each other through memory.
///
/// [`ServerBuilder::in_memory`](crate::ServerBuilder::in_memory) is the short form.
#[must_use]
pub fn memory() -> (MemoryListener, MemoryConnector) {
    let (dial, dialled) = mpsc::unbounded_channel();
    (MemoryListener { dialled }, MemoryConnector { dial })
}

/// The server's end of [`memory`].
pub struct MemoryListener {
    dialled: mpsc::UnboundedReceiver<DuplexStream>,
}

impl Listener for MemoryListener {
    type Stream = DuplexStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Accepted<DuplexStream>>>> {
        self.dialled.poll_recv(cx).map(|stream| Some(Ok((stream?, Peer::UNKNOWN))))
    }

    fn close(mut self) -> Vec<Accepted<DuplexStream>> {
        self.dialled.close();
        std::iter::from_fn(|| self.dialled.try_recv().ok()).map(|stream| (stream, Peer::UNKNOWN)).collect()
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryListener")
    }
}

/// The channel's end of [`memory`].
#[derive(Clone)]
pub struct MemoryConnector {
    dial: mpsc::UnboundedSender<DuplexStream>,
}

impl Connector for MemoryConnector {
    fn connect(&self) -> Connecting<'_> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let dialled = self.dial.send(theirs).map(|()| Transport::new(ours));
        let gone = |_| io::Error::new(io::ErrorKind::ConnectionRefused, "the server in memory has ended");
        Box::pin(std::future::ready(dialled.map_err(gone)))
    }

    fn endpoint(&self) -> &str {
        "memory"
    }
}

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryConnector")
    }
}
