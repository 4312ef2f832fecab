//! Everything a peer can do wrong once the connection is open, in one table: which close code answers it, and which
//! section says so. The scope is always the connection: WebSocket has nothing smaller to end.
//!
//! The table drives the close frame, the log line, the docs and the tests, so that none can disagree with another.

use crate::websocket::CloseCode;
use core::fmt;

macro_rules! violations {
    ($($name:ident: $code:ident $section:literal $text:literal,)*) => {
        /// What the peer did wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Violation {
            $(#[doc = $text] #[doc = concat!("(", $section, ")")] $name,)*
        }

        impl Violation {
            /// Every violation, for tables and tests.
            pub const ALL: &'static [Violation] = &[$(Violation::$name,)*];

            /// The close code that answers it.
            #[must_use]
            pub const fn code(self) -> CloseCode {
                match self {
                    $(Violation::$name => CloseCode::$code,)*
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
    ReservedBits: PROTOCOL_ERROR "RFC 6455 §5.2" "a frame has a reserved bit that no extension gave a meaning",
    ReservedOpcode: PROTOCOL_ERROR "RFC 6455 §5.2" "a frame has an opcode that is reserved",
    Length: PROTOCOL_ERROR "RFC 6455 §5.2" "a frame's length is not encoded in as few bytes as it takes",
    Unmasked: PROTOCOL_ERROR "RFC 6455 §5.1" "a client sent a frame that is not masked",
    Masked: PROTOCOL_ERROR "RFC 6455 §5.1" "a server sent a frame that is masked",
    FragmentedControl: PROTOCOL_ERROR "RFC 6455 §5.5" "a control frame is fragmented",
    LongControl: PROTOCOL_ERROR "RFC 6455 §5.5" "a control frame has more than 125 bytes of payload",
    StrayContinuation: PROTOCOL_ERROR "RFC 6455 §5.4" "a continuation came while no message was open",
    InterruptedMessage: PROTOCOL_ERROR "RFC 6455 §5.4" "a new message began before the last one was complete",
    BadText: INVALID_DATA "RFC 6455 §8.1" "a text message is not UTF-8",
    MessageTooBig: TOO_BIG "RFC 6455 §10.4" "a message is larger than its limit",
    CloseLength: PROTOCOL_ERROR "RFC 6455 §5.5.1" "a close frame has one byte of payload, half a code",
    CloseCode: PROTOCOL_ERROR "RFC 6455 §7.4" "a close frame has a code that must not be sent",
    CloseReason: INVALID_DATA "RFC 6455 §5.5.1" "the reason in a close frame is not UTF-8",
    CompressedUnasked: PROTOCOL_ERROR "RFC 7692 §6" "a message is compressed, which was not agreed on",
    CompressedContinuation: PROTOCOL_ERROR "RFC 7692 §6.1" "a continuation says that it is compressed",
    Corrupt: INVALID_DATA "RFC 7692 §7.2.2" "a compressed message cannot be inflated",
    Bomb: TOO_BIG "RFC 7692 §8" "a compressed message grows beyond its limit",
    FragmentFlood: POLICY "RFC 6455 §10.4" "messages come in too many tiny fragments",
    ControlFlood: POLICY "RFC 6455 §10.4" "too many control frames came",
    MessageTimeout: POLICY "RFC 6455 §10.4" "a message was begun and not continued in time",
    HeartbeatTimeout: INTERNAL "RFC 6455 §5.5.2" "a ping was not answered in time",
    CloseTimeout: GOING_AWAY "RFC 6455 §7.1.1" "the closing handshake was not completed in time",
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text(), self.section())
    }
}

impl core::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::frame::CONTROL_MAX;

    #[test]
    fn every_violation_fits_into_a_close_frame_and_its_code_may_be_sent() {
        for violation in Violation::ALL {
            assert!(2 + violation.text().len() <= CONTROL_MAX, "{violation:?}");
            assert!(violation.code().may_be_sent(), "{violation:?}");
            assert!(violation.section().starts_with("RFC "), "{violation:?}");
        }
    }
}
