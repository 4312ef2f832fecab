//! One connection of a client, frame by frame: what it sends is read and credited at once, and what is sent to it
//! keeps to its windows. Everything else is up to the case.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use zrpc::core::base::Field;
use zrpc::core::hpack::Encoder;
use zrpc::core::http2::frame::{
    FrameHead, FrameType, HEAD_LEN, data, flags, goaway, ping, rst_stream, settings, window_update,
};
use zrpc::core::http2::{ErrorCode, StreamId};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client that says nothing for so long has given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client's connection.
pub struct Peer {
    stream: TcpStream,
    encoder: Encoder,
    connection_window: i64,
    initial_window: i64,
    windows: BTreeMap<StreamId, i64>,
    requests: VecDeque<StreamId>,
    open: BTreeSet<StreamId>,
    open_max: usize,
    pings_unanswered: usize,
    over: bool,
}

impl Peer {
    /// Takes a client's connection and says these settings.
    pub fn accept(mut stream: TcpStream, pairs: &[(u16, u32)]) -> io::Result<Peer> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface)?;
        if preface != PREFACE {
            return Err(io::Error::other("the client does not speak HTTP/2"));
        }
        let mut peer = Peer {
            stream,
            encoder: Encoder::new(0),
            connection_window: 65_535,
            initial_window: 65_535,
            windows: BTreeMap::new(),
            requests: VecDeque::new(),
            open: BTreeSet::new(),
            open_max: 0,
            pings_unanswered: 0,
            over: false,
        };
        peer.write(|out| settings::emit(pairs, out))?;
        Ok(peer)
    }

    /// The most streams that the client had open at once.
    pub fn open_max(&self) -> usize {
        self.open_max
    }

    /// Pings that were never answered.
    pub fn pings_unanswered(&self) -> usize {
        self.pings_unanswered
    }

    /// The stream of the next request that has arrived whole; `None` once the client is gone.
    pub fn next_request(&mut self) -> io::Result<Option<StreamId>> {
        while self.requests.is_empty() && !self.over {
            self.read_frame()?;
        }
        Ok(self.requests.pop_front())
    }

    /// Reads until the client is gone.
    pub fn read_to_end(&mut self) -> io::Result<()> {
        while !self.over {
            self.read_frame()?;
        }
        Ok(())
    }

    /// Sends a header list.
    pub fn send_headers(&mut self, stream: StreamId, fields: &[(&str, &str)], end: bool) -> io::Result<()> {
        let mut block = Vec::new();
        let fields = fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
        self.encoder.encode(fields, &mut block);
        let flags = flags::END_HEADERS | if end { flags::END_STREAM } else { 0 };
        let head = FrameHead { length: block.len() as u32, kind: FrameType::Headers, flags, stream };
        if end {
            self.close(stream);
        }
        self.write(|out| {
            out.extend_from_slice(&head.to_bytes());
            out.extend_from_slice(&block);
        })
    }

    /// Sends content in one frame, with this much padding if any, as soon as the client's windows allow.
    pub fn send_data(&mut self, stream: StreamId, content: &[u8], padding: Option<u8>) -> io::Result<()> {
        let padded = padding.map_or(0, |length| 1 + usize::from(length));
        let cost = (content.len() + padded) as i64;
        while self.room(stream) < cost {
            if self.over {
                return Err(io::Error::other("the client is gone; the response was not complete"));
            }
            self.read_frame()?;
        }
        self.connection_window -= cost;
        *self.windows.entry(stream).or_insert(self.initial_window) -= cost;
        let mut head = data::head(stream, cost as u32, false);
        if padding.is_some() {
            head.flags |= flags::PADDED;
        }
        self.write(|out| {
            out.extend_from_slice(&head.to_bytes());
            out.extend(padding);
            out.extend_from_slice(content);
            out.resize(out.len() + usize::from(padding.unwrap_or(0)), 0);
        })
    }

    /// Resets a stream.
    pub fn send_reset(&mut self, stream: StreamId, code: ErrorCode) -> io::Result<()> {
        self.close(stream);
        self.write(|out| rst_stream::emit(stream, code, out))
    }

    /// Says that streams after this one are not served.
    pub fn send_goaway(&mut self, last_stream: StreamId) -> io::Result<()> {
        let frame = goaway::GoAway { last_stream, code: ErrorCode::NO_ERROR, debug: b"" };
        self.write(|out| goaway::emit(frame, out))
    }

    /// Sends a ping.
    pub fn send_ping(&mut self) -> io::Result<()> {
        self.pings_unanswered += 1;
        self.write(|out| ping::emit(false, *b"misbehav", out))
    }

    /// Reads until every ping is answered.
    pub fn await_pongs(&mut self) -> io::Result<()> {
        while self.pings_unanswered > 0 && !self.over {
            self.read_frame()?;
        }
        Ok(())
    }

    fn room(&self, stream: StreamId) -> i64 {
        self.connection_window.min(self.windows.get(&stream).copied().unwrap_or(self.initial_window))
    }

    fn close(&mut self, stream: StreamId) {
        self.open.remove(&stream);
        self.windows.remove(&stream);
    }

    fn read_frame(&mut self) -> io::Result<()> {
        let mut head = [0; HEAD_LEN];
        if let Err(error) = self.stream.read_exact(&mut head) {
            self.over = true;
            return if is_gone(&error) { Ok(()) } else { Err(error) };
        }
        let head = FrameHead::parse(head);
        let mut payload = vec![0; head.length as usize];
        self.stream.read_exact(&mut payload)?;
        self.take(head, &payload)
    }

    fn take(&mut self, head: FrameHead, payload: &[u8]) -> io::Result<()> {
        match head.kind {
            FrameType::Settings if !head.has(flags::ACK) => self.take_settings(payload)?,
            FrameType::Ping if head.has(flags::ACK) => {
                self.pings_unanswered = self.pings_unanswered.saturating_sub(1);
            }
            FrameType::Ping => {
                let echo = ping::parse(payload).map_err(violation)?;
                self.write(|out| ping::emit(true, echo, out))?;
            }
            FrameType::WindowUpdate => {
                let increment = i64::from(window_update::parse(head, payload).map_err(violation)?);
                match head.stream {
                    StreamId::CONNECTION => self.connection_window += increment,
                    stream => *self.windows.entry(stream).or_insert(self.initial_window) += increment,
                }
            }
            FrameType::Headers => {
                self.open.insert(head.stream);
                self.open_max = self.open_max.max(self.open.len());
            }
            FrameType::Data if head.length > 0 => self.give_credit(head.stream, head.length)?,
            FrameType::RstStream => self.close(head.stream),
            _ => {}
        }
        if matches!(head.kind, FrameType::Headers | FrameType::Data) && head.has(flags::END_STREAM) {
            self.requests.push_back(head.stream);
        }
        Ok(())
    }

    fn take_settings(&mut self, payload: &[u8]) -> io::Result<()> {
        for (id, value) in settings::parse(payload).map_err(violation)? {
            if id == settings::id::INITIAL_WINDOW_SIZE {
                let change = i64::from(value) - self.initial_window;
                self.initial_window += change;
                self.windows.values_mut().for_each(|window| *window += change);
            }
        }
        self.write(settings::emit_ack)
    }

    fn give_credit(&mut self, stream: StreamId, length: u32) -> io::Result<()> {
        self.write(|out| {
            window_update::emit(StreamId::CONNECTION, length, out);
            window_update::emit(stream, length, out);
        })
    }

    fn write(&mut self, emit: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut out = Vec::new();
        emit(&mut out);
        match self.stream.write_all(&out) {
            // A client may leave when it has what it wants; what it misses by that shows elsewhere.
            Err(error) if is_gone(&error) => self.over = true,
            written => written?,
        }
        Ok(())
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn violation(violation: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("the client broke the protocol: {violation:?}"))
}
