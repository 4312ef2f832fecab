//! The field lines of a head: names, values, and how long the body is (RFC 9112 §5, §6).

use crate::base::Fields;
use crate::http1::head::is_token;
use crate::http1::request_head::Version;
use crate::http1::violation::Violation;

/// What a head says of its body's length (RFC 9112 §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// Nothing: a request has no body then, a response has one until the connection ends.
    Unsaid,
    /// So many bytes.
    Length(u64),
    /// Chunks, the last of which is empty.
    Chunked,
}

/// Whether a comma-separated list has this entry, in any of the fields with this name; case does not matter.
#[must_use]
pub fn list_has(fields: &Fields, name: &[u8], entry: &[u8]) -> bool {
    let values = fields.iter().filter(|field| field.name == name);
    values
        .flat_map(|field| field.value.split(|byte| *byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(entry))
}

/// The lines of a head, whose ends were checked when it was gathered.
pub(super) fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Reads field lines up to an empty one.
pub(super) fn read_fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Fields, Violation> {
    let mut fields = Fields::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Violation::FieldLine)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) {
            // RFC 9112 §5.1: whitespace between a name and its colon is refused with 400.
            let is_spaced = name.last().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            return Err(if is_spaced { Violation::SpaceBeforeColon } else { Violation::FieldName });
        }
        let mut field = fields.open();
        field.buffer().extend(name.iter().map(u8::to_ascii_lowercase));
        field.end_name();
        // RFC 9112 §5.1: whitespace around a value is no part of it.
        field.buffer().extend_from_slice(trim(value));
        let is_secret =
            matches!(field.name(), b"authorization" | b"proxy-authorization" | b"cookie" | b"set-cookie");
        field.close(is_secret);
    }
    Ok(fields)
}

fn trim(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    &value[start..end]
}

/// How long the body is. Whatever two readers could understand differently is refused.
pub(super) fn framing(version: Version, fields: &Fields) -> Result<Framing, Violation> {
    let mut lengths = fields.iter().filter(|field| field.name == b"content-length");
    let length = lengths.next();
    // RFC 9112 §6.3: several lengths, even in one field, make the message invalid. Equal ones might be taken as one; an
    // honest peer has no reason to send them.
    if lengths.next().is_some() {
        return Err(Violation::LengthRepeated);
    }
    let mut codings = fields
        .iter()
        .filter(|field| field.name == b"transfer-encoding")
        .flat_map(|field| field.value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .peekable();
    if codings.peek().is_some() {
        // RFC 9112 §6.1: Transfer-Encoding in HTTP/1.0 is faulty framing.
        if version == Version::Http10 {
            return Err(Violation::EncodingInOldVersion);
        }
        // RFC 9112 §6.1: both at once ought to be handled as an error: it is how requests are smuggled.
        return if length.is_some() { Err(Violation::LengthAndEncoding) } else { chunked(codings) };
    }
    let Some(length) = length else { return Ok(Framing::Unsaid) };
    match length.value.split(|byte| *byte == b',').count() {
        1 => digits(length.value).map(Framing::Length).ok_or(Violation::LengthMalformed),
        _ => Err(Violation::LengthRepeated),
    }
}

/// RFC 9112 §6.1: chunked comes once and last.
/// RFC 9112 §6.3: a request in which it is not last is answered with 400. No other coding is understood: 501.
fn chunked<'a>(mut codings: impl Iterator<Item = &'a [u8]>) -> Result<Framing, Violation> {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match (codings.next(), codings.next()) {
        (Some(only), None) if is_chunked(only) => Ok(Framing::Chunked),
        (Some(only), None) if is_token(only) => Err(Violation::EncodingUnknown),
        (Some(first), _) if is_chunked(first) => Err(Violation::EncodingNotFinal),
        (Some(first), Some(_)) if is_token(first) => Err(Violation::EncodingUnknown),
        _ => Err(Violation::EncodingNotFinal),
    }
}

/// A number of decimal digits that fits; no sign, no space (RFC 9110 §8.6).
fn digits(text: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(*byte - b'0'));
    let add = |number: u64, byte: &u8| number.checked_mul(10)?.checked_add(digit(byte)?);
    if text.is_empty() { None } else { text.iter().try_fold(0, add) }
}
