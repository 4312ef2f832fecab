//! Frames without their encoding, and what an encoding of them must be able to do: so one engine speaks binary, and
//! JSON, and whatever else says the same things.

use crate::base::{Field, Out};
use crate::native::capabilities::Capabilities;
use crate::native::priority::Priority;
use crate::native::{ErrorCode, Role, Violation};
use crate::rpc::{Encoding, Metadata, Status};
use alloc::boxed::Box;
use alloc::string::String;
use bytes::Bytes;
use core::fmt::Debug;
use core::time::Duration;

/// A frame that arrived. Its metadata and its path, where there are any, stand in the [`Scratch`] that was handed in.
#[derive(Clone, Debug)]
pub enum Frame {
    /// The client's preface, which a server answers.
    Preface,
    /// The server does not speak the version of the preface; which ones it does, and what it says about it.
    Refused {
        /// The lowest version.
        lowest: u8,
        /// The highest version.
        highest: u8,
        /// A text for people.
        text: String,
    },
    /// HELLO.
    Hello(Capabilities),
    /// CREDIT.
    Credit {
        /// The call.
        call: u64,
        /// Bytes.
        amount: u64,
    },
    /// RESET.
    Reset {
        /// The call.
        call: u64,
        /// Why.
        code: ErrorCode,
        /// The same for people.
        text: String,
    },
    /// PRIORITY.
    Priority {
        /// The call.
        call: u64,
        /// Its priority from here on.
        priority: Priority,
    },
    /// PING.
    Ping([u8; 8]),
    /// PONG.
    Pong([u8; 8]),
    /// GOAWAY.
    GoAway {
        /// The last call that was, or will be, processed.
        last: u64,
        /// Why.
        code: ErrorCode,
        /// The same for people.
        text: String,
    },
    /// CALL.
    Call(CallFrame),
    /// More of the message, or of its part, in the CALL frame that came before.
    More {
        /// What arrived.
        data: Bytes,
        /// Bytes of the frame that are still to come.
        missing: usize,
    },
    /// A frame that is skipped.
    Skipped,
}

/// A CALL frame that arrived.
#[derive(Clone, Debug)]
pub struct CallFrame {
    /// The call.
    pub call: u64,
    /// HEAD.
    pub head: Option<Head>,
    /// MESSAGE.
    pub part: Option<Part>,
    /// END.
    pub end: End,
}

/// A head that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The path of a request.
    pub path: Path,
    /// How long the call may still take.
    pub timeout: Option<Duration>,
    /// The encoding of compressed messages: `Some(None)` is one that nobody knows.
    pub encoding: Option<Option<Encoding>>,
    /// The priority.
    pub priority: Option<Priority>,
    /// The metadata exceeds a limit; what is beyond it was left out.
    pub oversized: bool,
}

/// Where the path of a request stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Path {
    /// There is none: a response.
    #[default]
    None,
    /// In the scratch.
    Text,
    /// In the codec's table, under this number.
    Entry(u32),
}

/// A message, or a part of one, that arrived, or begins to.
#[derive(Clone, Debug)]
pub struct Part {
    /// What arrived.
    pub data: Bytes,
    /// Bytes of the frame that are still to come.
    pub missing: usize,
    /// What it costs beside the overhead, in bytes.
    pub cost: u64,
    /// Bytes of the message that follow in other parts.
    pub rest: u64,
    /// It is compressed.
    pub compressed: bool,
    /// Attachments.
    pub attachments: u8,
    /// How the call ends because of it: its encoding has no bytes for it.
    pub refusal: Option<Box<Status>>,
}

/// Whether a CALL frame is the last of its side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// It is not.
    No,
    /// A client's end.
    HalfClose,
    /// A server's end: the status, and the metadata that came with it.
    Status(Status, Metadata),
    /// A server's end whose metadata exceeds a limit.
    Oversized,
}

/// What a status counts against the limit of metadata, §5: its texts count like entries without a key.
pub(crate) fn status_size(text: &[u8], details: &[u8], metadata: &Metadata) -> usize {
    let of_text = |text: &[u8]| if text.is_empty() { 0 } else { Field::new(b"", text).size() };
    of_text(text) + of_text(details) + metadata.fields().size()
}

/// Memory that frames are read into, used again and again.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// The metadata of a head.
    pub metadata: Metadata,
    /// The path of a request, where it is not in the codec's table.
    pub path: String,
}

/// What a frame may have when it is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Calls that are open at once.
    pub calls_max: usize,
    /// Bytes of a frame.
    pub frame_bytes_max: usize,
    /// Bytes of metadata.
    pub metadata_bytes_max: usize,
    /// Entries of metadata.
    pub metadata_entries_max: usize,
    /// Interned names.
    pub interned_max: usize,
}

