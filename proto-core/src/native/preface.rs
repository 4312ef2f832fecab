//! The first bytes of a connection (docs/native-protocol.md §3): they tell this protocol from every other by the first of
//! them, and agree on its version.

use crate::native::frame::shown;
use crate::native::{Role, Violation};
use alloc::string::String;
use alloc::vec::Vec;

/// The first byte of every connection of this protocol: no ASCII, no TLS record (16 hex), and never in UTF-8.
pub const FIRST_BYTE: u8 = 0xfa;

const VERSION: u8 = 1;
const MAGIC: [u8; 5] = [FIRST_BYTE, b'z', b'R', b'P', b'C'];
const CLIENT: [u8; 8] = [FIRST_BYTE, b'z', b'R', b'P', b'C', VERSION, 0, 0];
const SERVER: [u8; 8] = [FIRST_BYTE, b'z', b'R', b'P', b'C', VERSION, VERSION, VERSION];
const LEN: usize = 8;

/// What the first bytes say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// More is needed.
    Incomplete,
    /// Both sides speak this version.
    Agreed,
    /// The server does not.
    Refused { lowest: u8, highest: u8, text: String },
}

/// What a side sends first.
pub(crate) fn of(role: Role) -> &'static [u8] {
    match role {
        Role::Client => &CLIENT,
        Role::Server => &SERVER,
    }
}

/// Appends a server's refusal, with the reason for people.
pub(crate) fn refuse(text: &str, out: &mut Vec<u8>) {
    let text = &text.as_bytes()[..text.len().min(255)];
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0, VERSION, VERSION, text.len() as u8]);
    out.extend_from_slice(text);
}

/// Reads what a client sent so far.
pub(crate) fn read(bytes: &[u8]) -> Result<Answer, Violation> {
    if bytes.iter().zip(MAGIC).any(|(byte, expected)| *byte != expected) {
        return Err(Violation::Preface);
    }
    match bytes.get(MAGIC.len()) {
        Some(&version) if version != VERSION => Err(Violation::Version),
        _ if bytes.len() < LEN => Ok(Answer::Incomplete),
        _ => Ok(Answer::Agreed),
    }
}

/// Reads what a server sent so far.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Answer, Violation> {
    if bytes.iter().zip(MAGIC).any(|(byte, expected)| *byte != expected) {
        return Err(Violation::Preface);
    }
    let Some(head) = bytes.first_chunk::<LEN>() else { return Ok(Answer::Incomplete) };
    let [.., version, lowest, highest] = *head;
    match (version, bytes.get(LEN)) {
        (VERSION, _) => Ok(Answer::Agreed),
        (0, None) => Ok(Answer::Incomplete),
        (0, Some(&len)) => match bytes.get(LEN + 1..LEN + 1 + usize::from(len)) {
            None => Ok(Answer::Incomplete),
            Some(text) => Ok(Answer::Refused { lowest, highest, text: shown(text) }),
        },
        _ => Err(Violation::Preface),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn each_prefix_of_a_preface_waits_for_more_and_the_whole_agrees() {
        for (preface, read) in
            [(CLIENT, read as fn(&[u8]) -> Result<Answer, Violation>), (SERVER, read_answer)]
        {
            for len in 0..LEN {
                assert_eq!(read(&preface[..len]), Ok(Answer::Incomplete));
            }
            assert_eq!(read(&preface), Ok(Answer::Agreed));
        }
    }

    #[test]
    fn other_protocols_are_told_by_the_first_byte_and_other_versions_by_theirs() {
        for first in 0..=255u8 {
            assert_eq!(read(&[first]).is_ok(), first == FIRST_BYTE);
        }
        assert!(!FIRST_BYTE.is_ascii() && FIRST_BYTE != 0x16);
        let mut other = CLIENT;
        other[5] = 2;
        assert_eq!(read(&other[..6]), Err(Violation::Version));
    }

    #[test]
    fn a_refusal_names_the_versions_and_the_reason() {
        let mut bytes = Vec::new();
        refuse("upgrade, please", &mut bytes);
        for len in 0..bytes.len() {
            assert_eq!(read_answer(&bytes[..len]), Ok(Answer::Incomplete));
        }
        let text = "upgrade, please".to_string();
        assert_eq!(read_answer(&bytes), Ok(Answer::Refused { lowest: 1, highest: 1, text }));
    }
}
