//! One connection of a client, shared by the threads that call over it.
//!
//! No thread of its own: of the callers that wait, one leads. It reads for all, hands each what is theirs, and passes
//! the lead on when its own answer is there. A caller that waits alone leads deaf (in one `recv`); whoever joins it
//! meanwhile covers for what a deaf leader cannot do: wait for room, and wake when a timer is due.

use crate::client::endpoint::Connector;
use crate::client::slots::{Half, Slot, Slots};
use crate::clock;
use crate::line::Message;
use crate::link::{Calls, Guard, Hearing, Link};
use crate::transport::Transport;
use bytes::Bytes;
use std::cell::RefCell;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;
use zrpc_core::base::{Flow, Misuse, Time};
use zrpc_core::rpc::local_status::check_request_stream;
use zrpc_core::rpc::{
    Attachments, CallId, ClientSession, Code, Encoding, Metadata, Origin, SessionEnd, StartCall, Status,
};
use zrpc_unix::{Descriptors, descriptors_of};

/// A client's session of any carrier.
pub type BoxClientSession = Box<dyn ClientSession + Send>;

type Locked<'a> = Guard<'a, BoxClientSession, Slots>;

/// A connection that nobody has read for this long is looked at before a call starts on it or sends more: the server
/// may have said goodbye, pinged, or ended the call.
const STALE: Duration = Duration::from_millis(5);

/// How often a caller with attachments looks whether another that reads has brought the server's answer.
const AWAIT_READY: Duration = Duration::from_millis(1);

pub(crate) struct Connection {
    link: Link<BoxClientSession, Slots>,
    /// Outlives the transport: a server in this process may be part of it.
    connector: Arc<dyn Connector>,
}

/// A call as it starts.
pub(crate) struct Start<'a> {
    pub(crate) path: &'a str,
    pub(crate) metadata: &'a Metadata,
    pub(crate) deadline: Option<Time>,
    pub(crate) compression: Option<Encoding>,
    /// The only request message; `None` when messages are streamed.
    pub(crate) only_message: Option<Bytes>,
    /// What goes with it; taken when it is sent.
    pub(crate) attachments: &'a RefCell<Attachments>,
    pub(crate) one_response: bool,
}

impl Connection {
    pub(crate) fn new(
        transport: Box<dyn Transport>,
        session: BoxClientSession,
        connector: Arc<dyn Connector>,
    ) -> Connection {
        let slots = Slots { descriptors: Descriptors::of(transport.exchange()), ..Slots::default() };
        Connection { link: Link::new(transport, session, slots), connector }
    }

    /// Looks at the time, and at what came on a connection that nobody has read for a while.
    fn look<'a>(&'a self, mut guard: Locked<'a>) -> Locked<'a> {
        guard.now = clock::now();
        let is_stale = guard.now.saturating_since(guard.last_read) > STALE;
        if is_stale && guard.reader_is_free() {
            guard = self.link.freshen(guard);
        }
        guard
    }

    /// Whether a call started now would begin at once; also when the next call needs another connection anyway.
    pub(crate) fn has_room(&self) -> bool {
        let mut guard = self.look(self.link.lock());
        let is_over = guard.calls.is_over();
        let session = guard.pump.machine();
        let has_room = is_over || !session.takes_calls() || session.has_room();
        self.leave(guard);
        has_room
    }

    /// Whether the server's session ever answered.
    pub(crate) fn was_ready(&self) -> bool {
        self.link.lock().calls.was_ready
    }

    /// Why the connection is over, as far as is known.
    pub(crate) fn cause(&self) -> Option<String> {
        let guard = self.link.lock();
        match (&guard.lost, &guard.calls.end) {
            (Some(error), _) => Some(error.to_string()),
            (None, Some(SessionEnd::Failed(status))) => Some(status.to_string()),
            (None, Some(_)) => Some("the server closed the connection".into()),
            (None, None) => None,
        }
    }