/// A CALL frame to be written.
#[derive(Clone, Debug)]
pub struct CallOut<'a> {
    /// The call.
    pub call: u64,
    /// HEAD.
    pub head: Option<HeadOut<'a>>,
    /// MESSAGE.
    pub part: Option<PartOut>,
    /// END.
    pub end: EndOut<'a>,
}

/// A head to be written.
#[derive(Clone, Copy, Debug)]
pub struct HeadOut<'a> {
    /// The path of a request.
    pub path: Option<PathOut<'a>>,
    /// How long the call may still take.
    pub timeout: Option<Duration>,
    /// The encoding of compressed messages.
    pub encoding: Option<Encoding>,
    /// The priority, where it is not the default.
    pub priority: Option<Priority>,
    /// The metadata.
    pub metadata: &'a Metadata,
}

/// A path to be written.
#[derive(Clone, Copy, Debug)]
pub enum PathOut<'a> {
    /// Its text.
    Text(&'a str),
    /// What [`Codec::find_path`] answered.
    Entry(u32),
}

/// A message, or a part of one, to be written.
#[derive(Clone, Debug)]
pub struct PartOut {
    /// The bytes.
    pub data: Bytes,
    /// Bytes of the message that follow in other parts.
    pub rest: u64,
    /// It is compressed.
    pub compressed: bool,
    /// Attachments.
    pub attachments: u8,
}

/// The end to be written.
#[derive(Clone, Copy, Debug)]
pub enum EndOut<'a> {
    /// None.
    No,
    /// A client's.
    HalfClose,
    /// A server's.
    Status(&'a Status, &'a Metadata),
}

/// An encoding of frames. It knows which side it is on, and nothing of calls.
pub trait Codec: Clone + Debug {
    /// Whether a message may be sent in parts. Where it may not, it may exceed the credit that is left, once half of the
    /// initial credit is there.
    const SPLITS: bool;

    /// The encoding for one side of a connection.
    fn new(role: Role) -> Self;

    /// Takes input. Stores it; parses nothing yet.
    fn push(&mut self, input: Bytes);

    /// The next frame; `None` when more input is needed.
    ///
    /// # Errors
    /// When the input breaks a rule of the connection.
    fn next(&mut self, limits: &ReadLimits, scratch: &mut Scratch) -> Result<Option<Frame>, Violation>;

    /// Whether the peer has shown that it speaks this protocol.
    fn is_open(&self) -> bool;

    /// Whether all input was whole frames.
    fn is_between_frames(&self) -> bool;

    /// Whether nothing has arrived at all.
    fn is_untouched(&self) -> bool;

    /// The text of [`Path::Entry`].
    fn path(&self, entry: u32) -> &str;

    /// The authority that the client's HELLO named.
    fn authority(&self) -> &str;

    /// Looks for a path among those that were written before.
    fn find_path(&mut self, path: &str) -> Option<u32>;

    /// Writes what comes before the first frame.
    fn put_preface(&mut self, out: &mut Out);

    /// Writes the refusal of a preface.
    fn put_refusal(&mut self, text: &str, out: &mut Out);

    /// Writes HELLO.
    fn put_hello(&mut self, capabilities: &Capabilities, authority: &str, agent: &str, out: &mut Out);

    /// Writes CREDIT.
    fn put_credit(&mut self, call: u64, amount: u32, out: &mut Out);

    /// Writes RESET.
    fn put_reset(&mut self, call: u64, code: ErrorCode, text: &str, out: &mut Out);

    /// Writes PRIORITY.
    fn put_priority(&mut self, call: u64, priority: Priority, out: &mut Out);

    /// Writes PING, or PONG.
    fn put_ping(&mut self, is_answer: bool, token: [u8; 8], out: &mut Out);

    /// Writes GOAWAY.
    fn put_goaway(&mut self, last: u64, code: ErrorCode, text: &str, out: &mut Out);

    /// Writes CALL; names may enter the table of the peer, which has room for so many.
    fn put_call(&mut self, frame: CallOut<'_>, interned_max: usize, out: &mut Out);

    /// Gives back what an idle connection does not need.
    fn shrink(&mut self);

    /// Forgets all input.
    fn clear(&mut self);

    /// Bytes of heap memory held, without the input.
    fn memory(&self) -> usize;

    /// The most that [`Codec::memory`] says.
    fn memory_max(limits: &ReadLimits) -> usize;
}
