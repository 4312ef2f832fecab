//! The native protocol on trial: owners and worlds of its machines, for the laws suite and for fuzzing.
//!
//! The owner answers calls only when the script says so: when an answer is written decides whether the peer's next frame
//! finds its call open, which is a race that every multiplexed connection has.

pub mod arbitrary;
#[cfg(test)]
mod explore;
pub mod fuzz;
pub mod pair;
pub(crate) mod peer;
pub(crate) mod scripts;
pub(crate) mod sent;

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Misuse, Time};
use crate::native::{Config, NativeClient, NativeServer, Priority};
use crate::rpc::grpc::Limits;
use crate::rpc::trial::story;
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status,
};
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

/// Calls that a script starts at the most.
const CALLS_MAX: usize = 64;
pub(crate) const MESSAGE_BYTES_MAX: usize = 5_000;

/// What a script tells the owner; `nth` counts the calls that it has seen.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Starts a call and sends so many messages.
    Start {
        /// Messages.
        messages: u32,
        /// From now to its deadline.
        timeout: Option<Duration>,
        /// Its urgency.
        urgency: Option<u8>,
    },
    /// Answers a call with so many messages, then a status.
    Answer {
        /// Which call.
        nth: usize,
        /// Messages.
        messages: u32,
    },
    /// Cancels a call, or finishes it with a status alone.
    GiveUp {
        /// Which call.
        nth: usize,
    },
    /// Changes a call's priority.
    Urge {
        /// Which call.
        nth: usize,
        /// Its urgency from here on.
        urgency: u8,
    },
    /// Drains.
    Drain(Duration),
    /// Ends the connection.
    Close,
}

pub(crate) fn config(seed: u64) -> Arc<Config> {
    Config {
        max_calls: CALLS_MAX as u32,
        max_queued_calls: CALLS_MAX,
        initial_credit: if seed.is_multiple_of(2) { 20_000 } else { 65_535 },
        metadata_bytes_max: 2048,
        metadata_entries_max: 32,
        interned_max: 8,
        send_buffer_bytes: 2_000,
        part_bytes: 1_100,
        unread_replies_max: 2_000,
        opening_timeout: Duration::from_secs(1),
        limits: Limits { receive_message_bytes_max: MESSAGE_BYTES_MAX, ..Limits::default() },
        seed,
        ..Config::default()
    }
    .shared()
}

/// What both owners remember.
type Calls = crate::rpc::trial::calls::Calls<97>;

/// A native server on trial.
#[derive(Clone, Debug)]
pub struct NativeServerTrial {
    session: NativeServer,
    calls: Calls,
}

impl NativeServerTrial {
    fn pump(&mut self, call: CallId) {
        let NativeServerTrial { session, calls } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the status is a call that is over, of which an event tells.
            let _refused = session.finish(call, &Status::OK, &Metadata::new());
        }
    }
}

impl Subject for NativeServerTrial {
    const NAME: &'static str = "native server";
    type Machine = NativeServer;
    type Command = Command;
    type Sent = sent::Sent;

    fn build(seed: u64, now: Time) -> Self {
        NativeServerTrial { session: NativeServer::new(now, config(seed)), calls: Calls::default() }
    }

    fn script(seed: u64) -> Script<Command> {
        scripts::for_server(seed)
    }

    fn machine(&mut self) -> &mut NativeServer {
        &mut self.session
    }

    fn on_event(&mut self, _now: Time, event: &ServerEvent) {
        match event {
            ServerEvent::Opened { call } => self.calls.seen.push(*call),
            ServerEvent::Message { call, credit, .. } => self.session.consume(*call, *credit),
            ServerEvent::Writable { call } => self.pump(*call),
            _ => {}
        }
    }

    fn on_command(&mut self, now: Time, command: &Command) -> Result<(), Misuse> {
        match *command {
            Command::Start { .. } => return Err(Misuse::Closed),
            Command::Answer { nth, messages } => {
                let call = self.calls.nth(nth);
                self.session.send_head(call, &Metadata::new(), None)?;
                self.calls.left.insert(call, messages);
                self.pump(call);
            }
            Command::GiveUp { nth } => {
                let status = Status::unavailable("the owner gave up");
                self.session.finish(self.calls.nth(nth), &status, &Metadata::new())?;
            }
            Command::Urge { nth, urgency } => {
                self.session
                    .set_priority(self.calls.nth(nth), Priority::new(urgency, nth.is_multiple_of(2)))?;
            }
            Command::Drain(grace) => self.session.drain(now, grace),
            Command::Close => self.session.close(now),
        }
        Ok(())
    }

