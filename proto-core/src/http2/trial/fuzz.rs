//! Fuzz targets of connections: what the fuzzer writes is read as a script of frames, pauses and commands, and the
//! script is held to all laws.
//!
//! ```text
//! step = kind (8)  flags (8)  stream (8)  length (8)  payload (length)
//! ```
//!
//! Kinds up to 0x0b are frames of that type, with lengths that fit; 0xf0 is a header list that a decoder takes, 0xf1 a
//! pause, 0xf2 a command, 0xf3 the end of the input; any other kind is bytes as they are.

use crate::base::laws::{self, Script, Subject};
use crate::http2::frame::{FrameType, flags};
use crate::http2::trial::peer::{Peer, REQUEST, RESPONSE};
use crate::http2::trial::{ClientTrial, Command, ServerTrial};
use core::time::Duration;

/// A server keeps all laws whatever its client sends.
pub fn server(input: &[u8]) {
    let mut peer = Peer::new();
    peer.preface().settings(&[]).settings_ack();
    check::<ServerTrial>(peer, Script::new(), input, &REQUEST);
}

/// A client keeps all laws whatever its server sends.
pub fn client(input: &[u8]) {
    let mut peer = Peer::new();
    peer.settings(&[]).settings_ack();
    let script =
        Script::new().command(Command::Open { content: 3_000 }).command(Command::Open { content: 0 });
    check::<ClientTrial>(peer, script, input, &RESPONSE);
}

fn check<S: Subject<Command = Command>>(
    mut peer: Peer,
    mut script: Script<Command>,
    input: &[u8],
    list: &[(&str, &str)],
) {
    script = script.input(peer.take());
    let mut rest = input;
    while let [kind, flags, stream, len, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        let stream = u32::from(*stream);
        script = match kind {
            0x00..=0x0b => {
                peer.frame(FrameType::from_u8(*kind), *flags, stream, payload);
                script.input(peer.take())
            }
            0xf0 => {
                peer.headers(stream, list, flags & flags::END_STREAM != 0);
                script.input(peer.take())
            }
            0xf1 => script.wait(Duration::from_millis(4 * u64::from(*flags))),
            0xf2 => script.command(command(*flags, usize::from(*len))),
            0xf3 => script.eof(),
            _ => script.input(payload.to_vec()),
        };
    }
    let seed = input.len() as u64;
    if let Err(broken) = laws::try_script::<S>(seed, script) {
        panic!("{broken}");
    }
}

fn command(which: u8, size: usize) -> Command {
    match which % 6 {
        0 => Command::Open { content: size * size },
        1 => Command::Answer { nth: size, content: size * size },
        2 => Command::Reset { nth: size },
        3 => Command::Ping,
        4 => Command::Drain(Duration::from_millis(size as u64)),
        _ => Command::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    #[test]
    fn any_frames_keep_the_laws() {
        for seed in 0..150 {
            let mut chance = Entropy::from_seed(seed);
            let mut input = Vec::new();
            for _ in 0..chance.below(20) {
                let kind = [chance.below(12), 0xf0 + chance.below(4)][chance.below(2) as usize] as u8;
                let len = chance.below(12) as u8;
                input.extend([kind, chance.next_u64() as u8, chance.below(6) as u8, len]);
                input.extend((0..len).map(|_| chance.next_u64() as u8));
            }
            server(&input);
            client(&input);
        }
    }
}
