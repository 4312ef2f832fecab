//! Random scripts for native sessions on trial: calls of every shape, right and wrong, with messages in any parts.

use crate::base::Entropy;
use crate::base::laws::Script;
use crate::native::Role;
use crate::native::trial::Command;
use crate::native::trial::peer::{self, COMPRESSED, END, HEAD, MESSAGE, Peer, entries, name, numbers};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// A client's bytes, and what the server is told to do.
pub(crate) fn for_server(seed: u64) -> Script<Command> {
    let mut world = World::new(Role::Client, seed);
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
pub(crate) fn for_client(seed: u64) -> Script<Command> {
    let mut world = World::new(Role::Server, seed);
    world.peer.answer();
    world.greet();
    world.start();
    for _ in 0..6 + world.chance.below(24) {
        match world.chance.below(10) {
            0..=1 => world.start(),
            2 => world.response(),
            3..=5 => world.messages(),
            6 => world.status(),
            _ => world.step_of_either(),
        }
    }
    world.leave()
}

struct World {
    /// Whose bytes these are.
    role: Role,
    chance: Entropy,
    peer: Peer,
    script: Script<Command>,
    /// Calls so far.
    calls: u64,
    /// Names that were interned.
    names: u64,
    ended: Vec<u64>,
}

impl World {
    fn new(role: Role, seed: u64) -> World {
        World {
            role,
            chance: Entropy::from_seed(seed),
            peer: Peer::new(),
            script: Script::new(),
            calls: 0,
            names: 0,
            ended: Vec::new(),
        }
    }

    fn below(&mut self, bound: u64) -> usize {
        self.chance.below(bound) as usize
    }

    fn greet(&mut self) {
        let credit = 2_000 + self.chance.below(60_000);
        let mut settings = vec![(2, credit), (8, self.chance.below(8))];
        if self.role == Role::Server {
            settings.push((0, 1 + self.chance.below(60)));
        }
        self.peer.hello(&settings);
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

    /// A call on which something may still be said; a new one if there is none.
    fn some_call(&mut self) -> u64 {
        let open: Vec<u64> = (1..=self.calls).filter(|call| !self.ended.contains(call)).collect();
        if open.is_empty() {
            self.start();
            return self.calls;
        }
        open[self.below(open.len() as u64)]
    }

    fn name(&mut self, text: &str, out: &mut Vec<u8>) {
        match self.chance.below(4) {
            0 => name(text, out),
            1 if self.names < 8 => {
                self.names += 1;
                out.extend(numbers([(text.len() as u64) << 2 | 1]));
                out.extend_from_slice(text.as_bytes());
            }
            _ if self.names > 0 => {
                let number = self.chance.below(self.names);
                out.extend(numbers([number << 2 | 2]));
            }
            _ => name(text, out),
        }
    }

    fn request(&mut self) {
        self.calls += 1;
        let mut bits = 0;
        let mut sections = Vec::new();
        self.name("/trial.Service/Method", &mut sections);
        if self.chance.below(3) == 0 {
            bits |= 1;
            let micros = [100_000, 1_000_000, 40_000, 0][self.below(4)];
            sections.extend(numbers([micros]));
        }
        if self.chance.below(6) == 0 {
            bits |= 4;
            sections.push(self.below(5) as u8);
        }
        if self.chance.below(4) == 0 {
            bits |= 8;
            sections.push(self.below(16) as u8);
        }
        if self.chance.below(4) == 0 {
            bits |= 2;
            let size = [3, 30, 3_000][self.below(3)];
            let value = "v".repeat(size);
            entries(&[("key-bin", "AAEC"), ("key", &value)], &mut sections);
        }
        sections.insert(0, bits);
        let mut flags = HEAD;
        if self.chance.below(3) == 0 {
            flags |= MESSAGE;
            let len = self.below(300);
            sections.extend(vec![9; len]);
        }
        if self.chance.below(6) == 0 {
            flags |= END;
            self.ended.push(self.calls);
        }
        self.peer.call(flags, self.calls, &sections);
        self.deliver();
    }

    fn response(&mut self) {
        let call = self.some_call();
        let head = peer::head_with(None, &[("key", "value")]);
        self.peer.call(HEAD, call, &head);
        self.deliver();
    }

    fn status(&mut self) {
        let call = self.some_call();
        self.ended.push(call);
        let code = [0, 0, 5, 31][self.below(4)];
        let mut sections = vec![code];
        if self.chance.below(2) == 0 {
            sections[0] |= 0xa0;
            sections.extend(numbers([5]));
            sections.extend_from_slice(b"it is");
            self.chance.next_u64();
            let mut key = Vec::new();
            self.name("key-bin", &mut key);
            sections.push(1);
            sections.extend(key);
            sections.extend_from_slice(b"\x04AAEC");
        }
        let flags = if self.chance.below(3) == 0 { MESSAGE } else { 0 };
        if flags == MESSAGE {
            sections.extend_from_slice(b"the last message");
        }
        self.peer.call(END | flags, call, &sections);
        self.deliver();
    }

    /// A few messages, some too large or flagged as compressed, in parts that care for no boundary.
    fn messages(&mut self) {
        let call = self.some_call();
        for _ in 0..1 + self.chance.below(4) {
            let len = match self.chance.below(24) {
                0 => 6_000,
                1 => 4_000,
                _ => self.below(300),
            };
            let content = vec![7; len];
            let parts = 1 + self.below(4);
            let flags = if self.chance.below(24) == 0 { COMPRESSED } else { 0 };
            if flags != 0 || parts == 1 || len < parts {
                self.peer.call(MESSAGE | flags, call, &content);
                continue;
            }
            let mut rest = len;
            for part in content.chunks(len.div_ceil(parts)) {
                rest -= part.len();
                if rest > 0 {
                    self.peer.part(call, rest as u64, part);
                } else {
                    self.peer.call(MESSAGE, call, part);
                }
            }
        }
        if self.role == Role::Client && self.chance.below(3) == 0 {
            self.peer.call(END, call, &[]);
            self.ended.push(call);
        }
        self.deliver();
    }

    fn start(&mut self) {
        self.calls += 1;
        let messages = self.below(20) as u32;
        if self.role == Role::Client {
            self.peer.open(self.calls).message(self.calls, b"first", false).credit(self.calls, 1_000);
            return;
        }
        let timeout = (self.chance.below(3) == 0).then(|| Duration::from_micros(self.chance.below(300_000)));
        let urgency = (self.chance.below(3) == 0).then(|| self.below(8) as u8);
        self.command(Command::Start { messages, timeout, urgency });
    }

    fn step_of_either(&mut self) {
        let call = self.some_call();
        match self.chance.below(14) {
            0..=1 => _ = self.peer.credit(call, 1 + self.chance.below(30_000)),
            2 => {
                let code = self.chance.below(14);
                self.peer.reset(call, code);
                self.ended.push(call);
            }
            3 => _ = self.peer.ping(*b"are you?"),
            4 if self.chance.below(4) == 0 => _ = self.peer.goaway(call, 0),
            5 => {
                let nth = self.below(8);
                return self.command(Command::GiveUp { nth });
            }
            6 if self.chance.below(4) == 0 => return self.command(Command::Drain(Duration::from_millis(90))),
            6 if self.chance.below(4) == 0 => return self.command(Command::Close),
            7 => _ = self.peer.frame(0x40 + self.chance.below(64) as u8, b"whatever"),
            8 if self.role == Role::Client => {
                _ = self.peer.frame(0x04, &[&numbers([call])[..], &[self.chance.below(16) as u8]].concat());
            }
            9 => {
                let nth = self.below(8);
                return self.command(Command::Urge { nth, urgency: (nth % 8) as u8 });
            }
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
