//! The watch over handlers that run on a reader's thread.
//!
//! A short handler is fastest where the call was read. A long one would keep its connection deaf: no other call, no
//! cancellation, no ping would be heard. So one thread looks about every millisecond whether such a handler has run
//! for too long, and then has another thread read the connection. It sleeps while no handler runs on a reader, and
//! stays awake for a while after one did, so that a quick exchange of calls does not wake it for each.

use crate::clock;
use crate::server::connection::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// Between two looks.
const TICK: Duration = Duration::from_millis(1);
/// A handler that has run for this long is not short.
const LONG: Duration = Duration::from_micros(1_500);
/// Looks without any handler after which the monitor sleeps.
const QUIET_TICKS: u32 = 50;

/// What the monitor looks at.
pub(crate) trait Watched: Send + Sync + 'static {
    /// The connections as of now.
    fn connections(&self) -> Vec<Arc<Connection>>;

    /// The monitor itself.
    fn monitor(&self) -> &Monitor;
}

/// How readers tell the monitor that a handler runs.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    /// A handler began since the last look.
    touched: AtomicBool,
    asleep: AtomicBool,
    closed: AtomicBool,
    thread: std::sync::OnceLock<Thread>,
}

impl Monitor {
    /// Starts the thread that watches over `watched`.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub(crate) fn start<W: Watched>(watched: &Arc<W>) -> std::io::Result<JoinHandle<()>> {
        let watches = Arc::clone(watched);
        let handle = thread::Builder::new().name("zrpc-monitor".into()).spawn(move || watch(&*watches))?;
        let _ = watched.monitor().thread.set(handle.thread().clone());
        Ok(handle)
    }

    /// A handler begins on a reader's thread.
    pub(crate) fn touch(&self) {
        self.touched.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            self.unpark();
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.unpark();
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Sleeps until a handler begins; a `touch` that came just before is not missed.
    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.asleep.load(Ordering::SeqCst)
            && !self.touched.load(Ordering::SeqCst)
            && !self.closed.load(Ordering::SeqCst)
        {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}

fn watch(watched: &impl Watched) {
    let monitor = watched.monitor();
    let mut quiet_ticks = 0;
    while !monitor.closed.load(Ordering::SeqCst) {
        let mut is_quiet = !monitor.touched.swap(false, Ordering::SeqCst);
        for connection in watched.connections() {
            if let Some(since) = connection.inline_since() {
                is_quiet = false;
                if clock::now().saturating_since(since) >= LONG {
                    connection.relieve(since);
                }
            }
        }
        quiet_ticks = if is_quiet { quiet_ticks + 1 } else { 0 };
        if quiet_ticks >= QUIET_TICKS {
            quiet_ticks = 0;
            monitor.sleep();
        } else {
            thread::park_timeout(TICK);
        }
    }
}
