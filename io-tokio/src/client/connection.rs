//! One connection of a channel: a session that callers and the task that reads share.
//!
//! Callers start calls on their own thread. While nobody else has a call open, they also write on their own
//! thread, so that a lone call costs no wake-up of another task on its way out. When others are at it, they leave
//! their frames in the session and wake the task, which writes the frames of all in one system call.
//!
//! The lock is held while the session is asked and never across a system call: whoever writes takes the writer
//! out of the shared state first and puts it back afterwards. A session that is polled while the writer is out
//! gets an output without room, so that frames stay in the session and in order.

use crate::client::connector::Transport;
use crate::client::unary::Slot;
use crate::line::{Finish, Line, Ring, Session};
use crate::pump::write_out;
use crate::server::calls::IdHasher;
use crate::timer::Timer;
use crate::{clock, pool};
use bytes::Bytes;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite};
use zrpc_core::base::{Flow, Misuse, Out, Output, Time};
use zrpc_core::rpc::{
    CallId, ClientEvent, ClientSession, Encoding, Metadata, Origin, SessionEnd, StartCall, Status,
};

/// What the task does before it lets others run.
const TURNS_MAX: usize = 16;

/// A session of any carrier.
pub(crate) type BoxedSession = Box<dyn ClientSession + Send>;

/// See the module.
pub(crate) struct Connection {
    state: Mutex<State>,
}

struct State {
    session: BoxedSession,
    calls: HashMap<CallId, Entry, BuildHasherDefault<IdHasher>>,
    /// Taken out by whoever writes.
    writer: Option<Writer>,
    task: Option<Waker>,
    /// The task was woken and has not looked yet.
    woken: bool,
    /// Someone left frames while the writer was out.
    dirty: bool,
    /// When the task's timer fires.
    armed: Option<Time>,
    /// Wakers to be woken once the lock is free.
    wakes: Vec<Waker>,
    ready: bool,
    waiting_ready: Option<Waker>,
    closed: Option<Status>,
}

struct Writer {
    stream: Box<dyn AsyncWrite + Send + Unpin>,
    out: Out,
    unflushed: bool,
    failure: Option<io::Error>,
}

enum Entry {
    Unary(Arc<Slot>),
    Streaming(Arc<Line>),
}

/// The task of a connection: it reads, keeps time, and writes what callers left.
pub(crate) struct Reader {
    connection: Arc<Connection>,
    stream: Box<dyn AsyncRead + Send + Unpin>,
    timer: Timer,
    input_open: bool,
    held_back: bool,
    stood_back: bool,
}

impl Connection {
    /// A connection and its task, which is to be spawned.
    pub(crate) fn new(session: BoxedSession, transport: Transport) -> (Arc<Connection>, Reader) {
        let writer =
            Writer { stream: transport.writer, out: Out::default(), unflushed: false, failure: None };
        let state = State {
            session,
            calls: HashMap::default(),
            writer: Some(writer),
            task: None,
            woken: false,
            dirty: false,
            armed: None,
            wakes: Vec::new(),
            ready: false,
            waiting_ready: None,
            closed: None,
        };
        let connection = Arc::new(Connection { state: Mutex::new(state) });
        let reader = Reader {
            connection: Arc::clone(&connection),
            stream: transport.reader,
            timer: Timer::default(),
            input_open: true,
            held_back: false,
            stood_back: false,
        };
        (connection, reader)
    }

    /// Ready once the server's settings came, or the connection ended before.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        let mut state = self.lock();
        if state.ready {
            return Poll::Ready(Ok(()));
        }
        if let Some(status) = &state.closed {
            return Poll::Ready(Err(status.clone()));
        }
        state.waiting_ready = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Starts a call with one request message, all of which is sent.
    pub(crate) fn start_unary(
        &self,
        head: StartCall<'_>,
        message: Bytes,
        slot: &Arc<Slot>,
    ) -> Result<CallId, Misuse> {
        let mut state = self.lock();
        let call = state.session.start(clock::now(), head)?;
        if let Err(misuse) = state.send_only(call, message, head.compression.is_some()) {
            let _ = state.session.cancel(call);
            self.push_out(state);
            return Err(misuse);
        }
        state.calls.insert(call, Entry::Unary(Arc::clone(slot)));
        self.push_out(state);
        Ok(call)
    }

