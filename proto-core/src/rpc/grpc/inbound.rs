//! The messages of one direction as they arrive: cut, inflated, and their credit accounted for.
//!
//! Credit decides how much a peer can make this side hold. A message that the application has not taken keeps its credit;
//! so does the one that is being gathered behind it. Only the first message in line may grow beyond the window, since
//! nothing else could ever make room for it. So a call holds at most a window and one message.

use crate::rpc::compression::{InflateError, decompress};
use crate::rpc::grpc::trailers;
use crate::rpc::grpc_web::text::TextDecoder;
use crate::rpc::grpc_web::{WebForm, trailer_frame};
use crate::rpc::message::{FramingError, MessageReader, WireMessage};
use crate::rpc::streams::Streams;
use crate::rpc::{Encoding, Metadata, Origin, Status};
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use bytes::Bytes;

const AFTER_TRAILERS: &str = "data came after the trailers";

pub(super) const WEB_BYTES: usize = size_of::<WebInbound>();

/// Messages of a call that its application may leave unread before the next one is cut: each is an object of its own, many
/// times as large as the shortest is on the wire. Abuse: a window full of the shortest messages.
const UNREAD_MAX: u32 = 256;

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
    /// Messages that the application has and did not consume.
    unread: u32,
    /// What arrived while there were too many of those, and is not cut yet.
    backlog: Vec<u8>,
    /// How long what the reader reads was when it was the backlog.
    read_from_backlog: usize,
    /// What gRPC-Web needs besides; nothing for plain gRPC.
    web: Option<Box<WebInbound>>,
}

impl Inbound {
    pub(super) fn push(&mut self, data: Bytes) {
        let data = match &mut self.web {
            None => data,
            Some(web) => web.take_in(data, &mut self.held),
        };
        if self.is_held_back() {
            self.backlog.extend_from_slice(&data);
        } else {
            self.reader.push(data);
        }
    }

    /// Makes it cut no more messages while the application leaves many unread.
    pub(super) fn hold_back(&mut self) {
        if self.unread < UNREAD_MAX || self.reader.input_len() == 0 || self.read_from_backlog > 0 {
            return;
        }
        // A copy, so that nothing of a large read buffer is kept for it.
        self.backlog.extend_from_slice(&self.reader.take_input());
    }

    /// Whether messages that arrived wait to be cut until the application took some.
    pub(super) fn is_held_back(&self) -> bool {
        !self.backlog.is_empty() || self.unread >= UNREAD_MAX && self.reader.input_len() > 0
    }

    /// Whether the application left as many messages unread as it may.
    pub(super) fn is_full(&self) -> bool {
        self.unread >= UNREAD_MAX
    }

    /// Makes it read gRPC-Web: of a request without, of a reply with trailers in the body.
    pub(super) fn speak_web(&mut self, form: WebForm, is_reply: bool) {
        self.web = Some(Box::new(WebInbound::new(form)));
        if is_reply {
            self.reader.take_trailers();
        }
    }

    /// What gRPC-Web needs besides.
    pub(super) fn web(&mut self) -> Option<&mut WebInbound> {
        self.web.as_deref_mut()
    }

    /// The next whole message and its credit.
    pub(super) fn next(
        &mut self,
        length_max: usize,
        stream: u64,
        streams: &mut dyn Streams,
    ) -> Result<Option<(Bytes, u32)>, Status> {
        let message = loop {
            let before = self.reader.input_len();
            let message = self.reader.next(length_max).map_err(|error| framing_status(error, length_max))?;
            let taken = u32::try_from(before - self.reader.input_len()).unwrap_or(u32::MAX);
            self.held = self.held.saturating_add(taken);
            if self.reader.input_len() == 0 {
                self.read_from_backlog = 0;
            }
            if message.is_some() || self.backlog.is_empty() {
                break message;
            }
            self.backlog.shrink_to_fit();
            self.read_from_backlog = self.backlog.len();
            self.reader.push(core::mem::take(&mut self.backlog).into());
        };
        let message = match message {
            Some(message) if !message.is_trailers => message,
            rest => {
                if self.outstanding == 0 {
                    streams.consume(stream, core::mem::take(&mut self.held));
                }
                return self.end_run(rest).map(|()| None);
            }
        };
        let payload = if message.compressed {
            inflate(self.encoding, &message.payload, length_max)?
        } else {
            message.payload
        };
        let credit = core::mem::take(&mut self.held);
        self.outstanding = self.outstanding.saturating_add(credit);
        self.unread = self.unread.saturating_add(1);
        Ok(Some((payload, credit)))
    }

