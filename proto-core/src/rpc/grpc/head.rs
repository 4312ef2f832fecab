//! The heads of requests and responses, written and read.

use crate::base::{Fields, Time};
use crate::rpc::grpc::web;
use crate::rpc::grpc_web::WebForm;
use crate::rpc::session::StartCall;
use crate::rpc::{Encoding, Metadata, Origin, Status, timeout};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

/// Bytes of a content type that a response repeats.
const CONTENT_TYPE_BYTES_MAX: usize = 64;

/// What every request of a client says alike.
#[derive(Clone, Debug)]
pub struct RequestDefaults {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The authority, such as `localhost:50051`.
    pub authority: String,
    /// What `user-agent` says; the application's name first, the library's after it.
    pub user_agent: String,
    /// The form of gRPC-Web to speak; plain gRPC without one.
    pub web: Option<WebForm>,
}

/// A set of encodings.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Encodings(u8);

impl Encodings {
    pub(super) fn contains(self, encoding: Encoding) -> bool {
        self.0 & (1 << encoding as u8) != 0
    }

    /// Reads `grpc-accept-encoding`; names that are not known are passed over.
    fn parse(text: &[u8]) -> Encodings {
        let names = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        Encodings(names.filter_map(Encoding::from_name).fold(0, |set, encoding| set | 1 << encoding as u8))
    }
}

/// What `grpc-accept-encoding` of this build says.
pub(super) const ACCEPTED: &[u8] = match (cfg!(feature = "gzip"), cfg!(feature = "zstd")) {
    (true, true) => b"identity,gzip,deflate,zstd",
    (true, false) => b"identity,gzip,deflate",
    (false, true) => b"identity,zstd",
    (false, false) => b"identity",
};

/// Writes a request's head.
pub(super) fn write_request(
    fields: &mut Fields,
    defaults: &RequestDefaults,
    start: &StartCall<'_>,
    now: Time,
) {
    fields.add(b":method", b"POST");
    fields.add(b":scheme", defaults.scheme.as_bytes());
    fields.add(b":path", start.path.as_bytes());
    fields.add(b":authority", defaults.authority.as_bytes());
    match defaults.web {
        None => {
            fields.add(b"te", b"trailers");
            fields.add(b"content-type", b"application/grpc");
        }
        Some(form) => {
            fields.add(b"content-type", form.content_type().as_bytes());
            fields.add(b"accept", form.content_type().as_bytes());
            fields.add(b"x-grpc-web", b"1");
        }
    }
    if !defaults.user_agent.is_empty() {
        fields.add(b"user-agent", defaults.user_agent.as_bytes());
    }
    if let Some(deadline) = start.deadline {
        let text = timeout::emit(deadline.saturating_since(now));
        fields.add(b"grpc-timeout", text.as_bytes());
    }
    if let Some(encoding) = start.compression {
        fields.add(b"grpc-encoding", encoding.name().as_bytes());
    }
    if ACCEPTED != b"identity" {
        fields.add(b"grpc-accept-encoding", ACCEPTED);
    }
    for field in start.metadata.fields() {
        fields.push(field);
    }
}

/// Writes a response's head; `content_type` is the request's.
pub(super) fn write_response(
    fields: &mut Fields,
    content_type: &str,
    metadata: &Metadata,
    encoding: Option<Encoding>,
) {
    fields.add(b":status", b"200");
    fields.add(b"content-type", content_type.as_bytes());
    if let Some(encoding) = encoding {
        fields.add(b"grpc-encoding", encoding.name().as_bytes());
    }
    for field in metadata.fields() {
        fields.push(field);
    }
}

/// What a server reads in a request's head.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestParts {
    pub(super) path: String,
    pub(super) authority: String,
    /// What the response is announced as: the request's own content type, sub-type and all.
    pub(super) content_type: String,
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<Time>,
    pub(super) encoding: Option<Encoding>,
    pub(super) accepts: Encodings,
    /// It is gRPC-Web, of this form.
    pub(super) web: Option<WebForm>,
}

impl RequestParts {
    /// Forgets everything; keeps the buffers.
    pub(super) fn clear(&mut self) {
        self.path.clear();
        self.authority.clear();
        self.content_type.clear();
        self.metadata.clear();
        self.deadline = None;
        self.encoding = None;
        self.accepts = Encodings::default();
        self.web = None;
    }