    /// Starts a call that streams; with `message`, that is all it sends.
    pub(crate) fn start_streaming(
        self: &Arc<Self>,
        head: StartCall<'_>,
        message: Option<Bytes>,
    ) -> Result<Arc<Line>, Misuse> {
        let mut state = self.lock();
        let call = state.session.start(clock::now(), head)?;
        if let Some(message) = message
            && let Err(misuse) = state.send_only(call, message, head.compression.is_some())
        {
            let _ = state.session.cancel(call);
            self.push_out(state);
            return Err(misuse);
        }
        let line = Line::new(call, Arc::clone(self) as Arc<dyn Ring>);
        state.calls.insert(call, Entry::Streaming(Arc::clone(&line)));
        self.push_out(state);
        Ok(line)
    }

    /// Gives a unary call up.
    pub(crate) fn cancel(&self, call: CallId) {
        let mut state = self.lock();
        // Refused only when the call is over, which is what was wanted.
        let _ = state.session.cancel(call);
        self.push_out(state);
    }

    /// Whether a new call may be started.
    pub(crate) fn takes_calls(&self) -> bool {
        let state = self.lock();
        state.closed.is_none() && state.session.takes_calls()
    }

    /// Starts no more calls and closes when the open ones are over.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        state.session.drain(clock::now());
        self.push_out(state);
    }

    /// Ends the connection and whatever is open on it.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.session.close(clock::now());
        self.push_out(state);
    }

    /// Sees to it that what was given to the session goes out: here, when nobody else is at it; by the task
    /// otherwise.
    fn push_out(&self, mut state: MutexGuard<'_, State>) {
        let alone = state.calls.len() <= 1 && !state.woken && state.task.is_some();
        let idle = state.writer.as_ref().is_some_and(|writer| writer.out.is_empty());
        if !alone || !idle {
            let task = state.wake_task();
            return unlock_and_wake(state, task);
        }
        let Some(mut writer) = state.writer.take() else { return };
        let now = clock::now();
        writer.out = pool::take_out();
        let left = state.turn(now, &mut writer.out);
        let earlier = left.wake.is_some_and(|wake| state.armed.is_none_or(|armed| wake < armed));
        unlock_and_wake(state, None);
        let written = writer.write(&mut Context::from_waker(Waker::noop()));
        let mut state = self.lock();
        let again =
            written.is_pending() || left.held_back || earlier || state.dirty || writer.failure.is_some();
        state.writer = Some(writer);
        let task = if again || state.closed.is_some() { state.wake_task() } else { None };
        unlock_and_wake(state, task);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring for Connection {
    fn ring(&self, call: CallId) {
        let mut state = self.lock();
        state.serve(call);
        self.push_out(state);
    }
}

/// What a turn left to do.
struct Left {
    wake: Option<Time>,
    held_back: bool,
}

impl State {
    fn send_only(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<(), Misuse> {
        // One message is taken whole, whatever the peer's window is: there is none after it to be held back.
        let _ = self.session.send(call, message, compress)?;
        self.session.half_close(call)
    }

    fn serve(&mut self, call: CallId) {
        if let Some(Entry::Streaming(line)) = self.calls.get(&call) {
            self.wakes.extend(line.serve(&mut *self.session));
        }
    }

    /// The task's waker, unless it was woken already.
    fn wake_task(&mut self) -> Option<Waker> {
        self.dirty = true;
        if std::mem::replace(&mut self.woken, true) {
            return None;
        }
        self.task.clone()
    }

    /// Handles every event and takes what the session writes, as far as there is room.
    fn turn(&mut self, now: Time, out: &mut Out) -> Left {
        loop {
            match self.session.poll_output(now, out) {
                Output::Event(event) => self.on_event(event),
                Output::Full(wake) => return Left { wake: wake.map(|wake| wake.at), held_back: true },
                Output::Idle(wake) => return Left { wake: wake.map(|wake| wake.at), held_back: false },
            }
        }
    }

    fn on_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Ready => {
                self.ready = true;
                self.wakes.extend(self.waiting_ready.take());
            }
            ClientEvent::Head { call } => self.on_head(call),
            ClientEvent::Message { call, message, credit } => self.on_message(call, message, credit),
            ClientEvent::Writable { call } => {
                if let Some(Entry::Streaming(line)) = self.calls.get(&call) {
                    line.set_writable();
                    self.serve(call);
                }
            }
            ClientEvent::Ended { call, status, trailers } => match self.calls.remove(&call) {
                Some(Entry::Unary(slot)) => self.wakes.extend(slot.end(status, trailers)),
                Some(Entry::Streaming(line)) => {
                    self.wakes.extend(line.end(status, trailers).into_iter().flatten());
                }
                None => {}
            },
            ClientEvent::Closed(end) => self.on_closed(end),
            _ => {}
        }
    }

    fn on_head(&mut self, call: CallId) {
        let Some(entry) = self.calls.get(&call) else { return };
        let metadata = self.session.response_metadata(call);
        match entry {
            Entry::Unary(slot) => {
                if let Some(metadata) = metadata.filter(|metadata| !metadata.is_empty()) {
                    slot.set_head(metadata.clone());
                }
            }
            Entry::Streaming(line) => {
                self.wakes.extend(line.set_head(metadata.cloned().unwrap_or_default()));
            }
        }
    }

    fn on_message(&mut self, call: CallId, message: Bytes, credit: u32) {
        let unread = match self.calls.get(&call) {
            Some(Entry::Streaming(line)) => match line.deliver(message, credit) {
                Ok(reader) => return self.wakes.extend(reader),
                Err(credit) => credit,
            },
            Some(Entry::Unary(slot)) => {
                slot.deliver(message);
                credit
            }
            None => credit,
        };
        self.session.consume(call, unread);
    }

    fn on_closed(&mut self, end: SessionEnd) {
        let status = match end {
            SessionEnd::Failed(status) => status,
            _ => Status::unavailable("the server closed the connection").with_origin(Origin::Transport),
        };
        self.closed = Some(status.clone());
        self.wakes.extend(self.waiting_ready.take());
        for (_, entry) in self.calls.drain() {
            match entry {
                Entry::Unary(slot) => self.wakes.extend(slot.end(status.clone(), Metadata::new())),
                Entry::Streaming(line) => {
                    self.wakes.extend(line.end(status.clone(), Metadata::new()).into_iter().flatten());
                }
            }
        }
    }
}

