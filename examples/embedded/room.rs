//! The chat service as plain code over events: no task, no thread, no future. The room is a value; what a call needs next
//! is a value in its state.

use super::link::Link;
use crate::chat::{ImportReply, Line, ListenRequest, SayReply, SayRequest};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use zrpc::core::base::Flow;
use zrpc::core::rpc::{CallId, ServerEvent, ServerSession};
use zrpc::core::stack::GrpcServer;
use zrpc::prost::Message;
use zrpc::{Metadata, Status};

/// Lines that wait for a listener that does not read; a slower one is told so and let go.
const LISTENER_LINES: usize = 1000;

/// A connection and a call on it.
type Who = (usize, CallId);

/// What a call asks for, and how far it has come.
enum Asked {
    Say,
    Listen { room: Option<String> },
    Import { received: u64 },
    Talk { room: Option<String> },
}

struct Guest {
    asked: Asked,
    /// Lines that wait for room in the connection.
    waiting: VecDeque<Bytes>,
    blocked: bool,
}

/// Everything that was said, and who listens.
#[derive(Default)]
pub struct Rooms {
    lines: BTreeMap<String, Vec<Line>>,
    guests: BTreeMap<Who, Guest>,
}

impl Rooms {
    /// What the service does about an event of connection `at`.
    pub fn on_event(&mut self, links: &mut BTreeMap<usize, Link<GrpcServer>>, at: usize, event: ServerEvent) {
        match event {
            ServerEvent::Opened { call } => self.open(links, (at, call)),
            ServerEvent::Message { call, message, credit } => {
                if let Some(link) = links.get_mut(&at) {
                    link.machine.consume(call, credit);
                }
                if let Err(status) = self.take(links, (at, call), message) {
                    self.finish(links, (at, call), &status);
                }
            }
            ServerEvent::HalfClosed { call } => self.half_close(links, (at, call)),
            ServerEvent::Writable { call } => self.flush(links, (at, call)),
            ServerEvent::Ended { call, .. } => {
                self.guests.remove(&(at, call));
            }
            ServerEvent::Closed(_) => {
                if let Some(link) = links.get_mut(&at) {
                    link.end();
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, links: &mut BTreeMap<usize, Link<GrpcServer>>, who: Who) {
        let path = links.get(&who.0).and_then(|link| link.machine.request(who.1)).map(|head| head.path);
        let asked = match path.and_then(|path| path.strip_prefix("/zrpc.examples.chat.v1.Chat/")) {
            Some("Say") => Asked::Say,
            Some("Listen") => Asked::Listen { room: None },
            Some("Import") => Asked::Import { received: 0 },
            Some("Talk") => Asked::Talk { room: None },
            _ => return self.finish(links, who, &Status::unimplemented("there is no such method here")),
        };
        self.guests.insert(who, Guest { asked, waiting: VecDeque::new(), blocked: false });
    }

    fn take(
        &mut self,
        links: &mut BTreeMap<usize, Link<GrpcServer>>,
        who: Who,
        message: Bytes,
    ) -> Result<(), Status> {
        let Some(guest) = self.guests.get_mut(&who) else { return Ok(()) };
        match &mut guest.asked {
            Asked::Say => {
                let said: SayRequest = decode(message)?;
                let reply = self.say(links, said, who)?;
                self.send(links, who, reply.encode_to_vec().into());
            }
            Asked::Listen { room } => {
                let request: ListenRequest = decode(message)?;
                *room = Some(request.room.clone());
                let lines = self.lines.get(&request.room).map_or(&[][..], Vec::as_slice);
                let first = lines.len().saturating_sub(request.backlog as usize);
                let backlog: Vec<Bytes> =
                    lines[first..].iter().map(|line| line.encode_to_vec().into()).collect();
                for line in backlog {
                    self.send(links, who, line);
                }
            }
            Asked::Import { received } => {
                *received += 1;
                let line: Line = decode(message)?;
                let said = SayRequest { room: line.room, author: line.author, text: line.text };
                self.say(links, said, who)?;
            }
            Asked::Talk { room } => {
                let said: SayRequest = decode(message)?;
                *room = Some(said.room.clone());
                self.say(links, said, who)?;
            }
        }
        Ok(())
    }

    fn half_close(&mut self, links: &mut BTreeMap<usize, Link<GrpcServer>>, who: Who) {
        match self.guests.get(&who).map(|guest| &guest.asked) {
            // Listeners hang up when they have heard enough.
            None | Some(Asked::Listen { .. }) => {}
            Some(Asked::Import { received }) => {
                let reply = ImportReply { received: *received, accepted: *received, rejections: vec![] };
                self.send(links, who, reply.encode_to_vec().into());
                self.finish(links, who, &Status::OK);
            }
            Some(Asked::Say | Asked::Talk { .. }) => self.finish(links, who, &Status::OK),
        }
    }

    /// Adds a line to its room and brings it to everyone there but its author's own call.
    fn say(
        &mut self,
        links: &mut BTreeMap<usize, Link<GrpcServer>>,
        said: SayRequest,
        by: Who,
    ) -> Result<SayReply, Status> {
        if said.text.is_empty() {
            return Err(Status::invalid_argument("the text is empty; say something"));
        }
        let lines = self.lines.entry(said.room.clone()).or_default();
        let number = lines.len() as u64 + 1;
        let line = Line { number, room: said.room, author: said.author, text: said.text, at: None };
        let bytes = Bytes::from(line.encode_to_vec());
        let listeners: Vec<Who> = self
            .guests
            .iter()
            .filter(|(who, guest)| **who != by && guest.hears(&line.room))
            .map(|(who, _)| *who)
            .collect();
        lines.push(line);
        for listener in &listeners {
            self.send(links, *listener, bytes.clone());
        }
        Ok(SayReply { number, listeners: listeners.len() as u32 })
    }

    fn send(&mut self, links: &mut BTreeMap<usize, Link<GrpcServer>>, who: Who, message: Bytes) {
        let Some(guest) = self.guests.get_mut(&who) else { return };
        guest.waiting.push_back(message);
        if guest.waiting.len() > LISTENER_LINES {
            return self.finish(links, who, &Status::resource_exhausted("too slow to keep up with the room"));
        }
        if !guest.blocked {
            self.flush(links, who);
        }
    }

    /// Sends what waits until the connection says `Blocked`; exactly one `Writable` then brings us back here.
    fn flush(&mut self, links: &mut BTreeMap<usize, Link<GrpcServer>>, who: Who) {
        let (Some(guest), Some(link)) = (self.guests.get_mut(&who), links.get_mut(&who.0)) else { return };
        guest.blocked = false;
        while let Some(message) = guest.waiting.pop_front() {
            match link.machine.send(who.1, message, false) {
                Ok(Flow::Ready) => {}
                Ok(Flow::Blocked) => {
                    guest.blocked = true;
                    return;
                }
                Err(_) => return guest.waiting.clear(),
            }
        }
    }

    fn finish(&mut self, links: &mut BTreeMap<usize, Link<GrpcServer>>, who: Who, status: &Status) {
        if let Some(link) = links.get_mut(&who.0) {
            // A call that is over by now needs no status.
            let _ = link.machine.finish(who.1, status, &Metadata::new());
        }
    }
}

impl Guest {
    fn hears(&self, room: &str) -> bool {
        matches!(&self.asked, Asked::Listen { room: Some(in_room) } | Asked::Talk { room: Some(in_room) } if in_room == room)
    }
}

fn decode<T: Message + Default>(message: Bytes) -> Result<T, Status> {
    T::decode(message).map_err(|error| Status::internal(format!("the message cannot be decoded: {error}")))
}