    /// Bytes of heap memory held.
    pub(super) fn memory(&self) -> usize {
        self.path.capacity()
            + self.authority.capacity()
            + self.content_type.capacity()
            + self.metadata.fields().capacity()
    }
}

/// Which requests a server takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Takes {
    /// Plain gRPC.
    Grpc,
    /// gRPC-Web.
    Web,
    /// Either.
    Both,
}

/// Why a request is no gRPC call that can be served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It is no gRPC at all: an HTTP status answers it.
    Http(HttpRefusal),
    /// It is gRPC: a status answers it.
    Status(Status),
}

/// HTTP's own ways to refuse a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum HttpRefusal {
    /// 405: gRPC calls are POST requests.
    Method,
    /// 415: the content type is not gRPC's.
    ContentType,
    /// 403: a page of this origin may not call, or not like this: why.
    Origin(Cow<'static, str>),
}

impl HttpRefusal {
    /// What was wrong, for logs.
    pub(super) fn text(&self) -> Cow<'static, str> {
        match self {
            HttpRefusal::Method => "a request has another method than POST".into(),
            HttpRefusal::ContentType => "the content type of a request is none that is served".into(),
            HttpRefusal::Origin(why) => why.clone(),
        }
    }
}

/// Writes the answer to a request that is no gRPC.
pub(super) fn write_refusal(fields: &mut Fields, refusal: &HttpRefusal) {
    match refusal {
        HttpRefusal::Method => {
            fields.add(b":status", b"405");
            // RFC 9110 §15.5.6: a 405 response MUST say which methods are allowed.
            fields.add(b"allow", b"POST");
        }
        HttpRefusal::ContentType => fields.add(b":status", b"415"),
        HttpRefusal::Origin(_) => fields.add(b":status", b"403"),
    }
}

/// Reads a request's head. Of an `oversized` one the fields beyond the limit are missing.
pub(super) fn read_request(
    fields: &Fields,
    oversized: bool,
    takes: Takes,
    now: Time,
    parts: &mut RequestParts,
) -> Result<(), Refusal> {
    let mut content_type: &[u8] = b"";
    let mut post = false;
    let mut malformed_timeout = false;
    let mut unknown_encoding = None;
    for field in fields {
        match field.name {
            b":method" => post = field.value == b"POST",
            b":path" => push_text(&mut parts.path, field.value),
            b":authority" => push_text(&mut parts.authority, field.value),
            b"host" if parts.authority.is_empty() => push_text(&mut parts.authority, field.value),
            b"content-type" => content_type = field.value,
            b"grpc-timeout" => match timeout::parse(field.value) {
                Some(timeout) => parts.deadline = Some(now + timeout),
                None => malformed_timeout = true,
            },
            b"grpc-encoding" if field.value != b"identity" => match Encoding::from_name(field.value) {
                Some(encoding) if encoding.is_built_in() => parts.encoding = Some(encoding),
                _ => unknown_encoding = Some(String::from_utf8_lossy(field.value).into_owned()),
            },
            b"grpc-accept-encoding" => parts.accepts = Encodings::parse(field.value),
            name if name.starts_with(b":") => {}
            _ => {
                parts.metadata.take_from_wire(field);
            }
        }
    }
    parts.content_type.push_str(answered_content_type(content_type));
    // A content type beyond the limit is not known, and whoever fills the limit most likely speaks gRPC.
    let is_unknown = oversized && content_type.is_empty();
    if !is_unknown && (takes == Takes::Web || !is_grpc(content_type)) {
        parts.web = WebForm::of(content_type).filter(|_| takes != Takes::Grpc);
        if parts.web.is_none() {
            return Err(Refusal::Http(HttpRefusal::ContentType));
        }
        web::REQUEST_FIELDS.iter().for_each(|name| parts.metadata.remove(name));
    }
    if !post {
        return Err(Refusal::Http(HttpRefusal::Method));
    }
    if oversized {
        let text = "the request's metadata exceeds the limit";
        return Err(Refusal::Status(Status::resource_exhausted(text).with_origin(Origin::Library)));
    }
    if malformed_timeout {
        let text = "grpc-timeout is malformed: 1 to 8 digits and one of H M S m u n are expected";
        return Err(Refusal::Status(Status::internal(text)));
    }
    if let Some(name) = unknown_encoding {
        let text = format!("the encoding {name:?} is not supported; see grpc-accept-encoding");
        return Err(Refusal::Status(Status::unimplemented(text)));
    }
    Ok(())
}

