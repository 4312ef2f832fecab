//! The h2 crate alone: an echo with the headers and trailers of gRPC, and nothing of gRPC besides. What an RPC layer
//! costs on top of HTTP/2 is the distance to this; an HTTP/2 layer of one's own is judged by being below it.

use crate::message::{UNARY, framed};
use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, server};
use http::{HeaderMap, HeaderValue, Request, Response};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use zrpc_benches::Failure;
use zrpc_benches::load::Unary;

/// Serves on `listener` until the process ends.
pub async fn serve(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(connection(socket));
    }
}

async fn connection(socket: TcpStream) -> Result<(), h2::Error> {
    let mut connection = server::handshake(socket).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::spawn(answer(request.into_body(), respond));
    }
    Ok(())
}

async fn answer(request: RecvStream, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let (body, _) = whole(request).await?;
    let mut head = Response::new(());
    head.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let mut reply = respond.send_response(head, false)?;
    reply.send_data(body, false)?;
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    reply.send_trailers(trailers)
}

/// The whole body and the trailers; a body that came in one frame is not copied.
async fn whole(mut body: RecvStream) -> Result<(Bytes, Option<HeaderMap>), h2::Error> {
    let mut all = Bytes::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        all = if all.is_empty() { chunk } else { joined(all, chunk) };
    }
    Ok((all, body.trailers().await?))
}

fn joined(first: Bytes, second: Bytes) -> Bytes {
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    all.freeze()
}

/// One connection; the frame around the payload is made once.
#[derive(Clone)]
pub struct Client {
    send: SendRequest<Bytes>,
    body: Bytes,
    message: Bytes,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Result<Client, Failure> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (send, connection) = h2::client::handshake(socket).await?;
        tokio::spawn(connection);
        Ok(Client { send, body: Bytes::new(), message: framed(&Bytes::new()) })
    }
}

impl Unary for Client {
    async fn echo(&mut self, body: Bytes) -> Result<usize, Failure> {
        if self.body != body {
            self.message = framed(&body);
            self.body = body;
        }
        let mut send = self.send.clone().ready().await?;
        let request = Request::post(format!("http://localhost{UNARY}"))
            .header("te", HeaderValue::from_static("trailers"))
            .header("content-type", HeaderValue::from_static("application/grpc"))
            .header("user-agent", HeaderValue::from_static("h2"))
            .body(())?;
        let (response, mut requests) = send.send_request(request, false)?;
        requests.send_data(self.message.clone(), true)?;
        let (reply, trailers) = whole(response.await?.into_body()).await?;
        let status = trailers.as_ref().and_then(|trailers| trailers.get("grpc-status"));
        if status.is_none_or(|status| status != "0") {
            return Err("the call ended without grpc-status 0".into());
        }
        Ok(reply.len() - (self.message.len() - self.body.len()))
    }
}
