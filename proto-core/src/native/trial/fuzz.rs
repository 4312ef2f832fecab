//! Fuzz targets of native machines: what the fuzzer writes is read as a script of frames, pauses and commands, and the
//! script is held to all laws.
//!
//! ```text
//! step = kind (8)  which (8)  length (8)  payload (length)
//! ```

use crate::base::laws::{self, Script, Subject};
use crate::native::trial::peer::{END, HEAD, MESSAGE, Peer, head, numbers};
use crate::native::trial::{Command, NativeClientTrial, NativeServerTrial};
use crate::native::varint;
use alloc::vec::Vec;
use core::time::Duration;

/// A server keeps all laws whatever a client does.
pub fn server(input: &[u8]) {
    let mut peer = Peer::new();
    peer.preface().hello(&[(8, 4)]);
    hold::<NativeServerTrial>(input, peer, |peer, kind, which, payload, calls| match kind {
        0..=1 => {
            *calls += 1;
            let head = head("/trial.Service/Method");
            match kind {
                0 => _ = peer.call(HEAD, *calls, &head),
                _ => _ = peer.call(HEAD | MESSAGE, *calls, &[&head[..], payload].concat()),
            }
        }
        2 => _ = peer.message(which, payload, payload.len() % 2 == 1),
        _ => {
            _ = peer.call(
                payload.first().copied().unwrap_or(END) & 0x3f,
                which,
                payload.get(1..).unwrap_or_default(),
            )
        }
    });
}

/// A client keeps all laws whatever a server does.
pub fn client(input: &[u8]) {
    let mut peer = Peer::new();
    peer.answer().hello(&[(0, 20), (8, 4)]);
    hold::<NativeClientTrial>(input, peer, |peer, kind, which, payload, _| match kind {
        0 => _ = peer.call(HEAD, which, &[0]),
        1 => _ = peer.call(MESSAGE | END, which, &[&[0][..], payload].concat()),
        2 => _ = peer.call(MESSAGE, which, payload),
        _ => {
            _ = peer.call(
                payload.first().copied().unwrap_or(END) & 0x3f,
                which,
                payload.get(1..).unwrap_or_default(),
            )
        }
    });
}

/// Any number is read as it was written, in as few bytes as it takes or more, and written in as few.
pub fn number(input: &[u8]) {
    let Some((value, len)) = varint::read(input) else { return };
    let mut written = Vec::new();
    varint::put(value, &mut written);
    assert_eq!((written.len(), value <= varint::MAX), (varint::len(value), true));
    assert!(written.len() <= len, "{value} took {written:?}");
    assert_eq!(varint::read(&written), Some((value, written.len())));
}

fn hold<S: Subject<Command = Command>>(
    input: &[u8],
    mut peer: Peer,
    mut call: impl FnMut(&mut Peer, u8, u64, &[u8], &mut u64),
) {
    let mut script = Script::new().input(peer.take());
    let mut calls = 0;
    let mut rest = input;
    while let [kind, which, len, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        script = match kind % 8 {
            kind @ 0..=3 => {
                call(&mut peer, kind, u64::from(*which), payload, &mut calls);
                script.input(peer.take())
            }
            4 => {
                peer.frame(*which, payload);
                script.input(peer.take())
            }
            5 => script.wait(Duration::from_millis(u64::from(*len))),
            6 => {
                let body = numbers([u64::from(*which), u64::from(*len) * 97]);
                peer.frame(2 + len % 2, &body);
                script.input(peer.take())
            }
            _ => script.command(command(*which, usize::from(*len))),
        };
    }
    if let Err(broken) = laws::try_script::<S>(input.len() as u64, script) {
        panic!("{broken}");
    }
}

fn command(which: u8, size: usize) -> Command {
    let urgency = (size % 8) as u8;
    match which % 6 {
        0 => Command::Answer { nth: size, messages: size as u32 % 30 },
        1..=2 => Command::Start {
            messages: size as u32 % 30,
            timeout: (which > 128).then(|| Duration::from_millis(size as u64)),
            urgency: size.is_multiple_of(3).then_some(urgency),
        },
        3 => Command::GiveUp { nth: size },
        4 => Command::Urge { nth: size, urgency },
        _ => Command::Drain(Duration::from_millis(size as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;

    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..200).map(|seed| {
            let mut chance = Entropy::from_seed(seed);
            let mut input = Vec::new();
            for _ in 0..chance.below(25) {
                let len = chance.below(12) as u8;
                input.extend([chance.next_u64() as u8, chance.below(8) as u8, len]);
                input.extend((0..len).map(|_| [0, 1, 2, 10, 0x0b, 0x20, 0x44][chance.below(7) as usize]));
            }
            input
        })
    }

    #[test]
    fn any_number_comes_back() {
        inputs().for_each(|input| number(&input));
        for value in [0, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30, varint::MAX] {
            let mut written = Vec::new();
            varint::put(value, &mut written);
            number(&written);
        }
    }

    #[test]
    fn any_client_leaves_a_server_within_the_laws() {
        inputs().for_each(|input| server(&input));
    }

    #[test]
    fn any_server_leaves_a_client_within_the_laws() {
        inputs().for_each(|input| client(&input));
    }
}