/// Whether a content type is gRPC's: `application/grpc`, then nothing, `+` or `;`.
pub(super) fn is_grpc(content_type: &[u8]) -> bool {
    let rest = match content_type.split_at_checked(b"application/grpc".len()) {
        Some((base, rest)) if base.eq_ignore_ascii_case(b"application/grpc") => rest,
        _ => return false,
    };
    matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// The content type of the answer to a request with this one. A sub-type comes back as it came, unless it is absurd.
fn answered_content_type(content_type: &[u8]) -> &str {
    match core::str::from_utf8(content_type) {
        Ok(text) if is_grpc(content_type) && text.len() <= CONTENT_TYPE_BYTES_MAX => text,
        _ => "application/grpc",
    }
}

/// Whether a reply of this content type holds what was asked for: protobuf, which goes without a sub-type or as `proto`.
pub(super) fn is_expected(content_type: &[u8]) -> bool {
    let base = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    [&b"application/grpc"[..], b"application/grpc+proto"].iter().any(|name| base.eq_ignore_ascii_case(name))
}

/// Header values that arrive are any bytes; as text, what is no UTF-8 is marked.
fn push_text(text: &mut String, value: &[u8]) {
    match core::str::from_utf8(value) {
        Ok(value) => text.push_str(value),
        Err(_) => text.push_str(&String::from_utf8_lossy(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Field;
    use core::time::Duration;

    fn read(list: &[(&str, &str)]) -> Result<RequestParts, Refusal> {
        let head = [(":method", "POST"), (":path", "/s/m"), ("content-type", "application/grpc")];
        let fields: Fields = list
            .iter()
            .chain(head.iter().filter(|(name, _)| !list.iter().any(|(other, _)| other == name)))
            .map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()))
            .collect();
        let mut parts = RequestParts::default();
        read_request(&fields, false, Takes::Grpc, Time::START, &mut parts).map(|()| parts)
    }

    #[test]
    fn content_types_are_grpc_just_when_the_protocol_document_says_so() {
        for yes in ["application/grpc", "application/grpc+proto", "application/grpc;x=y", "Application/gRPC"]
        {
            assert!(read(&[("content-type", yes)]).is_ok(), "{yes}");
        }
        for no in ["", "application/grpcfoo", "application/grpc-web", "text/plain", "application/json"] {
            let refusal = Some(Refusal::Http(HttpRefusal::ContentType));
            assert_eq!(read(&[("content-type", no)]).err(), refusal, "{no}");
        }
        assert_eq!(read(&[(":method", "GET")]).err(), Some(Refusal::Http(HttpRefusal::Method)));
    }

    #[test]
    fn a_sub_type_comes_back_as_it_came_unless_it_is_absurd() {
        let answered = |text: &str| read(&[("content-type", text)]).map(|parts| parts.content_type);
        assert_eq!(answered("application/grpc").as_deref(), Ok("application/grpc"));
        assert_eq!(answered("application/grpc+proto").as_deref(), Ok("application/grpc+proto"));
        assert_eq!(answered("application/grpc+json;v=1").as_deref(), Ok("application/grpc+json;v=1"));
        let absurd = format!("application/grpc+{}", "x".repeat(1000));
        assert_eq!(answered(&absurd).as_deref(), Ok("application/grpc"));
    }

    #[test]
    fn a_head_gives_deadline_metadata_and_encodings() {
        let parts = read(&[
            ("grpc-timeout", "5m"),
            ("k", "v"),
            ("grpc-internal", "hidden"),
            ("grpc-accept-encoding", "gzip , br,deflate"),
        ])
        .unwrap();
        assert_eq!(parts.deadline, Some(Time::START + Duration::from_millis(5)));
        assert_eq!(parts.metadata.iter().collect::<alloc::vec::Vec<_>>(), [("k", "v")]);
        assert!(parts.accepts.contains(Encoding::Gzip) && parts.accepts.contains(Encoding::Deflate));
        assert!(!parts.accepts.contains(Encoding::Zstd));
        assert!(matches!(read(&[("grpc-timeout", "5")]), Err(Refusal::Status(_))));
        assert!(matches!(read(&[("grpc-encoding", "br")]), Err(Refusal::Status(_))));
    }
}
