//! The conversation that `docs/native-protocol.md` shows, typed into a WebSocket as a person would: what stands behind `>`
//! is sent, and what stands behind `<` must come back, in any order up to the next `>`; `…` stands for anything.

#[path = "../../examples/chat/mod.rs"]
mod chat;
#[path = "../../examples/quickstart/rooms.rs"]
#[allow(dead_code)]
mod rooms;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use zrpc::core::base::{Machine, Out, Output, Secret, Time};
use zrpc::core::stack::{SharedWebSocketConfig, WebSocketServer, WebSocketServerConfig};
use zrpc::core::websocket::{Config, Connection, Event, Kind, Request};
use zrpc::json::Schema;
use zrpc::tokio::Server;

/// A WebSocket console.
struct Console {
    stream: TcpStream,
    connection: Connection,
    heard: Vec<String>,
    waits_for: String,
}

impl Console {
    fn open(stream: TcpStream) -> Console {
        // A conversation that stalls must say where.
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request = Request::new("localhost", "/").subprotocol("zrpc.v1+json");
        let secret = Secret::from_seed([3; 32]);
        let connection =
            Connection::client(Time::START, Arc::new(Config::default()), &request, secret).unwrap();
        let mut console = Console { stream, connection, heard: Vec::new(), waits_for: String::new() };
        while !console.connection.is_open() {
            console.turn();
            console.read();
        }
        console
    }

    /// Writes what is due, and takes the texts that arrived.
    fn turn(&mut self) {
        loop {
            let mut out = Out::with_room(64 * 1024);
            let output = self.connection.poll_output(Time::START, &mut out);
            self.stream.write_all(&out.to_vec()).unwrap();
            match output {
                Output::Event(Event::Message { payload, .. }) => {
                    self.heard.push(String::from_utf8(payload.to_vec()).unwrap());
                }
                Output::Event(Event::Closed(end)) => panic!("the connection is over: {end}"),
                Output::Event(_) => {}
                Output::Full(_) if !out.is_empty() => {}
                Output::Full(_) | Output::Idle(_) => return,
            }
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer).unwrap_or_else(|error| {
            panic!("{error} while {} was due; heard {:#?}", self.waits_for, self.heard)
        });
        assert!(count > 0, "the server hung up; what it said last: {:?}", self.heard.last());
        self.connection.handle_input(Time::START, buffer[..count].to_vec().into());
        self.turn();
    }

    fn say(&mut self, text: &str) {
        let _ = self.connection.send(Kind::Text, text.to_owned().into(), false).unwrap();
        self.turn();
    }

    /// Waits for a text that fits.
    fn expect(&mut self, pattern: &str) {
        loop {
            if let Some(at) = self.heard.iter().position(|text| fits(text, pattern)) {
                self.heard.remove(at);
                return;
            }
            assert!(self.heard.len() < 4, "waiting for {pattern}, heard {:#?}", self.heard);
            self.waits_for = pattern.to_owned();
            self.read();
        }
    }
}

/// Whether a text is the pattern with something in the place of each `…`.
fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    rest.is_empty() || last == Some("")
}

#[test]
fn the_conversation_in_the_specification_goes_as_it_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let schema = Schema::of([&chat::CHAT]).unwrap();
    let config = WebSocketServerConfig { schema: Arc::new(schema), ..WebSocketServerConfig::default() };
    let config = SharedWebSocketConfig::from(&config);
    let server = Server::builder()
        .service(chat::ChatServer::new(rooms::Rooms::default()))
        .sessions(move |now| Box::new(WebSocketServer::sharing(now, &config)));
    let server = runtime.block_on(server.bind("127.0.0.1:0")).unwrap();
    let address = server.local_addr().unwrap();
    runtime.spawn(server.run());

    let page = include_str!("../../docs/native-protocol.md");
    let lines =
        page.lines().skip_while(|line| *line != "```console").skip(1).take_while(|line| *line != "```");
    let mut console = Console::open(TcpStream::connect(address).unwrap());
    let mut count = 0;
    for line in lines {
        match line.split_at(2) {
            ("> ", text) => console.say(text),
            ("< ", pattern) => console.expect(pattern),
            _ => panic!("neither typed nor heard: {line}"),
        }
        count += 1;
    }
    assert!(count > 20 && console.heard.is_empty(), "{count} lines; nobody expected {:?}", console.heard);
}

#[test]
fn patterns_fit_what_they_should_and_nothing_else() {
    assert!(
        fits("abc", "abc")
            && fits("abc", "a…c")
            && fits("abc", "a…")
            && fits("abc", "…")
            && fits("ac", "a…c")
    );
    assert!(!fits("abc", "ab") && !fits("abc", "a…b") && !fits("abc", "b…") && !fits("abc", "a…d"));
}
