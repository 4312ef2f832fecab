//! A plain HTTP/2 client for conformance suites: no gRPC, only the core's connection and a driver's pump. It asks for
//! the URL and then stays on the connection until the server ends it, so that whatever the server does is answered.
//!
//! Usage: `h2-client --driver tokio|blocking http://HOST:PORT/PATH`.

use std::io;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use zrpc::core::base::{Misuse, Time};
use zrpc::core::http2::{Config, Connection, Event};
use zrpc_tests::arguments::{Arguments, Driver};

/// A suite that says nothing for so long has its verdict; h2specd gives up for good after 3 s.
const PATIENCE: Duration = Duration::from_millis(2700);

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let url = arguments.rest().first().and_then(|url| url.strip_prefix("http://"));
    let Some((authority, path)) = url.and_then(|url| url.split_once('/')) else {
        eprintln!("usage: h2-client --driver tokio|blocking http://HOST:PORT/PATH");
        return ExitCode::from(2);
    };
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        std::process::exit(0);
    });
    let asked = match arguments.driver() {
        Driver::Tokio => on_tokio(authority, path),
        Driver::Blocking => on_thread(authority, path),
    };
    match asked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{authority}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Follows the connection to its end.
struct Spectator;

impl zrpc::tokio::pump::Owner<Connection> for Spectator {
    fn on_event(&mut self, _: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        look(&event)
    }
}

fn on_tokio(authority: &str, path: &str) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let stream = tokio::net::TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let connection = ask(zrpc::tokio::clock::now(), authority, path).map_err(io::Error::other)?;
        zrpc::tokio::pump::drive(stream, connection, Spectator).await
    })
}

fn on_thread(authority: &str, path: &str) -> io::Result<()> {
    let socket = zrpc::blocking::Socket::tcp(TcpStream::connect(authority)?)?;
    let mut connection = ask(zrpc::blocking::clock::now(), authority, path).map_err(io::Error::other)?;
    zrpc::blocking::pump::drive(&socket, &mut connection, |_, event, _| look(&event))
}

/// A connection with one request on it.
fn ask(now: Time, authority: &str, path: &str) -> Result<Connection, Misuse> {
    let mut connection = Connection::client(now, Arc::new(Config::default()));
    let mut fields = connection.blank_fields();
    fields.add(b":method", b"GET");
    fields.add(b":scheme", b"http");
    fields.add(b":authority", authority.as_bytes());
    fields.add(b":path", format!("/{path}").as_bytes());
    connection.open(fields, true)?;
    Ok(connection)
}

fn look(event: &Event) -> ControlFlow<()> {
    match event {
        Event::Ended(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    }
}
