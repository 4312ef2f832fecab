//! The carriers: what each is called, how its bytes travel, how its sessions are made, and what it can do. A carrier
//! that is added is one row of [`CARRIERS`], and one short file below `carriers/` when its protocol is new.

use crate::carriers::{any, grpc_web, http2, native, websocket};
use crate::link::Driver::{Blocking, Tokio};
use crate::link::{Driver, Link};
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
    /// The drivers of client and server that it is tried with.
    pub pairs: &'static [(Driver, Driver)],
    /// The scheme that a channel finds it by; without one, a channel is told which sessions to make.
    pub scheme: Option<&'static str>,
    /// Makes the sessions of a server.
    pub server: fn(Setup) -> NewServer,
    /// Makes the sessions of a client.
    pub client: fn(Setup) -> NewClient,
    /// What it can do.
    pub can: Can,
}

/// Each driver with itself and with the other.
const EACH_WITH_EACH: &[(Driver, Driver)] =
    &[(Tokio, Tokio), (Blocking, Blocking), (Tokio, Blocking), (Blocking, Tokio)];
/// Each driver with itself: where they cannot meet, or where other rows say enough of how they do.
const EACH_WITH_ITSELF: &[(Driver, Driver)] = &[(Tokio, Tokio), (Blocking, Blocking)];

/// What carriers differ in. Everything else each of them must do.
#[derive(Clone, Copy, Debug)]
pub struct Can {
    /// More than one message in a request.
    pub client_streaming: bool,
    /// More than one call under way on a connection; otherwise they take turns, and one that is given up takes the
    /// connection along.
    pub calls_at_once: bool,
    /// Compression of single messages.
    pub compression: bool,
    /// MiB of the largest message that is tried. Texts are written and read character by character, which takes a build
    /// without optimisation seconds where bytes take none: 64 MiB of base64 seven, of JSON minutes.
    pub message_mib: usize,
}

impl Can {
    /// Everything.
    pub const ALL: Can =
        Can { client_streaming: true, calls_at_once: true, compression: true, message_mib: 64 };
    /// gRPC-Web has one message a request.
    pub const WEB: Can = Can { client_streaming: false, ..Can::ALL };
    /// HTTP/1.1 has one exchange at a time.
    pub const WEB_HTTP1: Can = Can { calls_at_once: false, ..Can::WEB };
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
        pairs: EACH_WITH_EACH,
        scheme: Some("http"),
        server: http2::server,
        client: http2::client,
        can: Can::ALL,
    },
    Carrier {
        name: "HTTP/2 Unix",
        link: Link::Unix,
        pairs: EACH_WITH_EACH,
        scheme: Some("http+unix"),
        server: http2::server,
        client: http2::client,
        can: Can::ALL,
    },
    Carrier {
        name: "HTTP/2 memory",
        link: Link::Memory,
        pairs: EACH_WITH_ITSELF,
        scheme: None,
        server: http2::server,
        client: http2::client,
        can: Can::ALL,
    },
    Carrier {
        name: "native TCP",
        link: Link::Tcp,
        pairs: EACH_WITH_EACH,
        scheme: Some("tcp"),
        server: native::server,
        client: native::client,
        can: Can::ALL,
    },
    Carrier {
        name: "native Unix",
        link: Link::Unix,
        pairs: EACH_WITH_EACH,
        scheme: Some("unix"),
        server: native::server,
        client: native::client,
        can: Can::ALL,
    },
    Carrier {
        name: "native memory",
        link: Link::Memory,
        pairs: EACH_WITH_ITSELF,
        scheme: None,
        server: native::server,
        client: native::client,
        can: Can::ALL,
    },
    Carrier {
        name: "WebSocket",
        link: Link::Tcp,
        pairs: EACH_WITH_EACH,
        scheme: Some("ws"),
        server: websocket::server,
        client: websocket::client,
        can: Can::ALL,
    },
    Carrier {
        name: "WebSocket JSON",
        link: Link::Tcp,
        pairs: EACH_WITH_EACH,
        scheme: None,
        server: websocket::server,
        client: websocket::client_in_json,
        can: Can { message_mib: 8, ..Can::ALL },
    },
    Carrier {
        name: "WS in memory",
        link: Link::Memory,
        pairs: EACH_WITH_ITSELF,
        scheme: None,
        server: any::server,
        client: websocket::client,
        can: Can::ALL,
    },
    Carrier {
        name: "WS in HTTP/2",
        link: Link::Tcp,
        pairs: EACH_WITH_ITSELF,
        scheme: Some("ws+h2"),
        server: any::server,
        client: websocket::client_on_http2,
        can: Can::ALL,
    },
    Carrier {
        name: "gRPC-Web",
        link: Link::Tcp,
        pairs: EACH_WITH_EACH,
        scheme: Some("grpc-web"),
        server: any::server,
        client: grpc_web::client_on_http2,
        can: Can::WEB,
    },
    Carrier {
        name: "gRPC-Web on HTTP/1.1",
        link: Link::Tcp,
        pairs: EACH_WITH_EACH,
        scheme: Some("grpc-web+h1"),
        server: any::server,
        client: grpc_web::client_on_http1,
        can: Can::WEB_HTTP1,
    },
    Carrier {
        name: "Web text, 1.1",
        link: Link::Tcp,
        pairs: EACH_WITH_ITSELF,
        scheme: Some("grpc-web-text+h1"),
        server: any::server,
        client: grpc_web::client_in_text,
        can: Can { message_mib: 16, ..Can::WEB_HTTP1 },
    },
];
