//! The four kinds of calls on a channel: what generated clients are written against.

use crate::attached::Message;
use crate::client::connection::Connection;
use crate::client::unary::{Answer, Slot, UnaryCall};
use crate::client::{Channel, Shared};
use crate::line::Line;
use crate::sender::{ClientStreaming, Sender};
use crate::streaming::{Streaming, decode};
use crate::watch::{Watch, show_request, show_response, watch};
use crate::{clock, pool};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zrpc_core::base::{Misuse, Time};
use zrpc_core::rpc::local_status::refused;
use zrpc_core::rpc::{
    Attachments, Codec, Encoding, Metadata, Method, Request, Response, Side, StartCall, Status,
};

/// How often a call is moved to another connection before anyone on the other side has seen it.
const MOVES_MAX: u32 = 3;

impl Channel {
    /// Makes a call with one request and one response. Dropping the future cancels the call.
    ///
    /// A call that the server surely has not seen, because its connection was closing, is made once more.
    ///
    /// # Errors
    /// The call's status when it is not OK.
    pub async fn unary<C: Codec>(
        &self,
        method: &'static Method,
        request: Request<C::Encode>,
    ) -> Result<Response<C::Decode>, Status> {
        let (message, outgoing) = Outgoing::new(self.lane(), method, request)?;
        let message = outgoing.encode::<C>(&message)?;
        let ended = outgoing.unary(message).await;
        let response = ended.and_then(|Answer { mut head, message, trailers }| {
            let Message { mut bytes, attachments } = message;
            if let Some(watched) = &outgoing.watch {
                watched.response(&mut head);
                show_response(&outgoing.watch, &mut bytes)?;
            }
            let response = Response::new(decode(C::decode, bytes)?).with_attachments(attachments);
            Ok(response.with_metadata(head).with_trailers(trailers))
        });
        outgoing.tell_end(response.as_ref().err());
        response
    }

    /// Makes a call with one request and many responses.
    ///
    /// # Errors
    /// When the call cannot be started. How it ends is said by the stream.
    pub async fn server_streaming<C: Codec>(
        &self,
        method: &'static Method,
        request: Request<C::Encode>,
    ) -> Result<Streaming<C::Decode>, Status> {
        let (message, outgoing) = Outgoing::new(self.lane(), method, request)?;
        let message = outgoing.encode::<C>(&message)?;
        let line = outgoing.streaming(Some(message)).await?;
        Ok(Streaming::over_line::<C>(line, Side::Client, outgoing.watch))
    }

    /// Makes a call with many requests and one response.
    ///
    /// # Errors
    /// When the call cannot be started.
    pub async fn client_streaming<C: Codec>(
        &self,
        method: &'static Method,
        request: Request<()>,
    ) -> Result<ClientStreaming<C::Encode, C::Decode>, Status> {
        let (sender, responses) = self.bidirectional::<C>(method, request).await?;
        Ok(ClientStreaming::new(sender, responses))
    }

    /// Makes a call with many requests and many responses.
    ///
    /// # Errors
    /// When the call cannot be started. How it ends is said by the stream.
    pub async fn bidirectional<C: Codec>(
        &self,
        method: &'static Method,
        request: Request<()>,
    ) -> Result<(Sender<C::Encode>, Streaming<C::Decode>), Status> {
        self.bidirectional_at::<C>(method, method.path, request).await
    }

    /// As [`Channel::bidirectional`], to a path that only this call has; interceptors see it as one of `method`.
    pub(crate) async fn bidirectional_at<C: Codec>(
        &self,
        method: &'static Method,
        path: &str,
        request: Request<()>,
    ) -> Result<(Sender<C::Encode>, Streaming<C::Decode>), Status> {
        let ((), outgoing) = Outgoing::new(self.lane(), method, request)?;
        let outgoing = Outgoing { path, ..outgoing };
        let line = outgoing.streaming(None).await?;
        let compress = outgoing.compression.is_some();
        let sender = Sender::over_line::<C>(Arc::clone(&line), compress, outgoing.watch.clone());
        Ok((sender, Streaming::over_line::<C>(line, Side::Client, outgoing.watch)))
    }
}

