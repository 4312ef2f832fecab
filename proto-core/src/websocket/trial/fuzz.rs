//! Fuzz targets of connections: what the fuzzer writes is read as a script of frames, pauses and commands, and the script
//! is held to all laws.
//!
//! ```text
//! step = kind (8)  first byte (8)  length (8)  payload (length)
//! ```
//!
//! Kinds 0 to 9 are frames with that first byte and a length that fits; 10 is a frame masked the wrong way; 11 a pause;
//! 12 a command; 13 the end of the input; any other kind is bytes as they are.

use crate::base::Fields;
use crate::base::laws::{self, Script, Subject};
use crate::http1::{HeadLimits, HeadReader};
use crate::websocket::extension::extensions;
use crate::websocket::frame::FrameHead;
use crate::websocket::handshake::server::accept_upgrade;
use crate::websocket::trial::peer::Peer;
use crate::websocket::trial::{ClientTrial, Command, ServerTrial, config, scripts};
use crate::websocket::utf8::Utf8;
use crate::websocket::{Kind, Role, close, deflate};
use bytes::Bytes;
use core::time::Duration;

/// A server keeps all laws whatever its client sends.
pub fn server(input: &[u8]) {
    check::<ServerTrial>(Role::Server, input);
}

/// A client keeps all laws whatever its server sends.
pub fn client(input: &[u8]) {
    check::<ClientTrial>(Role::Client, input);
}

fn check<S: Subject<Command = Command>>(role: Role, input: &[u8]) {
    let [seed, rest @ ..] = input else { return };
    let mut rest = rest;
    let seed = u64::from(*seed);
    let mut peer = Peer::new(role == Role::Server);
    scripts::opening(role, seed, &mut peer);
    let mut script = Script::new().input(peer.take());
    while let [kind, first, len, tail @ ..] = rest {
        let (payload, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = tail;
        script = match kind {
            0..=9 => {
                peer.frame(*first, payload);
                script.input(peer.take())
            }
            10 => {
                peer.frame_masked(*first, payload, role == Role::Client);
                script.input(peer.take())
            }
            11 => script.wait(Duration::from_millis(8 * u64::from(*first))),
            12 => script.command(command(*first, usize::from(*len))),
            13 => script.eof(),
            _ => script.input(payload.to_vec()),
        };
    }
    if let Err(broken) = laws::try_script::<S>(seed, script) {
        panic!("{broken}");
    }
}

fn command(which: u8, size: usize) -> Command {
    match which % 6 {
        0 => Command::Send { kind: Kind::Text, bytes: size * size },
        1 => Command::Send { kind: Kind::Binary, bytes: size },
        2 | 3 => Command::Consume,
        4 => Command::Ping,
        _ => Command::Close,
    }
}

/// Heads, close payloads and text are read or refused, and a head that is read is written as it was.
pub fn frame(input: &[u8]) {
    for masked in [false, true] {
        if let Some(head) = FrameHead::len_from(input).and_then(|len| input.get(..len))
            && let Ok(parsed) = FrameHead::parse(head, masked)
        {
            let (bytes, len) = parsed.to_bytes();
            assert_eq!(&bytes[..len], head, "{parsed:?}");
        }
    }
    if let Ok((Some(code), reason)) = close::parse(input) {
        assert!(code.may_be_sent() && close::fitting(reason).len() <= reason.len());
    }
    let mut utf8 = Utf8::default();
    let passes = input.chunks(3).all(|part| utf8.push(part).is_ok()) && utf8.is_complete();
    assert_eq!(passes, core::str::from_utf8(input).is_ok());
}

/// A handshake is taken or refused; what is agreed on stays in range.
pub fn handshake(input: &[u8]) {
    let mut reader = HeadReader::new(HeadLimits::default());
    let mut peer = Peer::new(true);
    for lines in [false, true] {
        let bytes = if lines {
            peer.request("/chat", &alloc::string::String::from_utf8_lossy(input));
            peer.take()
        } else {
            input.to_vec()
        };
        reader.push(Bytes::from(bytes));
        let Ok(Some(head)) = reader.poll_request() else { continue };
        for seed in 0..4 {
            let config = config(seed);
            if let Ok(agreement) = accept_upgrade(&head, &config) {
                let chosen = agreement.subprotocol().is_some();
                assert_eq!(chosen, !config.policy.subprotocols.is_empty());
                check_response(agreement.fields());
            }
        }
        let _ = reader.take_rest();
    }
}

/// What a server agrees to, its own client understands.
fn check_response(fields: &Fields) {
    let takes_all = crate::websocket::Deflate { peer_takeover: true, takeover: true, ..Default::default() };
    let Some(chosen) = extensions(fields) else { panic!("the response breaks the grammar: {fields:?}") };
    assert!(chosen.iter().all(|chosen| deflate::check(chosen, &takes_all).is_some()), "{fields:?}");
}

/// A compressed message is inflated or refused, and stays within its limit; what is compressed comes back.
#[cfg(feature = "deflate")]
pub fn compressed(input: &[u8]) {
    use crate::websocket::codec::{Deflater, InflateLimits, Inflater};
    use bytes::BytesMut;
    const LIMIT: usize = 100_000;
    let limits = InflateLimits { bytes_max: LIMIT, ratio_max: 200 };
    let [flags, input @ ..] = input else { return };
    let keeps = flags & 1 != 0;
    let (Some(mut inflater), Some(mut deflater)) =
        (Inflater::new(keeps), Deflater::new(8 + (flags >> 1) % 8, flags >> 4, keeps))
    else {
        return;
    };
    for _ in 0..2 {
        let mut back = BytesMut::new();
        let Some(payload) = deflater.message(input) else {
            panic!("the codec refuses {} bytes", input.len())
        };
        let read = payload.chunks(7).try_for_each(|part| inflater.push(part, &mut back, limits));
        assert!(read.is_ok() && inflater.finish(&mut back, limits).is_ok());
        assert_eq!(back, input);
    }
    let mut noise = BytesMut::new();
    let read = input.chunks(5).try_for_each(|part| inflater.push(part, &mut noise, limits));
    let _ = read.and_then(|()| inflater.finish(&mut noise, limits));
    assert!(noise.len() <= LIMIT + 32 * 1024);
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
            let mut input: Vec<u8> = [seed as u8].into();
            for _ in 0..chance.below(20) {
                let opcodes = [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0xc1, 0x41, 0xff];
                let first = opcodes[chance.below(12) as usize];
                let len = chance.below(12) as u8;
                input.extend([chance.below(15) as u8, first, len]);
                input.extend((0..len).map(|_| chance.next_u64() as u8 & 0x7f));
            }
            server(&input);
            client(&input);
            frame(&input);
            handshake(&input);
        }
    }
}
