//! What must hold for any bytes: bodies of fuzz targets, and tests that run them on random input.

use crate::base::Field;
use crate::rpc::message::{FramingError, MessageReader, TRUST, WireMessage};
use crate::rpc::{Encoding, Level, Metadata, compression, percent, timeout};
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
        assert!(reader.memory() <= TRUST * content.len(), "{} bytes for {}", reader.memory(), content.len());
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
    fn any_message_survives_compression() {
        random_inputs(b"abc\x1f\x8b\x08\x00\x28\xb5\x2f\xfd\x78\x9c")
            .take(200)
            .for_each(|input| compressed(&input));
    }
}
