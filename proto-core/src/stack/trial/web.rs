//! gRPC-Web on HTTP/1.1 on trial, both sides. Owners answer only when the script says so, as everywhere.

use crate::base::laws::{EventOf, Script, Subject};
use crate::base::{Entropy, Misuse, Rate, Time};
use crate::http1::{self, HeadLimits};
use crate::rpc::grpc_web::{Cors, Keys, WebConfig, WebForm, text, trailer_frame};
use crate::rpc::trial::story;
use crate::rpc::{ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status};
use crate::stack::trial::{Calls, Command, limits};
use crate::stack::{ClientConfig, GrpcWebClient, GrpcWebServer, ServerConfig};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// Calls that a script starts at the most.
const CALLS_MAX: usize = 40;

fn http1() -> http1::Config {
    http1::Config {
        head: HeadLimits { head_bytes_max: 900, first_line_bytes_max: 200, fields_max: 16 },
        chunk_line_bytes_max: 40,
        chunk_overhead: Rate { burst: 500, per_second: 100 },
        // More than any request has. Where a call fails within a longer one, what was read of it by then would decide
        // whether the connection goes on: a race that no law speaks of.
        pipelined_bytes_max: 20_000,
        send_buffer_bytes: 2_000,
        receive_buffer_bytes: 6_000,
        head_timeout: Duration::from_millis(60),
        body_timeout: Duration::from_millis(50),
        write_timeout: Duration::from_millis(55),
        idle_timeout: Duration::from_millis(90),
        ..http1::Config::default()
    }
}

fn server_config() -> ServerConfig {
    let cors = Cors { keys: Keys::List(vec!["x-key".into()]), ..Cors::default() };
    ServerConfig {
        http1: http1(),
        limits: limits(),
        web: Some(WebConfig { cors }),
        ..ServerConfig::default()
    }
}

fn client_config(seed: u64) -> ClientConfig {
    let form = if seed.is_multiple_of(2) { WebForm::Binary } else { WebForm::Text };
    ClientConfig { http1: http1(), limits: limits(), web: Some(form), ..ClientConfig::default() }
}

/// A server on trial.
#[derive(Clone, Debug)]
pub struct GrpcWebServerTrial {
    session: GrpcWebServer,
    calls: Calls,
}

impl GrpcWebServerTrial {
    fn pump(&mut self, call: crate::rpc::CallId) {
        let GrpcWebServerTrial { session, calls } = self;
        if calls.pump(call, |message| session.send(call, message, false)) {
            // What refuses the status is a call that is over, of which an event tells.
            let _refused = session.finish(call, &Status::OK, &Metadata::new());
        }
    }
}

impl Subject for GrpcWebServerTrial {
    const NAME: &'static str = "gRPC-Web server";
    type Machine = GrpcWebServer;
    type Command = Command;
    type Sent = Vec<u8>;

    fn build(_seed: u64, now: Time) -> Self {
        GrpcWebServerTrial { session: GrpcWebServer::new(now, &server_config()), calls: Calls::default() }
    }

    fn script(seed: u64) -> Script<Command> {
        for_server(seed)
    }

