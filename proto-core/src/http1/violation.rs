//! Everything a peer can do wrong, in one table: which answer it deserves, and which section says so.
//!
//! The table drives the answer on the wire, the log line, the docs and the tests, so that none can disagree with another.

use core::fmt;

macro_rules! violations {
    ($($name:ident: $status:literal $section:literal $text:literal,)*) => {
        /// What the peer did wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Violation {
            $(#[doc = $text] #[doc = concat!("(", $section, ")")] $name,)*
        }

        impl Violation {
            /// Every violation, for tables and tests.
            pub const ALL: &'static [Violation] = &[$(Violation::$name,)*];

            /// The HTTP status that answers it when a client did it; a server gets no answer to its own.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Violation::$name => $status,)*
                }
            }

            /// The section that forbids it.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self {
                    $(Violation::$name => $section,)*
                }
            }

            /// What happened, as a sentence without its end.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Violation::$name => $text,)*
                }
            }
        }
    };
}

violations! {
    FirstLine: 400 "RFC 9112 §3" "the first line is no request line of HTTP/1.1",
    StatusLine: 400 "RFC 9112 §4" "the first line is no status line of HTTP/1.1",
    Preface: 505 "RFC 9113 §3.4" "the preface of HTTP/2 came where HTTP/1.1 is spoken",
    Tls: 400 "RFC 9112 §3" "a TLS handshake came where plain HTTP/1.1 is spoken",
    BareCr: 400 "RFC 9112 §2.2" "a CR stands without its LF",
    BareLf: 400 "RFC 9112 §2.2" "a line ends with LF alone",
    ControlByte: 400 "RFC 9110 §5.5" "a head has a NUL or another control byte",
    MethodTooLong: 501 "RFC 9112 §3" "the method is longer than any that is served",
    Target: 400 "RFC 9112 §3.2" "the request target is malformed",
    TargetTooLong: 414 "RFC 9110 §15.5.15" "the request line is longer than its limit",
    Version: 505 "RFC 9110 §15.6.6" "the version is not HTTP/1",
    HeadTooLarge: 431 "RFC 6585 §5" "the head is larger than its limit",
    TooManyFields: 431 "RFC 6585 §5" "the head has too many fields",
    LeadingSpace: 400 "RFC 9112 §2.2" "whitespace stands between the first line and the first field",
    Fold: 400 "RFC 9112 §5.2" "a field is folded over several lines",
    FieldLine: 400 "RFC 9112 §5" "a field line has no colon",
    SpaceBeforeColon: 400 "RFC 9112 §5.1" "whitespace stands between a field's name and its colon",
    FieldName: 400 "RFC 9110 §5.1" "a field's name is no token",
    HostMissing: 400 "RFC 9112 §3.2" "the request has no Host",
    HostRepeated: 400 "RFC 9112 §3.2" "the request has more than one Host",
    HostMalformed: 400 "RFC 9112 §3.2" "the Host is malformed",
    LengthMalformed: 400 "RFC 9112 §6.3" "Content-Length is no number",
    LengthRepeated: 400 "RFC 9112 §6.3" "Content-Length comes more than once",
    LengthAndEncoding: 400 "RFC 9112 §6.1" "both Content-Length and Transfer-Encoding say how long the body is",
    EncodingUnknown: 501 "RFC 9112 §6.1" "a transfer coding other than chunked is used",
    EncodingNotFinal: 400 "RFC 9112 §6.3" "chunked is not the last transfer coding, or comes twice",
    HeadTimeout: 408 "RFC 9110 §15.5.9" "the head did not arrive in time",
    HeadCut: 400 "RFC 9112 §8" "the connection ended within a head",
    Expectation: 417 "RFC 9110 §10.1.1" "the request expects something other than 100-continue",
    ChunkSize: 400 "RFC 9112 §7.1" "a chunk does not begin with its size in hexadecimal digits",
    ChunkLine: 400 "RFC 9112 §7.1.1" "the line before a chunk is longer than its limit",
    ChunkEnd: 400 "RFC 9112 §7.1" "a chunk is not as long as it says",
    ChunkFlood: 400 "RFC 9112 §7.1.1" "too many chunks carry next to nothing",
    BodyTooLarge: 413 "RFC 9110 §15.5.14" "the body is larger than its limit",
    BodyTimeout: 408 "RFC 9110 §15.5.9" "the body did not go on in time",
    BodyCut: 400 "RFC 9112 §8" "the connection ended within a body",
    WriteTimeout: 408 "RFC 9112 §9.5" "the peer did not read in time",
    Unasked: 400 "RFC 9112 §9.2" "bytes came that answer no request",
    TooManyInformational: 400 "RFC 9110 §15.2" "too many informational responses came",
    SwitchUnasked: 400 "RFC 9110 §15.2.2" "the server switched protocols and was not asked to",
    EncodingInOldVersion: 400 "RFC 9112 §6.1" "Transfer-Encoding comes in a message of HTTP/1.0",
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.section())
    }
}

impl core::error::Error for Violation {}
