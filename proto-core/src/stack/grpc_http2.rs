//! gRPC on HTTP/2: what both sides share. HTTP/2 streams behind the port that calls ask for, its codes as the port's,
//! and the configurations.

use crate::base::fields::FIELD_OVERHEAD;
use crate::base::{Fields, Flow, Misuse};
use crate::http1;
use crate::http2::{CloseReason, Config, Connection, Credit, End, ErrorCode, Prefix, StreamId};
use crate::native;
use crate::rpc::grpc::Limits;
use crate::rpc::grpc_web::{WebConfig, WebForm};
use crate::rpc::session::SessionEnd;
use crate::rpc::streams::{Reset, StreamEnd, Streams};
use crate::rpc::{Status, local_status};
use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;

/// What a server's connections share.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Limits and timeouts of the connection. Credit is given back by consumed messages, whatever it says.
    pub http2: Config,
    /// Limits and timeouts of connections that speak HTTP/1.1.
    pub http1: http1::Config,
    /// Limits of calls.
    pub limits: Limits,
    /// How gRPC-Web is served beside plain gRPC, on the same connections; not at all by default.
    pub web: Option<WebConfig>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            http2: Config { credit: Credit::Manual, ..Config::default() },
            http1: http1_config(),
            limits: Limits::default(),
            web: None,
        }
    }
}

/// A [`ServerConfig`] in one place of memory, for servers with many connections.
#[derive(Clone, Debug)]
pub struct SharedServerConfig {
    pub(super) http2: Arc<Config>,
    pub(super) http1: Arc<http1::Config>,
    pub(super) limits: Limits,
    pub(super) web: Option<Arc<WebConfig>>,
}

impl From<&ServerConfig> for SharedServerConfig {
    fn from(config: &ServerConfig) -> SharedServerConfig {
        SharedServerConfig {
            http2: manual_credit(&config.http2),
            http1: Arc::new(config.http1.clone()),
            limits: config.limits,
            web: config.web.clone().map(Arc::new),
        }
    }
}

/// What a client's connection says and takes.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The authority of its requests, such as `localhost:50051`.
    pub authority: String,
    /// Where on the server a WebSocket is opened, such as `/rooms`; carriers that call by method ignore it.
    pub path: String,
    /// Whether the connection below is encrypted, so that the scheme is `https`.
    pub secure: bool,
    /// What `user-agent` says; an application puts its own name before the library's.
    pub user_agent: String,
    /// Limits and timeouts of the connection. Credit is given back by consumed messages, whatever it says.
    pub http2: Config,
    /// Limits and timeouts of connections that speak HTTP/1.1.
    pub http1: http1::Config,
    /// The same for the native protocol, whose authority, limits of calls and seed are those of the channel.
    pub native: native::Config,
    /// Limits of calls.
    pub limits: Limits,
    /// The form of gRPC-Web to speak instead of gRPC.
    pub web: Option<WebForm>,
}

impl Default for ClientConfig {
    fn default() -> ClientConfig {
        ClientConfig {
            authority: "localhost".into(),
            path: "/".into(),
            secure: false,
            user_agent: concat!("grpc-zrpc/", env!("CARGO_PKG_VERSION")).into(),
            http2: Config { credit: Credit::Manual, ..Config::default() },
            http1: http1_config(),
            native: native::Config::default(),
            // A client knows how many calls it makes; each has its own limit.
            limits: Limits { gathered_bytes_max: usize::MAX, ..Limits::default() },
            web: None,
        }
    }
}

impl ServerConfig {
    /// The most that [`GrpcServer::memory`](crate::stack::GrpcServer::memory) says, whatever its client does, in bytes.
    #[must_use]
    pub fn memory_max(&self) -> usize {
        memory_max(&self.http2, &self.limits, self.http2.max_concurrent_streams as usize)
    }

    /// The most that [`GrpcWebServer::memory`](crate::stack::GrpcWebServer::memory) says, whatever its client does, in bytes.
    #[must_use]
    pub fn web_memory_max(&self) -> usize {
        web_memory_max(&self.http1, &self.limits, 1)
    }
}

impl ClientConfig {
    /// The most that [`GrpcClient::memory`](crate::stack::GrpcClient::memory) says, whatever its server does, in bytes:
    /// with so many calls open or waiting at once.
    #[must_use]
    pub fn memory_max(&self, calls: usize) -> usize {
        memory_max(&self.http2, &self.limits, calls)
    }

    /// The most that [`GrpcWebClient::memory`](crate::stack::GrpcWebClient::memory) says, whatever its server does, in
    /// bytes: with so many calls open or waiting at once.
    #[must_use]
    pub fn web_memory_max(&self, calls: usize) -> usize {
        web_memory_max(&self.http1, &self.limits, calls)
    }
}

fn memory_max(http2: &Config, limits: &Limits, calls: usize) -> usize {
    // What messages wait in that the application leaves unread: a window, twice while it is read.
    let window = http2.connection_window_bytes.max(http2.window_bytes_max) as usize;
    http2.memory_max(calls) + 3 * window + limits.memory_max(calls, http2.header_list_bytes_max as usize)
}

fn web_memory_max(http1: &http1::Config, limits: &Limits, calls: usize) -> usize {
    // A field costs less on the wire than in a list, and a call that waits keeps its own head.
    let head = http1.head.head_bytes_max + http1.head.fields_max * FIELD_OVERHEAD;
    http1.memory_max(2 * head) + limits.memory_max(calls, head) + 2 * (calls + 4) * 128
}

