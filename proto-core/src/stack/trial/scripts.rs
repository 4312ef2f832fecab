//! Random scripts for gRPC sessions on trial: calls of every shape, right and wrong, with messages cut anywhere.

use crate::base::Entropy;
use crate::base::laws::Script;
use crate::http2::Role;
use crate::http2::trial::peer::Peer;
use crate::rpc::grpc_web::{text, trailer_frame};
use crate::stack::trial::Command;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// A client's bytes, and what the server is told to do.
pub(super) fn for_server(seed: u64, web: bool) -> Script<Command> {
    let mut world = World { web, ..World::new(Role::Client, seed) };
    world.peer.preface();
    world.greet();
    world.request();
    for _ in 0..6 + world.chance.below(24) {
        match world.chance.below(10) {
            0..=1 => world.request(),
            2..=4 => world.messages(),
            5..=6 => {
                let (nth, messages) = (world.below(8), world.below(20) as u32);
                world.command(Command::Answer { nth, messages });
            }
            _ => world.step_of_either(),
        }
    }
    world.leave()
}

/// A server's bytes, and what the client is told to do.
pub(super) fn for_client(seed: u64, web: bool) -> Script<Command> {
    let mut world = World { web, ..World::new(Role::Server, seed) };
    world.greet();
    world.start();
    for _ in 0..6 + world.chance.below(24) {
        match world.chance.below(10) {
            0..=1 => world.start(),
            2..=3 => world.response(),
            4..=5 => world.messages(),
            6 => world.trailers(),
            _ => world.step_of_either(),
        }
    }
    world.leave()
}

/// Content types of gRPC-Web, and one of gRPC, which stands beside it on HTTP/2.
const WEB_KINDS: [&str; 3] =
    ["application/grpc-web+proto", "application/grpc-web-text+proto", "application/grpc"];

struct World {
    /// Whose bytes these are.
    role: Role,
    chance: Entropy,
    peer: Peer,
    script: Script<Command>,
    /// Calls so far: their streams are the odd numbers below it.
    next_stream: u32,
    /// Streams on which a server has said its last word.
    ended: Vec<u32>,
    /// Calls are of gRPC-Web.
    web: bool,
    /// Streams whose content is base64.
    texts: Vec<u32>,
}

impl World {
    fn new(role: Role, seed: u64) -> World {
        World {
            role,
            chance: Entropy::from_seed(seed),
            peer: Peer::new(),
            script: Script::new(),
            next_stream: 1,
            ended: Vec::new(),
            web: false,
            texts: Vec::new(),
        }
    }

    fn below(&mut self, bound: u64) -> usize {
        self.chance.below(bound) as usize
    }

    fn greet(&mut self) {
        let window = 2_000 + self.chance.below(60_000) as u32;
        self.peer.settings(&[(4, window)]).settings_ack();
        self.deliver();
    }

    fn deliver(&mut self) {
        let bytes = self.peer.take();
        self.script = core::mem::take(&mut self.script).input(bytes);
    }

    fn command(&mut self, command: Command) {
        self.script = core::mem::take(&mut self.script).command(command);
    }

    fn wait(&mut self, micros_max: u64) {
        let pause = Duration::from_micros(self.chance.below(micros_max));
        self.script = core::mem::take(&mut self.script).wait(pause);
    }

    /// A stream on which something may still be said; a new one if there is none.
    fn some_stream(&mut self) -> u32 {
        let open: Vec<u32> =
            (1..self.next_stream).step_by(2).filter(|stream| !self.ended.contains(stream)).collect();
        if open.is_empty() {
            self.start();
            return self.next_stream - 2;
        }
        open[self.below(open.len() as u64)]
    }

