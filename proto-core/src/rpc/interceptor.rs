//! Interceptors: code of the application that sees each call on its way, the same for both drivers and both sides.
//!
//! A hook runs where its part of the call passes, on the thread or task that carries it, and must not block.
//! What goes towards the server passes the list first to last; what comes back passes it last to first, so that the
//! first interceptor is the outermost one.
//!
//! ```text
//! client: request, sent -> wire -> server: request, received -> handler
//!         ended, received, response <- wire <-  ended, sent, response <-
//! ```

use crate::rpc::{Metadata, Method, Status};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Sees calls: their method, metadata, messages and end. Each hook does nothing unless it is written.
///
/// ```
/// use zrpc_core::rpc::{Interceptor, Metadata, Method, Status};
///
/// struct Token(&'static str);
///
/// impl Interceptor for Token {
///     fn on_request(&self, _: &Method, metadata: &mut Metadata) -> Result<(), Status> {
///         metadata.insert("authorization", self.0).map_err(|error| Status::internal(error.to_string()))
///     }
/// }
/// ```
pub trait Interceptor: Send + Sync + 'static {
    /// The request's metadata: in a client before it is sent, in a server before the handler sees it.
    ///
    /// # Errors
    /// The status with which the call ends instead; it goes no further.
    fn on_request(&self, method: &Method, metadata: &mut Metadata) -> Result<(), Status> {
        let _ = (method, metadata);
        Ok(())
    }

    /// A message that this side is about to send, encoded and not yet compressed.
    ///
    /// # Errors
    /// The status with which the call ends instead of sending it.
    fn on_message_sent(&self, method: &Method, message: &mut Bytes) -> Result<(), Status> {
        let _ = (method, message);
        Ok(())
    }

    /// A message that this side received, decompressed and not yet decoded.
    ///
    /// # Errors
    /// The status with which the call ends instead of delivering it.
    fn on_message_received(&self, method: &Method, message: &mut Bytes) -> Result<(), Status> {
        let _ = (method, message);
        Ok(())
    }

    /// The response's metadata: in a server before it is sent, in a client before the caller sees it.
    fn on_response(&self, method: &Method, metadata: &mut Metadata) {
        let _ = (method, metadata);
    }

    /// The call is over on this side; comes once for each call that `on_request` let through.
    fn on_end(&self, method: &Method, status: &Status) {
        let _ = (method, status);
    }
}

/// A list of interceptors; an empty one costs nothing.
#[derive(Clone, Default)]
pub struct Interceptors {
    list: Vec<Arc<dyn Interceptor>>,
}

impl Interceptors {
    /// No interceptors.
    #[must_use]
    pub const fn new() -> Interceptors {
        Interceptors { list: Vec::new() }
    }

    /// Adds one, inside those that are there.
    pub fn push(&mut self, interceptor: impl Interceptor) {
        self.list.push(Arc::new(interceptor));
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Runs `on_request`, first to last.
    ///
    /// # Errors
    /// The first status that an interceptor answers. Those before it have let the call through and get their `on_end`.
    pub fn request(&self, method: &Method, metadata: &mut Metadata) -> Result<(), Status> {
        for (index, interceptor) in self.list.iter().enumerate() {
            if let Err(status) = interceptor.on_request(method, metadata) {
                self.list[..index].iter().rev().for_each(|outer| outer.on_end(method, &status));
                return Err(status);
            }
        }
        Ok(())
    }

    /// Runs `on_message_sent` in a client and `on_message_received` in a server: first to last.
    ///
    /// # Errors
    /// The first status that an interceptor answers.
    pub fn request_message(&self, side: Side, method: &Method, message: &mut Bytes) -> Result<(), Status> {
        self.list.iter().try_for_each(|interceptor| match side {
            Side::Client => interceptor.on_message_sent(method, message),
            Side::Server => interceptor.on_message_received(method, message),
        })
    }

    /// Runs `on_message_received` in a client and `on_message_sent` in a server: last to first.
    ///
    /// # Errors
    /// The first status that an interceptor answers.
    pub fn response_message(&self, side: Side, method: &Method, message: &mut Bytes) -> Result<(), Status> {
        self.list.iter().rev().try_for_each(|interceptor| match side {
            Side::Client => interceptor.on_message_received(method, message),
            Side::Server => interceptor.on_message_sent(method, message),
        })
    }

    /// Runs `on_response`, last to first.
    pub fn response(&self, method: &Method, metadata: &mut Metadata) {
        self.list.iter().rev().for_each(|interceptor| interceptor.on_response(method, metadata));
    }

    /// Runs `on_end`, last to first.
    pub fn end(&self, method: &Method, status: &Status) {
        self.list.iter().rev().for_each(|interceptor| interceptor.on_end(method, status));
    }
}

impl core::fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Interceptors").field("count", &self.list.len()).finish()
    }
}

/// Which end of a call runs the interceptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The end that started the call.
    Client,
    /// The end that answers it.
    Server,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{Idempotency, Kind};
    use alloc::string::String;
    use alloc::vec;

    const METHOD: Method = Method { path: "/p.S/M", kind: Kind::Unary, idempotency: Idempotency::Unknown };

    /// Appends its letter where a call passes it; refuses calls when told to.
    struct Letter {
        letter: &'static str,
        refuses: bool,
    }

    impl Interceptor for Letter {
        fn on_request(&self, _: &Method, metadata: &mut Metadata) -> Result<(), Status> {
            if self.refuses {
                return Err(Status::permission_denied("refused"));
            }
            metadata.append("passed", self.letter).map_err(|_| Status::internal("bad letter"))
        }

        fn on_message_sent(&self, _: &Method, message: &mut Bytes) -> Result<(), Status> {
            *message = [&message[..], self.letter.as_bytes()].concat().into();
            Ok(())
        }

        fn on_message_received(&self, method: &Method, message: &mut Bytes) -> Result<(), Status> {
            self.on_message_sent(method, message)
        }
    }

    fn list(letters: [Letter; 2]) -> Interceptors {
        let mut list = Interceptors::new();
        letters.into_iter().for_each(|letter| list.push(letter));
        list
    }

    #[test]
    fn requests_pass_first_to_last_and_responses_last_to_first() {
        let list = list([Letter { letter: "a", refuses: false }, Letter { letter: "b", refuses: false }]);
        let mut metadata = Metadata::new();
        list.request(&METHOD, &mut metadata).unwrap();
        assert_eq!(metadata.get_all("passed").collect::<Vec<_>>(), vec!["a", "b"]);
        for side in [Side::Client, Side::Server] {
            let (mut there, mut back) = (Bytes::new(), Bytes::new());
            list.request_message(side, &METHOD, &mut there).unwrap();
            list.response_message(side, &METHOD, &mut back).unwrap();
            assert_eq!((&there[..], &back[..]), (&b"ab"[..], &b"ba"[..]));
        }
    }

    #[test]
    fn a_refused_call_goes_no_further() {
        let list = list([Letter { letter: "a", refuses: true }, Letter { letter: "b", refuses: false }]);
        let mut metadata = Metadata::new();
        let status = list.request(&METHOD, &mut metadata).unwrap_err();
        assert_eq!(String::from(status.message()), "refused");
        assert!(metadata.is_empty());
    }
}
