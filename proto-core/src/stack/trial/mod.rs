//! gRPC sessions on trial: their owners and their worlds, for the laws suite and for fuzzing.
//!
//! As with a connection on trial (`http2/trial`), the owner answers calls only when the script says so.

pub mod arbitrary;
pub mod console;
#[cfg(test)]
mod explore;
pub mod fuzz;
pub mod pair;
mod scripts;
pub mod web;
pub mod websocket_pair;

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Entropy, Misuse, Time};
use crate::http2::Config;
use crate::http2::trial::sent;
use crate::rpc::grpc::Limits;
use crate::rpc::grpc_web::{WebConfig, WebForm};
use crate::rpc::trial::story;
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status,
};
use crate::stack::{AnyServer, AnyServerConfig, ClientConfig, GrpcClient, GrpcServer, ServerConfig};
use alloc::string::String;
use core::time::Duration;

const CALLS_MAX: usize = 8;
/// Calls that a script starts at the most.
const CLIENT_CALLS_MAX: usize = 40;
const MESSAGE_BYTES_MAX: usize = 5_000;
const HEADER_LIST_BYTES_MAX: usize = 2048;

/// What a script tells the owner; `nth` counts the calls that it has seen.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Starts a call and sends so many messages.
    Start {
        /// Messages.
        messages: u32,
        /// From now to its deadline.
        timeout: Option<Duration>,
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
    /// Drains.
    Drain(Duration),
    /// Ends the connection.
    Close,
}

fn http2(seed: u64) -> Config {
    let mut chance = Entropy::from_seed(seed);
    Config {
        max_concurrent_streams: CALLS_MAX as u32,
        max_queued_streams: CALLS_MAX,
        stream_window_bytes: if chance.below(2) == 0 { 20_000 } else { 65_535 },
        connection_window_bytes: 65_535,
        header_list_bytes_max: HEADER_LIST_BYTES_MAX as u32,
        header_fields_max: 32,
        send_buffer_bytes: 2_000,
        unread_replies_max: 2_000,
        settings_timeout: Duration::from_secs(1),
        header_timeout: Duration::from_millis(300),
        seed,
        ..Config::default()
    }
}

fn limits() -> Limits {
    Limits { receive_message_bytes_max: MESSAGE_BYTES_MAX, ..Limits::default() }
}

/// What both owners remember.
type Calls = crate::rpc::trial::calls::Calls<37>;

/// A session of a server that speaks gRPC on HTTP/2, among others or alone.
pub trait Served: ServerSession {
    /// How reports call it.
    const NAME: &'static str;

    /// A connection that was just accepted.
    fn accept(now: Time, config: ServerConfig) -> Self;

    /// Bytes that it holds.
    fn memory(&self) -> usize;

    /// The most that it may hold.
    fn memory_max(config: ServerConfig) -> usize;
}

impl Served for GrpcServer {
    const NAME: &'static str = "gRPC server";

    fn accept(now: Time, config: ServerConfig) -> GrpcServer {
        GrpcServer::new(now, &config)
    }

    fn memory(&self) -> usize {
        GrpcServer::memory(self)
    }

    fn memory_max(config: ServerConfig) -> usize {
        config.memory_max()
    }
}

impl Served for AnyServer {
    const NAME: &'static str = "server of any protocol";

    fn accept(now: Time, config: ServerConfig) -> AnyServer {
        AnyServer::new(now, &config.into())
    }

    fn memory(&self) -> usize {
        AnyServer::memory(self)
    }

    fn memory_max(config: ServerConfig) -> usize {
        AnyServerConfig::from(config).memory_max()
    }
}

/// A gRPC server on trial; with `WEB`, its clients speak gRPC-Web on HTTP/2, too.
#[derive(Debug)]
pub struct GrpcServerTrial<S = GrpcServer, const WEB: bool = false> {
    session: S,
    calls: Calls,
}

impl<S: Served, const WEB: bool> GrpcServerTrial<S, WEB> {
    fn config(seed: u64) -> ServerConfig {
        let web = WEB.then(WebConfig::default);
        ServerConfig { http2: http2(seed), limits: limits(), web, ..ServerConfig::default() }
    }

