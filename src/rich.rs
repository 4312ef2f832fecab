//! Statuses with details that programs can read: the error model that gRPC services share.
//!
//! The details travel as a `google.rpc.Status` in `grpc-status-details-bin`, so that services and clients in other
//! languages read them too. The usual kinds are types here; any other message can be packed as well.
//!
//! ```
//! use std::collections::HashMap;
//! use zrpc::Status;
//! use zrpc::rich::{BadRequest, Rich, bad_request::FieldViolation};
//!
//! let violation = FieldViolation {
//!     field: "user.email".to_owned(),
//!     description: "must contain an @".to_owned(),
//!     ..FieldViolation::default()
//! };
//! let status = Status::invalid_argument("the user cannot be saved")
//!     .with_rich_detail(&BadRequest { field_violations: vec![violation] });
//!
//! let bad_request: BadRequest = status.rich_detail().expect("it was put in");
//! assert_eq!(bad_request.field_violations[0].field, "user.email");
//! ```
//!
//! What a peer sends may be anything: details that cannot be read are as if they were not there, and the status keeps
//! its code and its message. The bytes themselves are [`Status::details`].

mod generated;

#[doc(inline)]
pub use generated::google::rpc::{
    BadRequest, DebugInfo, ErrorInfo, Help, LocalizedMessage, PreconditionFailure, QuotaFailure, RequestInfo,
    ResourceInfo, RetryInfo, Status as StatusMessage, bad_request, help, precondition_failure, quota_failure,
};

use crate::Status;
use prost::{Message, Name};
use prost_types::Any;

/// Details of a [`Status`], written and read as messages.
pub trait Rich {
    /// Adds a detail to those that are there. Details that could not be read are replaced.
    #[must_use]
    fn with_rich_detail<D: Name>(self, detail: &D) -> Self;

    /// The first detail of this type; none when there is none that can be read.
    fn rich_detail<D: Name + Default>(&self) -> Option<D>;

    /// All details, of whatever types; none when they cannot be read.
    fn rich_details(&self) -> Vec<Any>;
}

impl Rich for Status {
    fn with_rich_detail<D: Name>(self, detail: &D) -> Status {
        let mut details = self.rich_details();
        details.push(Any { type_url: D::type_url(), value: detail.encode_to_vec() });
        let message = StatusMessage { code: self.code() as i32, message: self.message().to_owned(), details };
        self.with_details(message.encode_to_vec())
    }

    fn rich_detail<D: Name + Default>(&self) -> Option<D> {
        let full_name = D::full_name();
        // The part before the last slash says where a type could be looked up, not which type it is.
        let is_meant = |any: &&Any| any.type_url.rsplit('/').next() == Some(&full_name);
        self.rich_details().iter().filter(is_meant).find_map(|any| D::decode(any.value.as_slice()).ok())
    }

    fn rich_details(&self) -> Vec<Any> {
        StatusMessage::decode(self.details()).map(|status| status.details).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    fn retry_after(seconds: i64) -> RetryInfo {
        RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) }
    }

    #[test]
    fn details_come_back_as_they_were_put_in() {
        let info =
            ErrorInfo { reason: "QUOTA".to_owned(), domain: "a.example".to_owned(), ..ErrorInfo::default() };
        let status =
            Status::resource_exhausted("slow down").with_rich_detail(&retry_after(3)).with_rich_detail(&info);
        assert_eq!(status.rich_detail::<RetryInfo>(), Some(retry_after(3)));
        assert_eq!(status.rich_detail::<ErrorInfo>(), Some(info));
        assert_eq!(status.rich_detail::<BadRequest>(), None);
        let urls: Vec<String> = status.rich_details().into_iter().map(|any| any.type_url).collect();
        assert_eq!(
            urls,
            ["type.googleapis.com/google.rpc.RetryInfo", "type.googleapis.com/google.rpc.ErrorInfo"]
        );
    }

    #[test]
    fn the_bytes_are_those_that_other_languages_write() {
        // google.rpc.Status { code: 8, message: "no", details: [RetryInfo { retry_delay: { seconds: 3 } }] }
        let mut expected =
            b"\x08\x08\x12\x02no\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo".to_vec();
        expected.extend(b"\x12\x04\x0a\x02\x08\x03");
        let status = Status::resource_exhausted("no").with_rich_detail(&retry_after(3));
        assert_eq!(status.details(), expected);
    }

    #[test]
    fn details_that_cannot_be_read_leave_the_status_as_it_is() {
        for garbage in [&b"\xff\xff\xff"[..], b"\x0a", b"\x1a\x7f", b"\x08", &[0x80; 64]] {
            let status = Status::new(Code::Aborted, "lost a race").with_details(garbage.to_vec());
            assert_eq!(status.rich_details(), []);
            assert_eq!(status.rich_detail::<RetryInfo>(), None);
            assert_eq!(
                (status.code(), status.message(), status.details()),
                (Code::Aborted, "lost a race", garbage)
            );
            assert_eq!(status.with_rich_detail(&retry_after(1)).rich_detail(), Some(retry_after(1)));
        }
    }

    #[test]
    fn a_detail_of_the_right_name_and_the_wrong_bytes_is_passed_over() {
        let broken = Any { type_url: RetryInfo::type_url(), value: vec![0xff] };
        let whole = Any {
            type_url: "elsewhere/google.rpc.RetryInfo".to_owned(),
            ..Any::from_msg(&retry_after(2)).expect("fits")
        };
        let message = StatusMessage { details: vec![broken, whole], ..StatusMessage::default() };
        let status = Status::unavailable("later").with_details(message.encode_to_vec());
        assert_eq!(status.rich_detail(), Some(retry_after(2)));
    }
}
