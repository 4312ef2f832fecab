//! How a call ended: code, message, details, who caused it, and whether it may be tried again.

use crate::rpc::{Code, Metadata};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use bytes::Bytes;
use core::fmt;

/// Who caused a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Origin {
    /// Code on this side that uses zRPC: a handler's status, a cancelled or misused call, a passed deadline.
    #[default]
    Caller,
    /// The other side said so.
    Peer,
    /// zRPC on this side: a limit, or something the peer sent that breaks the protocol.
    Library,
    /// The connection: unreachable, reset, timed out.
    Transport,
}

/// How a call ended.
///
/// An OK status is 16 bytes and holds no heap memory; anything more is one box.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    code: Code,
    rest: Option<Box<Rest>>,
}

#[derive(Clone, PartialEq, Eq, Default)]
struct Rest {
    message: Cow<'static, str>,
    details: Bytes,
    metadata: Metadata,
    origin: Origin,
    safe_to_retry: bool,
}

impl Status {
    /// The call succeeded.
    pub const OK: Status = Status { code: Code::Ok, rest: None };

    /// A status with a message for people.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Status {
        let message = message.into();
        if message.is_empty() {
            return Status { code, rest: None };
        }
        Status { code, rest: Some(Box::new(Rest { message, ..Rest::default() })) }
    }

    /// Attaches a serialised `google.rpc.Status`, which travels as `grpc-status-details-bin`.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<Bytes>) -> Status {
        self.rest_mut().details = details.into();
        self
    }

    /// Attaches metadata that travels in the trailers.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Status {
        self.rest_mut().metadata = metadata;
        self
    }

    /// Says who caused it.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Status {
        self.rest_mut().origin = origin;
        self
    }

    /// Says that the peer's application has not seen the call, so that trying again cannot do it twice.
    #[must_use]
    pub fn with_safe_to_retry(mut self) -> Status {
        self.rest_mut().safe_to_retry = true;
        self
    }

    /// The status code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Whether the code is OK.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == Code::Ok
    }

    /// The message for people; may be empty.
    #[must_use]
    pub fn message(&self) -> &str {
        self.rest.as_ref().map_or("", |rest| &rest.message)
    }

    /// A serialised `google.rpc.Status`; empty when there is none.
    #[must_use]
    pub fn details(&self) -> &[u8] {
        self.rest.as_ref().map_or(&[], |rest| &rest.details)
    }

    /// The metadata that came, or goes, with the status.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        const NONE: &Metadata = &Metadata::new();
        self.rest.as_ref().map_or(NONE, |rest| &rest.metadata)
    }

    /// Who caused it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.rest.as_ref().map_or(Origin::Caller, |rest| rest.origin)
    }

    /// Whether it is known that the peer's application never saw the call.
    #[must_use]
    pub fn safe_to_retry(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.safe_to_retry)
    }

    /// Whether a channel makes the call again by itself, on another connection: the server has not seen it, and it was
    /// the connection that failed. gRPC's transparent retry (gRFC A6).
    #[must_use]
    pub fn is_retried_unseen(&self) -> bool {
        self.code == Code::Unavailable && self.safe_to_retry()
    }

    fn rest_mut(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident $code:ident,)*) => {
        impl Status {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(message: impl Into<Cow<'static, str>>) -> Status {
                Status::new(Code::$code, message)
            })*
        }
    };
}

constructors! {
    /// CANCELLED with a message.
    cancelled Cancelled,
    /// UNKNOWN with a message.
    unknown Unknown,
    /// INVALID_ARGUMENT with a message.
    invalid_argument InvalidArgument,
    /// DEADLINE_EXCEEDED with a message.
    deadline_exceeded DeadlineExceeded,
    /// NOT_FOUND with a message.
    not_found NotFound,
    /// ALREADY_EXISTS with a message.
    already_exists AlreadyExists,
    /// PERMISSION_DENIED with a message.
    permission_denied PermissionDenied,
    /// RESOURCE_EXHAUSTED with a message.
    resource_exhausted ResourceExhausted,
    /// FAILED_PRECONDITION with a message.
    failed_precondition FailedPrecondition,
    /// ABORTED with a message.
    aborted Aborted,
    /// OUT_OF_RANGE with a message.
    out_of_range OutOfRange,
    /// UNIMPLEMENTED with a message.
    unimplemented Unimplemented,
    /// INTERNAL with a message.
    internal Internal,
    /// UNAVAILABLE with a message.
    unavailable Unavailable,
    /// DATA_LOSS with a message.
    data_loss DataLoss,
    /// UNAUTHENTICATED with a message.
    unauthenticated Unauthenticated,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            "" => self.code.fmt(f),
            message => write!(f, "{}: {message}", self.code),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("code", &self.code)
            .field("message", &self.message())
            .field("details_bytes", &self.details().len())
            .field("origin", &self.origin())
            .field("safe_to_retry", &self.safe_to_retry())
            .finish()
    }
}

impl core::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unavailable_call_that_the_server_has_not_seen_is_made_again() {
        assert!(Status::unavailable("gone").with_safe_to_retry().is_retried_unseen());
        assert!(!Status::unavailable("gone").is_retried_unseen());
        assert!(!Status::resource_exhausted("too large").with_safe_to_retry().is_retried_unseen());
    }

    #[test]
    fn a_status_takes_sixteen_bytes() {
        assert_eq!(size_of::<Status>(), 16);
        assert_eq!(size_of::<Option<Status>>(), 16);
    }
}
