//! Everything a peer can do wrong, in one table: which code answers it, how far it reaches, and which section says so.
//!
//! The table drives the wire code, the log line, the docs and the tests, so that none can disagree with another.

use crate::hpack::HpackError;
use crate::http2::ErrorCode;
use core::fmt;

/// How much ends with a violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One stream is reset; the connection goes on (RFC 9113 §5.4.2).
    Stream,
    /// The connection ends with GOAWAY (RFC 9113 §5.4.1).
    Connection,
}

macro_rules! violations {
    ($($(#[$doc:meta])* $name:ident: $scope:ident $code:ident $section:literal $text:literal,)*) => {
        /// What the peer did wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Violation {
            $(#[doc = $text] #[doc = concat!("(", $section, ")")] $(#[$doc])* $name,)*
            /// A header block that cannot be decoded (RFC 9113 §4.3).
            Compression(HpackError),
        }

        impl Violation {
            /// Every violation but the decoder's own, for tables and tests.
            pub const ALL: &'static [Violation] = &[$(Violation::$name,)*];

            /// The error code that answers it.
            #[must_use]
            pub const fn code(self) -> ErrorCode {
                match self {
                    $(Violation::$name => ErrorCode::$code,)*
                    Violation::Compression(_) => ErrorCode::COMPRESSION_ERROR,
                }
            }

            /// How much ends with it.
            #[must_use]
            pub const fn scope(self) -> Scope {
                match self {
                    $(Violation::$name => Scope::$scope,)*
                    Violation::Compression(_) => Scope::Connection,
                }
            }

            /// The section that forbids it.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self {
                    $(Violation::$name => $section,)*
                    Violation::Compression(_) => "RFC 9113 §4.3",
                }
            }

            /// What happened, as a sentence without its end.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Violation::$name => $text,)*
                    Violation::Compression(_) => "a header block cannot be decoded",
                }
            }
        }
    };
}

