//! One client for all WebSocket servers: it sends prepared frames and reads of the replies no more than it must, so that
//! the server is what a round measures.
//!
//! A turn sends one message on each connection, then waits for one on each.

use bytes::Bytes;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use zrpc_benches::Failure;
use zrpc_benches::load::Latencies;

/// A binary message in one frame (RFC 6455 §5.2).
const BINARY: u8 = 0x82;
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Connections with nothing under way.
pub struct Frames {
    sockets: Vec<TcpStream>,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Frames {
    /// Connects as often as said and shakes hands.
    pub fn connect(address: SocketAddr, connections: usize, body: &Bytes) -> Result<Frames, Failure> {
        let sockets = (0..connections).map(|_| shake_hands(address)).collect::<Result<Vec<_>, Failure>>()?;
        let reply = vec![0; head(body.len(), 0).len() + body.len()];
        Ok(Frames { sockets, request: frame(body), reply })
    }

    /// Turns for `time`. The latency of a message is that of its turn, so only with one connection its own.
    pub fn echo(&mut self, time: Duration) -> Result<Latencies, Failure> {
        let start = Instant::now();
        let mut nanos = Vec::new();
        let mut before = start;
        while before < start + time {
            self.turn()?;
            let after = Instant::now();
            let took = u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX);
            nanos.extend(std::iter::repeat_n(took, self.sockets.len()));
            before = after;
        }
        Ok(Latencies::new(nanos, start.elapsed()))
    }

    /// One message on each connection, there and back.
    pub fn turn(&mut self) -> Result<(), Failure> {
        for socket in &mut self.sockets {
            socket.write_all(&self.request)?;
        }
        for socket in &mut self.sockets {
            socket.read_exact(&mut self.reply)?;
            if self.reply.first() != Some(&BINARY) {
                return Err("a server answered with something else than a binary message".into());
            }
        }
        Ok(())
    }
}

fn shake_hands(address: SocketAddr) -> Result<TcpStream, Failure> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!(
        "GET /echo HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    match answer.starts_with(b"HTTP/1.1 101 ") {
        true => Ok(socket),
        false => Err(format!("a server answered {:?}", String::from_utf8_lossy(&answer)).into()),
    }
}

fn head(length: usize, masked: u8) -> Vec<u8> {
    match u16::try_from(length) {
        Ok(length @ ..126) => vec![BINARY, masked | length as u8],
        Ok(length) => [&[BINARY, masked | 126][..], &length.to_be_bytes()].concat(),
        Err(_) => [&[BINARY, masked | 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

fn frame(body: &Bytes) -> Vec<u8> {
    let mut frame = head(body.len(), MASKED);
    frame.extend_from_slice(&MASK);
    frame.extend(body.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
