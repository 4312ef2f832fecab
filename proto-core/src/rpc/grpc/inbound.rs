//! The messages of one direction as they arrive: cut, inflated, and their credit accounted for.
//!
//! Credit decides how much a peer can make this side hold. A message that the application has not taken keeps its credit;
//! so does the one that is being gathered behind it. Only the first message in line may grow beyond the window, since
//! nothing else could ever make room for it. So a call holds at most a window and one message.

use crate::rpc::compression::{InflateError, decompress};
use crate::rpc::message::{FramingError, MessageReader};
use crate::rpc::streams::Streams;
use crate::rpc::{Encoding, Origin, Status};
use alloc::format;
use bytes::Bytes;

/// What arrives on one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Inbound {
    reader: MessageReader,
    /// What `grpc-encoding` says.
    pub(super) encoding: Option<Encoding>,
    /// Bytes that arrived for the message being gathered and whose credit is held.
    held: u32,
    /// Credit of messages that the application has and did not consume.
    outstanding: u32,
}

impl Inbound {
    pub(super) fn push(&mut self, data: Bytes) {
        self.reader.push(data);
    }

    /// The next whole message and its credit.
    pub(super) fn next(
        &mut self,
        length_max: usize,
        stream: u64,
        streams: &mut dyn Streams,
    ) -> Result<Option<(Bytes, u32)>, Status> {
        let before = self.reader.input_len();
        let message = self.reader.next(length_max).map_err(|error| framing_status(error, length_max))?;
        let taken = u32::try_from(before - self.reader.input_len()).unwrap_or(u32::MAX);
        self.held = self.held.saturating_add(taken);
        let Some(message) = message else {
            if self.outstanding == 0 {
                streams.consume(stream, core::mem::take(&mut self.held));
            }
            return Ok(None);
        };
        let payload = if message.compressed {
            inflate(self.encoding, &message.payload, length_max)?
        } else {
            message.payload
        };
        let credit = core::mem::take(&mut self.held);
        self.outstanding = self.outstanding.saturating_add(credit);
        Ok(Some((payload, credit)))
    }

    /// The application took messages that came with this much credit.
    pub(super) fn consume(&mut self, credit: u32, stream: u64, streams: &mut dyn Streams) {
        self.outstanding = self.outstanding.saturating_sub(credit);
        let mut credit = credit;
        if self.outstanding == 0 {
            credit = credit.saturating_add(core::mem::take(&mut self.held));
        }
        streams.consume(stream, credit);
    }

    /// Whether the peer stopped within a message.
    pub(super) fn is_within_message(&self) -> bool {
        self.reader.is_within_message()
    }

    pub(super) fn memory(&self) -> usize {
        self.reader.memory()
    }
}

/// The message that `payload` stands for, which came with the compressed flag.
///
/// # Errors
/// The status of the call whose message it is.
pub(crate) fn inflate(
    encoding: Option<Encoding>,
    payload: &[u8],
    length_max: usize,
) -> Result<Bytes, Status> {
    let Some(encoding) = encoding else {
        return Err(library("a message has the compressed flag, but no encoding was announced"));
    };
    // Some peers set the flag on an empty message and leave it empty.
    if payload.is_empty() {
        return Ok(Bytes::new());
    }
    decompress(encoding, payload, length_max).map_err(|error| match error {
        InflateError::TooLarge => too_large(format!("a message inflates to more than {length_max} bytes")),
        InflateError::Corrupt => library(format!("a message is no valid {}", encoding.name())),
        InflateError::NotBuiltIn => library(format!("{} is not built in", encoding.name())),
    })
}

/// The status of a stream that ended within a message.
pub(super) fn truncated() -> Status {
    library("the stream ended within a message")
}

fn library(text: impl Into<alloc::borrow::Cow<'static, str>>) -> Status {
    Status::internal(text).with_origin(Origin::Library)
}

/// The status of a call with a message above the limit.
pub(crate) fn too_large(text: alloc::string::String) -> Status {
    Status::resource_exhausted(text).with_origin(Origin::Library)
}

fn framing_status(error: FramingError, length_max: usize) -> Status {
    match error {
        FramingError::Flag(flag) => {
            library(format!("a message has the flag {flag}; only 0 and 1 are defined"))
        }
        FramingError::TooLarge { length } => {
            too_large(format!("a message of {length} bytes exceeds the limit of {length_max}"))
        }
    }
}
