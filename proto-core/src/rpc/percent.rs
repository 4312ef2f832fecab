//! `grpc-message`: UTF-8 with everything but printable ASCII written as `%XX`, and `%` too.
//!
//! A space at either end is escaped too: header fields must not begin or end with one (RFC 9113 §8.2.1).
//!
//! Reading is lenient: an escape that is none is kept as it stands, and bytes that are no UTF-8 become `U+FFFD`. A bad
//! message never costs the status that it came with.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes a message.
#[must_use]
pub fn encode(message: &str) -> Cow<'_, [u8]> {
    let has_edge_space = message.starts_with(' ') || message.ends_with(' ');
    if !has_edge_space && message.bytes().all(is_plain) {
        return Cow::Borrowed(message.as_bytes());
    }
    let last = message.len().saturating_sub(1);
    let mut encoded = Vec::with_capacity(message.len() + 16);
    for (at, byte) in message.bytes().enumerate() {
        let is_edge_space = byte == b' ' && (at == 0 || at == last);
        if is_plain(byte) && !is_edge_space {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    Cow::Owned(encoded)
}

/// Decodes a message.
#[must_use]
pub fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match (byte, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'%'
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_whatever_they_hold() {
        for message in [
            "",
            "plain",
            "100%",
            " ",
            " spaces  within and around  ",
            "\t\ttest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
        ] {
            let encoded = encode(message);
            assert!(encoded.iter().all(|byte| matches!(byte, 0x20..=0x7e)));
            assert!(!encoded.starts_with(b" ") && !encoded.ends_with(b" "), "{encoded:?}");
            assert_eq!(decode(&encoded), message);
        }
    }

    #[test]
    fn bad_escapes_are_kept_and_bad_utf8_is_marked() {
        assert_eq!(decode(b"a%"), "a%");
        assert_eq!(decode(b"a%4"), "a%4");
        assert_eq!(decode(b"a%zz%41"), "a%zzA");
        assert_eq!(decode(b"%ff!"), "\u{fffd}!");
    }
}
