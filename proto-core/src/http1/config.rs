//! What a connection may do and take. Each queue, rate and wait has its limit here, with the abuse that it stops.

use crate::base::Rate;
use crate::http1::head::HeadLimits;
use core::time::Duration;

/// The limits of a connection. The defaults suit an RPC server.
#[derive(Clone, Debug)]
pub struct Config {
    /// Limits of heads.
    pub head: HeadLimits,
    /// Limits of the trailers of a chunked body; the one on first lines has no meaning here.
    pub trailers: HeadLimits,
    /// Bytes of a message's body. Abuse: a body that never ends.
    pub body_bytes_max: u64,
    /// Bytes of the line before a chunk, extensions included. Abuse: extensions, which nobody reads.
    pub chunk_line_bytes_max: usize,
    /// Bytes that extensions and tiny chunks may cost; content earns them back. Abuse: chunks of one byte.
    pub chunk_overhead: Rate,
    /// Bytes that may wait behind a request which is not answered yet, or that a request has which is answered before its
    /// end; with more, the connection closes after the answer. Abuse: requests that nobody asked for, or will read.
    pub pipelined_bytes_max: usize,
    /// 1xx responses before the final one. Abuse: informational responses without end.
    pub informational_max: u8,
    /// Bytes queued before `send` says `Blocked`.
    pub send_buffer_bytes: usize,
    /// Bytes of content that were handed out and not consumed, beyond which no more is read.
    pub receive_buffer_bytes: usize,
    /// How long a head may take from its first byte, and the first request from the connection's begin. Abuse: connections
    /// that say nothing, or a byte now and then.
    pub head_timeout: Duration,
    /// How long a request's body may pause.
    pub body_timeout: Duration,
    /// How long the peer may read nothing while something is queued for it.
    pub write_timeout: Duration,
    /// How long a server keeps a connection open between requests.
    pub idle_timeout: Duration,
    /// What a refusal says is expected here, for people: a sentence without its end.
    pub expected: &'static str,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            head: HeadLimits::default(),
            trailers: HeadLimits::default(),
            body_bytes_max: u64::MAX,
            chunk_line_bytes_max: 256,
            chunk_overhead: Rate { burst: 64 * 1024, per_second: 4 * 1024 },
            pipelined_bytes_max: 64 * 1024,
            informational_max: 16,
            send_buffer_bytes: 256 * 1024,
            receive_buffer_bytes: 256 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            expected: "requests of HTTP/1.1 are expected here",
        }
    }
}

impl Config {
    /// The most that [`crate::http1::Connection::memory`] says, in bytes, whatever the peer does, while its owner sends heads
    /// of at most so many bytes.
    #[must_use]
    pub fn memory_max(&self, own_head_bytes_max: usize) -> usize {
        let queued = 2 * (self.send_buffer_bytes + own_head_bytes_max + 2 * crate::base::out::INLINE_MAX);
        let pieces = 2 * (2 * self.send_buffer_bytes / crate::base::out::INLINE_MAX + 16) * 64;
        self.head.memory_max() + self.trailers.memory_max() + queued + pieces + 1024
    }
}
