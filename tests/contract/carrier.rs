//! The carriers: what each is called, how its bytes travel, how its sessions are made, and what it can do. A carrier
//! that is added is one row of [`CARRIERS`], and one short file below `carriers/` when its protocol is new.

use crate::carriers::{http2, native, websocket};
use crate::link::Link;
use zrpc::core::base::Time;
use zrpc::core::rpc::{ClientSession, ServerSession};

/// Makes the session of a server's connection.
pub type NewServer = Box<dyn Fn(Time) -> Box<dyn ServerSession + Send> + Send + Sync>;
/// Makes the session of a client's connection.
pub type NewClient = Box<dyn Fn(Time) -> Box<dyn ClientSession + Send> + Send + Sync>;

/// A way for calls to travel.
#[derive(Debug)]
pub struct Carrier {
    /// What the grid calls it.
    pub name: &'static str,
    /// How its bytes travel.
    pub link: Link,
    /// The scheme that a channel finds it by; without one, a channel is told which sessions to make.
    pub scheme: Option<&'static str>,
    /// Makes the sessions of a server.
    pub server: fn(Setup) -> NewServer,
    /// Makes the sessions of a client.
    pub client: fn(Setup) -> NewClient,
    /// What it can do.
    pub can: Can,
}

/// What carriers differ in. Everything else each of them must do.
#[derive(Clone, Copy, Debug)]
pub struct Can {
    /// More than one message in a request.
    pub client_streaming: bool,
    /// Compression of single messages.
    pub compression: bool,
    /// MiB of the largest message that is tried. A build without optimisation looks at each character of a text so often
    /// that more would take minutes.
    pub message_mib: usize,
}

impl Can {
    /// Everything.
    pub const ALL: Can = Can { client_streaming: true, compression: true, message_mib: 64 };
}

/// What a case wants to be different from the defaults, in words that every protocol has.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Setup {
    /// The largest message that either side takes.
    pub message_bytes_max: Option<usize>,
    /// Calls that a connection may have open at once.
    pub calls_max: Option<u32>,
    /// Whether there is a tap on the connections.
    pub tapped: bool,
}

impl Setup {
    /// Whether sessions are made as nobody asked for anything.
    pub fn has_default_sessions(self) -> bool {
        self.message_bytes_max.is_none() && self.calls_max.is_none()
    }
}

/// All carriers.
pub static CARRIERS: &[Carrier] = &[
    Carrier {
        name: "HTTP/2 TCP",
        link: Link::Tcp,
        scheme: Some("http"),
        server: http2::server,
        client: http2::client,
        can: Can::ALL,
    },
    Carrier {
        name: "HTTP/2 Unix",
        link: Link::Unix,
        scheme: Some("http+unix"),
        server: http2::server,
        client: http2::client,
        can: Can::ALL,
    },
    Carrier {
        name: "HTTP/2 memory",
        link: Link::Memory,
        scheme: None,
        server: http2::server,
        client: http2::client,
        can: Can::ALL,
    },
    Carrier {
        name: "native TCP",
        link: Link::Tcp,
        scheme: Some("tcp"),
        server: native::server,
        client: native::client,
        can: Can::ALL,
    },
    Carrier {
        name: "native Unix",
        link: Link::Unix,
        scheme: Some("unix"),
        server: native::server,
        client: native::client,
        can: Can::ALL,
    },
    Carrier {
        name: "native memory",
        link: Link::Memory,
        scheme: None,
        server: native::server,
        client: native::client,
        can: Can::ALL,
    },
    Carrier {
        name: "WebSocket",
        link: Link::Tcp,
        scheme: Some("ws"),
        server: websocket::server,
        client: websocket::client,
        can: Can::ALL,
    },
    Carrier {
        name: "WebSocket JSON",
        link: Link::Tcp,
        scheme: None,
        server: websocket::server,
        client: websocket::client_in_json,
        can: Can { message_mib: 8, ..Can::ALL },
    },
];
