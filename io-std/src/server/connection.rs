//! One connection of a server: the reader's loop, and the handlers that run on the reader's thread.
//!
//! ```text
//! read -> events -> ready calls -+- streaming, or known to be long -> the pool
//!                                +- unary -> here, one after the other -> one write for all answers
//! ```
//!
//! While a handler runs here, the reader's role lies free; when the handler takes long, the monitor has another
//! thread take it, and with it all calls that wait. The thread that was relieved answers its call and goes.

use crate::clock;
use crate::link::{Calls, Guard, Hearing, Link};
use crate::pump::{LINGER, ReadBuffer};
use crate::server::service::ReadyCall;
use crate::server::slots::{BoxServerSession, Ready, Slots, finish};
use crate::server::{Shared, Stopping};
use crate::transport::Transport;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use zrpc_core::base::Time;
use zrpc_core::rpc::{Kind, Origin, SessionEnd, Status};

pub(crate) type ConnectionGuard<'a> = Guard<'a, BoxServerSession, Slots>;

pub(crate) struct Connection {
    pub(crate) link: Link<BoxServerSession, Slots>,
    pub(crate) number: u64,
    server: Arc<Shared>,
    /// When the handler began that runs on the reader's thread, in nanoseconds; 0 when none does.
    inline_since: AtomicU64,
}

/// How a thread came out of [`Connection::serve`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Served {
    /// The connection is over, or another thread read it from the start.
    Done,
    /// Its last handler was adopted by the pool, whose place is now to be given back.
    Adopted,
}

impl Served {
    pub(crate) fn is_adopted(self) -> bool {
        self == Served::Adopted
    }
}

impl Connection {
    pub(crate) fn new(
        number: u64,
        transport: Box<dyn Transport>,
        session: BoxServerSession,
        server: &Arc<Shared>,
    ) -> Connection {
        let slots = Slots::new(Arc::clone(&server.routes), &*transport);
        let link = Link::new(transport, session, slots);
        Connection { link, number, server: Arc::clone(server), inline_since: AtomicU64::new(0) }
    }

    /// Reads the connection on this thread until it is over, or until another thread takes the reading over.
    pub(crate) fn serve(self: &Arc<Self>) -> Served {
        let mut guard = self.link.lock();
        let Some(mut buffer) = guard.take_reader() else { return Served::Done };
        if guard.calls.reader_epoch > 0 {
            // The thread whose role this was is in a handler, which from now on takes a place of the pool's.
            self.server.pool.adopt();
        }
        guard.calls.reader_epoch += 1;
        // What waits behind a long handler does not wait any longer.
        guard = self.send_all_to_pool(guard);
        guard = self.link.turn(guard);
        while !guard.calls.is_over() {
            let hearing = if guard.calls.calls.is_empty() { Hearing::Deaf } else { Hearing::Attentive };
            guard = self.link.read(guard, &mut buffer, hearing);
            guard = self.link.poll(guard);
            if !guard.calls.ready.is_empty() {
                match self.answer(guard, buffer) {
                    Ok((still, back)) => (guard, buffer) = (still, back),
                    Err(()) => return Served::Adopted,
                }
            }
            guard = self.link.turn(guard);
        }
        self.close_down(guard, &mut buffer);
        Served::Done
    }

