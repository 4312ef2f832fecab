//! One greeter written twice, as users of tonic and of zRPC write theirs. Both answer alike.

use crate::{by_tonic, by_zrpc};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt};

/// This name makes the greeter fail.
pub const FAIL: &str = "fail";
/// This name makes it wait for ever.
pub const HANG: &str = "hang";
/// The details of its failure: a `google.rpc.Status` with nothing but the code FAILED_PRECONDITION.
pub const DETAILS: &[u8] = b"\x08\x09";

/// What tests see of handlers.
#[derive(Clone, Default)]
pub struct Probe(Arc<Seen>);

#[derive(Default)]
struct Seen {
    /// Handlers that wait, or have more to say.
    inside: watch::Sender<usize>,
    sent: AtomicUsize,
}

impl Probe {
    /// Waits until so many handlers are at work.
    pub async fn inside(&self, count: usize) {
        let mut inside = self.0.inside.subscribe();
        let known = inside.wait_for(|inside| *inside == count);
        let known = tokio::time::timeout(Duration::from_secs(20), known).await;
        assert!(known.is_ok(), "{count} handlers should be at work, and {:?} are", self.0.inside);
    }

    /// Replies that a handler made.
    pub fn sent(&self) -> usize {
        self.0.sent.load(Ordering::SeqCst)
    }

    fn enter(&self) -> Inside {
        self.0.inside.send_modify(|inside| *inside += 1);
        Inside(self.clone())
    }
}

/// A handler at work.
struct Inside(Probe);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.inside.send_modify(|inside| *inside -= 1);
    }
}

fn hello(name: &str) -> String {
    format!("hello {name}")
}

/// The greeter of a tonic user.
#[derive(Clone, Default)]
pub struct TonicGreeter(pub Probe);

type TonicReplies = Pin<Box<dyn Stream<Item = Result<by_tonic::HelloReply, tonic::Status>> + Send>>;

#[tonic::async_trait]
impl by_tonic::greeter_server::Greeter for TonicGreeter {
    type LotsOfRepliesStream = TonicReplies;
    type BidiHelloStream = TonicReplies;

    async fn say_hello(
        &self,
        request: tonic::Request<by_tonic::HelloRequest>,
    ) -> Result<tonic::Response<by_tonic::HelloReply>, tonic::Status> {
        let echo = request.metadata().get("x-echo").cloned();
        let raw = request.metadata().get_bin("x-echo-bin").cloned();
        let by_zrpc = request.extensions().get::<zrpc::core::rpc::Peer>().is_some();
        let by_tonic::HelloRequest { name, gift, .. } = request.into_inner();
        match name.as_str() {
            FAIL => {
                let mut status =
                    tonic::Status::with_details(tonic::Code::FailedPrecondition, "no mood", DETAILS.into());
                status.metadata_mut().insert("x-why", "rain".parse().unwrap());
                return Err(status);
            }
            HANG => {
                let _inside = self.0.enter();
                std::future::pending::<()>().await;
            }
            "who" if !by_zrpc => return Err(tonic::Status::internal("who calls is not known")),
            _ => {}
        }
        let mut response = tonic::Response::new(by_tonic::HelloReply { message: hello(&name), gift });
        if let Some(echo) = echo {
            response.metadata_mut().insert("x-echo", echo);
        }
        if let Some(raw) = raw {
            response.metadata_mut().insert_bin("x-echo-bin", raw);
        }
        Ok(response)
    }

    async fn lots_of_replies(
        &self,
        request: tonic::Request<by_tonic::HelloRequest>,
    ) -> Result<tonic::Response<TonicReplies>, tonic::Status> {
        let by_tonic::HelloRequest { name, count, gift } = request.into_inner();
        let inside = self.0.enter();
        let replies = tokio_stream::iter(0..count).map(move |number| {
            inside.0.0.sent.fetch_add(1, Ordering::SeqCst);
            Ok(by_tonic::HelloReply { message: format!("{} {number}", hello(&name)), gift: gift.clone() })
        });
        Ok(tonic::Response::new(Box::pin(replies)))
    }