    /// The application took a message, or several, that came with this much credit; says whether more may be cut now, and
    /// could not before.
    pub(super) fn consume(&mut self, credit: u32, stream: u64, streams: &mut dyn Streams) -> bool {
        let was_full = self.is_full();
        self.outstanding = self.outstanding.saturating_sub(credit);
        self.unread = if self.outstanding == 0 { 0 } else { self.unread.saturating_sub(1) };
        let mut credit = credit;
        if self.outstanding == 0 {
            credit = credit.saturating_add(core::mem::take(&mut self.held));
        }
        streams.consume(stream, credit);
        was_full && !self.is_full()
    }

    /// Nothing of this input is left, or all that is left are trailers.
    fn end_run(&mut self, trailers: Option<WireMessage>) -> Result<(), Status> {
        let Some(web) = &self.web else { return Ok(()) };
        let Some(frame) = trailers else { return web.wrong.map_or(Ok(()), |wrong| Err(library(wrong))) };
        if self.reader.input_len() > 0 || web.wrong.is_some() || !web.is_whole() {
            return Err(library(AFTER_TRAILERS));
        }
        let payload = match frame.compressed {
            true => inflate(self.encoding, &frame.payload, trailer_frame::BYTES_MAX)?,
            false => frame.payload,
        };
        if let Some(web) = &mut self.web {
            web.trailers = Some(payload);
        }
        Ok(())
    }

    /// Whether the peer stopped within a message.
    pub(super) fn is_within_message(&self) -> bool {
        self.reader.is_within_message() || self.web.as_ref().is_some_and(|web| !web.is_whole())
    }

    /// Bytes that are held of a message that has begun.
    pub(super) fn gathered(&self) -> usize {
        self.reader.memory()
    }

    pub(super) fn memory(&self) -> usize {
        self.reader.memory()
            + self.backlog.capacity()
            + self.read_from_backlog
            + self.web.as_ref().map_or(0, |_| WEB_BYTES)
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

/// What arrives on a call of gRPC-Web, beyond plain messages.
#[derive(Clone, Debug)]
pub(super) struct WebInbound {
    text: Option<TextDecoder>,
    /// The payload of the frame with trailers.
    trailers: Option<Bytes>,
    /// What a reply's head said of the status; counts where no trailers come.
    pub(super) told_by_head: Option<(Status, Metadata)>,
    /// The body cannot be read: why.
    wrong: Option<&'static str>,
    /// Whole messages so far.
    pub(super) messages: u32,
}

impl WebInbound {
    fn new(form: WebForm) -> WebInbound {
        let text = (form == WebForm::Text).then(TextDecoder::default);
        WebInbound { text, trailers: None, told_by_head: None, wrong: None, messages: 0 }
    }

    /// The bytes that a piece of the body stands for. Credit was spent on the piece, so that what it is longer counts too.
    fn take_in(&mut self, data: Bytes, held: &mut u32) -> Bytes {
        if self.trailers.is_some() && !data.is_empty() {
            self.wrong = Some(AFTER_TRAILERS);
        }
        let waiting = |text: &Option<TextDecoder>| text.as_ref().map_or(0, TextDecoder::waiting);
        let spent = waiting(&self.text) + data.len();
        let decoded = match (&mut self.text, self.wrong) {
            (_, Some(_)) => Bytes::new(),
            (None, None) => data,
            (Some(text), None) => {
                let (decoded, is_text) = text.decode(&data);
                self.wrong = (!is_text).then_some("the body is no base64");
                decoded
            }
        };
        let longer = spent.saturating_sub(decoded.len() + waiting(&self.text));
        *held = held.saturating_add(u32::try_from(longer).unwrap_or(u32::MAX));
        decoded
    }

    fn is_whole(&self) -> bool {
        self.text.as_ref().is_none_or(TextDecoder::is_whole)
    }

    /// The status of a reply that is whole: its trailers', or its head's, or else `otherwise`.
    pub(super) fn status(&mut self, otherwise: (Status, Metadata)) -> (Status, Metadata) {
        let Some(lines) = self.trailers.take() else { return self.told_by_head.take().unwrap_or(otherwise) };
        let malformed = |wrong| {
            let text = format!("the trailers in the body are malformed: {wrong}");
            (Status::internal(text).with_origin(Origin::Peer), Metadata::new())
        };
        match trailer_frame::decode(&lines) {
            Ok(fields) => trailers::read(&fields).unwrap_or_else(|| malformed("they have no grpc-status")),
            Err(wrong) => malformed(wrong),
        }
    }
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
