//! The pump under a machine that is not gRPC: plain HTTP/2, both sides, over a pipe in memory.

use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use zrpc_core::base::{Fields, Time};
use zrpc_core::http2::{Config, Connection, End, Event, HeadersKind, Prefix, StreamId};
use zrpc_tokio::clock;
use zrpc_tokio::pump::{Owner, drive};

/// Answers every request with 200 and its own content.
struct EchoServer;

impl Owner<Connection> for EchoServer {
    fn on_event(&mut self, connection: &mut Connection, event: Event, _: Time) -> ControlFlow<()> {
        match event {
            Event::Headers { stream, kind: HeadersKind::Request, end, .. } => {
                let mut fields = Fields::new();
                fields.add(b":status", b"200");
                connection.send_headers(stream, fields, end).unwrap();
            }
            Event::Data { stream, data, end } => {
                connection.consume(stream, data.len() as u32);
                let _ = connection.send_data(stream, Prefix::default(), data, end).unwrap();
            }
            Event::Ended(_) => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Sends its bodies, one stream after the other, and keeps what comes back.
struct Client {
    bodies: VecDeque<Bytes>,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Client {
    fn next(&mut self, connection: &mut Connection, now: Time) {
        let Some(body) = self.bodies.pop_front() else { return connection.drain(now, grace()) };
        let mut fields = Fields::new();
        for (name, value) in
            [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/echo")]
        {
            fields.add(name.as_bytes(), value.as_bytes());
        }
        let stream: StreamId = connection.open(fields, false).unwrap();
        let _ = connection.send_data(stream, Prefix::default(), body, true).unwrap();
    }
}

impl Owner<Connection> for Client {
    fn on_event(&mut self, connection: &mut Connection, event: Event, now: Time) -> ControlFlow<()> {
        match event {
            Event::Settings => self.next(connection, now),
            Event::Data { stream, data, end } => {
                connection.consume(stream, data.len() as u32);
                self.seen.lock().unwrap().extend_from_slice(&data);
                if end {
                    self.next(connection, now);
                }
            }
            Event::Ended(end) => {
                assert_eq!(end, End::Graceful);
                return ControlFlow::Break(());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn grace() -> std::time::Duration {
    std::time::Duration::from_secs(1)
}

fn serve(stream: DuplexStream) -> tokio::task::JoinHandle<std::io::Result<()>> {
    let connection = Connection::server(clock::now(), Arc::new(Config::default()));
    tokio::spawn(drive(stream, connection, EchoServer))
}

#[tokio::test]
async fn plain_http2_runs_on_the_pump_and_both_sides_end() {
    let bodies: Vec<Bytes> = (1..=20u8).map(|n| vec![n; usize::from(n) * 5000].into()).collect();
    let whole = bodies.concat();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (here, there) = duplex(4096);
    let server = serve(there);
    let client = Client { bodies: bodies.into(), seen: Arc::clone(&seen) };
    let connection = Connection::client(clock::now(), Arc::new(Config::default()));
    drive(here, connection, client).await.unwrap();
    server.await.unwrap().unwrap();
    assert_eq!(*seen.lock().unwrap(), whole);
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_reads_why_before_the_end() {
    let (mut here, there) = duplex(4096);
    let server = serve(there);
    here.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    here.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 505 ") && answer.contains("HTTP/2"), "{answer}");
    drop(here);
    server.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_does_not_wait_for_ever_for_its_peer_to_hang_up() {
    let (mut here, there) = duplex(4096);
    let server = serve(there);
    here.write_all(b"nonsense that is no preface").await.unwrap();
    server.await.unwrap().unwrap();
    drop(here);
}