violations! {
    Preface: Connection PROTOCOL_ERROR "RFC 9113 §3.4" "the connection does not open with the HTTP/2 preface",
    PrefaceWithoutSettings: Connection PROTOCOL_ERROR "RFC 9113 §3.4" "the first frame is not SETTINGS",
    PrefaceTimeout: Connection PROTOCOL_ERROR "RFC 9113 §3.4" "the preface did not arrive in time",
    FrameTooLarge: Connection FRAME_SIZE_ERROR "RFC 9113 §4.2" "a frame is larger than SETTINGS_MAX_FRAME_SIZE",
    FrameSize: Connection FRAME_SIZE_ERROR "RFC 9113 §4.2" "a frame has a length that its type does not allow",
    PrioritySize: Stream FRAME_SIZE_ERROR "RFC 9113 §6.3" "a PRIORITY frame is not 5 bytes long",
    StreamZero: Connection PROTOCOL_ERROR "RFC 9113 §6" "a frame that belongs to a stream came on stream 0",
    NotStreamZero: Connection PROTOCOL_ERROR "RFC 9113 §6" "a frame that belongs to the connection came on a stream",
    Padding: Connection PROTOCOL_ERROR "RFC 9113 §6.1" "a frame's padding is longer than its payload",
    IdleStream: Connection PROTOCOL_ERROR "RFC 9113 §5.1" "a frame came on a stream that was never opened",
    StreamIdParity: Connection PROTOCOL_ERROR "RFC 9113 §5.1.1" "a stream was opened with the other side's parity",
    StreamIdOrder: Connection PROTOCOL_ERROR "RFC 9113 §5.1.1" "a stream was opened with an id below an earlier one",
    HalfClosed: Stream STREAM_CLOSED "RFC 9113 §5.1" "a frame came after END_STREAM",
    ClosedStream: Connection STREAM_CLOSED "RFC 9113 §5.1" "a frame came on a stream that both sides had finished",
    AfterReset: Stream STREAM_CLOSED "RFC 9113 §5.1" "a frame came on a stream after its RST_STREAM",
    TooManyStreams: Stream REFUSED_STREAM "RFC 9113 §5.1.2" "a stream exceeds SETTINGS_MAX_CONCURRENT_STREAMS",
    SelfDependency: Stream PROTOCOL_ERROR "RFC 9113 §5.3.1" "a stream depends on itself",
    InterruptedHeaders: Connection PROTOCOL_ERROR "RFC 9113 §6.10" "another frame came where CONTINUATION was due",
    StrayContinuation: Connection PROTOCOL_ERROR "RFC 9113 §6.10" "CONTINUATION came without an open header block",
    TooManyContinuations: Connection ENHANCE_YOUR_CALM "RFC 9113 §10.5.1" "a header block has too many CONTINUATION frames",
    HeaderBlockTooLarge: Connection ENHANCE_YOUR_CALM "RFC 9113 §10.5.1" "a header block is larger than its limit",
    HeaderTimeout: Connection ENHANCE_YOUR_CALM "RFC 9113 §10.5" "a header block, or a frame that is not DATA, was not finished in time",
    SettingsAckPayload: Connection FRAME_SIZE_ERROR "RFC 9113 §6.5" "a SETTINGS acknowledgement has a payload",
    StraySettingsAck: Connection PROTOCOL_ERROR "RFC 9113 §6.5.3" "SETTINGS were acknowledged that were not sent",
    SettingEnablePush: Connection PROTOCOL_ERROR "RFC 9113 §6.5.2" "SETTINGS_ENABLE_PUSH has a value that is not allowed",
    SettingWindow: Connection FLOW_CONTROL_ERROR "RFC 9113 §6.5.2" "SETTINGS_INITIAL_WINDOW_SIZE is above 2^31-1",
    SettingFrameSize: Connection PROTOCOL_ERROR "RFC 9113 §6.5.2" "SETTINGS_MAX_FRAME_SIZE is not within 2^14 and 2^24-1",
    SettingConnect: Connection PROTOCOL_ERROR "RFC 8441 §3" "SETTINGS_ENABLE_CONNECT_PROTOCOL is not 0 or 1, or was taken back",
    SettingsTimeout: Connection SETTINGS_TIMEOUT "RFC 9113 §6.5.3" "SETTINGS were not acknowledged in time",
    Push: Connection PROTOCOL_ERROR "RFC 9113 §6.6" "PUSH_PROMISE came although push is off",
    PushUnasked: Connection PROTOCOL_ERROR "RFC 9113 §6.6" "PUSH_PROMISE came on a stream that is not open",
    PushFromClient: Connection PROTOCOL_ERROR "RFC 9113 §8.4" "a client sent PUSH_PROMISE",
    ZeroIncrement: Connection PROTOCOL_ERROR "RFC 9113 §6.9" "WINDOW_UPDATE of the connection has an increment of 0",
    StreamZeroIncrement: Stream PROTOCOL_ERROR "RFC 9113 §6.9" "WINDOW_UPDATE of a stream has an increment of 0",
    ConnectionWindowOverflow: Connection FLOW_CONTROL_ERROR "RFC 9113 §6.9.1" "the connection's window grew beyond 2^31-1",
    StreamWindowOverflow: Stream FLOW_CONTROL_ERROR "RFC 9113 §6.9.1" "a stream's window grew beyond 2^31-1",
    InitialWindowOverflow: Connection FLOW_CONTROL_ERROR "RFC 9113 §6.9.2" "SETTINGS made a stream's window grow beyond 2^31-1",
    ConnectionFlow: Connection FLOW_CONTROL_ERROR "RFC 9113 §6.9.1" "more DATA came than the connection's window allows",
    StreamFlow: Stream FLOW_CONTROL_ERROR "RFC 9113 §6.9.1" "more DATA came than the stream's window allows",
    GoAwayRaised: Connection PROTOCOL_ERROR "RFC 9113 §6.8" "a second GOAWAY names a higher stream than the first",
    MalformedHead: Stream PROTOCOL_ERROR "RFC 9113 §8.1.1" "a request or response head is malformed",
    MalformedTrailers: Stream PROTOCOL_ERROR "RFC 9113 §8.1" "trailers are malformed or do not end the stream",
    ContentLength: Stream PROTOCOL_ERROR "RFC 9113 §8.1.1" "the content is not as long as content-length says",
    TunnelHeaders: Stream PROTOCOL_ERROR "RFC 9113 §8.5" "HEADERS came on a connected stream, which carries only DATA",
    DataBeforeHead: Stream PROTOCOL_ERROR "RFC 9113 §8.1" "DATA came before the head",
    TooManyInformational: Stream ENHANCE_YOUR_CALM "RFC 9113 §10.5" "too many informational responses came",
    ResetFlood: Connection ENHANCE_YOUR_CALM "RFC 9113 §10.5" "too many streams were reset",
    ControlFlood: Connection ENHANCE_YOUR_CALM "RFC 9113 §10.5" "too many frames came that carry no work",
    UnreadReplies: Connection ENHANCE_YOUR_CALM "RFC 9113 §10.5" "too many replies wait because the peer does not read",
    KeepaliveTimeout: Connection NO_ERROR "RFC 9113 §6.7" "a PING was not answered in time",
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Compression(error) => write!(f, "{}: {error} ({})", self.text(), self.section()),
            _ => write!(f, "{} ({})", self.text(), self.section()),
        }
    }
}

impl core::error::Error for Violation {}
