//! One side against bytes that are written and read here, frame by frame: what a peer of any kind may send.

use super::turn;
use crate::base::{Machine, Time};
use crate::hpack::{Decoder, ListLimits, TABLE_SIZE_DEFAULT};
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::Peer;
use crate::http2::trial::sent::frames;
use crate::rpc::{CallId, ClientEvent, ClientSession, Metadata, ServerEvent, StartCall, Status};
use crate::stack::{ClientConfig, GrpcClient, GrpcServer, ServerConfig};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// What a gRPC request says at the least.
pub(super) const REQUEST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Service/Method"),
    ("content-type", "application/grpc"),
];
/// What a gRPC response says at the least.
pub(super) const RESPONSE: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];
pub(super) const OK: [(&str, &str); 1] = [("grpc-status", "0")];

/// A frame as the other side reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    Headers { list: Vec<(String, String)>, end: bool },
    Data { bytes: Vec<u8>, end: bool },
    Reset(u32),
}

impl Said {
    /// A field of a header list.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let Said::Headers { list, .. } = self else { return None };
        list.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A machine and its peer.
pub(super) struct Wire<M: Machine> {
    pub(super) now: Time,
    pub(super) machine: M,
    pub(super) peer: Peer,
    pub(super) events: Vec<M::Event>,
    decoder: Decoder,
    said: Vec<(u32, Said)>,
}

/// A server, and a client whose preface and settings were taken.
pub(super) fn server(config: &ServerConfig) -> Wire<GrpcServer> {
    let mut wire = Wire::new(GrpcServer::new(Time::START, config));
    wire.peer.preface().settings(&[]).settings_ack();
    wire.deliver();
    wire
}

/// A client, and a server that said these settings.
pub(super) fn client(config: &ClientConfig, settings: &[(u16, u32)]) -> Wire<GrpcClient> {
    let mut wire = Wire::new(GrpcClient::new(Time::START, config));
    wire.peer.settings(settings).settings_ack();
    wire.deliver();
    wire.events.clear();
    wire
}

impl<M: Machine> Wire<M> {
    fn new(machine: M) -> Wire<M> {
        let decoder = Decoder::new(TABLE_SIZE_DEFAULT);
        Wire { now: Time::START, machine, peer: Peer::new(), events: Vec::new(), decoder, said: Vec::new() }
    }

    /// What the peer wrote arrives; the machine does all it can.
    pub(super) fn deliver(&mut self) {
        let input = self.peer.take();
        self.machine.handle_input(self.now, input);
        let sent = turn(&mut self.machine, self.now, &mut self.events);
        let limits = ListLimits { bytes_max: usize::MAX, fields_max: usize::MAX };
        for frame in frames(&sent).unwrap() {
            let end = frame.has(flags::END_STREAM);
            let said = match frame.kind {
                FrameType::Headers => {
                    let mut fields = crate::base::Fields::new();
                    let _size = self.decoder.decode(&frame.payload, limits, &mut fields).unwrap();
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    let list = fields.iter().map(|field| (text(field.name), text(field.value))).collect();
                    Said::Headers { list, end }
                }
                FrameType::Data => Said::Data { bytes: frame.payload, end },
                FrameType::RstStream => Said::Reset(u32::from_be_bytes(frame.payload.try_into().unwrap())),
                _ => continue,
            };
            self.said.push((frame.stream, said));
        }
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.deliver();
    }

    /// What was said on a stream since last asked.
    pub(super) fn said(&mut self, stream: u32) -> Vec<Said> {
        let (asked, rest) = core::mem::take(&mut self.said).into_iter().partition(|(id, _)| *id == stream);
        self.said = rest;
        let asked: Vec<(u32, Said)> = asked;
        asked.into_iter().map(|(_, said)| said).collect()
    }

    /// What was reported since last asked.
    pub(super) fn events(&mut self) -> Vec<M::Event> {
        core::mem::take(&mut self.events)
    }
}

impl Wire<GrpcClient> {
    pub(super) fn start(&mut self, timeout: Option<Duration>) -> CallId {
        let deadline = timeout.map(|timeout| self.now + timeout);
        let metadata = Metadata::new();
        let head =
            StartCall { path: "/test.Service/Method", metadata: &metadata, deadline, compression: None };
        let call = self.machine.start(self.now, head).unwrap();
        self.deliver();
        call
    }

    /// How the only call ended, which must be the last thing that was reported, once.
    pub(super) fn ended(&mut self) -> Status {
        let events = self.events();
        let ends = events.iter().filter(|event| matches!(event, ClientEvent::Ended { .. })).count();
        match events.last() {
            Some(ClientEvent::Ended { status, .. }) if ends == 1 => status.clone(),
            _ => panic!("expected one Ended at the end of {events:?}"),
        }
    }
}

impl Wire<GrpcServer> {
    /// A request's head arrives, with more fields than it needs.
    pub(super) fn request(&mut self, stream: u32, more: &[(&str, &str)], end: bool) {
        let list: Vec<(&str, &str)> = REQUEST.iter().chain(more).copied().collect();
        self.peer.headers(stream, &list, end);
        self.deliver();
    }

    /// How the only call ended, which must be the last thing that was reported, once.
    pub(super) fn ended(&mut self) -> Status {
        let events = self.events();
        let ends = events.iter().filter(|event| matches!(event, ServerEvent::Ended { .. })).count();
        match events.last() {
            Some(ServerEvent::Ended { status, .. }) if ends == 1 => status.clone(),
            _ => panic!("expected one Ended at the end of {events:?}"),
        }
    }
}

/// A message with its prefix.
pub(super) fn message(flag: u8, payload: &[u8]) -> Vec<u8> {
    [&[flag][..], &(payload.len() as u32).to_be_bytes(), payload].concat()
}
