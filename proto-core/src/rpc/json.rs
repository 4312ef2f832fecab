//! The port between the two forms of a message: the bytes that codecs make, and the JSON text that people and browsers
//! write. The core knows no schema; who has descriptors implements [`Transcode`], and a JSON carrier gets it handed in.

use crate::rpc::{Origin, Status};
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

/// Which of a method's two message types is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// What the client sends.
    Request,
    /// What the server sends.
    Response,
}

impl Part {
    /// `request` or `response`, for sentences.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Part::Request => "request",
            Part::Response => "response",
        }
    }
}

/// Turns messages of known methods from one form into the other.
pub trait Transcode: fmt::Debug + Send + Sync {
    /// The bytes of a message that came as JSON text.
    ///
    /// # Errors
    /// When the method is not known here, or the text is not a message of its type.
    fn to_bytes(&self, path: &str, part: Part, json: &str) -> Result<Bytes, TranscodeError>;

    /// Appends the JSON text of a message. What it appended when it fails is for the caller to cut off.
    ///
    /// # Errors
    /// When the method is not known here, or the bytes are not a message of its type.
    fn to_json(
        &self,
        path: &str,
        part: Part,
        message: &[u8],
        json: &mut Vec<u8>,
    ) -> Result<(), TranscodeError>;
}

/// Why a message has no other form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TranscodeError {
    /// No descriptor of this method is at hand.
    UnknownMethod,
    /// The message is not of its type: a sentence that names the method, the field where it is known, and what was
    /// expected.
    Invalid(String),
}

impl TranscodeError {
    /// How a call ends whose message this happened to.
    ///
    /// A peer's message that cannot be read is the caller's mistake when it is a request; anything else is a mistake
    /// of the program that made the message.
    #[must_use]
    pub fn status(&self, path: &str, part: Part, origin: Origin) -> Status {
        let status = match self {
            TranscodeError::UnknownMethod => Status::unimplemented(alloc::format!(
                "this side has no descriptor of {path} that messages in JSON need; send them as `data`, in base64"
            )),
            TranscodeError::Invalid(text) => match (part, origin) {
                (Part::Request, Origin::Peer) => Status::invalid_argument(text.clone()),
                _ => Status::internal(text.clone()),
            },
        };
        status.with_origin(origin)
    }
}

impl fmt::Display for TranscodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TranscodeError::UnknownMethod => f.write_str("no descriptor of this method is known"),
            TranscodeError::Invalid(text) => f.write_str(text),
        }
    }
}

impl core::error::Error for TranscodeError {}

/// Knows no method: messages pass as `data` alone.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoSchema;

impl Transcode for NoSchema {
    fn to_bytes(&self, _: &str, _: Part, _: &str) -> Result<Bytes, TranscodeError> {
        Err(TranscodeError::UnknownMethod)
    }

    fn to_json(&self, _: &str, _: Part, _: &[u8], _: &mut Vec<u8>) -> Result<(), TranscodeError> {
        Err(TranscodeError::UnknownMethod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Code;

    #[test]
    fn a_client_is_told_of_its_mistakes_and_a_program_of_its_own() {
        let invalid = TranscodeError::Invalid("the request of /a/b has no field `c`".into());
        assert_eq!(invalid.status("/a/b", Part::Request, Origin::Peer).code(), Code::InvalidArgument);
        assert_eq!(invalid.status("/a/b", Part::Response, Origin::Peer).code(), Code::Internal);
        assert_eq!(invalid.status("/a/b", Part::Response, Origin::Caller).code(), Code::Internal);
        let unknown = TranscodeError::UnknownMethod.status("/a/b", Part::Request, Origin::Peer);
        assert_eq!(unknown.code(), Code::Unimplemented);
        assert!(unknown.message().contains("/a/b"));
    }
}
