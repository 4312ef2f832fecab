//! One machine, and a peer that the test plays frame by frame: what is said, what is answered, what is reported.

use super::turn;
use crate::base::{Field, Fields, Machine, Time};
use crate::http2::connection::Role;
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{Peer, REQUEST};
use crate::http2::trial::sent::{Frame, frames};
use crate::http2::violation::Scope;
use crate::http2::{CloseReason, Config, Connection, End, ErrorCode, Event, StreamId, Violation};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// A header list for a command.
pub(super) fn fields(list: &[(&str, &str)]) -> Fields {
    list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect()
}

/// A machine, its peer, and what the last exchange brought.
pub(super) struct Wire {
    pub(super) now: Time,
    pub(super) machine: Connection,
    pub(super) peer: Peer,
    /// What the machine reported in the last exchange.
    pub(super) events: Vec<Event>,
    /// What the machine sent in the last exchange.
    pub(super) frames: Vec<Frame>,
}

impl Wire {
    /// A server and a client that have exchanged SETTINGS.
    pub(super) fn server() -> Wire {
        Wire::server_with(Config::default())
    }

    pub(super) fn server_with(config: Config) -> Wire {
        let mut wire = Wire::raw(Role::Server, config);
        wire.say(|peer| peer.preface().settings(&[]).settings_ack());
        wire
    }

    /// A client and a server that have exchanged SETTINGS.
    pub(super) fn client() -> Wire {
        Wire::client_with(Config::default())
    }

    pub(super) fn client_with(config: Config) -> Wire {
        let mut wire = Wire::raw(Role::Client, config);
        wire.say(|peer| peer.settings(&[]).settings_ack());
        wire
    }

    /// A machine to which nothing was said yet.
    pub(super) fn raw(role: Role, config: Config) -> Wire {
        let now = Time::START;
        let new = if role == Role::Client { Connection::client } else { Connection::server };
        let machine = new(now, Arc::new(config));
        Wire { now, machine, peer: Peer::new(), events: Vec::new(), frames: Vec::new() }
    }

    /// The peer writes, the machine reads and answers.
    pub(super) fn say(&mut self, write: impl FnOnce(&mut Peer) -> &mut Peer) -> &mut Wire {
        let input = write(&mut self.peer).take();
        self.machine.handle_input(self.now, input);
        self.settle()
    }

    /// Bytes arrive that no peer of HTTP/2 writes.
    pub(super) fn say_raw(&mut self, bytes: &'static [u8]) -> &mut Wire {
        self.machine.handle_input(self.now, bytes.into());
        self.settle()
    }

    /// The machine does what it has to do.
    pub(super) fn settle(&mut self) -> &mut Wire {
        self.events.clear();
        let sent = turn(&mut self.machine, self.now, &mut self.events);
        self.frames = frames(&sent).expect("a machine writes whole frames");
        self
    }

    /// Time passes.
    pub(super) fn wait(&mut self, duration: Duration) -> &mut Wire {
        self.now = self.now + duration;
        self.settle()
    }

    /// The client under test opens a stream and sends its whole request, or the head of it.
    pub(super) fn open(&mut self, end: bool) -> StreamId {
        let id = self.machine.open(fields(&REQUEST), end).expect("the peer takes streams");
        self.settle();
        id
    }

    /// The frames of a kind that came last.
    pub(super) fn frames_of(&self, kind: FrameType) -> Vec<&Frame> {
        self.frames.iter().filter(|frame| frame.kind == kind).collect()
    }

    /// The code of the RST_STREAM for this stream, if one came last.
    pub(super) fn reset_code(&self, stream: u32) -> Option<ErrorCode> {
        let resets = self.frames_of(FrameType::RstStream);
        let frame = resets.iter().find(|frame| frame.stream == stream)?;
        let code: [u8; 4] = frame.payload[..].try_into().expect("RST_STREAM carries four bytes");
        Some(ErrorCode(u32::from_be_bytes(code)))
    }

    /// The last stream and the code of each GOAWAY that came last.
    pub(super) fn goaways(&self) -> Vec<(u32, ErrorCode)> {
        let number = |bytes: &[u8]| bytes.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        self.frames_of(FrameType::GoAway)
            .iter()
            .map(|frame| (number(&frame.payload[..4]), ErrorCode(number(&frame.payload[4..8]))))
            .collect()
    }

    /// The connection ended with this violation: reported, said to the peer, and nothing after it.
    #[track_caller]
    pub(super) fn ended_by(&mut self, violation: Violation) {
        assert_eq!(violation.scope(), Scope::Connection);
        assert_eq!(self.events.last(), Some(&Event::Ended(End::Violation(violation))));
        assert_eq!(self.goaways().last().map(|(_, code)| *code), Some(violation.code()));
        assert_eq!(self.frames.last().map(|frame| frame.kind), Some(FrameType::GoAway));
        self.say(|peer| peer.ping(*b"too late"));
        assert!(self.events.is_empty() && self.frames.is_empty(), "{:?}", self.events);
    }

    /// The stream was reset with this violation, and the connection goes on.
    #[track_caller]
    pub(super) fn reset_by(&mut self, stream: u32, violation: Violation) {
        assert_eq!(violation.scope(), Scope::Stream);
        assert_eq!(self.reset_code(stream), Some(violation.code()));
        let closed = Event::Closed { stream: StreamId(stream), reason: CloseReason::Violation(violation) };
        assert!(self.events.contains(&closed), "{:?}", self.events);
        self.goes_on();
    }

    /// The connection is alive: it answers a PING.
    #[track_caller]
    pub(super) fn goes_on(&mut self) {
        self.say(|peer| peer.ping(*b"alive???"));
        let pongs = self.frames_of(FrameType::Ping);
        assert!(pongs.iter().any(|frame| frame.has(flags::ACK) && frame.payload == b"alive???"));
    }

    /// What came last was ignored.
    #[track_caller]
    pub(super) fn ignored(&mut self) {
        assert_eq!(self.events, []);
        assert!(self.frames.is_empty(), "{:?}", self.frames);
        self.goes_on();
    }
}