    fn pump(&mut self, call: CallId) {
        let GrpcServerTrial { session, calls } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the status is a call that is over, of which an event tells.
            let _refused = session.finish(call, &Status::OK, &Metadata::new());
        }
    }
}

impl<S: Served, const WEB: bool> Subject for GrpcServerTrial<S, WEB> {
    const NAME: &'static str = if WEB { "gRPC-Web server on HTTP/2" } else { S::NAME };
    type Machine = S;
    type Command = Command;
    type Sent = sent::Sent;

    fn build(seed: u64, now: Time) -> Self {
        GrpcServerTrial { session: S::accept(now, Self::config(seed)), calls: Calls::default() }
    }

    fn script(seed: u64) -> Script<Command> {
        scripts::for_server(seed, WEB)
    }

    fn machine(&mut self) -> &mut S {
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
        story::told_by_server(event)
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        story::call_at_server(event)
    }

    fn sent(bytes: &[u8]) -> Result<sent::Sent, String> {
        // Damaged first bytes are answered in HTTP/1.1.
        if bytes.starts_with(b"HTTP/1.1 ") { sent::read(b"") } else { sent::read(bytes) }
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        S::memory_max(Self::config(0))
    }
}

/// A gRPC client on trial; with `WEB`, it speaks gRPC-Web on HTTP/2.
#[derive(Clone, Debug)]
pub struct GrpcClientTrial<const WEB: bool = false> {
    session: GrpcClient,
    calls: Calls,
}

impl<const WEB: bool> GrpcClientTrial<WEB> {
    fn config(seed: u64) -> ClientConfig {
        let form = if seed.is_multiple_of(2) { WebForm::Binary } else { WebForm::Text };
        let web = WEB.then_some(form);
        ClientConfig { http2: http2(seed), limits: limits(), web, ..ClientConfig::default() }
    }

    fn start(&mut self, now: Time, messages: u32, timeout: Option<Duration>) -> Result<(), Misuse> {
        let metadata = Metadata::new();
        let deadline = timeout.map(|timeout| now + timeout);
        let head =
            StartCall { path: "/trial.Service/Method", metadata: &metadata, deadline, compression: None };
        let call = self.session.start(now, head)?;
        self.calls.seen.push(call);
        // gRPC-Web has one message a request.
        self.calls.left.insert(call, if WEB { 1 } else { messages });
        self.pump(call);
        Ok(())
    }

    fn pump(&mut self, call: CallId) {
        let GrpcClientTrial { session, calls } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the end is a call that is over, of which an event tells.
            let _refused = session.half_close(call);
        }
    }
}

impl<const WEB: bool> Subject for GrpcClientTrial<WEB> {
    const NAME: &'static str = if WEB { "gRPC-Web client on HTTP/2" } else { "gRPC client" };
    /// A client gives a broken call up in the middle of a frame. Whether a frame that comes after the call's end then finds
    /// its stream finished or reset is the race that scripts must leave out; damage would bring it back.
    const IS_DAMAGED: bool = false;
    type Machine = GrpcClient;
    type Command = Command;
    type Sent = sent::Sent;

    fn build(seed: u64, now: Time) -> Self {
        GrpcClientTrial { session: GrpcClient::new(now, &Self::config(seed)), calls: Calls::default() }
    }

    fn script(seed: u64) -> Script<Command> {
        scripts::for_client(seed, WEB)
    }

    fn machine(&mut self) -> &mut GrpcClient {
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
        story::told_by_client(event)
    }

    fn stream(event: &EventOf<Self>) -> u64 {
        story::call_at_client(event)
    }

    fn sent(bytes: &[u8]) -> Result<sent::Sent, String> {
        sent::read(bytes)
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        Self::config(0).memory_max(CLIENT_CALLS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_grpc_server_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }

    #[test]
    fn a_server_of_any_protocol_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcServerTrial<AnyServer>>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }

    #[test]
    fn a_server_of_grpc_web_on_http2_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcServerTrial<GrpcServer, true>>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }

    #[test]
    fn a_client_of_grpc_web_on_http2_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcClientTrial<true>>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }

    #[test]
    fn a_grpc_client_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 4_000, "{report:?}");
    }
}
