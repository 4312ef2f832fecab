//! One client for all servers: it replays gRPC requests as prepared bytes and reads of the replies no more than frame
//! heads. It costs so little that the server is what a round measures, and it treats every server alike.
//!
//! The first request of a connection teaches the server's HPACK table its five fields (RFC 7541 §6.2.1); all later
//! ones are seven bytes of indices (§6.1), as on any warm gRPC connection. Responses get a window that a round cannot
//! use up, so that no WINDOW_UPDATE of ours is needed; those of the server are counted, as its connection window starts
//! at 65,535 bytes (RFC 9113 §6.9.2). A request is smaller than the smallest stream window.

use crate::message::{UNARY, framed};
use bytes::Bytes;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use zrpc_benches::Failure;
use zrpc_benches::load::Latencies;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const FRAME_HEAD: usize = 9;

/// A connection with no call open.
pub struct Replay {
    socket: TcpStream,
    message: Bytes,
    next_stream: u32,
    credit: i64,
    out: Vec<u8>,
    read: Vec<u8>,
    /// Bytes at the start of `read` that no whole frame has used yet.
    kept: usize,
    open: usize,
}

impl Replay {
    /// Connects and sends the preface; waits for nothing.
    pub fn connect(address: SocketAddr, body: &Bytes) -> Result<Replay, Failure> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut replay = Replay {
            socket,
            message: framed(body),
            next_stream: 1,
            credit: 65_535,
            out: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            read: vec![0; 64 * 1024],
            kept: 0,
            open: 0,
        };
        // SETTINGS_ENABLE_PUSH = 0 and SETTINGS_INITIAL_WINDOW_SIZE of 16 MiB (RFC 9113 §6.5.2).
        replay.frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0]);
        replay.frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes());
        Ok(replay)
    }

    /// Keeps `in_flight` calls open for `time`. A latency is that of the read which ended the call, so only with one in
    /// flight that of the call.
    pub fn calls(&mut self, in_flight: usize, time: Duration) -> Result<Latencies, Failure> {
        let start = Instant::now();
        let mut nanos = Vec::new();
        let mut before = start;
        while before < start + time {
            self.request_up_to(in_flight);
            self.flush()?;
            let ended = self.receive()?;
            let after = Instant::now();
            let nanos_of_read = u64::try_from((after - before).as_nanos()).unwrap_or(u64::MAX);
            nanos.extend(std::iter::repeat_n(nanos_of_read, ended));
            before = after;
        }
        self.finish()?;
        Ok(Latencies::new(nanos, start.elapsed()))
    }

    /// Sends one request and waits for nothing.
    pub fn request_one(&mut self) -> Result<(), Failure> {
        self.request_up_to(1);
        self.flush()
    }

    /// Waits until no call is open.
    pub fn finish(&mut self) -> Result<(), Failure> {
        while self.open > 0 {
            self.receive()?;
            self.flush()?;
        }
        Ok(())
    }

    /// Gives back the buffers, for a connection that is only held open.
    pub fn shrink(&mut self) {
        self.out = Vec::new();
        self.read = Vec::new();
    }

    fn request_up_to(&mut self, in_flight: usize) {
        let message = self.message.clone();
        while self.open < in_flight && self.credit >= message.len() as i64 {
            let stream = self.next_stream;
            self.next_stream += 2;
            self.open += 1;
            self.credit -= message.len() as i64;
            let block = if stream == 1 { first_block() } else { WARM_BLOCK.to_vec() };
            self.frame(HEADERS, END_HEADERS, stream, &block);
            self.frame(DATA, END_STREAM, stream, &message);
        }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        self.out.extend_from_slice(&[length[1], length[2], length[3], kind, flags]);
        self.out.extend_from_slice(&stream.to_be_bytes());
        self.out.extend_from_slice(payload);
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.socket.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Reads once and answers how many calls ended in what came.
    fn receive(&mut self) -> Result<usize, Failure> {
        let count = self.socket.read(&mut self.read[self.kept..])?;
        if count == 0 {
            return Err("a server closed the connection".into());
        }
        let filled = self.kept + count;
        let read = std::mem::take(&mut self.read);
        let mut at = 0;
        let mut ended = 0;
        while let Some(frame) = whole_frame(&read[at..filled]) {
            at += frame.len();
            ended += usize::from(self.handle(frame)?);
        }
        self.read = read;
        self.read.copy_within(at..filled, 0);
        self.kept = filled - at;
        self.open -= ended;
        Ok(ended)
    }

    /// Handles a frame; says whether it ended a call.
    fn handle(&mut self, frame: &[u8]) -> Result<bool, Failure> {
        let (head, payload) = frame.split_at(FRAME_HEAD);
        let flags = head[4];
        match head[3] {
            DATA | HEADERS => return Ok(flags & END_STREAM != 0),
            SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => self.frame(PING, ACK, 0, payload),
            WINDOW_UPDATE if head[5..] == [0; 4] => {
                let increment = payload.try_into().map_or(0, u32::from_be_bytes);
                self.credit += i64::from(increment);
            }
            RST_STREAM => return Err("a server reset a call".into()),
            GOAWAY => return Err("a server refused the connection".into()),
            _ => {}
        }
        Ok(false)
    }
}

/// Bytes on the wire of a warm call's request and reply: HEADERS and DATA, and of the reply trailers as well. A warm
/// response's header block is two indices, its trailers' one.
pub fn bytes_of_a_call(body: &Bytes) -> (u32, u32) {
    let message = framed(body).len();
    let request = 2 * FRAME_HEAD + WARM_BLOCK.len() + message;
    let reply = 3 * FRAME_HEAD + 3 + message;
    (request as u32, reply as u32)
}

/// The first frame in `bytes`, head and payload, when all of it is there.
fn whole_frame(bytes: &[u8]) -> Option<&[u8]> {
    let length = u32::from_be_bytes([0, *bytes.first()?, *bytes.get(1)?, *bytes.get(2)?]) as usize;
    bytes.get(..FRAME_HEAD + length)
}

/// `:method POST` and `:scheme http` from the static table, the other fields added to the dynamic table.
fn first_block() -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    for (prefix, name, value) in [
        (0x44, None, UNARY),
        (0x41, None, "localhost"),
        (0x40, Some("te"), "trailers"),
        (0x5f, None, "application/grpc"),
        (0x7a, None, "replay"),
    ] {
        block.push(prefix);
        for text in name.into_iter().chain([value]) {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The same fields, by index: the dynamic table starts at 62 with what was added last.
const WARM_BLOCK: [u8; 7] = [0x83, 0x86, 0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62];
