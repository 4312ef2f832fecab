//! zRPC's other carriers beside their peers: the native protocol, Unix sockets, WebSocket.
//!
//! ```text
//! cargo bench --bench carriers                 a table
//! cargo bench --bench carriers -- --quick      fewer and shorter rounds: for CI
//! cargo bench --bench carriers -- WebSocket    only the cases whose title contains a word
//! ```
//!
//! WebSocket servers are all asked through the same client (`frames.rs`); RPC servers through their own, since no two of
//! them speak the same protocol.

mod bare;
mod case;
mod frames;
#[path = "../shared/message.rs"]
mod message;
mod plain_handshake;
mod round;
mod stack_fastwebsockets;
mod stack_tarpc;
#[path = "../shared/stack_tonic.rs"]
mod stack_tonic;
mod stack_tungstenite;
#[path = "../shared/stack_zrpc.rs"]
mod stack_zrpc;
#[path = "../shared/stack_zrpc_blocking.rs"]
mod stack_zrpc_blocking;
mod stack_zrpc_websocket;

use case::Case;
use zrpc_benches::{Failure, Named};

/// Who does the work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stack {
    Native,
    Tarpc,
    BareTokio,
    NativeBlocking,
    BareBlocking,
    NativePolling,
    BarePolling,
    Grpc,
    Tonic,
    WebSocket,
    FastWebSockets,
    Tungstenite,
}

impl Named for Stack {
    const ALL: &'static [Stack] = &[
        Stack::Native,
        Stack::Tarpc,
        Stack::BareTokio,
        Stack::NativeBlocking,
        Stack::BareBlocking,
        Stack::NativePolling,
        Stack::BarePolling,
        Stack::Grpc,
        Stack::Tonic,
        Stack::WebSocket,
        Stack::FastWebSockets,
        Stack::Tungstenite,
    ];

    fn name(self) -> &'static str {
        match self {
            Stack::Native => "zrpc-native",
            Stack::Tarpc => "tarpc",
            Stack::BareTokio => "bare-tokio",
            Stack::NativeBlocking => "zrpc-native-blocking",
            Stack::BareBlocking => "bare",
            Stack::NativePolling => "zrpc-native-polling",
            Stack::BarePolling => "bare-polling",
            Stack::Grpc => "zrpc-grpc",
            Stack::Tonic => "tonic",
            Stack::WebSocket => "zrpc-websocket",
            Stack::FastWebSockets => "fastwebsockets",
            Stack::Tungstenite => "tungstenite",
        }
    }
}

fn main() -> Result<(), Failure> {
    zrpc_benches::run::<Case>()
}
