//! A WebSocket server for conformance suites and for peers: it sends back what it gets.
//!
//! Usage: `ws-server --driver tokio|blocking [--deflate off]`. Its first line of output is its port. It ends when its
//! standard input does.

use std::io;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use zrpc::core::base::Time;
use zrpc::core::websocket::{Config, Connection, Event};
use zrpc_tests::arguments::{Arguments, Driver, exit_with_input};
use zrpc_tests::echo::{self, Echo};

fn main() -> ExitCode {
    let arguments = Arguments::from_process();
    exit_with_input();
    let mut config = echo::config();
    if arguments.value("deflate") == Some("off") {
        config.deflate = None;
    }
    let served = match arguments.driver() {
        Driver::Tokio => on_tokio(Arc::new(config)),
        Driver::Blocking => on_threads(&Arc::new(config)),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on 127.0.0.1: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers messages.
#[derive(Default)]
struct Owner(Echo);

impl zrpc::tokio::pump::Owner<Connection> for Owner {
    fn on_event(&mut self, connection: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        self.0.on_event(connection, event)
    }
}

fn on_tokio(config: Arc<Config>) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = Connection::server(zrpc::tokio::clock::now(), Arc::clone(&config));
            // How a connection to a test suite fails is the suite's matter.
            tokio::spawn(zrpc::tokio::pump::drive(stream, connection, Owner::default()));
        }
    })
}

fn on_threads(config: &Arc<Config>) -> io::Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let socket = zrpc::blocking::Socket::tcp(listener.accept()?.0)?;
        let config = Arc::clone(config);
        std::thread::spawn(move || {
            let mut connection = Connection::server(zrpc::blocking::clock::now(), config);
            let mut echo = Echo::default();
            zrpc::blocking::pump::drive(&socket, &mut connection, |connection, event, _| {
                echo.on_event(connection, event)
            })
        });
    }
}
