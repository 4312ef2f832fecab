//! Recordings of servers and clients in memory: they replay to identical bytes, and whatever is damaged says so.
#![allow(clippy::disallowed_types, reason = "a sink of a test is shared with the test")]

use super::*;
use crate::base::{Entropy, Machine, Out, Output, Time};
use crate::rpc::{
    Carrier, ClientEvent, ClientSession, Metadata, ServerEvent, ServerSession, StartCall, Status,
};
use crate::stack::{AnyServer, AnyServerConfig, ClientConfig, client_sessions};
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;
use std::sync::{Arc, Mutex};

#[derive(Clone)]
struct Kept(Arc<Mutex<Ring>>);

impl Kept {
    fn new(bytes_max: usize) -> Kept {
        Kept(Arc::new(Mutex::new(Ring::new(bytes_max))))
    }

    fn bytes(&self) -> Bytes {
        self.0.lock().unwrap().to_bytes().into()
    }
}

impl Sink for Kept {
    fn open(&mut self, header: &[u8]) {
        self.0.lock().unwrap().open(header);
    }

    fn write(&mut self, records: &[u8]) {
        self.0.lock().unwrap().write(records);
    }
}

/// Both sides' recordings and all that each of them wrote.
struct Talk {
    server: Bytes,
    client: Bytes,
    from_server: Vec<u8>,
    from_client: Vec<u8>,
}

const RING: usize = 1 << 22;

/// Some calls, of which a third is cancelled, over links that cut bytes anywhere and have little room.
fn talk(carrier: Carrier, calls: u64, redaction: &Redaction, ring: usize) -> Talk {
    let mut now = Time::from_nanos(1_000_000_007);
    let (server_config, config) = (AnyServerConfig::default(), ClientConfig::default());
    let (kept_server, kept_client) = (Kept::new(ring), Kept::new(ring));
    let tape =
        |made, kept: &Kept| Tape::new(Header::new(now, made), redaction.clone(), Box::new(kept.clone()));
    let session: BoxedServerSession = Box::new(AnyServer::new(now, &server_config));
    let mut server = Recording::new(session, tape(Made::Server(server_config), &kept_server));
    let session = client_sessions(carrier)(now, &config, Entropy::from_seed(7));
    let made = Made::Client { carrier, config, seed: 7 };
    let mut client = Recording::new(session, tape(made, &kept_client));
    let mut entropy = Entropy::from_seed(calls);
    let (mut from_server, mut from_client) = (Vec::new(), Vec::new());
    let (mut started, mut ended) = (0, 0);
    let mut metadata = Metadata::new();
    metadata.append("authorization", "Bearer of-a-secret").unwrap();
    for _ in 0..200_000 {
        now = now + Duration::from_micros(1 + entropy.below(300));
        if started < calls && client.open_calls() < 8 {
            let head = StartCall { path: "/a.B/C", metadata: &metadata, deadline: None, compression: None };
            if let Ok(call) = client.start(now, head) {
                started += 1;
                let message = alloc::vec![b'm'; entropy.below(3000) as usize];
                let _ = client.send(call, message.into(), false);
                client.half_close(call).unwrap();
                if started % 3 == 0 {
                    client.cancel(call).unwrap();
                }
            }
        }
        let mut out = Out::with_room(entropy.below(9000) as usize);
        while let Output::Event(event) = client.poll_output(now, &mut out) {
            match event {
                ClientEvent::Message { call, credit, .. } => client.consume(call, credit),
                ClientEvent::Ended { .. } => ended += 1,
                _ => {}
            }
        }
        let bytes = out.to_vec();
        for piece in bytes.chunks(1 + entropy.below(700) as usize) {
            server.handle_input(now, Bytes::copy_from_slice(piece));
        }
        from_client.extend_from_slice(&bytes);
        let mut out = Out::with_room(entropy.below(9000) as usize);
        while let Output::Event(event) = server.poll_output(now, &mut out) {
            match event {
                ServerEvent::Message { call, message, credit } => {
                    server.consume(call, credit);
                    let _ = server.send(call, message, false);
                }
                ServerEvent::HalfClosed { call } => server.finish(call, &Status::OK, &metadata).unwrap(),
                _ => {}
            }
        }
        let bytes = out.to_vec();
        client.handle_input(now, Bytes::copy_from_slice(&bytes));
        from_server.extend_from_slice(&bytes);
        if ended == calls {
            break;
        }
    }
    assert_eq!(ended, calls, "{}", carrier.name());
    client.close(now);
    server.handle_eof(now);
    drop((client, server));
    Talk { server: kept_server.bytes(), client: kept_client.bytes(), from_server, from_client }
}

const CARRIERS: [Carrier; 8] = [
    Carrier::Grpc,
    Carrier::Native,
    Carrier::WebSocket,
    Carrier::WebSocketJson,
    Carrier::WebSocketHttp2,
    Carrier::WebSocketJsonHttp2,
    Carrier::GrpcWeb,
    Carrier::GrpcWebHttp1,
];

