//! HELLO: what its sender takes and is (docs/native-protocol.md §5).
//!
//! ```text
//! (Id (i)  Value)*     Value = (i) where the id is even, (string) where it is odd
//! ```

use crate::native::Violation;
use crate::native::capabilities::{Capabilities, DEFAULT, NUMBERS};
use crate::native::frame::{HELLO, begin};
use crate::native::varint::{Sections, put};
use alloc::string::String;
use alloc::vec::Vec;

const AUTHORITY: u64 = 1;
const AGENT: u64 = 3;
/// Bytes of an authority that are kept.
const AUTHORITY_BYTES: usize = 256;

pub(crate) fn emit(capabilities: &Capabilities, authority: &str, agent: &str, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    for (place, (value, default)) in capabilities.numbers().into_iter().zip(DEFAULT.numbers()).enumerate() {
        if value != default {
            put(2 * place as u64, &mut body);
            put(value, &mut body);
        }
    }
    for (id, text) in [(AUTHORITY, authority), (AGENT, agent)] {
        if !text.is_empty() {
            put(id, &mut body);
            put(text.len() as u64, &mut body);
            body.extend_from_slice(text.as_bytes());
        }
    }
    begin(HELLO, 1 + body.len(), out);
    out.extend_from_slice(&body);
}

/// What a HELLO says, and the authority.
pub(crate) fn parse(body: &[u8]) -> Result<(Capabilities, String), Violation> {
    let mut capabilities = DEFAULT;
    let mut authority = String::new();
    let mut seen = 0u32;
    let mut sections = Sections { rest: body };
    while !sections.rest.is_empty() {
        let id = sections.number()?;
        if id < 2 * NUMBERS as u64 {
            if seen & 1 << id != 0 {
                return Err(Violation::Setting);
            }
            seen |= 1 << id;
        }
        if id.is_multiple_of(2) {
            let value = sections.number()?;
            capabilities.set(id / 2, value)?;
        } else {
            let text = sections.string()?;
            if id == AUTHORITY {
                let kept = &text[..text.len().min(AUTHORITY_BYTES)];
                authority = String::from_utf8_lossy(kept).into_owned();
            }
        }
    }
    Ok((capabilities, authority))
}
