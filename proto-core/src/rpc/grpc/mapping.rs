//! Codes of the layers below, as statuses. Each table is the gRPC protocol document's.

use crate::rpc::streams::{Reset, StreamEnd};
use crate::rpc::{Code, Origin, Status};
use alloc::format;

/// The code for an HTTP status; used only where no `grpc-status` came.
pub(super) fn code_for_http(status: u16) -> Code {
    match status {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The same for gRPC-Web. On HTTP/1.1 a head beyond the limit ends its connection, and only the HTTP status can say why
/// (RFC 6585 §5); on HTTP/2 gRPC says it by this code.
pub(super) fn code_for_web(status: u16) -> Code {
    match status {
        431 => Code::ResourceExhausted,
        other => code_for_http(other),
    }
}

/// The status of a call whose stream ended before its status came.
pub(super) fn status_for_end(end: StreamEnd) -> Status {
    let peer = |code, text| Status::new(code, text).with_origin(Origin::Peer);
    match end {
        StreamEnd::Finished => peer(Code::Internal, "the server ended the stream without a status"),
        StreamEnd::ResetByPeer(reset) => status_for_reset(reset),
        StreamEnd::ResetByUs => Status::cancelled("the stream was reset by this side"),
        StreamEnd::NotProcessed => Status::unavailable("the server went away before it processed the call")
            .with_origin(Origin::Transport)
            .with_safe_to_retry(),
        StreamEnd::Violation(text) => {
            Status::internal(format!("the peer broke the protocol: {text}")).with_origin(Origin::Library)
        }
    }
}

fn status_for_reset(reset: Reset) -> Status {
    let status = match reset {
        Reset::Refused => Status::unavailable("the server refused the stream").with_safe_to_retry(),
        Reset::Cancel => Status::cancelled("the peer cancelled the stream"),
        Reset::EnhanceYourCalm => Status::resource_exhausted("the peer reset the stream: enhance your calm"),
        Reset::InadequateSecurity => {
            Status::permission_denied("the peer reset the stream: inadequate security")
        }
        Reset::NoError | Reset::Internal => Status::internal("the peer reset the stream"),
        Reset::Other => Status::unknown("the peer reset the stream with a code that gRPC does not map"),
    };
    status.with_origin(Origin::Peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_statuses_map_as_the_protocol_document_says() {
        let table = [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (200, Code::Unknown),
            (431, Code::Unknown),
            (500, Code::Unknown),
        ];
        for (http, code) in table {
            assert_eq!(code_for_http(http), code, "{http}");
        }
    }

    #[test]
    fn only_streams_that_were_not_processed_are_safe_to_retry() {
        for (end, code, safe) in [
            (StreamEnd::NotProcessed, Code::Unavailable, true),
            (StreamEnd::ResetByPeer(Reset::Refused), Code::Unavailable, true),
            (StreamEnd::ResetByPeer(Reset::Cancel), Code::Cancelled, false),
            (StreamEnd::ResetByPeer(Reset::EnhanceYourCalm), Code::ResourceExhausted, false),
            (StreamEnd::ResetByPeer(Reset::InadequateSecurity), Code::PermissionDenied, false),
            (StreamEnd::ResetByPeer(Reset::NoError), Code::Internal, false),
            (StreamEnd::ResetByPeer(Reset::Internal), Code::Internal, false),
            (StreamEnd::ResetByPeer(Reset::Other), Code::Unknown, false),
            (StreamEnd::Finished, Code::Internal, false),
        ] {
            let status = status_for_end(end);
            assert_eq!((status.code(), status.safe_to_retry()), (code, safe), "{end:?}");
        }
    }
}
