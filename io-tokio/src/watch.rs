//! One call under the eyes of its interceptors: shown each message once, told the end once.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use zrpc_core::rpc::{Interceptors, Metadata, Method, Side, Status};

/// A call that interceptors watch; `None` when there are no interceptors, which costs nothing.
pub(crate) type Watch = Option<Arc<Watched>>;

/// A watched call. Dropped without an end, it was given up.
pub(crate) struct Watched {
    interceptors: Arc<Interceptors>,
    method: &'static Method,
    side: Side,
    ended: AtomicBool,
    /// The status of an interceptor that ended the call.
    refusal: Mutex<Option<Status>>,
}

/// Shows a call's head to the interceptors.
///
/// # Errors
/// The status with which one refused the call.
pub(crate) fn watch(
    interceptors: &Arc<Interceptors>,
    side: Side,
    method: &'static Method,
    metadata: &mut Metadata,
) -> Result<Watch, Status> {
    if interceptors.is_empty() {
        return Ok(None);
    }
    interceptors.request(method, metadata)?;
    Ok(Some(Arc::new(Watched {
        interceptors: Arc::clone(interceptors),
        method,
        side,
        ended: AtomicBool::new(false),
        refusal: Mutex::new(None),
    })))
}

impl Watched {
    pub(crate) fn response(&self, metadata: &mut Metadata) {
        self.interceptors.response(self.method, metadata);
    }

    /// The status of the interceptor that ended the call.
    pub(crate) fn refusal(&self) -> Option<Status> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells how the call ended; only the first time.
    pub(crate) fn end(&self, status: &Status) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.interceptors.end(self.method, status);
        }
    }

    fn keep_refusal(&self, shown: Result<(), Status>) -> Result<(), Status> {
        shown.inspect_err(|status| {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.clone());
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end(&Status::cancelled("the call was given up"));
    }
}

/// Shows a message that goes from the client to the server.
pub(crate) fn show_request(watch: &Watch, message: &mut Bytes) -> Result<(), Status> {
    let Some(watched) = watch else { return Ok(()) };
    watched.keep_refusal(watched.interceptors.request_message(watched.side, watched.method, message))
}

/// Shows a message that goes from the server to the client.
pub(crate) fn show_response(watch: &Watch, message: &mut Bytes) -> Result<(), Status> {
    let Some(watched) = watch else { return Ok(()) };
    watched.keep_refusal(watched.interceptors.response_message(watched.side, watched.method, message))
}
