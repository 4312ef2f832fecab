//! The configurations of sessions as a recording keeps them: all that decides what a machine does, field by field.
//!
//! Two things cannot be written down: a JSON schema, which is code, and the sentence of HTTP/1.1's refusals when it is one
//! of the user's own. [`Header::missing`](super::Header::missing) names them.

use crate::http1;
use crate::http2;
use crate::native;
use crate::recorder::coded::{Coded, Reader, coded, coded_names};
use crate::rpc::grpc::Limits;
use crate::rpc::grpc_web::{self, Cors, Keys, WebConfig, WebForm};
use crate::rpc::{Carrier, Code, Compression, Encoding, Level, NoSchema, Origin};
use crate::stack::{AnyServerConfig, ClientConfig, ServerConfig, WebSocketServerConfig};
use crate::websocket::{self, Origins};
use alloc::sync::Arc;
use alloc::vec::Vec;

coded! {
    http1::HeadLimits { head_bytes_max, first_line_bytes_max, fields_max }
    http2::Config {
        max_concurrent_streams, max_queued_streams, stream_window_bytes, connection_window_bytes, window_bytes_max,
        max_frame_bytes, header_table_bytes, header_list_bytes_max, header_fields_max, continuations_max,
        informational_max, send_buffer_bytes, unread_replies_max, resets, idle_frames, extended_connect, credit,
        settings_timeout, header_timeout, keepalive_interval, keepalive_timeout, keepalive_without_streams,
        idle_timeout, seed,
    }
    native::Config {
        max_calls, max_queued_calls, initial_credit, metadata_bytes_max, metadata_entries_max, interned_max,
        frame_bytes_max, part_bytes, send_buffer_bytes, attachments_max, unread_replies_max, resets, idle_frames,
        opening_timeout, keepalive_interval, keepalive_timeout, keepalive_without_calls, ping_interval_min,
        idle_timeout, limits, authority, agent, seed,
    }
    websocket::Config {
        message_bytes_max, delivery, credit, unread_bytes_max, send_buffer_bytes, fragments, control_frames, pongs_max,
        head, handshake_timeout, close_timeout, message_timeout, heartbeat_interval, heartbeat_timeout, deflate, policy,
    }
    websocket::Deflate {
        takeover, peer_takeover, window_bits, peer_window_bits, level, threshold_bytes, ratio_max,
    }
    websocket::Policy { paths, origins, subprotocols }
    Limits { receive_message_bytes_max, gathered_bytes_max, heads_bytes_max, send_message_bytes_max, compression }
    Compression { threshold_bytes, level }
    WebConfig { cors }
    Cors { origins, keys, credentials, max_age }
    ServerConfig { http2, http1, limits, web }
    ClientConfig { authority, path, secure, user_agent, http2, http1, native, limits, web }
    AnyServerConfig { grpc, native, websocket, opening_timeout }
}

coded_names! {
    http2::Credit { http2::Credit::OnDelivery = 0, http2::Credit::Manual = 1 }
    websocket::Credit { websocket::Credit::OnDelivery = 0, websocket::Credit::Manual = 1 }
    websocket::Delivery { websocket::Delivery::Whole = 0, websocket::Delivery::Parts = 1 }
    WebForm { WebForm::Binary = 0, WebForm::Text = 1 }
    Encoding { Encoding::Gzip = 0, Encoding::Deflate = 1, Encoding::Zstd = 2 }
    Level { Level::Fast = 0, Level::Balanced = 1, Level::Best = 2 }
    Origin { Origin::Caller = 0, Origin::Peer = 1, Origin::Library = 2, Origin::Transport = 3 }
    Carrier {
        Carrier::Grpc = 0, Carrier::Native = 1, Carrier::WebSocket = 2, Carrier::WebSocketJson = 3,
        Carrier::WebSocketHttp2 = 4, Carrier::WebSocketJsonHttp2 = 5, Carrier::GrpcWeb = 6,
        Carrier::GrpcWebHttp1 = 7, Carrier::GrpcWebText = 8, Carrier::GrpcWebTextHttp1 = 9,
    }
}

impl Coded for Code {
    fn put(&self, to: &mut Vec<u8>) {
        (*self as u32).put(to);
    }

    fn take(from: &mut Reader) -> Option<Code> {
        Some(Code::from_u32(u32::take(from)?))
    }
}

impl Coded for Origins {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Origins::Same => to.push(0),
            Origins::SameAnd(list) => {
                to.push(1);
                list.put(to);
            }
            Origins::Any => to.push(2),
        }
    }

    fn take(from: &mut Reader) -> Option<Origins> {
        match from.byte()? {
            0 => Some(Origins::Same),
            1 => Some(Origins::SameAnd(Coded::take(from)?)),
            2 => Some(Origins::Any),
            _ => None,
        }
    }
}

impl Coded for grpc_web::Origins {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            grpc_web::Origins::None => to.push(0),
            grpc_web::Origins::List(list) => {
                to.push(1);
                list.put(to);
            }
            grpc_web::Origins::Any => to.push(2),
        }
    }

    fn take(from: &mut Reader) -> Option<grpc_web::Origins> {
        match from.byte()? {
            0 => Some(grpc_web::Origins::None),
            1 => Some(grpc_web::Origins::List(Coded::take(from)?)),
            2 => Some(grpc_web::Origins::Any),
            _ => None,
        }
    }
}

