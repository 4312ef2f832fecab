//! A schema for trials: every method is known, and every message has the form `{"bytes": "base64"}`.

use crate::rpc::{Part, Transcode, TranscodeError};
use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnyBytes;

const BEGIN: &str = "{\"bytes\":\"";
const END: &str = "\"}";

impl Transcode for AnyBytes {
    fn find(&self, _: &str) -> Option<u32> {
        Some(0)
    }

    fn to_bytes(&self, _: u32, _: Part, json: &str) -> Result<Bytes, TranscodeError> {
        let text = json.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let bytes = text.and_then(|text| STANDARD.decode(text).ok()).map(Bytes::from);
        bytes.ok_or_else(|| TranscodeError("the message has no bytes".into()))
    }

    fn to_json(&self, _: u32, _: Part, message: &[u8], json: &mut Vec<u8>) -> Result<(), TranscodeError> {
        for part in [BEGIN, &STANDARD.encode(message), END] {
            json.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }
}
