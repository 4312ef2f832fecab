//! zRPC's WebSockets, on both drivers. They always ask with a heartbeat whether the other side is there.

use crate::client::open;
use crate::socket::{Case, LOST, Message, SUBPROTOCOL, Socket, beyond_ascii, check, closed};
use bytes::Bytes;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use zrpc::blocking::websocket as blocking;
use zrpc::core::websocket::{CloseCode, Config, Deflate, End, Policy, Request};
use zrpc::tokio::websocket as on_tokio;

/// Short, so that each case with a pause in it sees one.
const HEARTBEAT: Duration = Duration::from_millis(50);
/// A machine that is busy is no peer that is gone.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(deflate: bool) -> Arc<Config> {
    let deflate = deflate.then(|| Deflate { takeover: true, peer_takeover: true, ..Deflate::default() });
    let policy = Policy { subprotocols: vec![SUBPROTOCOL.into()], ..Policy::default() };
    Arc::new(Config {
        heartbeat_interval: Some(HEARTBEAT),
        heartbeat_timeout: PATIENCE,
        handshake_timeout: PATIENCE,
        close_timeout: PATIENCE,
        deflate,
        policy,
        ..Config::default()
    })
}

fn request(port: u16, name: &str, subprotocols: &[&str]) -> Request {
    let request = Request::new(format!("localhost:{port}"), format!("/{name}"));
    subprotocols.iter().fold(request, |request, name| request.subprotocol(*name))
}

fn dial(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn ending(end: Option<&End>) -> String {
    match end {
        Some(End::Closed { code, reason, .. }) => {
            closed(code.unwrap_or(CloseCode::NO_STATUS).as_u16(), reason)
        }
        Some(End::TransportClosed) => LOST.into(),
        Some(end) => end.to_string(),
        None => "the connection did not say how it ended".into(),
    }
}

fn code(number: u16) -> Result<CloseCode, String> {
    CloseCode::new(number).ok_or_else(|| format!("no close frame has the code {number}"))
}

fn name(path: Option<&str>) -> String {
    path.unwrap_or_default().trim_start_matches('/').to_owned()
}

/// What a peer's server does when it is told to.
fn own_cases<S: Socket>() -> Vec<Case> {
    vec![
        ("a_text_in_fragments_is_read_as_one", |options| {
            let mut socket = open::<S>(options, "fragments")?;
            socket.send(Message::Text("!fragments".into()))?;
            check(socket.receive()?, Message::Text(beyond_ascii()))?;
            socket.close(1000, "")
        }),
        ("a_ping_of_the_server_is_answered", |options| {
            let mut socket = open::<S>(options, "ping")?;
            socket.send(Message::Text("!ping".into()))?;
            check(socket.receive()?, Message::Text("ponged".into()))?;
            socket.close(1000, "")
        }),
        // A second ping leaves only after the first was answered.
        ("a_server_that_is_silent_is_asked_again_and_again", |options| {
            let mut socket = open::<S>(options, "heartbeat")?;
            socket.send(Message::Text("!pings 3".into()))?;
            check(socket.receive()?, Message::Text("pinged".into()))?;
            socket.close(1000, "")
        }),
    ]
}

/// The async driver's.
pub struct Tokio {
    socket: on_tokio::WebSocket,
    stream: TcpStream,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime starts")
});

impl Tokio {
    /// The stream, once for the runtime and once for who wants to vanish.
    fn split(stream: TcpStream) -> io::Result<(TcpStream, tokio::net::TcpStream)> {
        stream.set_nonblocking(true)?;
        let _entered = RUNTIME.enter();
        Ok((stream.try_clone()?, tokio::net::TcpStream::from_std(stream)?))
    }
}

impl Socket for Tokio {
    fn connect(port: u16, name: &str, subprotocols: &[&str], deflate: bool) -> Result<Tokio, String> {
        let (stream, ours) = dial(port).and_then(Tokio::split).map_err(|error| error.to_string())?;
        let request = request(port, name, subprotocols);
        let socket = RUNTIME.block_on(on_tokio::WebSocket::connect(ours, &request, config(deflate)));
        Ok(Tokio { socket: socket.map_err(|end| end.to_string())?, stream })
    }

