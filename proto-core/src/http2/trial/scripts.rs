//! Random scripts for a connection on trial: mostly what peers do, now and then what they must not, and floods.

use crate::base::Entropy;
use crate::base::laws::Script;
use crate::http2::frame::{FrameType, flags, settings::id};
use crate::http2::trial::Command;
use crate::http2::trial::peer::{Peer, REQUEST, RESPONSE};
use core::time::Duration;

/// A client's bytes, and what the server is told to do.
pub(super) fn for_server(seed: u64) -> Script<Command> {
    let mut world = World::new(seed);
    world.peer.preface();
    world.greet();
    // A stream to talk about: frames on one that was never opened end the connection.
    world.request();
    world.deliver();
    for _ in 0..8 + world.chance.below(30) {
        world.client_step();
    }
    world.leave()
}

/// A server's bytes, and what the client is told to do.
pub(super) fn for_client(seed: u64) -> Script<Command> {
    let mut world = World::new(seed);
    world.greet();
    world.open();
    for _ in 0..8 + world.chance.below(30) {
        world.server_step();
    }
    world.leave()
}

/// A tunnel.
const CONNECT: [(&str, &str); 2] = [(":method", "CONNECT"), (":authority", "example.com:443")];
/// A tunnel of another protocol, RFC 8441; malformed where it was not offered.
const EXTENDED_CONNECT: [(&str, &str); 4] =
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/")];

struct World {
    chance: Entropy,
    peer: Peer,
    script: Script<Command>,
    /// Streams opened so far: the odd numbers below it.
    next_stream: u32,
}

impl World {
    fn new(seed: u64) -> World {
        World { chance: Entropy::from_seed(seed), peer: Peer::new(), script: Script::new(), next_stream: 1 }
    }

    fn below(&mut self, bound: u64) -> usize {
        self.chance.below(bound) as usize
    }