#[test]
fn both_sides_of_every_carrier_replay_to_the_bytes_that_they_wrote() {
    for carrier in CARRIERS {
        let Talk { server, client, from_server, from_client } = talk(carrier, 30, &Redaction::none(), RING);
        let mut server = Replay::new(server).unwrap();
        assert!(server.run().unwrap() == from_server, "{}", carrier.name());
        assert!(Replay::new(client).unwrap().run().unwrap() == from_client, "{}", carrier.name());
        assert!(server.position() == server.records().len() && server.position() > 100);
    }
}

#[test]
fn stepping_back_and_forth_lands_on_identical_state() {
    for carrier in [Carrier::Grpc, Carrier::Native, Carrier::WebSocketHttp2] {
        for recording in {
            let talk = talk(carrier, 6, &Redaction::none(), RING);
            [talk.server, talk.client]
        } {
            let mut replay = Replay::new(recording).unwrap();
            let (mut states, mut steps) = (alloc::vec![replay.state().unwrap()], Vec::new());
            while let Some(step) = replay.step().unwrap() {
                steps.push(step);
                states.push(replay.state().unwrap());
            }
            let mut entropy = Entropy::from_seed(1);
            for _ in 0..60 {
                let to = entropy.below(states.len() as u64) as usize;
                replay.seek(to).unwrap();
                assert_eq!(replay.state().unwrap(), states[to]);
                assert_eq!(replay.back().unwrap(), to > 0);
                assert_eq!(replay.state().unwrap(), states[to.saturating_sub(1)]);
                if to > 0 {
                    assert_eq!(replay.step().unwrap().as_ref(), steps.get(to - 1));
                }
            }
        }
    }
}

#[test]
fn a_replay_stops_where_its_user_says() {
    let talk = talk(Carrier::Grpc, 3, &Redaction::none(), RING);
    let mut replay = Replay::new(talk.server).unwrap();
    let opened = |step: &Step| step.event.as_ref().is_some_and(|event| event.starts_with("Opened"));
    let step = replay.until(opened).unwrap().unwrap();
    assert_eq!(replay.position(), step.index + 1);
    assert!(replay.until(opened).unwrap().is_some_and(|second| second.index > step.index));
}

#[test]
fn another_history_diverges_at_the_first_poll_that_differs() {
    let talk = talk(Carrier::Grpc, 3, &Redaction::none(), RING);
    let replay = Replay::new(talk.server.clone()).unwrap();
    let mut altered = replay.header().clone();
    if let Made::Server(config) = &mut altered.made {
        config.grpc.http2.max_concurrent_streams += 1;
    }
    let mut bytes = altered.to_bytes();
    bytes.extend_from_slice(&talk.server[replay.header().to_bytes().len()..]);
    let error = Replay::new(bytes.into()).unwrap().run().unwrap_err();
    assert!(matches!(error, ReplayError::Diverged { step: 1..100, .. }), "{error}");
    assert!(error.to_string().contains("diverges at step"));
}

#[test]
fn damaged_and_cut_recordings_give_errors_or_what_came_before() {
    let recording = talk(Carrier::Grpc, 2, &Redaction::none(), RING).server;
    let header = Replay::new(recording.clone()).unwrap().header().to_bytes().len();
    for cut in 0..recording.len() {
        match Replay::new(recording.slice(..cut)) {
            Ok(mut replay) => assert!(cut >= header && replay.run().is_ok()),
            Err(error) => assert!(cut < header && !error.to_string().is_empty()),
        }
    }
    let mut entropy = Entropy::from_seed(3);
    for _ in 0..2000 {
        let mut damaged = recording.to_vec();
        let at = entropy.below(damaged.len() as u64) as usize;
        damaged[at] ^= 1 + entropy.below(255) as u8;
        fuzz::read(&damaged);
        fuzz::read(&damaged[header.min(at)..]);
    }
    assert_eq!(Replay::new(b"PRI * HTTP/2.0".as_slice().into()).unwrap_err(), ReplayError::NoRecording);
    assert_eq!(Replay::new(b"zREC\x09".as_slice().into()).unwrap_err(), ReplayError::Version(9));
}

#[test]
fn a_ring_that_overflowed_stays_bounded_can_be_read_and_says_that_it_is_no_replay() {
    let whole = talk(Carrier::Native, 300, &Redaction::none(), RING).server;
    let cut = talk(Carrier::Native, 300, &Redaction::none(), 1 << 17).server;
    assert!(cut.len() < 140_000 && whole.len() > 300_000, "{} of {}", cut.len(), whole.len());
    let mut replay = Replay::new(cut).unwrap();
    assert!(matches!(replay.records()[0], Record::Cut { .. }) && replay.records().len() > 100);
    assert!(replay.run().unwrap_err().to_string().contains("give it more bytes"));
}

#[test]
fn a_redacted_recording_holds_no_secret_and_can_be_read() {
    let redaction = Redaction { bodies: true, ..Redaction::credentials() };
    let talk = talk(Carrier::Native, 10, &redaction, RING);
    for recording in [talk.server, talk.client] {
        let holds = |secret: &[u8]| recording.windows(secret.len()).any(|window| window == secret);
        assert!(!holds(b"of-a-secret") && !holds(b"mmmm"));
        assert!(holds(b"authorization") && holds(b"******"));
        let mut replay = Replay::new(recording).unwrap();
        assert!(replay.records().iter().any(|record| matches!(record, Record::Told { .. })));
        assert!(replay.run().unwrap_err().to_string().contains("redacted"));
    }
}
