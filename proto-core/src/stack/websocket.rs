//! The native protocol in WebSocket messages: what both sides share. Subprotocols, configurations, and what close codes
//! mean for calls (docs/native-protocol.md §13).

use crate::native::{self, ErrorCode, Violation};
use crate::rpc::{Code, NoSchema, Origin, SessionEnd, Status, Transcode, local_status};
use crate::websocket::{self, CloseCode, End, Kind, Refusal};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use core::time::Duration;

/// The subprotocol of the binary encoding.
pub const BINARY: &str = "zrpc.v1";
/// The subprotocol of the JSON encoding.
pub const JSON: &str = "zrpc.v1+json";

/// How long a person at a console may take for the first frame.
const OPENING_BY_HAND: Duration = Duration::from_secs(60);
/// How long the peer may take to say close: calls are over by then, and who does not read answers nothing.
const CLOSE_TIMEOUT_MAX: Duration = Duration::from_secs(1);
/// What a text may have beside a message, in bytes.
const TEXT_ROOM: usize = 64 * 1024;
/// The first of the close codes that are a status each.
const STATUS_CODES: u16 = 4000;

/// What a server's WebSocket connections share.
#[derive(Clone, Debug)]
pub struct WebSocketServerConfig {
    /// Limits and timeouts of calls and of their frames.
    pub native: native::Config,
    /// Limits of messages, heartbeat, and whose pages may connect. Its subprotocols are those of this protocol,
    /// whatever it says, and a message may be at least as long as a call's message needs.
    pub websocket: websocket::Config,
    /// Knows the messages of the services, for JSON. Without it they travel as `data` alone.
    pub schema: Arc<dyn Transcode>,
}

impl Default for WebSocketServerConfig {
    fn default() -> WebSocketServerConfig {
        WebSocketServerConfig {
            native: native::Config::default(),
            websocket: websocket::Config::default(),
            schema: Arc::new(NoSchema),
        }
    }
}

/// A [`WebSocketServerConfig`] in one place of memory, for servers with many connections.
#[derive(Clone, Debug)]
pub struct SharedWebSocketConfig {
    pub(super) binary: Arc<native::Config>,
    pub(super) json: Arc<native::Config>,
    pub(super) websocket: Arc<websocket::Config>,
    pub(super) schema: Arc<dyn Transcode>,
}

impl From<&WebSocketServerConfig> for SharedWebSocketConfig {
    fn from(config: &WebSocketServerConfig) -> SharedWebSocketConfig {
        let native = native::Config { attachments_max: 0, ..config.native.clone() };
        let mut websocket = fitting(&config.websocket, &native);
        websocket.policy.subprotocols = vec![BINARY.into(), JSON.into()];
        SharedWebSocketConfig {
            json: by_hand(&native).shared(),
            binary: native.shared(),
            websocket: Arc::new(websocket),
            schema: Arc::clone(&config.schema),
        }
    }
}

impl SharedWebSocketConfig {
    /// What is agreed on with clients, for who reads their requests: an extended CONNECT of HTTP/2.
    #[must_use]
    pub fn websocket(&self) -> &Arc<websocket::Config> {
        &self.websocket
    }
}

/// What a client's WebSocket connection says and takes.
#[derive(Clone, Debug)]
pub struct WebSocketClientConfig {
    /// Limits and timeouts of calls and of their frames.
    pub native: native::Config,
    /// Limits of messages, and the heartbeat. A message may be at least as long as a call's message needs.
    pub websocket: websocket::Config,
    /// Where to connect; its subprotocols are chosen by `text`.
    pub request: websocket::Request,
    /// JSON in text messages, instead of bytes in binary ones.
    pub text: bool,
    /// Knows the messages of the services, for JSON. Without it they travel as `data` alone.
    pub schema: Arc<dyn Transcode>,
}

impl Default for WebSocketClientConfig {
    fn default() -> WebSocketClientConfig {
        WebSocketClientConfig {
            native: native::Config::default(),
            websocket: websocket::Config::default(),
            request: websocket::Request::new("localhost", "/"),
            text: false,
            schema: Arc::new(NoSchema),
        }
    }
}

impl WebSocketClientConfig {
    /// The request, with the one subprotocol that this client speaks.
    pub(super) fn offering(&self) -> websocket::Request {
        let name = if self.text { JSON } else { BINARY };
        websocket::Request { subprotocols: vec![name.into()], ..self.request.clone() }
    }
}

/// The same, with messages that are long enough for calls'.
pub(super) fn fitting(config: &websocket::Config, native: &native::Config) -> websocket::Config {
    let mut config = config.clone();
    let message = native.limits.receive_message_bytes_max;
    // A third more as base64, and about as much as text that is escaped now and then.
    let needed = message.saturating_mul(2).saturating_add(TEXT_ROOM);
    config.message_bytes_max = config.message_bytes_max.max(needed);
    config.delivery = websocket::config::Delivery::Whole;
    config.credit = websocket::config::Credit::OnDelivery;
    config.close_timeout = config.close_timeout.min(CLOSE_TIMEOUT_MAX);
    config
}

