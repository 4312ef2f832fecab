//! Fuzz targets of sessions in JSON: what the fuzzer writes is read as a script of texts, pauses and commands, and the
//! script is held to all laws.
//!
//! ```text
//! step = kind (8)  which (8)  length (8)  payload (length)
//! ```

use crate::base::laws::{self, Script, Subject};
use crate::stack::trial::Command;
use crate::stack::trial::console::{
    ConsoleClientTrial, ConsoleServerTrial, Json, client_config, native_websocket, scripts,
};
use crate::websocket::trial::peer::Peer;
use crate::websocket::trial::scripts::accept_for;
use core::time::Duration;

/// A server keeps all laws whatever texts come.
pub fn server(input: &[u8]) {
    let mut peer = Peer::new(true);
    peer.request("/", scripts::SUBPROTOCOL);
    hold::<ConsoleServerTrial>(input, peer, Script::new());
}

/// A client keeps all laws whatever texts come.
pub fn client(input: &[u8]) {
    // The seed of the session must be that of the script, which follows from the input.
    let config = client_config::<Json>(input.len() as u64);
    let mut peer = Peer::new(false);
    peer.response(&accept_for(&config.request, &native_websocket()), scripts::SUBPROTOCOL);
    let start = Script::new().command(Command::Start { messages: 3, timeout: None });
    hold::<ConsoleClientTrial>(input, peer, start);
}

fn hold<S: Subject<Command = Command>>(input: &[u8], mut peer: Peer, start: Script<Command>) {
    let mut script = start.input(peer.take());
    let mut rest = input;
    while let [kind, which, len, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        script = match kind % 8 {
            0..=4 => script.input(peer.frame(0x81, payload).take()),
            5 => script.input(peer.frame(*which, payload).take()),
            6 => script.wait(Duration::from_millis(u64::from(*len))),
            _ => script.command(command(*which, usize::from(*len))),
        };
    }
    if let Err(broken) = laws::try_script::<S>(input.len() as u64, script) {
        panic!("{broken}");
    }
}

fn command(which: u8, size: usize) -> Command {
    match which % 6 {
        0 | 1 => Command::Answer { nth: size, messages: size as u32 % 30 },
        2 | 3 => Command::Start {
            messages: size as u32 % 30,
            timeout: (which > 128).then(|| Duration::from_millis(size as u64)),
        },
        4 => Command::GiveUp { nth: size },
        _ => Command::Drain(Duration::from_millis(size as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn any_texts_keep_the_laws() {
        let parts = [
            r#"{"hello":{"version":1}}"#,
            r#"{"call":1,"method":"/a/B""#,
            r#","data":"QUJD""#,
            r#","end":true}"#,
            r#","status":{"code":0}}"#,
            r#"{"credit":{"call":1,"amount":90}}"#,
            "}",
            "[",
            r#"{"reset":{"call":1}}"#,
        ];
        for seed in 0..200 {
            let mut chance = Entropy::from_seed(seed);
            let mut input = Vec::new();
            for _ in 0..chance.below(12) {
                let text: String = (0..1 + chance.below(3))
                    .map(|_| parts[chance.below(parts.len() as u64) as usize])
                    .collect();
                input.extend([chance.below(8) as u8, chance.next_u64() as u8, text.len() as u8]);
                input.extend(text.bytes());
            }
            server(&input);
            client(&input);
        }
    }
}
