//! A server while it runs: who stops it, who waits for it.

use crate::client::endpoint::Connector;
use crate::memory::MemoryEndpoint;
use crate::server::monitor::Monitor;
use crate::server::{Shared, Stopping};
use crate::transport::Transport;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Drains a server and tells how busy it is. Clones are handles of the same server.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
}

impl ServerHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> ServerHandle {
        ServerHandle { shared }
    }

    /// Takes no new connections and calls, lets open calls go on for `grace`, ends those that are left as
    /// UNAVAILABLE, and waits until nothing of the server runs any more: handlers included, whose calls are over but
    /// which nobody can interrupt. Not to be called by a handler, which would wait for itself.
    pub fn drain(&self, grace: Duration) {
        self.shared.stop(Stopping::Drain(grace));
        self.finished();
    }

    /// Ends the server without waiting: open calls end as UNAVAILABLE.
    pub fn close(&self) {
        self.shared.stop(Stopping::Close);
    }

    /// Waits until the server has ended.
    pub fn finished(&self) {
        self.shared.wait_until_finished();
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.open_connections()
    }

    /// Handlers that run on threads of their own.
    #[must_use]
    pub fn running_handlers(&self) -> usize {
        self.shared.pool.running()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// A server on threads of its own. Dropping it ends the server, as [`ServerHandle::close`] does, and waits until all
/// of its threads have ended; so it is not for one of its own handlers to drop.
#[derive(Debug)]
#[must_use = "dropping it ends the server"]
pub struct RunningServer {
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl RunningServer {
    pub(crate) fn new(handle: ServerHandle, thread: JoinHandle<()>) -> RunningServer {
        RunningServer { handle, thread: Some(thread) }
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    /// When the listener has no address, or the operating system does not say it.
    pub fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.handle.shared.listener.local_addr()
    }

    /// The URI that clients connect to, with the port that was chosen: of a server that was bound to one.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.handle.shared.listener.uri()
    }
}

impl Deref for RunningServer {
    type Target = ServerHandle;

    fn deref(&self) -> &ServerHandle {
        &self.handle
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported where it happened.
            let _ = thread.join();
        }
    }
}

/// Tells those who wait for the server that nothing of it runs any more, or ever will.
pub(crate) struct Finish(pub(crate) Arc<Shared>);

impl Drop for Finish {
    fn drop(&mut self) {
        self.0.note_finished();
    }
}

/// The server at work, on whichever thread accepts.
pub(crate) struct Running {
    shared: Arc<Shared>,
    monitor: Option<JoinHandle<()>>,
    _finish: Finish,
}

impl Running {
    pub(crate) fn start(finish: Finish) -> io::Result<Running> {
        let shared = Arc::clone(&finish.0);
        let monitor = Some(Monitor::start(&shared)?);
        Ok(Running { shared, monitor, _finish: finish })
    }

    /// Accepts until the server is stopped, then waits for all that runs.
    pub(crate) fn run(self) {
        self.shared.accept();
        // A listener that ended by itself ends the server once its connections are over.
        self.shared.wait_for_connections();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop(Stopping::Close);
        self.shared.pool.close();
        self.shared.monitor.close();
        if let Some(monitor) = self.monitor.take() {
            let _ = monitor.join();
        }
    }
}

/// The way to a server that lives as long as the channel to it.
pub(crate) struct OwnServer {
    endpoint: MemoryEndpoint,
    _server: RunningServer,
}

impl OwnServer {
    pub(crate) fn new(endpoint: MemoryEndpoint, server: RunningServer) -> OwnServer {
        OwnServer { endpoint, _server: server }
    }
}

impl Connector for OwnServer {
    fn connect(&self, timeout: Duration) -> io::Result<Box<dyn Transport>> {
        Connector::connect(&self.endpoint, timeout)
    }

    fn endpoint(&self) -> &str {
        Connector::endpoint(&self.endpoint)
    }
}