/// The same, for people: who types needs more time than who computes.
pub(super) fn by_hand(config: &native::Config) -> native::Config {
    let opening_timeout = config.opening_timeout.max(OPENING_BY_HAND);
    native::Config { opening_timeout, ..config.clone() }
}

/// The kind of messages that a subprotocol has.
pub(super) fn kind_of(subprotocol: Option<&str>) -> Kind {
    if subprotocol == Some(JSON) { Kind::Text } else { Kind::Binary }
}

/// What is wrong with a message of the other kind.
pub(super) fn wrong_kind(expected: Kind) -> &'static str {
    match expected {
        Kind::Binary => {
            "zrpc.v1 has binary messages, and a text message came; zrpc.v1+json has text messages"
        }
        Kind::Text => {
            "zrpc.v1+json has text messages, and a binary message came; zrpc.v1 has binary messages"
        }
    }
}

/// How calls end that a carrier's end takes along; `None` when the carrier ended as it should.
pub(super) fn status_of(end: &End) -> Option<Status> {
    match end {
        End::Closed { code, reason, by_peer: true } => {
            let code = code.unwrap_or(CloseCode::NO_STATUS);
            let text = if reason.is_empty() {
                format!("the peer closed the WebSocket connection with {code}")
            } else {
                format!("the peer closed the WebSocket connection with {code}: {}", reason.escape_debug())
            };
            match code_of(code) {
                Code::Ok => None,
                code => Some(Status::new(code, text).with_origin(Origin::Peer)),
            }
        }
        End::Closed { .. } | End::Abandoned => None,
        End::Refused(refusal) => Some(refused(*refusal)),
        End::Violation(violation) => Some(local_status::connection_broken(violation)),
        End::TransportClosed => Some(local_status::connection_lost()),
    }
}

/// The close code's meaning for calls that were open; OK for one that says that nothing went wrong.
fn code_of(code: CloseCode) -> Code {
    match code.as_u16() {
        1000 | 1001 | 1005 => Code::Ok,
        1008 => Code::PermissionDenied,
        1009 => Code::ResourceExhausted,
        1002 | 1003 | 1007 | 1010 | 1011 => Code::Internal,
        1006 | 1012..=1014 => Code::Unavailable,
        number @ STATUS_CODES..=4016 => Code::from_u32(u32::from(number - STATUS_CODES)),
        _ => Code::Unknown,
    }
}

/// How calls end on a client whose handshake was refused: none of them was seen by the server.
fn refused(refusal: Refusal) -> Status {
    let code = match refusal {
        Refusal::Status(401) => Code::Unauthenticated,
        Refusal::Status(403) => Code::PermissionDenied,
        Refusal::Status(404 | 405 | 426 | 501) => Code::Unimplemented,
        _ => Code::Unavailable,
    };
    let text = format!("the WebSocket handshake failed: {refusal}");
    Status::new(code, text).with_origin(Origin::Transport).with_safe_to_retry()
}

/// With which code and reason this side closes the carrier when the connection within has ended.
pub(super) fn close_of(
    end: &SessionEnd,
    violation: Option<Violation>,
    why: Option<String>,
) -> (CloseCode, String) {
    let Some(violation) = violation else {
        let reason = match end {
            SessionEnd::Graceful => String::new(),
            SessionEnd::Failed(status) => status.message().into(),
        };
        return (CloseCode::NORMAL, reason);
    };
    let code = match violation.code() {
        ErrorCode::EXCESS | ErrorCode::TIMEOUT => CloseCode::POLICY,
        ErrorCode::INTERNAL => CloseCode::INTERNAL,
        _ => CloseCode::PROTOCOL_ERROR,
    };
    (code, why.unwrap_or_else(|| violation.text().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_code_has_a_status_and_those_of_4000_are_their_own() {
        for number in 1000..5000 {
            let Some(code) = CloseCode::new(number) else { continue };
            let end = End::Closed { code: Some(code), reason: "why".into(), by_peer: true };
            let status = status_of(&end);
            let expected = match number {
                1000 | 1001 | 4000 => None,
                1008 | 4007 => Some(Code::PermissionDenied),
                1009 | 4008 => Some(Code::ResourceExhausted),
                1002 | 1003 | 1007 | 1010 | 1011 | 4013 => Some(Code::Internal),
                1012..=1014 | 4014 => Some(Code::Unavailable),
                4001..=4016 => Some(Code::from_u32(u32::from(number) - 4000)),
                _ => Some(Code::Unknown),
            };
            assert_eq!(status.as_ref().map(Status::code), expected, "{number}");
            assert!(status.is_none_or(|status| status.message().contains("why")));
        }
    }

    #[test]
    fn every_violation_closes_with_a_code_that_may_be_sent_and_a_reason() {
        let failed = SessionEnd::Failed(Status::internal("x"));
        for violation in Violation::ALL {
            let (code, reason) = close_of(&failed, Some(*violation), None);
            assert!(code.may_be_sent() && code != CloseCode::NORMAL && !reason.is_empty(), "{violation:?}");
        }
        assert_eq!(close_of(&SessionEnd::Graceful, None, None), (CloseCode::NORMAL, String::new()));
    }
}
