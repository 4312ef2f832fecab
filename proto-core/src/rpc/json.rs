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
    /// The number of a method that is known here, by its path; the number is asked for once a call.
    fn find(&self, path: &str) -> Option<u32>;

    /// The bytes of a message that came as JSON text.
    ///
    /// # Errors
    /// When the text is not a message of the method's type.
    fn to_bytes(&self, method: u32, part: Part, json: &str) -> Result<Bytes, TranscodeError>;

    /// Appends the JSON text of a message. What it appended when it fails is for the caller to cut off.
    ///
    /// # Errors
    /// When the bytes are not a message of the method's type, or it has no form in JSON.
    fn to_json(
        &self,
        method: u32,
        part: Part,
        message: &[u8],
        json: &mut Vec<u8>,
    ) -> Result<(), TranscodeError>;
}

/// Why a message has no other form: a sentence that names the method, the field where it is known, and what was expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TranscodeError(pub String);

impl TranscodeError {
    /// How a call ends whose message came and cannot be read: a request is its client's mistake, a response is not.
    #[must_use]
    pub fn into_status(self, part: Part) -> Status {
        match part {
            Part::Request => Status::invalid_argument(self.0),
            Part::Response => Status::internal(self.0),
        }
        .with_origin(Origin::Library)
    }
}

impl fmt::Display for TranscodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for TranscodeError {}

/// Knows no method: messages pass as `data` alone.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoSchema;

impl Transcode for NoSchema {
    fn find(&self, _: &str) -> Option<u32> {
        None
    }

    fn to_bytes(&self, _: u32, _: Part, _: &str) -> Result<Bytes, TranscodeError> {
        Err(TranscodeError("this side knows no schema".into()))
    }

    fn to_json(&self, _: u32, _: Part, _: &[u8], _: &mut Vec<u8>) -> Result<(), TranscodeError> {
        Err(TranscodeError("this side knows no schema".into()))
    }
}

/// How a call ends whose message came in JSON although this side knows no schema of its method.
#[must_use]
pub fn no_schema() -> Status {
    let text =
        "this side has no descriptor of the method, which a `message` needs; send it as `data`, in base64";
    Status::unimplemented(text).with_origin(Origin::Library)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::Code;

    #[test]
    fn a_client_is_told_of_its_mistakes_and_a_server_that_errs_is_not_its_client() {
        let error = TranscodeError("the request of /a/b has no field `c`".into());
        let request = error.clone().into_status(Part::Request);
        assert_eq!((request.code(), request.message()), (Code::InvalidArgument, &*error.0));
        assert_eq!(error.into_status(Part::Response).code(), Code::Internal);
    }
}
