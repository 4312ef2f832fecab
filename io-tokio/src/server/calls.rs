//! The calls of one connection: what a server does with each event of its session.
//!
//! A call whose method takes one request message is gathered until its client half closes; then its handler is
//! made and polled once, here, inside the task that owns the connection. A handler that is done at its first poll
//! is answered on the spot, without a spawn, a channel or a wake-up. One that is not is spawned, and reaches the
//! session through its [`Line`] and the connection's [`Mailbox`].
//!
//! ```text
//! Opened -> gathering -> (Message, HalfClosed) -> polled once -> answered
//!        \-> running (streams of requests)               \----> running -> Finish through the mailbox
//! ```
//!
//! When a call ends, whatever the reason, its task is aborted: the handler is dropped where it waits.

use crate::attached::{Descriptors, Message, Wired, descriptors_of};
use crate::incoming::{Handling, IncomingCall};
use crate::line::{Finish, Line, Outgoing, Session, status_of_misuse};
use crate::pump::Owner;
use crate::server::mailbox::Mailbox;
use crate::server::router::Route;
use crate::server::shared::{Running, Shared};
use crate::watch::{Watch, watch};
use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::BuildHasherDefault;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::task::AbortHandle;
use zrpc_core::base::{Flow, Misuse, Out, Time};
use zrpc_core::rpc::local_status::{self, no_request_stream, not_served};
use zrpc_core::rpc::{
    CallId, CallIdHasher, Encoding, Kind, Metadata, Origin, Peer, Request, ServerEvent, ServerSession,
    SessionEnd, Side, Single, Status,
};

/// A session of any carrier.
pub(crate) type BoxedSession = Box<dyn ServerSession + Send>;

/// A map of calls larger than this is given back when the last call is over.
const KEPT_CALLS: usize = 32;

/// See the module.
pub(crate) struct Calls {
    shared: Arc<Shared>,
    connection: u64,
    peer: Peer,
    descriptors: Descriptors,
    mailbox: Arc<Mailbox>,
    /// The call opened last, if it is being gathered: most calls come in one piece and never enter the map.
    newest: Option<(CallId, Gathering)>,
    open: HashMap<CallId, Open, BuildHasherDefault<CallIdHasher>>,
    rung: Vec<CallId>,
}

enum Open {
    Gathering(Gathering),
    Started(Started),
}

/// A call that waits for its one request message and the end after it.
struct Gathering {
    route: Route,
    message: Single<Message>,
}

/// A call whose handler is at work, or whose answer is on its way.
struct Started {
    line: Option<Arc<Line>>,
    watch: Watch,
    task: Option<AbortHandle>,
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Calls {
    pub(crate) fn new(shared: Arc<Shared>, peer: Peer, descriptors: Descriptors) -> Calls {
        let mailbox = Arc::new(Mailbox::default());
        let connection = shared.register(Arc::clone(&mailbox));
        let (open, rung) = (HashMap::default(), Vec::new());
        Calls { shared, connection, peer, descriptors, mailbox, newest: None, open, rung }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.shared.deregister(self.connection);
    }
}

impl Owner<BoxedSession> for Calls {
    fn on_event(&mut self, session: &mut BoxedSession, event: ServerEvent, now: Time) -> ControlFlow<()> {
        self.take_event(&mut **session, event, now)
    }

    fn poll_commands(&mut self, session: &mut BoxedSession, cx: &mut Context<'_>, now: Time) -> bool {
        self.take_commands(&mut **session, cx, now)
    }

