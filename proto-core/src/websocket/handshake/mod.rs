//! The opening handshake, RFC 6455 §4: an HTTP/1.1 upgrade, or an extended CONNECT of HTTP/2 (RFC 8441).
//!
//! | file | what it decides |
//! |---|---|
//! | `server.rs` | whom a server lets in, and what it answers |
//! | `client.rs` | what a client asks, and which answers it takes |
//! | `origin.rs` | whose pages may connect |
//! | `refusal.rs` | every reason why there is no connection, with its HTTP status |
//!
//! All of it works on heads that somebody has read, so the same checks serve HTTP/1.1 and HTTP/2.

pub(super) mod client;
pub mod origin;
pub mod refusal;
pub(super) mod server;
#[cfg(test)]
mod tests;

pub use client::{Request, check_connect_response, connect_fields};
pub use origin::Origins;
pub use refusal::Refusal;
pub use server::{Policy, accept_connect};

use crate::base::{Field, Fields};
use crate::websocket::deflate::Agreed;
use crate::websocket::sha1;
use alloc::string::String;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The version of RFC 6455.
const VERSION: &[u8] = b"13";
/// What proves that an accept key is no accident, RFC 6455 §1.3.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key in base64: 16 bytes and their padding.
const KEY_LEN: usize = 24;

/// What both sides agreed on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Agreement {
    pub(super) subprotocol: Option<String>,
    pub(super) deflate: Option<Agreed>,
    /// The fields of the response that say so, without those of the upgrade itself.
    fields: Fields,
}

impl Agreement {
    /// The subprotocol that was chosen.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// What a server adds to the head of its response to tell of it. Over HTTP/2 it belongs to a response with status 200.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// RFC 6455 §4.2.2: the key, a fixed suffix, SHA-1, base64.
fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(sha1::digest(&[key, KEY_SUFFIX].concat()))
}

/// Whether a key is 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    key.len() == KEY_LEN && STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

/// The value of a field that comes once.
fn only<'a>(fields: &'a Fields, name: &[u8]) -> Option<&'a [u8]> {
    let mut values = fields.iter().filter(|field| field.name == name).map(|field| field.value);
    let value = values.next()?;
    if values.next().is_some() { None } else { Some(value) }
}

/// The entries of comma-separated lists in all fields with this name; one pass, no backtracking.
fn entries<'a>(fields: &'a Fields, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let values = fields.iter().filter(move |field| field.name == name);
    values.flat_map(|field| field.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

fn token_field(name: &'static [u8], value: &str) -> Fields {
    [Field::new(name, value.as_bytes())].into_iter().collect()
}
