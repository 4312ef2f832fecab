//! gRPC-Web: what browsers can do of gRPC. The status comes in the body, the body may be base64, a request has one message.
//!
//! ```text
//! request   POST /package.Service/Method, content-type application/grpc-web+proto or application/grpc-web-text+proto
//!           flag length message
//! response  :status 200, content-type likewise
//!           (flag length message)*
//!           0x80 length "grpc-status: 0" CRLF ..           or the status in the head, with no body: Trailers-Only
//! ```
//!
//! The call engines of [`crate::rpc::grpc`] speak it beside plain gRPC; here is what differs.

pub mod cors;
pub mod text;
pub mod trailer_frame;

pub use cors::{Cors, Keys, Origins};

/// What a caller is told that wants to send more than one message.
pub(crate) const ONE_MESSAGE: &str = "gRPC-Web carries one message a request, so that only unary and server-streaming \
     methods can be called; use gRPC, WebSocket or the native protocol for the others";

/// Whether a body is sent as it is or in base64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WebForm {
    /// `application/grpc-web`: bytes as they are.
    Binary,
    /// `application/grpc-web-text`: base64, for what cannot read bytes as they come.
    Text,
}

impl WebForm {
    /// What content of this form is announced as.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            WebForm::Binary => "application/grpc-web+proto",
            WebForm::Text => "application/grpc-web-text+proto",
        }
    }

    /// The form that a content type announces; `None` when it is no gRPC-Web with protobuf.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<WebForm> {
        let base = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |names: [&str; 2]| names.iter().any(|name| base.eq_ignore_ascii_case(name.as_bytes()));
        match () {
            () if is(["application/grpc-web", "application/grpc-web+proto"]) => Some(WebForm::Binary),
            () if is(["application/grpc-web-text", "application/grpc-web-text+proto"]) => Some(WebForm::Text),
            () => None,
        }
    }

    /// The form that a client accepts for the answer to a request of this form: the first that `accept` names.
    #[must_use]
    pub fn accepted(self, accept: Option<&[u8]>) -> WebForm {
        let named = accept.unwrap_or_default().split(|byte| *byte == b',').find_map(WebForm::of);
        named.unwrap_or(self)
    }
}

/// What a server does with gRPC-Web, where it is enabled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebConfig {
    /// Which pages of other origins may call.
    pub cors: Cors,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_grpc_web_with_protobuf_or_nothing() {
        for (text, form) in [
            ("application/grpc-web", Some(WebForm::Binary)),
            ("Application/gRPC-Web+Proto; charset=x", Some(WebForm::Binary)),
            ("application/grpc-web-text", Some(WebForm::Text)),
            ("application/grpc-web-text+proto", Some(WebForm::Text)),
            ("application/grpc-web+json", None),
            ("application/grpc-web-texts", None),
            ("application/grpc", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(WebForm::of(text.as_bytes()), form, "{text}");
        }
    }

    #[test]
    fn accept_decides_the_form_of_the_answer() {
        let accepted = |accept: &str| WebForm::Binary.accepted(Some(accept.as_bytes()));
        assert_eq!(accepted("application/grpc-web-text, application/grpc-web"), WebForm::Text);
        assert_eq!(accepted("*/*"), WebForm::Binary);
        assert_eq!(WebForm::Text.accepted(None), WebForm::Text);
    }
}