    /// SETTINGS, and the acknowledgement of the machine's own; one world in eight forgets it.
    fn greet(&mut self) {
        let pairs = [
            (id::MAX_CONCURRENT_STREAMS, 1 + self.chance.below(6) as u32),
            (id::INITIAL_WINDOW_SIZE, self.chance.below(8_000) as u32),
            (id::HEADER_TABLE_SIZE, self.chance.below(5_000) as u32),
            (id::MAX_FRAME_SIZE, 16_384),
            (0xface, 1),
        ];
        let count = self.below(6);
        self.peer.settings(&pairs[..count]);
        self.deliver();
        if self.chance.below(8) != 0 {
            self.peer.settings_ack();
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let bytes = self.peer.take();
        self.act(|script| script.input(bytes));
    }

    fn command(&mut self, command: Command) {
        self.act(|script| script.command(command));
    }

    fn act(&mut self, add: impl FnOnce(Script<Command>) -> Script<Command>) {
        self.script = add(core::mem::take(&mut self.script));
    }

    fn some_stream(&mut self) -> u32 {
        2 * self.chance.below(u64::from(self.next_stream / 2).max(1)) as u32 + 1
    }

    fn client_step(&mut self) {
        match self.chance.below(16) {
            0..=3 => self.request(),
            4..=5 => self.data(),
            6 => {
                let command = Command::Answer { nth: self.below(8), content: self.below(30_000) };
                self.command(command);
                return;
            }
            7 => {
                let command = Command::Answer { nth: self.below(8), content: self.below(200) };
                self.command(command);
                return;
            }
            _ => return self.step_of_either(),
        }
        self.deliver();
    }

    fn server_step(&mut self) {
        match self.chance.below(16) {
            0..=2 => return self.open(),
            3..=5 => {
                let stream = self.some_stream();
                if self.chance.below(4) == 0 {
                    self.peer.headers(stream, &[(":status", "100")], false);
                }
                let end = self.chance.below(4) == 0;
                self.peer.headers(stream, &RESPONSE, end);
            }
            6..=7 => self.data(),
            8 if self.chance.below(12) == 0 => {
                let stream = self.some_stream();
                let promised = 2 * (1 + self.chance.below(4) as u32);
                let payload = [&promised.to_be_bytes()[..], &self.peer.block(&REQUEST)].concat();
                self.peer.frame(FrameType::PushPromise, flags::END_HEADERS, stream, &payload);
            }
            _ => return self.step_of_either(),
        }
        self.deliver();
    }

    fn open(&mut self) {
        let content = [0, 100, 30_000][self.below(3)];
        self.next_stream += 2;
        self.command(Command::Open { content });
    }

    fn step_of_either(&mut self) {
        let stream = self.some_stream();
        match self.chance.below(20) {
            0..=2 => {
                let increment = 1 + self.chance.below(30_000) as u32;
                let stream = if self.chance.below(2) == 0 { 0 } else { stream };
                self.peer.window_update(stream, increment);
            }
            3 => _ = self.peer.reset(stream, 8),
            4..=5 => _ = self.peer.ping(self.chance.next_u64().to_be_bytes()),
            6 => _ = self.peer.headers(stream, &[("grpc-status", "0")], true),
            7 => {
                let pair = match self.chance.below(5) {
                    0 => (id::HEADER_TABLE_SIZE, self.chance.below(5_000) as u32),
                    1 => (id::MAX_CONCURRENT_STREAMS, self.chance.below(6) as u32),
                    2 => (id::MAX_FRAME_SIZE, 16_384 + self.chance.below(9_000) as u32),
                    _ => (id::INITIAL_WINDOW_SIZE, self.chance.below(9_000) as u32),
                };
                self.peer.settings(&[pair]);
            }
            8 => _ = self.peer.frame(FrameType::Unknown(0x77), 0xff, stream, b"unknown"),
            9 => _ = self.peer.frame(FrameType::Priority, 0, stream, &[0, 0, 0, 0, 7]),
            10 if self.chance.below(6) == 0 => _ = self.peer.goaway(stream, self.chance.below(2) as u32),
            11 if self.chance.below(8) == 0 => self.flood(),
            12 => return self.command(Command::Ping),
            13 if self.chance.below(3) == 0 => {
                let grace = Duration::from_millis(self.chance.below(900));
                return self.command(Command::Drain(grace));
            }
            13 if self.chance.below(3) == 0 => return self.command(Command::Close),
            14 => {
                let command = Command::Reset { nth: self.below(8) };
                return self.command(command);
            }
            _ => {
                let pause = Duration::from_micros(self.chance.below(260_000));
                return self.act(|script| script.wait(pause));
            }
        }
        self.deliver();
    }

    /// A request, plain or padded, or spread over CONTINUATION frames, which may then be late.
    fn request(&mut self) {
        let stream = self.next_stream;
        self.next_stream += 2;
        let end = if self.chance.below(2) == 0 { flags::END_STREAM } else { 0 };
        let long = "x".repeat(self.below(60) * self.below(60));
        let request: &[(&str, &str)] = match self.chance.below(12) {
            0 => &CONNECT,
            1 => &EXTENDED_CONNECT,
            _ => &REQUEST,
        };
        let list = [request, &[("x", long.as_str())]].concat();
        let block = self.peer.block(&list);
        match self.chance.below(4) {
            0 => {
                let padded = [&[3][..], &block, &[0; 3]].concat();
                self.peer.frame(
                    FrameType::Headers,
                    flags::END_HEADERS | flags::PADDED | end,
                    stream,
                    &padded,
                );
            }
            1 => {
                let (first, second) = block.split_at(block.len() / 2);
                self.peer.frame(FrameType::Headers, end, stream, first);
                if self.chance.below(4) == 0 {
                    self.deliver();
                    let pause = Duration::from_millis(self.chance.below(400));
                    self.act(|script| script.wait(pause));
                }
                self.peer.frame(FrameType::Continuation, flags::END_HEADERS, stream, second);
            }
            _ => _ = self.peer.frame(FrameType::Headers, flags::END_HEADERS | end, stream, &block),
        }
    }

    fn data(&mut self) {
        let stream = self.some_stream();
        let content = alloc::vec![7; self.below(70) * self.below(70)];
        let end = if self.chance.below(3) == 0 { flags::END_STREAM } else { 0 };
        if self.chance.below(3) == 0 {
            let padded = [&[2][..], &content, &[0; 2]].concat();
            self.peer.frame(FrameType::Data, flags::PADDED | end, stream, &padded);
        } else {
            self.peer.frame(FrameType::Data, end, stream, &content);
        }
    }

    /// More of one thing than anyone needs.
    fn flood(&mut self) {
        let kind = self.chance.below(4);
        for _ in 0..1_000 {
            match kind {
                0 => _ = self.peer.ping(*b"flooding"),
                1 => _ = self.peer.settings(&[]),
                2 => _ = self.peer.data(1, b"", false),
                _ => {
                    self.peer.headers(self.next_stream, &REQUEST, true).reset(self.next_stream, 8);
                    self.next_stream += 2;
                }
            }
        }
    }

    /// Time for every timer, or the end of the transport.
    fn leave(self) -> Script<Command> {
        let World { mut chance, script, .. } = self;
        match chance.below(3) {
            0 => script.eof(),
            1 => script,
            _ => script.wait(Duration::from_millis(1_500)),
        }
    }
}
