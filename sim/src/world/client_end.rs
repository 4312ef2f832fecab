//! The client's end of a connection: commands of its calls go in, events come out.

use super::end::{End, Live, Turn};
use crate::call::{Command, Start};
use crate::ledger::Violation;
use zrpc_core::base::{Flow, Misuse};
use zrpc_core::rpc::{ClientEvent, ClientSession, Code, Metadata, SessionEnd, StartCall, Status};

/// The metadata key that says which call it is.
pub(super) const CALL: &str = "sim-call";

pub(super) type ClientEnd = End<Box<dyn ClientSession + Send>>;

impl ClientEnd {
    /// Starts a call that waited for a connection.
    pub(super) fn start(&mut self, start: Start, turn: &mut Turn<'_>) -> Result<(), Violation> {
        let Start { key, call, half } = start;
        let mut metadata: Metadata = call.metadata.clone();
        let text = format!("{}.{}", key.number, key.attempt);
        metadata.append(CALL, &text).map_err(|error| Violation(format!("{error}")))?;
        let compression = call.compression;
        let head = StartCall { path: &call.path, metadata: &metadata, deadline: call.deadline, compression };
        turn.ledger.started(key, turn.world, turn.now, &call);
        turn.note(format_args!("starts {key:?} {}", call.path));
        match self.session.start(turn.now, head) {
            Ok(id) => {
                self.touch();
                self.calls.insert(id, Live { key, half, compresses: compression.is_some() });
            }
            Err(misuse) => {
                let status = Status::unavailable(misuse.to_string()).with_safe_to_retry();
                turn.ledger.client_ended(key, turn.world, &status, *turn.excuses)?;
                half.borrow_mut().end(status);
            }
        }
        Ok(())
    }

    /// Does what the code of its calls asked for. Says whether anything was.
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
                        turn.ledger.client_sent(live.key, &message)?;
                        let flow = self.session.send(*id, message, live.compresses);
                        half.is_blocked = flow == Ok(Flow::Blocked);
                        flow.map(|_| ())
                    }
                    Command::HalfClose => {
                        turn.ledger.client_closed(live.key)?;
                        self.session.half_close(*id)
                    }
                    Command::Cancel => {
                        turn.ledger.cancelled(live.key)?;
                        self.session.cancel(*id)
                    }
                    Command::Consume(credit) => {
                        self.session.consume(*id, credit);
                        Ok(())
                    }
                    Command::Finish(_) => Ok(()),
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

    /// Takes an event to the code that waits for it.
    pub(super) fn on_event(&mut self, turn: &mut Turn<'_>, event: ClientEvent) -> Result<Heard, Violation> {
        match event {
            ClientEvent::Ready => {
                turn.note(format_args!("is ready"));
                return Ok(Heard::Ready);
            }
            ClientEvent::Head { call } => self.live(call).map(|_| ())?,
            ClientEvent::Message { call, message, credit } => {
                let live = self.live(call)?;
                turn.note(format_args!("hears {:?}: a message of {} bytes", live.key, message.len()));
                named(live, turn.ledger.client_received(live.key, &message))?;
                let mut half = live.half.borrow_mut();
                half.inbox.push_back((message, credit));
                half.wake();
            }
            ClientEvent::Writable { call } => {
                let mut half = self.live(call)?.half.borrow_mut();
                if !std::mem::take(&mut half.is_blocked) {
                    return Err(Violation("Writable, and nothing was blocked".into()));
                }
                half.wake();
            }
            ClientEvent::Ended { call, status, .. } => {
                let live = self.live(call)?;
                turn.note(format_args!("hears {:?}: it ended as {status}", live.key));
                named(live, turn.ledger.client_ended(live.key, turn.world, &status, *turn.excuses))?;
                let is_given_up = matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded);
                turn.excuses.is_troubled |= turn.ends_with_its_calls && is_given_up;
                live.half.borrow_mut().end(status);
                self.calls.remove(&call);
            }
            ClientEvent::Draining => turn.note(format_args!("is draining")),
            ClientEvent::Closed(end) => {
                check_end(turn, &end)?;
                self.close(turn)?;
            }
            _ => {}
        }
        Ok(Heard::Other)
    }
}

/// What an event means for the channel.
#[derive(PartialEq, Eq)]
pub(super) enum Heard {
    /// The server took the connection.
    Ready,
    Other,
}

/// Says which call it was.
pub(super) fn named(live: &Live, checked: Result<(), Violation>) -> Result<(), Violation> {
    checked.map_err(|violation| Violation(format!("{:?}: {violation}", live.key)))
}

/// A command may come too late, and nothing else may be wrong with it.
pub(super) fn check(done: Result<(), Misuse>) -> Result<(), Violation> {
    match done {
        Ok(()) | Err(Misuse::Gone | Misuse::Closed) => Ok(()),
        // A call that was cancelled or half closed and is not over yet takes no more.
        Err(Misuse::OutOfOrder(_)) => Ok(()),
        Err(misuse) => Err(Violation(format!("a command was refused: {misuse}"))),
    }
}

/// A connection that nothing happened to ends only as intended.
pub(super) fn check_end(turn: &Turn<'_>, end: &SessionEnd) -> Result<(), Violation> {
    match end {
        SessionEnd::Failed(status) if !turn.excuses.is_troubled && !turn.excuses.is_untimely => {
            Err(Violation(format!("nothing happened to the connection, and it failed: {status}")))
        }
        _ => Ok(()),
    }
}
