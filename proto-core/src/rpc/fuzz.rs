//! What must hold for any bytes: bodies of fuzz targets, and tests that run them on random input.

use crate::base::{Field, Fields};
use crate::rpc::grpc_web::cors::{Cors, Origins};
use crate::rpc::grpc_web::{text as web, trailer_frame};
use crate::rpc::message::{FramingError, MessageReader, WireMessage, reserved};
use crate::rpc::{Encoding, Endpoint, Level, Metadata, compression, percent, timeout};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

const MESSAGE_BYTES_MAX: usize = 1_000;

/// Any bytes give the same messages however they are cut, and a length alone reserves nothing.
pub fn messages(input: &[u8]) {
    let Some((cut, content)) = input.split_first() else { return };
    let whole = read(content, content.len().max(1));
    assert_eq!(read(content, 1 + usize::from(*cut)), whole);
    assert_eq!(read(content, 1), whole);
}

/// The messages in `content`, cut after each `cut` bytes, and the error that ended them.
fn read(content: &[u8], cut: usize) -> (Vec<WireMessage>, Option<FramingError>) {
    let mut reader = MessageReader::default();
    let mut messages = Vec::new();
    for chunk in content.chunks(cut) {
        reader.push(Bytes::copy_from_slice(chunk));
        loop {
            match reader.next(MESSAGE_BYTES_MAX) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(
            reader.memory() <= reserved(content.len(), usize::MAX),
            "{} bytes for {}",
            reader.memory(),
            content.len()
        );
    }
    (messages, None)
}

/// Messages of a status come back, timeouts are never shortened, metadata from the wire can be sent on.
pub fn text(input: &[u8]) {
    let message = String::from_utf8_lossy(input);
    assert_eq!(percent::decode(&percent::encode(&message)), message);
    let read = percent::decode(input);
    assert_eq!(percent::decode(&percent::encode(&read)), read);

    if let Some(timeout) = timeout::parse(input) {
        let again = timeout::parse(timeout::emit(timeout).as_bytes());
        assert!(again.is_some_and(|again| again >= timeout), "{timeout:?} became {again:?}");
    }

    let (name, value) = input.split_at(input.len() / 3);
    let mut metadata = Metadata::new();
    if metadata.take_from_wire(Field::new(name, value)) {
        let key = String::from_utf8_lossy(name);
        let (values, bytes) = (metadata.get_all(&key).count(), metadata.get_all_bin(&key).count());
        let commas = value.iter().filter(|byte| **byte == b',').count();
        assert!(values <= 1 && bytes <= 1 + commas, "one field is one text, or bytes joined by commas");
        let mut again = Metadata::new();
        assert!(metadata.fields().iter().all(|field| again.take_from_wire(field)));
        assert_eq!(again, metadata);
    }
}

/// A text that is an endpoint is the same endpoint again when it is written, and may stand in a request.
pub fn endpoint(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for read in [Endpoint::parse, Endpoint::parse_to_listen] {
        let Ok(endpoint) = read(&text) else { continue };
        assert_eq!(read(endpoint.uri()).as_ref(), Ok(&endpoint), "{}", endpoint.uri());
        for part in [endpoint.authority(), endpoint.path()] {
            let may_be_sent = part.bytes().all(|byte| byte.is_ascii_graphic());
            assert!(!part.is_empty() && may_be_sent, "{part:?} of {text:?}");
        }
        let other = endpoint.with_port(4_711);
        assert_eq!(Endpoint::parse(other.uri()).as_ref(), Ok(&other), "{}", other.uri());
    }
}

/// No page of an origin that is not listed is let in, and an answer says nothing that would break its head. The input is
/// lines: the origin, the authority, and the fields that a preflight asks for.
pub fn cors(input: &[u8]) {
    const LISTED: &str = "https://app.example";
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (origin, authority, asked) = (line(), line(), line());
    let mut request = Fields::new();
    request.add(b":authority", authority);
    request.add(b"origin", origin);
    request.add(b"access-control-request-method", b"POST");
    request.add(b"access-control-request-headers", asked);
    for origins in [Origins::None, Origins::List([LISTED.into()].into()), Origins::Any] {
        let is_any = origins == Origins::Any;
        let cors = Cors { origins, credentials: true, ..Cors::default() };
        let mut answer = Fields::new();
        let (admitted, answered) =
            (cors.admit(Some(origin), authority), cors.preflight(&request, &mut answer));
        if let Ok(allowed) = &admitted {
            // Names of hosts are compared in any case.
            let is_own = origin.to_ascii_lowercase().ends_with(&authority.to_ascii_lowercase())
                && allowed.origin.is_none();
            assert!(is_own || is_any || origin == LISTED.as_bytes(), "{origin:02x?} at {authority:02x?}");
            assert!(!(is_any && allowed.credentials), "credentials of any page");
        } else {
            assert!(answered.is_err() && answer.is_empty(), "who is refused learns nothing");
        }
        let is_visible = |byte: &u8| !matches!(byte, 0..=31 | 127);
        let keys = answer.value(b"access-control-allow-headers").unwrap_or_default();
        assert!(keys.iter().all(is_visible), "{keys:02x?}");
    }
}

/// Text is decoded the same in any pieces, and comes back; trailers in a frame are the same when they are written again.
pub fn web_text(input: &[u8]) {
    let [cut, content @ ..] = input else { return };
    let whole = decode_text(content, content.len().max(1));
    assert_eq!(decode_text(content, 1 + usize::from(*cut)), whole);
    let (prefix, payload) = content.split_at(content.len().min(usize::from(cut % 8)));
    let encoded = web::encode(prefix, payload);
    assert_eq!(decode_text(&encoded, encoded.len().max(1)), (content.to_vec(), true, true));

    if let Ok(fields) = trailer_frame::decode(content) {
        assert_eq!(trailer_frame::decode(&trailer_frame::encode(&fields)), Ok(fields));
    }
}

/// What the text stands for as far as it is base64, whether all of it was, and whether it may end there.
fn decode_text(content: &[u8], cut: usize) -> (Vec<u8>, bool, bool) {
    let mut decoder = web::TextDecoder::default();
    let mut bytes = Vec::new();
    for piece in content.chunks(cut) {
        let (decoded, is_text) = decoder.decode(piece);
        bytes.extend_from_slice(&decoded);
        if !is_text {
            return (bytes, false, false);
        }
        assert!(decoder.waiting() < 4);
    }
    (bytes, true, decoder.is_whole())
}

/// Any message survives compression, and no payload inflates beyond the limit.
pub fn compressed(input: &[u8]) {
    for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
        if let Some(small) = compression::compress(encoding, Level::Fast, input) {
            let again = compression::decompress(encoding, &small, input.len());
            assert_eq!(again.as_deref(), Ok(input), "{encoding:?}");
        }
        if let Ok(inflated) = compression::decompress(encoding, input, MESSAGE_BYTES_MAX) {
            assert!(inflated.len() <= MESSAGE_BYTES_MAX, "{encoding:?}: {} bytes", inflated.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Entropy;

    fn random_inputs(alphabet: &'static [u8]) -> impl Iterator<Item = Vec<u8>> {
        (0..2_000).map(move |seed| {
            let mut chance = Entropy::from_seed(seed);
            let len = chance.below(60);
            (0..len).map(|_| alphabet[chance.below(alphabet.len() as u64) as usize]).collect()
        })
    }

    #[test]
    fn any_bytes_give_the_same_messages_however_they_are_cut() {
        random_inputs(&[0, 0, 0, 0, 0, 1, 3, 9, 200]).for_each(|input| messages(&input));
    }

    #[test]
    fn any_text_keeps_the_promises_of_its_codecs() {
        random_inputs(b"%2FAabc-_.0129SmuHn \xc3\xa9\x00=/+").for_each(|input| text(&input));
    }

    #[test]
    fn any_text_is_an_endpoint_that_comes_back_or_none() {
        let parts = [
            "http",
            "unix",
            "ws",
            "zrpc",
            "://",
            ":",
            "/",
            "[::1]",
            "h",
            "80",
            "0",
            "-abstract",
            "?",
            "%",
            "@",
        ];
        for seed in 0..3_000 {
            let mut chance = Entropy::from_seed(seed);
            let text: String =
                (0..1 + chance.below(7)).map(|_| parts[chance.below(parts.len() as u64) as usize]).collect();
            endpoint(text.as_bytes());
        }
    }

    #[test]
    fn only_listed_pages_are_let_in_and_text_is_read_the_same_in_any_pieces() {
        random_inputs(b"https://app.example\n\n,x").for_each(|input| cors(&input));
        cors(b"https://app.example\nh\nX-Key, y");
        random_inputs(b"QUJD==Aa+/\n:\r").for_each(|input| web_text(&input));
        web_text(b"\x03Grpc-Status: 0\r\nkey:v\r\n");
    }

    #[test]
    fn any_message_survives_compression() {
        random_inputs(b"abc\x1f\x8b\x08\x00\x28\xb5\x2f\xfd\x78\x9c")
            .take(200)
            .for_each(|input| compressed(&input));
    }
}
