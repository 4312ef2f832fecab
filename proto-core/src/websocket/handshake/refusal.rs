//! Every reason why there is no connection, with the HTTP status that says so and the section that demands it.

use crate::http1;
use core::fmt;

macro_rules! refusals {
    ($($name:ident: $status:literal $section:literal $text:literal,)*) => {
        /// Why a handshake failed.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Refusal {
            $(#[doc = $text] #[doc = concat!("(", $section, ")")] $name,)*
            /// The head is none that HTTP/1.1 allows.
            Head(http1::Violation),
            /// The server answered with this status instead of taking the connection.
            Status(u16),
        }

        impl Refusal {
            /// Every refusal but those that have a cause of their own, for tables and tests.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name,)*];

            /// The HTTP status with which a server says so; what a client refuses is answered by hanging up.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Refusal::$name => $status,)*
                    Refusal::Head(violation) => violation.status(),
                    Refusal::Status(status) => status,
                }
            }

            /// The section that demands it.
            #[must_use]
            pub const fn section(self) -> &'static str {
                match self {
                    $(Refusal::$name => $section,)*
                    Refusal::Head(violation) => violation.section(),
                    Refusal::Status(_) => "RFC 6455 §4.1",
                }
            }

            /// What happened, as a sentence without its end.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Refusal::$name => $text,)*
                    Refusal::Head(violation) => violation.text(),
                    Refusal::Status(_) => "the server did not take the connection",
                }
            }
        }
    };
}

refusals! {
    Method: 405 "RFC 6455 §4.1" "a handshake is a GET",
    HttpVersion: 505 "RFC 6455 §4.1" "a handshake needs HTTP/1.1",
    NoUpgrade: 426 "RFC 6455 §4.2.1" "only WebSocket is served here: Upgrade and Connection must ask for it",
    Version: 426 "RFC 6455 §4.4" "Sec-WebSocket-Version must be 13",
    Key: 400 "RFC 6455 §4.2.1" "Sec-WebSocket-Key must be 16 bytes in base64, once",
    Body: 400 "RFC 6455 §4.1" "a handshake has no body",
    Extensions: 400 "RFC 6455 §9.1" "Sec-WebSocket-Extensions is malformed",
    Path: 404 "RFC 6455 §4.2.2" "nothing is served at this path",
    Origin: 403 "RFC 6455 §10.2" "pages of this origin may not connect",
    Subprotocol: 400 "RFC 6455 §4.2.2" "none of the subprotocols in Sec-WebSocket-Protocol is spoken here",
    Connect: 400 "RFC 8441 §4" "the request is no extended CONNECT for websocket",
    Timeout: 408 "RFC 6455 §4.1" "the handshake was not completed in time",
    ResponseUpgrade: 502 "RFC 6455 §4.1" "the response's Upgrade and Connection do not say websocket",
    ResponseAccept: 502 "RFC 6455 §4.1" "the response's Sec-WebSocket-Accept does not match the key",
    ResponseSubprotocol: 502 "RFC 6455 §4.1" "the response chose a subprotocol that was not offered, or none of those needed",
    ResponseExtensions: 502 "RFC 6455 §4.1" "the response chose an extension that was not offered",
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Status(status) => {
                write!(f, "{}: it answered {status} ({})", self.text(), self.section())
            }
            _ => write!(f, "{} ({})", self.text(), self.section()),
        }
    }
}

impl core::error::Error for Refusal {}
