//! Each rule of the native protocol, held against both sides: a machine under test, and a peer that writes any bytes.

mod abuse;
mod attachments;
mod calls;
mod drain;
mod opening;
mod order;
mod states;
mod violations;

use crate::base::{Flow, Machine, Misuse, Out, Output, Time};
use crate::native::trial::peer::Peer;
use crate::native::trial::sent::{self, Said, Sent};
use crate::native::{Config, NativeClient, NativeServer};
use crate::rpc::{
    CallId, ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, SessionEnd, StartCall, Status,
};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// A server, a client that writes by hand, and what came of it.
struct AtServer {
    now: Time,
    server: NativeServer,
    peer: Peer,
    events: Vec<ServerEvent>,
    sent: Vec<u8>,
    consumes: bool,
}

impl AtServer {
    /// The client has sent preface and HELLO.
    fn new() -> AtServer {
        AtServer::with(Config::default(), &[])
    }

    fn with(config: Config, hello: &[(u64, u64)]) -> AtServer {
        let mut test = AtServer::unopened(config.shared());
        test.peer.preface().hello(hello);
        test.turn();
        test
    }

    fn unopened(config: Arc<Config>) -> AtServer {
        let now = Time::START;
        AtServer {
            now,
            server: NativeServer::new(now, config),
            peer: Peer::new(),
            events: Vec::new(),
            sent: Vec::new(),
            consumes: true,
        }
    }

    /// What the peer wrote arrives, and the server says what it has to.
    fn turn(&mut self) -> &mut AtServer {
        let input = self.peer.take();
        if !input.is_empty() {
            self.server.handle_input(self.now, input);
        }
        let mut out = Out::with_room(1 << 24);
        while let Output::Event(event) = self.server.poll_output(self.now, &mut out) {
            if let ServerEvent::Message { call, credit, .. } = &event
                && self.consumes
            {
                self.server.consume(*call, *credit);
            }
            self.events.push(event);
        }
        self.sent.extend(out.to_vec());
        self
    }

    /// The peer writes, and it arrives.
    fn peer(&mut self, write: impl FnOnce(&mut Peer)) -> &mut AtServer {
        write(&mut self.peer);
        self.turn()
    }

    fn wait(&mut self, time: Duration) -> &mut AtServer {
        self.now = self.now + time;
        self.turn()
    }

    /// What the server has sent.
    fn sent(&self) -> Sent {
        sent::read(&self.sent, false).expect("whole frames")
    }

    fn said(&self, call: u64) -> Vec<Said> {
        self.sent().calls.remove(&call).unwrap_or_default()
    }

    fn messages(&self) -> Vec<Bytes> {
        let message = |event: &ServerEvent| match event {
            ServerEvent::Message { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.events.iter().filter_map(message).collect()
    }

    /// How a call ended.
    fn end_of(&self, number: u64) -> Option<Status> {
        self.events.iter().find_map(|event| match event {
            ServerEvent::Ended { call, status } if call.as_u64() == number => Some(status.clone()),
            _ => None,
        })
    }

    /// How the connection ended.
    fn closed(&self) -> Option<SessionEnd> {
        match self.events.last() {
            Some(ServerEvent::Closed(end)) => Some(end.clone()),
            _ => None,
        }
    }
}

/// A client, and a server that writes by hand.
struct AtClient {
    now: Time,
    client: NativeClient,
    peer: Peer,
    events: Vec<ClientEvent>,
    sent: Vec<u8>,
}

impl AtClient {
    /// The server has sent preface and HELLO.
    fn new() -> AtClient {
        AtClient::with(Config::default(), &[(0, 256), (8, 128)])
    }

    fn with(config: Config, hello: &[(u64, u64)]) -> AtClient {
        let mut test = AtClient::unopened(config);
        test.peer.answer().hello(hello);
        test.turn();
        test
    }

    fn unopened(config: Config) -> AtClient {
        let now = Time::START;
        AtClient {
            now,
            client: NativeClient::new(now, config.shared()),
            peer: Peer::new(),
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn turn(&mut self) -> &mut AtClient {
        self.turn_with_room(1 << 24)
    }

    /// A turn with little room, until the machine says that it is full.
    fn turn_with_room(&mut self, room: usize) -> &mut AtClient {
        let input = self.peer.take();
        if !input.is_empty() {
            self.client.handle_input(self.now, input);
        }
        let mut out = Out::with_room(room);
        while let Output::Event(event) = self.client.poll_output(self.now, &mut out) {
            if let ClientEvent::Message { call, credit, .. } = &event {
                self.client.consume(*call, *credit);
            }
            self.events.push(event);
        }
        self.sent.extend(out.to_vec());
        self
    }

    fn peer(&mut self, write: impl FnOnce(&mut Peer)) -> &mut AtClient {
        write(&mut self.peer);
        self.turn()
    }

    fn wait(&mut self, time: Duration) -> &mut AtClient {
        self.now = self.now + time;
        self.turn()
    }

    fn start_with(&mut self, metadata: &Metadata, timeout: Option<Duration>) -> Result<CallId, Misuse> {
        let deadline = timeout.map(|timeout| self.now + timeout);
        let head = StartCall { path: "/trial.Service/Method", metadata, deadline, compression: None };
        self.client.start(self.now, head)
    }

    fn start(&mut self) -> CallId {
        self.start_with(&Metadata::new(), None).expect("the connection takes calls")
    }

    fn send(&mut self, call: CallId, len: usize) -> Flow {
        self.client.send(call, alloc::vec![7; len].into(), false).expect("the call takes messages")
    }

    fn sent(&self) -> Sent {
        sent::read(&self.sent, true).expect("whole frames")
    }

    fn said(&self, call: u64) -> Vec<Said> {
        self.sent().calls.remove(&call).unwrap_or_default()
    }

    fn end_of(&self, id: CallId) -> Option<Status> {
        self.events.iter().find_map(|event| match event {
            ClientEvent::Ended { call, status, .. } if *call == id => Some(status.clone()),
            _ => None,
        })
    }

    fn closed(&self) -> Option<SessionEnd> {
        match self.events.last() {
            Some(ClientEvent::Closed(end)) => Some(end.clone()),
            _ => None,
        }
    }
}

/// The code of a GOAWAY that was sent, and what it says; the last one counts.
fn goaway(sent: &Sent) -> Option<(u64, u64)> {
    let frame = sent.control.iter().rfind(|frame| frame.kind == 0x07)?;
    let (last, at) = crate::native::varint::read(&frame.body)?;
    let (code, _) = crate::native::varint::read(&frame.body[at..])?;
    Some((last, code))
}
