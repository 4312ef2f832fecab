//! What becomes of requests that are no plain gRPC: gRPC-Web, a browser that asks first, or a refusal.

use crate::base::Fields;
use crate::rpc::grpc::head::{ACCEPTED, HttpRefusal, Refusal, write_refusal, write_response};
use crate::rpc::grpc::server::Call;
use crate::rpc::grpc::trailers;
use crate::rpc::grpc::web::{self, WebCall};
use crate::rpc::grpc_web::WebConfig;
use crate::rpc::streams::{Reset, Streams};
use crate::rpc::{Code, Metadata};
use alloc::boxed::Box;

/// What comes of a request that is no plain gRPC.
pub(super) enum Admission {
    /// It is answered.
    Answered,
    /// It may not be made.
    Refused(HttpRefusal),
    /// It goes on.
    Open,
}

/// Whether a request that is no plain gRPC is gRPC-Web of an origin that may call; a preflight is answered at once.
pub(super) fn admit_web(
    config: &WebConfig,
    stream: u64,
    fields: &Fields,
    call: &mut Call,
    streams: &mut dyn Streams,
) -> Admission {
    let why = if let Some(form) = call.parts.web {
        match WebCall::admit(config, fields, &call.parts.authority, form) {
            Ok(web) => {
                call.parts.content_type.clear();
                call.parts.content_type.push_str(web.form.content_type());
                call.inbound.speak_web(form, false);
                call.web = Some(Box::new(web));
                return Admission::Open;
            }
            Err(why) => why,
        }
    } else {
        let mut answer = streams.blank();
        match web::preflight(config, fields, &mut answer) {
            None => return Admission::Open,
            Some(Ok(())) => {
                if streams.send_head(stream, answer, true).is_err() {
                    streams.reset(stream, Reset::Refused);
                }
                return Admission::Answered;
            }
            Some(Err(why)) => why,
        }
    };
    Admission::Refused(HttpRefusal::Origin(why))
}

/// Answers a request that never becomes a call.
pub(super) fn refuse(
    stream: u64,
    request_ended: bool,
    refusal: &Refusal,
    call: &Call,
    streams: &mut dyn Streams,
) {
    let mut head = streams.blank();
    match refusal {
        Refusal::Http(refusal) => write_refusal(&mut head, refusal),
        Refusal::Status(status) => {
            write_response(&mut head, &call.parts.content_type, &Metadata::new(), None);
            if status.code() == Code::Unimplemented {
                head.add(b"grpc-accept-encoding", ACCEPTED);
            }
            trailers::write(&mut head, status, &Metadata::new());
            if let Some(web) = &call.web {
                web.write_head(&mut head);
            }
        }
    }
    if streams.send_head(stream, head, true).is_err() {
        streams.reset(stream, Reset::Refused);
    } else if !request_ended {
        streams.reset_when_sent(stream, Reset::NoError);
    }
}
