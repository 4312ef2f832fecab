//! The calls of one connection of a server: from events to calls that are ready for their handlers.

use crate::line::{ByCall, Message};
use crate::link::Calls;
use crate::server::routes::{Route, Routes};
use crate::transport::Transport;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Thread;
use zrpc_core::base::Time;
use zrpc_core::rpc::local_status::no_request_stream;
use zrpc_core::rpc::{
    CallId, Metadata, Origin, Peer, Request, ServerEvent, ServerSession, SessionEnd, Single, Status,
};
use zrpc_unix::Descriptors;

/// A server's session of any carrier.
pub type BoxServerSession = Box<dyn ServerSession + Send>;

pub(crate) struct Slots {
    pub(crate) calls: ByCall<Slot>,
    /// Calls whose handlers may begin, in the order in which they became ready.
    pub(crate) ready: VecDeque<Ready>,
    /// Counts the threads that have read this connection: a thread that comes back from a handler finds here whether
    /// it still is the reader.
    pub(crate) reader_epoch: u64,
    pub(crate) end: Option<SessionEnd>,
    routes: Arc<Routes>,
    peer: Peer,
    pub(crate) descriptors: Descriptors,
}

/// A call that waits for its handler.
pub(crate) struct Ready {
    pub(crate) id: CallId,
    pub(crate) route: Arc<Route>,
    pub(crate) request: Request<()>,
    /// The only message of methods that take one.
    pub(crate) message: Option<Message>,
}

/// What has come for a call, and who waits for it.
pub(crate) struct Slot {
    pub(crate) messages: VecDeque<(Message, u32)>,
    pub(crate) half_closed: bool,
    pub(crate) ended: Option<Status>,
    /// The last send said `Blocked`, and no `Writable` came since.
    pub(crate) blocked: bool,
    /// The handler takes no more messages.
    pub(crate) deaf: bool,
    /// The handler has ended the call.
    pub(crate) answered: bool,
    pub(crate) receiver: Option<Thread>,
    pub(crate) sender: Option<Thread>,
    /// The call until its handler may begin.
    waiting: Option<Waiting>,
}

/// A call whose one request message, and the end after it, are still to come.
struct Waiting {
    route: Arc<Route>,
    request: Request<()>,
    message: Single<Message>,
}

impl Slots {
    pub(crate) fn new(routes: Arc<Routes>, transport: &dyn Transport) -> Slots {
        let (peer, descriptors) = (transport.peer(), Descriptors::of(transport.exchange()));
        Slots {
            calls: ByCall::default(),
            ready: VecDeque::new(),
            reader_epoch: 0,
            end: None,
            routes,
            peer,
            descriptors,
        }
    }

    fn open(&mut self, session: &mut BoxServerSession, now: Time, id: CallId) {
        let Some(head) = session.request(id) else { return };
        match self.routes.find(head.path) {
            Err(status) => finish(session, id, &status),
            Ok(route) if !route.method.kind.one_request() && !session.takes_request_stream(id) => {
                finish(session, id, &no_request_stream());
            }
            Ok(route) => {
                let (route, request) = (Arc::clone(route), Request::received(&head, self.peer, now));
                let takes_one = route.method.kind.one_request();
                let mut slot = Slot::new();
                if takes_one {
                    slot.waiting = Some(Waiting { route, request, message: Single::new() });
                } else {
                    self.ready.push_back(Ready { id, route, request, message: None });
                }
                self.calls.insert(id, slot);
            }
        }
    }

    fn take_message(&mut self, session: &mut BoxServerSession, id: CallId, message: Message, credit: u32) {
        let Some(slot) = self.calls.get_mut(&id).filter(|slot| !slot.deaf) else {
            session.consume(id, credit);
            return;
        };
        let Some(waiting) = &mut slot.waiting else {
            slot.messages.push_back((message, credit));
            unpark(&mut slot.receiver);
            return;
        };
        session.consume(id, credit);
        if waiting.message.put(message) {
            return;
        }
        let surplus = self.calls.remove(&id).and_then(|slot| slot.waiting);
        if let Some(Err(status)) = surplus.map(|waiting| waiting.message.request()) {
            finish(session, id, &status);
        }
    }

