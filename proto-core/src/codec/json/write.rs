//! What writes values; the braces and commas between them are their owner's.

use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appends a string in quotes, with what RFC 8259 §7 wants escaped escaped.
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if !matches!(byte, 0..=0x1f | b'"' | b'\\') {
            continue;
        }
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        plain = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    out.push(b'"');
}

/// Appends a key that needs no escapes, in quotes, and a colon.
pub fn write_key(key: &'static str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a number in decimal digits.
pub fn write_u64(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut first = digits.len();
    let mut rest = number;
    for (at, place) in digits.iter_mut().enumerate().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        first = at;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Appends bytes in base64 with padding (RFC 4648 §4), in quotes.
pub fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The slice is as long as padded base64 is.
    let written = STANDARD.encode_slice(bytes, out.get_mut(start..).unwrap_or_default()).unwrap_or(0);
    out.truncate(start + written);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::Reader;

    #[test]
    fn rfc8259_7_every_string_comes_back_as_it_was_written() {
        for text in ["", "plain", "\"\\\n\r\t\u{0}\u{1f}\u{7f}", "\u{e9}\u{4e2d}\u{1f600}", "a\u{8}b\u{c}"] {
            let mut out = Vec::new();
            write_str(text, &mut out);
            let out = core::str::from_utf8(&out).unwrap();
            assert_eq!(Reader::new(out).string().unwrap(), text);
        }
    }

    #[test]
    fn numbers_and_bytes_are_written_as_others_write_them() {
        for number in [0, 7, 10, 4_294_967_296, u64::MAX] {
            let mut out = Vec::new();
            write_u64(number, &mut out);
            assert_eq!(out, alloc::format!("{number}").into_bytes());
        }
        for length in 0..7u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(99)).collect();
            let mut out = Vec::new();
            write_base64(&bytes, &mut out);
            assert_eq!(out, alloc::format!("\"{}\"", STANDARD.encode(&bytes)).into_bytes());
        }
    }
}
