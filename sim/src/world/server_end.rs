//! The server's end of a connection: events start handlers and feed them, and what these say goes in.

use super::client_end::{CALL, check, check_end, named};
use super::end::{End, Live, Turn};
use super::process::Service;
use crate::call::{CallKey, Command, ServerCall, SharedHalf};
use crate::clock::Clock;
use crate::ledger::{Violation, ensure};
use crate::tasks::Tasks;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use zrpc_core::base::Flow;
use zrpc_core::rpc::{CallId, Metadata, ServerEvent, ServerSession, Status};
use zrpc_core::stack::AnyServer;

pub(super) type ServerEnd = End<AnyServer>;

/// What a handler is started with.
pub(super) struct Host<'a> {
    pub(super) tasks: &'a mut Tasks,
    pub(super) clock: &'a Clock,
    pub(super) service: &'a Service,
}

impl ServerEnd {
    /// Does what handlers asked for. Says whether anything was.
    pub(super) fn obey(&mut self, turn: &mut Turn<'_>) -> Result<bool, Violation> {
        let mut has_obeyed = false;
        for (id, live) in &self.calls {
            let mut half = live.half.borrow_mut();
            if half.commands.is_empty() {
                continue;
            }
            has_obeyed = true;
            while let Some(command) = half.commands.pop_front() {
                let done = match command {
                    Command::Send(message) => {
                        turn.ledger.server_sent(live.key, &message)?;
                        let flow = self.session.send(*id, message, live.compresses);
                        half.is_blocked = flow == Ok(Flow::Blocked);
                        flow.map(|_| ())
                    }
                    Command::Finish(status) => {
                        let done = self.session.finish(*id, &status, &Metadata::new());
                        if done.is_ok() {
                            turn.note(format_args!("says {:?}: {status}", live.key));
                            turn.ledger.finished(live.key, &status)?;
                        }
                        done
                    }
                    Command::Consume(credit) => {
                        self.session.consume(*id, credit);
                        Ok(())
                    }
                    Command::HalfClose | Command::Cancel => Ok(()),
                };
                check(done)?;
            }
            half.wake();
        }
        if has_obeyed {
            self.touch();
        }
        Ok(has_obeyed)
    }

    /// Takes an event to the handler that waits for it, or starts one.
    pub(super) fn on_event(
        &mut self,
        turn: &mut Turn<'_>,
        event: ServerEvent,
        host: &mut Host<'_>,
    ) -> Result<(), Violation> {
        match event {
            ServerEvent::Opened { call } => self.open(turn, call, host)?,
            ServerEvent::Message { call, message, credit } => {
                let live = self.live(call)?;
                turn.note(format_args!("hears {:?}: a message of {} bytes", live.key, message.len()));
                named(live, turn.ledger.server_received(live.key, &message))?;
                let mut half = live.half.borrow_mut();
                half.inbox.push_back((message, credit));
                half.wake();
            }
            ServerEvent::HalfClosed { call } => {
                let live = self.live(call)?;
                named(live, turn.ledger.client_half_closed(live.key))?;
                let mut half = live.half.borrow_mut();
                half.is_inbox_closed = true;
                half.wake();
            }
            ServerEvent::Writable { call } => {
                let mut half = self.live(call)?.half.borrow_mut();
                ensure!(std::mem::take(&mut half.is_blocked), "Writable, and nothing was blocked");
                half.wake();
            }
            ServerEvent::Ended { call, status } => {
                let live = self.live(call)?;
                turn.note(format_args!("hears {:?}: it ended as {status}", live.key));
                named(live, turn.ledger.server_ended(live.key, turn.world, &status, *turn.excuses))?;
                live.half.borrow_mut().end(status);
                self.calls.remove(&call);
            }
            ServerEvent::Closed(end) => {
                check_end(turn, &end)?;
                // On HTTP/1.1 a request may be under way to a server that has just hung up.
                turn.excuses.is_troubled |= turn.ends_with_its_calls;
                self.close(turn)?;
            }
            event => return Err(Violation(format!("an honest client was answered with {event:?}"))),
        }
        Ok(())
    }

    fn open(&mut self, turn: &mut Turn<'_>, id: CallId, host: &mut Host<'_>) -> Result<(), Violation> {
        let half = SharedHalf::default();
        // Its end may be known already; then the head is gone, and nobody has to answer.
        let Some(head) = self.session.request(id) else {
            self.calls.insert(id, Live { key: CallKey::UNKNOWN, half, compresses: false });
            return Ok(());
        };
        let key = head.metadata.get(CALL).and_then(|text| {
            let (number, attempt) = text.split_once('.')?;
            Some(CallKey { number: number.parse().ok()?, attempt: attempt.parse().ok()? })
        });
        let Some(key) = key else { return Err(Violation("a call arrived without its metadata".into())) };
        let call = ServerCall {
            half: Rc::clone(&half),
            key,
            path: head.path.to_owned(),
            metadata: head.metadata.clone(),
            deadline: head.deadline,
            clock: host.clock.clone(),
        };
        let compresses = head.encoding.is_some();
        turn.note(format_args!("opens {key:?} {}", call.path));
        let live = Live { key, half: Rc::clone(&half), compresses };
        named(&live, turn.ledger.opened(key))?;
        self.calls.insert(id, live);
        let answer = (host.service.handler)(call);
        host.tasks.spawn(async move {
            if let Some(said) = until_over(answer, &half).await {
                half.borrow_mut().commands.push_back(Command::Finish(said.err().unwrap_or(Status::OK)));
            }
        });
        Ok(())
    }
}

/// A handler is dropped where it waits when its call is over, as drivers do.
async fn until_over(
    handler: impl Future<Output = Result<(), Status>>,
    half: &SharedHalf,
) -> Option<Result<(), Status>> {
    let mut handler = pin!(handler);
    poll_fn(|cx| {
        if half.borrow().end.is_some() {
            return Poll::Ready(None);
        }
        match handler.as_mut().poll(cx) {
            Poll::Ready(said) => Poll::Ready(Some(said)),
            Poll::Pending => half.borrow_mut().wait(cx),
        }
    })
    .await
}
