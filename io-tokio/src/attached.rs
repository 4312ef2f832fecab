//! A message and what travels with it, and the session together with what carries that: file descriptors on Unix sockets,
//! nothing elsewhere.

use bytes::Bytes;
use zrpc_core::rpc::Attachments;
#[cfg(unix)]
pub(crate) use zrpc_unix::{Descriptors, descriptors_of};

/// A message on its way.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) bytes: Bytes,
    pub(crate) attachments: Attachments,
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message { bytes, attachments: Attachments::new() }
    }
}

/// A session, and the descriptors of its connection.
pub(crate) struct Wired<'a, S: ?Sized> {
    pub(crate) session: &'a mut S,
    pub(crate) descriptors: &'a Descriptors,
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{Descriptors, descriptors_of};

/// Systems whose sockets carry no descriptors.
#[cfg(not(unix))]
mod elsewhere {
    use bytes::Bytes;
    use zrpc_core::base::{Flow, Misuse, Out, Time};
    use zrpc_core::rpc::{Attachments, CallId, ClientSession, ServerSession};

    #[derive(Clone, Default)]
    pub(crate) struct Descriptors;

    pub(crate) fn descriptors_of(attachments: Attachments) -> Attachments {
        attachments
    }

    pub(crate) trait Sends {
        fn send_counted(
            &mut self,
            call: CallId,
            message: Bytes,
            compress: bool,
            count: u8,
        ) -> Result<Flow, Misuse>;
    }

    impl Sends for dyn ClientSession + Send {
        fn send_counted(
            &mut self,
            call: CallId,
            message: Bytes,
            compress: bool,
            count: u8,
        ) -> Result<Flow, Misuse> {
            self.send_with_attachments(call, message, compress, count)
        }
    }

    impl Sends for dyn ServerSession + Send {
        fn send_counted(
            &mut self,
            call: CallId,
            message: Bytes,
            compress: bool,
            count: u8,
        ) -> Result<Flow, Misuse> {
            self.send_with_attachments(call, message, compress, count)
        }
    }

    impl Descriptors {
        pub(crate) fn claim<S: ?Sized>(&self, _: &mut S, _: Time) -> Attachments {
            Attachments::new()
        }

        pub(crate) fn drop_unclaimed<S: ?Sized>(&self, _: &mut S, _: Time) {}

        pub(crate) fn send(
            &self,
            session: &mut (impl Sends + ?Sized),
            call: CallId,
            message: Bytes,
            compress: bool,
            attachments: Attachments,
        ) -> Result<Flow, Misuse> {
            if !attachments.is_empty() {
                return Err(Misuse::Unsupported("this system's sockets carry no attachments"));
            }
            session.send_counted(call, message, compress, 0)
        }

        pub(crate) fn leave(&self, _: &mut Out) {}

        pub(crate) fn forget(&self, _: CallId) {}
    }
}
