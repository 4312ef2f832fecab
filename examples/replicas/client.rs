//! The client: a write is done when a quorum of replicas has it, and a read is the latest that a quorum knows of.

use super::register::{ReadReply, ReadRequest, RegisterClient, WriteRequest};
use std::time::Duration;
use tokio::task::JoinSet;
use zrpc::tokio::Channel;
use zrpc::{Request, Status};

/// How long one replica may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long to wait before all are asked again.
const PAUSE: Duration = Duration::from_millis(200);

pub struct Client {
    replicas: Vec<RegisterClient>,
    quorum: usize,
}

impl Client {
    pub fn new(channels: impl IntoIterator<Item = Channel>, quorum: usize) -> Client {
        Client { replicas: channels.into_iter().map(RegisterClient::new).collect(), quorum }
    }

    /// Writes until a quorum has it. Writing twice does no harm, for versions tell.
    pub async fn write(&self, version: u64, value: String) {
        self.ask_quorum(move |replica| {
            let message = WriteRequest { version, value: value.clone() };
            async move { replica.write(Request::new(message).with_timeout(PATIENCE)).await.map(|_| ()) }
        })
        .await;
    }

    /// The latest of what a quorum holds.
    pub async fn read(&self) -> ReadReply {
        let held = self
            .ask_quorum(|replica| async move {
                let reply = replica.read(Request::new(ReadRequest {}).with_timeout(PATIENCE)).await;
                reply.map(|reply| reply.into_message())
            })
            .await;
        held.into_iter().max_by_key(|reply| reply.version).unwrap_or_default()
    }

    /// Asks all replicas at once, again and again, until so many have answered in one round.
    async fn ask_quorum<T, F>(&self, ask: impl Fn(RegisterClient) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Status>> + Send + 'static,
    {
        loop {
            let mut asked: JoinSet<Result<T, Status>> = self.replicas.iter().cloned().map(&ask).collect();
            let mut answers = Vec::new();
            while let Some(answer) = asked.join_next().await {
                answers.extend(answer.expect("asking does not panic"));
                if answers.len() == self.quorum {
                    return answers;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