    fn machine(&mut self) -> &mut GrpcWebServer {
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
        let last = self.calls.seen.len().wrapping_sub(1);
        match *command {
            Command::Start { .. } => return Err(Misuse::Closed),
            Command::Answer { messages, .. } => {
                let call = self.calls.nth(last);
                self.session.send_head(call, &Metadata::new(), None)?;
                self.calls.left.insert(call, messages);
                self.pump(call);
            }
            Command::GiveUp { .. } => {
                let status = Status::unavailable("the owner gave up");
                self.session.finish(self.calls.nth(last), &status, &Metadata::new())?;
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

    fn sent(bytes: &[u8]) -> Result<Vec<u8>, String> {
        Ok(bytes.to_vec())
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        server_config().web_memory_max()
    }
}

/// A client on trial.
#[derive(Clone, Debug)]
pub struct GrpcWebClientTrial {
    session: GrpcWebClient,
    calls: Calls,
}

impl Subject for GrpcWebClientTrial {
    const NAME: &'static str = "gRPC-Web client";
    type Machine = GrpcWebClient;
    type Command = Command;
    type Sent = Vec<u8>;

    fn build(seed: u64, _now: Time) -> Self {
        GrpcWebClientTrial { session: GrpcWebClient::new(&client_config(seed)), calls: Calls::default() }
    }

    fn script(seed: u64) -> Script<Command> {
        for_client(seed)
    }

    fn machine(&mut self) -> &mut GrpcWebClient {
        &mut self.session
    }

    fn on_event(&mut self, _now: Time, event: &ClientEvent) {
        if let ClientEvent::Message { call, credit, .. } = event {
            self.session.consume(*call, *credit);
        }
    }

    fn on_command(&mut self, now: Time, command: &Command) -> Result<(), Misuse> {
        match *command {
            Command::Start { messages, timeout } => {
                let metadata = Metadata::new();
                let deadline = timeout.map(|timeout| now + timeout);
                let head = StartCall {
                    path: "/trial.Service/Method",
                    metadata: &metadata,
                    deadline,
                    compression: None,
                };
                let call = self.session.start(now, head)?;
                self.calls.seen.push(call);
                let _ready = self.session.send(call, vec![7; messages as usize].into(), false)?;
                self.session.half_close(call)?;
            }
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

    fn told(event: &EventOf<Self>) -> Option<ClientEvent> {
        match event {
            // Credit for a message that came in parts is given back early, lest a large one never fits the window.
            ClientEvent::Message { call, message, .. } => {
                Some(ClientEvent::Message { call: *call, message: message.clone(), credit: 0 })
            }
            event => Some(event.clone()),
        }
    }

    fn sent(bytes: &[u8]) -> Result<Vec<u8>, String> {
        Ok(bytes.to_vec())
    }

    fn memory(&self) -> usize {
        self.session.memory()
    }

    fn memory_max() -> usize {
        client_config(0).web_memory_max(CALLS_MAX)
    }
}

struct World {
    chance: Entropy,
    script: Script<Command>,
}

fn for_server(seed: u64) -> Script<Command> {
    let mut world = World { chance: Entropy::from_seed(seed), script: Script::new() };
    for _ in 0..2 + world.chance.below(6) {
        world.request();
        world.pause();
        let messages = world.below(6) as u32;
        match world.below(10) {
            0 => world.command(Command::GiveUp { nth: 0 }),
            1 => {}
            _ => world.command(Command::Answer { nth: 0, messages }),
        }
    }
    world.leave()
}

fn for_client(seed: u64) -> Script<Command> {
    let mut world = World { chance: Entropy::from_seed(seed), script: Script::new() };
    for _ in 0..2 + world.chance.below(6) {
        for _ in 0..1 + world.below(2) * world.below(2) {
            let messages = world.below(900) as u32;
            let timeout = (world.below(4) == 0).then(|| Duration::from_millis(30));
            world.command(Command::Start { messages, timeout });
        }
        world.pause();
        world.response();
        if world.below(12) == 0 {
            world.command(Command::GiveUp { nth: 0 });
        }
    }
    world.leave()
}

impl World {
    fn below(&mut self, bound: u64) -> usize {
        self.chance.below(bound) as usize
    }

    fn input(&mut self, bytes: impl Into<Bytes>) {
        self.script = core::mem::take(&mut self.script).input(bytes);
    }

    fn command(&mut self, command: Command) {
        self.script = core::mem::take(&mut self.script).command(command);
    }

    fn pause(&mut self) {
        let most = [1, 1, 1, 20, 70][self.below(5)];
        let wait = Duration::from_millis(self.chance.below(most));
        self.script = core::mem::take(&mut self.script).wait(wait);
    }

    fn message(&mut self) -> Vec<u8> {
        let length = [0, 3, 40, 300, 40, [1_500, 4_900][self.below(2)]][self.below(6)];
        let mut frame = vec![0, 0, 0, (length >> 8) as u8, length as u8];
        frame.extend(vec![5; length]);
        frame
    }

    /// A body in the form, each of its frames encoded apart, cut into chunks or sent with its length.
    fn body(&mut self, start: &str, frames: &[Vec<u8>], is_text: bool) {
        let runs: Vec<Bytes> = frames
            .iter()
            .map(|frame| if is_text { text::encode(&[], frame) } else { frame.clone().into() })
            .collect();
        let whole = runs.concat();
        if self.below(2) == 0 {
            self.input(format!("{start}content-length: {}\r\n\r\n", whole.len()));
            self.input(whole);
            return;
        }
        self.input(format!("{start}transfer-encoding: chunked\r\n\r\n"));
        let size = 1 + self.below(whole.len().max(1) as u64);
        for chunk in whole.chunks(size.max(30)) {
            self.input([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        self.input("0\r\n\r\n");
    }

    fn request(&mut self) {
        let (is_text, kind) = [
            (false, "application/grpc-web+proto"),
            (false, "application/grpc-web"),
            (true, "application/grpc-web-text"),
            (true, "application/grpc-web-text+proto"),
            (false, "application/grpc-web+proto"),
            (false, ["application/grpc", "text/plain"][self.below(2)]),
        ][self.below(6)];
        let line = ["POST", "POST", "POST", "POST", "POST", "OPTIONS"][self.below(6)];
        let extra = [
            "",
            "origin: http://h\r\n",
            "grpc-timeout: 30m\r\n",
            "x-key: value\r\n",
            ["origin: http://evil.example\r\n", "accept: application/grpc-web-text\r\n"][self.below(2)],
        ][self.below(5)];
        let start = format!("{line} /s/m HTTP/1.1\r\nhost: h\r\n{extra}content-type: {kind}\r\n");
        let count = [1, 1, 1, 1, 2, 0][self.below(6)];
        let frames: Vec<Vec<u8>> = (0..count).map(|_| self.message()).collect();
        self.body(&start, &frames, is_text);
    }

    fn response(&mut self) {
        let is_text = self.below(2) == 0;
        let kind = if is_text { "application/grpc-web-text" } else { "application/grpc-web+proto" };
        let kind = if self.below(12) == 0 { "text/html" } else { kind };
        let extra = ["", "", "grpc-status: 5\r\n", "connection: close\r\n", "k: v\r\n"][self.below(5)];
        let start = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{extra}");
        let mut frames: Vec<Vec<u8>> = (0..self.below(4)).map(|_| self.message()).collect();
        if self.below(8) != 0 {
            let lines = "Grpc-Status: 0\r\nk:v\r\n";
            frames.push([&trailer_frame::prefix(lines.len())[..], lines.as_bytes()].concat());
        }
        if self.below(12) == 0 {
            frames.push(self.message());
        }
        self.body(&start, &frames, is_text);
    }

    fn leave(mut self) -> Script<Command> {
        self.pause();
        match self.below(4) {
            0 => self.command(Command::Drain(Duration::from_millis(50))),
            1 => self.command(Command::Close),
            _ => {}
        }
        let wait = Duration::from_millis(self.chance.below(120));
        self.script.wait(wait).eof().wait(Duration::from_millis(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::laws;

    #[test]
    fn a_grpc_web_server_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcWebServerTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 3_000, "{report:?}");
    }

    #[test]
    fn a_grpc_web_client_keeps_all_laws_under_ten_thousand_schedules() {
        let report = laws::check::<GrpcWebClientTrial>(10_000);
        assert!(report.schedules == 1 || report.schedules == 10_000 && report.events > 3_000, "{report:?}");
    }
}