/// A call on its way out.
struct Outgoing<'a> {
    channel: &'a Arc<Shared>,
    path: &'a str,
    metadata: Metadata,
    deadline: Option<Time>,
    compression: Option<Encoding>,
    /// Goes with the one request message; taken when that is sent.
    attachments: Mutex<Attachments>,
    watch: Watch,
}

impl<'a> Outgoing<'a> {
    fn new<T>(
        channel: &'a Arc<Shared>,
        method: &'static Method,
        request: Request<T>,
    ) -> Result<(T, Outgoing<'a>), Status> {
        let (message, mut rest) = request.into_parts();
        let watch = watch(&channel.interceptors, Side::Client, method, rest.metadata_mut())?;
        let (deadline, compression) = (deadline(&rest), rest.compression());
        let metadata = std::mem::take(rest.metadata_mut());
        let (attachments, path) = (Mutex::new(rest.take_attachments()), method.path);
        Ok((message, Outgoing { channel, path, metadata, deadline, compression, attachments, watch }))
    }

    fn encode<C: Codec>(&self, message: &C::Encode) -> Result<Bytes, Status> {
        let mut message = pool::encode::<C>(message);
        let shown = show_request(&self.watch, &mut message);
        shown.inspect_err(|status| self.tell_end(Some(status)))?;
        Ok(message)
    }

    fn tell_end(&self, error: Option<&Status>) {
        if let Some(watched) = &self.watch {
            watched.end(error.unwrap_or(&Status::OK));
        }
    }

    fn head(&self) -> StartCall<'_> {
        StartCall {
            path: self.path,
            metadata: &self.metadata,
            deadline: self.deadline,
            compression: self.compression,
        }
    }

    fn lock_attachments(&self) -> MutexGuard<'_, Attachments> {
        self.attachments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The message with what goes with it, once a connection has taken the call.
    fn attach(&self, message: &Bytes) -> Message {
        Message { bytes: message.clone(), attachments: std::mem::take(&mut *self.lock_attachments()) }
    }

    async fn unary(&self, message: Bytes) -> Result<Answer, Status> {
        let is_bare = self.lock_attachments().is_empty();
        let first = self.start_unary(message.clone()).await?.await;
        match first {
            // What was attached is gone with the first attempt.
            Err(status) if status.is_retried_unseen() && is_bare => self.start_unary(message).await?.await,
            ended => ended,
        }
    }

    async fn start_unary(&self, message: Bytes) -> Result<UnaryCall, Status> {
        let slot = Arc::new(Slot::default());
        let start = |connection: &Arc<Connection>| {
            connection.start_unary(self.head(), || self.attach(&message), &slot)
        };
        let (connection, call) = self.start(start).await?;
        Ok(UnaryCall { connection, call, slot, over: false })
    }

    async fn streaming(&self, message: Option<Bytes>) -> Result<Arc<Line>, Status> {
        let started = self
            .start(|connection| {
                let message = message.as_ref().map(|message| || self.attach(message));
                connection.start_streaming(self.head(), message)
            })
            .await;
        started.map(|(_, line)| line).inspect_err(|status| self.tell_end(Some(status)))
    }

    /// Starts the call on the channel's connection; on the next one when that takes no more calls.
    async fn start<R>(
        &self,
        start: impl Fn(&Arc<Connection>) -> Result<R, Misuse>,
    ) -> Result<(Arc<Connection>, R), Status> {
        if self.deadline.is_some_and(|deadline| deadline <= clock::now()) {
            let text = "the deadline had passed when the call was made; nothing was sent";
            return Err(Status::deadline_exceeded(text).with_safe_to_retry());
        }
        let mut current = self.channel.current();
        let mut moves = 0;
        loop {
            let connection = match current.take() {
                Some(connection) => connection,
                None => self.channel.connection(self.deadline).await?,
            };
            match start(&connection) {
                Ok(started) => return Ok((connection, started)),
                Err(Misuse::Closed | Misuse::Draining | Misuse::Exhausted) if moves < MOVES_MAX => moves += 1,
                Err(misuse) => return Err(refused(misuse).with_safe_to_retry()),
            }
        }
    }
}

/// The earlier of the request's deadline and what its timeout says.
fn deadline(request: &Request<()>) -> Option<Time> {
    let by_timeout = request.timeout().map(|timeout| clock::now() + timeout);
    match (request.deadline(), by_timeout) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