impl Coded for Keys {
    fn put(&self, to: &mut Vec<u8>) {
        match self {
            Keys::Any => to.push(0),
            Keys::List(list) => {
                to.push(1);
                list.put(to);
            }
        }
    }

    fn take(from: &mut Reader) -> Option<Keys> {
        match from.byte()? {
            0 => Some(Keys::Any),
            1 => Some(Keys::List(Coded::take(from)?)),
            _ => None,
        }
    }
}

/// The sentences that this version knows; the first stands for any other.
fn expected_sentences() -> [&'static str; 2] {
    [http1::Config::default().expected, ServerConfig::default().http1.expected]
}

impl Coded for http1::Config {
    fn put(&self, to: &mut Vec<u8>) {
        let http1::Config {
            head,
            trailers,
            body_bytes_max,
            chunk_line_bytes_max,
            chunk_overhead,
            pipelined_bytes_max,
            informational_max,
            send_buffer_bytes,
            receive_buffer_bytes,
            head_timeout,
            body_timeout,
            write_timeout,
            idle_timeout,
            expected,
        } = self;
        head.put(to);
        trailers.put(to);
        body_bytes_max.put(to);
        chunk_line_bytes_max.put(to);
        chunk_overhead.put(to);
        pipelined_bytes_max.put(to);
        informational_max.put(to);
        send_buffer_bytes.put(to);
        receive_buffer_bytes.put(to);
        head_timeout.put(to);
        body_timeout.put(to);
        write_timeout.put(to);
        idle_timeout.put(to);
        expected_sentences().iter().position(|known| known == expected).unwrap_or(0).put(to);
    }

    fn take(from: &mut Reader) -> Option<http1::Config> {
        Some(http1::Config {
            head: Coded::take(from)?,
            trailers: Coded::take(from)?,
            body_bytes_max: Coded::take(from)?,
            chunk_line_bytes_max: Coded::take(from)?,
            chunk_overhead: Coded::take(from)?,
            pipelined_bytes_max: Coded::take(from)?,
            informational_max: Coded::take(from)?,
            send_buffer_bytes: Coded::take(from)?,
            receive_buffer_bytes: Coded::take(from)?,
            head_timeout: Coded::take(from)?,
            body_timeout: Coded::take(from)?,
            write_timeout: Coded::take(from)?,
            idle_timeout: Coded::take(from)?,
            expected: expected_sentences().get(usize::take(from)?).copied()?,
        })
    }
}

impl Coded for WebSocketServerConfig {
    fn put(&self, to: &mut Vec<u8>) {
        let WebSocketServerConfig { native, websocket, schema: _ } = self;
        native.put(to);
        websocket.put(to);
    }

    fn take(from: &mut Reader) -> Option<WebSocketServerConfig> {
        let (native, websocket) = (Coded::take(from)?, Coded::take(from)?);
        Some(WebSocketServerConfig { native, websocket, schema: Arc::new(NoSchema) })
    }
}

/// Whether the sentence of refusals is one that a recording can name.
pub(super) fn knows_expected(config: &http1::Config) -> bool {
    expected_sentences().contains(&config.expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rate;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec;
    use core::time::Duration;

    fn comes_back<T: Coded + core::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        for cut in 0..bytes.len() {
            let _ = T::take(&mut Reader::new(bytes[..cut].to_vec().into()));
        }
        let mut reader = Reader::new(bytes.into());
        let again = T::take(&mut reader).expect("what was written is read");
        assert!(reader.is_empty());
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }

    #[test]
    fn configurations_come_back_as_they_were_defaults_or_not() {
        comes_back(&AnyServerConfig::default());
        comes_back(&ClientConfig::default());
        let mut server = AnyServerConfig::default();
        server.grpc.http2.resets = Rate { burst: 3, per_second: u32::MAX };
        server.grpc.http2.keepalive_interval = Some(Duration::new(3, 999_999_999));
        server.grpc.http1.body_bytes_max = 77;
        server.grpc.limits.compression = Compression { threshold_bytes: 9, level: Level::Best };
        server.grpc.web = Some(WebConfig {
            cors: Cors {
                origins: grpc_web::Origins::List(vec!["https://app.example".to_string()]),
                keys: Keys::List(vec!["key".to_string(), String::new()]),
                credentials: true,
                max_age: Duration::MAX,
            },
        });
        let websocket = server.websocket.as_mut().unwrap();
        websocket.websocket.deflate = Some(websocket::Deflate { level: 9, ..Default::default() });
        websocket.websocket.policy.origins = Origins::SameAnd(vec!["https://b.example".to_string()]);
        websocket.native.agent = "an agent".into();
        comes_back(&server);
        comes_back(&AnyServerConfig { native: None, websocket: None, ..server });
        let web = Some(WebForm::Text);
        comes_back(&ClientConfig { authority: "é:1".into(), secure: true, web, ..ClientConfig::default() });
    }
}