    /// Starts a call, and writes it unless another thread is writing.
    ///
    /// # Errors
    /// `Closed`, `Draining` or `Exhausted` when the call needs another connection.
    pub(crate) fn start(&self, start: Start<'_>) -> Result<CallId, Misuse> {
        let mut guard = self.look(self.link.lock());
        if !start.attachments.borrow().is_empty() {
            guard = self.await_ready(guard, start.deadline);
        }
        let now = guard.now;
        if guard.calls.is_over() || !guard.pump.machine().takes_calls() {
            self.leave(guard);
            return Err(Misuse::Draining);
        }
        let shared = &mut *guard;
        let session = shared.pump.machine();
        let head = StartCall {
            path: start.path,
            metadata: start.metadata,
            deadline: start.deadline,
            compression: start.compression,
        };
        let fits = check_request_stream(start.only_message.is_some() || session.takes_request_streams());
        let call = match fits.and_then(|()| session.start(now, head)) {
            Ok(call) => call,
            Err(misuse) => {
                self.leave(guard);
                return Err(misuse);
            }
        };
        let sends_no_more = start.only_message.is_some();
        if let Some(message) = start.only_message {
            let compress = start.compression.is_some();
            let descriptors = descriptors_of(start.attachments.take());
            let sent = shared
                .calls
                .descriptors
                .send(&mut **session, call, message, compress, descriptors)
                .and_then(|_| session.half_close(call));
            if let Err(misuse) = sent {
                let _ = session.cancel(call);
                self.leave(self.link.turn(guard));
                return Err(misuse);
            }
        }
        let slot = Slot { consumes_at_once: start.one_response, sends_no_more, ..Slot::default() };
        guard.calls.open(call, slot);
        guard = self.link.turn_now(guard);
        if guard.pump.machine().awaits_server() {
            // Nobody else might read before this call is waited for, and until then it would not leave.
            guard = self.await_ready(guard, start.deadline);
        }
        self.leave(guard);
        Ok(call)
    }

    /// Waits until the server said what it takes: only then may attachments be sent.
    fn await_ready<'a>(&'a self, mut guard: Locked<'a>, deadline: Option<Time>) -> Locked<'a> {
        if !guard.calls.was_ready {
            // The server answers what this side says first.
            guard = self.link.turn(guard);
        }
        while !guard.calls.was_ready && !guard.calls.is_over() {
            if deadline.is_some_and(|deadline| clock::until(deadline).is_zero()) {
                break;
            }
            guard = match guard.take_reader() {
                Some(mut buffer) => {
                    guard = self.link.read_turn(guard, &mut buffer, Hearing::Attentive);
                    guard = self.wake_others(guard);
                    guard.release_reader(buffer);
                    guard
                }
                // Who reads brings the answer; it is a matter of one round trip, once a connection.
                None => {
                    self.unlock(guard);
                    thread::sleep(AWAIT_READY);
                    self.link.lock()
                }
            };
        }
        guard.now = clock::now();
        guard
    }

    /// Waits until `ready` finds in the call's slot what its caller wants; `None` when the call has no slot any more.
    pub(crate) fn wait<T>(
        &self,
        call: CallId,
        half: Half,
        ready: impl FnMut(&mut Slot) -> Option<T>,
    ) -> Option<T> {
        let (guard, found) = self.wait_locked(call, half, ready);
        self.leave(guard);
        found
    }