    fn accept(stream: TcpStream, deflate: bool) -> Result<(Tokio, String), String> {
        let (stream, ours) = Tokio::split(stream).map_err(|error| error.to_string())?;
        let socket = RUNTIME.block_on(on_tokio::WebSocket::accept(ours, config(deflate)));
        let socket = socket.map_err(|end| end.to_string())?;
        let name = name(socket.path());
        Ok((Tokio { socket, stream }, name))
    }

    fn subprotocol(&mut self) -> Option<String> {
        self.socket.subprotocol().map(str::to_owned)
    }

    fn send(&mut self, message: Message) -> Result<(), String> {
        let sent = match message {
            Message::Text(text) => RUNTIME.block_on(self.socket.send(text)),
            Message::Binary(bytes) => RUNTIME.block_on(self.socket.send(Bytes::from(bytes))),
        };
        sent.map_err(|end| ending(Some(&end)))
    }

    fn receive(&mut self) -> Result<Message, String> {
        match RUNTIME.block_on(self.socket.receive()) {
            Ok(Some(on_tokio::Message::Text(text))) => Ok(Message::Text(text)),
            Ok(Some(on_tokio::Message::Binary(bytes))) => Ok(Message::Binary(bytes.to_vec())),
            Ok(None) => Err(ending(self.socket.end().as_ref())),
            Err(end) => Err(ending(Some(&end))),
        }
    }

    fn close(mut self, number: u16, reason: &str) -> Result<(), String> {
        self.socket.close(code(number)?, reason);
        while self.receive().is_ok() {}
        check(ending(self.socket.end().as_ref()), closed(number, reason))
    }

    fn vanish(self) {
        // One that is gone already is as good.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn own_cases() -> Vec<Case> {
        own_cases::<Tokio>()
    }
}

/// The blocking driver's.
pub struct Blocking {
    socket: blocking::WebSocket<zrpc::blocking::Socket<TcpStream>>,
    stream: TcpStream,
}

impl Blocking {
    /// The stream, once for the driver and once for who wants to vanish.
    fn split(stream: TcpStream) -> io::Result<(TcpStream, zrpc::blocking::Socket<TcpStream>)> {
        Ok((stream.try_clone()?, zrpc::blocking::Socket::tcp(stream)?))
    }
}

/// How a connection ended whose driver says so as an error of I/O.
fn failure(error: &io::Error) -> String {
    let end = error.get_ref().and_then(|inner| inner.downcast_ref::<End>());
    match error.kind() {
        _ if end.is_some() => ending(end),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => LOST.into(),
        _ => error.to_string(),
    }
}

impl Socket for Blocking {
    fn connect(port: u16, name: &str, subprotocols: &[&str], deflate: bool) -> Result<Blocking, String> {
        let connected = || {
            let (stream, ours) = Blocking::split(dial(port)?)?;
            let request = request(port, name, subprotocols);
            let socket = blocking::WebSocket::connect(ours, &request, config(deflate))?;
            io::Result::Ok(Blocking { socket, stream })
        };
        connected().map_err(|error| error.to_string())
    }

    fn accept(stream: TcpStream, deflate: bool) -> Result<(Blocking, String), String> {
        let accepted = || {
            let (stream, ours) = Blocking::split(stream)?;
            let socket = blocking::WebSocket::accept(ours, config(deflate))?;
            let name = name(socket.path());
            io::Result::Ok((Blocking { socket, stream }, name))
        };
        accepted().map_err(|error| error.to_string())
    }

    fn subprotocol(&mut self) -> Option<String> {
        self.socket.subprotocol().map(str::to_owned)
    }

    fn send(&mut self, message: Message) -> Result<(), String> {
        let sent = match message {
            Message::Text(text) => self.socket.send(text),
            Message::Binary(bytes) => self.socket.send(Bytes::from(bytes)),
        };
        sent.map_err(|error| failure(&error))
    }

    fn receive(&mut self) -> Result<Message, String> {
        match self.socket.receive() {
            Ok(Some(blocking::Message::Text(text))) => Ok(Message::Text(text)),
            Ok(Some(blocking::Message::Binary(bytes))) => Ok(Message::Binary(bytes.to_vec())),
            Ok(None) => Err(ending(self.socket.end())),
            Err(error) => Err(failure(&error)),
        }
    }

    fn close(self, number: u16, reason: &str) -> Result<(), String> {
        self.socket.close(code(number)?, reason).map_err(|error| failure(&error))
    }

    fn vanish(self) {
        // One that is gone already is as good.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn own_cases() -> Vec<Case> {
        own_cases::<Blocking>()
    }
}
