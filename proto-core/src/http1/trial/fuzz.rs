//! Fuzz targets of connections: what the fuzzer writes is what the peer sends, apart from 0xff, which begins a step of
//! another kind; the script is held to all laws.
//!
//! ```text
//! 0xff 0x00 time      a pause of so many times 4 ms
//! 0xff 0x01           the end of the input
//! 0xff kind size      a command
//! ```

use crate::base::laws::{self, Script, Subject};
use crate::http1::trial::{ClientTrial, Command, ServerTrial};
use core::time::Duration;

/// Begins a step that is no input; no head and no chunk's line may hold it where it means something.
const ESCAPE: u8 = 0xff;

/// A server keeps all laws whatever its client sends.
pub fn server(input: &[u8]) {
    check::<ServerTrial>(Script::new(), input);
}

/// A client keeps all laws whatever its server sends.
pub fn client(input: &[u8]) {
    check::<ClientTrial>(Script::new().command(Command::Ask { content: 30 }), input);
}

fn check<S: Subject<Command = Command>>(mut script: Script<Command>, input: &[u8]) {
    let mut rest = input;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == ESCAPE).unwrap_or(rest.len());
        if end > 0 {
            script = script.input(rest[..end].to_vec());
        }
        rest = &rest[end..];
        if let [_, kind, size, tail @ ..] = rest {
            script = match kind {
                0 => script.wait(Duration::from_millis(4 * u64::from(*size))),
                1 => script.eof(),
                kind => script.command(command(*kind, usize::from(*size))),
            };
            rest = tail;
        } else {
            rest = &[];
        }
    }
    let seed = input.len() as u64;
    if let Err(broken) = laws::try_script::<S>(seed, script) {
        panic!("{broken}");
    }
}

fn command(which: u8, size: usize) -> Command {
    match which % 6 {
        0 => Command::Ask { content: size * size },
        1 | 2 => Command::Answer { content: size * size },
        3 => Command::Consume,
        4 => Command::Reset,
        _ if size == 0 => Command::Close,
        _ => Command::Drain(Duration::from_millis(size as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;
    use alloc::vec::Vec;

    #[test]
    fn any_bytes_keep_the_laws() {
        let words: [&[u8]; 16] = [
            b"POST /a HTTP/1.1\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 100 \r\n\r\n",
            b"host: h\r\n",
            b"content-length: 5\r\n",
            b"transfer-encoding: chunked\r\n",
            b"expect: 100-continue\r\n",
            b"connection: close\r\n",
            b"\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"\xff\x07\x04",
            b"\xff\x06\x02",
            b"\xff\x00\x30",
            b"\xff\x0a\x00",
            b"x",
        ];
        for seed in 0..300 {
            let mut chance = Entropy::from_seed(seed);
            let mut input = Vec::new();
            for _ in 0..chance.below(24) {
                input.extend_from_slice(words[chance.below(words.len() as u64) as usize]);
            }
            server(&input);
            client(&input);
        }
    }
}
