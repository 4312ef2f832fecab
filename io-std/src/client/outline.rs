//! What a client says of a call apart from its messages.

use crate::clock;
use std::cell::RefCell;
use zrpc_core::base::Time;
use zrpc_core::rpc::{Attachments, Encoding, Metadata, Request};

/// A request without its message.
#[derive(Clone)]
pub(crate) struct Outline {
    pub(crate) metadata: Metadata,
    pub(crate) deadline: Option<Time>,
    pub(crate) compression: Option<Encoding>,
    pub(crate) attachments: RefCell<Attachments>,
}

/// The deadline counts from here: it covers connecting as well.
pub(crate) fn outline<T>(request: Request<T>) -> (T, Outline) {
    let (message, mut rest) = request.into_parts();
    let by_timeout = rest.timeout().map(|timeout| clock::now() + timeout);
    let deadline = match (by_timeout, rest.deadline()) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let compression = rest.compression();
    let attachments = RefCell::new(rest.take_attachments());
    (message, Outline { metadata: std::mem::take(rest.metadata_mut()), deadline, compression, attachments })
}
