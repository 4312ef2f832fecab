//! Metadata: the key-value pairs that travel before and after a call's messages.
//!
//! Keys are lower-case `[0-9a-z_.-]`; a key that ends in `-bin` carries bytes, any other printable ASCII. Order and
//! duplicates are kept. Keys that gRPC or HTTP/2 own (`grpc-…`, `:…`, `te`, `content-type`, `host`, `connection`, …)
//! are refused here, so that nobody can write the protocol's own headers by accident.

use crate::base::{Field, Fields};
use alloc::string::String;
use alloc::vec::Vec;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use core::fmt;

/// Unpadded on the way out, either on the way in.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Metadata of a request or a response, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    fields: Fields,
}

impl Metadata {
    /// No metadata; allocates nothing.
    #[must_use]
    pub const fn new() -> Metadata {
        Metadata { fields: Fields::new() }
    }

    /// Appends a text value. Values of `authorization`, `cookie` and the like are kept out of compression tables.
    ///
    /// # Errors
    /// When the key is malformed, reserved, or ends in `-bin`, or the value is not printable ASCII.
    pub fn append(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        check_key(key)?;
        if key.ends_with("-bin") {
            return Err(MetadataError::BinaryKey(key.into()));
        }
        if let Some(at) = value.bytes().position(|byte| !matches!(byte, 0x20..=0x7e)) {
            return Err(MetadataError::Value { key: key.into(), at });
        }
        let secret = is_secret(key.as_bytes());
        self.fields.push(Field { name: key.as_bytes(), value: value.trim_matches(' ').as_bytes(), secret });
        Ok(())
    }

    /// Appends bytes under a key that ends in `-bin`.
    ///
    /// # Errors
    /// When the key is malformed, reserved, or does not end in `-bin`.
    pub fn append_bin(&mut self, key: &str, value: &[u8]) -> Result<(), MetadataError> {
        check_key(key)?;
        if !key.ends_with("-bin") {
            return Err(MetadataError::TextKey(key.into()));
        }
        let secret = is_secret(key.as_bytes());
        self.fields.push(Field { name: key.as_bytes(), value: encode_bin(value).as_bytes(), secret });
        Ok(())
    }

    /// Replaces all values of a text key with one.
    ///
    /// # Errors
    /// As [`Metadata::append`]; nothing is changed then.
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), MetadataError> {
        let mut added = Metadata::new();
        added.append(key, value)?;
        self.remove(key);
        added.fields.iter().for_each(|field| self.fields.push(field));
        Ok(())
    }

    /// Removes all values of a key.
    pub fn remove(&mut self, key: &str) {
        if self.fields.value(key.as_bytes()).is_some() {
            self.fields.retain(|field| field.name != key.as_bytes());
        }
    }

    /// The first value of a key; for `-bin` keys its base64 text, see [`Metadata::get_bin`].
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All values of a key, in order.
    pub fn get_all<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        self.iter().filter(move |(name, _)| *name == key).map(|(_, value)| value)
    }

    /// The first value of a `-bin` key, decoded; `None` when there is none or it is not base64.
    #[must_use]
    pub fn get_bin(&self, key: &str) -> Option<Vec<u8>> {
        self.get_all_bin(key).next()
    }

    /// All values of a `-bin` key, decoded; values joined by commas count apart, those that are not base64 are
    /// passed over.
    pub fn get_all_bin<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = Vec<u8>> + use<'a, 'k> {
        self.get_all(key)
            .flat_map(|joined| joined.split(','))
            .filter_map(|text| decode_bin(text.trim().as_bytes()))
    }

    /// Keys and values in order; values of `-bin` keys are base64.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter_map(|field| {
            Some((core::str::from_utf8(field.name).ok()?, core::str::from_utf8(field.value).ok()?))
        })
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Removes everything; keeps the buffer.
    pub fn clear(&mut self) {
        self.fields.clear();
    }

    /// The fields as they stand on the wire.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Appends a field of other metadata, which needs no check.
    pub(crate) fn push(&mut self, field: Field<'_>) {
        self.fields.push(field);
    }

    /// Takes a field that a peer sent. Fields that are not metadata are left out: reserved names, malformed names,
    /// values that are not printable ASCII. Says whether it was taken.
    pub(crate) fn take_from_wire(&mut self, field: Field<'_>) -> bool {
        let takes = is_key(field.name)
            && !is_reserved(field.name)
            && field.value.iter().all(|byte| matches!(byte, 0x20..=0x7e));
        if takes {
            self.fields.push(Field { secret: field.secret || is_secret(field.name), ..field });
        }
        takes
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields.fmt(f)
    }
}

