//! The port: what a call needs of the carrier below it, whatever that is.
//!
//! HTTP/2 implements it today; the call engine gets it as an argument and stores nothing of it. Stream ids are the
//! carrier's own numbers and only grow.

use crate::base::{Fields, Flow, Misuse};
use bytes::Bytes;

/// Streams of one connection.
pub trait Streams {
    /// An empty header list to fill, with the memory of an earlier one where there is one.
    fn blank(&mut self) -> Fields;

    /// Opens a stream with a request's head.
    ///
    /// # Errors
    /// When the connection takes no streams, or the head cannot be sent.
    fn open(&mut self, head: Fields) -> Result<u64, Misuse>;

    /// Sends a response's head; `end` when nothing follows.
    ///
    /// # Errors
    /// When the stream is over or its head is sent.
    fn send_head(&mut self, stream: u64, head: Fields, end: bool) -> Result<(), Misuse>;

    /// Sends a message: its prefix, then its payload.
    ///
    /// # Errors
    /// When the last send said `Blocked`, or the stream is over or ended.
    fn send_message(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<Flow, Misuse>;

    /// Sends what ends this side of the stream as content; unlike a message, also when the last send said `Blocked`.
    ///
    /// # Errors
    /// When the stream is over or ended.
    fn send_last(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<(), Misuse>;

    /// Sends trailers, which end this side of the stream.
    ///
    /// # Errors
    /// When the stream is over or ended.
    fn send_trailers(&mut self, stream: u64, trailers: Fields) -> Result<(), Misuse>;

    /// Ends this side of the stream.
    ///
    /// # Errors
    /// When the stream is over or ended.
    fn finish(&mut self, stream: u64) -> Result<(), Misuse>;

    /// Ends the stream at once in both directions, and drops what is queued on it.
    fn reset(&mut self, stream: u64, why: Reset);

    /// Ends the stream in both directions once all that is queued on it is sent.
    fn reset_when_sent(&mut self, stream: u64, why: Reset);

    /// Whether all that was queued on the stream is written; true of streams that are over.
    fn is_sent(&self, stream: u64) -> bool;

    /// Gives flow-control credit back; more than there is counts as all there is.
    fn consume(&mut self, stream: u64, bytes: u32);
}

/// Why a stream is reset, or was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reset {
    /// The response is whole; no more of the request is needed.
    NoError,
    /// Nobody waits for it any more.
    Cancel,
    /// It was not processed.
    Refused,
    /// It cost too much.
    EnhanceYourCalm,
    /// The transport is not secure enough.
    InadequateSecurity,
    /// The protocol was broken, or something went wrong inside.
    Internal,
    /// A code that the gRPC mapping does not name.
    Other,
}

/// How a stream ended under a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamEnd {
    /// Both sides finished it.
    Finished,
    /// The peer reset it.
    ResetByPeer(Reset),
    /// We reset it.
    ResetByUs,
    /// The peer says that it was never processed.
    NotProcessed,
    /// The peer broke a rule of the carrier: which one, as a sentence.
    Violation(&'static str),
}
