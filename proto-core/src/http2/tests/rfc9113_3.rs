//! RFC 9113 §3: how a connection begins.

use super::turn;
use super::wire::Wire;
use crate::base::Time;
use crate::http2::connection::Role;
use crate::http2::frame::{FrameHead, FrameType, HEAD_LEN, flags};
use crate::http2::{Config, Connection, PREFACE, Violation};
use alloc::sync::Arc;
use alloc::vec::Vec;

#[test]
fn rfc9113_3_3_a_server_with_prior_knowledge_sends_its_preface_without_being_asked() {
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.settle();
    assert_eq!(wire.frames[0].kind, FrameType::Settings);
}

#[test]
fn rfc9113_3_4_a_client_sends_the_24_octets_of_its_preface_and_then_settings() {
    let mut client = Connection::client(Time::START, Arc::default());
    let sent = turn(&mut client, Time::START, &mut Vec::new());
    let rest = sent.strip_prefix(PREFACE).expect("the preface comes first");
    let head = FrameHead::parse(*rest.first_chunk::<HEAD_LEN>().expect("a frame follows"));
    assert_eq!((head.kind, head.flags, head.stream.as_u32()), (FrameType::Settings, 0, 0));
}

#[test]
fn rfc9113_3_4_the_server_preface_is_settings_and_the_peers_are_acknowledged_after_it() {
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.say(|peer| peer.preface().settings(&[]));
    let settings: Vec<u8> = wire.frames_of(FrameType::Settings).iter().map(|frame| frame.flags).collect();
    assert_eq!(wire.frames[0].kind, FrameType::Settings);
    assert_eq!(settings, [0, flags::ACK]);
}

#[test]
fn rfc9113_3_4_an_invalid_preface_ends_the_connection() {
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.say_raw(b"PRI * HTTP/2.0\r\n\r\nSN").ended_by(Violation::Preface);
}

#[test]
fn rfc9113_3_4_the_first_frame_after_the_preface_is_settings_or_the_connection_ends() {
    let mut wire = Wire::raw(Role::Server, Config::default());
    wire.say(|peer| peer.preface().settings_ack()).ended_by(Violation::PrefaceWithoutSettings);
    let mut wire = Wire::raw(Role::Client, Config::default());
    wire.say(|peer| peer.window_update(0, 1)).ended_by(Violation::PrefaceWithoutSettings);
}
