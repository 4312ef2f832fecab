//! tarpc over a Unix socket with bincode, used as its documentation shows.

use bytes::Bytes;
use futures_util::StreamExt;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::{client, context, serde_transport};
use zrpc_benches::Failure;
use zrpc_benches::load::Unary;

/// What is called.
#[tarpc::service]
trait Echo {
    async fn echo(body: Bytes) -> Bytes;
}

#[derive(Clone)]
struct EchoServer;

impl Echo for EchoServer {
    async fn echo(self, _: context::Context, body: Bytes) -> Bytes {
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
        Ok(self.0.echo(context::current(), body).await?.len())
    }
}
