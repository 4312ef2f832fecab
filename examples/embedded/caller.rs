//! A client in the same style: one link, and calls as values. `wait_for` is a loop of its own that ends when a condition
//! holds; a game or an editor would call `turn` from its own loop instead.

use super::link::{Clock, Link};
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use zrpc::core::base::Misuse;
use zrpc::core::rpc::{CallId, ClientEvent, ClientSession, StartCall};
use zrpc::core::stack::{ClientConfig, GrpcClient};
use zrpc::prost::Message;
use zrpc::{Metadata, Status};

/// What has come back on a call so far.
#[derive(Default, Debug)]
pub struct Answer {
    /// The messages that were not taken yet.
    pub messages: Vec<Bytes>,
    /// How the call ended, once it has.
    pub status: Option<Status>,
}

/// The client.
pub struct Caller {
    poll: Poll,
    events: Events,
    clock: Clock,
    link: Link<GrpcClient>,
    answers: BTreeMap<CallId, Answer>,
}

impl Caller {
    /// Connects; the connection is made while calls are already being started.
    pub fn connect(address: SocketAddr) -> io::Result<Caller> {
        let mut socket = TcpStream::connect(address)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut socket, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        let clock = Clock::start();
        let config = ClientConfig { authority: address.to_string(), ..ClientConfig::default() };
        let link = Link::new(socket, GrpcClient::new(clock.now(), &config));
        Ok(Caller { poll, events: Events::with_capacity(16), clock, link, answers: BTreeMap::new() })
    }

    /// Starts a call of the chat service.
    pub fn start(&mut self, method: &str, timeout: Option<Duration>) -> Result<CallId, Misuse> {
        let now = self.clock.now();
        let path = format!("/zrpc.examples.chat.v1.Chat/{method}");
        let metadata = Metadata::new();
        let deadline = timeout.map(|timeout| now + timeout);
        let head = StartCall { path: &path, metadata: &metadata, deadline, compression: None };
        let call = self.link.machine.start(now, head)?;
        self.answers.insert(call, Answer::default());
        Ok(call)
    }

    /// Sends a message.
    pub fn send(&mut self, call: CallId, message: &impl Message) -> Result<(), Misuse> {
        // Small and few: nothing here is sent fast enough to be told `Blocked`.
        self.link.machine.send(call, message.encode_to_vec().into(), false).map(|_| ())
    }

    /// Says that no more messages come from this side.
    pub fn half_close(&mut self, call: CallId) -> Result<(), Misuse> {
        self.link.machine.half_close(call)
    }

    /// Gives a call up.
    pub fn cancel(&mut self, call: CallId) -> Result<(), Misuse> {
        self.link.machine.cancel(call)
    }

    /// What has come back on a call.
    pub fn answer(&mut self, call: CallId) -> &mut Answer {
        self.answers.entry(call).or_default()
    }

    /// One round: waits until something happens, at most `patience`, and deals with it.
    pub fn turn(&mut self, patience: Duration) -> io::Result<()> {
        let now = self.clock.now();
        self.pump();
        let wake = self.link.wake.map_or(patience, |wake| patience.min(wake.at.saturating_since(now)));
        match self.poll.poll(&mut self.events, Some(wake)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        if self.events.iter().any(|event| event.is_readable() || event.is_read_closed()) {
            self.link.read(self.clock.now());
        }
        self.pump();
        Ok(())
    }

    fn pump(&mut self) {
        let now = self.clock.now();
        while let Some(event) = self.link.poll(now) {
            match event {
                ClientEvent::Message { call, message, credit } => {
                    self.answers.entry(call).or_default().messages.push(message);
                    self.link.machine.consume(call, credit);
                }
                ClientEvent::Ended { call, status, .. } => {
                    self.answers.entry(call).or_default().status = Some(status);
                }
                ClientEvent::Closed(_) => self.link.end(),
                _ => {}
            }
        }
    }
}