impl Writer {
    /// Writes what it holds; keeps what could not be written now, and forgets what never can be.
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let written = write_out(&mut *self.stream, cx, &mut self.out, &mut self.unflushed);
        let done = match written {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(done) => done,
        };
        if let Err(error) = done {
            self.out.clear();
            self.unflushed = false;
            self.failure.get_or_insert(error);
        }
        pool::give_out(std::mem::take(&mut self.out));
        Poll::Ready(())
    }
}

impl Future for Reader {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for turn in 0..TURNS_MAX {
            let now = clock::now();
            let input = this.poll_input(cx);
            let fired = this.timer.poll(cx).is_ready();
            if input.is_none() && !fired && !this.held_back {
                if turn > 0 {
                    return Poll::Pending;
                }
                // Woken by a caller, this task often stands in front of others who are about to start calls.
                // Behind them, it writes for all of them at once.
                this.stood_back = !this.stood_back;
                if this.stood_back {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            match this.turn(cx, now, input) {
                Turned::On => {}
                Turned::Stuck => return Poll::Pending,
                Turned::Over => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What a turn of the task came to.
enum Turned {
    /// Everything was written.
    On,
    /// The socket takes no more; the task is woken when it does.
    Stuck,
    /// The connection has ended.
    Over,
}

impl Reader {
    /// What arrived; empty at the end of the input, `None` when there is nothing.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        if !self.input_open {
            return None;
        }
        match pool::poll_read(&mut *self.stream, cx) {
            Poll::Pending => None,
            Poll::Ready(Ok(input)) => Some(input),
            // The session hears of a broken connection as of one that ended early.
            Poll::Ready(Err(_)) => Some(Bytes::new()),
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, now: Time, input: Option<Bytes>) -> Turned {
        let connection = Arc::clone(&self.connection);
        let mut state = connection.lock();
        state.woken = false;
        state.dirty = false;
        match &mut state.task {
            Some(task) => task.clone_from(cx.waker()),
            None => state.task = Some(cx.waker().clone()),
        }
        match input {
            Some(input) if !input.is_empty() => state.session.handle_input(now, input),
            Some(_) => self.end_input(&mut state, now),
            None => {}
        }
        let writer = state.writer.take();
        let Some(mut writer) = writer else {
            // A caller writes at this moment; it sees `dirty` when it is done and wakes this task again.
            let left = state.turn(now, &mut Out::with_room(0));
            state.dirty |= left.held_back;
            self.arm(&mut state, &left);
            self.held_back = false;
            unlock_and_wake(state, None);
            return Turned::On;
        };
        if writer.out.is_empty() {
            writer.out = pool::take_out();
        }
        let left = state.turn(now, &mut writer.out);
        self.arm(&mut state, &left);
        self.held_back = left.held_back;
        let closed = state.closed.is_some();
        unlock_and_wake(state, None);
        let written = writer.write(cx);
        if writer.failure.is_some() && self.input_open {
            let mut state = connection.lock();
            self.end_input(&mut state, now);
            self.held_back = true;
            unlock_and_wake(state, None);
        }
        if closed && (written.is_pending() || !left.held_back) {
            // Every call has ended. A peer that does not read its goodbye is not waited for.
            let _ = Pin::new(&mut writer.stream).poll_shutdown(cx);
            return Turned::Over;
        }
        connection.lock().writer = Some(writer);
        if written.is_ready() { Turned::On } else { Turned::Stuck }
    }

    fn end_input(&mut self, state: &mut State, now: Time) {
        if std::mem::take(&mut self.input_open) {
            state.session.handle_eof(now);
        }
    }

    fn arm(&mut self, state: &mut State, left: &Left) {
        self.timer.arm(left.wake);
        state.armed = self.timer.armed();
    }
}

/// A task that is dropped with its runtime leaves nobody waiting.
impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        if state.closed.is_none() {
            let status = Status::unavailable("the connection's runtime has shut down");
            state.on_closed(SessionEnd::Failed(status.with_origin(Origin::Library)));
        }
        unlock_and_wake(state, None);
    }
}

/// Wakes whoever is to be woken, with the lock free.
fn unlock_and_wake(mut state: MutexGuard<'_, State>, task: Option<Waker>) {
    let mut wakes = std::mem::replace(&mut state.wakes, pool::take_wakers());
    drop(state);
    wakes.drain(..).for_each(Waker::wake);
    pool::give_wakers(wakes);
    if let Some(task) = task {
        task.wake();
    }
}

impl Session for dyn ClientSession + Send {
    fn consume(&mut self, call: CallId, credit: u32) {
        ClientSession::consume(self, call, credit);
    }

    fn send(&mut self, call: CallId, message: Bytes, compress: bool) -> Result<Flow, Misuse> {
        ClientSession::send(self, call, message, compress)
    }

    fn head(&mut self, _: CallId, _: &Metadata, _: Option<Encoding>) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a client sends its head when it starts the call"))
    }

    fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        ClientSession::half_close(self, call)
    }

    fn finish_with(&mut self, _: CallId, _: Finish) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a client does not end a call with a status"))
    }

    fn abandon(&mut self, call: CallId, _: &Status) {
        // Refused only when the call is over, which is what was wanted.
        let _ = self.cancel(call);
    }
}
