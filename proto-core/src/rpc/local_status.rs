//! How calls end that this side ends: the same code, words and cause whichever driver or session it is.
//!
//! What the peer or the carrier says about a call is read elsewhere; here is what this side finds by itself.

use crate::base::Misuse;
use crate::rpc::grpc_web::ONE_MESSAGE;
use crate::rpc::{Code, Origin, Status};
use alloc::format;
use alloc::string::ToString;
use core::fmt;

/// A session refused a command for the call. Whoever knows that the call was not started yet adds that it is safe
/// to retry.
#[must_use]
pub fn refused(misuse: Misuse) -> Status {
    let (code, origin) = match misuse {
        Misuse::TooLarge { .. } => (Code::ResourceExhausted, Origin::Library),
        Misuse::Unsupported(_) => (Code::Unimplemented, Origin::Library),
        Misuse::Closed | Misuse::Draining | Misuse::Exhausted => (Code::Unavailable, Origin::Transport),
        _ => (Code::Internal, Origin::Caller),
    };
    Status::new(code, misuse.to_string()).with_origin(origin)
}

/// A message was to be sent on a call that is over. A call that ended well takes no more messages either.
#[must_use]
pub fn not_sent(over: &Status) -> Status {
    if over.is_ok() {
        return Status::cancelled("the call is over; the message was not sent");
    }
    over.clone()
}

/// The call's deadline passed while it was under way.
#[must_use]
pub fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the deadline passed before the call was over")
}

/// No connection could be made, so that the server surely has not seen the call.
#[must_use]
pub fn unreachable(endpoint: &str, cause: impl fmt::Display) -> Status {
    Status::unavailable(format!("{endpoint} cannot be reached: {cause}"))
        .with_origin(Origin::Transport)
        .with_safe_to_retry()
}

/// The call's deadline passed before there was a connection.
#[must_use]
pub fn late_connection(endpoint: &str) -> Status {
    Status::deadline_exceeded(format!("the deadline passed while connecting to {endpoint}"))
        .with_origin(Origin::Transport)
        .with_safe_to_retry()
}

/// The connection was closed as intended, and takes the call along.
#[must_use]
pub fn connection_closed() -> Status {
    Status::unavailable("the connection was closed").with_origin(Origin::Transport)
}

/// The same, by a command on this side.
#[must_use]
pub fn closed_here() -> Status {
    Status::cancelled("the connection was closed by this side")
}

/// The connection broke.
#[must_use]
pub fn connection_lost() -> Status {
    Status::unavailable("the connection was lost").with_origin(Origin::Transport)
}

/// The connection was ended by this side for what the peer did.
#[must_use]
pub fn connection_broken(violation: impl fmt::Display) -> Status {
    Status::unavailable(format!("the connection was ended: {violation}")).with_origin(Origin::Library)
}

/// The peer ended the connection with an error, and perhaps a word about it.
#[must_use]
pub fn ended_by_peer(code: &str, text: &str) -> Status {
    let colon = if text.is_empty() { "" } else { ": " };
    Status::unavailable(format!("the peer ended the connection with {code}{colon}{text}"))
        .with_origin(Origin::Peer)
}

/// Nothing serves this path; `offers` says whether a service of this name is there.
#[must_use]
pub fn not_served(path: &str, offers: impl FnOnce(&str) -> bool) -> Status {
    let service = path.strip_prefix('/').and_then(|path| path.rsplit_once('/')).map(|(service, _)| service);
    let text = match service {
        Some(service) if offers(service) => format!("service {service} has no method {path}"),
        Some(service) => format!("service {service} is not offered here"),
        None => format!("{path} is not the path of a method; it should read /package.Service/Method"),
    };
    Status::unimplemented(text).with_origin(Origin::Library)
}

/// The carrier of the call has one message a request, and the method takes more.
#[must_use]
pub fn no_request_stream() -> Status {
    Status::unimplemented(ONE_MESSAGE).with_origin(Origin::Library)
}

/// Whether a session takes a call that sends more than one message.
///
/// # Errors
/// `Unsupported`, with what to use instead.
pub fn check_request_stream(takes_request_streams: bool) -> Result<(), Misuse> {
    if takes_request_streams { Ok(()) } else { Err(Misuse::Unsupported(ONE_MESSAGE)) }
}

/// The service knows the method, and its code does not.
#[must_use]
pub fn not_implemented(path: &str) -> Status {
    Status::unimplemented(format!("{path} is not implemented by this service"))
}

/// Generated code and descriptor disagree about the method's kind.
#[must_use]
pub fn kind_mismatch(path: &str) -> Status {
    let text =
        format!("{path} is handled as another kind of method than its descriptor says; generate it anew");
    Status::internal(text).with_origin(Origin::Library)
}

/// The handler panicked. What it said stays on this side.
#[must_use]
pub fn panicked() -> Status {
    Status::internal("the handler panicked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_command_says_whose_fault_it_is() {
        for (misuse, code, origin) in [
            (Misuse::TooLarge { size: 2, limit: 1 }, Code::ResourceExhausted, Origin::Library),
            (Misuse::Closed, Code::Unavailable, Origin::Transport),
            (Misuse::Draining, Code::Unavailable, Origin::Transport),
            (Misuse::Exhausted, Code::Unavailable, Origin::Transport),
            (Misuse::InvalidField("its name is empty"), Code::Internal, Origin::Caller),
            (Misuse::Unsupported("no attachments here"), Code::Unimplemented, Origin::Library),
        ] {
            let status = refused(misuse);
            assert_eq!((status.code(), status.origin()), (code, origin), "{misuse:?}");
            assert_eq!(status.message(), misuse.to_string());
            assert!(!status.safe_to_retry(), "a command in the middle of a call: {misuse:?}");
        }
    }

    #[test]
    fn a_message_that_comes_too_late_hears_how_the_call_ended() {
        assert_eq!(not_sent(&Status::aborted("enough")), Status::aborted("enough"));
        assert_eq!(not_sent(&Status::OK).code(), Code::Cancelled);
    }

    #[test]
    fn an_unknown_service_an_unknown_method_and_a_malformed_path_are_told_apart() {
        for (path, text) in [
            ("/p.Known/Nothing", "service p.Known has no method /p.Known/Nothing"),
            ("/p.Other/Say", "service p.Other is not offered here"),
            ("/a/b.C/Say", "service a/b.C is not offered here"),
            ("/Say", "/Say is not the path of a method; it should read /package.Service/Method"),
            ("*", "* is not the path of a method; it should read /package.Service/Method"),
        ] {
            let status = not_served(path, |service| service == "p.Known");
            assert_eq!((status.code(), status.message()), (Code::Unimplemented, text));
        }
    }

    #[test]
    fn a_call_that_found_no_connection_is_safe_to_retry_and_names_the_endpoint() {
        let unreachable = unreachable("http://a:1", "connection refused");
        assert_eq!(unreachable.to_string(), "UNAVAILABLE: http://a:1 cannot be reached: connection refused");
        let late = late_connection("http://a:1");
        assert_eq!(late.code(), Code::DeadlineExceeded);
        assert!(late.message().contains("http://a:1"));
        for status in [unreachable, late] {
            assert_eq!((status.origin(), status.safe_to_retry()), (Origin::Transport, true));
        }
    }
}
