//! The two forms of the native protocol in a WebSocket: JSON in texts, and bytes in binary messages.

use crate::base::laws::Script;
use crate::native;
use crate::native::trial::scripts as native_scripts;
use crate::stack::trial::Command;
use crate::stack::trial::console::{client_config, scripts, sent};
use crate::websocket::trial::peer::Peer;
use crate::websocket::trial::scripts::accept_for;
use crate::websocket::trial::sent as websocket_sent;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Debug;

/// A form on trial.
pub trait Form: Debug + 'static {
    /// How reports call the two sides.
    const NAMES: [&'static str; 2];
    /// Whether it travels in texts.
    const IS_TEXT: bool;
    /// What a side said.
    type Sent: Clone + PartialEq + Debug;

    /// What the native protocol is told.
    fn native(seed: u64) -> native::Config;

    /// A client's bytes, and what the server is told to do.
    fn for_server(seed: u64) -> Script<Command>;

    /// A server's bytes, and what the client is told to do.
    fn for_client(seed: u64) -> Script<Command>;

    /// Reads what a side sent.
    ///
    /// # Errors
    /// When it is no whole sequence of frames.
    fn read(bytes: &[u8], is_client: bool) -> Result<Self::Sent, String>;
}

/// JSON in texts.
#[derive(Debug)]
pub struct Json;

/// Bytes in binary messages.
#[derive(Debug)]
pub struct Binary;

impl Form for Json {
    const NAMES: [&'static str; 2] = ["WebSocket server in JSON", "WebSocket client in JSON"];
    const IS_TEXT: bool = true;
    type Sent = sent::Sent;

    fn native(seed: u64) -> native::Config {
        super::native(seed)
    }

    fn for_server(seed: u64) -> Script<Command> {
        scripts::for_server(seed)
    }

    fn for_client(seed: u64) -> Script<Command> {
        scripts::for_client(seed)
    }

    fn read(bytes: &[u8], is_client: bool) -> Result<sent::Sent, String> {
        sent::read(bytes, is_client)
    }
}

impl Form for Binary {
    const NAMES: [&'static str; 2] = ["WebSocket server", "WebSocket client"];
    const IS_TEXT: bool = false;
    /// What the WebSocket itself said, and what its messages did.
    type Sent = (websocket_sent::Sent, native::trial::sent::Sent);

    fn native(seed: u64) -> native::Config {
        (*native::trial::config(seed)).clone()
    }

    fn for_server(seed: u64) -> Script<Command> {
        let mut peer = Peer::new(true);
        peer.request("/", "Sec-WebSocket-Protocol: zrpc.v1\r\n");
        carried(peer, native_scripts::for_server(seed))
    }

    fn for_client(seed: u64) -> Script<Command> {
        let config = client_config::<Binary>(seed);
        let mut peer = Peer::new(false);
        peer.response(&accept_for(&config.request, &config.websocket), "Sec-WebSocket-Protocol: zrpc.v1\r\n");
        carried(peer, native_scripts::for_client(seed))
    }

    fn read(bytes: &[u8], is_client: bool) -> Result<Self::Sent, String> {
        let carrier = websocket_sent::read(bytes, is_client)?;
        let carried: Vec<u8> = carrier.payloads().flatten().copied().collect();
        let native = native::trial::sent::read(&carried, is_client)?;
        Ok((carrier.without_messages(), native))
    }
}

/// The same in a WebSocket, whose opening goes before the first input.
fn carried(mut peer: Peer, script: Script<native::trial::Command>) -> Script<Command> {
    let input = |bytes: Bytes| Bytes::from(peer.frame(0x82, &bytes).take());
    script.map(input, |command| match command {
        native::trial::Command::Start { messages, timeout, .. } => Command::Start { messages, timeout },
        native::trial::Command::Answer { nth, messages } => Command::Answer { nth, messages },
        // An owner of a WebSocket changes no priorities.
        native::trial::Command::GiveUp { nth } | native::trial::Command::Urge { nth, .. } => {
            Command::GiveUp { nth }
        }
        native::trial::Command::Drain(grace) => Command::Drain(grace),
        native::trial::Command::Close => Command::Close,
    })
}
