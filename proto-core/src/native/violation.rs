//! Everything a peer can do wrong, in one table: which code answers it, how far it reaches, and which section of
//! docs/native-protocol.md says so.
//!
//! The table drives the wire code, the log line and the tests, so that none can disagree with another.

use crate::native::ErrorCode;
use core::fmt;

/// How much ends with a violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One call is reset; the connection goes on.
    Call,
    /// The connection ends with GOAWAY, or with the refusal of its preface.
    Connection,
}

macro_rules! violations {
    ($($name:ident: $scope:ident $code:ident $section:literal $text:literal,)*) => {
        /// What the peer did wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Violation {
            $(#[doc = $text] #[doc = concat!("(native protocol ", $section, ")")] $name,)*
        }

        impl Violation {
            /// Every violation, for tables and tests.
            pub const ALL: &'static [Violation] = &[$(Violation::$name,)*];

            /// The error code that answers it.
            #[must_use]
            pub const fn code(self) -> ErrorCode {
                match self {
                    $(Violation::$name => ErrorCode::$code,)*
                }
            }

            /// How much ends with it.
            #[must_use]
            pub const fn scope(self) -> Scope {
                match self {
                    $(Violation::$name => Scope::$scope,)*
                }
            }

            /// The section of docs/native-protocol.md that forbids it.
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
    Preface: Connection PROTOCOL "§3" "the connection does not open with the preface of the native protocol",
    Version: Connection PROTOCOL "§3" "the client asks for a version of the native protocol that is not served; version 1 is",
    OpeningTimeout: Connection TIMEOUT "§3" "the preface and HELLO did not arrive in time",
    FrameTooLarge: Connection FRAME_SIZE "§4" "a frame is larger than max_frame_bytes",
    FrameShort: Connection FRAME_SIZE "§4" "a frame is too short for its sections",
    FrameLong: Connection FRAME_SIZE "§4" "a frame is longer than its sections",
    FrameType: Connection PROTOCOL "§4" "a frame has an unknown type, and not one that is skipped",
    Reserved: Connection PROTOCOL "§4" "a bit is set that is reserved",
    Flags: Connection PROTOCOL "§4.1" "the flags of a call's frame contradict each other",
    HeadSections: Connection PROTOCOL "§4.1" "a response's head has a section that only requests have",
    NameText: Connection PROTOCOL "§4.1" "a path or a metadata key is no text",
    FirstFrame: Connection PROTOCOL "§5" "the first frame is not HELLO",
    SecondHello: Connection PROTOCOL "§5" "HELLO came twice",
    Setting: Connection PROTOCOL "§5" "a setting of HELLO is out of its range or comes twice",
    NoEntry: Connection PROTOCOL "§6" "a name refers to an entry that is not there",
    TooManyEntries: Connection PROTOCOL "§6" "more names were interned than max_interned allows",
    LongEntry: Connection PROTOCOL "§6" "a name of more than 256 bytes was interned",
    NotFromServer: Connection PROTOCOL "§7" "a server sent a frame that only clients send",
    CallOrder: Connection PROTOCOL "§7" "a call was opened whose number is not above all before",
    UnknownCall: Connection PROTOCOL "§7" "a frame came on a call that was never opened",
    AfterEnd: Call PROTOCOL "§7" "a message or an end came after the end",
    LateHead: Call PROTOCOL "§7" "a response's head came twice, or after a message",
    Parts: Call PROTOCOL "§4.1" "the parts of a message do not add up, or something came between them",
    EmptyPart: Call PROTOCOL "§4.1" "a part of a message that came in several is empty",
    Credit: Call FLOW_CONTROL "§8" "a message costs more than the credit that is left",
    NoCredit: Call FLOW_CONTROL "§8" "CREDIT gives nothing",
    CreditOverflow: Call FLOW_CONTROL "§8" "credit grew above 2^31-1",
    TooManyCalls: Call REFUSED "§5" "a call exceeds max_calls",
    TooManyAttachments: Connection PROTOCOL "§10" "a message has more attachments than are taken",
    GoAwayRaised: Connection PROTOCOL "§10" "a second GOAWAY names a higher call than the first",
    JsonText: Connection PROTOCOL "§12" "a text message is no JSON",
    JsonFrame: Connection PROTOCOL "§12" "an object is no frame, or several at once",
    JsonMember: Connection PROTOCOL "§12" "a member of a frame has the wrong type, is out of its range, or is missing",
    JsonTwice: Connection PROTOCOL "§12" "a member of a frame comes twice",
    ResetFlood: Connection EXCESS "§11" "too many calls were reset",
    IdleFlood: Connection EXCESS "§11" "too many frames came that carry no work",
    UnreadReplies: Connection EXCESS "§11" "too many replies wait because the peer does not read",
    KeepaliveTimeout: Connection TIMEOUT "§10" "a PING was not answered in time",
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (native protocol {})", self.text(), self.section())
    }
}

impl core::error::Error for Violation {}