    fn is_infallible(command: &Command) -> bool {
        matches!(command, Command::Drain(_) | Command::Close)
    }

    fn is_fatal(event: &ServerEvent) -> bool {
        matches!(event, ServerEvent::Closed(_))
    }

    fn told(event: &ServerEvent) -> Option<ServerEvent> {
        story::told_by_server(event)
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        story::call_at_server(event)
    }

    fn sent(bytes: &[u8]) -> Result<sent::Sent, String> {
        sent::read(bytes, false)
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        NativeServer::<crate::native::Binary>::memory_max(&config(0))
    }
}

/// A native client on trial.
#[derive(Clone, Debug)]
pub struct NativeClientTrial {
    session: NativeClient,
    calls: Calls,
}

impl NativeClientTrial {
    fn start(
        &mut self,
        now: Time,
        messages: u32,
        timeout: Option<Duration>,
        urgency: Option<u8>,
    ) -> Result<(), Misuse> {
        let mut metadata = Metadata::new();
        if let Some(urgency) = urgency {
            let field = alloc::format!("u={urgency}, i");
            metadata.append(Priority::KEY, &field).map_err(|_| Misuse::InvalidField("priority"))?;
        }
        let deadline = timeout.map(|timeout| now + timeout);
        let head =
            StartCall { path: "/trial.Service/Method", metadata: &metadata, deadline, compression: None };
        let call = self.session.start(now, head)?;
        self.calls.seen.push(call);
        self.calls.left.insert(call, messages);
        self.pump(call);
        Ok(())
    }

    fn pump(&mut self, call: CallId) {
        let NativeClientTrial { session, calls } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the end is a call that is over, of which an event tells.
            let _refused = session.half_close(call);
        }
    }
}

impl Subject for NativeClientTrial {
    const NAME: &'static str = "native client";
    type Machine = NativeClient;
    type Command = Command;
    type Sent = sent::Sent;

    fn build(seed: u64, now: Time) -> Self {
        NativeClientTrial { session: NativeClient::new(now, config(seed)), calls: Calls::default() }
    }

    fn script(seed: u64) -> Script<Command> {
        scripts::for_client(seed)
    }

    fn machine(&mut self) -> &mut NativeClient {
        &mut self.session
    }

    fn on_event(&mut self, _now: Time, event: &ClientEvent) {
        match event {
            ClientEvent::Message { call, credit, .. } => self.session.consume(*call, *credit),
            ClientEvent::Writable { call } => self.pump(*call),
            _ => {}
        }
    }

    fn on_command(&mut self, now: Time, command: &Command) -> Result<(), Misuse> {
        match *command {
            Command::Start { messages, timeout, urgency } => self.start(now, messages, timeout, urgency)?,
            Command::Answer { .. } => return Err(Misuse::Closed),
            Command::GiveUp { nth } => self.session.cancel(self.calls.nth(nth))?,
            Command::Urge { nth, urgency } => {
                self.session
                    .set_priority(self.calls.nth(nth), Priority::new(urgency, nth.is_multiple_of(2)))?;
            }
            Command::Drain(_) => self.session.drain(now),
            Command::Close => self.session.close(now),
        }
        Ok(())
    }

    fn is_infallible(command: &Command) -> bool {
        matches!(command, Command::Drain(_) | Command::Close)
    }

    fn is_fatal(event: &ClientEvent) -> bool {
        matches!(event, ClientEvent::Closed(_))
    }

    fn told(event: &ClientEvent) -> Option<ClientEvent> {
        story::told_by_client(event)
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        story::call_at_client(event)
    }

    fn sent(bytes: &[u8]) -> Result<sent::Sent, String> {
        sent::read(bytes, true)
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        NativeClient::<crate::native::Binary>::memory_max(&config(0), CALLS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_native_server_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<NativeServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }

    #[test]
    fn a_native_client_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<NativeClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }
}
