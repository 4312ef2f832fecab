//! A plain HTTP/2 server for conformance suites: no gRPC, only the core's connection and a driver's pump. It answers
//! every request with 200 and a short body.
//!
//! Usage: `h2-server --driver tokio|blocking`. Its first line of output is its port. It ends when its standard input
//! does.

use std::io;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use zrpc::core::base::{Misuse, Time};
use zrpc::core::http2::{Config, Connection, Event, Prefix, StreamId};
use zrpc_tests::arguments::{Arguments, Driver, exit_with_input};

const BODY: &[u8] = b"hello, world\n";

fn main() -> ExitCode {
    let driver = Arguments::from_process().driver();
    exit_with_input();
    let served = match driver {
        Driver::Tokio => on_tokio(),
        Driver::Blocking => on_threads(),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on 127.0.0.1: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers requests.
struct Hello;

impl zrpc::tokio::pump::Owner<Connection> for Hello {
    fn on_event(&mut self, connection: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        answer(connection, event)
    }
}

fn on_tokio() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = Connection::server(zrpc::tokio::clock::now(), Arc::new(Config::default()));
            // How a connection to a test suite fails is the suite's matter.
            tokio::spawn(zrpc::tokio::pump::drive(stream, connection, Hello));
        }
    })
}

fn on_threads() -> io::Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let socket = zrpc::blocking::Socket::tcp(listener.accept()?.0)?;
        std::thread::spawn(move || {
            let mut connection =
                Connection::server(zrpc::blocking::clock::now(), Arc::new(Config::default()));
            zrpc::blocking::pump::drive(&socket, &mut connection, |connection, event, _| {
                answer(connection, event)
            })
        });
    }
}

/// Answers a request once it has arrived whole.
fn answer(connection: &mut Connection, event: Event) -> ControlFlow<()> {
    match event {
        Event::Headers { stream, end: true, .. } | Event::Data { stream, end: true, .. } => {
            // A stream that is gone needs no answer.
            let _ = respond(connection, stream);
            ControlFlow::Continue(())
        }
        Event::Ended(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    }
}

fn respond(connection: &mut Connection, stream: StreamId) -> Result<(), Misuse> {
    let mut fields = connection.blank_fields();
    fields.add(b":status", b"200");
    fields.add(b"content-type", b"text/plain");
    connection.send_headers(stream, fields, false)?;
    connection.send_data(stream, Prefix::NONE, BODY.into(), true).map(drop)
}