    fn on_turned(&mut self, session: &mut BoxedSession, out: &mut Out, now: Time) {
        self.descriptors.drop_unclaimed(&mut **session, now);
        self.descriptors.leave(out);
    }
}

type DynSession = dyn ServerSession + Send;

impl Calls {
    /// Does what an event of the session asks for.
    pub(crate) fn take_event(
        &mut self,
        session: &mut DynSession,
        event: ServerEvent,
        now: Time,
    ) -> ControlFlow<()> {
        match event {
            ServerEvent::Opened { call } => self.on_opened(session, call, now),
            ServerEvent::Message { call, message, credit } => {
                let attachments = self.descriptors.claim(session, now);
                self.on_message(session, call, Message { bytes: message, attachments }, credit);
            }
            ServerEvent::HalfClosed { call } => self.on_half_closed(session, call, now),
            ServerEvent::Writable { call } => {
                if let Some(line) = self.line(call) {
                    line.set_writable();
                    self.serve(session, call);
                }
            }
            ServerEvent::Ended { call, status } => self.on_ended(call, status),
            ServerEvent::Refused { why } => tracing::debug!(peer = ?self.peer, %why, "a request was refused"),
            ServerEvent::Closed(end) => {
                self.on_closed(&end);
                return ControlFlow::Break(());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Gives the session what handlers left for it, and says whether there was anything.
    pub(crate) fn take_commands(
        &mut self,
        session: &mut DynSession,
        cx: &mut Context<'_>,
        now: Time,
    ) -> bool {
        let mut rung = std::mem::take(&mut self.rung);
        let drain = self.mailbox.take(&mut rung, cx);
        if let Some(grace) = drain {
            session.drain(now, grace);
        }
        let any = drain.is_some() || !rung.is_empty();
        for call in rung.drain(..) {
            self.serve(session, call);
        }
        self.rung = rung;
        any
    }

    fn on_opened(&mut self, session: &mut DynSession, call: CallId, now: Time) {
        let Some(head) = session.request(call) else { return };
        let Some(route) = self.shared.router.find(head.path) else {
            let status = not_served(head.path, |service| self.shared.router.offers(service));
            return self.answer(session, call, Finish::failed(status));
        };
        if self.shared.is_full() {
            let status =
                Status::resource_exhausted("the server has as many calls open as it may; try again later");
            let status = status.with_origin(Origin::Library).with_safe_to_retry();
            return self.answer(session, call, Finish::failed(status));
        }
        if route.method.kind.one_request() {
            let gathering = Gathering { route, message: Single::new() };
            if let Some((older, gathering)) = self.newest.replace((call, gathering)) {
                self.open.insert(older, Open::Gathering(gathering));
            }
            return;
        }
        if !session.takes_request_stream(call) {
            return self.answer(session, call, Finish::failed(no_request_stream()));
        }
        let line = Line::new(call, self.mailbox.clone());
        self.start(session, call, route, None, Some(line), now);
    }

    fn on_message(&mut self, session: &mut DynSession, call: CallId, message: Message, credit: u32) {
        if let Some(Open::Started(Started { line: Some(line), .. })) = self.open.get(&call) {
            match line.deliver(message, credit) {
                Ok(Some(reader)) => reader.wake(),
                Ok(None) => {}
                Err(credit) => session.consume(call, credit),
            }
            return;
        }
        session.consume(call, credit);
        let Some(gathering) = self.gathering(call) else { return };
        if !gathering.message.put(message) {
            let surplus = self.take_gathering(call).map(|gathering| gathering.message.request());
            if let Some(Err(status)) = surplus {
                self.answer(session, call, Finish::failed(status));
            }
        }
    }

    fn on_half_closed(&mut self, session: &mut DynSession, call: CallId, now: Time) {
        if let Some(Gathering { route, message }) = self.take_gathering(call) {
            let message = match message.request() {
                Ok(message) => message,
                Err(status) => return self.answer(session, call, Finish::failed(status)),
            };
            let line = match route.method.kind {
                Kind::ServerStreaming => Some(Line::new(call, self.mailbox.clone())),
                _ => None,
            };
            self.start(session, call, route, Some(message), line, now);
        } else if let Some(reader) = self.line(call).and_then(Line::end_input) {
            reader.wake();
        }
    }

    fn on_ended(&mut self, call: CallId, status: Status) {
        if let Some(Open::Started(started)) = self.open.remove(&call) {
            if started.line.as_ref().is_some_and(|line| !line.is_answered()) {
                self.descriptors.forget(call);
            }
            if let Some(watched) = &started.watch {
                watched.end(&status);
            }
            drop_handler(started, status);
        } else {
            self.take_gathering(call);
        }
        if self.open.is_empty() && self.open.capacity() > KEPT_CALLS {
            self.open = HashMap::default();
        }
    }

    fn on_closed(&mut self, end: &SessionEnd) {
        match end {
            SessionEnd::Failed(status) => {
                tracing::debug!(peer = %self.peer, %status, "a connection ended");
            }
            _ => tracing::trace!(peer = %self.peer, "a connection ended"),
        }
        self.newest = None;
        for (_, open) in self.open.drain() {
            if let Open::Started(started) = open {
                drop_handler(
                    started,
                    Status::cancelled("the connection is closed").with_origin(Origin::Transport),
                );
            }
        }
    }

    /// Makes the handler and polls it once.
    fn start(
        &mut self,
        session: &mut DynSession,
        call: CallId,
        route: Route,
        message: Option<Message>,
        line: Option<Arc<Line>>,
        now: Time,
    ) {
        let Some(head) = session.request(call) else { return };
        let path = route.method.path;
        let (asked, authority) = if head.path == path {
            (Cow::Borrowed(path), String::new())
        } else {
            (Cow::Owned(head.path.to_owned()), head.authority.to_owned())
        };
        let mut request = Request::received(&head, self.peer, now);
        let watch = match watch(&self.shared.interceptors, Side::Server, route.method, request.metadata_mut())
        {
            Ok(watch) => watch,
            Err(status) => return self.answer(session, call, Finish::failed(status)),
        };
        if line.is_some() {
            self.mailbox.stay_awake();
        }
        let (line_of, watch_of) = (line.clone(), watch.clone());
        let incoming =
            IncomingCall { path: asked, authority, request, message, line: line_of, watch: watch_of };
        match self.poll_first(route, incoming) {
            (Poll::Ready(finish), _) => match line {
                Some(line) => {
                    line.push(Outgoing::Finish(Box::new(finish)));
                    self.open.insert(call, Open::Started(Started { line: Some(line), watch, task: None }));
                }
                None => {
                    if watch.is_some() {
                        self.open.insert(call, Open::Started(Started { line: None, watch, task: None }));
                    }
                    self.answer(session, call, finish);
                }
            },
            (Poll::Pending, handling) => {
                let line = line.unwrap_or_else(|| Line::new(call, self.mailbox.clone()));
                let running = Running::new(Arc::clone(&self.shared));
                let task = tokio::spawn(work(handling, Arc::clone(&line), path, running)).abort_handle();
                self.open.insert(call, Open::Started(Started { line: Some(line), watch, task: Some(task) }));
            }
        }
    }

    fn poll_first(&self, route: Route, incoming: IncomingCall) -> (Poll<Finish>, Handling) {
        let service = self.shared.router.service(route);
        let attempt = AssertUnwindSafe(|| {
            let mut handling = service.call(route.index, incoming);
            // Whoever is not done is spawned and so polled again: there is nothing to be woken for.
            let polled = handling.poll(&mut Context::from_waker(Waker::noop()));
            (polled, handling)
        });
        catch_unwind(attempt).unwrap_or_else(|panic| {
            (Poll::Ready(Finish::failed(panicked(route.method.path, &*panic))), Handling::over())
        })
    }

    /// Gives the session a handler's answer.
    fn answer(&self, session: &mut DynSession, call: CallId, finish: Finish) {
        let mut wired = Wired { session, descriptors: &self.descriptors };
        if let Err(misuse) = wired.finish_with(call, finish)
            && let Some(status) = status_of_misuse(misuse)
        {
            wired.abandon(call, &status);
        }
    }

    fn serve(&mut self, session: &mut DynSession, call: CallId) {
        if let Some(writer) = self
            .line(call)
            .and_then(|line| line.serve(&mut Wired { session, descriptors: &self.descriptors }))
        {
            writer.wake();
        }
    }

    fn line(&self, call: CallId) -> Option<&Line> {
        match self.open.get(&call)? {
            Open::Started(started) => started.line.as_deref(),
            Open::Gathering(_) => None,
        }
    }

    fn gathering(&mut self, call: CallId) -> Option<&mut Gathering> {
        if let Some((newest, gathering)) = &mut self.newest
            && *newest == call
        {
            return Some(gathering);
        }
        match self.open.get_mut(&call)? {
            Open::Gathering(gathering) => Some(gathering),
            Open::Started(_) => None,
        }
    }

    fn take_gathering(&mut self, call: CallId) -> Option<Gathering> {
        if let Some((_, gathering)) = self.newest.take_if(|(newest, _)| *newest == call) {
            return Some(gathering);
        }
        if !matches!(self.open.get(&call), Some(Open::Gathering(_))) {
            return None;
        }
        match self.open.remove(&call) {
            Some(Open::Gathering(gathering)) => Some(gathering),
            _ => None,
        }
    }
}

/// A handler that was not done at its first poll, in a task of its own.
async fn work(mut handling: Handling, line: Arc<Line>, path: &'static str, running: Running) {
    let finish = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| handling.poll(cx)));
        polled.unwrap_or_else(|panic| Poll::Ready(Finish::failed(panicked(path, &*panic))))
    });
    let finish = finish.await;
    drop(handling);
    drop(running);
    line.push(Outgoing::Finish(Box::new(finish)));
}

