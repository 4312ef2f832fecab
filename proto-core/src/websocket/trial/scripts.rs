//! Random scripts for a connection on trial: mostly what peers do, now and then what they must not, and floods.

use crate::base::laws::Script;
use crate::base::{Entropy, Secret};
use crate::websocket::handshake::client::ask;
use crate::websocket::trial::peer::Peer;
use crate::websocket::trial::{Command, SECRET, config, request};
use crate::websocket::{Config, Deflate, Kind, Request, Role};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// What the peer of a connection in this role sends, and what its owner is told to do.
pub(super) fn of(role: Role, seed: u64) -> Script<Command> {
    let mut world = World::new(role, seed);
    world.open(seed);
    for _ in 0..4 + world.chance.below(16) {
        world.step();
    }
    world.leave()
}

/// A response or a request that opens the connection of this seed.
pub(super) fn opening(role: Role, seed: u64, peer: &mut Peer) {
    let config = config(seed);
    let mut lines = String::new();
    if !config.policy.subprotocols.is_empty() {
        lines.push_str("Sec-WebSocket-Protocol: chat\r\n");
    }
    match role {
        Role::Server => {
            lines.push_str("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
            peer.request("/chat?room=1", &lines);
        }
        Role::Client => {
            if cfg!(feature = "deflate") && config.deflate.is_some() {
                let chosen = "permessage-deflate; server_no_context_takeover";
                lines.push_str(&alloc::format!("Sec-WebSocket-Extensions: {chosen}\r\n"));
            }
            let accept = accept_of(seed);
            peer.response(&accept, &lines);
        }
    }
}

/// What a client of this seed wants to read.
fn accept_of(seed: u64) -> String {
    accept_for(&request(seed), &config(seed))
}

/// What a client with this request, and with [`SECRET`], wants to read.
pub(crate) fn accept_for(request: &Request, config: &Config) -> String {
    let asked = ask(request, config, &mut Secret::from_seed(SECRET));
    asked.map(|(_, asked)| asked.accept().into()).unwrap_or_default()
}

struct World {
    chance: Entropy,
    peer: Peer,
    script: Script<Command>,
    deflate: Option<Deflate>,
    role: Role,
}

impl World {
    fn new(role: Role, seed: u64) -> World {
        World {
            chance: Entropy::from_seed(seed),
            peer: Peer::new(role == Role::Server),
            script: Script::new(),
            deflate: config(seed).deflate,
            role,
        }
    }

    fn below(&mut self, bound: u64) -> usize {
        self.chance.below(bound) as usize
    }

    fn act(&mut self, act: impl FnOnce(Script<Command>) -> Script<Command>) {
        self.script = act(core::mem::take(&mut self.script));
    }

    fn deliver(&mut self) {
        let bytes = self.peer.take();
        self.act(|script| script.input(bytes));
    }

    fn open(&mut self, seed: u64) {
        if self.chance.below(20) == 0 {
            self.act(|script| script.wait(Duration::from_millis(950)));
        }
        let role = self.role;
        opening(role, seed, &mut self.peer);
        self.deliver();
    }

    fn payload(&mut self) -> Vec<u8> {
        let size = [0, 1, 5, 125, 126, 700, 5_000][self.below(7)];
        let letters = self.below(2) == 0;
        (0..size)
            .map(|at| if letters { b'a' + (at % 26) as u8 } else { self.chance.next_u64() as u8 & 0x7f })
            .collect()
    }

    /// One thing happens.
    fn step(&mut self) {
        match self.chance.below(24) {
            0..=4 => {
                let payload = self.payload();
                let first = 0x81 + self.below(2) as u8;
                self.peer.frame(first, &payload);
                self.deliver();
            }
            5 | 6 => self.fragments(),
            7 => self.compressed(),
            8 | 9 => {
                self.peer.frame(0x89, b"ping");
                self.deliver();
            }
            10 => {
                let payload: &[u8] = [&b"anybody there?"[..], b"heartbeat", b""][self.below(3)];
                self.peer.frame(0x8a, payload);
                self.deliver();
            }
            11..=14 => {
                let kind = if self.below(2) == 0 { Kind::Text } else { Kind::Binary };
                let bytes = [0, 3, 130, 700, 6_000, 12_000][self.below(6)];
                self.act(|script| script.command(Command::Send { kind, bytes }));
            }
            15 => self.act(|script| script.command(Command::Ping)),
            16 | 17 => self.act(|script| script.command(Command::Consume)),
            18 | 19 => {
                let pause = [1, 30, 90, 170, 260, 450][self.below(6)];
                self.act(|script| script.wait(Duration::from_millis(pause)));
            }
            20 => self.odd(),
            21 => self.flood(),
            22 if self.below(4) == 0 => self.act(|script| script.command(Command::Close)),
            23 if self.below(8) == 0 => {
                let bytes = 70_000;
                self.act(|script| script.command(Command::Send { kind: Kind::Binary, bytes }));
            }
            _ => {
                self.peer.text("héllo wörld €");
                self.deliver();
            }
        }
    }

    /// A message in fragments, with pings between.
    fn fragments(&mut self) {
        let first = 0x01 + self.below(2) as u8;
        self.peer.frame(first, "€".as_bytes());
        for _ in 0..self.below(5) {
            let payload = self.payload();
            self.peer.frame(0x00, &payload);
            if self.below(3) == 0 {
                self.peer.frame(0x89, b"between");
            }
            if self.below(2) == 0 {
                self.deliver();
            }
        }
        if self.below(8) != 0 {
            self.peer.frame(0x80, b"end");
        }
        self.deliver();
    }

    /// `Hello`, compressed, in one frame or two; a violation where it was not agreed on.
    fn compressed(&mut self) {
        if self.deflate.is_none() && self.below(4) != 0 {
            return;
        }
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        match self.below(3) {
            0 => self.peer.frame(0xc1, &hello),
            1 => self.peer.frame(0x41, &hello[..3]).frame(0x80, &hello[3..]),
            _ => self.peer.frame(0xc2, &[0]),
        };
        self.deliver();
    }

    /// What no peer may send.
    fn odd(&mut self) {
        match self.below(10) {
            0 => self.peer.frame(0x83, b""),
            1 => self.peer.frame(0x91, b""),
            2 => self.peer.frame(0x80, b"stray"),
            3 => self.peer.frame(0x81, &[0xff]),
            4 => self.peer.frame(0x09, b""),
            5 => self.peer.close(1006, ""),
            6 => self.peer.frame(0x88, &[3]),
            7 => self.peer.raw(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]),
            8 => self.peer.raw(&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
            _ => self.peer.frame_masked(0x81, b"hello", false).frame_masked(0x81, b"hello", true),
        };
        self.deliver();
    }

    fn flood(&mut self) {
        for _ in 0..self.below(40) {
            self.peer.frame(0x89, b"flood");
        }
        self.peer.frame(0x02, b"x");
        for _ in 0..self.below(200) {
            self.peer.frame(0x00, b"x");
        }
        self.peer.frame(0x80, b"x");
        self.deliver();
    }

    fn leave(mut self) -> Script<Command> {
        match self.below(4) {
            0 => self.act(|script| script.command(Command::Close)),
            1 => self.act(Script::eof),
            _ => {}
        }
        self.peer.close(1000, "bye").frame(0x89, b"after the end");
        self.deliver();
        self.script.wait(Duration::from_millis(700))
    }
}