    /// Sends a message once there is room for it, and returns when the system or the session's queue has it.
    ///
    /// # Errors
    /// `None` when the call is over; the receiving half knows its status.
    pub(crate) fn send(&self, call: CallId, message: Message, compress: bool) -> Result<(), Option<Misuse>> {
        self.leave(self.look(self.link.lock()));
        let (mut guard, may_send) =
            self.wait_locked(call, Half::Sender, |slot| match (&slot.ended, slot.blocked) {
                (Some(_), _) => Some(false),
                (None, false) => Some(true),
                (None, true) => None,
            });
        if may_send != Some(true) {
            self.leave(guard);
            return Err(None);
        }
        let Message { bytes, attachments } = message;
        let descriptors = descriptors_of(attachments);
        let shared = &mut *guard;
        let session = &mut **shared.pump.machine();
        let flow = match shared.calls.descriptors.send(session, call, bytes, compress, descriptors) {
            Ok(flow) => flow,
            Err(misuse) => {
                self.leave(guard);
                let is_over = matches!(misuse, Misuse::Gone | Misuse::Closed);
                return Err(if is_over { None } else { Some(misuse) });
            }
        };
        if let Some(slot) = guard.calls.calls.get_mut(&call) {
            slot.blocked = flow == Flow::Blocked;
        }
        self.push_out(self.link.turn(guard));
        Ok(())
    }

    /// Says that no more messages come. A call that is over needs no such word.
    pub(crate) fn half_close(&self, call: CallId) {
        let mut guard = self.link.lock();
        if let Some(slot) = guard.calls.calls.get_mut(&call) {
            slot.sends_no_more = true;
        }
        if guard.pump.machine().half_close(call).is_ok() {
            self.push_out(self.link.turn(guard));
        }
    }

    /// Gives the call up, on the wire too; it ends as CANCELLED unless it is over already.
    pub(crate) fn cancel(&self, call: CallId) {
        let mut guard = self.link.lock();
        if guard.pump.machine().cancel(call).is_ok() {
            self.leave_call(self.link.turn(guard));
        }
    }

    /// Gives the credit of a message back that its caller has taken.
    pub(crate) fn consume(&self, call: CallId, credit: u32) {
        if credit > 0 {
            let mut guard = self.link.lock();
            guard.pump.machine().consume(call, credit);
            self.leave(self.link.turn(guard));
        }
    }

    /// Forgets a call that nobody asks about any more; cancels it unless it is over.
    pub(crate) fn release(&self, call: CallId) {
        let mut guard = self.link.lock();
        let Some(slot) = guard.calls.calls.remove(&call) else { return };
        let session = guard.pump.machine();
        let mut says_something = false;
        for (_, credit) in &slot.messages {
            session.consume(call, *credit);
            says_something |= *credit > 0;
        }
        if slot.ended.is_none() {
            says_something |= session.cancel(call).is_ok();
        }
        guard.calls.recycle(slot);
        if says_something {
            guard = self.link.turn(guard);
        }
        self.leave_call(guard);
    }

    /// Leaves a connection that may have ended with the call. Where that is how a call is given up, nothing but the
    /// transport's end tells the server, and nobody may come to read it.
    fn leave_call(&self, guard: Locked<'_>) {
        if guard.calls.is_over() {
            self.link.transport().shutdown();
        }
        self.leave(guard);
    }

    /// The status as its caller should read it: what the transport broke off names the endpoint and the cause.
    pub(crate) fn explain(&self, status: Status) -> Status {
        if status.origin() != Origin::Transport || status.code() != Code::Unavailable {
            return status;
        }
        let cause = self.link.lock().lost.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
        let message =
            format!("the connection to {} was lost: {}{cause}", self.connector.endpoint(), status.message());
        let explained = Status::unavailable(message).with_origin(Origin::Transport);
        if status.safe_to_retry() { explained.with_safe_to_retry() } else { explained }
    }

    fn wait_locked<T>(
        &self,
        call: CallId,
        half: Half,
        mut ready: impl FnMut(&mut Slot) -> Option<T>,
    ) -> (Locked<'_>, Option<T>) {
        let mut guard = self.link.lock();
        let found = loop {
            let is_alone = guard.calls.calls.len() == 1;
            let Some(slot) = guard.calls.calls.get_mut(&call) else { break None };
            if let Some(found) = ready(slot) {
                break Some(found);
            }
            let nobody_else_can_answer = is_alone && half == Half::Receiver && slot.sends_no_more;
            guard = match guard.take_reader() {
                Some(mut buffer) => {
                    let hearing = if nobody_else_can_answer { Hearing::Deaf } else { Hearing::Attentive };
                    guard.calls.leader = Some((call, half));
                    guard.calls.leader_has_news = false;
                    guard = self.link.read_turn(guard, &mut buffer, hearing);
                    guard.calls.leader = None;
                    guard = self.wake_others(guard);
                    guard.release_reader(buffer);
                    guard
                }
                None => self.follow(guard, call, half),
            };
        };
        (guard, found)
    }