/// Ends a call whose session has already ended it.
fn drop_handler(started: Started, status: Status) {
    let Some(line) = &started.line else { return };
    for waiting in line.end(status, Metadata::new()).into_iter().flatten() {
        waiting.wake();
    }
}

/// Logs a panic. What it said is not told to the client.
fn panicked(path: &str, panic: &(dyn Any + Send)) -> Status {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    tracing::error!(path, panic = said, "a handler panicked");
    local_status::panicked()
}

impl Session for Wired<'_, DynSession> {
    fn consume(&mut self, call: CallId, credit: u32) {
        self.session.consume(call, credit);
    }

    fn send(&mut self, call: CallId, message: Message, compress: bool) -> Result<Flow, Misuse> {
        let Message { bytes, attachments } = message;
        self.descriptors.send(self.session, call, bytes, compress, descriptors_of(attachments))
    }

    fn head(
        &mut self,
        call: CallId,
        metadata: &Metadata,
        compression: Option<Encoding>,
    ) -> Result<(), Misuse> {
        self.session.send_head(call, metadata, compression)
    }

    fn half_close(&mut self, _: CallId) -> Result<(), Misuse> {
        Err(Misuse::OutOfOrder("a server ends a call with a status"))
    }

    fn finish_with(&mut self, call: CallId, finish: Finish) -> Result<(), Misuse> {
        if let Some(reply) = finish.reply {
            if !reply.metadata.is_empty() || reply.compression.is_some() {
                self.session.send_head(call, &reply.metadata, reply.compression)?;
            }
            let _ = self.send(call, reply.message, reply.compression.is_some())?;
        }
        self.session.finish(call, &finish.status, &finish.trailers)
    }

    fn abandon(&mut self, call: CallId, status: &Status) {
        // Refused only when the call is over, which is what was wanted.
        let _ = self.session.finish(call, status, &Metadata::new());
    }
}