    fn request(&mut self) {
        let stream = self.next_stream;
        self.next_stream += 2;
        let kinds =
            if self.web { WEB_KINDS } else { ["application/grpc", "application/grpc+proto", "text/html"] };
        let content_type = kinds[self.below(9) / 4];
        self.note_form(stream, content_type);
        let timeout = ["100m", "1S", "40m", "0n", "x"][self.below(5)];
        let mut list = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/trial.Service/Method"),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", content_type),
        ];
        if self.chance.below(3) == 0 {
            list.push(("grpc-timeout", timeout));
        }
        if self.chance.below(4) == 0 {
            list.push(("key-bin", "AAEC"));
        }
        if self.chance.below(6) == 0 {
            list.push(("grpc-encoding", ["identity", "gzip", "unheard-of"][self.below(3)]));
        }
        let end = self.chance.below(12) == 0;
        self.peer.headers(stream, &list, end);
        self.deliver();
    }

    fn response(&mut self) {
        let stream = self.some_stream();
        let status = ["200", "200", "200", "404"][self.below(4)];
        let kinds = if self.web { WEB_KINDS } else { ["application/grpc", "application/grpc", "text/plain"] };
        let content_type = kinds[self.below(3)];
        self.note_form(stream, content_type);
        self.peer.headers(stream, &[(":status", status), ("content-type", content_type)], false);
        self.deliver();
    }

    fn trailers(&mut self) {
        let stream = self.some_stream();
        self.ended.push(stream);
        let code = ["0", "0", "5", "99", "x"][self.below(5)];
        let list = [("grpc-status", code), ("grpc-message", "it%20is%20so"), ("key-bin", "AAEC")];
        let count = 1 + self.below(3);
        if self.web && self.chance.below(4) > 0 {
            let lines: Vec<u8> = list[..count]
                .iter()
                .flat_map(|(name, value)| [name, ": ", value, "\r\n"].concat().into_bytes())
                .collect();
            let frame = [&trailer_frame::prefix(lines.len())[..], &lines].concat();
            let content = self.in_form(stream, &frame);
            self.peer.data(stream, &content, true);
        } else if self.chance.below(4) == 0 {
            let head = [(":status", "200"), ("content-type", "application/grpc")];
            self.peer.headers(stream, &[&head[..], &list[..count]].concat(), true);
        } else {
            self.peer.headers(stream, &list[..count], true);
        }
        self.deliver();
    }

    /// A few messages, some too large or flagged as compressed, in DATA frames that care for no boundary.
    fn messages(&mut self) {
        let stream = self.some_stream();
        let mut content = Vec::new();
        for _ in 0..1 + self.chance.below(4) {
            let len = match self.chance.below(24) {
                0 => 6_000,
                1 => 4_000,
                _ => self.below(300),
            };
            let flag = u8::from(self.chance.below(24) == 0);
            content.push(flag);
            content.extend((len as u32).to_be_bytes());
            content.resize(content.len() + len, 7);
        }
        let content = self.in_form(stream, &content);
        let frames = 1 + self.below(4);
        let per_frame = content.len().div_ceil(frames);
        let is_end = self.chance.below(3) == 0;
        let mut parts = content.chunks(per_frame).peekable();
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            self.peer.data(stream, part, is_last && is_end);
        }
        if is_end && self.role == Role::Server {
            self.ended.push(stream);
        }
        self.deliver();
    }

    fn note_form(&mut self, stream: u32, content_type: &str) {
        if content_type.contains("-text") {
            self.texts.push(stream);
        }
    }

    /// Content as the stream has it.
    fn in_form(&self, stream: u32, content: &[u8]) -> Vec<u8> {
        if self.texts.contains(&stream) { text::encode(&[], content).to_vec() } else { content.to_vec() }
    }

    fn start(&mut self) {
        self.next_stream += 2;
        let messages = self.below(20) as u32;
        let timeout = (self.chance.below(3) == 0).then(|| Duration::from_micros(self.chance.below(300_000)));
        self.command(Command::Start { messages, timeout });
    }

    fn step_of_either(&mut self) {
        let stream = self.some_stream();
        match self.chance.below(12) {
            0..=1 => {
                let increment = 1 + self.chance.below(30_000) as u32;
                self.peer.window_update(stream, increment).window_update(0, increment);
            }
            2 => {
                let code = self.chance.below(14) as u32;
                self.peer.reset(stream, code);
                if self.role == Role::Server {
                    self.ended.push(stream);
                }
            }
            3 => _ = self.peer.ping(*b"are you?"),
            4 if self.chance.below(4) == 0 => _ = self.peer.goaway(stream, 0),
            5 => {
                let nth = self.below(8);
                return self.command(Command::GiveUp { nth });
            }
            6 if self.chance.below(4) == 0 => return self.command(Command::Drain(Duration::from_millis(90))),
            6 if self.chance.below(4) == 0 => return self.command(Command::Close),
            _ => return self.wait(120_000),
        }
        self.deliver();
    }

    fn leave(mut self) -> Script<Command> {
        match self.chance.below(3) {
            0 => self.script.eof(),
            1 => self.script,
            _ => {
                self.wait(2_000_000);
                self.script
            }
        }
    }
}
