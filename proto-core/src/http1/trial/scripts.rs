//! Random scripts for a connection on trial: mostly what peers do, now and then what they must not, and floods.

use crate::base::Entropy;
use crate::base::laws::Script;
use crate::http1::trial::{Command, content};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// A client's bytes, and what the server is told to do.
pub(super) fn for_server(seed: u64) -> Script<Command> {
    let mut world = World { chance: Entropy::from_seed(seed), script: Script::new() };
    for _ in 0..2 + world.chance.below(9) {
        world.request();
        world.pause();
        world.answer();
    }
    world.leave()
}

/// A server's bytes, and what the client is told to do.
pub(super) fn for_client(seed: u64) -> Script<Command> {
    let mut world = World { chance: Entropy::from_seed(seed), script: Script::new() };
    for _ in 0..2 + world.chance.below(9) {
        let content = world.size();
        world.command(Command::Ask { content });
        world.pause();
        world.response();
    }
    world.leave()
}

struct World {
    chance: Entropy,
    script: Script<Command>,
}

impl World {
    fn below(&mut self, bound: u64) -> usize {
        self.chance.below(bound) as usize
    }

    fn size(&mut self) -> usize {
        let most = [1, 20, 300, 900, [2_000, 6_000][self.below(2)]][self.below(5)];
        self.below(most)
    }

    fn input(&mut self, bytes: impl AsRef<[u8]>) {
        let script = core::mem::take(&mut self.script);
        self.script = script.input(bytes.as_ref().to_vec());
    }

    fn command(&mut self, command: Command) {
        let script = core::mem::take(&mut self.script);
        self.script = script.command(command);
    }

    fn pause(&mut self) {
        let most = [1, 1, 1, 20, 70][self.below(5)];
        let wait = Duration::from_millis(self.chance.below(most));
        let script = core::mem::take(&mut self.script);
        self.script = script.wait(wait);
    }

    fn request(&mut self) {
        let mut fields = String::from("host: h\r\n");
        fields += [
            "",
            "x: y\r\n",
            "",
            "expect: 100-continue\r\n",
            ["expect: more\r\n", "connection: close\r\n", "x: z\r\n"][self.below(3)],
            "cookie: c\r\nx: \r\n",
        ][self.below(6)];
        let line = [
            "POST /a HTTP/1.1",
            "GET / HTTP/1.1",
            "HEAD / HTTP/1.1",
            "POST /a HTTP/1.0",
            "POST /a HTTP/1.1",
            "POST /a HTTP/1.1",
            "POST /a HTTP/1.1",
            "GET / HTTP/1.1",
            ["nonsense", "PRI * HTTP/2.0", "POST /a HTTP/1.1"][self.below(3)],
        ][self.below(9)];
        let kind = if self.below(2) == 0 { 2 } else { self.below(8) };
        self.message(line, &fields, kind);
        if self.below(6) == 0 {
            self.input("POST /pipelined HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc");
        }
    }

    fn response(&mut self) {
        for _ in 0..self.below(3) * self.below(3) {
            self.input("HTTP/1.1 103 Early Hints\r\nlink: l\r\n\r\n");
        }
        let line = [
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 204 No Content",
            "HTTP/1.0 200 OK",
            "HTTP/1.1 500",
            "HTTP/1.1 101 Switching Protocols",
        ][self.below(6)];
        let fields = ["", "connection: close\r\n", "x: y\r\n"][self.below(3)];
        let kind = self.below(8);
        self.message(line, fields, kind);
        if self.below(3) == 0 {
            self.command(Command::Consume);
        }
        if self.below(8) == 0 {
            self.command(Command::Reset);
        }
    }

    fn message(&mut self, line: &str, fields: &str, kind: usize) {
        let length = self.size();
        match kind {
            0 | 1 => self.input(format!("{line}\r\n{fields}\r\n")),
            2 | 3 => {
                self.input(format!("{line}\r\n{fields}content-length: {length}\r\n\r\n"));
                self.pause();
                self.input(content(length));
            }
            4..=6 => {
                self.input(format!("{line}\r\n{fields}transfer-encoding: chunked\r\n\r\n"));
                for _ in 0..self.below(5) {
                    self.pause();
                    self.chunk();
                }
                let end = ["0\r\n\r\n", "0\r\n\r\n", "0;x\r\nchecksum: 7\r\n\r\n", "0\r\nx : y\r\n\r\n", "!"]
                    [self.below(5)];
                self.input(end);
            }
            _ => self
                .input(format!("{line}\r\n{fields}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n")),
        }
    }

    fn chunk(&mut self) {
        // Half of the time many small ones.
        let (count, length) = if self.below(2) == 0 { (self.below(40), 1) } else { (1, 1 + self.size()) };
        let extension = ["", "", ";a=b", ";name=\"value\""][self.below(4)];
        let mut bytes = Vec::new();
        for _ in 0..count {
            bytes.extend_from_slice(format!("{length:X}{extension}\r\n").as_bytes());
            bytes.extend_from_slice(&content(length));
            bytes.extend_from_slice(b"\r\n");
        }
        self.input(bytes);
    }

    fn answer(&mut self) {
        let content = self.size();
        match self.below(12) {
            0 => self.command(Command::Reset),
            1 => self.command(Command::Drain(Duration::from_millis(content as u64 % 300))),
            2 => {}
            _ => self.command(Command::Answer { content }),
        }
        if self.below(3) == 0 {
            self.command(Command::Consume);
        }
    }

    fn leave(mut self) -> Script<Command> {
        self.pause();
        match self.below(4) {
            0 => self.command(Command::Drain(Duration::from_millis(50))),
            1 => self.command(Command::Close),
            _ => {}
        }
        let wait = Duration::from_millis(self.chance.below(120));
        self.script.wait(wait).eof().wait(Duration::from_millis(100))
    }
}
