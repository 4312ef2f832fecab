//! A fuzz target of gRPC servers: what the fuzzer writes is read as a script of requests, content, pauses and commands,
//! and the script is held to all laws.
//!
//! ```text
//! step = kind (8)  which (8)  length (8)  payload (length)
//! ```

use crate::base::laws::{self, Script};
use crate::http2::trial::peer::Peer;
use crate::stack::trial::{Command, GrpcServerTrial};
use alloc::string::String;
use core::time::Duration;

const HEAD: [(&str, &str); 6] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/trial.Service/Method"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
];

/// Names whose values the engine reads, for the fuzzer to choose from.
const NAMES: [&str; 8] = [
    "grpc-timeout",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-message-type",
    "key",
    "key-bin",
    "user-agent",
    "content-type",
];

/// A server keeps all laws whatever calls come.
pub fn server(input: &[u8]) {
    let mut peer = Peer::new();
    peer.preface().settings(&[]).settings_ack();
    let mut script = Script::new().input(peer.take());
    let mut next_stream = 1;
    let mut rest = input;
    while let [kind, which, len, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let stream = u32::from(*which);
        script = match kind % 8 {
            0 | 1 => {
                let value = String::from_utf8_lossy(payload);
                let extra = [(NAMES[usize::from(*which) % NAMES.len()], &*value)];
                peer.headers(next_stream, &[&HEAD[..], &extra].concat(), false);
                next_stream += 2;
                script.input(peer.take())
            }
            2..=4 => {
                peer.data(stream, payload, kind % 8 == 4);
                script.input(peer.take())
            }
            5 => script.wait(Duration::from_millis(u64::from(*len))),
            6 => {
                peer.reset(stream, u32::from(*len));
                script.input(peer.take())
            }
            _ => script.command(command(*which, usize::from(*len))),
        };
    }
    if let Err(broken) = laws::try_script::<GrpcServerTrial>(input.len() as u64, script) {
        panic!("{broken}");
    }
}

fn command(which: u8, size: usize) -> Command {
    match which % 4 {
        0 | 1 => Command::Answer { nth: size, messages: size as u32 },
        2 => Command::GiveUp { nth: size },
        _ => Command::Drain(Duration::from_millis(size as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    #[test]
    fn any_calls_keep_the_laws() {
        for seed in 0..150 {
            let mut chance = Entropy::from_seed(seed);
            let mut input = Vec::new();
            for _ in 0..chance.below(25) {
                let len = chance.below(12) as u8;
                input.extend([chance.next_u64() as u8, chance.below(8) as u8, len]);
                input.extend((0..len).map(|_| [0, 0, 0, 0, 0, 1, 5][chance.below(7) as usize]));
            }
            server(&input);
        }
    }
}
