//! One side of a conversation over WebSocket: zRPC's on either driver, or tungstenite's; `../websocket.sh` lets it meet
//! others.
//!
//! ```text
//! websocket-peers serve --driver tokio|blocking|tungstenite [--deflate on]
//! websocket-peers call --driver … [--deflate on] --port PORT --relay PORT
//! ```
//!
//! The server's first line of output is its port; it ends when its standard input does. The client says of each case
//! whether it holds. Cases and commands are the same in every language: see `server.rs` and `client.rs`.

mod client;
mod of_tungstenite;
mod of_zrpc;
mod server;
mod socket;

use of_tungstenite::Tungstenite;
use of_zrpc::{Blocking, Tokio};
use socket::{Options, Socket};
use std::process::ExitCode;
use zrpc_tests::arguments::{Arguments, exit_with_input};

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let port = |name| arguments.value(name).and_then(|port| port.parse().ok()).unwrap_or(0);
    let options = Options {
        deflate: arguments.value("deflate") == Some("on"),
        port: port("port"),
        relay: port("relay"),
    };
    let [verb] = arguments.rest() else { return usage() };
    match arguments.value("driver") {
        Some("tokio") => run::<Tokio>(verb, options),
        Some("blocking") => run::<Blocking>(verb, options),
        Some("tungstenite") => run::<Tungstenite>(verb, options),
        _ => usage(),
    }
}

fn run<S: Socket>(verb: &str, options: Options) -> ExitCode {
    match verb {
        "serve" => {
            exit_with_input();
            server::serve::<S>(options)
        }
        "call" => client::call::<S>(&options),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: websocket-peers serve|call --driver tokio|blocking|tungstenite [--deflate on] [--port PORT --relay PORT]"
    );
    ExitCode::from(2)
}