    fn half_close(&mut self, session: &mut BoxServerSession, id: CallId) {
        let Some(slot) = self.calls.get_mut(&id) else { return };
        slot.half_closed = true;
        let Some(Waiting { route, request, message }) = slot.waiting.take() else {
            unpark(&mut slot.receiver);
            return;
        };
        match message.request() {
            Ok(message) => {
                self.ready.push_back(Ready { id, route, request, message: Some(message) });
            }
            Err(status) => {
                self.calls.remove(&id);
                finish(session, id, &status);
            }
        }
    }

    /// The handler ends its call; says how the call ended if it is over already.
    pub(crate) fn note_answer(&mut self, id: CallId) -> Option<Status> {
        let slot = self.calls.get_mut(&id)?;
        slot.answered = true;
        slot.ended.clone()
    }

    fn end_call(&mut self, id: CallId, status: Status) {
        let Some(slot) = self.calls.get_mut(&id) else { return };
        if slot.waiting.is_some() {
            self.calls.remove(&id);
            return;
        }
        slot.ended.get_or_insert(status);
        unpark(&mut slot.receiver);
        unpark(&mut slot.sender);
    }
}

impl Calls<BoxServerSession> for Slots {
    fn on_event(&mut self, session: &mut BoxServerSession, now: Time, event: ServerEvent) {
        match event {
            ServerEvent::Opened { call } => self.open(session, now, call),
            ServerEvent::Message { call, message, credit } => {
                let attachments = self.descriptors.claim(&mut **session, now);
                self.take_message(session, call, Message { bytes: message, attachments }, credit);
            }
            ServerEvent::HalfClosed { call } => self.half_close(session, call),
            ServerEvent::Writable { call } => {
                if let Some(slot) = self.calls.get_mut(&call) {
                    slot.blocked = false;
                    unpark(&mut slot.sender);
                }
            }
            ServerEvent::Ended { call, status } => {
                // What a handler that answered had to say still leaves, with what belongs to it.
                if self.calls.get(&call).is_some_and(|slot| !slot.answered) {
                    self.descriptors.forget(call);
                }
                self.end_call(call, status);
            }
            ServerEvent::Refused { why } => tracing::debug!(%why, "a request was refused"),
            ServerEvent::Closed(end) => self.end = Some(end),
            // An event of a later version changes nothing for the calls that are open.
            _ => {}
        }
    }

    fn on_lost(&mut self) {
        self.end.get_or_insert(SessionEnd::Graceful);
        let open: Vec<CallId> = self.calls.keys().copied().collect();
        for id in open {
            let status =
                Status::cancelled("the connection to the client was lost").with_origin(Origin::Transport);
            self.end_call(id, status);
        }
    }

    fn on_idle(&mut self, session: &mut BoxServerSession, now: Time) {
        self.descriptors.drop_unclaimed(&mut **session, now);
    }

    fn is_over(&self) -> bool {
        self.end.is_some()
    }

    fn has_news_for_reader(&self) -> bool {
        !self.ready.is_empty()
    }
}

impl Slot {
    fn new() -> Slot {
        Slot {
            messages: VecDeque::new(),
            half_closed: false,
            ended: None,
            blocked: false,
            deaf: false,
            answered: false,
            receiver: None,
            sender: None,
            waiting: None,
        }
    }
}

fn unpark(thread: &mut Option<Thread>) {
    if let Some(thread) = thread.take() {
        thread.unpark();
    }
}

/// Ends a call that no handler sees. A call that is over already needs no end.
pub(crate) fn finish(session: &mut BoxServerSession, id: CallId, status: &Status) {
    let _ = session.finish(id, status, &Metadata::new());
}
