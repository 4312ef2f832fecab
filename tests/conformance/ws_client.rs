//! A WebSocket client for conformance suites: it asks the suite how many cases there are, sends back what it gets in each,
//! and has the reports written.
//!
//! Usage: `ws-client --driver tokio|blocking HOST:PORT AGENT [FIRST LAST]`.

use std::io;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use zrpc::core::base::{Secret, Time};
use zrpc::core::websocket::{Config, Connection, Event, Request};
use zrpc_tests::arguments::{Arguments, Driver};
use zrpc_tests::echo::{self, Echo};

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    let [authority, agent, range @ ..] = arguments.rest() else {
        eprintln!("usage: ws-client --driver tokio|blocking HOST:PORT AGENT [FIRST LAST]");
        return ExitCode::from(2);
    };
    let driver = arguments.driver();
    let runs = || -> io::Result<()> {
        let count = run(driver, authority, "/getCaseCount")?;
        let number = |text: &String| text.parse().map_err(io::Error::other);
        let last = range.get(1).map_or_else(|| count.parse().map_err(io::Error::other), number)?;
        let first: u32 = range.first().map_or(Ok(1), number)?;
        for case in first..=last {
            // What fails in a case is the suite's to judge.
            if let Err(error) = run(driver, authority, &format!("/runCase?case={case}&agent={agent}")) {
                eprintln!("case {case}: {error}");
            }
        }
        run(driver, authority, &format!("/updateReports?agent={agent}")).map(drop)
    };
    match runs() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{authority}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Sends back what comes, and remembers what that was last.
#[derive(Default)]
struct Client {
    echo: Echo,
    heard: Arc<std::sync::Mutex<String>>,
}

impl Client {
    fn look(&mut self, connection: &mut Connection, event: Event) -> ControlFlow<()> {
        if let (Event::Message { payload, .. }, Ok(mut heard)) = (&event, self.heard.lock()) {
            *heard = String::from_utf8_lossy(payload).into_owned();
        }
        self.echo.on_event(connection, event)
    }
}

impl zrpc::tokio::pump::Owner<Connection> for Client {
    fn on_event(&mut self, connection: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        self.look(connection, event)
    }
}

/// One connection from its handshake to its end; the last message that came.
fn run(driver: Driver, authority: &str, path: &str) -> io::Result<String> {
    let mut client = Client::default();
    let heard = Arc::clone(&client.heard);
    let connect = |now, secret| {
        let mut config: Config = echo::config();
        // The suite asks a client to forget its history only where the client offered to (RFC 7692 §7.1.1.2).
        config.deflate.iter_mut().for_each(|deflate| deflate.takeover = false);
        let config = Arc::new(config);
        Connection::client(now, config, &Request::new(authority, path), secret).map_err(io::Error::other)
    };
    let ended: io::Result<()> = match driver {
        Driver::Tokio => {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
                let stream = tokio::net::TcpStream::connect(authority).await?;
                stream.set_nodelay(true)?;
                let connection = connect(zrpc::tokio::clock::now(), secret())?;
                zrpc::tokio::pump::drive(stream, connection, client).await
            })
        }
        Driver::Blocking => {
            let socket = zrpc::blocking::Socket::tcp(TcpStream::connect(authority)?)?;
            let mut connection = connect(zrpc::blocking::clock::now(), secret())?;
            zrpc::blocking::pump::drive(&socket, &mut connection, |connection, event, _| {
                client.look(connection, event)
            })
        }
    };
    let heard = heard.lock().map(|heard| heard.clone());
    let heard = heard.map_err(|_| io::Error::other("a thread panicked"))?;
    // The suite hangs up without reading our answer to its close frame, which resets the connection.
    if heard.is_empty() { ended.map(|()| heard) } else { Ok(heard) }
}

/// The suite guesses no keys.
fn secret() -> Secret {
    Secret::from_seed([7; 32])
}
