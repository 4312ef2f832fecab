//! The calls of one connection of a client: what has come for each, and who waits for it.

use crate::client::connection::BoxClientSession;
use crate::line::{ByCall, Message};
use crate::link::Calls;
use std::collections::VecDeque;
use std::thread::Thread;
use zrpc_core::base::Time;
use zrpc_core::rpc::{CallId, ClientEvent, Metadata, Origin, SessionEnd, Status};
use zrpc_unix::Descriptors;

/// The calls of a connection, and what is known of the connection itself.
#[derive(Default)]
pub(crate) struct Slots {
    pub(super) calls: ByCall<Slot>,
    /// Who leads, and whether something came for it.
    pub(super) leader: Option<(CallId, Half)>,
    pub(super) leader_has_news: bool,
    /// Threads that are parked in [`Connection::wait`].
    pub(super) parked: usize,
    /// Threads to be woken once the lock is free: woken under it, they would only wait for it.
    pub(super) to_wake: Vec<Thread>,
    pub(super) was_ready: bool,
    pub(super) end: Option<SessionEnd>,
    pub(super) descriptors: Descriptors,
    /// The queue of a call that is gone, for the next one.
    pub(super) spare: VecDeque<(Message, u32)>,
}

/// What has come for a call, and who waits for it.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) head: Option<Metadata>,
    pub(crate) messages: VecDeque<(Message, u32)>,
    pub(crate) ended: Option<(Status, Metadata)>,
    /// The last send said `Blocked`, and no `Writable` came since.
    pub(crate) blocked: bool,
    /// Credit goes back as messages arrive, not as they are taken: the call has one response.
    pub(super) consumes_at_once: bool,
    /// No more messages go out, so that nobody waits in the sending half.
    pub(super) sends_no_more: bool,
    pub(super) receiver: Option<Thread>,
    pub(super) sender: Option<Thread>,
}

/// Which half of a call waits: each has one thread at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    Receiver,
    Sender,
}

impl Slot {
    pub(super) fn waiter(&mut self, half: Half) -> &mut Option<Thread> {
        match half {
            Half::Receiver => &mut self.receiver,
            Half::Sender => &mut self.sender,
        }
    }
}

impl Slots {
    /// Adds a call that begins.
    pub(super) fn open(&mut self, call: CallId, slot: Slot) {
        let messages = std::mem::take(&mut self.spare);
        self.calls.insert(call, Slot { messages, ..slot });
    }

    /// Keeps the queue of a call that is gone, unless it grew beyond what most calls need.
    pub(super) fn recycle(&mut self, mut slot: Slot) {
        const KEPT: usize = 8;
        slot.messages.clear();
        if slot.messages.capacity() <= KEPT {
            self.spare = slot.messages;
        }
    }

    /// Tells who waits for this half of the call that something came.
    pub(super) fn tell(&mut self, call: CallId, half: Half) {
        self.leader_has_news |= self.leader == Some((call, half));
        if let Some(thread) = self.calls.get_mut(&call).and_then(|slot| slot.waiter(half).take()) {
            self.parked -= 1;
            self.to_wake.push(thread);
        }
    }

    /// Gives somebody who waits the chance to lead.
    pub(super) fn wake_any(&mut self) {
        if self.parked == 0 {
            return;
        }
        let waiter =
            self.calls.values_mut().find_map(|slot| slot.receiver.take().or_else(|| slot.sender.take()));
        if let Some(thread) = waiter {
            self.parked -= 1;
            self.to_wake.push(thread);
        }
    }

    pub(super) fn end_call(&mut self, call: CallId, status: Status, trailers: Metadata) {
        if let Some(slot) = self.calls.get_mut(&call)
            && slot.ended.is_none()
        {
            slot.ended = Some((status, trailers));
            self.tell(call, Half::Receiver);
            self.tell(call, Half::Sender);
        }
    }
}

impl Calls<BoxClientSession> for Slots {
    fn on_event(&mut self, session: &mut BoxClientSession, now: Time, event: ClientEvent) {
        match event {
            ClientEvent::Ready => self.was_ready = true,
            ClientEvent::Head { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.head = session.response_metadata(call).cloned();
                    self.tell(call, Half::Receiver);
                }
            }
            ClientEvent::Message { call, message, credit } => {
                let attachments = self.descriptors.claim(&mut **session, now);
                match self.calls.get_mut(&call) {
                    Some(slot) => {
                        let at_once = slot.consumes_at_once;
                        slot.messages.push_back((
                            Message { bytes: message, attachments },
                            if at_once { 0 } else { credit },
                        ));
                        if at_once {
                            session.consume(call, credit);
                        }
                        self.tell(call, Half::Receiver);
                    }
                    None => session.consume(call, credit),
                }
            }
            ClientEvent::Writable { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.blocked = false;
                    self.tell(call, Half::Sender);
                }
            }
            ClientEvent::Ended { call, status, trailers } => {
                self.descriptors.forget(call);
                self.end_call(call, status, trailers);
            }
            ClientEvent::Closed(end) => self.end = Some(end),
            // `Draining` shows in `takes_calls`; events of later versions change nothing for open calls.
            _ => {}
        }
    }

    fn on_lost(&mut self) {
        self.end.get_or_insert(SessionEnd::Graceful);
        let open: Vec<CallId> = self.calls.keys().copied().collect();
        for call in open {
            let status = Status::unavailable("the connection ended before the call did")
                .with_origin(Origin::Transport);
            self.end_call(call, status, Metadata::new());
        }
    }

    fn on_idle(&mut self, session: &mut BoxClientSession, now: Time) {
        self.descriptors.drop_unclaimed(&mut **session, now);
    }

    fn is_over(&self) -> bool {
        self.end.is_some()
    }

    fn has_news_for_reader(&self) -> bool {
        self.leader_has_news
    }
}
