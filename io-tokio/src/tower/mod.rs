//! zRPC among tower services: feature `tower`.
//!
//! tonic, axum and hyper agree on one shape: a service that takes an [`http::Request`] and answers an
//! [`http::Response`], with gRPC's frames in the bodies and its status in the trailers. Both sides of zRPC meet it here.
//!
//! | from | to | by |
//! |---|---|---|
//! | zRPC services | a tower service, for a router of axum, hyper or tonic | [`ServerBuilder::http_service`] |
//! | a tower service, such as one that tonic generated | a zRPC server, on any of its carriers | [`ServerBuilder::tower_service`] |
//! | a tower layer | the services of a zRPC server | [`ServerBuilder::layer`] |
//! | a zRPC channel | a tower service, for clients that tonic generated | [`HttpChannel`] |
//! | a tower layer | the calls of a zRPC channel | [`Channel::layered`] |
//!
//! No protocol is written twice for it: an HTTP exchange is one more carrier of the core's gRPC engines, with one stream,
//! whose frames are those of the bodies. So deadlines, compression, limits, malformed messages and missing statuses mean
//! what they mean on a connection.
//!
//! ```text
//! http::Request -> Exchange [core: ServerCalls] -> the server's calls -> Service           zRPC serves HTTP
//! a call of any carrier -> Foreign -> http::Request -> tower service -> Answer [core: ClientCalls]
//! ```
//!
//! Dropping is cancellation here too: a response body that is dropped drops the handler; a call that ends drops the
//! tower service's future and bodies.

mod answer;
mod body;
mod channel;
mod exchange;
mod fields;
mod foreign;
mod frames;
mod service;
mod session;

pub use body::Body;
pub use channel::HttpChannel;
pub use exchange::ResponseFuture;
pub use foreign::Deadline;
pub use service::HttpService;

#[allow(unused_imports, reason = "for the links above")]
use crate::{Channel, ServerBuilder};
use std::error::Error;
use zrpc_core::rpc::{Origin, Status};

/// Any error of a service or a body, as tower's crates hand them on.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The one stream of an exchange, and the one call on it.
const STREAM: u64 = 1;

/// The status that an error is, or that lies beneath it; otherwise UNKNOWN, as gRPC has it for what carries no status.
fn status_of(error: &(dyn Error + 'static), what: &str) -> Status {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(status) = error.downcast_ref::<Status>() {
            return status.clone();
        }
        cause = error.source();
    }
    Status::unknown(format!("{what} failed: {error}")).with_origin(Origin::Library)
}
