//! The server's threads: made when there is work, gone when there is none for a while, never more than was said.
//!
//! A thread either reads a connection or runs a handler. Readers are bounded by the connections that the server
//! takes; handlers by this pool, which queues a bounded number of calls when all of its places are taken.

use crate::server::connection::Connection;
use crate::server::service::ReadyCall;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

/// How long a thread without work stays.
const KEEP: Duration = Duration::from_secs(10);

/// What a thread does next.
enum Job {
    /// Reads the connection until it is over or another thread reads it.
    Read(Arc<Connection>),
    /// Runs a handler, then those that wait in the queue.
    Handle(Box<ReadyCall>),
}

pub(crate) struct Pool {
    state: Mutex<State>,
    work: Condvar,
    handlers_max: usize,
    queued_max: usize,
}

#[derive(Default)]
struct State {
    /// Jobs on their way to threads that are idle.
    jobs: VecDeque<Job>,
    idle: usize,
    handlers: usize,
    /// Calls that wait for a handler's place.
    queue: VecDeque<Box<ReadyCall>>,
    threads: HashMap<ThreadId, JoinHandle<()>>,
    closing: bool,
}

impl Pool {
    pub(crate) fn new(handlers_max: usize, queued_max: usize) -> Arc<Pool> {
        let state = Mutex::new(State::default());
        Arc::new(Pool { state, work: Condvar::new(), handlers_max: handlers_max.max(1), queued_max })
    }

    /// Gives the connection a reader.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub(crate) fn read(self: &Arc<Self>, connection: Arc<Connection>) -> io::Result<()> {
        self.start(self.lock(), Job::Read(connection))
    }

    /// Runs the call's handler, now or when a place is free; `false` when the queue is full as well.
    #[must_use]
    pub(crate) fn handle(self: &Arc<Self>, call: ReadyCall) -> bool {
        let mut state = self.lock();
        if state.handlers >= self.handlers_max {
            let fits = state.queue.len() < self.queued_max;
            if fits {
                state.queue.push_back(Box::new(call));
            }
            return fits;
        }
        state.handlers += 1;
        let started = self.start(state, Job::Handle(Box::new(call))).is_ok();
        if !started {
            self.lock().handlers -= 1;
        }
        started
    }

    /// Whether a handler may begin at once.
    pub(crate) fn has_place(&self) -> bool {
        self.lock().handlers < self.handlers_max
    }

    /// Handlers that run in the pool's places.
    pub(crate) fn running(&self) -> usize {
        self.lock().handlers
    }

    /// A handler that began on a reader's thread takes a place, since another thread reads now.
    pub(crate) fn adopt(&self) {
        self.lock().handlers += 1;
    }

    /// Ends all threads once their work is done, and waits for them.
    pub(crate) fn close(&self) {
        loop {
            let mut state = self.lock();
            state.closing = true;
            let threads = std::mem::take(&mut state.threads);
            drop(state);
            self.work.notify_all();
            let others = threads.into_iter().filter(|(id, _)| *id != thread::current().id());
            let mut waited = false;
            for (_, handle) in others {
                waited = true;
                // A thread's panic was reported where it happened.
                let _ = handle.join();
            }
            if !waited {
                return;
            }
        }
    }

    fn start(self: &Arc<Self>, mut state: MutexGuard<'_, State>, job: Job) -> io::Result<()> {
        if state.idle > state.jobs.len() {
            state.jobs.push_back(job);
            drop(state);
            self.work.notify_one();
            return Ok(());
        }
        let pool = Arc::clone(self);
        let handle = thread::Builder::new().name("zrpc-server".into()).spawn(move || pool.work(Some(job)))?;
        state.threads.insert(handle.thread().id(), handle);
        Ok(())
    }

    /// A thread's life.
    fn work(self: &Arc<Self>, mut job: Option<Job>) {
        while let Some(next) = job {
            match next {
                Job::Read(connection) => {
                    if connection.serve().is_adopted() {
                        self.handle_queued();
                    }
                }
                Job::Handle(call) => {
                    call.run();
                    self.handle_queued();
                }
            }
            job = self.next_job();
        }
    }

    /// This thread's place as a handler goes to the calls that wait for one, then falls free.
    fn handle_queued(&self) {
        loop {
            let mut state = self.lock();
            let Some(call) = state.queue.pop_front() else {
                state.handlers -= 1;
                return;
            };
            drop(state);
            call.run();
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        state.idle += 1;
        let (mut state, waited) = self
            .work
            .wait_timeout_while(state, KEEP, |state| state.jobs.is_empty() && !state.closing)
            .unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let job = state.jobs.pop_front();
        if job.is_none() && waited.timed_out() {
            // Nobody needs to join a thread that has nothing left to do.
            state.threads.remove(&thread::current().id());
        }
        job
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
