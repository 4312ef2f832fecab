//! What all connections of a server share.

use crate::server::calls::BoxedSession;
use crate::server::mailbox::Mailbox;
use crate::server::router::Router;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;
use zrpc_core::base::Time;
use zrpc_core::rpc::Interceptors;

/// Makes the session of a new connection.
pub(crate) type NewSession = Box<dyn Fn(Time) -> BoxedSession + Send + Sync>;

/// See the module.
pub(crate) struct Shared {
    pub(crate) router: Router,
    pub(crate) interceptors: Arc<Interceptors>,
    pub(crate) new_session: NewSession,
    calls_max: usize,
    /// Handlers that were spawned and are not done.
    running: AtomicUsize,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    /// In the order in which they came, so that a drain tells them in the same order each time.
    connections: BTreeMap<u64, Arc<Mailbox>>,
    next: u64,
    drain: Option<Duration>,
    accepting: Option<Waker>,
}

impl Shared {
    pub(crate) fn new(
        router: Router,
        interceptors: Arc<Interceptors>,
        new_session: NewSession,
        calls_max: usize,
    ) -> Shared {
        let (running, registry) = (AtomicUsize::new(0), Mutex::default());
        Shared { router, interceptors, new_session, calls_max, running, registry }
    }

    /// Adds a connection; one that comes while the server drains is told so at once.
    pub(crate) fn register(&self, mailbox: Arc<Mailbox>) -> u64 {
        let mut registry = self.registry();
        let id = registry.next;
        registry.next += 1;
        if let Some(grace) = registry.drain {
            mailbox.drain(grace);
        }
        registry.connections.insert(id, mailbox);
        id
    }

    pub(crate) fn deregister(&self, connection: u64) {
        self.registry().connections.remove(&connection);
    }

    /// Tells the accept loop and every connection to drain.
    pub(crate) fn drain(&self, grace: Duration) {
        let mut registry = self.registry();
        registry.drain = Some(grace);
        let mailboxes: Vec<_> = registry.connections.values().cloned().collect();
        let accepting = registry.accepting.take();
        drop(registry);
        mailboxes.iter().for_each(|mailbox| mailbox.drain(grace));
        if let Some(accepting) = accepting {
            accepting.wake();
        }
    }

    /// Whether the server drains; the task is woken when it begins to.
    pub(crate) fn poll_draining(&self, cx: &Context<'_>) -> bool {
        let mut registry = self.registry();
        if registry.drain.is_none() {
            registry.accepting = Some(cx.waker().clone());
        }
        registry.drain.is_some()
    }

    /// Whether no further handler may run.
    pub(crate) fn is_full(&self) -> bool {
        self.running() >= self.calls_max
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> usize {
        self.registry().connections.len()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a spawned handler until it is done or dropped.
pub(crate) struct Running(Arc<Shared>);

impl Running {
    pub(crate) fn new(shared: Arc<Shared>) -> Running {
        shared.running.fetch_add(1, Ordering::Relaxed);
        Running(shared)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}
