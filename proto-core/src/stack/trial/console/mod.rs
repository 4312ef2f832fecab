//! Sessions in a WebSocket on trial, in JSON and in bytes: their owners and their worlds, for the laws suite and for fuzzing.

mod form;
pub mod fuzz;
mod scripts;
mod sent;

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Entropy, Misuse, Secret, Time};
use crate::native;
use crate::rpc::grpc::Limits;
use crate::rpc::trial::schema::AnyBytes;
use crate::rpc::trial::story;
use crate::rpc::{ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status};
use crate::stack::trial::{Calls, Command};
use crate::stack::{WebSocketClient, WebSocketClientConfig, WebSocketServer, WebSocketServerConfig};
use crate::websocket;
use crate::websocket::trial::SECRET;
use alloc::string::String;
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::time::Duration;
pub use form::{Binary, Form, Json};

const MESSAGE_BYTES_MAX: usize = 5_000;
const CALLS_MAX: usize = 64;

fn native(seed: u64) -> native::Config {
    let mut chance = Entropy::from_seed(seed);
    native::Config {
        max_calls: 8,
        initial_credit: 1_024 + chance.below(40_000) as u32,
        send_buffer_bytes: 2_000,
        unread_replies_max: 200,
        opening_timeout: Duration::from_secs(1),
        limits: Limits { receive_message_bytes_max: MESSAGE_BYTES_MAX, ..Limits::default() },
        seed,
        ..native::Config::default()
    }
}

fn native_websocket() -> websocket::Config {
    websocket::Config {
        message_bytes_max: MESSAGE_BYTES_MAX,
        handshake_timeout: Duration::from_millis(300),
        message_timeout: Duration::from_millis(400),
        close_timeout: Duration::from_millis(300),
        heartbeat_interval: Some(Duration::from_millis(500)),
        heartbeat_timeout: Duration::from_millis(400),
        ..websocket::Config::default()
    }
}

fn server_config<F: Form>(seed: u64) -> WebSocketServerConfig {
    let (native, websocket) = (F::native(seed), native_websocket());
    WebSocketServerConfig { native, websocket, schema: Arc::new(AnyBytes) }
}

fn client_config<F: Form>(seed: u64) -> WebSocketClientConfig {
    let subprotocol = if F::IS_TEXT { "zrpc.v1+json" } else { "zrpc.v1" };
    let request = websocket::Request::new("localhost", "/").subprotocol(subprotocol);
    WebSocketClientConfig {
        native: F::native(seed),
        websocket: native_websocket(),
        request,
        text: F::IS_TEXT,
        schema: Arc::new(AnyBytes),
    }
}

/// A server in a WebSocket, on trial.
#[derive(Debug)]
pub struct ConsoleServerTrial<F = Json> {
    session: WebSocketServer,
    calls: Calls,
    form: PhantomData<F>,
}

impl<F: Form> ConsoleServerTrial<F> {
    fn pump(&mut self, call: crate::rpc::CallId) {
        let ConsoleServerTrial { session, calls, .. } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the status is a call that is over, of which an event tells.
            let _refused = session.finish(call, &Status::OK, &Metadata::new());
        }
    }
}

impl<F: Form> Subject for ConsoleServerTrial<F> {
    const NAME: &'static str = F::NAMES[0];
    type Machine = WebSocketServer;
    type Command = Command;
    type Sent = F::Sent;

    fn build(seed: u64, now: Time) -> Self {
        let session = WebSocketServer::new(now, &server_config::<F>(seed));
        ConsoleServerTrial { session, calls: Calls::default(), form: PhantomData }
    }

    fn script(seed: u64) -> Script<Command> {
        F::for_server(seed)
    }

    fn machine(&mut self) -> &mut WebSocketServer {
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
        (!matches!(event, ServerEvent::Writable { .. })).then(|| event.clone())
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        story::call_at_server(event)
    }

    fn sent(bytes: &[u8]) -> Result<F::Sent, String> {
        F::read(bytes, false)
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        server_config::<F>(0).memory_max()
    }
}

/// A client in a WebSocket, on trial.
#[derive(Debug)]
pub struct ConsoleClientTrial<F = Json> {
    session: WebSocketClient,
    calls: Calls,
    form: PhantomData<F>,
}

impl<F: Form> ConsoleClientTrial<F> {
    fn start(&mut self, now: Time, messages: u32, timeout: Option<Duration>) -> Result<(), Misuse> {
        let metadata = Metadata::new();
        let deadline = timeout.map(|timeout| now + timeout);
        let head =
            StartCall { path: "/trial.Service/Method", metadata: &metadata, deadline, compression: None };
        let call = self.session.start(now, head)?;
        self.calls.seen.push(call);
        self.calls.left.insert(call, messages);
        self.pump(call);
        Ok(())
    }

    fn pump(&mut self, call: crate::rpc::CallId) {
        let ConsoleClientTrial { session, calls, .. } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the end is a call that is over, of which an event tells.
            let _refused = session.half_close(call);
        }
    }
}

impl<F: Form> Subject for ConsoleClientTrial<F> {
    const NAME: &'static str = F::NAMES[1];
    type Machine = WebSocketClient;
    type Command = Command;
    type Sent = F::Sent;

    fn build(seed: u64, now: Time) -> Self {
        let session = WebSocketClient::new(now, &client_config::<F>(seed), Secret::from_seed(SECRET));
        let session = session.expect("the request can be sent");
        ConsoleClientTrial { session, calls: Calls::default(), form: PhantomData }
    }

    fn script(seed: u64) -> Script<Command> {
        F::for_client(seed)
    }

    fn machine(&mut self) -> &mut WebSocketClient {
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
            Command::Start { messages, timeout } => self.start(now, messages, timeout)?,
            Command::Answer { .. } => return Err(Misuse::Closed),
            Command::GiveUp { nth } => self.session.cancel(self.calls.nth(nth))?,
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
        (!matches!(event, ClientEvent::Writable { .. })).then(|| event.clone())
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        story::call_at_client(event)
    }

    fn sent(bytes: &[u8]) -> Result<F::Sent, String> {
        F::read(bytes, true)
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        client_config::<F>(0).memory_max(CALLS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_server_in_json_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ConsoleServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 2_500, "{report:?}");
    }

    #[test]
    fn a_server_in_binary_messages_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ConsoleServerTrial<Binary>>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 2_500, "{report:?}");
    }

    #[test]
    fn a_client_in_binary_messages_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ConsoleClientTrial<Binary>>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 2_500, "{report:?}");
    }

    #[test]
    fn a_client_in_json_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<ConsoleClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 2_500, "{report:?}");
    }
}
