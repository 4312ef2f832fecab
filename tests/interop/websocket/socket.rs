//! What the conversation needs of a WebSocket, whoever made it.

use std::net::TcpStream;

/// The subprotocol that servers speak; a client that offers none but others is refused.
pub const SUBPROTOCOL: &str = "echo.v1";
/// What a client offers first, and no server speaks.
pub const FOREIGN_SUBPROTOCOL: &str = "other.v9";
/// The end of a connection that nobody closed.
pub const LOST: &str = "lost";

/// What the command line says.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether messages are to be compressed.
    pub deflate: bool,
    /// Where the server is; a client's.
    pub port: u16,
    /// Where the relay is that counts what passes; a client's.
    pub relay: u16,
}

/// A message of either kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// UTF-8.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

/// A connection, from either side. Errors of the handshake are texts; other errors are how the connection ended: its code
/// and its reason, or [`LOST`].
pub trait Socket: Sized + Send + 'static {
    /// Connects, with `/name` as path.
    fn connect(port: u16, name: &str, subprotocols: &[&str], deflate: bool) -> Result<Self, String>;

    /// Answers a handshake; the connection and the name that its path has.
    fn accept(stream: TcpStream, deflate: bool) -> Result<(Self, String), String>;

    /// What was agreed on.
    fn subprotocol(&mut self) -> Option<String>;

    /// Sends a message.
    fn send(&mut self, message: Message) -> Result<(), String>;

    /// Waits for the next message.
    fn receive(&mut self) -> Result<Message, String>;

    /// Closes, and waits for the other side's answer.
    fn close(self, code: u16, reason: &str) -> Result<(), String>;

    /// Ends the transport without a word.
    fn vanish(self);

    /// Does what only a peer can be told to: `!fragments`, `!ping`, `!pings COUNT`. Says whether the command is known.
    fn obey(&mut self, command: &str) -> Result<bool, String> {
        let _ = command;
        Ok(false)
    }

    /// The cases that only this kind of client has.
    fn own_cases() -> Vec<Case>;
}

/// A sentence, and what proves it.
pub type Case = (&'static str, fn(&Options) -> Result<(), String>);

/// A text whose characters have one to four bytes each: cut anywhere, it is cut within characters.
pub fn beyond_ascii() -> String {
    "zRPC – grüßt 😈 ".repeat(4000)
}

/// How a close reads.
pub fn closed(code: u16, reason: &str) -> String {
    format!("{code} {reason}").trim_end().to_owned()
}

/// Fails with both when they are not the same; messages by their lengths.
pub fn check<T: PartialEq + std::fmt::Debug>(actual: T, expected: T) -> Result<(), String> {
    if actual == expected {
        return Ok(());
    }
    let shown = |value: &T| {
        let text = format!("{value:?}");
        let head: String = text.chars().take(100).collect();
        format!("{head} ({} characters)", text.len())
    };
    Err(format!("{} came; {} was expected", shown(&actual), shown(&expected)))
}