/// What is wrong with a key or a value of metadata.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MetadataError {
    /// The key is empty or has a character outside `[0-9a-z_.-]`.
    Key(String),
    /// gRPC or HTTP/2 own this key.
    Reserved(String),
    /// A key that ends in `-bin` takes bytes.
    BinaryKey(String),
    /// A key that takes bytes must end in `-bin`.
    TextKey(String),
    /// The value has a byte that is not printable ASCII.
    Value {
        /// The key whose value it is.
        key: String,
        /// Where the byte stands in the value.
        at: usize,
    },
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetadataError::Key(key) => {
                write!(f, "metadata key {key:?} is malformed: use only 0-9 a-z _ . - (lower case)")
            }
            MetadataError::Reserved(key) => {
                write!(f, "metadata key {key:?} belongs to gRPC or HTTP/2; choose another name")
            }
            MetadataError::BinaryKey(key) => {
                write!(f, "metadata key {key:?} ends in -bin and takes bytes; use append_bin")
            }
            MetadataError::TextKey(key) => {
                write!(f, "metadata key {key:?} takes text; a key for bytes must end in -bin")
            }
            MetadataError::Value { key, at } => write!(
                f,
                "metadata value of {key:?} has a byte at offset {at} that is not printable ASCII; use a -bin key"
            ),
        }
    }
}

impl core::error::Error for MetadataError {}

/// Encodes bytes as gRPC writes them in `-bin` values: base64 without padding.
pub(crate) fn encode_bin(value: &[u8]) -> String {
    BASE64.encode(value)
}

/// Decodes a `-bin` value, padded or not.
pub(crate) fn decode_bin(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

fn check_key(key: &str) -> Result<(), MetadataError> {
    if !is_key(key.as_bytes()) {
        return Err(MetadataError::Key(key.into()));
    }
    if is_reserved(key.as_bytes()) {
        return Err(MetadataError::Reserved(key.into()));
    }
    Ok(())
}

fn is_key(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'_' | b'.' | b'-'))
}

/// The gRPC protocol document reserves `grpc-`; RFC 9113 §8.2.2 forbids the connection-specific names.
fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b"grpc-")
        || matches!(
            name,
            b"te"
                | b"content-type"
                | b"content-length"
                | b"host"
                | b"connection"
                | b"keep-alive"
                | b"proxy-connection"
                | b"transfer-encoding"
                | b"upgrade"
                | b"trailer"
        )
}

fn is_secret(name: &[u8]) -> bool {
    matches!(name, b"authorization" | b"proxy-authorization" | b"cookie" | b"set-cookie" | b"x-api-key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn keys_of_the_protocol_are_refused_with_a_reason() {
        let mut metadata = Metadata::new();
        for key in ["grpc-status", "te", "content-type", "host", "connection"] {
            assert_eq!(metadata.append(key, "x"), Err(MetadataError::Reserved(key.into())));
        }
        for key in ["", "Upper", ":path", "sp ace", "é"] {
            assert_eq!(metadata.append(key, "x"), Err(MetadataError::Key(key.into())));
        }
        assert_eq!(metadata.append("k", "a\nb"), Err(MetadataError::Value { key: "k".into(), at: 1 }));
        assert!(metadata.is_empty());
    }

    #[test]
    fn binary_values_take_padding_commas_and_garbage_without_failing() {
        let mut metadata = Metadata::new();
        metadata.append_bin("k-bin", &[0xab, 0xab, 0xab]).unwrap();
        assert_eq!(metadata.get("k-bin"), Some("q6ur"));
        assert!(metadata.take_from_wire(Field::new(b"k-bin", b"AAE=, AAE,!!")));
        let all: Vec<Vec<u8>> = metadata.get_all_bin("k-bin").collect();
        assert_eq!(all, vec![vec![0xab, 0xab, 0xab], vec![0, 1], vec![0, 1]]);
    }

    #[test]
    fn insert_replaces_and_append_adds() {
        let mut metadata = Metadata::new();
        metadata.append("a", "1").unwrap();
        metadata.append("b", "2").unwrap();
        metadata.append("a", "3").unwrap();
        assert_eq!(metadata.get_all("a").collect::<Vec<_>>(), ["1", "3"]);
        metadata.insert("a", "4").unwrap();
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "4")]);
    }
}