fn http1_config() -> http1::Config {
    http1::Config {
        expected: "gRPC-Web is expected here: POST with application/grpc-web or application/grpc-web-text",
        ..http1::Config::default()
    }
}

/// The connection's configuration, with credit in the hands of the calls.
pub(super) fn manual_credit(config: &Config) -> Arc<Config> {
    Arc::new(Config { credit: Credit::Manual, ..config.clone() })
}

impl Streams for Connection {
    fn blank(&mut self) -> Fields {
        self.blank_fields()
    }

    fn open(&mut self, head: Fields) -> Result<u64, Misuse> {
        Connection::open(self, head, false).map(|id| u64::from(id.as_u32()))
    }

    fn send_head(&mut self, stream: u64, head: Fields, end: bool) -> Result<(), Misuse> {
        self.send_headers(stream_id(stream), head, end)
    }

    fn send_message(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<Flow, Misuse> {
        self.send_data(stream_id(stream), Prefix::new(prefix), payload, false)
    }

    fn send_last(&mut self, stream: u64, prefix: [u8; 5], payload: Bytes) -> Result<(), Misuse> {
        self.send_data(stream_id(stream), Prefix::new(prefix), payload, true).map(|_| ())
    }

    fn send_trailers(&mut self, stream: u64, trailers: Fields) -> Result<(), Misuse> {
        self.send_headers(stream_id(stream), trailers, true)
    }

    fn finish(&mut self, stream: u64) -> Result<(), Misuse> {
        Connection::finish(self, stream_id(stream))
    }

    fn reset(&mut self, stream: u64, why: Reset) {
        // A stream that is over needs no reset.
        let _ = Connection::reset(self, stream_id(stream), code_for(why));
    }

    fn reset_when_sent(&mut self, stream: u64, why: Reset) {
        let _ = Connection::reset_when_sent(self, stream_id(stream), code_for(why));
    }

    fn is_sent(&self, stream: u64) -> bool {
        Connection::is_sent(self, stream_id(stream))
    }

    fn consume(&mut self, stream: u64, bytes: u32) {
        Connection::consume(self, stream_id(stream), bytes);
    }
}

fn stream_id(stream: u64) -> StreamId {
    StreamId::from_u32(stream as u32)
}

fn code_for(reset: Reset) -> ErrorCode {
    match reset {
        Reset::NoError => ErrorCode::NO_ERROR,
        Reset::Cancel => ErrorCode::CANCEL,
        Reset::Refused => ErrorCode::REFUSED_STREAM,
        Reset::EnhanceYourCalm => ErrorCode::ENHANCE_YOUR_CALM,
        Reset::InadequateSecurity => ErrorCode::INADEQUATE_SECURITY,
        Reset::Internal | Reset::Other => ErrorCode::INTERNAL_ERROR,
    }
}

/// The gRPC protocol document's table of HTTP/2 error codes.
fn reset_for(code: ErrorCode) -> Reset {
    match code {
        ErrorCode::NO_ERROR => Reset::NoError,
        ErrorCode::CANCEL => Reset::Cancel,
        ErrorCode::REFUSED_STREAM => Reset::Refused,
        ErrorCode::ENHANCE_YOUR_CALM => Reset::EnhanceYourCalm,
        ErrorCode::INADEQUATE_SECURITY => Reset::InadequateSecurity,
        ErrorCode::PROTOCOL_ERROR
        | ErrorCode::INTERNAL_ERROR
        | ErrorCode::FLOW_CONTROL_ERROR
        | ErrorCode::SETTINGS_TIMEOUT
        | ErrorCode::FRAME_SIZE_ERROR
        | ErrorCode::COMPRESSION_ERROR
        | ErrorCode::CONNECT_ERROR => Reset::Internal,
        _ => Reset::Other,
    }
}

/// How a stream ended, in the port's words.
pub(super) fn stream_end(reason: CloseReason) -> StreamEnd {
    match reason {
        CloseReason::Finished => StreamEnd::Finished,
        CloseReason::ResetByPeer(code) => StreamEnd::ResetByPeer(reset_for(code)),
        CloseReason::ResetByUs(_) => StreamEnd::ResetByUs,
        CloseReason::Violation(violation) => StreamEnd::Violation(violation.text()),
        CloseReason::NotProcessed => StreamEnd::NotProcessed,
    }
}

/// How a connection ended: for its owner, and for the calls that it takes along.
pub(super) fn session_end(end: End) -> (SessionEnd, Status) {
    let status = match end {
        End::Graceful => return (SessionEnd::Graceful, local_status::connection_closed()),
        End::TransportClosed => local_status::connection_lost(),
        End::Violation(violation) => local_status::connection_broken(violation),
        End::PeerError { code, debug } => local_status::ended_by_peer(code.name(), &debug),
    };
    (SessionEnd::Failed(status.clone()), status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_map_as_the_protocol_document_says_and_unknown_ones_too() {
        for code in 0..20 {
            let expected = match code {
                0 => Reset::NoError,
                1..=4 | 6 | 9 | 10 => Reset::Internal,
                7 => Reset::Refused,
                8 => Reset::Cancel,
                11 => Reset::EnhanceYourCalm,
                12 => Reset::InadequateSecurity,
                _ => Reset::Other,
            };
            assert_eq!(reset_for(ErrorCode(code)), expected, "{code}");
        }
    }
}
