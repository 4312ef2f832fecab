//! What the server does wrong in each case, and what the client must have done all the same.
//!
//! | case | the server | the client |
//! |---|---|---|
//! | `goaway` | says GOAWAY after a response | makes its next call on another connection |
//! | `rst_after_header` | resets the stream after the response's head | fails the call |
//! | `rst_during_data` | resets the stream in the middle of the message | fails the call |
//! | `rst_after_data` | resets the stream before the status | fails the call |
//! | `ping` | pings before each frame | answers each ping |
//! | `max_streams` | allows one stream at a time | makes its calls one after the other |
//! | `data_frame_padding` | sends five bytes of content and 255 of padding a frame | credits the padding |
//! | `no_df_padding_sanity_test` | the same frames without padding | receives them all the same |

use crate::peer::Peer;
use std::io;
use zrpc::core::http2::frame::settings::id::MAX_CONCURRENT_STREAMS;
use zrpc::core::http2::{ErrorCode, StreamId};
use zrpc::prost::Message;
use zrpc_tests::proto::testing::{Payload, SimpleResponse};

/// What each call asks for.
const RESPONSE_BYTES: usize = 314_159;
const FRAME_BYTES: usize = 16_384;
const HEAD: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc+proto")];
const STATUS_OK: &[(&str, &str)] = &[("grpc-status", "0")];

/// A case, named as the suite names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    GoAway,
    ResetAfterHeader,
    ResetDuringData,
    ResetAfterData,
    Ping,
    MaxStreams,
    DataFramePadding,
    NoPadding,
}

/// What was seen of all connections.
#[derive(Debug, Default)]
pub struct Ledger {
    pub records: Vec<Record>,
}

/// What was seen of one connection.
#[derive(Debug, Default)]
pub struct Record {
    pub requests: usize,
    pub open_max: usize,
    pub pings_unanswered: usize,
    pub error: Option<String>,
}

impl Case {
    /// The names of all cases, in order.
    pub const NAMES: [&str; 8] = [
        "goaway",
        "rst_after_header",
        "rst_during_data",
        "rst_after_data",
        "ping",
        "max_streams",
        "data_frame_padding",
        "no_df_padding_sanity_test",
    ];
    const ALL: [Case; 8] = [
        Case::GoAway,
        Case::ResetAfterHeader,
        Case::ResetDuringData,
        Case::ResetAfterData,
        Case::Ping,
        Case::MaxStreams,
        Case::DataFramePadding,
        Case::NoPadding,
    ];

    /// The case with this name.
    pub fn named(name: &str) -> Option<Case> {
        Case::NAMES.iter().position(|known| *known == name).map(|at| Case::ALL[at])
    }

    /// The settings that the server begins with.
    pub fn settings(self) -> &'static [(u16, u32)] {
        match self {
            Case::MaxStreams => &[(MAX_CONCURRENT_STREAMS, 1)],
            _ => &[],
        }
    }

    /// Answers a connection's requests, badly.
    pub fn serve(self, peer: &mut Peer, record: &mut Record) -> io::Result<()> {
        while let Some(stream) = peer.next_request()? {
            record.requests += 1;
            self.answer(peer, stream)?;
            if self == Case::GoAway {
                peer.send_goaway(stream)?;
                return peer.read_to_end();
            }
        }
        Ok(())
    }

    fn answer(self, peer: &mut Peer, stream: StreamId) -> io::Result<()> {
        let message = response();
        self.disturb(peer)?;
        peer.send_headers(stream, HEAD, false)?;
        match self {
            Case::ResetAfterHeader => return peer.send_reset(stream, ErrorCode::NO_ERROR),
            Case::DataFramePadding => send(peer, stream, &message, 5, Some(255))?,
            Case::NoPadding => send(peer, stream, &message, 5, None)?,
            Case::ResetDuringData => {
                send(peer, stream, &message[..message.len() / 2], FRAME_BYTES, None)?;
                return peer.send_reset(stream, ErrorCode::NO_ERROR);
            }
            Case::ResetAfterData => {
                send(peer, stream, &message, FRAME_BYTES, None)?;
                return peer.send_reset(stream, ErrorCode::NO_ERROR);
            }
            Case::GoAway | Case::Ping | Case::MaxStreams => {
                for frame in message.chunks(FRAME_BYTES) {
                    self.disturb(peer)?;
                    peer.send_data(stream, frame, None)?;
                }
            }
        }
        self.disturb(peer)?;
        // A client may leave as soon as it has its status, and then answers no more.
        peer.await_pongs()?;
        peer.send_headers(stream, STATUS_OK, true)
    }

    fn disturb(self, peer: &mut Peer) -> io::Result<()> {
        if self == Case::Ping { peer.send_ping() } else { Ok(()) }
    }

    /// What the client did wrong.
    pub fn complaints(self, ledger: &Ledger) -> Vec<String> {
        let mut complaints: Vec<String> =
            ledger.records.iter().filter_map(|record| record.error.clone()).collect();
        let mut expect = |holds: bool, complaint: String| {
            if !holds {
                complaints.push(complaint);
            }
        };
        let requests: Vec<usize> = ledger.records.iter().map(|record| record.requests).collect();
        let all: usize = requests.iter().sum();
        expect(all > 0, "no request came".into());
        match self {
            Case::GoAway => {
                let apart = requests.len() == 2 && requests.iter().all(|count| *count == 1);
                expect(apart, format!("two calls on a connection each were expected; {requests:?} came"));
            }
            Case::Ping => {
                let unanswered: usize = ledger.records.iter().map(|record| record.pings_unanswered).sum();
                expect(unanswered == 0, format!("{unanswered} pings were not answered"));
            }
            Case::MaxStreams => {
                let most = ledger.records.iter().map(|record| record.open_max).max().unwrap_or(0);
                expect(most == 1, format!("one stream at a time is allowed; {most} were open at once"));
                expect(all > 10, format!("more than 10 calls were expected; {all} came"));
            }
            _ => {}
        }
        complaints
    }
}

fn send(
    peer: &mut Peer,
    stream: StreamId,
    message: &[u8],
    size: usize,
    padding: Option<u8>,
) -> io::Result<()> {
    message.chunks(size).try_for_each(|frame| peer.send_data(stream, frame, padding))
}

/// The response with its length before it, as gRPC frames it.
fn response() -> Vec<u8> {
    let payload = Payload { body: vec![0; RESPONSE_BYTES].into(), ..Payload::default() };
    let message = SimpleResponse { payload: Some(payload), ..SimpleResponse::default() }.encode_to_vec();
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(&message);
    framed
}