    async fn lots_of_greetings(
        &self,
        request: tonic::Request<tonic::Streaming<by_tonic::HelloRequest>>,
    ) -> Result<tonic::Response<by_tonic::HelloReply>, tonic::Status> {
        let mut requests = request.into_inner();
        let mut names = Vec::new();
        while let Some(request) = requests.message().await? {
            names.push(request.name);
        }
        let reply = by_tonic::HelloReply { message: hello(&names.join("+")), gift: Vec::new() };
        Ok(tonic::Response::new(reply))
    }

    async fn bidi_hello(
        &self,
        request: tonic::Request<tonic::Streaming<by_tonic::HelloRequest>>,
    ) -> Result<tonic::Response<TonicReplies>, tonic::Status> {
        let replies = request.into_inner().map(|request| {
            request.map(|request| by_tonic::HelloReply { message: hello(&request.name), gift: request.gift })
        });
        Ok(tonic::Response::new(Box::pin(replies)))
    }
}

/// The greeter of a zRPC user.
#[derive(Clone, Default)]
pub struct ZrpcGreeter(pub Probe);

impl by_zrpc::Greeter for ZrpcGreeter {
    async fn say_hello(
        &self,
        request: zrpc::Request<by_zrpc::HelloRequest>,
    ) -> zrpc::Result<zrpc::Response<by_zrpc::HelloReply>> {
        let by_zrpc::HelloRequest { name, gift, .. } = request.message().clone();
        match name.as_str() {
            FAIL => {
                let mut why = zrpc::Metadata::new();
                why.append("x-why", "rain").unwrap();
                let status = zrpc::Status::failed_precondition("no mood");
                return Err(status.with_details(DETAILS).with_metadata(why));
            }
            HANG => {
                let _inside = self.0.enter();
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        let mut response = zrpc::Response::new(by_zrpc::HelloReply { message: hello(&name), gift });
        if let Some(echo) = request.metadata().get("x-echo") {
            response.metadata_mut().append("x-echo", echo).unwrap();
        }
        if let Some(raw) = request.metadata().get_bin("x-echo-bin") {
            response.metadata_mut().append_bin("x-echo-bin", &raw).unwrap();
        }
        Ok(response)
    }

    async fn lots_of_replies(
        &self,
        request: zrpc::Request<by_zrpc::HelloRequest>,
        mut replies: zrpc::tokio::Replies<by_zrpc::HelloReply>,
    ) -> zrpc::Result<()> {
        let by_zrpc::HelloRequest { name, count, gift } = request.into_message();
        let _inside = self.0.enter();
        for number in 0..count {
            self.0.0.sent.fetch_add(1, Ordering::SeqCst);
            let message = format!("{} {number}", hello(&name));
            replies.send(by_zrpc::HelloReply { message, gift: gift.clone() }).await?;
        }
        Ok(())
    }

    async fn lots_of_greetings(
        &self,
        request: zrpc::Request<zrpc::tokio::Streaming<by_zrpc::HelloRequest>>,
    ) -> zrpc::Result<zrpc::Response<by_zrpc::HelloReply>> {
        let mut requests = request.into_message();
        let mut names = Vec::new();
        while let Some(request) = requests.message().await? {
            names.push(request.name);
        }
        let reply = by_zrpc::HelloReply { message: hello(&names.join("+")), gift: Vec::new() };
        Ok(zrpc::Response::new(reply))
    }

    async fn bidi_hello(
        &self,
        request: zrpc::Request<zrpc::tokio::Streaming<by_zrpc::HelloRequest>>,
        mut replies: zrpc::tokio::Replies<by_zrpc::HelloReply>,
    ) -> zrpc::Result<()> {
        // tonic's clients wait for the head before they send the first request.
        replies.send_metadata();
        let mut requests = request.into_message();
        while let Some(request) = requests.message().await? {
            replies.send(by_zrpc::HelloReply { message: hello(&request.name), gift: request.gift }).await?;
        }
        Ok(())
    }
}
