//! tarpc over a Unix socket with bincode, used as its documentation shows.

use bytes::Bytes;
use futures_util::StreamExt;
use std::fmt;
use tarpc::serde::de::Visitor;
use tarpc::serde::{Deserialize, Deserializer, Serialize, Serializer};
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, context, serde_transport};
use zrpc_benches::Failure;
use zrpc_benches::load::Unary;

/// What is called.
#[tarpc::service]
trait Echo {
    async fn echo(body: Body) -> Body;
}

/// A payload that serde takes as one run of bytes, not as a list of numbers.
#[derive(Debug)]
struct Body(Bytes);

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Body, D::Error> {
        from.deserialize_byte_buf(Run)
    }
}

struct Run;

impl Visitor<'_> for Run {
    type Value = Body;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("bytes")
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Body, E> {
        Ok(Body(bytes.into()))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Body, E> {
        Ok(Body(Bytes::copy_from_slice(bytes)))
    }
}

#[derive(Clone)]
struct EchoServer;

impl Echo for EchoServer {
    async fn echo(self, _: context::Context, body: Body) -> Body {
        body
    }
}

/// Serves at `path` until the process ends; says when it listens.
pub async fn serve(path: &str, listens: impl FnOnce()) -> Result<(), Failure> {
    let mut incoming = serde_transport::unix::listen(path, Bincode::default).await?;
    listens();
    while let Some(transport) = incoming.next().await {
        let channel = BaseChannel::with_defaults(transport?);
        tokio::spawn(channel.execute(EchoServer.serve()).for_each(|response| async move {
            tokio::spawn(response);
        }));
    }
    Ok(())
}

/// A client of one connection.
#[derive(Clone)]
pub struct Client(EchoClient);

impl Client {
    /// Connects.
    pub async fn connect(path: &str) -> Result<Client, Failure> {
        let transport = serde_transport::unix::connect(path, Bincode::default).await?;
        Ok(Client(EchoClient::new(client::Config::default(), transport).spawn()))
    }
}

impl Unary for Client {
    async fn echo(&mut self, body: Bytes) -> Result<usize, Failure> {
        Ok(self.0.echo(context::current(), Body(body)).await?.0.len())
    }
}
