//! Random scripts of texts, as consoles and browsers send them: calls of every shape, right and wrong.

use crate::base::Entropy;
use crate::base::laws::Script;
use crate::stack::trial::Command;
use crate::stack::trial::console::{Json, client_config, native_websocket};
use crate::websocket::trial::peer::Peer;
use crate::websocket::trial::scripts::accept_for;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

pub(super) const SUBPROTOCOL: &str = "Sec-WebSocket-Protocol: zrpc.v1+json\r\n";

/// A client's texts, and what the server is told to do.
pub(super) fn for_server(seed: u64) -> Script<Command> {
    let mut world = World::new(true, seed);
    let lines = if world.below(40) == 0 { "Sec-WebSocket-Protocol: mcp\r\n" } else { SUBPROTOCOL };
    world.peer.request("/", lines);
    world.greet();
    for _ in 0..6 + world.below(24) {
        match world.below(10) {
            0..=2 => world.open(),
            3..=4 => world.message(),
            5..=6 => {
                let (nth, messages) = (world.below(8) as usize, world.below(12) as u32);
                world.command(Command::Answer { nth, messages });
            }
            _ => world.step_of_either(),
        }
    }
    world.leave()
}

/// A server's texts, and what the client is told to do.
pub(super) fn for_client(seed: u64) -> Script<Command> {
    let mut world = World::new(false, seed);
    world.start();
    let accept = accept_for(&client_config::<Json>(seed).request, &native_websocket());
    world.peer.response(&accept, SUBPROTOCOL);
    world.greet();
    for _ in 0..6 + world.below(24) {
        match world.below(10) {
            0..=1 => world.start(),
            2..=4 => world.message(),
            5..=6 => world.status(),
            _ => world.step_of_either(),
        }
    }
    world.leave()
}

struct World {
    is_client: bool,
    chance: Entropy,
    peer: Peer,
    script: Script<Command>,
    /// Calls so far.
    calls: u64,
}

impl World {
    fn new(is_client: bool, seed: u64) -> World {
        World {
            is_client,
            chance: Entropy::from_seed(seed),
            peer: Peer::new(is_client),
            script: Script::new(),
            calls: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    fn deliver(&mut self) {
        let bytes = self.peer.take();
        self.script = core::mem::take(&mut self.script).input(bytes);
    }

    fn command(&mut self, command: Command) {
        self.script = core::mem::take(&mut self.script).command(command);
    }

    fn say(&mut self, text: &str) {
        if self.below(12) == 0 {
            // In two fragments.
            let (first, second) = text.as_bytes().split_at(text.len() / 2);
            self.peer.frame(0x01, first).frame(0x80, second);
        } else {
            self.peer.text(text);
        }
        if self.below(3) > 0 {
            self.deliver();
        }
    }

    fn greet(&mut self) {
        let credit = 1_024 + self.below(40_000);
        if self.is_client && self.below(4) == 0 {
            return self.deliver();
        }
        self.say(&format!(r#"{{"hello":{{"version":1,"max_calls":6,"initial_credit":{credit}}}}}"#));
        self.deliver();
    }

    fn some_call(&mut self) -> u64 {
        1 + self.below(self.calls.max(1))
    }

    fn some_message(&mut self) -> String {
        let length = [0, 3, 40, 90, 300, 300, 900, 4_000][self.below(8) as usize];
        let text = "QUJD".repeat(length / 3);
        match self.below(12) {
            0 => r#""message":{"text":1}"#.into(),
            1..=3 => format!(r#""data":"{text}""#),
            4 => format!(r#""message":{{"bytes":"{text}"}},"size":{length}"#),
            _ => format!(r#""message":{{"bytes":"{text}"}}"#),
        }
    }

    fn open(&mut self) {
        self.calls += 1;
        let call = self.calls;
        let head = match self.below(8) {
            0 => r#"{"path":"/trial.Service/Method","timeout_us":40000}"#,
            1 => {
                r#"{"path":"/trial.Service/Method","metadata":{"a":["1","2"],"b":"3"},"priority":{"urgency":1}}"#
            }
            2 => r#"{"path":"/trial.Service/Method","timeout_us":0}"#,
            _ => r#"{"path":"/trial.Service/Method"}"#,
        };
        let message = if self.below(2) == 0 { format!(",{}", self.some_message()) } else { String::new() };
        let end = if self.below(3) == 0 { r#","end":true"# } else { "" };
        self.say(&format!(r#"{{"call":{call},"head":{head}{message}{end}}}"#));
    }

    fn message(&mut self) {
        let call = self.some_call();
        let message = self.some_message();
        let head = if !self.is_client && self.below(4) == 0 { r#""head":{},"# } else { "" };
        let text = format!(r#"{{"call":{call},{head}{message}}}"#);
        if self.below(4) == 0 {
            let more = self.some_message();
            self.say(&format!(r#"[{text}, {{"call":{call},{more}}}]"#));
        } else {
            self.say(&text);
        }
    }

    fn status(&mut self) {
        let call = self.some_call();
        let status = [
            r#"{"code":0}"#,
            r#"{"code":5,"message":"gone"}"#,
            r#"{"code":0,"metadata":{"k":["v"]}}"#,
            r#"{"code":3,"details":"AA=="}"#,
        ][self.below(4) as usize];
        self.say(&format!(r#"{{"call":{call},"end":{status}}}"#));
    }

    fn start(&mut self) {
        self.calls += 1;
        let timeout = (self.below(4) == 0).then_some(Duration::from_millis(70));
        let messages = self.below(6) as u32;
        self.command(Command::Start { messages, timeout });
    }

    fn step_of_either(&mut self) {
        let call = self.some_call();
        match self.below(14) {
            0 if self.is_client => self.say(&format!(r#"{{"call":{call},"end":true}}"#)),
            0 | 1 => self.say(&format!(r#"{{"reset":{{"call":{call},"code":6,"text":"x"}}}}"#)),
            2 => self.say(&format!(r#"{{"credit":{{"call":{call},"amount":9000}}}}"#)),
            3 => self.say(r#"{"ping":"00000000000000ff"}"#),
            4 => _ = self.peer.frame(0x89, b"there?"),
            5 if self.below(6) == 0 => self.say(&format!(r#"{{"goaway":{{"last":{call},"code":0}}}}"#)),
            6 if self.below(6) == 0 => self.say(r#"{"call":1"#),
            7 if self.below(6) == 0 => _ = self.peer.frame(0x82, b"{}"),
            8 if self.below(6) == 0 => _ = self.peer.close(1000, "done"),
            9 => return self.command(Command::GiveUp { nth: call as usize }),
            10 if self.below(5) == 0 => return self.command(Command::Drain(Duration::from_millis(90))),
            11 if self.below(5) == 0 => return self.command(Command::Close),
            _ => {
                let pause = Duration::from_micros(self.below(120_000));
                self.script = core::mem::take(&mut self.script).wait(pause);
                return;
            }
        }
        self.deliver();
    }

    fn leave(mut self) -> Script<Command> {
        self.deliver();
        match self.below(3) {
            0 => self.script.eof(),
            1 => self.script,
            _ => self.script.wait(Duration::from_millis(1_500)),
        }
    }
}
