//! zRPC among tower services: a service written for HTTP on a server of ours, a layer around all of it, and our own
//! service as one for others' routers. `docs/from-tonic.md` says what that is good for.
//!
//! cargo run --example tower --features tower

#[path = "chat/generated/mod.rs"]
mod generated;

use generated::zrpc::examples::chat::v1::{
    Chat, ChatClient, ChatServer, ImportReply, Line, ListenRequest, SayReply, SayRequest,
};
use std::convert::Infallible;
use std::task::{Context, Poll};
use zrpc::tokio::tower::{Body, HttpService};
use zrpc::tokio::{Replies, Server, Streaming};
use zrpc::{Request, Response, Status};

/// A service of ours.
struct Room;

impl Chat for Room {
    async fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
        println!("the room hears {:?}", request.message().text);
        Ok(Response::new(SayReply { number: 1, listeners: 0 }))
    }

    async fn listen(&self, _: Request<ListenRequest>, mut replies: Replies<Line>) -> Result<(), Status> {
        for number in 1..=3 {
            replies.send(Line { number, ..Line::default() }).await?;
        }
        Ok(())
    }

    async fn import(&self, _: Request<Streaming<Line>>) -> Result<Response<ImportReply>, Status> {
        Ok(Response::new(ImportReply::default()))
    }

    async fn talk(&self, _: Request<Streaming<SayRequest>>, _: Replies<Line>) -> Result<(), Status> {
        Ok(())
    }
}

/// A tower service that somebody else wrote: around ours, it says which paths were asked for.
#[derive(Clone)]
struct Log(HttpService);

impl tower_service::Service<http::Request<Body>> for Log {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = <HttpService as tower_service::Service<http::Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower_service::Service::<http::Request<Body>>::poll_ready(&mut self.0, cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        println!("{} {}", request.method(), request.uri().path());
        self.0.call(request)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Status> {
    // As a router of axum, hyper or tonic would hold it.
    let mounted: HttpService = Server::builder().service(ChatServer::new(Room)).http_service();

    // Any tower service is served by a server of ours, under the paths of its own.
    let server = Server::builder().tower_service("/zrpc.examples.chat.v1.Chat", Log(mounted));

    // Generated clients know nothing of all that.
    let client = ChatClient::new(server.in_memory());
    let said = client.say(SayRequest { text: "hello".into(), ..SayRequest::default() }).await?;
    println!("said as number {}", said.message().number);
    let mut lines = client.listen(ListenRequest::default()).await?;
    while let Some(line) = lines.message().await? {
        println!("line {}", line.number);
    }
    Ok(())
}
