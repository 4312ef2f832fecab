//! A client as the cases see it, on whichever driver: calls that wait for what comes of them. The async driver's calls
//! are waited for on a runtime that all columns share.

use bytes::Bytes;
use std::any::Any;
use std::convert::identity;
use std::sync::OnceLock;
use tokio::runtime::Runtime;
use zrpc::{Metadata, Method, RawCodec, Request, Response, Status};

/// A channel.
pub trait Client: Send + Sync {
    /// A clone of the channel, for another thread.
    fn again(&self) -> Box<dyn Client>;
    /// One request, one response.
    fn unary(&self, method: &'static Method, request: Request<Bytes>) -> Result<Response<Bytes>, Status>;
    /// A unary call under way; dropping it gives it up. `None` where the driver has no such thing.
    fn begin_unary(&self, method: &'static Method, request: Request<Bytes>) -> Option<Box<dyn Any + Send>>;
    /// One request, many responses.
    fn watch(&self, method: &'static Method, request: Request<Bytes>) -> Result<Box<dyn Incoming>, Status>;
    /// Many requests, one response.
    fn upload(&self, method: &'static Method, request: Request<()>) -> Result<Box<dyn Upload>, Status>;
    /// Many of both.
    fn talk(&self, method: &'static Method, request: Request<()>) -> Result<Talk, Status>;
}

/// Both ends of a bidirectional call.
pub type Talk = (Box<dyn Outgoing>, Box<dyn Incoming>);

/// The responses of a call.
pub trait Incoming: Send {
    /// The next; `None` when the call ended well.
    fn message(&mut self) -> Result<Option<Bytes>, Status>;
    /// What came before them.
    fn metadata(&mut self) -> Metadata;
    /// What came after them.
    fn trailers(&self) -> Option<Metadata>;
}

/// The requests of a bidirectional call; dropping it half-closes.
pub trait Outgoing: Send {
    /// Sends one.
    fn send(&mut self, message: Bytes) -> Result<(), Status>;
    /// Sends one that is not compressed.
    fn send_uncompressed(&mut self, message: Bytes) -> Result<(), Status>;
}

/// The requests of a call with one response; dropping it gives the call up.
pub trait Upload: Send {
    /// Sends one.
    fn send(&mut self, message: Bytes) -> Result<(), Status>;
    /// Half-closes and waits for the response.
    fn finish(self: Box<Self>) -> Result<Response<Bytes>, Status>;
}

/// The runtime of all async servers and clients.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        built.expect("a runtime starts")
    })
}

/// Waits for a future of the async driver.
pub fn wait<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

/// Drops a task's future with the handle to it.
struct Abandoned<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Abandoned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn begin_on_tokio(
    channel: &zrpc::tokio::Channel,
    method: &'static Method,
    request: Request<Bytes>,
) -> Option<Box<dyn Any + Send>> {
    let channel = channel.clone();
    let call = async move { channel.unary::<RawCodec>(method, request).await };
    Some(Box::new(Abandoned(runtime().spawn(call))))
}

fn begin_on_threads(
    _: &zrpc::blocking::Channel,
    _: &'static Method,
    _: Request<Bytes>,
) -> Option<Box<dyn Any + Send>> {
    None
}

macro_rules! clients {
    ($driver:ident, $wait:path, $begin:ident) => {
        impl Client for zrpc::$driver::Channel {
            fn again(&self) -> Box<dyn Client> {
                Box::new(self.clone())
            }

            fn unary(
                &self,
                method: &'static Method,
                request: Request<Bytes>,
            ) -> Result<Response<Bytes>, Status> {
                $wait(self.unary::<RawCodec>(method, request))
            }

            fn begin_unary(
                &self,
                method: &'static Method,
                request: Request<Bytes>,
            ) -> Option<Box<dyn Any + Send>> {
                $begin(self, method, request)
            }

            fn watch(
                &self,
                method: &'static Method,
                request: Request<Bytes>,
            ) -> Result<Box<dyn Incoming>, Status> {
                Ok(Box::new($wait(self.server_streaming::<RawCodec>(method, request))?))
            }

            fn upload(
                &self,
                method: &'static Method,
                request: Request<()>,
            ) -> Result<Box<dyn Upload>, Status> {
                Ok(Box::new($wait(self.client_streaming::<RawCodec>(method, request))?))
            }

            fn talk(&self, method: &'static Method, request: Request<()>) -> Result<Talk, Status> {
                let (sender, responses) = $wait(self.bidirectional::<RawCodec>(method, request))?;
                Ok((Box::new(sender), Box::new(responses)))
            }
        }

        impl Incoming for zrpc::$driver::Streaming<Bytes> {
            fn message(&mut self) -> Result<Option<Bytes>, Status> {
                $wait(self.message())
            }

            fn metadata(&mut self) -> Metadata {
                $wait(self.metadata()).clone()
            }

            fn trailers(&self) -> Option<Metadata> {
                self.trailers().cloned()
            }
        }

        impl Outgoing for zrpc::$driver::Sender<Bytes> {
            fn send(&mut self, message: Bytes) -> Result<(), Status> {
                $wait(self.send(message))
            }

            fn send_uncompressed(&mut self, message: Bytes) -> Result<(), Status> {
                $wait(self.send_uncompressed(message))
            }
        }

        impl Upload for zrpc::$driver::ClientStreaming<Bytes, Bytes> {
            fn send(&mut self, message: Bytes) -> Result<(), Status> {
                $wait(self.send(message))
            }

            fn finish(self: Box<Self>) -> Result<Response<Bytes>, Status> {
                $wait((*self).finish())
            }
        }
    };
}

clients!(tokio, wait, begin_on_tokio);
clients!(blocking, identity, begin_on_threads);