    /// Deals with all calls that are ready. `Err` when this thread is not the reader any more.
    #[allow(clippy::type_complexity)]
    fn answer<'a>(
        self: &'a Arc<Self>,
        mut guard: ConnectionGuard<'a>,
        mut buffer: ReadBuffer,
    ) -> Result<(ConnectionGuard<'a>, ReadBuffer), ()> {
        /// Answers wait for each other no longer than this.
        const TOGETHER: Duration = Duration::from_micros(100);
        let mut written = guard.now;
        while let Some(ready) = guard.calls.ready.pop_front() {
            if guard.calls.calls.get(&ready.id).is_none_or(|slot| slot.ended.is_some()) {
                guard.calls.calls.remove(&ready.id);
                continue;
            }
            if !is_unary(&ready) || ready.route.is_long(guard.now) {
                guard = self.send_to_pool(guard, ready);
                continue;
            }
            let (epoch, now) = (guard.calls.reader_epoch, guard.now);
            guard.release_reader(buffer);
            drop(guard);
            let route = Arc::clone(&ready.route);
            self.run_here(ready, now);
            guard = self.link.lock();
            let role = if guard.calls.reader_epoch == epoch { guard.take_reader() } else { None };
            let Some(back) = role else {
                drop(self.link.turn(guard));
                route.note_long();
                return Err(());
            };
            buffer = back;
            if guard.calls.ready.is_empty() {
                break;
            }
            guard.now = clock::now();
            if guard.now.saturating_since(written) > TOGETHER {
                written = guard.now;
                guard = self.link.turn_now(guard);
            }
        }
        Ok((guard, buffer))
    }

    fn run_here(self: &Arc<Self>, ready: Ready, now: Time) {
        let since = now.as_nanos();
        self.inline_since.store(since, Ordering::SeqCst);
        self.server.monitor.touch();
        ReadyCall::here(Arc::clone(self), ready).run();
        // A thread that took over may have begun a handler of its own.
        let _ = self.inline_since.compare_exchange(since, 0, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn send_all_to_pool<'a>(self: &'a Arc<Self>, mut guard: ConnectionGuard<'a>) -> ConnectionGuard<'a> {
        while let Some(ready) = guard.calls.ready.pop_front() {
            guard = self.send_to_pool(guard, ready);
        }
        guard
    }

    fn send_to_pool<'a>(
        self: &'a Arc<Self>,
        mut guard: ConnectionGuard<'a>,
        ready: Ready,
    ) -> ConnectionGuard<'a> {
        let id = ready.id;
        drop(guard);
        let is_taken = self.server.pool.handle(ReadyCall::on_pool(Arc::clone(self), ready));
        guard = self.link.lock();
        if !is_taken {
            let text = "the server is busy: all handler threads work and the queue is full; try again later";
            let status = Status::resource_exhausted(text).with_origin(Origin::Library);
            tracing::warn!(connection = self.number, "refused a call: {text}");
            finish(guard.pump.machine(), id, &status);
            guard.calls.calls.remove(&id);
        }
        guard
    }

    /// When the handler began that runs on the reader's thread.
    pub(crate) fn inline_since(&self) -> Option<Time> {
        match self.inline_since.load(Ordering::SeqCst) {
            0 => None,
            nanos => Some(Time::from_nanos(nanos)),
        }
    }

    /// Has another thread read, if the handler that began at `since` still runs on the reader's.
    pub(crate) fn relieve(self: &Arc<Self>, since: Time) {
        let pool = &self.server.pool;
        if !pool.has_place()
            || self
                .inline_since
                .compare_exchange(since.as_nanos(), 0, Ordering::SeqCst, Ordering::SeqCst)
                .is_err()
        {
            return;
        }
        if let Err(error) = pool.read(Arc::clone(self)) {
            tracing::warn!(connection = self.number, %error, "no thread to read on beside a long handler");
        }
    }

    /// Takes no new calls; ends when the open ones are over or their time is up, or at once.
    pub(crate) fn stop(&self, stopping: Stopping) {
        let mut guard = self.link.lock();
        let session = guard.pump.machine();
        match stopping {
            Stopping::Drain(grace) => session.drain(clock::now(), grace),
            Stopping::Close => session.close(clock::now()),
        }
        self.finish_if_over(self.link.turn(guard));
    }

    pub(crate) fn server(&self) -> &Shared {
        &self.server
    }

    /// Fires the timers that are due, for a reader that was deaf when they were set.
    pub(crate) fn tick(&self) {
        let guard = self.link.lock();
        if guard.pump.wake().is_some_and(|wake| wake.at <= clock::now()) {
            self.finish_if_over(self.link.turn(guard));
        }
    }

    /// Tells a reader that may be deaf that the connection is over.
    fn finish_if_over(&self, guard: ConnectionGuard<'_>) {
        if guard.calls.is_over() && guard.pump.is_written() {
            drop(guard);
            self.link.transport().shutdown();
        }
    }

    /// Sends the last words and takes the connection off the server's list.
    fn close_down<'a>(&'a self, guard: ConnectionGuard<'a>, buffer: &mut ReadBuffer) {
        /// A client that has no call open may not look for long; there is little it could still send.
        const SHORT: Duration = Duration::from_millis(100);
        let mut longest = SHORT;
        if let Some(SessionEnd::Failed(status)) = &guard.calls.end {
            let peer = self.link.transport().peer();
            tracing::debug!(connection = self.number, %peer, %status, "connection failed");
            longest = LINGER;
        }
        drop(guard);
        self.link.linger(buffer, longest);
        self.server.forget(self.number);
    }
}

fn is_unary(ready: &Ready) -> bool {
    ready.route.method.kind == Kind::Unary
}
