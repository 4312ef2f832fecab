//! What a call of gRPC-Web does otherwise: who may make it, how its answer is announced, and how its messages and its
//! status leave.

use crate::base::{Fields, Flow, Misuse};
use crate::rpc::Status;
use crate::rpc::grpc_web::cors::Allowed;
use crate::rpc::grpc_web::{ONE_MESSAGE, WebConfig, WebForm, text, trailer_frame};
use crate::rpc::message::PREFIX_LEN;
use crate::rpc::streams::Streams;
use alloc::borrow::Cow;
use bytes::{Buf, Bytes};

/// What a server remembers of a call of gRPC-Web.
#[derive(Clone, Debug)]
pub(super) struct WebCall {
    /// The form of the answer.
    pub(super) form: WebForm,
    allowed: Allowed,
}

impl WebCall {
    /// A call whose request has this form, if its origin may make it.
    pub(super) fn admit(
        config: &WebConfig,
        request: &Fields,
        authority: &str,
        form: WebForm,
    ) -> Result<WebCall, Cow<'static, str>> {
        let allowed = config.cors.admit(request.value(b"origin"), authority.as_bytes())?;
        Ok(WebCall { form: form.accepted(request.value(b"accept")), allowed })
    }

    /// Adds to a response's head what lets a page read it.
    pub(super) fn write_head(&self, head: &mut Fields) {
        self.allowed.write(head);
    }
}

/// Answers a preflight, where it is one; `Err` says why the page may not call.
pub(super) fn preflight(
    config: &WebConfig,
    request: &Fields,
    answer: &mut Fields,
) -> Option<Result<(), Cow<'static, str>>> {
    let is_preflight = request.value(b":method") == Some(b"OPTIONS") && request.value(b"origin").is_some();
    is_preflight.then(|| config.cors.preflight(request, answer))
}

/// The fields of a request that are the protocol's own, and no metadata.
pub(super) const REQUEST_FIELDS: [&str; 2] = ["x-grpc-web", "accept"];

/// A reply's head without what it tells browsers, which is no metadata either.
pub(super) fn without_policy(head: &Fields) -> Fields {
    let is_policy = |name: &[u8]| name == b"vary" || name.starts_with(b"access-control-");
    head.iter().filter(|field| !is_policy(field.name)).collect()
}

/// Sends a message, in base64 where that is the form.
pub(super) fn send_message(
    form: WebForm,
    stream: u64,
    prefix: [u8; PREFIX_LEN],
    payload: Bytes,
    streams: &mut dyn Streams,
) -> Result<Flow, Misuse> {
    let (prefix, payload) = in_form(form, prefix, payload);
    streams.send_message(stream, prefix, payload)
}

/// Sends a status as the last frame of the body.
pub(super) fn send_trailers(
    form: WebForm,
    stream: u64,
    trailers: &Fields,
    streams: &mut dyn Streams,
) -> Result<(), Misuse> {
    let lines = trailer_frame::encode(trailers);
    if lines.len() > trailer_frame::BYTES_MAX {
        return Err(Misuse::TooLarge { size: lines.len(), limit: trailer_frame::BYTES_MAX });
    }
    let (prefix, payload) = in_form(form, trailer_frame::prefix(lines.len()), lines);
    streams.send_last(stream, prefix, payload)
}

/// Base64 is sent through the same door: its first characters are what goes before the rest.
fn in_form(form: WebForm, prefix: [u8; PREFIX_LEN], payload: Bytes) -> ([u8; PREFIX_LEN], Bytes) {
    if form == WebForm::Binary {
        return (prefix, payload);
    }
    let mut text = text::encode(&prefix, &payload);
    let first = text.first_chunk().copied().unwrap_or(prefix);
    text.advance(PREFIX_LEN.min(text.len()));
    (first, text)
}

/// The status of a request that sent a second message.
pub(super) fn one_message() -> Status {
    Status::unimplemented(ONE_MESSAGE)
}