    /// Waits while another thread leads.
    fn follow<'a>(&'a self, mut guard: Locked<'a>, call: CallId, half: Half) -> Locked<'a> {
        let leader_is_deaf = guard.reader_is_deaf();
        if leader_is_deaf && guard.pump.is_stuck() {
            return self.help(guard);
        }
        let due = guard.pump.wake().filter(|_| leader_is_deaf).map(|wake| clock::until(wake.at));
        if let Some(slot) = guard.calls.calls.get_mut(&call)
            && slot.waiter(half).replace(thread::current()).is_none()
        {
            guard.calls.parked += 1;
        }
        self.unlock(guard);
        match due {
            Some(due) => thread::park_timeout(due),
            None => thread::park(),
        }
        guard = self.link.lock();
        if let Some(slot) = guard.calls.calls.get_mut(&call)
            && slot.waiter(half).take().is_some()
        {
            guard.calls.parked -= 1;
        }
        if due.is_some() { self.link.turn(guard) } else { guard }
    }

    /// Waits for room in place of a leader that is deaf. Nobody can wake the helper when an answer comes, so it looks
    /// again by itself before long: this happens only while one caller has filled the system's buffers and another
    /// waits in a `recv` that began before.
    fn help<'a>(&'a self, guard: Locked<'a>) -> Locked<'a> {
        const LOOK_AGAIN: Duration = Duration::from_millis(5);
        self.unlock(guard);
        let waited = self.link.transport().wait(true, Some(LOOK_AGAIN));
        let mut guard = self.link.lock();
        if waited.is_ok() {
            guard.pump.retry();
        }
        self.link.turn(guard)
    }

    /// Stays until the system has taken what this caller wrote, reading meanwhile, so that two sides that both write
    /// never wait for each other. An attentive leader does that for others.
    fn push_out<'a>(&'a self, mut guard: Locked<'a>) {
        while guard.pump.is_stuck() && !guard.calls.is_over() {
            if let Some(mut buffer) = guard.take_reader() {
                guard = self.link.read_turn(guard, &mut buffer, Hearing::Attentive);
                guard = self.wake_others(guard);
                guard.release_reader(buffer);
            } else if guard.reader_is_deaf() {
                guard = self.help(guard);
            } else {
                break;
            }
        }
        self.leave(guard);
    }

    /// Ends what a caller does under the lock: somebody else may lead, and those for whom something came are woken.
    fn leave(&self, mut guard: Locked<'_>) {
        if guard.reader_is_free() {
            guard.calls.wake_any();
        }
        self.unlock(guard);
    }

    /// Every unlock after a turn goes through here, so that nobody is forgotten.
    fn unlock(&self, mut guard: Locked<'_>) {
        let to_wake = std::mem::take(&mut guard.calls.to_wake);
        drop(guard);
        to_wake.iter().for_each(Thread::unpark);
    }

    fn wake_others<'a>(&'a self, guard: Locked<'a>) -> Locked<'a> {
        if guard.calls.to_wake.is_empty() {
            return guard;
        }
        self.unlock(guard);
        self.link.lock()
    }
}

/// Says goodbye as far as the system takes it at once.
impl Drop for Connection {
    fn drop(&mut self) {
        let mut guard = self.link.lock();
        guard.pump.machine().close(clock::now());
        drop(self.link.turn(guard));
        self.link.transport().shutdown();
    }
}
