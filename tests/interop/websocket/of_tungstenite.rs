//! tungstenite's WebSocket, which knows no compression.

use crate::client::open;
use crate::socket::{Case, LOST, Message, Options, SUBPROTOCOL, Socket, beyond_ascii, check, closed};
use std::net::{Shutdown, TcpStream};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::{HeaderValue, Uri};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame, Frame};
use tungstenite::{ClientRequestBuilder, Error, WebSocket};

/// Bytes of a fragment: it cuts within characters.
const FRAGMENT: usize = 6_007;

/// tungstenite's.
pub struct Tungstenite {
    socket: WebSocket<TcpStream>,
    subprotocol: Option<String>,
    /// What the other side said when it closed.
    close: Option<CloseFrame>,
}

/// What a read brings.
enum Incoming {
    Message(Message),
    Ping,
    Pong(Vec<u8>),
}

impl Tungstenite {
    fn new(socket: WebSocket<TcpStream>, subprotocol: Option<String>) -> Tungstenite {
        Tungstenite { socket, subprotocol, close: None }
    }

    fn read(&mut self) -> Result<Incoming, String> {
        loop {
            return Ok(match self.socket.read() {
                Ok(tungstenite::Message::Text(text)) => Incoming::Message(Message::Text(text.to_string())),
                Ok(tungstenite::Message::Binary(bytes)) => Incoming::Message(Message::Binary(bytes.to_vec())),
                Ok(tungstenite::Message::Pong(payload)) => Incoming::Pong(payload.to_vec()),
                Ok(tungstenite::Message::Ping(_)) => {
                    self.socket.flush().map_err(|error| self.ending(error))?;
                    Incoming::Ping
                }
                Ok(tungstenite::Message::Close(frame)) => {
                    self.close = frame;
                    continue;
                }
                Ok(tungstenite::Message::Frame(_)) => continue,
                Err(error) => return Err(self.ending(error)),
            });
        }
    }

    fn ending(&self, error: Error) -> String {
        match (error, &self.close) {
            (Error::ConnectionClosed, Some(frame)) => closed(frame.code.into(), &frame.reason),
            (Error::ConnectionClosed, None) => closed(1005, ""),
            (
                Error::Io(_)
                | Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake),
                _,
            ) => LOST.into(),
            (error, _) => error.to_string(),
        }
    }

    fn write(&mut self, message: tungstenite::Message) -> Result<(), String> {
        self.socket.send(message).map_err(|error| self.ending(error))
    }

    /// Sends a text in fragments, a ping after each.
    fn send_fragments(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text.as_bytes();
        let mut kind = Data::Text;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(FRAGMENT));
            rest = later;
            let frame = Frame::message(part.to_vec(), OpCode::Data(kind), rest.is_empty());
            self.write(tungstenite::Message::Frame(frame))?;
            self.write(tungstenite::Message::Ping(b"between"[..].into()))?;
            kind = Data::Continue;
        }
        Ok(())
    }

    fn ping(&mut self) -> Result<(), String> {
        self.write(tungstenite::Message::Ping(b"are you there?"[..].into()))?;
        loop {
            match self.read()? {
                Incoming::Pong(payload) => return check(&payload[..], b"are you there?"),
                Incoming::Ping => {}
                Incoming::Message(message) => return Err(format!("{message:?} came before the pong")),
            }
        }
    }

    fn await_pings(&mut self, count: usize) -> Result<(), String> {
        let mut seen = 0;
        while seen < count {
            match self.read()? {
                Incoming::Ping => seen += 1,
                Incoming::Pong(_) => {}
                Incoming::Message(message) => return Err(format!("{message:?} came and no ping")),
            }
        }
        Ok(())
    }
}

impl Socket for Tungstenite {
    fn connect(port: u16, name: &str, subprotocols: &[&str], _: bool) -> Result<Tungstenite, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let uri: Uri = format!("ws://localhost:{port}/{name}").parse().map_err(|_| "not a URI")?;
        let request = ClientRequestBuilder::new(uri);
        let request = subprotocols.iter().fold(request, |request, name| request.with_sub_protocol(*name));
        let (socket, response) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
        let subprotocol = response.headers().get("sec-websocket-protocol");
        let subprotocol = subprotocol.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Tungstenite::new(socket, subprotocol))
    }

    fn accept(stream: TcpStream, _: bool) -> Result<(Tungstenite, String), String> {
        let mut path = String::new();
        let mut chosen = None;
        // The shape is tungstenite's.
        #[allow(clippy::result_large_err)]
        let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            path = request.uri().path().trim_start_matches('/').to_owned();
            let offers = request.headers().get_all("sec-websocket-protocol").iter();
            let mut offers =
                offers.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
            if offers.any(|offer| offer.trim() == SUBPROTOCOL) {
                chosen = Some(SUBPROTOCOL.to_owned());
                let value = HeaderValue::from_static(SUBPROTOCOL);
                response.headers_mut().insert("sec-websocket-protocol", value);
            }
            Ok(response)
        };
        let socket = tungstenite::accept_hdr(stream, choose).map_err(|error| error.to_string())?;
        Ok((Tungstenite::new(socket, chosen), path))
    }

    fn subprotocol(&mut self) -> Option<String> {
        self.subprotocol.clone()
    }

    fn send(&mut self, message: Message) -> Result<(), String> {
        self.write(match message {
            Message::Text(text) => tungstenite::Message::text(text),
            Message::Binary(bytes) => tungstenite::Message::binary(bytes),
        })
    }

    fn receive(&mut self) -> Result<Message, String> {
        loop {
            if let Incoming::Message(message) = self.read()? {
                return Ok(message);
            }
        }
    }

    fn close(mut self, code: u16, reason: &str) -> Result<(), String> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.socket.close(Some(frame)).map_err(|error| self.ending(error))?;
        loop {
            if let Err(end) = self.read() {
                // The answer has the same code, and need not repeat the reason.
                return check(end.split(' ').next(), Some(code.to_string().as_str()));
            }
        }
    }

    fn vanish(self) {
        // One that is gone already is as good.
        let _ = self.socket.get_ref().shutdown(Shutdown::Both);
    }

    fn obey(&mut self, command: &str) -> Result<bool, String> {
        let said = match command.split_once(' ') {
            None if command == "!fragments" => return self.send_fragments(&beyond_ascii()).map(|()| true),
            None if command == "!ping" => self.ping().map(|()| "ponged")?,
            Some(("!pings", count)) => {
                self.await_pings(count.parse().map_err(|_| "not a count")?).map(|()| "pinged")?
            }
            _ => return Ok(false),
        };
        self.send(Message::Text(said.into()))?;
        Ok(true)
    }

    fn own_cases() -> Vec<Case> {
        vec![
            ("a_text_in_fragments_comes_back_as_one", |options: &Options| {
                let mut socket = open::<Tungstenite>(options, "fragments")?;
                socket.send_fragments(&beyond_ascii())?;
                check(socket.receive()?, Message::Text(beyond_ascii()))?;
                socket.close(1000, "")
            }),
            ("a_ping_of_the_client_is_answered", |options| {
                let mut socket = open::<Tungstenite>(options, "ping")?;
                socket.ping()?;
                socket.close(1000, "")
            }),
            // A second ping comes only after the first was answered.
            ("a_client_that_is_silent_is_asked_again_and_again", |options| {
                let mut socket = open::<Tungstenite>(options, "heartbeat")?;
                socket.await_pings(3)?;
                socket.close(1000, "")
            }),
        ]
    }
}
