//! The trailers of gRPC-Web: a frame behind the last message, whose payload are lines as in HTTP/1.1.

use crate::base::{Field, Fields};
use alloc::vec::Vec;
use bytes::Bytes;

/// The flag of the frame that holds trailers; together with 1, they are compressed.
pub const FLAG: u8 = 0x80;
/// Bytes that trailers may have. Abuse: a status as long as a message may be.
pub const BYTES_MAX: usize = 16 * 1024;

/// The payload of the frame.
#[must_use]
pub fn encode(trailers: &Fields) -> Bytes {
    let mut lines = Vec::with_capacity(trailers.size());
    for field in trailers {
        lines.extend_from_slice(field.name);
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(field.value);
        lines.extend_from_slice(b"\r\n");
    }
    lines.into()
}

/// The prefix of a frame with so many bytes of trailers.
#[must_use]
pub fn prefix(length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [FLAG, a, b, c, d]
}

/// Reads the payload. Lines end with CRLF or LF; names come in any case and are lower-cased.
///
/// # Errors
/// What is wrong with it.
pub fn decode(lines: &[u8]) -> Result<Fields, &'static str> {
    let mut fields = Fields::new();
    let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
    for line in lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        if line.is_empty() {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or("a line has no colon")?;
        let name = line[..colon].to_ascii_lowercase();
        let value = line[colon + 1..].trim_ascii();
        let is_name = |byte: &u8| byte.is_ascii_graphic();
        if name.is_empty() || !name.iter().all(is_name) {
            return Err("a name is empty, or has spaces or control bytes");
        }
        if value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
            return Err("a value has control bytes");
        }
        fields.push(Field::new(&name, value));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_read_as_they_were_written() {
        let trailers: Fields =
            [Field::new(b"grpc-status", b"0"), Field::new(b"k", b"a:b: c"), Field::new(b"k", b"")]
                .into_iter()
                .collect();
        let lines = encode(&trailers);
        assert_eq!(lines, "grpc-status: 0\r\nk: a:b: c\r\nk: \r\n");
        assert_eq!(decode(&lines), Ok(trailers));
        assert_eq!(prefix(258), [0x80, 0, 0, 1, 2]);
    }

    #[test]
    fn lines_end_in_either_way_and_names_come_in_any_case() {
        let expected: Fields =
            [Field::new(b"grpc-status", b"0"), Field::new(b"grpc-message", b"m")].into_iter().collect();
        for lines in [
            "Grpc-Status:0\r\nGRPC-MESSAGE: m\r\n",
            "grpc-status: 0\ngrpc-message: m\n",
            "grpc-status:0\r\ngrpc-message:m",
            "grpc-status:0\r\ngrpc-message:m\r\n\r\n",
        ] {
            assert_eq!(decode(lines.as_bytes()), Ok(expected.clone()), "{lines:?}");
        }
    }

    #[test]
    fn malformed_lines_are_refused() {
        for lines in ["grpc-status", ": 0", "a b: c", "a: b\0", "a: b\rc: d", "a\0: b"] {
            assert!(decode(lines.as_bytes()).is_err(), "{lines:?}");
        }
    }
}
